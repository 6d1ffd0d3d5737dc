// Runs of a plan. Source: buildspec.md section 3.
//
// A run is one build (build.h), or more when on-failure says RETRY: where each works, what is made for it and what is
// removed behind it.

#include "runner/exec/executor.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "runner/base/text.h"
#include "runner/exec/agent_directory.h"
#include "runner/exec/build.h"
#include "runner/exec/debug_session.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/environment.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/removed_on_death.h"
#include "runner/exec/resumption.h"
#include "runner/exec/secondary_source.h"
#include "runner/exec/shell_program.h"
#include "runner/exec/workspace.h"
#include "runner/sys/run_directory.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

using Clock = std::chrono::steady_clock;

RunFinished run_finished(const Plan& plan, Status status, const std::optional<BuildFailure>& failure,
                         std::chrono::nanoseconds took) {
  RunFinished finished;
  finished.left_out = count_left_out(plan);
  finished.status = status;
  finished.took = took;
  if (failure) {
    finished.failed_phase = failure->phase;
    finished.failed_label = failure->label;
    finished.failed_text = failure->text;
    finished.failed_place = failure->place;
    finished.message = failure->message;
  } else if (status == Status::stopped) {
    finished.message = "the build was stopped";
  }
  return finished;
}

Outcome outcome_of(const BuildEnd& end) {
  if (end.refused) return Outcome::invalid;
  if (end.status == Status::succeeded) return Outcome::succeeded;
  return end.status == Status::stopped ? Outcome::interrupted : Outcome::failed;
}

/// The first phase that runs commands as somebody else; nullptr: none does.
const Phase* phase_of_another_user(const Plan& plan) {
  const auto found = std::ranges::find_if(plan.phases, [](const Phase& phase) {
    return !phase.run_as.empty() && !is_left_out(phase) &&
           !(phase.commands.empty() && phase.finally.empty()) && !is_caller(phase.run_as);
  });
  return found == plan.phases.end() ? nullptr : &*found;
}

/// Whether somebody else would have to run commands who cannot: he may not, or he cannot enter the copy of the source, so that
/// his commands would run wherever they happened to be. Told then.
bool lacks_rights(const BuildSurroundings& run) {
  const bool needs_root = !may_switch_user();
  if (!needs_root && !run.request.workspace.copy) return false;
  const Phase* phase = phase_of_another_user(run.plan);
  if (phase == nullptr) return false;
  run.events.tell(to_event(
      needs_root
          ? finding(
                Severity::error, run.plan.source, phase->run_as_where, "run-as-needs-root",
                fmt::format("phase {} runs as user {}, which needs root; run as that user, or as root, or "
                            "without run-as",
                            phase->name, phase->run_as))
          : finding(
                Severity::error, run.plan.source, phase->run_as_where, "run-as-in-copy",
                fmt::format("phase {} runs as user {}, and copies of the source lie where the caller alone "
                            "can enter; run it without --workspace copy",
                            phase->name, phase->run_as))));
  return true;
}

/// Of a build that goes on: the variables that it was started with.
Result<void> restore_request(const Plan& plan, Request& request) {
  if (request.resumption == nullptr) return {};
  const Resumption& resumption = *request.resumption;
  Diagnostics told_later;
  const SecretPlaces secrets = secret_places(make_environment(plan, request, {}, told_later));
  for (const auto& [variables, text] : {std::pair(&request.host_environment, &resumption.host),
                                        std::pair(&request.project_variables, &resumption.project),
                                        std::pair(&request.override_variables, &resumption.overrides)}) {
    Result<std::string> whole = secrets.put_back(*text);
    // A secret of the buildspec that nobody gave has a diagnostic of its own.
    if (!whole && told_later.has_errors()) return {};
    if (!whole) return std::move(whole.error()).in(fmt::format("go on from run {}", resumption.run));
    *variables = split_variables(*whole);
  }
  return {};
}

/// Where the attempt works.
Result<Workspace> prepare_workspace(const BuildSurroundings& run, int attempt) {
  const WorkspaceOptions& wanted = run.request.workspace;
  if (!wanted.copy) return Workspace(run.request.source_dir);
  const Resumption* resumption = run.request.resumption;
  Result<Workspace> workspace =
      resumption != nullptr && attempt == resumption->build.attempt
          ? Workspace::reopen(resumption->build.workspace, resumption->build.source_dir)
          : Workspace::copy(run.request, attempt, run.steps.modules.native(), run.stop);
  if (!workspace) return workspace;
  if (wanted.keep)
    if (Result<void> kept = workspace->keep(); !kept) return std::move(kept.error());
  if (run.request.states != nullptr)
    if (Result<void> marked = workspace->mark_resumable(Path(run.request.log_file).parent_path()); !marked)
      return std::move(marked.error());
  return workspace;
}

