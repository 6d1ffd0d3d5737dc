#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

/// `buildspec-run doctor`: whether this machine has what builds need, with what to do where it has not.
const Subcommand& doctor_subcommand();

}  // namespace buildspec_run
