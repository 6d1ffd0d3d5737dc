#include "runner/store/run_store.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <map>
#include <optional>

#include "runner/base/check.h"
#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::chrono::milliseconds kFlushEvery{100};
constexpr std::string_view kNew = ".new-";
constexpr std::string_view kSizes = ".sizes";
constexpr std::string_view kSummary = "summary.md";
constexpr std::string_view kExit = "exit";
constexpr std::size_t kUnknownSizes = 8;  // so many sizes are asked for anew before they are written down

std::string seconds(std::chrono::nanoseconds took) {
  return fmt::format("{:.2f} s", std::chrono::duration<double>(took).count());
}

class RunOnDisk : public KeptRun {
 public:
  RunOnDisk(Path directory, FileLock lock, AppendFile log, AppendFile events)
      : directory_(std::move(directory)),
        lock_(std::move(lock)),
        log_(std::move(log)),
        events_(std::move(events)) {
    log_buffer_.reserve(kBufferBytes);
  }
  RunOnDisk(const RunOnDisk&) = delete;
  RunOnDisk& operator=(const RunOnDisk&) = delete;
  ~RunOnDisk() override { flush(); }

  [[nodiscard]] const Path& directory() const override { return directory_; }
  [[nodiscard]] Path log_file() const override { return directory_ / "log"; }

  [[nodiscard]] std::string problem() const override {
    if (!failure_) return {};
    return fmt::format("the run is kept only in part, {} of {} bytes of its log and {} of {} events: {}",
                       log_kept_, log_bytes_, events_kept_, events_seen_, *failure_);
  }

  void on(const Event& event) override {
    ++events_seen_;
    std::uint64_t offset = log_bytes_;
    bool settle = false;  // whether what was written up to now should be on disk
    std::visit(
        overloaded{
            [&](const RunStarted& run) {
              line("run",
                   fmt::format("buildspec-run {}: {} in {}{}", run.version, run.buildspec, run.source_dir,
                               run.resumed_run.empty() ? "" : ", going on with run " + run.resumed_run));
            },
            [](const PlanMade&) {},
            [&](const TasksSelected& selected) {
              std::string labels;
              for (const std::string& label : selected.left_out) labels += " " + label;
              if (!labels.empty()) line("run", "left out:" + labels);
            },
            [&](const BuildStarted& build) {
              if (build.attempt > 1) line("run", fmt::format("attempt {}", build.attempt));
            },
            [&](const Diagnosed& found) { own_text(found.text); },
            [](const ActionFetch&) {},
            [](const PhaseStarted&) {},
            [&](const TaskStarted& task) { command(task); },
            [&](const Output& output) { append(output.text); },
            [&](const TaskFinished& task) {
              if (task.step && task.step->outcome == "skipped")
                line(task.phase + " " + task.label, "skipped: " + task.step->name);
              else if (task.status != Status::succeeded)
                line(task.phase + " " + task.label, fmt::format("{}: {} ({})", to_string(task.status),
                                                                to_string(task.exit), to_string(task.place)));
              settle = true;
            },
            [](const StepAnnotated&) {},
            [&](const StepSummarized& summary) { keep_summary(summary.text); },
            [&](const ShellOpened& shell) {
              line(shell.label,
                   fmt::format("stands still ({} it): a shell in {}", shell.at, shell.directory));
              settle = true;
            },
            [](const ShellClosed&) {},
            [&](const StopAnswered& stop) { line(stop.label, "goes on: " + stop.answer); },
            [&](const PhaseFinished& phase) {
              result(phase.phase, phase.status, phase.code, phase.message, phase.took), settle = true;
            },
            [](const VariablesExported&) {},
            [](const EnvironmentPlanned&) {},
            [](const TaskPlanned&) {},
            [&](const BuildFinished& build) { settle = build.will_retry; },
            [&](const RunFinished& run) {
              result("run", run.status, run.failed_place ? to_string(*run.failed_place) : "", run.message,
                     run.took);
              settle = true;
            }},
        event.body);
    if (failure_) {
      flush();  // events of before
      // The end of the run is worth another try: the build may have removed its own files by now.
      if (std::holds_alternative<RunFinished>(event.body))
        write_events(to_json_line(event, offset) + "\n", 1);
      return;
    }
    events_buffer_ += to_json_line(event, offset);
    events_buffer_ += '\n';
    ++events_buffered_;
    if (settle || events_buffer_.size() >= kBufferBytes || event.monotonic - flushed_at_ >= kFlushEvery) {
      flush();
      flushed_at_ = event.monotonic;
    }
  }

