// The steps of a phase, as GitHub's runner runs those of a job. Source: actions.md section 3.
//
// A phase of steps is one job: the pre stages of all its steps, the steps, and the post stages in reverse order of their
// registration. Job status, `steps` context, problem matchers and state belong to it; directories, RUNNER_TEMP and all,
// to the whole build, for later phases may be told of files in them by GITHUB_ENV.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "actions/action_provider.h"
#include "actions/service/artifacts.h"
#include "runner/base/result.h"
#include "runner/event/controller.h"
#include "runner/event/event.h"
#include "runner/exec/build_clock.h"
#include "runner/exec/request.h"
#include "runner/plan/plan.h"
#include "runner/sys/git.h"
#include "runner/sys/process.h"

namespace buildspec_run {

class DebugSession;
class EventStream;

/// What the steps of a phase start from, and what they leave.
struct StepVariables {
  /// Of the host: in processes, below the env context. Its PATH is the one that programs are looked up on.
  std::map<std::string, std::string> inherited;
  std::map<std::string, std::string> env;      // the env context of the job
  std::map<std::string, std::string> secrets;  // the secrets context
  std::set<std::string> unshown;               // of env: the agent's own, which no step's header lists
};

/// The first step that failed the job.
struct StepFailure {
  std::string label, name, reason;
  SourceRange where;
};

struct StepsEnd {
  Status status = Status::succeeded;
  std::optional<StepFailure> failure;  // of a job that failed
  bool aborted = false;                // by the controller
  std::size_t skipped = 0;             // steps, by the controller
  /// What later commands and phases are to see: GITHUB_ENV, and PATH when GITHUB_PATH changed it.
  std::map<std::string, std::string> changed;
};

/// All that is the same for every phase of a build.
struct StepSurroundings {
  const Request& request;
  const GitFacts& git;
  ProcessRunner& processes;
  Controller& controller;
  EventStream& events;
  ActionProvider& actions;
  Path directory;   // of the build: steps keep their files in a directory of their own below it
  Path supervisor;  // the program; mounted into a container when what another left has to be given back
  Path modules;     // of the program: where its shared modules lie
  int attempt;
  DebugSession& debug;
  /// Gets what the job is when a stage has ended, for `saved` of a later process. nullptr: nobody asks.
  using OnStage = std::function<void(const std::string& label, Status status, const std::string& job)>;
  OnStage keep = {};
};

class StepRunner {
 public:
  explicit StepRunner(StepSurroundings around);
  ~StepRunner();
  StepRunner(StepRunner&&) noexcept;

  /// Runs the steps of `phase` to the end of the last post stage. `deadline`: the build's or the phase's, which ends
  /// everything at once, as in the cloud. A stop cancels the job: what asks to run all the same still runs. An Error:
  /// the machine could not. `saved`: goes on with the job that `keep` got this of; empty: it begins.
  Result<StepsEnd> run(const Phase& phase, StepVariables variables, BuildTime deadline, std::stop_token stop,
                       const std::string& saved = {});

  /// Who gets what the job is behind each stage from now on.
  void on_stage(StepSurroundings::OnStage keep);

  /// What the steps have uploaded, to the end of the build.
  [[nodiscard]] std::vector<UploadedArtifact> artifacts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace buildspec_run
