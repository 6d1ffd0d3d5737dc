// `buildspec-run history`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& history_subcommand();

}  // namespace buildspec_run
