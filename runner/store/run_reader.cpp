#include "runner/store/run_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <span>

#include "runner/store/run_store.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr std::size_t kLongestLine = std::size_t{64}
                                     << 20;  // of events.jsonl: a step's summary is the longest text
constexpr std::uint64_t kLargestOutput = std::uint64_t{1} << 20;  // we write 64 KiB at most
constexpr std::string_view kEvents = "events.jsonl";

/// The lines of a file, one after the other.
class LineReader {
 public:
  explicit LineReader(const InputFile& file) : file_(file) {}

  struct Line {
    std::string_view text;  // without LF; good until the next call
    bool is_whole = true;   // it had its LF
    bool is_too_long = false;
  };
  /// nullopt at the end of the file.
  Result<std::optional<Line>> next() {
    std::size_t searched = 0;
    bool too_long = false;
    while (true) {
      const std::string_view held = std::string_view(buffer_).substr(begin_);
      const std::size_t end = held.find('\n', searched);
      if (end != std::string_view::npos) {
        begin_ += end + 1;
        return std::optional<Line>({too_long ? std::string_view() : held.substr(0, end), true, too_long});
      }
      searched = held.size();
      if (held.size() > kLongestLine) {
        too_long = true;
        begin_ = buffer_.size();
        searched = 0;
      }
      buffer_.erase(0, begin_);
      begin_ = 0;
      const std::size_t used = buffer_.size();
      buffer_.resize(used + kChunkBytes);
      const Result<std::size_t> got = file_.read_at(offset_, std::span(buffer_).subspan(used));
      buffer_.resize(used + (got ? *got : 0));
      if (!got) return got.error();
      offset_ += *got;
      if (*got > 0) continue;
      if (buffer_.empty() && !too_long) return std::optional<Line>();
      begin_ = buffer_.size();
      return std::optional<Line>(
          {too_long ? std::string_view() : std::string_view(buffer_), false, too_long});
    }
  }

 private:
  const InputFile& file_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of what has not been handed out
  std::uint64_t offset_ = 0;  // of the file behind the buffer
};

/// Pieces of the log, mostly one behind the other.
class LogPieces {
 public:
  explicit LogPieces(std::optional<InputFile> file) : file_(std::move(file)) {}

  /// As much of the range as the log has; good until the next call.
  std::string_view read(LogRange range) {
    if (range.offset < begin_ || range.offset + range.bytes > begin_ + held_.size()) {
      held_.resize(std::max<std::size_t>(kChunkBytes, range.bytes));
      begin_ = range.offset;
      const Result<std::size_t> got =
          file_ ? file_->read_at(begin_, held_) : Result<std::size_t>(std::size_t{0});
      held_.resize(got ? *got : 0);
    }
    const std::string_view held = held_;
    return held.substr(std::min<std::size_t>(range.offset - begin_, held.size()), range.bytes);
  }

 private:
  std::optional<InputFile> file_;
  std::string held_;
  std::uint64_t begin_ = 0;
};

/// The last whole line of a file, when it is no longer than `limit`.
std::string last_line(const InputFile& file, std::size_t limit) {
  const Result<std::uint64_t> size = file.size();
  if (!size) return {};
  std::string tail(static_cast<std::size_t>(std::min<std::uint64_t>(*size, limit)), '\0');
  const Result<std::size_t> got = file.read_at(*size - tail.size(), tail);
  if (!got) return {};
  tail.resize(*got);
  const std::size_t end = tail.rfind('\n');
  if (end == std::string::npos) return {};
  const std::size_t begin = end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
  if (begin == std::string::npos && tail.size() < *size) return {};  // its beginning is farther up
  return tail.substr(begin + 1, end - begin - 1);                    // npos + 1 is 0
}

std::optional<int> read_exit_code(const Path& file) {
  const Result<std::string> text = read_file(file, 16);
  int code = 0;
  if (!text || !text->ends_with('\n')) return std::nullopt;
  const char* end = text->data() + text->size() - 1;
  const auto [stop, failed] = std::from_chars(text->data(), end, code);
  return failed == std::errc() && stop == end ? std::optional<int>(code) : std::nullopt;
}

}  // namespace

