#include "runner/cli/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/cli/cloud_log.h"
#include "runner/cli/input.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/report.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/view_summary.h"
#include "runner/store/run_record.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kLargestLog = std::uint64_t{1} << 30;
constexpr std::string_view kFormats[] = {"text", "json"};
constexpr OptionSpec kOptions[] = {
    {"--format", "", OptionSpec::Takes::value, "FORMAT", "how the comparison is printed; default: text",
     false, kFormats},
    kColorOption,
};

/// One thing in which the two went different ways. `cloud` and `here` say what it was in each.
struct Difference {
  std::string phase;
  std::string label;  // of the command here; empty: about the phase, or of the cloud alone
  std::string what;   // "status", "command", "exit", "context"
  std::string cloud, here;
};

struct ComparedPhase {
  std::string name;
  std::string cloud, here;  // statuses; empty: not reached
  std::size_t commands = 0;
  std::vector<Difference> differences;
};

std::string end_of(const TaskRecord& task) {
  if (!task.finished) return "no end";
  if (task.finished->status == Status::succeeded || task.finished->status == Status::failed)
    return to_string(task.finished->exit);
  return std::string(shown_status(task.finished->status));
}

std::string status_of(const PhaseRecord& phase) {
  return phase.finished ? std::string(to_string(phase.finished->status)) : "no end";
}

/// Which command of the cloud is which one here: the longest common sequence, as one that was left out or added must not
/// make all behind it differ. Pairs of indices; npos: it is in one alone.
constexpr std::size_t kNone = static_cast<std::size_t>(-1);
std::vector<std::pair<std::size_t, std::size_t>> aligned(const std::vector<CloudCommand>& cloud,
                                                         const std::vector<const TaskRecord*>& here) {
  std::size_t begin = 0;
  const auto same = [&](std::size_t i, std::size_t j) { return cloud[i].is(here[j]->text); };
  while (begin < std::min(cloud.size(), here.size()) && same(begin, begin)) ++begin;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < begin; ++i) pairs.emplace_back(i, i);
  const std::size_t rows = cloud.size() - begin, columns = here.size() - begin;
  constexpr std::size_t kMostCompared = 4'000'000;  // cells; beyond that, what follows is told one by one
  std::vector<std::uint32_t> longest;
  const auto cell = [&](std::size_t i, std::size_t j) -> std::uint32_t& {
    return longest[i * (columns + 1) + j];
  };
  const bool compared = rows * columns <= kMostCompared;
  if (compared) {
    longest.resize((rows + 1) * (columns + 1));
    for (std::size_t i = rows; i-- > 0;)
      for (std::size_t j = columns; j-- > 0;)
        cell(i, j) =
            same(begin + i, begin + j) ? cell(i + 1, j + 1) + 1 : std::max(cell(i + 1, j), cell(i, j + 1));
  }
  std::size_t i = 0, j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && same(begin + i, begin + j)) {
      pairs.emplace_back(begin + i++, begin + j++);
    } else if (j == columns || (i < rows && (!compared || cell(i + 1, j) >= cell(i, j + 1)))) {
      pairs.emplace_back(begin + i++, kNone);
    } else {
      pairs.emplace_back(kNone, begin + j++);
    }
  }
  return pairs;
}

void compare_commands(const CloudPhase& cloud, const PhaseRecord& here, ComparedPhase& into) {
  std::vector<const TaskRecord*> tasks;
  for (const TaskRecord& task : here.tasks)
    if (!task.step) tasks.push_back(&task);  // steps leave no lines of the agent's
  const auto first_line = [](std::string_view text) { return std::string(text.substr(0, text.find('\n'))); };
  const auto differ = [&](std::string label, std::string what, std::string in_cloud, std::string in_here) {
    into.differences.push_back(
        {into.name, std::move(label), std::move(what), std::move(in_cloud), std::move(in_here)});
  };
  for (const auto& [i, j] : aligned(cloud.commands, tasks)) {
    ++into.commands;
    if (j == kNone) {
      differ("", "command", first_line(cloud.commands[i].text), "");
    } else if (i == kNone) {
      differ(tasks[j]->label, "command", "", first_line(tasks[j]->text));
    } else {
      const std::string in_cloud = cloud.commands[i].end.empty() ? "exit status 0" : cloud.commands[i].end;
      if (const std::string in_here = end_of(*tasks[j]); in_here != in_cloud)
        differ(tasks[j]->label, "exit", in_cloud, in_here);
    }
  }
}

