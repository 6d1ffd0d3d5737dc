// Git facts and fetching, by libgit2, in a shared module of its own that is loaded at the first use.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/files.h"
#include "runner/sys/http.h"
#include "runner/sys/tree.h"

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

/// What git says is in a work tree.
struct GitFiles {
  std::vector<std::string> files;       // and links: tracked, or unknown and not ignored; need not be there
  std::vector<std::string> submodules;  // directories
  // Directories that are untracked repositories of their own, or empty.
  std::vector<std::string> repositories;
  std::vector<std::string> ignored;  // directories, when they were asked for
};

class Git {
 public:
  virtual ~Git() = default;
  /// What is in the work tree `root`, relative to it. `with_ignored`: the directories that git ignores, too.
  virtual Result<GitFiles> files(const Path& root, bool with_ignored) = 0;
  /// Facts about the repository that holds `directory`. Not in a repository, or a broken one: all empty, and
  /// `why` (when given) says what was in the way; in no repository at all `why` stays empty.
  virtual GitFacts facts(const Path& directory, std::string* why) = 0;
};

/// The directory that holds the `.git` in `directory` or nearest above it, within one file system (as git
/// looks): answers without loading anything. That `.git` is not read: it may be broken.
[[nodiscard]] std::optional<Path> find_git_root(const Path& directory);

/// A repository somewhere else: what git takes as a URL (https, http, ssh, git, file, `host:path`, a path), and how to reach
/// it.
struct GitRemote {
  std::string url;
  std::string user, password;  // for http and https, when the server asks; empty: none
  HttpSettings settings;       // proxies and certificates
  std::string home;            // for ssh: keys and known hosts are in its .ssh
  bool ssh_agent = false;      // the environment names one
  std::chrono::milliseconds connect_timeout{std::chrono::seconds(30)};
  std::chrono::milliseconds stall_timeout{std::chrono::seconds(100)};  // without a byte
};

/// Fetching. Errors have the code ECANCELED when `stop` came, ETIMEDOUT after a time-out, ENOENT when there is no such
/// repository (or not for us), ECONNREFUSED when there is no such host, nobody listens there, or we are not let in; the URL in a message has lost its credentials. May be called from several threads.
class GitFetcher {
 public:
  using OnProgress = std::function<void(std::size_t objects, std::size_t total_objects, std::size_t bytes)>;
  virtual ~GitFetcher() = default;

  /// Every reference of the remote with its id: "refs/heads/main", "refs/tags/v1", and "refs/tags/v1^{}" for what an
  /// annotated tag stands for.
  virtual Result<std::map<std::string, std::string>> references(const GitRemote& remote,
                                                                std::stop_token stop) = 0;
  /// Fetches `source`, a reference, a full id or a pattern such as "refs/*", with its history (only its last commit where libgit2 is 1.7 or newer and
  /// the server can) into a new bare repository in `directory`, which is empty.
  virtual Result<void> fetch(const GitRemote& remote, const std::string& source, const Path& directory,
                             const OnProgress& on_progress, std::stop_token stop) = 0;
  /// Writes the files of `commit` of a repository on this machine, without those that .gitattributes mark `export-ignore`; a submodule
  /// is an empty directory. Error ENOENT when the commit is not there.
  virtual Result<void> write_tree(const Path& repository, const std::string& commit, TreeWriter& tree) = 0;
  /// Makes `directory`, which is empty, a clone with all branches and tags, and checks out `version`: a branch, a tag or an
  /// id (of seven digits or more); empty: the remote's default branch. No hook and no filter of a repository runs, submodules
  /// stay empty, and credentials of the URL are not written down. The commit. Error ENOENT when there is no such version, too.
  virtual Result<std::string> clone(const GitRemote& remote, const std::string& version,
                                    const Path& directory, const OnProgress& on_progress,
                                    std::stop_token stop) = 0;
};

/// Whether what a GitFetcher says may be otherwise a minute later: after no answer in time, or a server's own fault. Not where
/// there is no such host, listener, repository or version, or we are not let in.
[[nodiscard]] bool may_pass(const Error& error);

/// Loads the module: about 4 ms, most of it libgit2's own libraries; facts take 0.3 ms more. May be called on
/// a thread of its own; so may `facts`. `modules`: absolute path of the directory that the program's shared
/// modules lie in.
Result<std::unique_ptr<Git>> make_git(const Path& modules);
/// The same module, for fetching; reads certificates (9 ms) only when something is fetched over https.
Result<std::unique_ptr<GitFetcher>> make_git_fetcher(const Path& modules);

}  // namespace buildspec_run
