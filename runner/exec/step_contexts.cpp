#include "runner/exec/step_contexts.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "runner/base/json.h"

namespace buildspec_run {
namespace {

// Members of the github context that are no variables of a process. Source: actions.md 6.1.
constexpr std::array kNotExported = {"action_status", "event",         "host-workspace",
                                     "repositoryUrl", "secret_source", "token"};

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

/// A member of members of a payload as text: `event.pull_request.base.ref`. Empty when it is not there.
std::string text_at(const Datum& event, std::initializer_list<std::string_view> path) {
  const Datum* at = &event;
  for (const std::string_view name : path) {
    const DatumObject* object = at->object();
    at = object == nullptr ? nullptr : object->find(name);
    if (at == nullptr) return {};
  }
  return at->array() != nullptr || at->object() != nullptr ? std::string() : at->to_string();
}

std::string or_else(std::string text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : std::move(text);
}

/// A full ref in its three forms.
struct Ref {
  std::string full, name, type;
};
Ref find_ref(const GitFacts& git, const Datum& event) {
  std::string full = text_at(event, {"ref"});
  if (!full.starts_with("refs/")) full.clear();
  if (full.empty() && !git.branch.empty()) full = "refs/heads/" + git.branch;
  if (full.empty() && !git.tag.empty()) full = "refs/tags/" + git.tag;
  for (const auto& [prefix, type] : {std::pair("refs/heads/", "branch"), std::pair("refs/tags/", "tag")})
    if (full.starts_with(prefix)) return {full, full.substr(std::string_view(prefix).size()), type};
  return {full, full.starts_with("refs/") ? full.substr(5) : full, full.empty() ? "" : "branch"};
}

std::string event_name(const StepOptions& options, const Datum& event) {
  if (!options.event_name.empty()) return options.event_name;
  const DatumObject* object = event.object();
  if (object != nullptr && object->find("pull_request") != nullptr) return "pull_request";
  if (object != nullptr && object->find("inputs") != nullptr) return "workflow_dispatch";
  return "push";
}

}  // namespace

RepositoryName repository_name(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    if (url.starts_with("file:")) return {};
    const std::size_t path = url.find('/', scheme + 3);
    url = path == std::string_view::npos ? std::string_view() : url.substr(path + 1);
  } else if (const std::size_t colon = url.find(':');
             colon != std::string_view::npos && url.find('/') > colon) {
    url.remove_prefix(colon + 1);  // git@host:owner/repo
  } else {
    return {};  // a path
  }
  while (url.starts_with('/')) url.remove_prefix(1);
  while (url.ends_with('/')) url.remove_suffix(1);
  if (url.ends_with(".git")) url.remove_suffix(4);
  const std::size_t slash = url.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == url.size()) return {};
  std::string_view owner = url.substr(0, slash);
  owner = owner.substr(owner.rfind('/') + 1);  // npos + 1 is 0
  return {std::string(owner), std::string(url.substr(slash + 1))};
}

Result<Datum> read_event(const StepOptions& options) {
  if (options.event_json.empty()) return Datum(DatumObject());
  Result<Value> value = parse_json(options.event_json);
  if (!value) return std::move(value.error()).in("the event's payload");
  if (value->object() == nullptr) return Error{"the event's payload: a JSON object is expected", {}};
  return to_datum(*value);
}

DatumObject github_context(const JobFacts& facts, const Datum& event, const std::string& token) {
  const Request& request = facts.request;
  const StepOptions& options = request.steps;
  const RepositoryName origin = repository_name(facts.git.remote_url);
  const std::string repository = or_else(text_at(event, {"repository", "full_name"}),
                                         origin.owner.empty() ? "local/" + request.project : origin.full());
  const std::string owner = repository.substr(0, repository.find('/'));
  const Ref ref = find_ref(facts.git, event);
  const std::string actor =
      or_else(options.actor, or_else(text_at(event, {"sender", "login"}), request.initiator));
  const std::string& server = options.server_url;
  const bool is_github = server == "https://github.com";
  const std::string sha = or_else(facts.git.commit, text_at(event, {"after"}));
  const std::string workflow_ref = fmt::format("{}/{}@{}", repository, request.buildspec_name, ref.full);

  DatumObject github;
  github.set("token", token);
  github.set("job", facts.job);
  github.set("ref", ref.full);
  github.set("sha", sha);
  github.set("repository", repository);
  github.set("repository_owner", owner);
  github.set("repository_id", or_else(text_at(event, {"repository", "id"}), "0"));
  github.set("repository_owner_id", or_else(text_at(event, {"repository", "owner", "id"}), "0"));
  github.set("repositoryUrl",
             fmt::format("git://{}/{}.git", server.substr(server.find("://") + 3), repository));
  github.set("run_id", "1");
  github.set("run_number", "1");
  github.set("run_attempt", std::to_string(facts.attempt));
  github.set("retention_days", "90");
  github.set("actor", actor);
  github.set("actor_id", or_else(text_at(event, {"sender", "id"}), "0"));
  github.set("triggering_actor", actor);
  github.set("workflow", request.buildspec_name);
  github.set("workflow_ref", workflow_ref);
  github.set("workflow_sha", sha);
  github.set("head_ref", text_at(event, {"pull_request", "head", "ref"}));
  github.set("base_ref", text_at(event, {"pull_request", "base", "ref"}));
  github.set("event_name", event_name(options, event));
  github.set("event", event);
  github.set("server_url", server);
  github.set("api_url", is_github ? "https://api.github.com" : server + "/api/v3");
  github.set("graphql_url", is_github ? "https://api.github.com/graphql" : server + "/api/graphql");
  github.set("ref_name", ref.name);
  github.set("ref_protected", false);
  github.set("ref_type", ref.type);
  github.set("secret_source", "None");
  github.set("workspace", facts.directories.workspace);
  github.set("action", "");
  github.set("event_path", facts.directories.temp + "/_github_workflow/event.json");
  github.set("action_repository", "");
  github.set("action_ref", "");
  return github;
}

