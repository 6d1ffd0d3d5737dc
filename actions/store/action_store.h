// The actions of a build: resolved, fetched, kept and checked against the lock. Nothing is loaded and nothing asked of the
// network before a remote action that is not in the store is wanted.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "actions/action_provider.h"
#include "actions/store/action_source.h"
#include "actions/store/lock_file.h"
#include "actions/store/store_event.h"
#include "runner/base/diagnostic.h"
#include "runner/plan/step.h"

namespace buildspec_run {

/// "owner/repo=DIR": the directory stands for every ref of the repository.
struct ActionReplacement {
  std::string name;       // "owner/repo"
  std::string directory;  // absolute
};

/// "FROM=TO": where a repository is had from. The first that matches counts.
struct ActionRewrite {
  std::string from;  // "owner/repo", "owner/*", "*"
  std::string
      to;  // "owner/repo" on the same server, or a URL or path that git takes; {owner} and {repo} are filled in
};
/// An Error says what is wrong with the text.
Result<ActionRewrite> parse_action_rewrite(std::string_view text);
/// One rewrite a line; blank lines and lines that begin with '#' say nothing.
Result<std::vector<ActionRewrite>> parse_action_rewrites(std::string_view text);
/// `base`: what a relative DIR counts from.
Result<ActionReplacement> parse_action_replacement(std::string_view text, const Path& base);

struct ActionStoreOptions {
  std::string modules;                            // directory of the program's shared modules
  std::string cache;                              // absolute: the store on disk
  std::string github_url = "https://github.com";  // or that of a GitHub Enterprise Server
  std::string url_template;  // by git instead: "https://mirror/{owner}/{repo}.git"; empty: not
  std::vector<ActionRewrite> rewrites;
  std::vector<ActionReplacement> replacements;
  bool offline = false;  // nothing is asked of the network
  bool locked = false;   // every action must be in the lock
  /// The files of a locked action that was fetched earlier are read and held against the lock, too: a store is shared,
  /// and what once was fetched may have been changed since. Off, the digest noted when it was fetched is believed.
  bool check_files = false;
  std::string lock_file;      // absolute; what is not there locks nothing; empty: none is looked for
  std::string token;          // GITHUB_TOKEN, or empty
  std::string archive_cache;  // ACTIONS_RUNNER_ACTION_ARCHIVE_CACHE, or empty
  std::string home;           // for ssh
  bool ssh_agent = false;
  HttpSettings network;  // proxies and certificates
  RetryPolicy retry;
  TreeLimits limits;
  std::size_t parallel = 8;  // downloads at once
};

/// `<cache home>/buildspec-run/actions`, by XDG_CACHE_HOME and HOME; empty when there is neither.
[[nodiscard]] std::string default_action_cache(const std::map<std::string, std::string>& environment);
/// What the environment says: token, archive cache, no waiting between attempts, network, home, default cache.
[[nodiscard]] ActionStoreOptions action_store_options(const std::map<std::string, std::string>& environment);
/// How `options` have git servers reached.
[[nodiscard]] GitAccess git_access(const ActionStoreOptions& options);
/// What must never be shown of `options`.
[[nodiscard]] std::vector<std::string> secrets_of(const ActionStoreOptions& options);

/// All calls on one thread; `prefetch` uses others inside.
class ActionStore : public ActionProvider {
 public:
  /// One repository at one ref that was asked for.
  struct Used {
    RepositoryReference reference;  // without its path
    bool pinned = false;            // the ref is a full commit
    bool in_lock = false;
    bool replaced = false;       // a directory stands for it: no commit, no digest
    std::string commit, digest;  // empty when it could not be had
    std::string directory;
  };
  /// Fetches these, and what they use, and so on, several at once. What fails, fails again in `fetch`.
  void prefetch(std::span<const RepositoryReference> references) override = 0;
  /// Everything asked for so far, in the order of its keys.
  [[nodiscard]] virtual std::vector<Used> used() const = 0;
  /// The lock that was read; nullptr when there is none.
  [[nodiscard]] virtual const LockFile* lock() const = 0;
  /// What a tag or branch is now, whatever the lock and the memory say.
  virtual Result<std::string> resolve_anew(const RepositoryReference& reference) = 0;
};

/// `on_event` is called on the thread that calls the store. What is wrong with the lock file is in `found`, whose texts
/// the store owns: it outlives them. `stop` ends what the network does.
std::unique_ptr<ActionStore> make_action_store(ActionStoreOptions options, OnStoreEvent on_event,
                                               Diagnostics& found, std::stop_token stop);

/// A warning `action-unpinned` at each of `steps` whose action is named by a tag or branch that nothing pins; `store` has
/// fetched them.
void report_unpinned(const std::vector<StepTask>& steps, const ActionStore& store, Diagnostics& found);

/// What a new lock holds: all that `store` has fetched. An Error when something could not be had.
Result<LockFile> lock_of(const ActionStore& store);

}  // namespace buildspec_run
