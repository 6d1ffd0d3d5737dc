// What a job of steps is between two of its stages, as a text: for a later process that goes on with it. Problem matchers are no
// part of it, nor what has been masked while the job ran.

#include <algorithm>

#include "actions/lower.h"
#include "runner/base/json.h"
#include "runner/base/overloaded.h"
#include "runner/exec/step_job.h"

namespace buildspec_run {
namespace {

Value kept_form(const DatumObject& object) {
  Value::Object members;
  for (const auto& [name, datum] : object.members()) members.emplace_back(name, to_value(datum));
  return members;
}

void restore_object(const Value* value, DatumObject& object) {
  if (value == nullptr || value->object() == nullptr) return;
  for (const auto& [name, member] : *value->object()) object.set(name, to_datum(member));
}

std::string text_in(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
}

std::size_t number_in(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  return value != nullptr && value->integer() != nullptr
             ? static_cast<std::size_t>(std::max<std::int64_t>(*value->integer(), 0))
             : 0;
}

Value::Array array_in(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  return value != nullptr && value->array() != nullptr ? *value->array() : Value::Array{};
}

/// Where each of `some` is in `all`.
Value places_of(const std::vector<StepInstance*>& some,
                const std::vector<std::unique_ptr<StepInstance>>& all) {
  Value::Array places;
  for (const StepInstance* each : some) {
    const auto found = std::ranges::find(all, each, &std::unique_ptr<StepInstance>::get);
    if (found != all.end()) places.emplace_back(std::int64_t{found - all.begin()});
  }
  return places;
}

std::vector<StepInstance*> at_places(const Value::Array& places,
                                     const std::vector<std::unique_ptr<StepInstance>>& all) {
  std::vector<StepInstance*> some;
  for (const Value& place : places)
    if (place.integer() != nullptr && *place.integer() >= 0 &&
        static_cast<std::size_t>(*place.integer()) < all.size())
      some.push_back(all[static_cast<std::size_t>(*place.integer())].get());
  return some;
}

Value kept_form(const StepInstance& step) {
  Value::Array children;
  for (const auto& child : step.children) children.push_back(kept_form(*child));
  return Value::Object{{"state", kept_form(step.state)},  {"outputs", kept_form(step.outputs)},
                       {"registered", step.registered},   {"steps", kept_form(step.steps)},
                       {"children", std::move(children)}, {"posts", places_of(step.posts, step.children)}};
}

StepStatus status_named(std::string_view word) {
  for (const StepStatus each : {StepStatus::failure, StepStatus::cancelled, StepStatus::skipped})
    if (to_string(each) == word) return each;
  return StepStatus::success;
}

}  // namespace

/// `stage` of the step `index` has ended.
std::string StepJob::save(Stage stage, std::size_t index) const {
  Value::Array path, instances;
  for (const std::string& entry : path_.entries()) path.emplace_back(entry);
  Value::Object changed;
  for (const auto& [name, value] : end_.changed) changed.emplace_back(name, value);
  for (const auto& step : instances_) instances.push_back(kept_form(*step));
  Value failure;
  if (end_.failure)
    failure = Value::Object{{"label", end_.failure->label},
                            {"name", events_.masker().mask(end_.failure->name)},
                            {"reason", events_.masker().mask(end_.failure->reason)},
                            {"begin", std::uint64_t{end_.failure->where.begin}},
                            {"end", std::uint64_t{end_.failure->where.end}}};
  return to_json(Value(Value::Object{{"stage", to_string(stage)},
                                     {"index", std::uint64_t{index}},
                                     {"status", to_string(status_)},
                                     {"env", kept_form(env_)},
                                     {"steps", kept_form(steps_)},
                                     {"path", std::move(path)},
                                     {"changed", std::move(changed)},
                                     {"failure", std::move(failure)},
                                     {"posts", places_of(posts_, instances_)},
                                     {"instances", std::move(instances)}}));
}

/// Makes the job what `save` has written. What the buildspec has lost since is left out.
Result<void> StepJob::restore(const std::string& saved) {
  const Result<Value> read = parse_json(saved);
  if (!read) return Error(read.error()).in("read the kept state of the steps");
  const std::string stage = text_in(*read, "stage");
  from_stage_ = stage == "pre" ? Stage::pre : stage == "main" ? Stage::main : Stage::post;
  from_index_ = number_in(*read, "index") + 1;
  status_ = status_named(text_in(*read, "status"));
  restore_object(read->find("env"), env_);
  restore_object(read->find("steps"), steps_);
  for (const Value& entry : array_in(*read, "path"))
    if (entry.string() != nullptr) path_.add(*entry.string());
  if (const Value* changed = read->find("changed"); changed != nullptr && changed->object() != nullptr)
    for (const auto& [name, value] : *changed->object())
      if (value.string() != nullptr) end_.changed[name] = *value.string();
  if (const Value* failure = read->find("failure"); failure != nullptr && failure->object() != nullptr)
    end_.failure = StepFailure{text_in(*failure, "label"),
                               text_in(*failure, "name"),
                               text_in(*failure, "reason"),
                               {number_in(*failure, "begin"), number_in(*failure, "end")}};
  const Value::Array instances = array_in(*read, "instances");
  for (std::size_t i = 0; i < std::min(instances.size(), instances_.size()); ++i)
    if (Result<void> restored = restore(*instances_[i], instances[i], 0); !restored) return restored;
  posts_ = at_places(array_in(*read, "posts"), instances_);
  return {};
}

Result<void> StepJob::restore(StepInstance& step, const Value& saved, int depth) {
  restore_object(saved.find("state"), step.state);
  restore_object(saved.find("outputs"), step.outputs);
  restore_object(saved.find("steps"), step.steps);
  const Value* registered = saved.find("registered");
  step.registered = registered != nullptr && registered->boolean() != nullptr && *registered->boolean();
  const Value::Array children = array_in(saved, "children");
  if (!step.registered && children.empty()) return {};
  // A local action is read when its step starts: this one has.
  const ActionStep* uses = std::get_if<ActionStep>(&step.task->body);
  if (uses != nullptr && step.action == nullptr) {
    Result<ActionReference> reference = parse_action_reference(uses->uses);
    const LocalReference* local = reference ? std::get_if<LocalReference>(&*reference) : nullptr;
    Result<std::shared_ptr<const LoweredAction>> action =
        local == nullptr
            ? Result<std::shared_ptr<const LoweredAction>>(Error{"it is no local action", {}})
            : lower_local_action(build_.directories.workspace, *local, build_.around.actions, depth);
    if (!action) return std::move(action.error()).in("go on with " + uses->uses);
    step.action = std::move(*action);
  }
  if (step.action == nullptr) return {};
  const auto* group = std::get_if<std::shared_ptr<const StepGroup>>(&step.action->main.body);
  if (group == nullptr) return {};
  make_children(step, **group);
  for (std::size_t i = 0; i < std::min(children.size(), step.children.size()); ++i)
    if (Result<void> restored = restore(*step.children[i], children[i], depth + 1); !restored)
      return restored;
  step.posts = at_places(array_in(saved, "posts"), step.children);
  return {};
}

}  // namespace buildspec_run
