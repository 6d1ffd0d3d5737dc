// Git, read-only, by libgit2, in a shared module of its own that is loaded at the first use.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// What a repository says about a directory. Every field may be empty: no git fact ever fails a build.
struct GitFacts {
  std::string root;        // absolute path of the work tree that holds the directory
  std::string commit;      // full id of HEAD; empty before the first commit
  std::string branch;      // short name; empty when HEAD is detached
  std::string tag;         // a tag that points at HEAD, the first by name; empty when none does
  std::string remote_url;  // of the branch's upstream remote, else "origin", else the only one; credentials removed
};

class Git {
 public:
  virtual ~Git() = default;
  /// Facts about the repository that holds `directory`. Not in a repository, or a broken one: all empty, and `why`
  /// (when given) says what was in the way; in no repository at all `why` stays empty.
  virtual GitFacts facts(const Path& directory, std::string* why) = 0;
};

/// Whether a `.git` lies in `directory` or above it: answers without loading anything.
[[nodiscard]] std::optional<Path> find_git_root(const Path& directory);

/// Loads the module (8 to 15 ms). `module`: absolute path of the shared module.
Result<std::unique_ptr<Git>> make_git(const Path& module);

}  // namespace buildspec_run
