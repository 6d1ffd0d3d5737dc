// A .git of its own for a copied work tree.
#pragma once

#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// Makes `<to>/.git` for the copy `to` of the work tree `from`, so that git says there what it says in `from`, and nothing
/// that is done there is seen by `from`: HEAD, index, references, configuration and excludes are copied, objects are
/// borrowed (objects/info/alternates; git never writes to those). A linked work tree and a submodule become a repository
/// that stands alone. Hooks, stashes' logs and what Git LFS keeps are not copied. `from` may have no .git: nothing happens.
Result<void> copy_git(const Path& from, const Path& to);

/// Whether the `.git` in `work_tree` is a repository, or names one that is there. What only looks like one (the work tree of a
/// repository that was moved) is a directory as any other.
[[nodiscard]] bool has_repository(const Path& work_tree);

}  // namespace buildspec_run
