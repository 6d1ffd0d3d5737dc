#include <algorithm>

#include "actions/action_reference.h"
#include "actions/lower_action.h"

namespace buildspec_run {
namespace {

// A local action is read when it starts: its pre never runs, and it may have a post (actions.md 3.3, 3.5).
bool has_pre(const StepTask& step) {
  const auto* action = std::get_if<ActionStep>(&step.body);
  return action != nullptr && action->action != nullptr && action->action->pre.has_value();
}

bool has_post(const StepTask& step) {
  const auto* action = std::get_if<ActionStep>(&step.body);
  return action != nullptr && (action->action == nullptr || action->action->post.has_value());
}

}  // namespace

void lower_composite(CompositeRuns runs, LoweredAction& action) {
  auto group = std::make_shared<StepGroup>();
  group->steps = std::move(runs.steps);
  group->outputs = std::move(runs.outputs);
  const bool pre = std::any_of(group->steps.begin(), group->steps.end(), has_pre);
  const bool post = std::any_of(group->steps.begin(), group->steps.end(), has_post);
  action.main = Program{std::shared_ptr<const StepGroup>(std::move(group))};
  if (pre) action.pre = action.main;
  if (post) action.post = action.main;
}

}  // namespace buildspec_run
