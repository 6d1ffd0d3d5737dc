#include "runner/exec/step_runner.h"

#include <fmt/core.h>

#include "runner/exec/step_job.h"

namespace buildspec_run {

struct StepRunner::State {
  StepBuild build;
};

StepRunner::StepRunner(StepSurroundings around)
    : state_(std::make_unique<State>(State{StepBuild(std::move(around))})) {
  StepBuild& build = state_->build;
  const StepOptions& options = build.around.request.steps;
  const Path directory = build.around.directory / "steps";
  build.directories.workspace = build.around.request.source_dir;
  build.directories.temp = (directory / "_temp").native();
  build.directories.tool_cache =
      options.tool_cache.empty() ? (directory / "_tool").native() : options.tool_cache;
}

StepRunner::~StepRunner() = default;
StepRunner::StepRunner(StepRunner&&) noexcept = default;

std::vector<UploadedArtifact> StepRunner::artifacts() const {
  const std::unique_ptr<ActionService>& services = state_->build.services;
  return services == nullptr ? std::vector<UploadedArtifact>() : services->artifacts();
}

void StepRunner::on_stage(StepSurroundings::OnStage keep) { state_->build.around.keep = std::move(keep); }

Result<StepsEnd> StepRunner::run(const Phase& phase, StepVariables variables, BuildTime deadline,
                                 std::stop_token stop, const std::string& saved) {
  StepBuild& build = state_->build;
  if (!build.prepared) {
    Result<Datum> event = read_event(build.around.request.steps);
    if (!event) return std::move(event.error());
    build.event_json = to_expression_json(*event);
    build.event = std::move(*event);
    if (Result<void> made = make_job_directories(build.directories.temp); !made)
      return std::move(made.error()).in("make the directories of the steps");
    build.prepared = true;
  }
  StepJob job(build, phase, std::move(variables), deadline, std::move(stop));
  if (!saved.empty())
    if (Result<void> restored = job.restore(saved); !restored) return std::move(restored.error());
  return job.run();
}

}  // namespace buildspec_run
