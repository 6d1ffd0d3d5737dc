#include "runner/cli/prune.h"

#include <fmt/core.h>

#include <chrono>

#include "runner/base/text.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/view_summary.h"
#include "runner/exec/workspace.h"

namespace buildspec_run {
namespace {

constexpr OptionSpec kOptions[] = {
    kKeepRunsOption,
    kKeepDaysOption,
    kKeepMegabytesOption,
    {"--all", "", OptionSpec::Takes::nothing, "", "remove all runs that have ended"},
};

ExitCode run_prune(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  if (arguments.has("--all"))
    for (const OptionSpec& option : {kKeepRunsOption, kKeepDaysOption, kKeepMegabytesOption})
      if (arguments.has(option.name))
        return invocation.fail(ExitCode::invalid,
                               fmt::format("--all and {} contradict each other", option.name));
  const auto given = prune_limits(invocation);
  if (const Refused* refused = std::get_if<Refused>(&given))
    return invocation.fail(refused->code, refused->message);
  PruneLimits limits = std::get<PruneLimits>(given);
  if (arguments.has("--all")) limits.runs = 0;
  const Path state = state_directory_of(invocation);
  if (state.empty())
    return invocation.fail(ExitCode::invalid, "neither XDG_STATE_HOME nor HOME names a place of kept runs");
  const std::vector<PrunedRun> removed = prune_runs(state, limits, std::chrono::system_clock::now());
  std::string text;
  std::uint64_t bytes = 0;
  for (const PrunedRun& run : removed) {
    text += fmt::format("removed {} ({})\n", run.id, shown_bytes(run.bytes));
    bytes += run.bytes;
  }
  if (const std::size_t copies = Workspace::sweep(workspaces_directory(state)); copies > 0)
    text +=
        fmt::format("removed {} of the source\n", copies == 1 ? "1 copy" : fmt::format("{} copies", copies));
  text += fmt::format("{} removed, {}; {} kept\n", counted(removed.size(), "run"), shown_bytes(bytes),
                      kept_run_ids(state).size());
  return invocation.write_out(text);
}

constexpr Subcommand kSubcommand = {
    "prune",
    "remove kept runs",
    "",
    0,
    "Removes the oldest runs until the limits hold, as each run does with its own, and says which; with a "
    "run "
    "goes the copy of\n"
    "the source that it could be gone on with in. Runs that have not ended stay, and so does what is no run.",
    kOptions,
    run_prune,
};

}  // namespace

const Subcommand& prune_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
