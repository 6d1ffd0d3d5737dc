// One build: the four phases in order. A phase is its commands, or steps, and then its `finally`; a command is one script of the
// build's ShellScope. Source: buildspec.md section 3.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "runner/base/result.h"
#include "runner/event/controller.h"
#include "runner/event/event.h"
#include "runner/exec/build_clock.h"
#include "runner/exec/build_states.h"
#include "runner/exec/debug_session.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/environment.h"
#include "runner/exec/executor.h"
#include "runner/exec/position.h"
#include "runner/exec/resumption.h"
#include "runner/exec/shell_program.h"
#include "runner/exec/shell_scope.h"
#include "runner/exec/step_runner.h"

namespace buildspec_run {

/// All that is the same for every build of a run.
struct BuildSurroundings {
  const Plan& plan;
  const Request& request;
  const GitFacts& git;
  ProcessRunner& processes;
  Controller& controller;
  EventStream& events;
  std::stop_token stop;
  ShellProgram shell;
  const StepMachine& steps;
  DebugSession* debug = nullptr;  // of the build
};

struct BuildEnd {
  Status status = Status::succeeded;
  bool retry = false;
  bool refused = false;     // DOWNLOAD_SOURCE failed: nothing has run
  std::size_t skipped = 0;  // tasks, as was answered
  std::optional<BuildFailure> failure;
  std::vector<std::pair<std::string, std::string>> exported;
  std::vector<ArtifactOutline> artifacts;  // when UPLOAD_ARTIFACTS would follow
};

/// A mistake that is found before the first command, as the phase context says it.
[[nodiscard]] BuildFailure failure_of(const Diagnostic& error);

/// One build.
class Build {
  using Clock = std::chrono::steady_clock;

 public:
  /// `shell`: the program to start scripts with. `resumption`: what the build goes on with; nullptr: it begins.
  Build(const BuildSurroundings& run, BuildIdentity identity, ShellScope scope, Path shell,
        const Resumption* resumption, std::string workspace)
      : run_(run),
        identity_(std::move(identity)),
        scope_(std::move(scope)),
        shell_(std::move(shell)),
        workspace_(std::move(workspace)),
        resumption_(resumption),
        deadline_(run.debug->clock().now() + run.request.build_timeout),
        states_(run.request, run.events) {}

  Result<BuildEnd> execute();
  /// What failed first; after an Error, the command that met it.
  [[nodiscard]] const std::optional<BuildFailure>& failure() const noexcept { return end_.failure; }

 private:
  Result<bool> download_source();
  Result<void> begin_states();
  void keep_position(const Phase& phase, const std::string& label, Status status,
                     const std::optional<BuildFailure>& failure, std::string steps = {});
  Result<Status> run_phase(const Phase& phase, const Position& from);
  Result<Status> run_list(const Phase& phase, const std::vector<Task>& tasks, std::size_t first,
                          BuildTime deadline, std::stop_token stop, std::optional<BuildFailure>& failure);
  Result<Status> run_steps(const Phase& phase, const std::string& saved, BuildTime deadline,
                           std::optional<BuildFailure>& failure);
  Result<Status> run_task(const Phase& phase, const Task& task, const std::string& text, BuildTime deadline,
                          std::stop_token stop, std::optional<BuildFailure>& failure);
  Result<void> run_script(const Phase& phase, const Task& task, const std::string& text, BuildTime deadline,
                          std::stop_token stop, TaskFinished& finished, std::string& reason);
  [[nodiscard]] InteractiveShell shell_in(ShellScope::State state, const Phase& phase) const;
  Answer ask_before(const Phase& phase, const Task& task, const std::string& text,
                    const std::stop_token& stop);
  Answer ask_after(const Phase& phase, const TaskFinished& finished, const std::stop_token& stop);
  Result<void> keep_state(const Task& task, Status status);
  Result<std::map<std::string, std::string>> read_state(std::string_view what);
  Result<StepVariables> step_variables();
  Result<void> keep_step_variables(const std::map<std::string, std::string>& changed);
  Result<void> collect_exported();
  void tell_artifacts();
  void look_at_artifacts();

  std::string time_out_hint(BuildTime began, const Phase& phase) const;
  /// Whether what runs until `deadline` is at its end.
  [[nodiscard]] bool is_over(BuildTime deadline) const { return run_.debug->clock().now() >= deadline; }
  [[nodiscard]] Place place(SourceRange where) const { return place_of(*run_.plan.source, where); }

  const BuildSurroundings& run_;
  BuildIdentity identity_;
  ShellScope scope_;
  Path shell_;
  std::string workspace_;  // directory of the copy
  const Resumption* resumption_;
  BuildTime deadline_;
  BuildEnvironment environment_;
  std::optional<StepRunner> steps_;                   // since the first phase of steps
  std::map<std::string, std::string> beyond_shells_;  // of steps, by names that no shell can hold
  bool succeeding_ = true;
  bool aborted_ = false;  // by the controller
  Clock::time_point phase_began_;
  std::optional<BuildTime> phase_limit_;
  BuildEnd end_;
  BuildStates states_;
  Position start_;
};

}  // namespace buildspec_run
