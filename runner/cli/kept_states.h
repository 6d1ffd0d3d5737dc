// Which state of a kept run is meant, and what has become of its buildspec since.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runner/cli/command_line.h"
#include "runner/cli/kept_runs.h"
#include "runner/event/selection.h"
#include "runner/plan/plan.h"
#include "runner/store/state_log.h"

namespace buildspec_run {

// What `resume` and `shell` need again, as no secret is kept.
inline constexpr OptionSpec kSecretOfRunOption = {
    "--secret",
    "",
    OptionSpec::Takes::value,
    "NAME[=VALUE|@FILE]",
    "a secret of the run: none is kept, so each comes from where it came from then, or from here",
    true};
inline constexpr OptionSpec kSecretsFileOfRunOption = {"--secrets-file",
                                                       "",
                                                       OptionSpec::Takes::value,
                                                       "FILE",
                                                       "the same from a file; default: that of the run",
                                                       true};

/// A buildspec as far as it matters to who goes on: its tasks in the order in which they run, and what all of them share.
struct PlanParts {
  struct Task {
    std::string label, text;  // of a step: all that the buildspec says of it
    bool left_out = false;    // of the run, as was asked for
  };
  std::vector<Task> tasks;
  std::string scope, shell, variables;
  bool is_valid = false;  // nothing is wrong with it
  Plan plan;              // as far as it can be read; points into the buildspec's text

  [[nodiscard]] const Task* find(std::string_view label) const;
};
/// `wanted`: of the run.
[[nodiscard]] PlanParts plan_parts(const SourceText& buildspec, bool strict_parity,
                                   const WantedTasks& wanted);

/// "build[2]", of "build[2].post" as well.
[[nodiscard]] std::string task_of(std::string_view label);
/// The name of a task as users may write it ("BUILD[2]", "pre-build[0]"), or of a phase, whose first task that is not left out
/// is meant; empty: `order` has none of that name.
[[nodiscard]] std::string task_named(std::string_view given, const std::vector<PlanParts::Task>& order);

/// The task that follows `state` in the run, where nothing has failed; empty: none does.
[[nodiscard]] std::string next_task(const KeptState& state, const PlanParts& parts);

/// What is wanted.
struct WantedStart {
  std::optional<std::string> from;  // the task to begin with
  bool failed = false;              // the one that failed
};

/// A place in the states of a run.
struct ChosenState {
  std::size_t index = 0;  // of the state that is gone on from
  std::vector<std::string>
      changed;  // tasks behind it that have run, and read otherwise now; told when they are run again
};

/// The state that `wanted` means. `then` and `now`: the buildspec of the run and as it is. A task that has run and reads
/// otherwise now is run again, and all behind it, unless `from` says where to begin. Refused: the run did not come so far,
/// nothing is left or has failed, the state has been withheld.
[[nodiscard]] OrRefused<ChosenState> choose_state(const RunSketch& run, const KeptStates& kept,
                                                  const WantedStart& wanted, const PlanParts& then,
                                                  const PlanParts& now);

}  // namespace buildspec_run
