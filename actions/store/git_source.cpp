#include <fmt/format.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "actions/store/action_source.h"
#include "actions/store/remote_name.h"
#include "runner/base/text.h"
#include "runner/sys/digest.h"
#include "runner/sys/url.h"

namespace buildspec_run {
namespace {

Error canceled() { return Error{"stopped", std::make_error_code(std::errc::operation_canceled)}; }

class GitSource : public ActionSource {
 public:
  GitSource(Path modules, GitAccess access, RetryPolicy policy, TreeLimits limits)
      : modules_(std::move(modules)), access_(std::move(access)), policy_(policy), limits_(limits) {}

  Result<std::string> resolve(const WantedRepository& wanted, const Tell& tell,
                              std::stop_token stop) override {
    Result<References> references = references_of(wanted, tell, stop);
    if (!references) return std::move(references.error());
    // In the order of actions.md 1.4.
    for (const std::string& name :
         {"refs/tags/" + wanted.ref + "^{}", "refs/tags/" + wanted.ref, "refs/heads/" + wanted.ref})
      if (const auto found = references->find(name); found != references->end()) return found->second;
    if (is_short_commit(wanted.ref))
      for (const auto& [name, id] : *references)
        if (id.starts_with(to_lower(wanted.ref)))
          return Error{fmt::format(
              "Unable to resolve action '{}', the provided ref '{}' is the shortened version of a "
              "commit SHA, which is not supported. Please use the full commit SHA '{}' instead.",
              wanted.key(), wanted.ref, id)};
    return Error{
        fmt::format("Unable to resolve action '{}', unable to find version '{}'", wanted.key(), wanted.ref)};
  }

  Result<TreeSummary> fill(const WantedRepository& wanted, const std::string& commit, const Path& partial,
                           const Path& files, const Tell& tell, std::stop_token stop) override {
    Result<References> references = references_of(wanted, tell, stop);
    if (!references) return std::move(references.error());
    const std::string url = address(wanted, commit);
    Error last;
    for (const std::string& source : sources_of(*references, commit)) {
      for (int attempt = 1;; ++attempt) {
        Result<TreeSummary> tree = fetch(wanted, source, commit, partial, files, tell, stop);
        if (tree) return tree;
        if (stop.stop_requested()) return canceled();
        // The tree itself is at fault, or the disk: nothing else will do.
        if (tree.error().code == std::errc::no_space_on_device ||
            tree.error().message.starts_with("entry ") || tree.error().message.starts_with("write entry "))
          return Error{fmt::format("fetch {}: {}", wanted.key(), tree.error().message), tree.error().code};
        last = std::move(tree.error());
        // That a server does not give a commit by its id is no accident that passes.
        if (attempt >= policy_.attempts || source == commit || !may_pass(last) ||
            local_repository(wanted.git_url))
          break;
        tell({StoreEvent::Kind::warning, wanted.key(),
              fmt::format("Failed to download action '{}'. Error: {}", url, last.message)});
        if (!wait(wanted, "Back off {} seconds before retry.", StoreEvent::Kind::warning, tell, stop))
          return canceled();
      }
    }
    // That the commit is not there is the reference's fault.
    if (last.code == std::errc::no_such_file_or_directory) last.code = {};
    return Error{fmt::format("{}. Failed to fetch commit {} of '{}'.", last.message, commit, url), last.code};
  }

  std::string address(const WantedRepository& wanted, const std::string&) const override {
    return without_credentials(wanted.git_url);
  }

 private:
  using References = std::map<std::string, std::string>;

  /// What may bring `commit`: a reference that is it; where none is, the commit by its id, and from a server that gives
  /// none by its id, everything.
  static std::vector<std::string> sources_of(const References& references, const std::string& commit) {
    for (const auto& [name, id] : references)
      if (id == commit && name.starts_with("refs/")) return {name.substr(0, name.find("^{}"))};
    return {commit, "refs/*"};
  }

  /// The repository on this machine that `url` names: it need not be fetched.
  static std::optional<Path> local_repository(std::string_view url) {
    constexpr std::string_view kFile = "file://";
    if (url.starts_with(kFile)) url.remove_prefix(kFile.size());
    if (!url.starts_with("/")) return std::nullopt;
    return Path(url);
  }

