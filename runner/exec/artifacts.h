// What the cloud would upload of a build: the files that `artifacts` of the buildspec select. Source: buildspec.md 2.10, 3.8.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "runner/event/event.h"
#include "runner/plan/plan.h"

namespace buildspec_run {

/// Looks for what `wanted` selects, from `source_dir` (absolute) on. `*`, `?` and `[…]` stay in one component of a path, `**`
/// stands for any number of them; all take names that begin with a dot. `$NAME` and `${NAME}` are those of `variables`, what
/// the build starts with. Links to files count as files, links to directories are not entered, nor what cannot be read. When
/// `stop` comes it is not whole, and names no problem.
[[nodiscard]] ArtifactOutline select_artifacts(const PlannedArtifacts& wanted, const std::string& source_dir,
                                               const std::map<std::string, std::string>& variables,
                                               const std::stop_token& stop);

}  // namespace buildspec_run
