// `buildspec-run eval`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& eval_subcommand();

}  // namespace buildspec_run
