// buildspec.lock: which commit, and which files, each action of a buildspec is. Kept beside the buildspec, and committed
// with it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"

namespace buildspec_run {

inline constexpr std::string_view kLockFileName = "buildspec.lock";

struct LockedAction {
  std::string commit;  // full id
  std::string digest;  // of the tree: TreeSummary::digest
  bool operator==(const LockedAction&) const = default;
};

struct LockFile {
  std::map<std::string, LockedAction> actions;  // by "owner/repo@ref"; also those that actions use themselves
  bool operator==(const LockFile&) const = default;
};

/// Reads a lock file. What is wrong is an error `lock-file` with its place; then the rest is still read.
[[nodiscard]] LockFile decode_lock_file(const SourceText& source, Diagnostics& found);

/// The text of a lock file: YAML, sorted, so that a change shows in a diff as what it is.
[[nodiscard]] std::string to_text(const LockFile& lock);

}  // namespace buildspec_run
