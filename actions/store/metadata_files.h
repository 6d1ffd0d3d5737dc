// The files that say what an action is, found on disk.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actions/action_provider.h"
#include "actions/action_reference.h"
#include "runner/base/result.h"

namespace buildspec_run {

/// ActionProvider::find_metadata.
Result<std::optional<MetadataFile>> find_metadata_file(const std::string& root, const std::string& directory,
                                                       const std::string& shown);

/// What the action in `directory` uses itself: the repositories that the steps of a composite action name, in their order,
/// each once. Nothing when it is no composite, or when its metadata cannot be read: who lowers it says so.
[[nodiscard]] std::vector<RepositoryReference> references_of_action(const std::string& root,
                                                                    const std::string& directory);

}  // namespace buildspec_run