  void tick() override { flush(); }

  void keep_exit_code(int code) override {
    // Nobody needs it to go on: without it, the verdict says the same in most cases.
    static_cast<void>(write_new_file(directory_ / kExit, fmt::format("{}\n", code)));
  }

 private:
  /// Appends to the log. Big pieces are handed to the kernel where they lie.
  void append(std::string_view text) {
    if (text.empty()) return;
    log_bytes_ += text.size();
    at_line_start_ = text.back() == '\n';
    if (failure_) return;
    if (log_buffer_.size() + text.size() <= kBufferBytes)
      log_buffer_ += text;
    else
      write_log(text);
  }

  /// A text of ours: on a line of its own.
  void own_text(std::string_view text) {
    if (text.empty()) return;
    if (!at_line_start_) append("\n");
    append(text);
    if (!at_line_start_) append("\n");
  }
  void line(std::string_view who, std::string_view text) { own_text(fmt::format("[{}] {}\n", who, text)); }

  void command(const TaskStarted& task) {
    if (task.step) return line(task.phase + " " + task.label, "step: " + task.step->name);
    std::string text;
    std::string_view mark = "$", rest = task.text;
    while (rest.ends_with('\n')) rest.remove_suffix(1);
    for (;;) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      text += fmt::format("[{} {}] {} {}\n", task.phase, task.label, mark, rest.substr(0, end));
      if (end == rest.size()) break;
      rest.remove_prefix(end + 1);
      mark = ">";
    }
    own_text(text);
  }

  void result(std::string_view who, Status status, std::string_view what, std::string_view message,
              std::chrono::nanoseconds took) {
    std::string text = fmt::format("{} in {}", to_string(status), seconds(took));
    for (const std::string_view more : {what, message})
      if (!more.empty()) text.append(": ").append(more);
    line(who, text);
  }

  /// Markdown of a step behind that of the steps before it.
  void keep_summary(std::string_view text) {
    if (text.empty() || failure_) return;
    Result<void> done;
    if (!summary_) {
      Result<AppendFile> opened = AppendFile::open(directory_ / kSummary);
      if (opened)
        summary_ = std::move(*opened);
      else
        done = std::move(opened.error());
    }
    if (summary_) {
      const std::string_view parts[] = {text, text.ends_with('\n') ? "\n" : "\n\n"};
      done = summary_->write(parts);
    }
    if (!done) failure_ = done.error().message;
  }

  /// Writes what the log's buffer holds, and `text` behind it.
  void write_log(std::string_view text = {}) {
    const std::string_view parts[] = {log_buffer_, text};
    std::uint64_t written = 0;
    const Result<void> done = log_.write(parts, &written);
    log_kept_ += written;
    log_buffer_.clear();
    if (!done) failure_ = done.error().message;
  }

  void write_events(std::string_view lines, std::uint64_t count) {
    std::uint64_t written = 0;
    const Result<void> done = events_.write({&lines, 1}, &written);
    if (done) {
      events_bytes_ += written;
      events_kept_ += count;
      return;
    }
    // Whole lines only. What fails now (to cut a file needs no room) leaves a cut line, which readers know.
    const std::size_t whole = lines.substr(0, written).rfind('\n') + 1;  // npos + 1 is 0
    events_kept_ += static_cast<std::uint64_t>(
        std::count(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(whole), '\n'));
    events_bytes_ += whole;
    static_cast<void>(events_.cut(events_bytes_));
    if (!failure_) failure_ = done.error().message;
  }

  /// The log first: an event never names what is not there, however the runner ends.
  void flush() {
    if (!failure_ && !log_buffer_.empty()) write_log();
    if (events_buffer_.empty()) return;
    write_events(events_buffer_, events_buffered_);
    events_buffer_.clear();
    events_buffered_ = 0;
  }

  Path directory_;
  FileLock lock_;
  AppendFile log_, events_;
  std::optional<AppendFile> summary_;  // since the first step that has one
  std::string log_buffer_, events_buffer_;
  std::uint64_t log_bytes_ = 0, log_kept_ = 0;  // of the whole log; of these in the file
  std::uint64_t events_seen_ = 0, events_kept_ = 0, events_buffered_ = 0, events_bytes_ = 0;
  std::chrono::nanoseconds flushed_at_{0};  // on the events' clock
  bool at_line_start_ = true;
  std::optional<std::string> failure_;
};

