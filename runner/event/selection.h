// Which tasks of a plan a run leaves out, by the names that `list` and `plan` print.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/event/event.h"

namespace buildspec_run {

/// What was asked for. A name is a phase ("build"), the commands of its finally ("build.finally"), or one command or step
/// ("build[2]", "build.finally[0]"); upper case and "-" for "_" are as good. Of tasks, in the plan's order, which has a
/// phase's finally behind its commands: those of `only` (empty: all), from the first of `from` on, up to the last of
/// `until`, without those of `skip`.
struct WantedTasks {
  std::vector<std::string> only, skip;
  std::string from, until;  // empty: no bound
};

/// The answer to "what of this plan is to run".
struct Selection {
  std::vector<std::string> left_out;  // labels of tasks, in the plan's order
  bool dry_run = false;               // the rest is told of and not run
  /// What was asked for and cannot be: the id of a diagnostic and its message; empty: nothing is wrong.
  std::string_view problem_id;
  std::string problem;
};

/// `unknown-task`: a name of nothing in the plan; `nothing-selected`: no task is left where the plan has some.
[[nodiscard]] Selection select_tasks(const WantedTasks& wanted, const PlanMade& plan);

/// Of each name, the first task that it means, for a stop before it. What is wrong is added to `selection`: `unknown-task`, and
/// `break-left-out` of one that does not run.
[[nodiscard]] std::vector<std::string> find_breaks(const std::vector<std::string>& names,
                                                   const PlanMade& plan, Selection& selection);

}  // namespace buildspec_run
