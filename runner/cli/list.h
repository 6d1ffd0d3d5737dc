// `buildspec-run list`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& list_subcommand();

}  // namespace buildspec_run
