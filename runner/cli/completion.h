#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

/// `buildspec-run completion`: scripts that complete the command line, made from the tables of options.
const Subcommand& completion_subcommand();

}  // namespace buildspec_run
