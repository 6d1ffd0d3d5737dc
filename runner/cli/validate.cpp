#include "runner/cli/validate.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "runner/base/text.h"
#include "runner/cli/console.h"
#include "runner/cli/input.h"
#include "runner/cli/report.h"
#include "runner/lint/formats.h"
#include "runner/lint/validate.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"pretty", "plain", "json"};
constexpr OptionSpec kOptions[] = {
    {"--format", "", OptionSpec::Takes::value, "FORMAT",
     "pretty shows the source line and a caret, plain one line each, json an array on stdout; default: "
     "pretty",
     false, kFormats},
    {"--strict", "", OptionSpec::Takes::nothing, "", "warnings are refused, too"},
    kStrictParityOption,
    kColorOption,
};

bool is_error(const Diagnostic& diagnostic) { return diagnostic.severity == Severity::error; }
bool is_warning(const Diagnostic& diagnostic) { return diagnostic.severity == Severity::warning; }

ExitCode run_validate(const Invocation& invocation) {
  std::vector<std::string> operands = invocation.arguments.operands;
  if (operands.empty()) operands.emplace_back("");
  std::vector<std::unique_ptr<SourceText>> sources;  // diagnostics point into them
  Diagnostics found;
  for (const std::string& operand : operands) {
    std::unique_ptr<SourceText> source =
        read_buildspec(invocation, invocation.working_directory, operand, found);
    if (source == nullptr) continue;
    sources.push_back(std::move(source));
    if (is_action_metadata(operand))
      validate_action(*sources.back(), found);
    else
      validate_text(*sources.back(), found, invocation.arguments.has(kStrictParityOption.name));
  }
  const std::vector<Diagnostic>& all = found.all();
  const std::string format = invocation.arguments.value("--format").value_or("pretty");
  if (format == "json") {
    if (const ExitCode code = invocation.write_out(format_json(all) + "\n"); code != ExitCode::success)
      return code;
  } else if (format == "plain")
    invocation.write_err(format_plain(all));
  else
    invocation.write_err(format_pretty(all, wants_color(invocation, invocation.err)));
  const bool refused = found.has_errors() || (invocation.arguments.has("--strict") &&
                                              std::any_of(all.begin(), all.end(), is_warning));
  if (format == "pretty" && is_terminal(invocation.err)) {
    const auto errors = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_error));
    const auto warnings = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_warning));
    invocation.write_err(fmt::format("{}: {}, {}\n", counted(operands.size(), "file"),
                                     counted(errors, "error"), counted(warnings, "warning")));
  }
  return refused ? ExitCode::invalid : ExitCode::success;
}

constexpr Subcommand kSubcommand = {
    "validate",
    "say what the cloud would refuse in buildspecs, and what it would ignore",
    "[FILES…|-]",
    std::numeric_limits<std::size_t>::max(),
    "Reads each FILE (default: buildspec.yml here; - is standard input) and reports what the cloud would "
    "refuse, keys that it\n"
    "would ignore, and what does not do what it looks like, with line, column and caret. A FILE named "
    "action.yml or\n"
    "action.yaml is read as the metadata of a GitHub action instead. Nothing is run and nothing asked of "
    "anybody. Exit 0:\n"
    "nothing to refuse; 2: something.",
    kOptions,
    run_validate,
};

}  // namespace

const Subcommand& validate_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
