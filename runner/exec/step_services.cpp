// GitHub's services for caches and artifacts, as the steps of a job find them. Source: actions.md 3.15; services.md 3, 17.

#include <fmt/core.h>

#include <algorithm>

#include "actions/service/service.h"
#include "runner/exec/environment.h"
#include "runner/exec/step_job.h"

namespace buildspec_run {
namespace {

/// The warning that there are none.
std::string none_because(const Error& error) {
  return fmt::format("there are no services for caches and artifacts: {}", error.message);
}

/// Whose caches they are: those of a repository; of one that is nowhere else, those of its work tree.
std::string repository_of(const DatumObject& github, const GitFacts& git) {
  const auto text = [&](std::string_view name) {
    const Datum* found = github.find(name);
    return found == nullptr ? std::string() : found->to_string();
  };
  const std::string repository = text("repository");
  if (repository.starts_with("local/") && !git.root.empty()) return git.root;
  return fmt::format("{}/{}", text("server_url"), repository);
}

/// `host` is reached without a proxy. @azure/storage-blob asks one even for loopback.
void exempt_from_proxies(std::map<std::string, std::string>& environment, const std::string& host) {
  const bool has_proxy =
      std::ranges::any_of(std::initializer_list<const char*>{"http_proxy", "https_proxy", "all_proxy",
                                                             "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"},
                          [&](const char* name) { return environment.contains(name); });
  if (!has_proxy) return;
  std::string exempt;
  for (const char* name : {"no_proxy", "NO_PROXY"})
    if (const auto found = environment.find(name); exempt.empty() && found != environment.end())
      exempt = found->second;
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    std::string& value = environment.try_emplace(name, exempt).first->second;
    value += (value.empty() ? "" : ",") + host;
  }
}

}  // namespace

void StepJob::add_services(std::map<std::string, std::string>& environment, bool is_container) {
  const StepOptions& options = build_.around.request.steps;
  if (!options.services) return;
  if (!build_.services_tried) {
    build_.services_tried = true;
    const Path own = build_.around.directory / "steps";
    ServiceOptions wanted;
    wanted.modules = build_.around.modules;
    wanted.run = make_uuid();
    wanted.artifacts = options.artifacts.empty() ? own / "_artifacts" : Path(options.artifacts);
    wanted.caches = options.caches.empty() ? own / "_caches" : Path(options.caches);
    wanted.repository = repository_of(github_, build_.around.git);
    Result<std::unique_ptr<ActionService>> services = make_action_service(std::move(wanted));
    if (services)
      build_.services = std::move(*services);
    else
      log_.warning(none_because(services.error()));
  }
  if (build_.services == nullptr) return;
  if (service_token_.empty()) {
    Result<std::string> token = build_.services->begin_job(job_id_, cache_scopes(github_));
    if (!token) return log_.warning(none_because(token.error()));
    service_token_ = std::move(*token);
    events_.masker().add(service_token_);
    events_.masker().add(std::string_view(service_token_).substr(service_token_.rfind('.') + 1));
  }
  const ServiceVariables given = build_.services->variables(service_token_, is_container);
  for (const auto& [name, value] : given.variables) environment[name] = value;
  exempt_from_proxies(environment, given.host);
}

void StepJob::end_services() {
  if (service_token_.empty()) return;
  build_.services->end_job(job_id_);
  const std::optional<Error> failure = build_.services->failure();
  if (failure && !std::exchange(build_.services_failure_told, true)) log_.warning(none_because(*failure));
}

}  // namespace buildspec_run
