#include "runner/exec/position.h"

#include <vector>

namespace buildspec_run {

Position position_behind(const Plan& plan, const KeptState& state) {
  Position position;
  if (state.label.empty()) return position;
  while (position.phase + 1 < plan.phases.size() && plan.phases[position.phase].name != state.phase)
    ++position.phase;
  const Phase& phase = plan.phases[position.phase];
  position.failure = state.phase_failure;
  const auto index_behind = [&](const std::vector<Task>& tasks) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < tasks.size(); ++i)
      if (tasks[i].label == state.label) return i + 1;
    return std::nullopt;
  };
  if (const std::optional<std::size_t> behind = index_behind(phase.finally)) {
    position.in_finally = true;
    position.next = state.status == Status::succeeded ? *behind : phase.finally.size();
  } else if (!phase.steps.empty()) {
    position.steps = state.steps;
  } else {
    position.in_finally = position.failure.has_value();
    if (!position.in_finally) position.next = index_behind(phase.commands).value_or(phase.commands.size());
  }
  // A phase of which nothing is left has ended.
  const bool is_over = position.in_finally ? position.next >= phase.finally.size()
                                           : phase.steps.empty() && position.next >= phase.commands.size() &&
                                                 phase.finally.empty();
  if (is_over && !position.failure) position = {position.phase + 1, false, 0, {}, std::nullopt};
  return position;
}

}  // namespace buildspec_run