std::vector<std::string> kept_run_ids(const Path& state) {
  std::vector<std::string> ids;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(state / "runs", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::string name = entry->path().filename().native();
    if (start_of_run(name)) ids.push_back(std::move(name));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<RunSketch> sketch_run(const Path& state, const std::string& id) {
  RunSketch sketch;
  sketch.id = id;
  sketch.directory = state / "runs" / id;
  sketch.began = start_of_run(id).value_or(sketch.began);
  // Asked first: a run that ends in between has an end then.
  const bool alive = FileLock::is_held(sketch.directory / "lock");
  Result<InputFile> events = InputFile::open(sketch.directory / kEvents);
  if (!events) return std::move(events.error()).in(fmt::format("run {}", id));
  LineReader lines(*events);
  EventReader reader;
  const auto first = lines.next();
  if (first && *first && reader.read((*first)->text) == EventReader::Found::event) {
    sketch.began = reader.event().wall;
    if (RunStarted* started = std::get_if<RunStarted>(&reader.event().body))
      sketch.started = std::move(*started);
  }
  for (const std::size_t limit : {std::size_t{16} << 10, kLongestLine}) {
    const std::string last = last_line(*events, limit);
    if (last.empty()) continue;
    if (reader.read(last) == EventReader::Found::event)
      if (RunFinished* finished = std::get_if<RunFinished>(&reader.event().body))
        sketch.finished = std::move(*finished);
    break;
  }
  sketch.state = sketch.finished ? RunSketch::State::ended
                 : alive         ? RunSketch::State::running
                                 : RunSketch::State::broken_off;
  if (sketch.state != RunSketch::State::running) sketch.exit_code = read_exit_code(sketch.directory / "exit");
  return sketch;
}

Result<std::string> find_run(const Path& state, std::string_view given) {
  const std::vector<std::string> ids = kept_run_ids(state);
  if (ids.empty()) return Error{fmt::format("no run is kept in {}", (state / "runs").native())};
  if (given.empty()) {
    // Ids have seconds; the first event of each run knows better.
    std::string last = ids.back();
    std::optional<std::chrono::system_clock::time_point> began;
    for (auto id = ids.rbegin(); id != ids.rend() && start_of_run(*id) == start_of_run(ids.back()); ++id) {
      const Result<RunSketch> sketch = sketch_run(state, *id);
      if (!sketch || (began && sketch->began <= *began)) continue;
      last = *id;
      began = sketch->began;
    }
    return last;
  }
  std::vector<std::string_view> found;
  for (const std::string_view id : ids)
    if (id.starts_with(given) || id.substr(id.find('-') + 1).starts_with(given)) found.push_back(id);
  if (found.size() == 1) return std::string(found.front());
  if (found.empty()) return Error{fmt::format("no kept run begins with \"{}\"", given)};
  return Error{fmt::format("{} kept runs begin with \"{}\": {}, {}{}", found.size(), given, found[0],
                           found[1], found.size() > 2 ? ", …" : "")};
}

Result<Replayed> read_run(const Path& directory,
                          const std::function<void(Event&, const std::optional<LogRange>&)>& on_event) {
  const Result<InputFile> events = InputFile::open(directory / kEvents);
  if (!events) return events.error();
  LineReader lines(*events);
  EventReader reader;
  Replayed replayed;
  std::uint64_t number = 0;
  const auto damaged = [&](std::string_view why) {
    if (replayed.damaged++ == 0) replayed.first_problem = fmt::format("line {}: {}", number, why);
  };
  while (true) {
    const auto line = lines.next();
    if (!line) return line.error();
    if (!*line) return replayed;
    ++number;
    if (!(*line)->is_whole) {
      replayed.is_cut = true;
      return replayed;
    }
    if ((*line)->is_too_long) {
      damaged("longer than any event");
      continue;
    }
    switch (reader.read((*line)->text)) {
      case EventReader::Found::damaged:
        damaged(reader.problem());
        continue;
      case EventReader::Found::unknown_type:
      case EventReader::Found::other_version:
        ++replayed.unknown;
        continue;
      case EventReader::Found::event:
        break;
    }
    if (reader.log_range() && reader.log_range()->bytes > kLargestOutput) {
      damaged("more output than any event has");
      continue;
    }
    ++replayed.events;
    replayed.has_end = std::holds_alternative<RunFinished>(reader.event().body);
    on_event(reader.event(), reader.log_range());
  }
}

Result<Replayed> replay_run(const Path& directory, EventSink& sink) {
  Result<InputFile> log = InputFile::open(directory / "log");
  LogPieces pieces(log ? std::optional<InputFile>(std::move(*log)) : std::nullopt);
  bool lacks_output = false;
  Result<Replayed> replayed = read_run(directory, [&](Event& event, const std::optional<LogRange>& range) {
    if (range) {
      Output& output = std::get<Output>(event.body);
      output.text = pieces.read(*range);
      if (output.text.size() < range->bytes) lacks_output = true;
      if (output.text.empty()) return;
    }
    sink.on(event);
  });
  if (replayed) replayed->lacks_output = lacks_output;
  return replayed;
}

}  // namespace buildspec_run