  Result<GitFetcher*> fetcher() {
    const std::lock_guard guard(mutex_);
    if (!fetcher_) {
      Result<std::unique_ptr<GitFetcher>> made = make_git_fetcher(modules_);
      if (!made) return std::move(made.error());
      fetcher_ = std::move(*made);
    }
    return fetcher_.get();
  }

  bool wait(const WantedRepository& wanted, std::string_view text, StoreEvent::Kind kind, const Tell& tell,
            const std::stop_token& stop) const {
    return back_off(
        policy_,
        [&](long seconds) {
          tell({kind, wanted.key(), fmt::format(fmt::runtime(text), seconds)});
        },
        stop);
  }

  Result<References> references_of(const WantedRepository& wanted, const Tell& tell,
                                   const std::stop_token& stop) {
    const auto not_there = [&] {
      return Error{fmt::format("Unable to resolve action '{}', repository not found ({})", wanted.action,
                               without_credentials(wanted.git_url))};
    };
    // A directory that is not there does not come by waiting.
    std::error_code unknown;
    if (const std::optional<Path> local = local_repository(wanted.git_url))
      if (!std::filesystem::exists(*local, unknown) && !unknown) return not_there();
    Result<GitFetcher*> git = fetcher();
    if (!git) return std::move(git.error());
    for (int attempt = 1;; ++attempt) {
      Result<References> references = (*git)->references(access_.to(wanted.git_url), stop);
      if (references) return references;
      if (stop.stop_requested()) return canceled();
      const Error& why = references.error();
      if (why.code == std::errc::no_such_file_or_directory) return not_there();
      if (attempt >= policy_.attempts || !may_pass(why))
        return Error{why.message + "\nFailed to resolve action download info.", why.code};
      tell({StoreEvent::Kind::line, wanted.key(),
            fmt::format("Failed to resolve action download info. Error: {}", why.message)});
      if (!wait(wanted, "Retrying in {} seconds", StoreEvent::Kind::line, tell, stop)) return canceled();
    }
  }

  Result<TreeSummary> fetch(const WantedRepository& wanted, const std::string& source,
                            const std::string& commit, const Path& partial, const Path& files,
                            const Tell& tell, const std::stop_token& stop) {
    Result<GitFetcher*> git = fetcher();
    if (!git) return std::move(git.error());
    const std::optional<Path> local = local_repository(wanted.git_url);
    const Path repository = local ? *local : partial / "repository";
    for (const Path& directory : local ? std::vector{files} : std::vector{repository, files}) {
      if (Result<void> gone = remove_tree(directory); !gone) return std::move(gone.error());
      if (Result<void> made = make_directories(directory); !made) return std::move(made.error());
    }
    const auto progress = [&](std::size_t, std::size_t, std::size_t bytes) {
      tell({StoreEvent::Kind::progress, wanted.key(), "", bytes});
    };
    if (!local)
      if (Result<void> done = (*git)->fetch(access_.to(wanted.git_url), source, repository, progress, stop);
          !done)
        return std::move(done.error());
    Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules_);
    if (!sha256) return std::move(sha256.error());
    Result<std::unique_ptr<TreeWriter>> tree = make_tree_writer(files, std::move(*sha256), limits_);
    if (!tree) return std::move(tree.error());
    if (Result<void> done = (*git)->write_tree(repository, commit, **tree); !done)
      return std::move(done.error());
    return (*tree)->finish();
  }

  const Path modules_;
  const GitAccess access_;
  const RetryPolicy policy_;
  const TreeLimits limits_;
  std::mutex mutex_;
  std::unique_ptr<GitFetcher> fetcher_;
};

}  // namespace

GitRemote GitAccess::to(const std::string& url) const {
  GitRemote remote;
  remote.url = url;
  const std::string origin = origin_of(url);
  if (!token.empty() && !origin.empty() && origin == origin_of(token_url)) {
    remote.user = "x-access-token";
    remote.password = token;
  }
  remote.settings = settings;
  remote.home = home;
  remote.ssh_agent = ssh_agent;
  remote.stall_timeout = stall_timeout;
  return remote;
}

std::unique_ptr<ActionSource> make_git_source(Path modules, GitAccess access, RetryPolicy policy,
                                              TreeLimits limits) {
  return std::make_unique<GitSource>(std::move(modules), std::move(access), policy, limits);
}

}  // namespace buildspec_run
