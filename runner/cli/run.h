// `buildspec-run run`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& run_subcommand();

}  // namespace buildspec_run
