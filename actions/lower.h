// Steps and actions to the plan.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "actions/action_provider.h"
#include "runner/base/diagnostic.h"
#include "runner/plan/step.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

/// Decodes `steps:` of a buildspec's phase: every key of buildspec.md 5.2, ids generated where none is given (actions.md
/// 3.11), conditions with their implied success(). Actions are not resolved. Findings have ids that begin with `step-` or
/// `expression-`, with a place inside the scalar where the text allows it.
[[nodiscard]] std::vector<StepTask> decode_steps(const SourceText& source, const Node& sequence,
                                                 Diagnostics& found);

/// Resolves what `steps` use, transitively, through `provider`, which fetches. Local actions stay unresolved; a remote one
/// that cannot be had, or whose metadata is wrong, is an error at the step's `uses` with the runner's text. Each action is
/// lowered once however often it is used. `depth`: composite levels above (limit: actions.md 1.3).
void resolve_actions(std::vector<StepTask>& steps, ActionProvider& provider, Diagnostics& found,
                     int depth = 0);

/// Reads and lowers the local action of a step that is about to start, and resolves the remote ones it uses. `workspace` is
/// the root its path counts from. An Error has the runner's text ("Can't find 'action.yml', …").
Result<std::shared_ptr<const LoweredAction>> lower_local_action(const std::string& workspace,
                                                                const LocalReference& reference,
                                                                ActionProvider& provider, int depth = 0);

}  // namespace buildspec_run
