// Processes of this machine that are not known to the supervisor of this run.
#pragma once

#include <string>
#include <vector>

namespace buildspec_run {

/// Those that were started with `variable`, NAME=VALUE, in their environment, as far as we may look. Linux alone can tell;
/// elsewhere there are none.
[[nodiscard]] std::vector<int> processes_with(const std::string& variable);

}  // namespace buildspec_run
