#include "runner/exec/secondary_source.h"

#include <fmt/core.h>

#include <memory>
#include <system_error>
#include <utility>

#include "actions/store/action_source.h"
#include "actions/store/action_store.h"
#include "runner/exec/diagnosed.h"
#include "runner/sys/git.h"
#include "runner/sys/url.h"

namespace buildspec_run {
namespace {

Result<std::string> clone(GitFetcher& git, const std::string& id, const SecondarySource& source,
                          const Request& request, EventStream& events, const std::stop_token& stop) {
  const Path directory = source.directory;
  for (int attempt = 1;; ++attempt) {
    if (Result<void> gone = remove_tree(directory); !gone) return std::move(gone.error());
    if (Result<void> made = make_directories(directory, 0755); !made) return std::move(made.error());
    const auto progress = [&](std::size_t, std::size_t, std::size_t) { events.tick(); };
    Result<std::string> commit =
        git.clone(git_access(request.actions).to(source.url), source.version, directory, progress, stop);
    if (commit || stop.stop_requested()) return commit;
    if (!may_pass(commit.error()) || attempt >= request.actions.retry.attempts) return commit;
    const auto say = [&](long seconds) {
      events.tell(to_event({Severity::warning,
                            nullptr,
                            {},
                            fmt::format("secondary source {}: {}; it is tried again in {} seconds", id,
                                        commit.error().message, seconds),
                            "secondary-source-retried"}));
    };
    if (!back_off(request.actions.retry, say, stop)) return commit;
  }
}

}  // namespace

Result<void> clone_secondary_sources(Request& request, const Path& directory, const Path& modules,
                                     EventStream& events, std::stop_token stop) {
  std::unique_ptr<GitFetcher> git;
  for (auto& [id, source] : request.secondary_sources) {
    if (source.url.empty()) continue;
    const auto wrong = [&, name = id](Error error) {
      return std::move(error).in(fmt::format("clone secondary source {}", name));
    };
    if (request.actions.offline)
      return wrong(Error{without_credentials(source.url) + ": --offline asks nobody", {}});
    if (git == nullptr) {
      Result<std::unique_ptr<GitFetcher>> made = make_git_fetcher(modules);
      if (!made) return wrong(std::move(made.error()));
      git = std::move(*made);
    }
    for (const std::string& secret : secrets_of(request.actions)) events.masker().add(secret);
    if (const std::string_view secret = secret_of_url(source.url); !secret.empty())
      events.masker().add(std::string(secret));
    source.directory = (directory / "secondary" / id).native();
    Result<std::string> commit = clone(*git, id, source, request, events, stop);
    if (!commit) return wrong(std::move(commit.error()));
    source.commit = std::move(*commit);
    events.tell(to_event({Severity::note,
                          nullptr,
                          {},
                          fmt::format("secondary source {}: {} at commit {}", id,
                                      without_credentials(source.url), source.commit),
                          "secondary-source-cloned"}));
  }
  return {};
}

}  // namespace buildspec_run
