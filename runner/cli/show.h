// `buildspec-run show`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& show_subcommand();

}  // namespace buildspec_run
