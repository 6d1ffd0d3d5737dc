// Where in its plan a build goes on.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "runner/plan/plan.h"
#include "runner/store/state_log.h"

namespace buildspec_run {

/// Where a build goes on: in a phase, at a command of one of its lists, or in its steps.
struct Position {
  std::size_t phase = 0;
  bool in_finally = false;
  std::size_t next = 0;                 // of the list
  std::string steps;                    // the job of the steps, as it was kept
  std::optional<BuildFailure> failure;  // of the phase
};

/// What follows `state` in the plan, which may have become another one behind it.
[[nodiscard]] Position position_behind(const Plan& plan, const KeptState& state);

}  // namespace buildspec_run
