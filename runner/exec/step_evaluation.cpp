#include "runner/exec/hash_files.h"
#include "runner/exec/step_job.h"
#include "runner/sys/digest.h"

namespace buildspec_run {

Datum StepEvaluation::context(std::string_view name) {
  if (name == "env") return env;
  if (name == "github") return github;
  if (name == "steps") return *scope_.steps;
  if (name == "inputs") return scope_.inputs;
  if (name == "runner") return job_.runner_;
  if (name == "job")
    return job_context(github, to_string(as_cancelled ? StepStatus::cancelled : job_.status_));
  if (name == "secrets") return job_.secrets_;
  if (name == "vars") return job_.vars_;
  if (name == "strategy") return strategy_context();
  if (name == "needs") return DatumObject();
  return {};
}

// Source: actions.md 3.2, 3.5.
bool StepEvaluation::status(std::string_view function) {
  if (function == "always") return true;
  if (function == "cancelled") return as_cancelled || job_.status_ == StepStatus::cancelled;
  const StepStatus now = as_cancelled             ? StepStatus::cancelled
                         : scope_.uses_own_status ? scope_.status
                                                  : job_.status_;
  return function == "success" ? now == StepStatus::success : now == StepStatus::failure;
}

Result<std::string> StepEvaluation::hash_files(std::span<const std::string> patterns) {
  const StepSurroundings& around = job_.build_.around;
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(around.modules);
  if (!sha256) return std::move(sha256.error());
  HashFilesRequest request;
  request.workspace = job_.build_.directories.workspace;
  request.home = job_.inherited("HOME").value_or("");
  request.patterns = patterns;
  request.trace = [&](std::string_view line) { job_.log_.debug(line); };
  return buildspec_run::hash_files(request, **sha256, job_.stop_);
}

}  // namespace buildspec_run