void tell_of(const Workspace& workspace, EventStream& events) {
  if (!workspace.is_copy()) return;
  if (workspace.is_reopened())
    return events.tell(
        to_event(finding(Severity::note, nullptr, {}, "workspace-reopened",
                         fmt::format("the build goes on in its copy, {}", workspace.source_dir()))));
  const CopiedTree& copied = workspace.copied();
  events.tell(to_event(
      finding(Severity::note, nullptr, {}, "workspace-copied",
              fmt::format("the build works in a copy, {}: {}, {}{}, {} KiB{}", workspace.source_dir(),
                          counted(copied.files, "file"), counted(copied.links, "link"),
                          copied.moved_links == 0
                              ? std::string()
                              : fmt::format(" ({} with a target of the copy's own)", copied.moved_links),
                          copied.bytes >> 10, copied.shared_blocks ? ", blocks shared" : ""))));
  if (copied.left_out.empty()) return;
  std::string names = to_printable(copied.left_out.front());
  if (copied.left_out.size() > 1) names += fmt::format(" and {} more", copied.left_out.size() - 1);
  events.tell(to_event(finding(Severity::warning, nullptr, {}, "workspace-left-out",
                               fmt::format("the copy lacks {}: neither file, link nor directory", names))));
}

}  // namespace

Finished refuse(const Request& request, EventStream& events, const Diagnostic& error) {
  const auto began = Clock::now();
  const std::string id = build_id(request, {make_uuid(), 1, std::chrono::system_clock::now()});
  const BuildFailure failure = failure_of(error);
  events.set_build(id);
  BuildStarted started{id, 1};
  for (const auto& [name, source] : request.secondary_sources)
    if (source.url.empty()) started.secondary_sources.push_back({name, source.directory});
  events.tell(std::move(started));
  events.tell(PhaseStarted{failure.phase, true, 0, 0});
  events.tell(
      PhaseFinished{failure.phase, Status::failed, failure.code, failure.message, Clock::now() - began});
  events.tell(BuildFinished{id, Status::failed, false, Clock::now() - began});
  events.tell(run_finished({}, Status::failed, failure, Clock::now() - began));
  return {Outcome::invalid, {}};
}