std::vector<ComparedPhase> compare_logs(const CloudLog& cloud, const BuildRecord* here) {
  std::vector<ComparedPhase> phases;
  bool has_begun = false;  // an excerpt says nothing of the phases before it
  for (const std::string_view name : {"DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"}) {
    const CloudPhase* in_cloud = cloud.find_phase(name);
    const PhaseRecord* in_here = nullptr;
    if (here != nullptr)
      for (const PhaseRecord& phase : here->phases)
        if (phase.name == name) in_here = &phase;
    has_begun = has_begun || in_cloud != nullptr;
    if (!has_begun || (in_cloud == nullptr && in_here == nullptr)) continue;
    ComparedPhase& phase = phases.emplace_back();
    phase.name = name;
    if (in_cloud != nullptr) phase.cloud = in_cloud->status.empty() ? "no end" : in_cloud->status;
    if (in_here != nullptr) phase.here = status_of(*in_here);
    if (phase.cloud != phase.here)
      phase.differences.push_back({phase.name, "", "status", phase.cloud, phase.here});
    if (in_cloud == nullptr || in_here == nullptr) continue;
    compare_commands(*in_cloud, *in_here, phase);
    // What a command's failure says of itself is told above.
    const PhaseFinished context = in_here->finished.value_or(PhaseFinished());
    const bool of_a_command = in_cloud->code == "COMMAND_EXECUTION_ERROR" && context.code == in_cloud->code;
    const auto shown = [](const std::string& code, const std::string& message) {
      return code.empty() ? message : code + ": " + message;
    };
    if (phase.cloud == phase.here && !of_a_command &&
        (in_cloud->code != context.code || in_cloud->message != context.message))
      phase.differences.push_back({phase.name, "", "context", shown(in_cloud->code, in_cloud->message),
                                   shown(context.code, context.message)});
  }
  // Nothing is uploaded here; that it went well in the cloud is no other way.
  if (const CloudPhase* upload = cloud.find_phase("UPLOAD_ARTIFACTS");
      upload != nullptr && upload->status != "SUCCEEDED") {
    ComparedPhase& phase = phases.emplace_back();
    phase.name = upload->name;
    phase.cloud = upload->status.empty() ? "no end" : upload->status;
    if (here != nullptr && here->finished && !here->finished->artifacts.empty() && !upload->message.empty() &&
        here->finished->artifacts.back().problem == upload->message) {
      phase.here = phase.cloud;  // as it would fail with what is here
      return phases;
    }
    phase.differences.push_back({phase.name, "", "status",
                                 phase.cloud + (upload->message.empty() ? "" : ": " + upload->message), ""});
  }
  return phases;
}

std::string shown(const Difference& difference) {
  const auto or_not = [](const std::string& text) {
    return text.empty() ? std::string("not reached") : text;
  };
  if (difference.what == "command") {
    if (difference.here.empty()) return fmt::format("in the cloud only: {}", difference.cloud);
    return fmt::format("{}  here only: {}", difference.label, difference.here);
  }
  return fmt::format("{}{}{} in the cloud, {} here", difference.label, difference.label.empty() ? "" : "  ",
                     or_not(difference.cloud), or_not(difference.here));
}

