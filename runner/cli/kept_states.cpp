#include "runner/cli/kept_states.h"

#include <fmt/core.h>

#include <algorithm>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/plan/plan.h"
#include "runner/runner.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

/// What is said of a task but where it stands.
std::string without_place(const Value& task) {
  if (const Value* script = task.find("script"); script != nullptr && script->string() != nullptr)
    return *script->string();
  Value::Object object;
  for (const auto& [name, value] : *task.object())
    if (name != "line" && name != "column") object.emplace_back(name, value);
  return to_json(Value(std::move(object)));
}

bool was_broken_off(Status status) {
  return status == Status::stopped || status == Status::timed_out || status == Status::fault;
}

/// Whether a build can go on behind it: it was not in the middle of being stopped.
bool is_settled(const KeptState& state) {
  return !was_broken_off(state.status) &&
         !(state.phase_failure && was_broken_off(state.phase_failure->status));
}

std::string behind(const KeptState& state) {
  return state.label.empty() ? std::string("before the first command")
                             : fmt::format("behind {}", state.label);
}

}  // namespace

const PlanParts::Task* PlanParts::find(std::string_view label) const {
  const auto found = std::ranges::find(tasks, label, &Task::label);
  return found == tasks.end() ? nullptr : &*found;
}

PlanParts plan_parts(const SourceText& buildspec, bool strict_parity, const WantedTasks& wanted) {
  PlanParts parts;
  Diagnostics found;
  const Document document = parse_document(buildspec, found);
  const Buildspec decoded = decode_buildspec(buildspec, document, {Purpose::run, strict_parity}, found);
  if (found.has_errors()) return parts;
  parts.plan = lower_buildspec(decoded, found);
  if (found.has_errors()) return parts;
  const Plan& plan = parts.plan;
  parts.is_valid = true;
  const Value value = to_value(plan);
  const auto list = [](const Value& of, std::string_view name) -> Value::Array {
    const Value* member = of.find(name);
    return member != nullptr && member->array() != nullptr ? *member->array() : Value::Array{};
  };
  for (const Value& phase : list(value, "phases"))
    for (const char* kind : {"commands", "steps", "finally"})
      for (const Value& task : list(phase, kind))
        parts.tasks.push_back({*task.find("label")->string(), without_place(task)});
  for (const std::string& label : select_tasks(wanted, outline_of(decoded, plan)).left_out)
    if (const auto task = std::ranges::find(parts.tasks, label, &PlanParts::Task::label);
        task != parts.tasks.end())
      task->left_out = true;
  for (const Value& variable : list(value, "variables")) parts.variables += without_place(variable) + "\n";
  if (const Value* scope = value.find("scope")) parts.scope = *scope->string();
  parts.shell = plan.shell;
  return parts;
}

std::string task_of(std::string_view label) { return std::string(label.substr(0, label.find(']') + 1)); }

std::string task_named(std::string_view given, const std::vector<PlanParts::Task>& order) {
  std::string name = to_lower(given);
  std::ranges::replace(name, '-', '_');
  std::string first;  // of a phase of which all is left out
  for (const PlanParts::Task& task : order) {
    if (task.label == name) return task.label;
    if (task.label.substr(0, task.label.find('[')) != name) continue;
    if (!task.left_out) return task.label;
    if (first.empty()) first = task.label;
  }
  return first;
}

std::string next_task(const KeptState& state, const PlanParts& parts) {
  const std::vector<PlanParts::Task>& order = parts.tasks;
  auto from = order.begin();
  if (!state.label.empty()) {
    const std::string last = task_of(state.label);
    const auto phase_of = [](const std::string& label) { return label.substr(0, label.find('[')); };
    // A step's other stages are not of the list's order: its first step follows a pre stage, nothing in particular a post stage.
    if (state.label.ends_with(".pre"))
      for (const PlanParts::Task& task : order)
        if (!task.left_out && phase_of(task.label) == phase_of(last)) return task.label;
    from = std::ranges::find(order, last, &PlanParts::Task::label);
    if (from != order.end()) ++from;
  }
  const auto next = std::find_if(from, order.end(), [](const auto& task) { return !task.left_out; });
  return next == order.end() ? std::string() : next->label;
}

OrRefused<ChosenState> choose_state(const RunSketch& run, const KeptStates& kept, const WantedStart& wanted,
                                    const PlanParts& then, const PlanParts& now) {
  const std::vector<KeptState>& states = kept.states;
  const auto refused = [&](std::string why) {
    return Refused{ExitCode::invalid, fmt::format("run {}: {}", run.id, why)};
  };
  if (!kept.build || states.empty())
    return refused(
        "it has no state to go on from: it was not kept, or the run ended before its first command");
  if (then.is_valid && now.is_valid && then.scope != now.scope)
    return refused(
        "the buildspec has another version now, with which commands hand on another state; run it anew");
  const auto first_failed =
      std::ranges::find_if(states, [](const KeptState& state) { return state.status == Status::failed; });
  const bool has_failed =
      run.finished && run.finished->status == Status::failed && first_failed != states.end();
  ChosenState chosen;
  if (wanted.from) {
    const std::string label = task_named(*wanted.from, now.is_valid ? now.tasks : then.tasks);
    if (label.empty()) return refused(fmt::format("the buildspec has no command or step {}", *wanted.from));
    if (const PlanParts::Task* task = (now.is_valid ? now : then).find(label);
        task != nullptr && task->left_out)
      return refused(fmt::format("{} was left out of it, so there is no state before it", label));
    const auto first =
        std::ranges::find_if(states, [&](const KeptState& state) { return state.label == label; });
    if (first != states.end()) {
      chosen.index = static_cast<std::size_t>(first - states.begin()) - 1;  // the first state has no label
    } else {
      // It is the one that would have come next.
      chosen.index = states.size() - 1;
      while (chosen.index > 0 && !is_settled(states[chosen.index])) --chosen.index;
      if (next_task(states[chosen.index], then) != label)
        return refused(
            fmt::format("it did not come to {}; its last state is {}", label, behind(states[chosen.index])));
    }
  } else if (wanted.failed || has_failed) {
    if (first_failed == states.end()) return refused("no command of it has failed");
    chosen.index = static_cast<std::size_t>(first_failed - states.begin()) - 1;
  } else {
    if (run.finished && run.finished->status == Status::succeeded)
      return refused(
          "it has succeeded, so nothing is left to go on with; --from TASK runs a part of it again");
    chosen.index = states.size() - 1;
    while (chosen.index > 0 && !is_settled(states[chosen.index])) --chosen.index;
  }
  // What has run and reads otherwise now.
  if (then.is_valid && now.is_valid) {
    for (std::size_t i = 1; i <= chosen.index; ++i) {
      const std::string label = task_of(states[i].label);
      const PlanParts::Task* before = then.find(label);
      const PlanParts::Task* after = now.find(label);
      if (before == nullptr || (after != nullptr && after->text == before->text)) continue;
      if (std::ranges::find(chosen.changed, label) == chosen.changed.end()) chosen.changed.push_back(label);
      if (wanted.from) continue;
      chosen.index = i - 1;
      break;
    }
  }
  if (states[chosen.index].withheld) {
    std::string why =
        fmt::format("the state {} is not kept, as it would hold a secret", behind(states[chosen.index]));
    std::size_t kept_before = chosen.index;
    while (kept_before > 0 && states[kept_before].withheld) --kept_before;
    return refused(why +
                   fmt::format("; --from {} goes on from the last that is", states[kept_before + 1].label));
  }
  return chosen;
}

}  // namespace buildspec_run
