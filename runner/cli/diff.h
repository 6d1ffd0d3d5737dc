// `buildspec-run diff`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& diff_subcommand();

}  // namespace buildspec_run
