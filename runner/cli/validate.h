// `buildspec-run validate`.
#pragma once

#include "runner/cli/command_line.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& validate_subcommand();

}  // namespace buildspec_run
