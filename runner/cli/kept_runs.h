// What the subcommands that look at kept runs have in common with each other and with `run`, which keeps them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "runner/cli/command_line.h"
#include "runner/cli/secrets.h"
#include "runner/store/run_reader.h"
#include "runner/store/run_store.h"

namespace buildspec_run {

template <class T>
using OrRefused = std::variant<T, Refused>;

inline constexpr OptionSpec kKeepRunsOption = {"--keep-runs", "", OptionSpec::Takes::value, "N",
                                               "how many runs are kept; default: 100"};
inline constexpr OptionSpec kKeepDaysOption = {"--keep-days", "", OptionSpec::Takes::value, "N",
                                               "for how many days a run is kept; default: 30"};
inline constexpr OptionSpec kKeepMegabytesOption = {"--keep-megabytes", "", OptionSpec::Takes::value, "N",
                                                    "how much all kept runs may take; default: 2048"};

/// The limits of --keep-runs, --keep-days and --keep-megabytes.
[[nodiscard]] OrRefused<PruneLimits> prune_limits(const Invocation& invocation);

/// The whole number that an option gives; nullopt when it is not given.
[[nodiscard]] OrRefused<std::optional<std::uint64_t>> count_option(const Invocation& invocation,
                                                                   std::string_view name);

/// Where runs are kept; empty when neither XDG_STATE_HOME nor HOME names a place.
[[nodiscard]] Path state_directory_of(const Invocation& invocation);
/// Where copies of sources lie (runner/exec/workspace.h).
[[nodiscard]] Path workspaces_directory(const Path& state);

/// The run that an operand means; empty: the last one.
[[nodiscard]] OrRefused<RunSketch> kept_run(const Invocation& invocation, std::string_view given);

/// A line on stderr for whatever of a run that was told again is not whole.
void tell_what_is_missing(const Invocation& invocation, const RunSketch& run, const Replayed& replayed);

/// "SUCCEEDED", "FAILED", …, "running", "broken off".
[[nodiscard]] std::string_view verdict_of(const RunSketch& run);

/// The same for people: "SUCCEEDED (partial)" when not all of the plan was to run.
[[nodiscard]] std::string shown_verdict(const RunSketch& run);

/// What the process has exited with, from what was kept, else from the verdict; nullopt: it has not, or nobody knows.
[[nodiscard]] std::optional<int> exit_code_of(const RunSketch& run);

}  // namespace buildspec_run
