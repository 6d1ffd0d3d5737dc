// What the contexts of a job hold that is the same for all its steps, and what processes see of them. Source: actions.md
// 6.1 to 6.3, 6.5.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actions/expr/datum.h"
#include "actions/service/runtime_token.h"
#include "runner/base/result.h"
#include "runner/exec/request.h"
#include "runner/sys/git.h"

namespace buildspec_run {

/// "owner" and "repo" of a remote's address ("https://host/owner/repo.git", "git@host:owner/repo"); both empty when it
/// names none.
struct RepositoryName {
  std::string owner, name;
  [[nodiscard]] std::string full() const { return owner.empty() ? std::string() : owner + "/" + name; }
};
[[nodiscard]] RepositoryName repository_name(std::string_view remote_url);

/// Where a job's files are. All absolute.
struct JobDirectories {
  std::string workspace;
  std::string temp;        // RUNNER_TEMP
  std::string tool_cache;  // RUNNER_TOOL_CACHE
};

struct JobFacts {
  const Request& request;
  const GitFacts& git;
  std::string job;  // "build": github.job
  int attempt = 1;
  JobDirectories directories;
};

/// The payload of the event: what `--event` gave, else {}. An Error: it is no JSON object.
Result<Datum> read_event(const StepOptions& options);

/// The github context of the job, without what each step has of its own. `token`: github.token.
[[nodiscard]] DatumObject github_context(const JobFacts& facts, const Datum& event, const std::string& token);
[[nodiscard]] DatumObject runner_context(const JobFacts& facts);
[[nodiscard]] DatumObject strategy_context();
/// `status`: "success", "failure", "cancelled".
[[nodiscard]] DatumObject job_context(const DatumObject& github, std::string_view status);
/// Whose caches a job reads: its own ref's, which it alone writes, those of the branch that a pull request goes to, and the
/// default branch's (what the event says, else main and master). Source: services.md 4.3.
[[nodiscard]] std::vector<CacheScope> cache_scopes(const DatumObject& github);
/// The inputs of a workflow_dispatch event.
[[nodiscard]] Datum event_inputs(const Datum& event);

/// GITHUB_… of the members of `github` that processes see (strings and booleans; 6.1).
[[nodiscard]] std::vector<std::pair<std::string, std::string>> exported_variables(const DatumObject& github);
/// RUNNER_… of all members of `runner`.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> runner_variables(const DatumObject& runner);

}  // namespace buildspec_run
