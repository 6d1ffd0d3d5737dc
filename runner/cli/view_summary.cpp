#include "runner/cli/view_summary.h"

#include <fmt/core.h>

#include <algorithm>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/cli/terminal_text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kMostWarnings = 200;
constexpr std::size_t kTitleColumns = 60;  // of a command in the last line

std::string_view ellipsis(bool unicode) { return unicode ? "…" : "..."; }

std::string place_and_message(const Diagnosed& diagnosed) {
  const std::string message = fmt::format("{} [{}]", diagnosed.message, diagnosed.id);
  return plain_line(diagnosed.place ? to_string(*diagnosed.place) + ": " + message : message);
}

// A value on one line that a shell would read back.
std::string shown_value(std::string_view value) {
  const bool printable = !find_invalid_utf8(value) && plain_line(value) == value;
  if (printable) return value.empty() ? std::string() : shell_quote(value);
  std::string out = "$'";
  for (const char c : to_valid_utf8(value)) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\'' || c == '\\')
      out += '\\', out += c;
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return plain_line(out += '\'');
}

// "src/a.c:3:2: error: title: message (build[1])", on one line.
std::string shown_annotation(const StepAnnotated& annotation) {
  std::string text;
  if (!annotation.file.empty()) {
    text = annotation.file;
    if (annotation.line > 0) text += fmt::format(":{}", annotation.line);
    if (annotation.line > 0 && annotation.column > 0) text += fmt::format(":{}", annotation.column);
    text += ": ";
  }
  text += annotation.level + ": ";
  if (!annotation.title.empty()) text += annotation.title + ": ";
  const std::size_t end = annotation.message.find_first_of("\r\n");
  text += annotation.message.substr(0, end);
  if (end != std::string::npos) text += " …";
  return plain_line(fmt::format("{} ({})", text, annotation.label));
}

// Beside the kept log.
std::string summary_file(const std::string& log_file) {
  return log_file.substr(0, log_file.rfind('/') + 1) + "summary.md";
}

std::string headline(Status status) {
  switch (status) {
    case Status::succeeded:
      return "SUCCEEDED";
    case Status::timed_out:
      return "TIMED OUT";
    case Status::stopped:
      return "STOPPED";
    case Status::fault:
      return "FAULT";
    case Status::failed:
    case Status::in_progress:
      break;
  }
  return "FAILED";
}

/// "1f2e3d4c" of "…/runs/20261124T060444Z-1f2e3d4c/log", by which `show` finds the run; empty: the file is no kept run's.
std::string_view short_id_of(std::string_view log_file) {
  constexpr std::string_view kName = "/log";
  if (!log_file.ends_with(kName)) return {};
  log_file.remove_suffix(kName.size());
  const std::string_view id = log_file.substr(log_file.rfind('/') + 1);
  const std::size_t dash = id.rfind('-');
  if (dash == std::string_view::npos || id.substr(dash + 1).size() != 8) return {};
  return id.substr(dash + 1);
}

}  // namespace

std::string shown_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes);
  std::string_view unit;
  for (const std::string_view each : {"kB", "MB", "GB", "TB"}) {
    amount /= 1000;
    unit = each;
    if (amount < 999.5) break;
  }
  return amount < 9.95 ? fmt::format("{:.1f} {}", amount, unit) : fmt::format("{:.0f} {}", amount, unit);
}

std::string left_out_text(const PlanMade& plan, const std::vector<std::string>& left_out) {
  const std::set<std::string_view> labels(left_out.begin(), left_out.end());
  std::vector<std::string> parts;
  // Those of `list` that are left out, one behind the other as one part. Whether all are.
  const auto add_list = [&](const std::string& list, std::size_t count) {
    std::vector<bool> out(count);
    std::size_t all = 0;
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = labels.contains(fmt::format("{}[{}]", list, i));
      all += out[i] ? 1 : 0;
    }
    if (all == count) {
      if (count > 0) parts.push_back(list);
      return;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!out[i]) continue;
      std::size_t last = i;
      while (last + 1 < count && out[last + 1]) ++last;
      parts.push_back(last == i ? fmt::format("{}[{}]", list, i)
                                : fmt::format("{0}[{1}] to {0}[{2}]", list, i, last));
      i = last;
    }
  };
  for (const PhaseOutline& phase : plan.phases) {
    const std::string name = to_lower(phase.phase);
    const std::size_t before = parts.size();
    add_list(name, phase.commands + phase.steps);
    add_list(name + ".finally", phase.finally);
    if (parts.size() == before + 2 && parts[before] == name && parts.back() == name + ".finally")
      parts.pop_back();
    else if (parts.size() > before && parts[before] == name && phase.finally > 0)
      parts[before] += phase.steps > 0 ? " (its steps)" : " (its commands)";
  }
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string planned_variables(const std::vector<ExportedVariable>& variables, std::string_view indent) {
  std::string text;
  for (const ExportedVariable& variable : variables)
    text += fmt::format("{}{}={}\n", indent, plain_line(variable.name), shown_value(variable.value));
  return text;
}

