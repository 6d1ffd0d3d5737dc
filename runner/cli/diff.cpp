#include "runner/cli/diff.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/report.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/view_summary.h"
#include "runner/store/run_record.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"text", "json"};
constexpr OptionSpec kOptions[] = {
    {"--format", "", OptionSpec::Takes::value, "FORMAT", "how the comparison is printed; default: text",
     false, kFormats},
    kColorOption,
};

constexpr std::size_t kMostOfALine = 4096;  // bytes of a differing line that are looked at
constexpr std::size_t kTitleColumns = 40;

/// The first line in which two outputs differ; nullopt for one where the other goes on.
struct DifferentLine {
  std::uint64_t number = 1;
  std::optional<std::string> a, b;
};

/// Reads output by pieces, and the rest of a line.
class Side {
 public:
  Side(const InputFile& log, const std::vector<LogRange>& ranges) : stream_(log, ranges) {}

  /// What is known of what comes next; empty at the end.
  Result<std::string_view> held() {
    if (begin_ == buffer_.size()) {
      buffer_.resize(std::size_t{64} << 10);
      begin_ = 0;
      const Result<std::size_t> got = stream_.read(buffer_);
      buffer_.resize(got ? *got : 0);
      if (!got) return got.error();
    }
    return std::string_view(buffer_).substr(begin_);
  }
  void take(std::size_t bytes) { begin_ += bytes; }

  /// `begun` and what follows of its line; nullopt when there is no line.
  Result<std::optional<std::string>> line(std::string begun) {
    bool any = !begun.empty();
    while (begun.size() < kMostOfALine) {
      const Result<std::string_view> more = held();
      if (!more) return more.error();
      if (more->empty()) break;
      any = true;
      const std::size_t end = more->find('\n');
      begun += more->substr(0, std::min(end, kMostOfALine));
      if (end != std::string_view::npos) break;
      take(more->size());
    }
    return any ? std::optional<std::string>(std::move(begun)) : std::nullopt;
  }

