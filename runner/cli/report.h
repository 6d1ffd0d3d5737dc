// Findings on the terminal, and the start that `plan`, `list` and `run` have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/buildspec/model.h"
#include "runner/cli/command_line.h"

namespace buildspec_run {

inline constexpr std::string_view kColorModes[] = {"auto", "always", "never"};
/// Option --color, the same everywhere.
inline constexpr OptionSpec kColorOption = {
    "--color",
    "",
    OptionSpec::Takes::value,
    "WHEN",
    "colours; default: auto, on a terminal that is not TERM=dumb unless NO_COLOR is set",
    false,
    kColorModes};

/// Option --strict-parity of all that read a buildspec to run or judge it.
inline constexpr OptionSpec kStrictParityOption = {
    "--strict-parity", "", OptionSpec::Takes::nothing, "",
    "refuse steps that use what GitHub has and CodeBuild has not, such as the github context; default: warn"};

/// Whether `fd` gets colours: --color, else the terminal, TERM and NO_COLOR.
[[nodiscard]] bool wants_color(const Invocation& invocation, int fd);

/// Renders the diagnostics to stderr.
void write_diagnostics(const Invocation& invocation, const std::vector<Diagnostic>& diagnostics);

/// The same without the source lines: about texts that may hold secrets.
void write_places(const Invocation& invocation, const std::vector<Diagnostic>& diagnostics);

/// A buildspec that was named as the first operand, read and decoded for a run.
struct ReadBuildspec {
  std::string error;  // the source directory is none; else empty
  Path source_dir;
  std::unique_ptr<SourceText> source;  // nullptr: could not be read, `found` says why
  Buildspec buildspec;
};
[[nodiscard]] ReadBuildspec decode_operand(const Invocation& invocation, Diagnostics& found);

}  // namespace buildspec_run
