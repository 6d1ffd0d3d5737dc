// `buildspec-run resume`, and what `shell` shares with it.
#pragma once

#include "runner/cli/command_line.h"
#include "runner/cli/kept_runs.h"
#include "runner/store/state_log.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& resume_subcommand();

/// Of the runs that have states, the last:
enum class WhichRun {
  unfinished,         // that has not succeeded, and that nobody has gone on with yet
  any,                // whatever became of it
  unfinished_or_any,  // `unfinished`, and where there is none, `any`
};
/// The run that the operand names; without one, `which`.
[[nodiscard]] OrRefused<RunSketch> run_to_go_on_with(const Invocation& invocation, WhichRun which);

/// The invocation of the run, with the options of `resume` that are given now in the place of its own.
[[nodiscard]] Invocation as_it_was(const Invocation& now, const KeptRequest& asked);

}  // namespace buildspec_run
