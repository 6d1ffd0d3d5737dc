// The command line as data: what a subcommand takes is a table, and help and parsing are made from it. CLI11
// is seen by command_line.cpp alone.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runner/sys/files.h"

namespace buildspec_run {

/// Exit codes of the program (README, "Exit codes").
enum class ExitCode : int {
  success = 0,
  build_failed = 1,
  invalid = 2,  // the buildspec or the usage is wrong
  machine = 3,  // the machine could not
  interrupted = 130,
  terminated = 143,
};

/// One option. It takes no value, one value, or (`--name[=VALUE]`) perhaps one.
struct OptionSpec {
  enum class Takes { nothing, value, optional_value };
  std::string_view name;        // "--env"
  std::string_view short_name;  // "-e", or empty
  Takes takes = Takes::nothing;
  std::string_view value_name;  // "NAME=VALUE", as help shows it
  std::string_view help;        // without full stop; what is meant when it is absent stands in it
  bool repeated = false;        // may be given several times, one value each time
  std::span<const std::string_view> choices = {};
};

/// What every command takes beside its own.
inline constexpr OptionSpec kCommonOptions[] = {
    {"--no-config", "", OptionSpec::Takes::nothing, "",
     "only the command line counts: no configuration file, no BUILDSPEC_RUN_… variable"},
    {"--help", "-h", OptionSpec::Takes::nothing, "", "show this"},
};

/// What was given, by long option name.
class Arguments {
 public:
  std::map<std::string, std::vector<std::string>, std::less<>> options;
  std::vector<std::string> operands;
  bool no_config = false;  // --no-config, which every command has: nothing but the command line counts

  [[nodiscard]] bool has(std::string_view name) const { return options.find(name) != options.end(); }
  /// The last value; nullopt when the option was not given.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> values(std::string_view name) const;
};

/// What a subcommand gets to run: everything it may look at, as values.
struct Invocation {
  Arguments arguments;
  std::map<std::string, std::string> environment;  // of the process
  Path working_directory;                          // absolute
  Path program;                                    // absolute path of this executable
  int in = 0, out = 1, err = 2;                    // descriptors

  /// A variable of the environment; empty when it is not set.
  [[nodiscard]] std::string variable(const std::string& name) const;
  /// Writes to `err`: "buildspec-run: <text>\n". Returns `code`, so that it can be returned.
  ExitCode fail(ExitCode code, std::string_view text) const;
  /// Writes the product of a subcommand to `out`. `success` when all of it is written or its reader has gone;
  /// a full disk is told, and is `machine`.
  ExitCode write_out(std::string_view text) const;
  void write_err(std::string_view text) const;
};

struct Subcommand {
  std::string_view name;
  std::string_view summary;   // one line
  std::string_view operands;  // "[FILE]", "[FILE…|-]"
  std::size_t most_operands = 0;
  std::string_view about;  // paragraphs for its help
  std::span<const OptionSpec> options;
  ExitCode (*run)(const Invocation&) = nullptr;
  bool empty_operands = false;  // an operand may be empty: it names no file
  bool reads_config = true;     // files and variables set its options, and must be right
};

/// All subcommands, in the order help shows them.
[[nodiscard]] std::span<const Subcommand* const> subcommands();

/// Which subcommand `args` (without the program's name) means, and the arguments left for it: an `args[0]`
/// that equals a subcommand selects it, else `run` is meant.
struct Selected {
  const Subcommand* command = nullptr;
  std::vector<std::string> rest;
};
[[nodiscard]] Selected select_subcommand(const std::vector<std::string>& args);

/// What is wrong with `value` for `option`: "--format "jsn": one of … is expected"; empty when nothing is.
[[nodiscard]] std::string wrong_value(const OptionSpec& option, std::string_view value);

struct UsageError {
  std::string message;
};
struct HelpWanted {};
/// Reads `args` by the tables of `command`.
[[nodiscard]] std::variant<Arguments, UsageError, HelpWanted> parse_arguments(
    const Subcommand& command, const std::vector<std::string>& args);

/// `buildspec-run --help`, and `buildspec-run COMMAND --help`.
[[nodiscard]] std::string general_help();
[[nodiscard]] std::string help_for(const Subcommand& command);

/// "90s", "5m", "1h30m", "250ms"; a bare number is seconds. nullopt for what is none, or is not positive.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace buildspec_run
