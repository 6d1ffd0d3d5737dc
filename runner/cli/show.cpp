#include "runner/cli/show.h"

#include <fmt/core.h>

#include <set>
#include <utility>

#include "runner/base/overloaded.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/page.h"
#include "runner/cli/report.h"
#include "runner/cli/views.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"pretty", "plain", "json", "codebuild", "html"};
constexpr OptionSpec kOptions[] = {
    {"--format", "", OptionSpec::Takes::value, "FORMAT",
     "how the run is shown (codebuild: as the cloud's log; html: as one page, without its whole log); "
     "default: "
     "pretty on a terminal, plain elsewhere",
     false, kFormats},
    {"--failed", "", OptionSpec::Takes::nothing, "",
     "only the commands and steps that failed, each with all of its output, and the verdict"},
    kColorOption,
    kVerboseOption,
    kQuietOption,
};

/// A command or a stage of a step, told from all others of its run.
using TaskName = std::pair<std::string, std::string>;  // build id, label

bool has_failed(const TaskFinished& task) {
  return task.status != Status::succeeded || (task.step && task.step->outcome == "failure");
}

/// Which parts of a run failed.
class Failures : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* task = std::get_if<TaskFinished>(&event.body); task != nullptr && has_failed(*task)) {
      tasks.emplace(event.build_id, task->label);
      phases.emplace(event.build_id, task->phase);
    }
    if (const auto* phase = std::get_if<PhaseFinished>(&event.body);
        phase != nullptr && phase->status != Status::succeeded)
      phases.emplace(event.build_id, phase->phase);
    if (const auto* run = std::get_if<RunFinished>(&event.body)) failed = run->status != Status::succeeded;
  }
  [[nodiscard]] bool any() const { return failed || !tasks.empty() || !phases.empty(); }

  std::set<TaskName> tasks, phases;
  bool failed = false;
};

/// Passes on what tells of the failures.
class FailuresOnly : public EventSink {
 public:
  FailuresOnly(EventSink& sink, const Failures& failures) : sink_(sink), failures_(failures) {}

  void on(const Event& event) override {
    const auto is_in = [&](const std::set<TaskName>& names, const std::string& name) {
      return names.contains({std::string(event.build_id), name});
    };
    const bool passes = std::visit(
        overloaded{[&](const Diagnosed& found) { return found.severity == "error"; },
                   [&](const PhaseStarted& phase) { return is_in(failures_.phases, phase.phase); },
                   [&](const PhaseFinished& phase) { return is_in(failures_.phases, phase.phase); },
                   [&](const TaskStarted& task) { return shown_ = is_in(failures_.tasks, task.label); },
                   [&](const Output&) { return shown_; },
                   [&](const TaskFinished& task) {
                     shown_ = false;
                     return has_failed(task);
                   },
                   [&](const StepAnnotated& annotation) { return is_in(failures_.tasks, annotation.label); },
                   [&](const auto&) { return true; }},
        event.body);
    if (passes) sink_.on(event);
  }

 private:
  EventSink& sink_;
  const Failures& failures_;
  bool shown_ = false;
};

ExitCode show_page(const Invocation& invocation, const RunSketch& run) {
  const Result<RunRecord> record = record_run(run.directory);
  if (!record) return invocation.fail(ExitCode::machine, record.error().message);
  Console out(invocation.out, ConsoleTraits{.buffered = true});
  write_page(run, *record, [&](std::string_view text) { out.write(text); });
  out.flush();
  if (!out.problem().empty())
    return invocation.fail(ExitCode::machine, fmt::format("not all could be shown: {}", out.problem()));
  tell_what_is_missing(invocation, run, record->replayed);
  return ExitCode::success;
}

ExitCode run_show(const Invocation& invocation) {
  if (const std::string wrong = contradiction(invocation.arguments); !wrong.empty())
    return invocation.fail(ExitCode::invalid, wrong);
  const std::vector<std::string>& operands = invocation.arguments.operands;
  const auto found = kept_run(invocation, operands.empty() ? "" : operands.front());
  if (const Refused* refused = std::get_if<Refused>(&found))
    return invocation.fail(refused->code, refused->message);
  const RunSketch& run = std::get<RunSketch>(found);

  if (invocation.arguments.value("--format") == "html") {
    if (invocation.arguments.has("--failed"))
      return invocation.fail(ExitCode::invalid,
                             "--failed has no meaning with --format html, which folds the rest away");
    return show_page(invocation, run);
  }
  Failures failures;
  const bool only_failures = invocation.arguments.has("--failed");
  if (only_failures) {
    if (const Result<Replayed> looked = replay_run(run.directory, failures); !looked)
      return invocation.fail(ExitCode::machine, looked.error().message);
    if (!failures.any())
      return invocation.fail(ExitCode::success, fmt::format("nothing has failed in run {}", run.id));
  }
  ViewOptions options;
  options.replayed = true;
  Views views = make_views(invocation, std::move(options));
  FailuresOnly filter(*views.view, failures);
  const Result<Replayed> replayed =
      replay_run(run.directory, only_failures ? static_cast<EventSink&>(filter) : *views.view);
  views.view.reset();
  views.out->flush();
  if (!replayed) return invocation.fail(ExitCode::machine, replayed.error().message);
  if (!views.out->problem().empty())
    return invocation.fail(ExitCode::machine,
                           fmt::format("not all could be shown: {}", views.out->problem()));
  tell_what_is_missing(invocation, run, *replayed);
  return ExitCode::success;
}

constexpr Subcommand kSubcommand = {
    "show",
    "show a kept run again, as it was shown when it ran",
    "[RUN]",
    1,
    "RUN is the id of a kept run, or so much of its beginning that no other is meant (or of its part behind "
    "the \"-\");\n"
    "without it the last one is shown. What is printed is byte for byte what run --format printed, as the "
    "same "
    "views are told\n"
    "the same events. The exit code says whether it could be shown, not how the run ended.",
    kOptions,
    run_show,
};

}  // namespace

const Subcommand& show_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