/// The lock of a run that has ended, to hold while it is looked at; nullopt while it is alive. Without a lock
/// file it was half removed by somebody who was killed, as a run is not seen before its lock is held: then
/// there is none to hold.
std::optional<std::optional<FileLock>> lock_of_ended(const Path& directory) {
  Result<std::optional<FileLock>> lock = FileLock::take_existing(directory / "lock");
  if (!lock) {
    if (lock.error().code.value() == ENOENT) return std::optional<FileLock>();
    return std::nullopt;
  }
  if (!lock->has_value()) return std::nullopt;
  return std::move(*lock);
}

/// Removes a run unless it is alive. Whether it is gone.
bool remove_run(const Path& directory) {
  const auto lock = lock_of_ended(directory);  // held, so that nobody else takes it for dead as well
  return lock && static_cast<bool>(remove_tree(directory));
}

std::uint64_t size_of(const Path& file) {
  std::error_code failed;
  const std::uintmax_t bytes = std::filesystem::file_size(file, failed);
  return failed ? 0 : bytes;
}

/// What a run takes on disk.
std::uint64_t run_bytes(const Path& run) {
  std::uint64_t bytes = size_of(run / "log") + size_of(run / "events.jsonl") + size_of(run / kSummary) +
                        size_of(run / "states");
  std::error_code failed;
  for (std::filesystem::recursive_directory_iterator entry(run / "artifacts", failed), end;
       !failed && entry != end; entry.increment(failed)) {
    std::error_code none;
    if (entry->is_regular_file(none) && !entry->is_symlink(none)) bytes += size_of(entry->path());
  }
  return bytes;
}

using Sizes = std::map<std::string, std::uint64_t, std::less<>>;

Sizes read_sizes(const Path& file) {
  Sizes sizes;
  const Result<std::string> text = read_file(file, 1 << 20);
  if (!text) return sizes;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    std::uint64_t bytes = 0;
    const auto [stop, failed] = std::from_chars(line.data() + blank + 1, line.data() + line.size(), bytes);
    if (failed == std::errc() && stop == line.data() + line.size())
      sizes.emplace(line.substr(0, blank), bytes);
  }
  return sizes;
}

}  // namespace

std::string make_run_id(std::chrono::system_clock::time_point now) {
  std::uint32_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) !=
      sizeof random)  // only in the first seconds of a machine
    random = static_cast<std::uint32_t>(now.time_since_epoch().count());
  return fmt::format("{:%Y%m%dT%H%M%S}Z-{:08x}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     random);
}

std::optional<std::chrono::system_clock::time_point> start_of_run(std::string_view id) {
  constexpr std::string_view kForm = "00000000T000000Z-xxxxxxxx";
  if (id.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool digit = id[i] >= '0' && id[i] <= '9';
    const bool fits = kForm[i] == '0'   ? digit
                      : kForm[i] == 'x' ? digit || (id[i] >= 'a' && id[i] <= 'f')
                                        : id[i] == kForm[i];
    if (!fits) return std::nullopt;
  }
  const auto number = [&](std::size_t begin, std::size_t count) {
    int value = 0;
    for (const char c : id.substr(begin, count)) value = value * 10 + (c - '0');
    return value;
  };
  std::tm time = {};
  time.tm_year = number(0, 4) - 1900;
  time.tm_mon = number(4, 2) - 1;
  time.tm_mday = number(6, 2);
  time.tm_hour = number(9, 2);
  time.tm_min = number(11, 2);
  time.tm_sec = number(13, 2);
  return std::chrono::system_clock::from_time_t(::timegm(&time));
}

