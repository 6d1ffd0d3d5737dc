// `buildspec-run run`, and what other commands that run a build share with it.
#pragma once

#include "runner/base/source_text.h"
#include "runner/cli/command_line.h"
#include "runner/event/selection.h"
#include "runner/exec/resumption.h"
#include "runner/runner.h"

namespace buildspec_run {

[[nodiscard]] const Subcommand& run_subcommand();

/// Where the parts of this program are; `program` is its executable.
[[nodiscard]] Machine machine_of(const Path& program);

/// The source directory's name in the characters that a project name has (buildspec.md 1.6).
[[nodiscard]] std::string project_name(const Path& source_dir);

/// What --only, --from, --until and --skip of `run` ask for.
[[nodiscard]] WantedTasks wanted_tasks(const Invocation& invocation);

/// Runs `buildspec` in `source_dir` as the options of `invocation` say, which are those of `run`; keeps, shows and exports
/// it. `buildspec` nullptr: the one that the operand names. `resumption`: the build goes on with that one; nullptr: it begins.
[[nodiscard]] ExitCode run_as_asked(const Invocation& invocation, const Path& source_dir,
                                    const SourceText* buildspec, const Resumption* resumption);

}  // namespace buildspec_run
