#include "runner/cli/history.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/cli/console.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/report.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/view_summary.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"text", "json"};
constexpr OptionSpec kOptions[] = {
    {"--format", "", OptionSpec::Takes::value, "FORMAT", "how the list is printed; default: text", false,
     kFormats},
    {"--limit", "-n", OptionSpec::Takes::value, "N", "at most N runs, the newest; default: 20, 0: all"},
    kColorOption,
};

// Local time: it is for people. JSON has UTC.
std::string local_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts = {};
  if (::localtime_r(&seconds, &parts) == nullptr) return "?";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", parts);
}

std::string utc_seconds(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

// `width`: lines are cut to it; 0: they are not.
std::string text_of(const std::vector<RunSketch>& runs, bool color, std::size_t width) {
  struct Row {
    std::string id, when, verdict, took, exit, what;
    Ink ink;
  };
  std::vector<Row> rows;
  std::size_t verdict = 7, took = 4;
  for (const RunSketch& run : runs) {
    Row row;
    row.id = run.id;
    row.when = local_time(run.began);
    row.verdict = shown_verdict(run);
    row.ink = !run.finished ? Ink::yellow : run.finished->status == Status::succeeded ? Ink::green : Ink::red;
    row.took = run.finished ? shown_duration(run.finished->took) : "-";
    const std::optional<int> exit = exit_code_of(run);
    row.exit = exit ? fmt::format("{}", *exit) : "-";
    row.what = run.started ? plain_line(run.started->buildspec + " in " + run.started->source_dir) : "?";
    if (run.finished && !run.finished->failed_label.empty())
      row.what += plain_line(run.finished->status == Status::failed
                                 ? fmt::format(" ({} failed)", run.finished->failed_label)
                                 : fmt::format(" (in {})", run.finished->failed_label));
    if (run.started && !run.started->resumed_run.empty())
      row.what += plain_line(fmt::format(" (goes on with {})", run.started->resumed_run));
    verdict = std::max(verdict, row.verdict.size());
    took = std::max(took, row.took.size());
    rows.push_back(std::move(row));
  }
  std::string out = paint(Ink::bold,
                          fmt::format("{:<25}  {:<19}  {:<{}}  {:>{}}  {:>4}  {}", "RUN", "BEGAN", "VERDICT",
                                      verdict, "TOOK", took, "EXIT", "BUILDSPEC"),
                          color) +
                    "\n";
  for (const Row& row : rows) {
    std::string line = fmt::format("{:<25}  {:<19}  ", row.id, row.when);
    line += paint(row.ink, row.verdict, color) + std::string(verdict - row.verdict.size(), ' ');
    line += fmt::format("  {:>{}}  {:>4}  {}", row.took, took, row.exit, row.what);
    out += (width > 1 ? cut_columns(line, width - 1, true) : line) + "\n";
  }
  return out;
}

std::string json_of(const std::vector<RunSketch>& runs) {
  Value::Array array;
  for (const RunSketch& run : runs) {
    const auto text = [&](const std::string RunStarted::*field) {
      Value value;
      if (run.started) value = (*run.started).*field;
      return value;
    };
    Value verdict, took, exit;
    if (run.finished) {
      verdict = to_string(run.finished->status);
      took = std::int64_t{run.finished->took.count()};
    }
    if (const std::optional<int> code = exit_code_of(run)) exit = *code;
    Value::Object object{{"run", run.id},
                         {"began", utc_seconds(run.began)},
                         {"buildspec", text(&RunStarted::buildspec)},
                         {"source_dir", text(&RunStarted::source_dir)},
                         {"state", run.state == RunSketch::State::ended     ? "ended"
                                   : run.state == RunSketch::State::running ? "running"
                                                                            : "broken-off"},
                         {"verdict", std::move(verdict)},
                         {"took_ns", std::move(took)}};
    object.emplace_back("exit", std::move(exit));
    const auto failed = [&](const std::string RunFinished::*field) {
      Value value;
      if (run.finished && !((*run.finished).*field).empty()) value = (*run.finished).*field;
      return value;
    };
    object.emplace_back("failed_phase", failed(&RunFinished::failed_phase));
    object.emplace_back("failed_label", failed(&RunFinished::failed_label));
    Value left_out;
    if (run.finished) left_out = static_cast<std::uint64_t>(run.finished->left_out);
    object.emplace_back("left_out", std::move(left_out));
    Value resumed;
    if (run.started && !run.started->resumed_run.empty()) resumed = run.started->resumed_run;
    object.emplace_back("resumed_run", std::move(resumed));
    object.emplace_back("directory", run.directory.native());
    array.emplace_back(std::move(object));
  }
  return to_pretty_json(Value(std::move(array))) + "\n";
}

ExitCode run_history(const Invocation& invocation) {
  const auto given = count_option(invocation, "--limit");
  if (const Refused* refused = std::get_if<Refused>(&given))
    return invocation.fail(refused->code, refused->message);
  const std::uint64_t limit = std::get<0>(given).value_or(20);
  const Path state = state_directory_of(invocation);
  if (state.empty())
    return invocation.fail(ExitCode::invalid, "neither XDG_STATE_HOME nor HOME names a place of kept runs");
  std::vector<std::string> ids = kept_run_ids(state);
  const std::size_t all = ids.size();
  std::vector<RunSketch> runs;
  // Ids have seconds: all of the last one are read before the times in the runs decide.
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    if (limit != 0 && runs.size() >= limit && start_of_run(*id) != start_of_run(runs.back().id)) break;
    if (Result<RunSketch> run = sketch_run(state, *id))
      runs.push_back(std::move(*run));  // else it is just being removed
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const RunSketch& a, const RunSketch& b) { return a.began > b.began; });
  if (limit != 0 && runs.size() > limit)
    runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(limit), runs.end());
  if (invocation.arguments.value("--format") == "json") return invocation.write_out(json_of(runs));
  const std::size_t width = is_terminal(invocation.out) ? terminal_width(invocation.out) : 0;
  if (runs.empty())
    return invocation.fail(ExitCode::success, fmt::format("no run is kept in {}", (state / "runs").native()));
  std::string text = text_of(runs, wants_color(invocation, invocation.out), width);
  if (limit != 0 && all > limit) text += fmt::format("({} older; --limit 0 shows all)\n", all - limit);
  return invocation.write_out(text);
}

constexpr Subcommand kSubcommand = {
    "history",
    "list the kept runs, the newest first",
    "",
    0,
    "Each with its id, which show takes, when it began, how it ended, how long it took, the exit code of its "
    "process,\n"
    "buildspec and source directory. A run without an end is running, or was broken off by a kill.",
    kOptions,
    run_history,
};

}  // namespace

const Subcommand& history_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
