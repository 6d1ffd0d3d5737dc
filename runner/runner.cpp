#include "runner/runner.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "actions/lower.h"
#include "actions/store/action_store.h"
#include "runner/base/check.h"
#include "runner/base/source_text.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/event/controller.h"
#include "runner/event/event.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/dry_run.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/executor.h"
#include "runner/exec/resumption.h"
#include "runner/exec/shell_program.h"
#include "runner/lint/lint.h"
#include "runner/sys/git.h"
#include "runner/sys/process.h"
#include "runner/version.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

/// Git facts, gathered beside everything else: loading libgit2 takes longer than reading a buildspec. Nothing
/// is loaded where no repository is.
class GitLookup {
 public:
  GitLookup(const Path& directory, const Path& modules) : root_(find_git_root(directory)) {
    if (!root_) return;
    thread_ = std::jthread([this, directory, modules] {
      Result<std::unique_ptr<Git>> git = make_git(modules);
      if (git)
        facts_ = (*git)->facts(directory, &why_);
      else
        why_ = git.error().message;
    });
  }

  [[nodiscard]] std::string root() const { return root_ ? root_->native() : std::string(); }
  /// Waits for the facts. What was in the way is a note; no git fact ever fails a build.
  GitFacts take(Diagnostics& found) {
    if (thread_.joinable()) thread_.join();
    if (!why_.empty())
      found.add(Severity::note, "git-facts",
                "git says nothing about the source, so its variables stay empty: " + why_);
    return std::move(facts_);
  }

 private:
  std::optional<Path> root_;
  GitFacts facts_;
  std::string why_;
  std::jthread thread_;  // the last member: it is joined before what it writes to goes
};

const Diagnostic& first_error(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics)
    if (diagnostic.severity == Severity::error) return diagnostic;
  check(false, "diagnostics with errors have a first one");
  return diagnostics.front();
}

/// What the machine could not do, and not the reference's fault: see resolve_actions.
constexpr std::string_view kActionUnavailable = "action-unavailable";

bool has_steps(const Plan& plan) {
  return std::ranges::any_of(plan.phases, [](const Phase& phase) {
    return std::ranges::any_of(phase.steps, [](const StepTask& step) { return !step.left_out; });
  });
}

/// Tells what the store says of its fetching: lines are output of the run, in the runner's words; how far a download is,
/// an event of its own, at most so often.
class StoreTeller {
 public:
  explicit StoreTeller(EventStream& events) : events_(events) {}
  void operator()(const StoreEvent& event) {
    using Kind = StoreEvent::Kind;
    switch (event.kind) {
      case Kind::line:
        return events_.output(event.text + "\n");
      case Kind::warning:
        return events_.output("##[warning]" + event.text + "\n");
      case Kind::debug:
        return;
      case Kind::progress: {
        const auto now = std::chrono::steady_clock::now();
        if (running_.insert(event.action).second || now - told_ >= kEvery) {
          told_ = now;
          return tell(event, ActionFetch::State::running);
        }
        return events_.tick();
      }
      case Kind::fetched:
      case Kind::failed:
        running_.erase(event.action);
        return tell(event,
                    event.kind == Kind::fetched ? ActionFetch::State::done : ActionFetch::State::failed);
    }
  }

 private:
  static constexpr std::chrono::milliseconds kEvery{100};

  void tell(const StoreEvent& event, ActionFetch::State state) {
    events_.tell(ActionFetch{event.action, state, event.done_bytes});
  }

  EventStream& events_;
  std::set<std::string> running_;
  std::chrono::steady_clock::time_point told_;
};

/// The store of the run.
std::unique_ptr<ActionStore> open_store(const Request& request, const Machine& machine, EventStream& events,
                                        Diagnostics& found, std::stop_token stop) {
  ActionStoreOptions options = request.actions;
  options.modules = machine.modules;
  for (const std::string& secret : secrets_of(options)) events.masker().add(secret);
  return make_action_store(std::move(options), StoreTeller(events), found, std::move(stop));
}

std::string_view name_of(FailurePolicy::Action action) {
  switch (action) {
    case FailurePolicy::Action::abort:
      return "ABORT";
    case FailurePolicy::Action::carry_on:
      return "CONTINUE";
    case FailurePolicy::Action::retry:
      return "RETRY";
    case FailurePolicy::Action::standard:
      break;
  }
  return {};
}

void tell_end(EventStream& events, Status status, std::string message,
              std::chrono::steady_clock::time_point began) {
  RunFinished finished;
  finished.status = status;
  finished.message = std::move(message);
  finished.took = std::chrono::steady_clock::now() - began;
  events.tell(std::move(finished));
}

}  // namespace

