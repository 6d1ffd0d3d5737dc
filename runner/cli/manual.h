#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

/// `buildspec-run man`: the manual pages, made from the tables of options.
const Subcommand& manual_subcommand();

}  // namespace buildspec_run