DatumObject runner_context(const JobFacts& facts) {
  DatumObject runner;
#ifdef __APPLE__
  runner.set("os", "macOS");
#else
  runner.set("os", "Linux");
#endif
#if defined(__x86_64__)
  runner.set("arch", "X64");
#elif defined(__aarch64__)
  runner.set("arch", "ARM64");
#elif defined(__i386__)
  runner.set("arch", "X86");
#else
  runner.set("arch", "ARM");
#endif
  runner.set("name", "buildspec-run");
  runner.set("environment", "self-hosted");
  runner.set("tool_cache", facts.directories.tool_cache);
  runner.set("temp", facts.directories.temp);
  const std::string& workspace = facts.directories.workspace;
  const std::size_t slash = workspace.rfind('/');
  runner.set("workspace", slash == 0 || slash == std::string::npos ? "/" : workspace.substr(0, slash));
  if (facts.request.steps.debug) runner.set("debug", "1");
  return runner;
}

DatumObject strategy_context() {
  DatumObject strategy;
  strategy.set("fail-fast", true);
  strategy.set("job-index", 0);
  strategy.set("job-total", 1);
  strategy.set("max-parallel", 1);
  return strategy;
}

DatumObject job_context(const DatumObject& github, std::string_view status) {
  const auto of_github = [&](std::string_view name) {
    const Datum* found = github.find(name);
    return found == nullptr ? Datum() : *found;
  };
  DatumObject job;
  job.set("status", status);
  job.set("workflow_ref", of_github("workflow_ref"));
  job.set("workflow_sha", of_github("workflow_sha"));
  job.set("workflow_repository", of_github("repository"));
  job.set("workflow_file_path", of_github("workflow"));
  return job;
}

std::vector<CacheScope> cache_scopes(const DatumObject& github) {
  const auto text = [&](std::string_view name) {
    const Datum* found = github.find(name);
    return found == nullptr ? std::string() : found->to_string();
  };
  // Outside of a repository there is no ref, and one set of caches.
  std::vector<CacheScope> scopes = {{or_else(text("ref"), "local"), true}};
  const auto add_branch = [&](const std::string& branch) {
    if (branch.empty()) return;
    std::string ref = "refs/heads/" + branch;
    if (std::ranges::none_of(scopes, [&](const CacheScope& scope) { return scope.ref == ref; }))
      scopes.push_back({std::move(ref), false});
  };
  add_branch(text("base_ref"));
  const Datum* event = github.find("event");
  const std::string branch =
      event == nullptr ? std::string() : text_at(*event, {"repository", "default_branch"});
  if (!branch.empty()) {
    add_branch(branch);
  } else {
    add_branch("main");
    add_branch("master");
  }
  return scopes;
}

Datum event_inputs(const Datum& event) {
  const DatumObject* object = event.object();
  const Datum* inputs = object == nullptr ? nullptr : object->find("inputs");
  return inputs == nullptr || inputs->object() == nullptr ? Datum(DatumObject()) : *inputs;
}

std::vector<std::pair<std::string, std::string>> exported_variables(const DatumObject& github) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& [name, value] : github.members()) {
    if (value.string() == nullptr && value.boolean() == nullptr) continue;
    if (std::find(kNotExported.begin(), kNotExported.end(), name) != kNotExported.end()) continue;
    variables.emplace_back("GITHUB_" + upper(name), value.to_string());
  }
  return variables;
}

std::vector<std::pair<std::string, std::string>> runner_variables(const DatumObject& runner) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& [name, value] : runner.members())
    variables.emplace_back("RUNNER_" + upper(name), value.to_string());
  return variables;
}

}  // namespace buildspec_run
