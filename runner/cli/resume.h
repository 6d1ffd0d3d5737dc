// `buildspec-run resume`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& resume_subcommand();

}  // namespace buildspec_run
