#include "runner/event/selection.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

/// A task by its label, with the names that mean it and others.
struct Named {
  std::string phase;  // "build"
  std::string list;   // "build", "build.finally"
  std::string label;  // "build[2]"
};

std::vector<Named> tasks_of(const PlanMade& plan) {
  std::vector<Named> tasks;
  for (const PhaseOutline& phase : plan.phases) {
    const std::string name = to_lower(phase.phase);
    const auto add = [&](const std::string& list, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) tasks.push_back({name, list, fmt::format("{}[{}]", list, i)});
    };
    add(name, phase.commands + phase.steps);
    add(name + ".finally", phase.finally);
  }
  return tasks;
}

/// Of the tasks that a name means, the first and the one behind the last.
struct Range {
  std::size_t begin = 0, end = 0;
};

class Names {
 public:
  explicit Names(const PlanMade& plan) : plan_(plan), tasks_(tasks_of(plan)) {}

  [[nodiscard]] const std::vector<Named>& tasks() const { return tasks_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// nullopt, with a problem: the name means nothing.
  std::optional<Range> find(const std::string& given) {
    std::string name = to_lower(given);
    std::replace(name.begin(), name.end(), '-', '_');
    Range range{tasks_.size(), tasks_.size()};
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const Named& task = tasks_[i];
      const bool is_meant =
          name == task.phase || name == task.label || (name != task.phase && name == task.list);
      if (!is_meant) continue;
      if (range.begin == tasks_.size()) range.begin = i;
      range.end = i + 1;
    }
    if (range.begin < tasks_.size()) return range;
    if (is_empty_phase(name)) return Range{};
    if (problem_.empty()) problem_ = why_not(given, name);
    return std::nullopt;
  }

 private:
  /// A phase that is there and has nothing to run.
  [[nodiscard]] bool is_empty_phase(std::string_view name) const {
    return std::any_of(plan_.phases.begin(), plan_.phases.end(), [&](const PhaseOutline& phase) {
      return phase.in_file && equals_ignoring_case(phase.phase, name) &&
             phase.commands + phase.steps + phase.finally == 0;
    });
  }

  [[nodiscard]] std::string why_not(const std::string& given, const std::string& name) const {
    const std::string list = name.substr(0, name.find('['));
    for (const PhaseOutline& phase : plan_.phases) {
      const std::string phase_name = to_lower(phase.phase);
      const bool is_finally = list == phase_name + ".finally";
      if (list != phase_name && !is_finally) continue;
      if (!phase.in_file) return fmt::format("the buildspec has no phase {}", phase_name);
      const std::size_t count = is_finally ? phase.finally : phase.commands + phase.steps;
      const std::string what = counted(count, phase.steps > 0 && !is_finally ? "step" : "command");
      if (count == 0)
        return fmt::format("\"{}\": {} has no {}", to_printable(given), list,
                           what.substr(2, what.size() - 3));
      return fmt::format(
          "\"{}\": {} has {}, {}", to_printable(given), list, what,
          count == 1 ? fmt::format("{}[0]", list) : fmt::format("{0}[0] to {0}[{1}]", list, count - 1));
    }
    std::vector<std::string> names;
    for (const PhaseOutline& phase : plan_.phases)
      if (phase.in_file) names.push_back(to_lower(phase.phase));
    for (const Named& task : tasks_) {
      names.push_back(task.label);
      if (task.list != task.phase && task.label.ends_with("[0]")) names.push_back(task.list);
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::string similar = did_you_mean(name, known);
    return fmt::format("no phase or task is called \"{}\"{}", to_printable(given),
                       similar.empty() ? "; buildspec-run list shows their names" : similar);
  }

  const PlanMade& plan_;
  std::vector<Named> tasks_;
  std::string problem_;
};

}  // namespace

Selection select_tasks(const WantedTasks& wanted, const PlanMade& plan) {
  Names names(plan);
  const std::vector<Named>& tasks = names.tasks();
  std::vector<bool> is_in(tasks.size(), wanted.only.empty());
  const auto set = [&](const std::vector<std::string>& given, bool in) {
    for (const std::string& name : given)
      if (const std::optional<Range> range = names.find(name))
        for (std::size_t i = range->begin; i < range->end; ++i) is_in[i] = in;
  };
  set(wanted.only, true);
  if (!wanted.from.empty())
    if (const std::optional<Range> range = names.find(wanted.from))
      for (std::size_t i = 0; i < range->begin; ++i) is_in[i] = false;
  if (!wanted.until.empty())
    if (const std::optional<Range> range = names.find(wanted.until))
      for (std::size_t i = range->end; i < tasks.size(); ++i) is_in[i] = false;
  set(wanted.skip, false);
  Selection selection;
  if (!names.problem().empty()) {
    selection.problem_id = "unknown-task";
    selection.problem = names.problem();
    return selection;
  }
  for (std::size_t i = 0; i < tasks.size(); ++i)
    if (!is_in[i]) selection.left_out.push_back(tasks[i].label);
  if (!tasks.empty() && selection.left_out.size() == tasks.size()) {
    selection.problem_id = "nothing-selected";
    selection.problem = fmt::format("all {} of the buildspec are left out, so that nothing is to run",
                                    tasks.size() == 1 ? "that there is" : counted(tasks.size(), "task"));
  }
  return selection;
}

std::vector<std::string> find_breaks(const std::vector<std::string>& given, const PlanMade& plan,
                                     Selection& selection) {
  Names names(plan);
  std::vector<std::string> labels;
  const auto refuse = [&](std::string_view id, std::string problem) {
    if (!selection.problem.empty()) return;
    selection.problem_id = id;
    selection.problem = std::move(problem);
  };
  for (const std::string& name : given) {
    const std::optional<Range> range = names.find(name);
    if (!range) {
      refuse("unknown-task", names.problem());
      continue;
    }
    std::size_t first = range->begin;
    const auto is_left_out = [&](const std::string& label) {
      return std::find(selection.left_out.begin(), selection.left_out.end(), label) !=
             selection.left_out.end();
    };
    while (first < range->end && is_left_out(names.tasks()[first].label)) ++first;
    if (first == range->end)
      refuse("break-left-out",
             fmt::format("nothing of {} runs, so that nothing can stop there", to_printable(name)));
    else
      labels.push_back(names.tasks()[first].label);
  }
  return labels;
}

}  // namespace buildspec_run