std::string text_of(const std::vector<ComparedPhase>& phases, const std::string& file, const RunSketch& run,
                    bool color) {
  std::string out = paint(Ink::bold, plain_line("cloud  " + file), color) + "\n" +
                    paint(Ink::bold, fmt::format("here   {}  {}", run.id, shown_verdict(run)), color) +
                    "\n\n";
  std::size_t count = 0;
  for (const ComparedPhase& phase : phases) {
    if (phase.differences.empty())
      out += fmt::format("  {}  {}{}\n", phase.name, phase.here,
                         phase.commands > 0 ? ", " + counted(phase.commands, "command") : "");
    else
      out += paint(Ink::yellow, "! " + phase.name, color) + "\n";
    for (const Difference& difference : phase.differences)
      out += "    " + plain_line(shown(difference)) + "\n";
    count += phase.differences.size();
  }
  out += count == 0 ? "\nthe same way\n" : fmt::format("\n{}\n", counted(count, "difference"));
  return out;
}

std::string json_of(const std::vector<ComparedPhase>& phases, const std::string& file, const RunSketch& run) {
  Value::Array all, differences;
  for (const ComparedPhase& phase : phases) {
    all.push_back(Value::Object{{"phase", phase.name}, {"cloud", phase.cloud}, {"here", phase.here}});
    for (const Difference& difference : phase.differences)
      differences.push_back(Value::Object{{"phase", difference.phase},
                                          {"label", difference.label},
                                          {"what", difference.what},
                                          {"cloud", difference.cloud},
                                          {"here", difference.here}});
  }
  const bool differs = !differences.empty();
  return to_pretty_json(Value::Object{{"differs", differs},
                                      {"log", file},
                                      {"run", run.id},
                                      {"phases", std::move(all)},
                                      {"differences", std::move(differences)}}) +
         "\n";
}

ExitCode run_compare(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (operands.empty())
    return invocation.fail(ExitCode::invalid,
                           "a log of the cloud is expected, as in buildspec-run compare LOG.txt [RUN]");
  const std::string& file = operands.front();
  const Result<std::string> text =
      file == "-" ? read_descriptor(invocation.in)
                  : read_named_file(absolute_path(file, invocation.working_directory), kLargestLog);
  if (!text) return invocation.fail(ExitCode::invalid, text.error().message);
  const std::optional<CloudLog> log = parse_cloud_log(*text);
  if (!log)
    return invocation.fail(ExitCode::invalid,
                           fmt::format("{}: no line of it begins with \"[Container] \" and a "
                                       "time, as those of the cloud's agent do",
                                       file));
  const auto found = kept_run(invocation, operands.size() > 1 ? operands[1] : "");
  if (const Refused* refused = std::get_if<Refused>(&found))
    return invocation.fail(refused->code, refused->message);
  const RunSketch& run = std::get<RunSketch>(found);
  const Result<RunRecord> record = record_run(run.directory);
  if (!record) return invocation.fail(ExitCode::invalid, record.error().message);
  tell_what_is_missing(invocation, run, record->replayed);
  const std::vector<ComparedPhase> phases = compare_logs(*log, record->last_build());
  if (phases.empty())
    return invocation.fail(
        ExitCode::invalid,
        fmt::format("{}: no phase of a build is in it, so there is nothing to compare", file));
  const ExitCode written =
      invocation.write_out(invocation.arguments.value("--format") == "json"
                               ? json_of(phases, file, run)
                               : text_of(phases, file, run, wants_color(invocation, invocation.out)));
  if (written != ExitCode::success) return written;
  return std::any_of(phases.begin(), phases.end(),
                     [](const ComparedPhase& phase) { return !phase.differences.empty(); })
             ? ExitCode::build_failed
             : ExitCode::success;
}

constexpr Subcommand kSubcommand = {
    "compare",
    "say where a kept run went another way than a build in the cloud",
    "LOG [RUN]",
    2,
    "Reads LOG, the cloud's log of a build (- is standard input), with or without the times of CloudWatch, "
    "and "
    "compares it\n"
    "with a kept run (as show takes it; default: the last): phases and their statuses, commands, and how "
    "each "
    "ended. Output is\n"
    "not compared. Exit code 0: the same way; 1: another; 2: the log or the run cannot be read.",
    kOptions,
    run_compare,
};

}  // namespace

const Subcommand& compare_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
