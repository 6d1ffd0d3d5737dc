// What the build sees: the variables every process of it starts with. Source: buildspec.md section 4.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/exec/request.h"
#include "runner/plan/plan.h"
#include "runner/sys/files.h"
#include "runner/sys/git.h"

namespace buildspec_run {

/// One build of a run, as its variables name it.
struct BuildIdentity {
  std::string uuid;
  int attempt = 1;  // CODEBUILD_BUILD_NUMBER: there is no counter of the project here
  std::chrono::system_clock::time_point started;
};

/// A random UUID, version 4.
[[nodiscard]] std::string make_uuid();
/// "PROJECT:UUID".
[[nodiscard]] std::string build_id(const Request& request, const BuildIdentity& build);

/// The empty HOME of a build that wants one.
[[nodiscard]] Path clean_home(const Path& script_dir);

/// The variables that the cloud's agent sets, with an honest local value; what has none here (webhooks,
/// batch, the public page) is left out. `script_dir`: CODEBUILD_SCRIPT_DIR.
[[nodiscard]] std::map<std::string, std::string> agent_variables(const Request& request, const GitFacts& git,
                                                                 const BuildIdentity& build,
                                                                 const Path& script_dir);

/// The variables that the user's five sources give together, the highest winning (4.5): secrets of the
/// command line and start override, project, buildspec (its references looked up in `request.secret_lookup`),
/// the agent's, the host's.
struct BuildEnvironment {
  std::map<std::string, std::string> variables;
  std::set<std::string> secret_names;  // variables whose value is a secret
  std::vector<std::string>
      secret_values;  // looked up for this build; a member of a JSON secret is one of its own
  /// The phase context of the first reference that leads nowhere; empty when all were found.
  std::string_view failed_code;
  std::string failed_message;
};

/// Cannot fail; what is missing is in `found` as `secret-unresolved`, with its place, and in `failed_…`. A
/// reference whose variable is set by a higher source is not looked up.
[[nodiscard]] BuildEnvironment make_environment(const Plan& plan, const Request& request,
                                                std::map<std::string, std::string> agent, Diagnostics& found);

/// Variables whose name begins with `CODEBUILD_`, and HOME, in a source above the buildspec: the cloud asks
/// not to set them and does not stop it (U52). One warning `reserved-variable` each.
void warn_of_reserved(const Request& request, Diagnostics& found);

}  // namespace buildspec_run