PlanMade outline_of(const Buildspec& buildspec, const Plan& plan) {
  PlanMade made;
  for (const Phase& phase : plan.phases)
    if (!phase.name.empty())
      made.phases.push_back({phase.name, phase.in_file, phase.commands.size(), phase.steps.size(),
                             phase.finally.size(), std::string(name_of(phase.on_failure.action))});
  made.shell = plan.shell;
  for (const WantedRuntime& runtime : plan.runtimes) made.runtimes.push_back({runtime.name, runtime.version});
  for (const UnknownKey& unknown : buildspec.unknown_keys)
    if (unknown.cloud_reports) made.unknown_keys.push_back({unknown.section, unknown.key.value});
  made.parameter_store = !buildspec.env.parameter_store.empty();
  made.artifacts = buildspec.artifacts.has_value();
  made.cache = buildspec.cache.has_value();
  made.reports = !buildspec.reports.empty();
  return made;
}

Result<Finished> run_build(const Request& request, const Machine& machine, Controller& controller,
                           EventSink& sink, std::stop_token stop, std::stop_token kill) {
  const auto began = std::chrono::steady_clock::now();
  EventStream events(sink, request.run_id);
  for (const auto* secrets : {&request.secret_variables, &request.secret_lookup})
    for (const auto& [name, value] : *secrets) events.masker().add(value);
  GitLookup git(request.source_dir, machine.modules);

  // Text to model, model to plan. Nothing has been fetched or started, and every mistake in the file is
  // known.
  Diagnostics found;
  const Document document = parse_document(*request.buildspec, found);
  const Buildspec buildspec =
      decode_buildspec(*request.buildspec, document, {Purpose::run, request.strict_parity}, found);
  Plan plan = found.has_errors() ? Plan{} : lower_buildspec(buildspec, found);
  lint_script_ends(buildspec, plan, found);
  events.tell(RunStarted{kVersion, request.source_dir, git.root(), request.buildspec_name,
                         find_shell(plan, request).path, request.log_file,
                         request.resumption == nullptr ? std::string() : request.resumption->run});
  const PlanMade outline = outline_of(buildspec, plan);
  events.tell(outline);
  bool dry_run = false;
  if (!found.has_errors()) {
    Selection selection = controller.select(outline);
    if (!selection.problem.empty()) {
      found.add(Severity::error, selection.problem_id, selection.problem);
      tell(events, found.all());
      tell_end(events, Status::failed, selection.problem, began);
      return Finished{Outcome::invalid, {}};
    }
    leave_out(plan, selection.left_out);
    dry_run = selection.dry_run;
    if (dry_run || !selection.left_out.empty())
      events.tell(TasksSelected{std::move(selection.left_out), dry_run});
  }

  // The actions it names are fetched now, so that the plan is complete.
  std::unique_ptr<ActionStore> actions;
  if (!found.has_errors() && !dry_run && has_steps(plan)) {
    actions = open_store(request, machine, events, found, stop);
    if (!found.has_errors()) resolve_actions(plan, *actions, found);
    for (const Phase& phase : plan.phases) report_unpinned(phase.steps, *actions, found);
    events.flush_output();
  }
  tell(events, found.all());
  if (stop.stop_requested() && found.has_errors()) {
    tell_end(events, Status::stopped, "the build was stopped", began);
    return Finished{Outcome::interrupted, {}};
  }
  if (found.has_errors()) {
    const Diagnostic& error = first_error(found.all());
    if (error.id != kActionUnavailable) return refuse(request, events, error);
    tell_end(events, Status::fault, error.message, began);
    return Error{error.message, {}};
  }

  Diagnostics about_git;
  if (dry_run) {
    const GitFacts facts = git.take(about_git);
    tell(events, about_git.all());
    return describe(plan, request, facts, events);
  }

  // From here on the plan alone says what runs.
  Result<std::unique_ptr<ProcessRunner>> processes = make_process_runner(machine.supervisor, kill);
  if (!processes) {
    tell_end(events, Status::fault, processes.error().message, began);
    return std::move(processes.error());
  }
  const GitFacts facts = git.take(about_git);
  tell(events, about_git.all());
  return execute(plan, request, facts, **processes, controller, events, stop,
                 {actions.get(), machine.supervisor, machine.modules, machine.terminal, kill});
}

Finished tell_missing_buildspec(const Request& request, const Diagnostic& missing, EventSink& sink) {
  EventStream events(sink, request.run_id);
  events.tell(RunStarted{kVersion, request.source_dir, "", "", "", "", ""});
  events.tell(PlanMade{});
  return refuse(request, events, missing);
}

}  // namespace buildspec_run
