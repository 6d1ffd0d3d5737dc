// What an action turns into, by its kind. Internal to actions/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "actions/action_metadata.h"
#include "runner/base/result.h"
#include "runner/plan/step.h"

namespace buildspec_run {

/// Where an action's files are.
struct ActionPlace {
  std::string root;  // absolute: the repository, or the workspace; nothing the action names may lie outside
  std::string directory;  // absolute: of its metadata
};

/// Whether `path`, taken from `directory`, stays below `root`. By its text alone; what links do, who opens it
/// sees.
[[nodiscard]] bool stays_below(const std::string& root, const std::string& directory, std::string_view path);
/// `path` below `directory`, as GitHub's runner joins them; an Error when it leaves the root. `what` names
/// it.
[[nodiscard]] Result<std::string> join_below(const ActionPlace& place, std::string_view path,
                                             std::string_view what);

/// Each fills pre, main and post of `action`.
[[nodiscard]] Result<void> lower_javascript(const NodeRuns& runs, const ActionPlace& place,
                                            LoweredAction& action);
[[nodiscard]] Result<void> lower_docker(const ContainerRuns& runs, const ActionPlace& place,
                                        LoweredAction& action);
/// A directory that has a Dockerfile and no metadata.
void lower_dockerfile(const std::string& dockerfile, const ActionPlace& place, LoweredAction& action);
/// `docker://image`.
[[nodiscard]] std::shared_ptr<const LoweredAction> lower_image(const std::string& image);
/// The steps' own actions have been set.
void lower_composite(CompositeRuns runs, LoweredAction& action);

}  // namespace buildspec_run
