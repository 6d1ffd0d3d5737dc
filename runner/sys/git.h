// Git, read-only, by libgit2, in a shared module of its own that is loaded at the first use.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// What a repository says about a directory. Every field may be empty: no git fact ever fails a build.
struct GitFacts {
  std::string root;    // absolute path of the work tree that holds the directory
  std::string commit;  // full id of HEAD; empty before the first commit
  std::string branch;  // short name; empty when HEAD is detached
  std::string tag;     // a tag that points at HEAD, the first by name; empty when none does
  std::string
      remote_url;  // of the branch's upstream remote, else "origin", else the only one; credentials removed
};

class Git {
 public:
  virtual ~Git() = default;
  /// Facts about the repository that holds `directory`. Not in a repository, or a broken one: all empty, and
  /// `why` (when given) says what was in the way; in no repository at all `why` stays empty.
  virtual GitFacts facts(const Path& directory, std::string* why) = 0;
};

/// The directory that holds the `.git` in `directory` or nearest above it, within one file system (as git
/// looks): answers without loading anything. That `.git` is not read: it may be broken.
[[nodiscard]] std::optional<Path> find_git_root(const Path& directory);

/// `url` without what may be secret in it: `https://user:token@host/x` becomes `https://host/x`. The user of
/// an ssh address
/// (`git@host:x`, `ssh://git@host/x`) stays, its password does not.
[[nodiscard]] std::string without_credentials(std::string_view url);

/// Loads the module: about 4 ms, most of it libgit2's own libraries; facts take 0.3 ms more. May be called on
/// a thread of its own; so may `facts`. `modules`: absolute path of the directory that the program's shared
/// modules lie in.
Result<std::unique_ptr<Git>> make_git(const Path& modules);

}  // namespace buildspec_run
