// Steps and actions to the plan.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actions/action_provider.h"
#include "runner/base/diagnostic.h"
#include "runner/plan/plan.h"
#include "runner/plan/step.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

/// Decodes `steps:` of a buildspec's phase: the keys of step_keys(), ids generated where none is given
/// (actions.md 3.11), conditions with their implied success(). Of other keys nothing is said. Actions are not
/// resolved. A step that cannot run is left out. All findings are errors and warnings as in a run; what
/// GitHub has and CodeBuild has not is `parity-…`, each kind once. Places are inside the scalar where the
/// text allows it.
[[nodiscard]] std::vector<StepTask> decode_steps(const SourceText& source, const Node& sequence,
                                                 Diagnostics& found);

/// Resolves what the steps of all phases use that are not left out, transitively, through `provider`, which fetches; it hears of
/// those of one level before the first is asked for. Local actions stay unresolved. What cannot be had is an
/// error at the step's `uses`, with the runner's words: `action-unavailable` is the machine's (no network),
/// all others are the reference's or the action's: `action-unresolvable`, `action-not-found`,
/// `action-metadata`, `action-path-outside`, `action-depth`, `action-self-reference`. Each action is lowered
/// once however often it is used.
void resolve_actions(Plan& plan, ActionProvider& provider, Diagnostics& found);

/// Reads and lowers the local action of a step that is about to start, and resolves the remote ones it uses.
/// `workspace` is the root its path counts from, and which it may not leave. `depth`: lists of steps above
/// the step's own (limit: actions.md 1.3). An Error has the runner's text ("Can't find 'action.yml', …"), one
/// line for each mistake in the metadata.
Result<std::shared_ptr<const LoweredAction>> lower_local_action(const std::string& workspace,
                                                                const LocalReference& reference,
                                                                ActionProvider& provider, int depth = 0);

}  // namespace buildspec_run