std::string planned_way(const TaskPlanned& task) {
  std::string text = task.program.empty() ? std::string() : "by " + task.program;
  const auto add = [&](std::string_view more) { text.append(text.empty() ? "" : ", ").append(more); };
  if (!task.directory.empty())
    add("in " + task.directory);
  else if (!task.program.empty())
    add("where the one before it ends");
  if (!task.user.empty()) add("as user " + task.user);
  if (!task.condition.empty()) add("if " + task.condition);
  return plain_line(text);
}

std::string stop_text(const ShellOpened& shell) {
  const std::string_view where = shell.at == "before"   ? "before it"
                                 : shell.at == "inside" ? "inside, at codebuild-breakpoint"
                                 : shell.at == "background"
                                     ? "at codebuild-breakpoint of a job in the background"
                                     : "after it has failed";
  return plain_line(fmt::format("the build stands still {}: {} in {} (exit leads back)", where, shell.program,
                                shell.directory));
}

std::string stop_text(const ShellClosed& shell) {
  if (!shell.problem.empty()) return plain_line("no shell could be opened: " + shell.problem);
  return fmt::format("the shell was closed after {}{}", shown_duration(shell.took),
                     shell.resumed ? " by codebuild-resume" : "");
}

std::string stop_text(const StopAnswered& stop) { return plain_line(stop.answer + ", as answered"); }

bool is_taken_back(const StopAnswered& stop) noexcept {
  return stop.at != "before" && (stop.answer == "retry" || stop.answer == "skip");
}

std::string fetched_line(std::string_view action, std::uint64_t bytes) {
  return fmt::format("fetched {}, {}", plain_line(action), shown_bytes(bytes));
}

std::string shown_duration(std::chrono::nanoseconds duration) {
  using namespace std::chrono;
  const auto milli = duration_cast<milliseconds>(std::max(duration, nanoseconds(0))).count();
  if (milli < 1000) return fmt::format("{}ms", milli);
  if (milli < 60'000) return fmt::format("{}.{}s", milli / 1000, milli % 1000 / 100);
  const auto whole = milli / 1000;
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
}

std::string_view without_header(std::string_view chunk) noexcept {
  constexpr std::string_view kEnd = "##[endgroup]\n";
  if (!chunk.starts_with("##[group]Run ")) return chunk;
  const std::size_t end = chunk.find(kEnd);
  return end == std::string_view::npos ? chunk : chunk.substr(end + kEnd.size());
}

std::string with_plain_header(std::string_view chunk) {
  const std::string_view rest = without_header(chunk);
  std::string header(chunk.substr(0, chunk.size() - rest.size()));
  for (const std::string_view code : {"\x1b[36;1m", "\x1b[0m"})  // script_header (actions/step_display.h)
    for (std::size_t at = 0; (at = header.find(code, at)) != std::string::npos;)
      header.erase(at, code.size());
  return header.append(rest);
}

std::string_view shown_status(Status status) noexcept {
  switch (status) {
    case Status::in_progress:
      return "in progress";
    case Status::succeeded:
      return "succeeded";
    case Status::failed:
      return "failed";
    case Status::fault:
      return "fault";
    case Status::timed_out:
      return "timed out";
    case Status::stopped:
      return "stopped";
  }
  return "failed";
}

std::string command_title(std::string_view text, bool unicode) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  text.remove_suffix(text.size() - 1 - text.find_last_not_of(" \t\r\n"));
  const std::size_t end = text.find_first_of("\r\n");
  std::string title = plain_line(text.substr(0, end));
  if (end != std::string_view::npos) title.append(" ").append(ellipsis(unicode));
  return title;
}

std::vector<std::string> command_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  do {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(plain_line(line));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  } while (!text.empty());
  return lines;
}