Path state_directory(const std::string& xdg_state_home, const std::string& home) {
  // "All paths must be absolute … a relative path should be considered invalid and ignored." Source: XDG Base
  // Directory Specification 0.8.
  if (xdg_state_home.starts_with('/')) return Path(xdg_state_home) / "buildspec-run";
  if (home.starts_with('/')) return Path(home) / ".local/state/buildspec-run";
  return {};
}

Result<std::unique_ptr<KeptRun>> keep_run(const Path& state, std::string_view run_id) {
  check(!run_id.empty() && run_id.front() != '.' && run_id.find('/') == std::string_view::npos,
        "a run id is a plain name");
  const Path runs = state / "runs", directory = runs / run_id;
  const Path made = runs / (std::string(kNew) + std::string(run_id));
  const auto open = [&]() -> Result<std::unique_ptr<KeptRun>> {
    if (Result<void> done = make_directories(made, 0700); !done) return std::move(done.error());
    Result<std::optional<FileLock>> lock = FileLock::take(made / "lock");
    if (!lock) return std::move(lock.error());
    if (!lock->has_value())
      return Error{"another run has this id", std::error_code(EEXIST, std::generic_category())};
    std::error_code failed;
    std::filesystem::rename(made, directory, failed);  // a run that is there is not empty: it is not replaced
    if (failed) {
      static_cast<void>(remove_tree(made));
      return system_error("make directory " + directory.native(), failed.value());
    }
    Result<AppendFile> log = AppendFile::open(directory / "log", 0600);
    if (!log) return std::move(log.error());
    Result<AppendFile> events = AppendFile::open(directory / "events.jsonl", 0600);
    if (!events) return std::move(events.error());
    return std::unique_ptr<KeptRun>(
        new RunOnDisk(directory, std::move(**lock), std::move(*log), std::move(*events)));
  };
  Result<std::unique_ptr<KeptRun>> run = open();
  if (!run) return std::move(run.error()).in(fmt::format("keep run {}", run_id));
  return run;
}

std::vector<PrunedRun> prune_runs(const Path& state, const PruneLimits& limits,
                                  std::chrono::system_clock::time_point now) {
  std::vector<PrunedRun> removed;
  const Path runs = state / "runs";
  std::vector<std::string> ids;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(runs, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::string name = entry->path().filename().native();
    if (start_of_run(name)) {
      ids.push_back(std::move(name));
    } else if (name.starts_with(kNew)) {
      // Left by a process that was killed while it made a run; a day is long enough to make one.
      const auto start = start_of_run(std::string_view(name).substr(kNew.size()));
      if (start && now - *start > std::chrono::hours(24)) remove_run(runs / name);
    }
  }
  std::sort(ids.begin(), ids.end());  // the oldest first
  // A run that has ended keeps its size: most are known from before.
  const Sizes known = read_sizes(runs / kSizes);
  std::vector<std::uint64_t> sizes;
  std::vector<std::size_t> unknown;
  std::uint64_t total = 0;
  for (const std::string& id : ids) {
    if (const auto found = known.find(id); found != known.end()) {
      sizes.push_back(found->second);
    } else {
      unknown.push_back(sizes.size());
      sizes.push_back(run_bytes(runs / id));
    }
    total += sizes.back();
  }
  if (unknown.size() >= kUnknownSizes) {
    std::string text;
    auto next = unknown.begin();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (next != unknown.end() && *next == i) {
        ++next;
        const auto lock = lock_of_ended(runs / ids[i]);
        if (!lock) continue;
        // Asked again: it may have grown and ended since.
        sizes[i] = run_bytes(runs / ids[i]);
      }
      text += fmt::format("{} {}\n", ids[i], sizes[i]);
    }
    static_cast<void>(replace_file(runs / kSizes, text, 0600));  // else they are asked for next time
  }
  std::size_t count = ids.size();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool old = now - *start_of_run(ids[i]) > limits.age;
    if (!old && count <= limits.runs && total <= limits.bytes) break;
    if (!remove_run(runs / ids[i])) continue;
    --count;
    total -= std::min(total, sizes[i]);
    removed.push_back({ids[i], sizes[i]});
  }
  return removed;
}

}  // namespace buildspec_run
