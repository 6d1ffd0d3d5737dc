#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

/// `buildspec-run config`: which options are set beside the command line, and where.
const Subcommand& config_subcommand();

}  // namespace buildspec_run
