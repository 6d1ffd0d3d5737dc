// `buildspec-run prune`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& prune_subcommand();

}  // namespace buildspec_run
