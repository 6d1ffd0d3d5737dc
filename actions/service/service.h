// GitHub's services for actions, on this machine: an HTTP server on loopback that actions/cache, actions/upload-artifact and
// their kin take for GitHub's. Source: services.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actions/service/artifacts.h"
#include "actions/service/cache_index.h"
#include "runner/base/result.h"

namespace buildspec_run {

struct ServiceOptions {
  Path modules;            // where the program's shared modules lie
  std::string run;         // a UUID: what artifacts belong to
  Path artifacts;          // the directory for them, made when the first comes
  Path caches;             // the directory of all caches
  std::string repository;  // whose caches they are; any text
  CacheLimits limits;
};

/// What a step's process gets of the services.
struct ServiceVariables {
  std::vector<std::pair<std::string, std::string>> variables;
  std::string host;  // what must not go through a proxy
};

/// The services while they run. Destroyed: nothing listens any more, and what was not finished is gone.
class ActionService {
 public:
  virtual ~ActionService() = default;
  /// A token for a new job, `job` being a UUID. It holds until `end_job`, a day at most. An Error: the machine has no randomness.
  virtual Result<std::string> begin_job(std::string_view job, std::vector<CacheScope> scopes) = 0;
  /// The token of the job is refused from now on; what it was uploading is dropped.
  virtual void end_job(std::string_view job) = 0;
  /// Of a JavaScript action (of a docker action without the switch to the cache service v2, as GitHub's runner has it).
  [[nodiscard]] virtual ServiceVariables variables(std::string_view token, bool is_container) const = 0;
  /// What has been uploaded so far.
  [[nodiscard]] virtual std::vector<UploadedArtifact> artifacts() const = 0;
  /// Why those who asked were not served.
  [[nodiscard]] virtual std::optional<Error> failure() const = 0;
};

/// Listens; all else is made ready when somebody asks.
Result<std::unique_ptr<ActionService>> make_action_service(ServiceOptions options);

}  // namespace buildspec_run