 private:
  OutputStream stream_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

Result<std::optional<DifferentLine>> first_difference(Side a, Side b) {
  DifferentLine found;
  std::string begun;  // of the line both are in, so far the same
  while (true) {
    const Result<std::string_view> in_a = a.held(), in_b = b.held();
    if (!in_a) return in_a.error();
    if (!in_b) return in_b.error();
    if (in_a->empty() && in_b->empty()) return std::optional<DifferentLine>();
    const std::size_t both = std::min(in_a->size(), in_b->size());
    const std::size_t same = static_cast<std::size_t>(
        std::mismatch(in_a->begin(), in_a->begin() + both, in_b->begin()).first - in_a->begin());
    const std::string_view equal = in_a->substr(0, same);
    found.number += static_cast<std::uint64_t>(std::count(equal.begin(), equal.end(), '\n'));
    const std::size_t line_begin = equal.rfind('\n');
    if (line_begin != std::string_view::npos) begun.clear();
    begun += equal.substr(line_begin + 1);  // npos + 1 is 0
    if (begun.size() > kMostOfALine) begun.erase(0, begun.size() - kMostOfALine / 2);
    const bool differs = same < both || both == 0;
    a.take(same);
    b.take(same);
    if (!differs) continue;
    Result<std::optional<std::string>> line_a = a.line(begun), line_b = b.line(begun);
    if (!line_a) return std::move(line_a.error());
    if (!line_b) return std::move(line_b.error());
    found.a = std::move(*line_a);
    found.b = std::move(*line_b);
    return std::optional<DifferentLine>(std::move(found));
  }
}

/// One command of both runs, or of one of them.
struct Pair {
  const TaskRecord* a = nullptr;
  const TaskRecord* b = nullptr;
  std::optional<DifferentLine> line;
  [[nodiscard]] const TaskRecord& any() const { return a != nullptr ? *a : *b; }
  [[nodiscard]] bool text_differs() const { return a != nullptr && b != nullptr && a->text != b->text; }
  [[nodiscard]] bool end_differs() const;
  [[nodiscard]] bool differs() const {
    return a == nullptr || b == nullptr || text_differs() || end_differs() || line.has_value();
  }
};

std::string end_of(const TaskRecord& task) {
  if (!task.finished) return "no end";
  if (task.step && !task.step->outcome.empty()) return task.step->outcome;
  const TaskFinished& finished = *task.finished;
  if (finished.status == Status::succeeded || (finished.status == Status::failed && !finished.exit.success()))
    return to_string(finished.exit);
  return std::string(shown_status(finished.status));
}

bool Pair::end_differs() const { return a != nullptr && b != nullptr && end_of(*a) != end_of(*b); }

struct Variable {
  std::string name;
  std::optional<std::string> a, b;
};

struct Comparison {
  std::vector<Pair> pairs;
  std::vector<Variable> variables;  // those that differ
  bool verdict_differs = false;
  [[nodiscard]] bool differs() const {
    return verdict_differs || !variables.empty() ||
           std::any_of(pairs.begin(), pairs.end(), [](const Pair& pair) { return pair.differs(); });
  }
};

// Those of a's order, each of b's behind the one that it follows there.
std::vector<Pair> paired(const BuildRecord* a, const BuildRecord* b) {
  std::vector<const TaskRecord*> of_a, of_b;
  for (const auto& [build, tasks] : {std::pair(a, &of_a), std::pair(b, &of_b)})
    if (build != nullptr)
      for (const PhaseRecord& phase : build->phases)
        for (const TaskRecord& task : phase.tasks) tasks->push_back(&task);
  std::map<std::string_view, std::size_t> place_in_b;
  for (std::size_t i = 0; i < of_b.size(); ++i) place_in_b.emplace(of_b[i]->label, i);
  std::vector<Pair> pairs;
  std::vector<bool> done(of_b.size());
  std::size_t next = 0;  // of b, not yet in pairs
  const auto take_up_to = [&](std::size_t end) {
    for (; next < end; ++next)
      if (!done[next]) pairs.push_back({nullptr, of_b[next], {}}), done[next] = true;
  };
  for (const TaskRecord* task : of_a) {
    const auto same = place_in_b.find(task->label);
    const bool is_there = same != place_in_b.end() && !done[same->second];
    if (!is_there) {
      pairs.push_back({task, nullptr, {}});
      continue;
    }
    take_up_to(same->second);
    pairs.push_back({task, of_b[same->second], {}});
    done[same->second] = true;
    next = std::max(next, same->second + 1);
  }
  take_up_to(of_b.size());
  return pairs;
}

std::vector<Variable> different_variables(const BuildRecord* a, const BuildRecord* b) {
  std::map<std::string, Variable> all;
  if (a != nullptr)
    for (const ExportedVariable& variable : a->exported) all[variable.name].a = variable.value;
  if (b != nullptr)
    for (const ExportedVariable& variable : b->exported) all[variable.name].b = variable.value;
  std::vector<Variable> different;
  for (auto& [name, variable] : all) {
    variable.name = name;
    if (variable.a != variable.b) different.push_back(std::move(variable));
  }
  return different;
}

std::string headline(std::string_view name, const RunSketch& run, bool color) {
  std::string text = fmt::format("{}  {}  {}", name, run.id, shown_verdict(run));
  if (run.finished) text += fmt::format(" in {}", shown_duration(run.finished->took));
  if (run.started)
    text += plain_line(fmt::format("  {} in {}", run.started->buildspec, run.started->source_dir));
  return paint(Ink::bold, text, color) + "\n";
}

std::string title(const TaskRecord& task) {
  return task.step ? plain_line(task.step->name) : command_title(task.text, true);
}

std::string shown_side(const std::optional<std::string>& text, std::string_view otherwise) {
  return text ? OutputPainter(false).paint(*text) : std::string(otherwise);
}

std::string text_of(const Comparison& found, const RunSketch& a, const RunSketch& b, bool color) {
  std::string out = headline("a", a, color) + headline("b", b, color);
  std::size_t label_width = 0, title_width = 0;
  for (const Pair& pair : found.pairs) {
    label_width = std::max(label_width, columns_of(pair.any().label));
    title_width = std::max(title_width, std::min(columns_of(title(pair.any())), kTitleColumns));
  }
  const auto padded = [](std::string text, std::size_t width) {
    text.append(width - std::min(width, columns_of(text)), ' ');
    return text;
  };
  std::string_view phase;
  for (const Pair& pair : found.pairs) {
    const TaskRecord& any = pair.any();
    if (any.phase != phase) out += "\n" + plain_line(any.phase) + "\n";
    phase = any.phase;
    const std::string_view mark = pair.b == nullptr   ? "-"
                                  : pair.a == nullptr ? "+"
                                  : pair.differs()    ? "!"
                                                      : " ";
    const auto took = [](const TaskRecord* task) {
      return task == nullptr || !task->finished ? std::string("-") : shown_duration(task->took);
    };
    std::string line = fmt::format(
        "{} {}  {}  {:>7}  {:>7}", mark, padded(plain_line(any.label), label_width),
        padded(cut_columns(title(any), kTitleColumns, true), title_width), took(pair.a), took(pair.b));
    if (pair.a == nullptr)
      line += "  in b only: " + end_of(*pair.b);
    else if (pair.b == nullptr)
      line += "  in a only: " + end_of(*pair.a);
    else if (pair.end_differs())
      line += fmt::format("  {} in a, {} in b", end_of(*pair.a), end_of(*pair.b));
    out += (pair.differs() ? paint(Ink::yellow, line, color) : line) + "\n";
    if (pair.text_differs()) {
      out += "    command\n";
      for (const auto& [name, task] : {std::pair("a", pair.a), std::pair("b", pair.b)})
        for (const std::string& each : command_lines(task->text))
          out += fmt::format("      {}: {}\n", name, each);
    }
    if (pair.line) {
      out += fmt::format("    output, line {}\n", pair.line->number);
      out += fmt::format("      a: {}\n", shown_side(pair.line->a, "(its output has ended)"));
      out += fmt::format("      b: {}\n", shown_side(pair.line->b, "(its output has ended)"));
    }
  }
  if (!found.variables.empty()) {
    out += "\nexported\n";
    for (const Variable& variable : found.variables) {
      const auto shown = [](const std::optional<std::string>& value) {
        return value ? plain_line(shell_quote(*value)) : std::string("not exported");
      };
      out += fmt::format("! {}: {} in a, {} in b\n", plain_line(variable.name), shown(variable.a),
                         shown(variable.b));
    }
  }
  std::size_t different = 0;
  for (const Pair& pair : found.pairs) different += pair.differs() ? 1 : 0;
  out += "\n" +
         (found.differs()
              ? fmt::format(
                    "different: {}{}{}", counted(different, "command"), found.variables.empty() ? "" : ", ",
                    found.variables.empty() ? "" : counted(found.variables.size(), "exported variable"))
              : std::string("the same, but for durations"));
  if (found.verdict_differs) out += fmt::format("; {} in a, {} in b", verdict_of(a), verdict_of(b));
  return out + "\n";
}

Value value_of(const std::optional<std::string>& text) {
  Value value;
  if (text) value = *text;
  return value;
}

Value value_of(const RunSketch& run) {
  Value took;
  if (run.finished) took = std::int64_t{run.finished->took.count()};
  return Value::Object{{"run", run.id}, {"verdict", verdict_of(run)}, {"took_ns", std::move(took)}};
}

Value value_of(const TaskRecord* task) {
  if (task == nullptr) return nullptr;
  Value exit;
  if (task->finished) exit = task->finished->exit.code;
  return Value::Object{{"text", task->text},
                       {"end", end_of(*task)},
                       {"exit", std::move(exit)},
                       {"took_ns", std::int64_t{task->took.count()}}};
}

std::string json_of(const Comparison& found, const RunSketch& a, const RunSketch& b) {
  Value::Array tasks, variables;
  for (const Pair& pair : found.pairs) {
    Value line;
    if (pair.line)
      line = Value::Object{{"line", std::uint64_t{pair.line->number}},
                           {"a", value_of(pair.line->a)},
                           {"b", value_of(pair.line->b)}};
    tasks.push_back(Value::Object{{"phase", pair.any().phase},
                                  {"label", pair.any().label},
                                  {"differs", pair.differs()},
                                  {"a", value_of(pair.a)},
                                  {"b", value_of(pair.b)},
                                  {"output", std::move(line)}});
  }
  for (const Variable& variable : found.variables)
    variables.push_back(
        Value::Object{{"name", variable.name}, {"a", value_of(variable.a)}, {"b", value_of(variable.b)}});
  return to_pretty_json(Value::Object{{"differs", found.differs()},
                                      {"a", value_of(a)},
                                      {"b", value_of(b)},
                                      {"tasks", std::move(tasks)},
                                      {"exported", std::move(variables)}}) +
         "\n";
}

Result<Comparison> compare_runs(const RunSketch& a, const RunRecord& in_a, const RunSketch& b,
                                const RunRecord& in_b) {
  const Result<InputFile> log_a = InputFile::open(a.directory / "log"),
                          log_b = InputFile::open(b.directory / "log");
  if (!log_a) return log_a.error();
  if (!log_b) return log_b.error();
  Comparison found;
  found.verdict_differs = verdict_of(a) != verdict_of(b);
  found.pairs = paired(in_a.last_build(), in_b.last_build());
  found.variables = different_variables(in_a.last_build(), in_b.last_build());
  for (Pair& pair : found.pairs) {
    if (pair.a == nullptr || pair.b == nullptr) continue;
    Result<std::optional<DifferentLine>> line =
        first_difference(Side(*log_a, pair.a->output), Side(*log_b, pair.b->output));
    if (!line) return std::move(line.error());
    pair.line = std::move(*line);
  }
  return found;
}

ExitCode run_diff(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (operands.size() != 2)
    return invocation.fail(ExitCode::invalid, "two runs are expected, as in buildspec-run diff RUN RUN");
  RunSketch runs[2];
  RunRecord records[2];
  for (std::size_t i = 0; i < 2; ++i) {
    auto run = kept_run(invocation, operands[i]);
    if (const Refused* refused = std::get_if<Refused>(&run))
      return invocation.fail(refused->code, refused->message);
    runs[i] = std::move(std::get<RunSketch>(run));
    Result<RunRecord> record = record_run(runs[i].directory);
    if (!record) return invocation.fail(ExitCode::invalid, record.error().message);
    records[i] = std::move(*record);
    tell_what_is_missing(invocation, runs[i], records[i].replayed);
  }
  const Result<Comparison> found = compare_runs(runs[0], records[0], runs[1], records[1]);
  if (!found) return invocation.fail(ExitCode::invalid, found.error().message);
  const ExitCode written =
      invocation.write_out(invocation.arguments.value("--format") == "json"
                               ? json_of(*found, runs[0], runs[1])
                               : text_of(*found, runs[0], runs[1], wants_color(invocation, invocation.out)));
  if (written != ExitCode::success) return written;
  return found->differs() ? ExitCode::build_failed : ExitCode::success;
}

constexpr Subcommand kSubcommand = {
    "diff",
    "compare two kept runs",
    "RUN RUN",
    2,
    "Shows for each command its durations, and where the runs differ: the command's text, its exit code, the "
    "first line of\n"
    "its output that is another, and exported variables. RUN is as show takes it. Of a run that was retried "
    "the "
    "last build\n"
    "counts. Exit code 0: the same but for durations; 1: different; 2: there is no such run, or it cannot be "
    "read.",
    kOptions,
    run_diff,
};

}  // namespace

const Subcommand& diff_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
