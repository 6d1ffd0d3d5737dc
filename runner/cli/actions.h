// `buildspec-run actions`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& actions_subcommand();

}  // namespace buildspec_run
