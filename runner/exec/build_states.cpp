#include "runner/exec/build_states.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "runner/exec/diagnosed.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/resumption.h"
#include "runner/exec/shell_scope.h"

namespace buildspec_run {

SecretPlaces secret_places(const BuildEnvironment& environment) {
  SecretPlaces places;
  for (const std::string& name : environment.secret_names)
    if (const auto found = environment.variables.find(name); found != environment.variables.end())
      places.add(name, found->second);
  return places;
}

void BuildStates::tell(std::string message) {
  if (std::exchange(told_, true)) return;
  events_.tell(to_event({Severity::note, nullptr, {}, std::move(message), "state-withheld"}));
}

void BuildStates::begin(KeptBuild build, const BuildEnvironment& environment, const ShellScope& scope) {
  secrets_ = secret_places(environment);
  if (request_.states == nullptr) return;
  StateLog& log = *request_.states;
  const Masker& masker = events_.masker();
  KeptRequest asked = *request_.asked;
  for (const auto& [text, variables] : {std::pair(&asked.host, &request_.host_environment),
                                        std::pair(&asked.project, &request_.project_variables),
                                        std::pair(&asked.overrides, &request_.override_variables)})
    *text = secrets_.lift(join_variables(*variables));
  build.variables = secrets_.lift(join_variables(environment.variables));
  const auto holds_secret = [&](const std::string& text) { return masker.contains_secret(text); };
  const std::vector<const std::string*> texts = {
      &asked.host,       &asked.project,        &asked.overrides,  &asked.working_directory,
      &asked.source_dir, &asked.buildspec_name, &asked.buildspec,  &build.variables,
      &build.source_dir, &build.workspace,      &build.script_dir, &build.shell};
  bool found = std::ranges::any_of(texts, [&](const std::string* text) { return holds_secret(*text); }) ||
               std::ranges::any_of(asked.operands, holds_secret);
  for (const auto& [name, values] : asked.options) found = found || std::ranges::any_of(values, holds_secret);
  if (found) {
    tell(
        "no state of this run is kept, so it cannot be resumed: the buildspec, an option, a path or a "
        "variable that is no "
        "secret has a secret in it");
    log.give_up();
    return;
  }
  log.keep(asked);
  log.keep(build);
  number_ = 0;
  variables_.clear();
  lifted_.clear();
  if (request_.resumption != nullptr && build.attempt == request_.resumption->build.attempt) {
    log.keep(request_.resumption->states);
    number_ = request_.resumption->states.back().number + 1;
  } else {
    keep({}, scope);
  }
}

void BuildStates::keep(KeptState state, const ShellScope& scope) {
  if (request_.states == nullptr) return;
  state.number = number_++;
  Result<std::string> variables = scope.environment();
  if (!variables)
    return tell(fmt::format("the state behind {} is not kept: {}", state.label, variables.error().message));
  const Masker& masker = events_.masker();
  // Most commands leave the variables as they are.
  bool withheld = false;
  if (*variables != variables_) {
    std::string lifted = secrets_.lift(*variables);
    withheld = masker.contains_secret(lifted);
    variables_ = withheld ? std::string() : std::move(*variables);
    lifted_ = withheld ? std::string() : std::move(lifted);
  } else {
    withheld = masker.contains_secret(lifted_);  // it may have come up since
  }
  state.variables = lifted_;
  state.directory = secrets_.lift(scope.working_directory());
  state.beyond_shells = secrets_.lift(state.beyond_shells);
  state.steps = secrets_.lift(state.steps);
  for (const std::string* text : {&state.directory, &state.beyond_shells, &state.steps})
    withheld = withheld || masker.contains_secret(*text);
  if (withheld) {
    state.withheld = true;
    state.variables.clear();
    state.directory.clear();
    state.beyond_shells.clear();
    state.steps.clear();
    tell(
        fmt::format("what {} has left holds a secret in a form of its own, or one that came up in this run: "
                    "no process can "
                    "go on from there, as no state with a secret is kept",
                    state.label));
  }
  for (std::optional<BuildFailure>* failure : {&state.failure, &state.phase_failure})
    if (failure->has_value())
      for (std::string BuildFailure::*text :
           {&BuildFailure::text, &BuildFailure::code, &BuildFailure::message})
        (**failure).*text = masker.mask((**failure).*text);
  request_.states->keep(state);
}

}  // namespace buildspec_run
