// `buildspec-run shell`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& shell_subcommand();

}  // namespace buildspec_run
