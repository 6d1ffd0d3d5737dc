// Where the store gets what it lacks: by archives from a server such as GitHub, or by git.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "actions/store/store_event.h"
#include "runner/base/result.h"
#include "runner/sys/files.h"
#include "runner/sys/git.h"
#include "runner/sys/http.h"
#include "runner/sys/tree.h"

namespace buildspec_run {

/// How often and how long something is tried. The numbers are the runner's own (actions.md 1.4, 1.5).
struct RetryPolicy {
  int attempts = 3;
  std::chrono::milliseconds wait_least{std::chrono::seconds(10)}, wait_most{std::chrono::seconds(30)};
  std::chrono::milliseconds resolve_timeout{std::chrono::seconds(100)};
  std::chrono::milliseconds download_timeout{std::chrono::minutes(20)};
};

/// Who we are to git servers, and how they are reached.
struct GitAccess {
  std::string token;      // for the server of `token_url` alone; empty: none
  std::string token_url;  // "https://github.com"
  std::string home;       // for ssh
  bool ssh_agent = false;
  HttpSettings settings;
  std::chrono::milliseconds stall_timeout{};

  [[nodiscard]] GitRemote to(const std::string& url) const;
};

/// A repository that is wanted.
struct WantedRepository {
  std::string action;             // "owner/repo", as the buildspec names it: for messages
  std::string ref;                // as the buildspec names it
  std::string owner, repository;  // as the server calls it
  std::string git_url;            // for a git source

  [[nodiscard]] std::string key() const { return action + "@" + ref; }
};

/// May be asked from several threads at once. An Error is what the user sees. It has a code when the
/// machine, the network or the server is at fault rather than the reference; ECANCELED: `stop` came.
class ActionSource {
 public:
  using Tell = std::function<void(StoreEvent)>;
  virtual ~ActionSource() = default;

  /// The commit that `wanted.ref`, which is no full commit id, is now.
  virtual Result<std::string> resolve(const WantedRepository& wanted, const Tell& tell,
                                      std::stop_token stop) = 0;
  /// Writes the files of `commit` into the empty directory `files`; what it needs on the way goes into `partial`.
  virtual Result<TreeSummary> fill(const WantedRepository& wanted, const std::string& commit,
                                   const Path& partial, const Path& files, const Tell& tell,
                                   std::stop_token stop) = 0;
  /// The URL that `fill` gets it from, without credentials.
  [[nodiscard]] virtual std::string address(const WantedRepository& wanted,
                                            const std::string& commit) const = 0;
};

/// Archives by `{api}/repos/{owner}/{repo}/tarball/{sha}`. `server_url`: "https://github.com", or that of a GitHub Enterprise
/// Server. `token` is sent only after an answer 401, 403, 404 or 429 without it, and only to that server and its
/// codeload host. `archive_cache`: the runner's ACTIONS_RUNNER_ACTION_ARCHIVE_CACHE, or empty. `modules`: of the
/// program.
std::unique_ptr<ActionSource> make_archive_source(Path modules, std::string server_url, std::string token,
                                                  std::string archive_cache, HttpSettings settings,
                                                  RetryPolicy policy, TreeLimits limits);

/// Repositories by git, one ref with its history.
std::unique_ptr<ActionSource> make_git_source(Path modules, GitAccess access, RetryPolicy policy,
                                              TreeLimits limits);

/// Draws how long to wait, says so by `say` (in seconds), and waits. False: `stop` came.
bool back_off(const RetryPolicy& policy, const std::function<void(long seconds)>& say,
              const std::stop_token& stop);

/// "x-access-token:<token>" in base64: what a header carries, and so a secret of its own.
[[nodiscard]] std::string basic_credential(std::string_view token);

}  // namespace buildspec_run
