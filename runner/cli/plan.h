// `buildspec-run plan`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& plan_subcommand();

}  // namespace buildspec_run
