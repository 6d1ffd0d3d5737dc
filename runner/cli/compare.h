// `buildspec-run compare`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& compare_subcommand();

}  // namespace buildspec_run
