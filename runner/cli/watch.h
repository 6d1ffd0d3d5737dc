// `run --watch`: the run again, whenever a file changes.
#pragma once

#include <functional>

#include "runner/cli/command_line.h"
#include "runner/cli/secrets.h"

namespace buildspec_run {

inline constexpr OptionSpec kWatchOption = {
    "--watch", "", OptionSpec::Takes::nothing, "",
    "run again when a file of the source changes that git tracks or does not ignore, until Ctrl-C; a change "
    "during a run is one more "
    "run after it"};
inline constexpr OptionSpec kDebounceOption = {
    "--debounce", "", OptionSpec::Takes::value, "MS",
    "--watch: run when nothing has changed for MS milliseconds; default: 200"};

/// Runs `once`, and again whenever a file below the repository of `source_dir` (of that alone, where there is none) has changed
/// since the run before began. What changes in every run is the build's own, and no reason for another. Returns when a run or
/// the waiting has been interrupted: the code that goes with it.
ExitCode run_and_watch(const Invocation& invocation, const Path& source_dir,
                       const std::function<ExitCode()>& once);

}  // namespace buildspec_run
