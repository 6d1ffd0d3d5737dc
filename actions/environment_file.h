// The files that a step writes: GITHUB_ENV, GITHUB_OUTPUT, GITHUB_STATE, GITHUB_PATH, GITHUB_STEP_SUMMARY.
// Source: actions.md section 5.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actions/annotation.h"
#include "actions/name_value.h"

namespace buildspec_run {

/// In the order in which they are read when the process has ended (5.1).
enum class EnvironmentFile { path, variables, step_summary, state, outputs };

struct EnvironmentFileName {
  EnvironmentFile file;
  std::string_view context_name;  // in the github context, and in messages: "env"
  std::string_view variable;      // "GITHUB_ENV"
  std::string_view prefix;        // of the file's name: "set_env_"
};
/// All five, in that order.
inline constexpr EnvironmentFileName kEnvironmentFiles[] = {
    {EnvironmentFile::path, "path", "GITHUB_PATH", "add_path_"},
    {EnvironmentFile::variables, "env", "GITHUB_ENV", "set_env_"},
    {EnvironmentFile::step_summary, "step_summary", "GITHUB_STEP_SUMMARY", "step_summary_"},
    {EnvironmentFile::state, "state", "GITHUB_STATE", "save_state_"},
    {EnvironmentFile::outputs, "output", "GITHUB_OUTPUT", "set_output_"},
};
/// The folder of all of them, below the temporary directory.
inline constexpr std::string_view kEnvironmentFileFolder = "_runner_file_commands";

/// What a file says. What stands before a mistake holds.
struct NamedValues {
  std::vector<NameValue> values;  // in order; of a repeated name the last one counts
  std::vector<LogEntry> log;      // refused names, and what debug prints
  std::string error;              // the runner's text; empty: none. See failed_file
};

/// The pairs of `variables`, `outputs` or `state`. `bytes`: the whole file. NODE_OPTIONS is refused as a variable with an
/// annotation that does not fail the step. An empty name is an error but for state. `debug`: with the lines that debug prints.
[[nodiscard]] NamedValues parse_environment_file(std::string_view bytes, EnvironmentFile file,
                                                 bool debug = false);

/// The entries of GITHUB_PATH, in order.
[[nodiscard]] std::vector<std::string> parse_path_file(std::string_view bytes);

/// "Unable to process file command 'env' successfully." and why: two errors, and the step has failed.
[[nodiscard]] std::vector<LogEntry> failed_file(EnvironmentFile file, std::string error);

/// Most of a step summary that is taken, in bytes.
inline constexpr std::uint64_t kLargestStepSummary = 1024 * 1024;
/// The error for a summary of that size, which is dropped then (the step does not fail); empty when it fits.
[[nodiscard]] std::string step_summary_error(std::uint64_t bytes);
/// A summary's text with every line end made LF, the last line's, too. Not masked.
[[nodiscard]] std::string parse_step_summary(std::string_view bytes);

}  // namespace buildspec_run