std::string shown_diagnostic(const Diagnosed& diagnosed, bool color, std::size_t columns) {
  std::string out;
  std::string_view rest = diagnosed.text;
  const std::string word = diagnosed.severity + ":";
  const Ink ink = diagnosed.severity == "error"     ? Ink::red
                  : diagnosed.severity == "warning" ? Ink::yellow
                                                    : Ink::cyan;
  for (bool first = true; !rest.empty(); first = false) {
    const std::size_t end = rest.find('\n');
    const std::string line = plain_line(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const std::size_t at = first ? line.find(word) : std::string::npos;
    if (at != std::string::npos) {
      out += wrap_words(paint(Ink::bold, line.substr(0, at), color) + paint(ink, word, color) +
                            line.substr(at + word.size()),
                        columns, "    ");
    } else if (const std::size_t bar = line.find('|');
               bar != std::string::npos && line.find_first_not_of(" ^~", bar + 1) == std::string::npos) {
      out += line.substr(0, bar + 1) +
             paint(Ink::green, line.substr(bar + 1), color);  // the line with the caret
    } else {
      out += line;
    }
    out += '\n';
  }
  return out;
}

std::string repository_note(const RunStarted& run) {
  std::string_view root = run.repository_root;
  std::string_view source = run.source_dir;
  while (root.size() > 1 && root.ends_with('/')) root.remove_suffix(1);
  while (source.size() > 1 && source.ends_with('/')) source.remove_suffix(1);
  if (root.empty() || root == source) return {};
  return plain_line(fmt::format("the root of the repository is {}; the cloud would start there", root));
}

std::string shown_tail(const OutputTail& tail, std::size_t count, std::string_view indent,
                       std::string_view log_file, bool color) {
  if (tail.empty()) return {};
  std::string out;
  const OutputTail::Lines last = tail.last_lines(count);
  if (last.left_out > 0 || last.first_is_cut) {
    std::string before = last.left_out > 0 ? counted(last.left_out, "earlier line")
                                           : std::string("the beginning of this line");
    if (const std::string_view run = short_id_of(log_file); !run.empty())
      before += fmt::format(": buildspec-run show {} --failed", plain_line(run));
    else if (!log_file.empty())
      before += last.left_out == 1 || last.left_out == 0 ? " is in the log" : " are in the log";
    else
      before += " left out";
    out.append(indent).append(paint(Ink::dim, "[" + before + "]", color)).append("\n");
  }
  OutputPainter painter(color);
  for (const std::string_view line : last.lines) out.append(indent).append(painter.paint(line)).append("\n");
  return out;
}

void Summary::on(const Event& event) {
  std::visit(overloaded{
                 [&](const RunStarted& run) { log_file_ = run.log_file; },
                 [&](const PlanMade& plan) { plan_ = plan; },
                 [&](const TasksSelected& selected) { left_out_ = selected.left_out; },
                 [](const EnvironmentPlanned&) {},
                 [&](const TaskPlanned&) { ++planned_count_; },
                 [&](const BuildStarted&) {
                   failure_.reset();
                   exported_.clear();
                   command_count_ = step_count_ = 0;
                   annotations_.clear();
                   annotation_count_ = 0;
                 },
                 [&](const Diagnosed& diagnosed) {
                   if (diagnosed.severity == "error") {
                     if (error_count_++ == 0) first_error_place_ = diagnosed.place;
                   } else if (diagnosed.severity == "warning") {
                     std::string line = place_and_message(diagnosed);
                     if (seen_.size() >= kMostWarnings) {
                       warning_count_ += seen_.contains(line) ? 0 : 1;
                     } else if (seen_.insert(line).second) {
                       ++warning_count_;
                       warnings_.push_back(std::move(line));
                     }
                   }
                 },
                 [&](const TaskFinished& task) {
                   last_is_step_ = task.step.has_value();
                   if (!task.step)
                     ++command_count_;
                   else if (task.step->stage == "main" && task.step->outcome != "skipped")
                     ++step_count_;
                   if (task.status != Status::succeeded && !failure_)
                     failure_ = Failure{task.phase, task.label, task.status, task.exit};
                 },
                 [&](const VariablesExported& exported) { exported_ = exported.variables; },
                 [&](const StepAnnotated& annotation) {
                   if (++annotation_count_ <= kMostWarnings)
                     annotations_.push_back(shown_annotation(annotation));
                 },
                 [&](const StepSummarized&) { has_summary_ = true; },
                 [](const ActionFetch&) {},
                 [](const PhaseStarted&) {},
                 [](const PhaseFinished&) {},
                 [](const TaskStarted&) {},
                 [](const Output&) {},
                 [](const ShellOpened&) {},
                 [](const ShellClosed&) {},
                 [&](const StopAnswered& stop) {
                   if (is_taken_back(stop) && failure_ && failure_->label == stop.label) failure_.reset();
                   // What runs again is counted then.
                   if (std::size_t& count = last_is_step_ ? step_count_ : command_count_;
                       is_taken_back(stop) && stop.answer == "retry" && count > 0)
                     --count;
                 },
                 [](const BuildFinished&) {},
                 [](const RunFinished&) {},
             },
             event.body);
}

std::string Summary::render(const RunFinished& run, const Look& look, bool brief,
                            std::string_view log_problem) const {
  const auto cut = [&](std::string line) {
    return (look.width > 1 ? cut_columns(line, look.width - 1, look.unicode) : line) + "\n";
  };
  std::string out;
  if (!warnings_.empty()) {
    out += paint(Ink::yellow, counted(warning_count_, "warning"), look.color) + "\n";
    for (const std::string& warning : warnings_)
      out += wrap_words("  " + warning, look.width > 1 ? look.width - 1 : 0, "    ") + "\n";
    if (warning_count_ > warnings_.size())
      out += fmt::format("  {} {} more\n", ellipsis(look.unicode), warning_count_ - warnings_.size());
  }
  if (!brief) {
    if (!annotations_.empty()) {
      out += paint(Ink::bold, counted(annotation_count_, "annotation"), look.color) + "\n";
      for (const std::string& annotation : annotations_)
        out += wrap_words("  " + annotation, look.width > 1 ? look.width - 1 : 0, "    ") + "\n";
      if (annotation_count_ > annotations_.size())
        out += fmt::format("  {} {} more\n", ellipsis(look.unicode), annotation_count_ - annotations_.size());
    }
    if (!exported_.empty()) {
      out += paint(Ink::bold, "exported", look.color) + "\n";
      for (const ExportedVariable& variable : exported_)
        out += cut(fmt::format("  {}={}", plain_line(variable.name), shown_value(variable.value)));
    }
  }
  if (!left_out_.empty() && !brief)
    out += wrap_words(paint(Ink::yellow, "left out:", look.color) + " " + left_out_text(plan_, left_out_),
                      look.width > 1 ? look.width - 1 : 0, "  ") +
           "\n";
  if (!log_problem.empty())
    out += paint(Ink::yellow, "not kept: ", look.color) + plain_line(log_problem) + "\n";
  if (!log_file_.empty() && has_summary_ && !brief)
    out += paint(Ink::dim, "summary: " + plain_line(summary_file(log_file_)), look.color) + "\n";
  if (!log_file_.empty() && (!brief || run.status != Status::succeeded))
    out += paint(Ink::dim, "log: " + plain_line(log_file_), look.color) + "\n";
  return out + last_line(run, look) + "\n";
}

std::string Summary::last_line(const RunFinished& run, const Look& look) const {
  const std::string partial =
      run.left_out > 0 ? fmt::format("; a part of the build: {} left out", counted(run.left_out, "task"))
                       : std::string();
  if (run.dry_run && run.status == Status::succeeded)
    return paint(Ink::yellow, "DRY RUN", look.color) +
           fmt::format(", nothing has run: {} would{}", counted(planned_count_, "task"), partial);
  if (run.status == Status::succeeded) {
    std::string rest = fmt::format(" in {}", shown_duration(run.took));
    if (command_count_ > 0 || step_count_ == 0) rest += ", " + counted(command_count_, "command");
    if (step_count_ > 0) rest += ", " + counted(step_count_, "step");
    if (warning_count_ > 0) rest += ", " + counted(warning_count_, "warning");
    return paint(Ink::green, "SUCCEEDED", look.color) + rest + partial;
  }
  std::string rest;
  if (!run.failed_phase.empty()) rest += " in " + plain_line(run.failed_phase);
  std::optional<Place> place = run.failed_place;
  if (!run.failed_label.empty()) {
    rest +=
        fmt::format(", {} `{}`", plain_line(run.failed_label),
                    cut_columns(command_title(run.failed_text, look.unicode), kTitleColumns, look.unicode));
    if (failure_ && failure_->status == Status::failed && failure_->phase == run.failed_phase &&
        failure_->label == run.failed_label && !failure_->exit.success())
      rest += fmt::format(" ({})", to_string(failure_->exit));
  } else {
    if (!run.message.empty()) rest += ": " + plain_line(run.message);
    if (!place) place = first_error_place_;
  }
  if (place) rest += " at " + plain_line(to_string(*place));
  return paint(Ink::red, headline(run.status), look.color) + rest + partial;
}

}  // namespace buildspec_run
