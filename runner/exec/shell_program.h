// Which program runs the commands. Source: buildspec.md 1.4, "The interpreter"; 10, U5.
#pragma once

#include <string>

#include "runner/exec/request.h"
#include "runner/plan/plan.h"

namespace buildspec_run {

struct ShellProgram {
  std::string path;     // absolute, or the name as given when nothing was found
  bool found = false;   // `path` is the program's path
  bool chosen = false;  // by the buildspec (env.shell): then one that cannot be started fails its command
};

/// The file's `env.shell`, looked up on the build's PATH and then on the host's (a build may break its own
/// PATH; the cloud's agent starts its shell all the same). Without one, and for "sh" and "/bin/sh", it is
/// `request.sh`, looked up on the host's PATH first.
[[nodiscard]] ShellProgram find_shell(const Plan& plan, const Request& request);

}  // namespace buildspec_run
