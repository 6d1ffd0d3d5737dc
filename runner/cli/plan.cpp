#include "runner/cli/plan.h"

#include "runner/base/json.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/cli/input.h"
#include "runner/cli/report.h"
#include "runner/plan/graph.h"
#include "runner/plan/plan.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"text", "json", "dot", "mermaid"};
constexpr OptionSpec kOptions[] = {
    kSourceDirOption,
    {"--format", "", OptionSpec::Takes::value, "FORMAT",
     "how the plan is printed (dot: for Graphviz, mermaid: for Markdown); default: text", false, kFormats},
    kStrictParityOption,
    kColorOption,
};

ExitCode run_plan(const Invocation& invocation) {
  Diagnostics found;
  const ReadBuildspec read = decode_operand(invocation, found);
  if (!read.error.empty()) return invocation.fail(ExitCode::invalid, read.error);
  std::optional<Plan> plan;
  if (read.source != nullptr) plan = lower_buildspec(read.buildspec, found);
  write_diagnostics(invocation, found.all());
  if (!plan || found.has_errors()) return ExitCode::invalid;
  const std::string format = invocation.arguments.value("--format").value_or("text");
  return invocation.write_out(format == "json"      ? to_pretty_json(to_value(*plan)) + "\n"
                              : format == "dot"     ? to_dot(*plan)
                              : format == "mermaid" ? to_mermaid(*plan)
                                                    : dump(*plan));
}

constexpr Subcommand kSubcommand = {
    "plan",
    "show what a run of a buildspec would do, in order, without running anything",
    "[FILE]",
    1,
    "Reads FILE (default: buildspec.yml of the source directory; - is standard input) and prints the plan: "
    "shell,\n"
    "variables, phases, commands with their places, what follows a failure. Findings go to stderr.",
    kOptions,
    run_plan,
};

}  // namespace

const Subcommand& plan_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
