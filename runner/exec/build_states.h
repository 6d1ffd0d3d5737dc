// What a build hands to the StateLog: each state without its secrets.
#pragma once

#include <string>

#include "runner/base/result.h"
#include "runner/event/secret_places.h"
#include "runner/exec/environment.h"
#include "runner/exec/request.h"
#include "runner/store/state_log.h"

namespace buildspec_run {

class EventStream;
class ShellScope;

/// The secrets of a build, by the names of their variables.
[[nodiscard]] SecretPlaces secret_places(const BuildEnvironment& environment);

class BuildStates {
 public:
  /// Keeps nothing where the request has no log.
  BuildStates(const Request& request, EventStream& events) : request_(request), events_(events) {}

  /// A build begins, or goes on. Texts of `build` are as they are.
  void begin(KeptBuild build, const BuildEnvironment& environment, const ShellScope& scope);
  /// A command or a stage of a step has ended. `state` has its position and statuses, with the texts `beyond_shells` and
  /// `steps` as they are; the rest comes from `scope`.
  void keep(KeptState state, const ShellScope& scope);
  [[nodiscard]] const SecretPlaces& secrets() const noexcept { return secrets_; }

 private:
  void tell(std::string message);

  const Request& request_;
  EventStream& events_;
  SecretPlaces secrets_;
  std::string variables_, lifted_;  // of the last state
  std::uint64_t number_ = 0;
  bool told_ = false;
};

}  // namespace buildspec_run