Result<Finished> execute(const Plan& plan, const Request& asked, const GitFacts& git,
                         ProcessRunner& processes, Controller& controller, EventStream& events,
                         std::stop_token stop, const StepMachine& steps) {
  const auto began = Clock::now();
  Request request = asked;
  const BuildSurroundings run = {
      plan, request, git, processes, controller, events, stop, find_shell(plan, request), steps, nullptr};
  const auto fault = [&](Error error, std::optional<BuildFailure> failure) -> Result<Finished> {
    if (!failure) failure = BuildFailure{};
    error.message = events.masker().mask(error.message);  // whoever gets it prints it
    failure->message = error.message;
    events.set_task({});
    events.tell(run_finished(plan, Status::fault, failure, Clock::now() - began));
    return error;
  };
  const auto stopped = [&]() -> Result<Finished> {
    events.tell(run_finished(plan, Status::stopped, BuildFailure{}, Clock::now() - began));
    return Finished{Outcome::interrupted, {}};
  };
  if (const Result<void> restored = restore_request(plan, request); !restored)
    return fault(Error(restored.error()), std::nullopt);
  if (!run.shell.found && !run.shell.chosen)
    return fault(Error{fmt::format("the shell {} is not there", request.sh),
                       std::make_error_code(std::errc::no_such_file_or_directory)},
                 std::nullopt);
  if (lacks_rights(run)) {
    events.tell(run_finished(plan, Status::fault, BuildFailure{}, Clock::now() - began));
    return Finished{Outcome::machine_error, {}};
  }
  processes.on_background([&](std::string_view chunk) { events.output(chunk, true); });
  DebugSession* debugged = nullptr;  // of the build that runs
  processes.on_tick([&] {
    events.tick();
    return debugged == nullptr ? BuildClock::duration::zero() : debugged->look();
  });

  const int first = request.resumption == nullptr ? 1 : request.resumption->build.attempt;
  for (int attempt = first;; ++attempt) {
    const auto build_began = Clock::now();
    const Resumption* resumption = attempt == first ? request.resumption : nullptr;
    BuildIdentity identity = {make_uuid(), attempt, std::chrono::system_clock::now()};
    if (resumption != nullptr) identity = {resumption->build.uuid, attempt, resumption->build.started};
    const std::string id = build_id(request, identity);
    Result<Workspace> workspace = prepare_workspace(run, attempt);
    if (!workspace)
      return stop.stop_requested() ? stopped() : fault(std::move(workspace.error()), std::nullopt);
    Request here = request;
    here.source_dir = workspace->source_dir();
    const Result<RunDirectory> directory = resumption == nullptr
                                               ? RunDirectory::make(request.temporary_directory)
                                               : RunDirectory::make_again(resumption->build.script_dir);
    if (!directory)
      return fault(Error(directory.error()).in("make a directory for the scripts"), std::nullopt);
    const RemovedOnDeath removed(processes, directory->path());
    if (Result<void> cloned =
            clone_secondary_sources(here, directory->path(), run.steps.modules, events, stop);
        !cloned) {
      return stop.stop_requested() ? stopped() : fault(std::move(cloned.error()), std::nullopt);
    }
    Result<ShellScope> scope = ShellScope::make(directory->path(), plan.scope, here.source_dir);
    if (!scope) return fault(std::move(scope.error()), std::nullopt);
    if (request.clean_home)
      if (Result<void> made = make_directories(clean_home(directory->path()), 0700); !made)
        return fault(std::move(made.error()), std::nullopt);

    DebugSession debug({controller, events, steps.terminal, steps.supervisor, directory->path(), steps.kill,
                        request.debug_session});
    if (Result<void> prepared = debug.prepare(); !prepared)
      return fault(std::move(prepared.error()), std::nullopt);
    if (Result<void> provided = provide_helper_commands(directory->path(), debug.breakpoint_script());
        !provided)
      return fault(std::move(provided.error()), std::nullopt);
    Result<Path> shell = provide_shell(directory->path(), run.shell);
    if (!shell) return fault(std::move(shell.error()), std::nullopt);

    events.set_build(id);
    BuildStarted started{id, attempt, here.source_dir, {}};
    for (const auto& [name, source] : here.secondary_sources)
      started.secondary_sources.push_back({name, source.directory});
    events.tell(std::move(started));
    tell_of(*workspace, events);
    if (resumption != nullptr)
      for (const std::string& note : resumption->notes)
        events.tell(to_event(finding(Severity::note, nullptr, {}, "resumed", note)));
    const BuildSurroundings run_here = {plan,   here, git,       processes, controller,
                                        events, stop, run.shell, steps,     &debug};
    debugged = &debug;
    Build build(run_here, identity, std::move(*scope), std::move(*shell), resumption,
                workspace->directory().native());
    Result<BuildEnd> end = build.execute();
    debugged = nullptr;
    // What the build has left running ends with it, as the cloud's container does.
    const Result<int> ended = processes.end_all(request.sigterm_grace);
    if (end && !ended)
      events.tell(to_event(
          finding(Severity::warning, nullptr, {}, "background-left",
                  fmt::format("what the build left running could not be ended: {}", ended.error().message))));
    const Status status = end ? end->status : Status::fault;
    const bool retry = end && end->retry && !stop.stop_requested();
    // What failed, or was ended, may go on later where it is.
    if (status == Status::succeeded || retry || (end && end->refused && resumption == nullptr))
      workspace->release();
    BuildFinished told{id, status, retry, Clock::now() - build_began};
    if (end) told.artifacts = std::move(end->artifacts);
    events.tell(std::move(told));
    if (!end) return fault(std::move(end.error()), build.failure());
    if (!retry) {
      RunFinished finished = run_finished(plan, status, end->failure, Clock::now() - began);
      finished.left_out += end->skipped;
      events.tell(std::move(finished));
      return Finished{outcome_of(*end), std::move(end->exported)};
    }
    if (attempt == 1 && !workspace->is_copy())
      events.tell(to_event(finding(
          Severity::warning, nullptr, {}, "retry-dirty-tree",
          fmt::format("the build starts again in {}, as the failed attempt left it; the cloud starts from a "
                      "fresh copy of the source",
                      request.source_dir))));
  }
}

}  // namespace buildspec_run
