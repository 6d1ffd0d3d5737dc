#include <tuple>

#include "actions/lower_action.h"
#include "runner/base/text.h"

namespace buildspec_run {

Result<void> lower_javascript(const NodeRuns& runs, const ActionPlace& place, LoweredAction& action) {
  const auto program = [&](const std::string& script, std::string_view what) -> Result<Program> {
    Result<std::string> path = join_below(place, script, what);
    if (!path) return std::move(path.error());
    return Program{NodeProgram{to_lower(runs.using_version), *std::move(path)}};
  };
  Result<Program> main = program(runs.main, "main");
  if (!main) return std::move(main.error());
  action.main = *std::move(main);
  for (const auto& [script, what, stage] :
       {std::tuple(&runs.pre, "pre", &action.pre), std::tuple(&runs.post, "post", &action.post)}) {
    if (script->empty()) continue;
    Result<Program> lowered = program(*script, what);
    if (!lowered) return std::move(lowered.error());
    *stage = *std::move(lowered);
  }
  return {};
}

}  // namespace buildspec_run
