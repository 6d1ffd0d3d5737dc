// `buildspec-run resume`, and what `shell` shares with it.
#pragma once

#include "runner/cli/command_line.h"
#include "runner/cli/kept_runs.h"
#include "runner/store/state_log.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& resume_subcommand();

/// The run that the operand names; without one the last of those that can be gone on with and that nobody has gone on with
/// yet. `any_verdict`: also of those that have succeeded.
[[nodiscard]] OrRefused<RunSketch> run_to_go_on_with(const Invocation& invocation, bool any_verdict);

/// The invocation of the run, with the options of `resume` that are given now in the place of its own.
[[nodiscard]] Invocation as_it_was(const Invocation& now, const KeptRequest& asked);

}  // namespace buildspec_run
