// What runs of a phase's steps, in which order, and what follows from how it ended. Source: actions.md 3.1 to 3.8.

#include "runner/exec/step_job.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ranges>

#include "actions/lower.h"
#include "actions/step_display.h"
#include "runner/base/check.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/environment.h"

namespace buildspec_run {
namespace {

const Allowed kStageCondition = {
    {"github", "env", "vars", "secrets", "steps", "job", "runner", "inputs", "strategy", "matrix", "needs"},
    true,
    true};

// Source: actions.md 1.2.
constexpr std::string_view kNoSelf =
    "Unable to resolve self-reference '$/'. This can occur when the server does not support this syntax, the "
    "feature flag is disabled, or the workflow context (repository/SHA) is unavailable.";

/// Of a lone literal: what a YAML scalar of that place would be. A text that an expression made is none (3.7).
std::optional<bool> as_boolean(const Template& text, const Datum& value) {
  if (value.boolean() != nullptr) return *value.boolean();
  if (text.literal_text() == nullptr || text.source().starts_with("${{")) return std::nullopt;
  const std::string word = to_lower(*text.literal_text());
  if (word == "true") return true;
  if (word == "false" || word.empty()) return false;
  return std::nullopt;
}

std::optional<double> as_number(const Template& text, const Datum& value) {
  if (value.number() != nullptr) return *value.number();
  if (text.literal_text() == nullptr || text.source().starts_with("${{")) return std::nullopt;
  const double number = parse_number(*text.literal_text());
  if (std::isnan(number)) return std::nullopt;
  return number;
}

/// A value in a string position (7.10).
Result<std::string> as_string(const Datum& value) {
  if (value.array() != nullptr) return Error{"A sequence was not expected", {}};
  if (value.object() != nullptr) return Error{"A mapping was not expected", {}};
  return value.to_string();
}

std::string text_of(const StepTask& task) {
  return std::visit(overloaded{[](const ScriptStep& script) { return script.script.source(); },
                               [](const ActionStep& action) { return action.uses; }},
                    task.body);
}

}  // namespace

std::string_view to_string(Stage stage) noexcept {
  return stage == Stage::pre ? "pre" : stage == Stage::main ? "main" : "post";
}

std::string_view to_string(StepStatus status) noexcept {
  switch (status) {
    case StepStatus::success:
      return "success";
    case StepStatus::failure:
      return "failure";
    case StepStatus::cancelled:
      return "cancelled";
    case StepStatus::skipped:
      break;
  }
  return "skipped";
}

Status to_status(StepStatus conclusion) noexcept {
  switch (conclusion) {
    case StepStatus::failure:
      return Status::failed;
    case StepStatus::cancelled:
      return Status::stopped;
    case StepStatus::success:
    case StepStatus::skipped:
      break;
  }
  return Status::succeeded;
}

StepStatus merge(StepStatus current, StepStatus coming) noexcept {
  if (current == StepStatus::cancelled || current == StepStatus::skipped) return current;
  if (coming == StepStatus::cancelled || coming == StepStatus::skipped) return coming;
  return std::max(current, coming);
}

StepJob::StepJob(StepBuild& build, const Phase& phase, StepVariables variables, BuildTime deadline,
                 std::stop_token stop)
    : build_(build),
      phase_(phase),
      variables_(std::move(variables)),
      deadline_(deadline),
      stop_(std::move(stop)),
      events_(build.around.events),
      log_(build.around.events, build.around.request.steps.debug),
      tracking_id_("github_" + make_uuid()),
      job_id_(make_uuid()) {
  const JobFacts facts = {build.around.request, build.around.git, to_lower(phase.name), build.around.attempt,
                          build.directories};
  for (const auto& [name, value] : variables_.env) env_.set(name, value);
  DatumObject secrets, vars;
  for (const auto& [name, value] : variables_.secrets) secrets.set(name, value);
  const Datum* token = secrets.find("github_token");
  if (token == nullptr) secrets.set("github_token", "");
  for (const auto& [name, value] : build.around.request.steps.vars) vars.set(name, value);
  github_ = github_context(facts, build.event, token == nullptr ? std::string() : token->to_string());
  runner_ = runner_context(facts);
  secrets_ = std::move(secrets);
  vars_ = std::move(vars);
  scope_.steps = &steps_;
  scope_.inputs = event_inputs(build.event);
  for (std::size_t i = 0; i < phase.steps.size(); ++i) {
    if (phase.steps[i].left_out) continue;
    auto step = std::make_unique<StepInstance>();
    step->task = &phase.steps[i];
    step->label = step_label(phase, i);
    if (const ActionStep* uses = std::get_if<ActionStep>(&step->task->body)) step->action = uses->action;
    instances_.push_back(std::move(step));
  }
}

Result<void> StepJob::run_stages() {
  // To the others a step that is left out is one that was skipped.
  StepInstance skipped;
  for (const StepTask& task : phase_.steps)
    if (skipped.task = &task; task.left_out)
      publish(skipped, scope_, StepStatus::skipped, StepStatus::skipped);
  if (Result<void> prepared = prepare_images(); !prepared) return prepared;
  const auto first = [&](Stage stage) {
    return from_stage_ == stage ? from_index_ : from_stage_ > stage ? instances_.size() : 0;
  };
  for (std::size_t i = first(Stage::pre); i < instances_.size(); ++i)
    if (const auto& step = instances_[i]; step->action != nullptr && step->action->pre && !is_over())
      if (Result<void> ran = run_and_keep(Stage::pre, i); !ran) return ran;
  for (std::size_t i = first(Stage::main); i < instances_.size(); ++i)
    if (!is_over())
      if (Result<void> ran = run_and_keep(Stage::main, i); !ran) return ran;
  while (!posts_.empty() && !is_over()) {
    const auto step = std::ranges::find(instances_, posts_.back(), &std::unique_ptr<StepInstance>::get);
    posts_.pop_back();
    if (Result<void> ran = run_and_keep(Stage::post, static_cast<std::size_t>(step - instances_.begin()));
        !ran)
      return ran;
  }
  return {};
}

/// One stage of a step, and what the job is behind it.
Result<void> StepJob::run_and_keep(Stage stage, std::size_t index) {
  StepInstance& step = *instances_[index];
  if (Result<void> ran = run_stage(step, stage); !ran) return ran;
  if (build_.around.keep == nullptr) return {};
  const bool was_stopped = aborted_ || status_ == StepStatus::cancelled;
  build_.around.keep(label_of(step, stage),
                     timed_out_    ? Status::timed_out
                     : was_stopped ? Status::stopped
                                   : to_status(concluded_),
                     save(stage, index));
  return {};
}

/// What events call a stage of a step of the phase.
std::string StepJob::label_of(const StepInstance& step, Stage stage) {
  return stage == Stage::main ? step.label : fmt::format("{}.{}", step.label, to_string(stage));
}

Result<StepsEnd> StepJob::run() {
  const Result<void> ran = run_stages();
  const Result<void> ended = end_orphans();
  end_services();
  if (!ran) return ran.error();
  if (!ended) return ended.error();
  look_at_stop();
  end_.aborted = aborted_;
  end_.status = timed_out_                         ? Status::timed_out
                : aborted_                         ? Status::stopped
                : status_ == StepStatus::cancelled ? Status::stopped
                : status_ == StepStatus::failure   ? Status::failed
                                                   : Status::succeeded;
  if (!path_.empty()) {
    const Datum* own = env_.find("PATH");
    const std::optional<std::string_view> host = inherited("PATH");
    end_.changed["PATH"] = path_.before(own != nullptr ? *own->string() : std::string(host.value_or("")));
  }
  return std::move(end_);
}

/// A stop that has come in the meantime makes the job a cancelled one.
void StepJob::look_at_stop() {
  if (stop_.stop_requested()) status_ = StepStatus::cancelled;
}

/// One stage of a step of the phase, its main stage as often as the controller wants it.
Result<void> StepJob::run_stage(StepInstance& step, Stage stage) {
  for (;;) {
    Undo before;
    if (stage == Stage::main) before = {env_, path_, matchers_.copy(), end_.changed};
    Result<StageEnd> end = run_stage_once(step, stage);
    const std::optional<Answer> halted = std::exchange(halted_by_, std::nullopt);
    if (!end) return std::move(end.error());
    if (halted || (stage == Stage::main && end->outcome != StepStatus::skipped)) {
      const Answer after = halted ? *halted : ask_after(*end);
      if (after == Answer::retry && stage == Stage::main) {
        undo(step, std::move(before));
        continue;
      }
      if (after == Answer::abort) aborted_ = true;
      if (after == Answer::skip && (halted || end->conclusion == StepStatus::failure)) {
        events_.tell(to_event(
            {Severity::warning, step.task->source, step.task->where,
             fmt::format("{} {}; the build goes on as if it had succeeded, as was asked for", end->told.label,
                         halted ? "was ended where it called codebuild-breakpoint" : "failed"),
             halted ? "command-skipped" : "failure-skipped"}));
        end->conclusion = StepStatus::success;
        end_.skipped += halted ? 1 : 0;
      }
    }
    if (stage == Stage::main) publish(step, scope_, end->outcome, end->conclusion);
    settle(*end, step.task->where);
    return {};
  }
}

/// Where a shell after a process is opened: with what it was given.
void StepJob::set_shell(std::map<std::string, std::string> environment, const Path& directory) {
  shell_ = {};
  shell_.program = "/bin/sh";
  shell_.environment = std::move(environment);
  shell_.start_directory = build_.around.directory;
  shell_.working_directory = directory.native();
}

/// Whether the step is to run: go_on, skip or abort.
Answer StepJob::ask_before(const TaskStarted& started, const StepInstance& step, const StepEvaluation& at) {
  TaskStarted shown = started;
  shown.text = events_.masker().mask(shown.text);
  shown.step->name = events_.masker().mask(shown.step->name);
  Answer answer = build_.around.controller.before(shown);
  if (answer == Answer::shell) {
    set_shell(environment_for(step, at, nullptr), build_.directories.workspace);
    answer = build_.around.debug.stand({Stop::At::before, phase_.name, shown.label, shown.step->name}, shell_,
                                       stop_);
  }
  check(answer == Answer::go_on || answer == Answer::skip || answer == Answer::abort,
        "before a step a controller says go on, skip, shell or abort");
  return answer;
}

/// What is to follow a main stage: go_on, retry, skip or abort.
Answer StepJob::ask_after(const StageEnd& end) {
  TaskFinished shown = end.told;
  shown.text = events_.masker().mask(shown.text);
  shown.step->name = events_.masker().mask(shown.step->name);
  const Answer answer = build_.around.controller.after(shown);
  if (answer != Answer::shell) return answer;
  return build_.around.debug.stand(
      {Stop::At::after, phase_.name, shown.label, shown.step->name, shown.status, shown.exit}, shell_, stop_);
}

/// What the end of a stage is to the job.
void StepJob::settle(const StageEnd& end, SourceRange where) {
  concluded_ = end.conclusion;
  if (end.conclusion == StepStatus::failure) {
    status_ = merge(status_, StepStatus::failure);
    if (!end_.failure && !timed_out_)
      end_.failure =
          StepFailure{end.told.label, end.told.step->name,
                      !exit_.success() ? to_string(exit_) : events_.masker().mask(log_.reason()), where};
  }
  look_at_stop();
}

/// The job as it was before the main stage of `step`, as if that had not run. What it has masked stays so, and so do the
/// posts that are to come and the state saved for them: what has begun is cleaned up.
void StepJob::undo(StepInstance& step, Undo before) {
  env_ = std::move(before.env);
  path_ = std::move(before.path);
  matchers_ = std::move(before.matchers);
  end_.changed = std::move(before.changed);
  timed_out_ = false;
  const auto forget = [](StepInstance& each, const auto& self) -> void {
    each.outputs = DatumObject();
    each.steps = DatumObject();
    for (const auto& child : each.children) self(*child, self);
  };
  forget(step, forget);
  // A local action is read again, and may have been mended.
  const ActionStep* uses = std::get_if<ActionStep>(&step.task->body);
  if (uses != nullptr && uses->action == nullptr && step.posts.empty()) step.children.clear();
}

/// One stage of a step of the phase: a task of its own.
Result<StepJob::StageEnd> StepJob::run_stage_once(StepInstance& step, Stage stage) {
  const StepTask& task = *step.task;
  const std::string label =
      stage == Stage::main ? step.label : fmt::format("{}.{}", step.label, to_string(stage));
  const Place place = place_of(*task.source, task.where);
  const std::string text = text_of(task);
  const auto began = StepClock::now();
  look_at_stop();
  log_.begin(label);
  events_.set_task(label);
  exit_ = {};
  github_.set("action", task.id);
  StepEvaluation at(*this, scope_, env_, github_);
  const Result<void> env = merge_env(task.env, at);
  const std::string name = display_name(task, stage, at);
  step_name_ = name;

  TaskFinished finished;
  finished.phase = phase_.name;
  finished.label = label;
  finished.text = text;
  finished.place = place;
  const TaskStarted started = {phase_.name, label, text, place,
                               buildspec_run::StepStage{name, std::string(to_string(stage))}};
  StepStatus outcome = StepStatus::skipped, conclusion = StepStatus::skipped;
  Result<void> machine;
  bool skipped_by_controller = false;
  if (!env) {
    events_.tell(started);
    log_.error(env.error().message);
    outcome = conclusion = StepStatus::failure;
  } else {
    log_.debug(fmt::format("Evaluating condition for step: '{}'", name));
    Result<Expression> condition = condition_of(step, stage);
    Result<bool> wanted = condition ? holds(*condition, at) : Result<bool>(std::move(condition.error()));
    if (!wanted) {
      events_.tell(started);
      log_.error(fmt::format("The template is not valid. {}", wanted.error().message));
      outcome = conclusion = StepStatus::failure;
    } else if (*wanted) {
      set_shell(environment_for(step, at, nullptr), build_.directories.workspace);
      stop_at_ = {Stop::At::inside, phase_.name, label, events_.masker().mask(name)};
      Answer before = Answer::go_on;
      if (stage == Stage::main) before = ask_before(started, step, at);
      if (before == Answer::abort) aborted_ = true;
      skipped_by_controller = before == Answer::skip;
      end_.skipped += skipped_by_controller ? 1 : 0;
      if (before == Answer::go_on) {
        events_.tell(started);
        const StageLimits limits = limits_of(step, name, *condition, at);
        const Result<StepStatus> ran = run_body(step, stage, at, scope_, limits);
        if (ran) {
          outcome = *ran;
          conclusion = timed_out_ ? outcome : conclude(task, outcome, at);
        } else {
          machine = ran.error();
        }
      }
    }
  }
  finished.took = StepClock::now() - began;
  finished.exit = exit_;
  finished.status = !machine ? Status::fault : timed_out_ ? Status::timed_out : to_status(conclusion);
  finished.step = StepResult{name, std::string(to_string(stage)), std::string(to_string(outcome)),
                             std::string(to_string(conclusion))};
  if (skipped_by_controller)
    events_.tell(to_event({Severity::note, task.source, task.where,
                           fmt::format("{} is skipped, as was asked for", label), "command-skipped"}));
  events_.flush_output();
  events_.tell(finished);
  events_.set_task({});
  if (!machine) return std::move(machine.error());
  return StageEnd{outcome, conclusion, std::move(finished)};
}

/// One stage of a step inside a composite action. `goes_on`: whether the steps behind it are looked at.
Result<StepStatus> StepJob::run_embedded(StepInstance& step, Stage stage, StepScope& scope, bool& goes_on) {
  const StepTask& task = *step.task;
  look_at_stop();
  StepEvaluation at(*this, scope, env_, scope.github);
  for (const auto& [name, value] : scope.overrides) at.env.set(name, value);
  if (scope.uses_own_status) at.github.set("action_status", to_string(scope.status));
  // A step whose env is wrong runs all the same, and has failed whatever comes of it (3.5).
  const Result<void> env = merge_env(task.env, at);
  if (!env) log_.error(env.error().message);
  if (log_.debugging())
    log_.debug(fmt::format("Evaluating condition for step: '{}'", display_name(task, stage, at)));
  Result<Expression> condition = condition_of(step, stage);
  Result<bool> wanted = condition ? holds(*condition, at) : Result<bool>(std::move(condition.error()));
  StepStatus outcome = StepStatus::skipped, conclusion = StepStatus::skipped;
  if (!wanted) {
    log_.error(fmt::format("The template is not valid. {}", wanted.error().message));
    outcome = conclusion = StepStatus::failure;
    goes_on = stage != Stage::main;
  } else if (*wanted) {
    StageLimits limits;
    limits.deadline = scope.deadline;
    limits.timeout_text = "The action has timed out.";
    at.as_cancelled = true;
    const Result<bool> survives = holds(*condition, at);
    at.as_cancelled = false;
    limits.survives_cancel = scope.survives_cancel && survives && *survives;
    Result<StepStatus> ran = run_body(step, stage, at, scope, limits);
    if (!ran) return ran;
    outcome = env ? *ran : merge(*ran, StepStatus::failure);
    conclusion = timed_out_ ? outcome : conclude(task, outcome, at);
  } else if (!env) {
    outcome = conclusion = StepStatus::failure;
  }
  if (stage == Stage::main) publish(step, scope, outcome, conclusion);
  return conclusion;
}

/// Loads what the step is, runs it, and reads what its process has written.
Result<StepStatus> StepJob::run_body(StepInstance& step, Stage stage, StepEvaluation& at, StepScope& scope,
                                     const StageLimits& limits) {
  const ActionStep* uses = std::get_if<ActionStep>(&step.task->body);
  if (uses != nullptr && !load(step, *uses, stage, scope)) return StepStatus::failure;
  const auto set = [&](std::string_view name, std::string_view value) {
    at.github.set(name, value);
    if (scope.is_job) github_.set(name, value);
  };
  set("action_repository", uses == nullptr ? std::string_view() : step.action->repository);
  set("action_ref", uses == nullptr ? std::string_view() : step.action->ref);
  const Path temp = build_.directories.temp;
  if (Result<void> written = write_event_file(temp, build_.event_json); !written)
    return std::move(written.error()).in("write the event's payload");
  Result<FileCommands> files = FileCommands::make(temp, spare_files_);
  if (!files) return std::move(files.error()).in("make the files of a step");
  files->add_to(at.github);
  if (scope.is_job) files->add_to(github_);

  Result<StepStatus> ran = StepStatus::failure;
  if (uses == nullptr) {
    ran = handle_script(step, std::get<ScriptStep>(step.task->body), at, limits);
  } else if (const std::optional<Inputs> inputs = evaluate_inputs(step, *uses, at)) {
    print_header(step, *uses, stage, *inputs, at);
    const std::optional<Program>& program = stage == Stage::pre ? step.action->pre
                                            : stage == Stage::post
                                                ? step.action->post
                                                : std::optional<Program>(step.action->main);
    check(program.has_value(), "a stage that runs is there");
    ran = std::visit(
        overloaded{
            [&](const NodeProgram& node) { return handle_node(step, node, stage, *inputs, at, limits); },
            [&](const ContainerProgram& container) {
              return handle_container(step, container, stage, *inputs, at, limits);
            },
            [&](const std::shared_ptr<const StepGroup>& group) {
              DatumObject context;
              for (const auto& [name, value] : inputs->values) context.set(name, value);
              return run_composite(step, *group, stage, std::move(context), at, scope, limits);
            }},
        program->body);
  }
  if (!ran) return ran;
  const bool good = apply_files(step, stage, *files);
  files->give_to(spare_files_);
  return good ? *ran : merge(*ran, StepStatus::failure);
}

/// Reads a local action, says what of it does not run, and sees to its post stage. False, told: it cannot be read.
bool StepJob::load(StepInstance& step, const ActionStep& uses, Stage stage, const StepScope& scope) {
  step.action = uses.action != nullptr ? uses.action : step.action;
  bool is_local = uses.action == nullptr;
  if (is_local) {
    Result<ActionReference> reference = parse_action_reference(uses.uses);
    const LocalReference* local = reference ? std::get_if<LocalReference>(&*reference) : nullptr;
    if (local == nullptr) {
      log_.error(reference ? std::string(kNoSelf) : reference.error().message);
      return false;
    }
    Result<std::shared_ptr<const LoweredAction>> action =
        lower_local_action(build_.directories.workspace, *local, build_.around.actions, scope.depth);
    if (!action) {
      log_.error(action.error().message);
      return false;
    }
    // Its steps have states: they stay those of the first reading.
    if (step.action == nullptr || step.children.empty()) step.action = std::move(*action);
    if (stage == Stage::main && step.action->pre)
      log_.warning(fmt::format("`pre` execution is not supported for local action from '{}'", uses.uses));
  }
  if (stage != Stage::post && step.action->post && !step.registered) {
    step.registered = true;
    if (scope.is_job) posts_.push_back(&step);
  }
  return true;
}

void StepJob::make_children(StepInstance& step, const StepGroup& group) {
  if (!step.children.empty()) return;
  for (const StepTask& task : group.steps) {
    auto child = std::make_unique<StepInstance>();
    child->task = &task;
    if (const ActionStep* uses = std::get_if<ActionStep>(&task.body)) child->action = uses->action;
    step.children.push_back(std::move(child));
  }
}

Result<StepStatus> StepJob::run_composite(StepInstance& step, const StepGroup& group, Stage stage,
                                          const Datum& inputs, StepEvaluation& at, StepScope& scope,
                                          const StageLimits& limits) {
  make_children(step, group);
  StepScope inner;
  inner.is_job = false;
  inner.steps = &step.steps;
  inner.inputs = inputs;
  inner.github = github_;
  inner.github.set("action_path", step.action->directory);
  inner.overrides = scope.overrides;
  inner.overrides.insert(inner.overrides.end(), at.own_env.begin(), at.own_env.end());
  inner.uses_own_status = stage == Stage::main;
  inner.survives_cancel = limits.survives_cancel;
  inner.deadline = limits.deadline;
  inner.depth = scope.depth + 1;

  StepStatus status = StepStatus::success;
  // Of a local action nobody knew before what it uses (1.3).
  if (stage == Stage::main && step.action->repository.empty()) {
    for (const WantedImage& each : images_of(group.steps)) {
      if (status != StepStatus::success || is_over()) break;
      Result<StepStatus> ready = make_ready(each, limits);
      if (!ready) return ready;
      status = *ready;
    }
    inner.status = status;
  }
  bool goes_on = true;
  const auto run_child = [&](StepInstance& child) -> Result<void> {
    const Result<StepStatus> ran = run_embedded(child, stage, inner, goes_on);
    if (!ran) return ran.error();
    if (*ran == StepStatus::failure || *ran == StepStatus::cancelled) status = merge(status, *ran);
    inner.status = status;
    if (child.registered && std::ranges::find(step.posts, &child) == step.posts.end() && stage != Stage::post)
      step.posts.push_back(&child);
    return {};
  };
  if (stage == Stage::post) {
    while (!step.posts.empty() && !is_over()) {
      StepInstance* child = step.posts.back();
      step.posts.pop_back();
      if (Result<void> ran = run_child(*child); !ran) return std::move(ran.error());
    }
    return status;
  }
  for (const auto& child : step.children) {
    if (!goes_on || is_over()) break;
    if (stage == Stage::pre && (child->action == nullptr || !child->action->pre)) continue;
    if (Result<void> ran = run_child(*child); !ran) return std::move(ran.error());
  }
  if (stage == Stage::pre) return status;
  // The outer step's env and github, the composite's inputs and steps.
  StepEvaluation outputs_at(*this, inner, at.env, at.github);
  for (const auto& [name, value] : group.outputs) {
    Result<std::string> text = string_of(value, outputs_at);
    if (!text) {
      log_.error(not_valid(*step.task, text.error().message));
      status = merge(status, StepStatus::failure);
      break;
    }
    set_output(step, stage, {name, std::move(*text)});
  }
  return status;
}

Result<Expression> StepJob::condition_of(const StepInstance& step, Stage stage) const {
  if (stage == Stage::main) return step.task->condition;
  // The text is not looked at before it is reached, and nothing is implied (2.4).
  const std::string& text = stage == Stage::pre ? step.action->pre_if : step.action->post_if;
  std::variant<Expression, ExpressionError> parsed = parse_condition(text, kStageCondition, false);
  if (const ExpressionError* error = std::get_if<ExpressionError>(&parsed)) return Error{error->message, {}};
  return std::get<Expression>(std::move(parsed));
}

Result<bool> StepJob::holds(const Expression& condition, StepEvaluation& at) {
  std::vector<std::string> trace;
  Result<Datum> value = log_.debugging() && !at.as_cancelled
                            ? evaluate_traced(condition, at, trace, kConditionMemoryBytes)
                            : evaluate(condition, at, kConditionMemoryBytes);
  for (const std::string& line : trace) log_.debug(line);
  if (!value) return std::move(value.error());
  return value->truthy();
}

/// The value of a text, with its trace in debug mode (7.10).
Result<Datum> StepJob::value_of(const Template& text, Evaluation& at) {
  if (!log_.debugging() || !text.expression()) return evaluate(text, at);
  std::vector<std::string> trace;
  Result<Datum> value = evaluate_traced(*text.expression(), at, trace);
  for (const std::string& line : trace) log_.debug(line);
  return value;
}

/// The same in a string position.
Result<std::string> StepJob::string_of(const Template& text, Evaluation& at) {
  if (text.literal_text() != nullptr) return *text.literal_text();
  const Result<Datum> value = value_of(text, at);
  return value ? as_string(*value) : Result<std::string>(value.error());
}

Result<VariableList> StepJob::evaluate_map(const TemplateMap& map, StepEvaluation& at) {
  VariableList list;
  const auto add = [&](std::string name, const Datum& value) -> Result<void> {
    if (std::ranges::any_of(list, [&](const auto& each) { return equals_ignoring_case(each.first, name); }))
      return Error{fmt::format("'{}' is already defined", name), {}};
    Result<std::string> text = as_string(value);
    if (!text) return std::move(text.error());
    list.emplace_back(std::move(name), std::move(*text));
    return {};
  };
  const auto add_members = [&](const Datum& value, std::string error) -> Result<void> {
    if (value.object() == nullptr) return Error{std::move(error), {}};
    for (const auto& [name, member] : value.object()->members())
      if (Result<void> added = add(name, member); !added) return added;
    return {};
  };
  if (map.whole) {
    const Result<Datum> value = value_of(*map.whole, at);
    if (!value) return value.error();
    const std::string shown = value->array() == nullptr
                                  ? fmt::format("Unexpected value '{}'", value->to_string())
                                  : std::string("A sequence was not expected");
    if (Result<void> added = add_members(*value, shown); !added) return std::move(added.error());
    return list;
  }
  for (const auto& [name, value] : map.members) {
    const Result<Datum> datum = value_of(value, at);
    if (!datum) return datum.error();
    if (name.literal_text() != nullptr && name.literal_text()->empty()) {  // ${{ insert }}
      if (Result<void> added = add_members(*datum, "Expected a mapping"); !added)
        return std::move(added.error());
      continue;
    }
    const Result<Datum> key = value_of(name, at);
    if (!key) return key.error();
    if (key->array() != nullptr || key->object() != nullptr) return Error{"Expected a string", {}};
    if (key->to_string().empty()) return Error{"Unexpected value ''", {}};
    if (Result<void> added = add(key->to_string(), *datum); !added) return std::move(added.error());
  }
  return list;
}

/// A step's `env` into the env context. All of it, or nothing.
Result<void> StepJob::merge_env(const TemplateMap& env, StepEvaluation& at) {
  Result<VariableList> list = evaluate_map(env, at);
  if (!list) return Error{fmt::format("The template is not valid. {}", list.error().message), {}};
  for (const auto& [name, value] : *list) at.env.set(name, value);
  at.own_env = std::move(*list);
  return {};
}

StageLimits StepJob::limits_of(const StepInstance& step, const std::string& name, const Expression& condition,
                               StepEvaluation& at) {
  StageLimits limits;
  // Asked now, as nothing can be asked while it runs; what a running step changes becomes visible when it has ended.
  at.as_cancelled = true;
  const Result<bool> survives = holds(condition, at);
  at.as_cancelled = false;
  limits.survives_cancel = survives && *survives;
  const std::optional<Template>& minutes = step.task->timeout_minutes;
  if (!minutes) return limits;
  const Result<Datum> value = value_of(*minutes, at);
  const std::optional<double> number = value ? as_number(*minutes, *value) : std::nullopt;
  if (!number) {
    log_.error("An error occurred when attempting to determine the step timeout.");
    log_.error(not_valid(*step.task, value ? fmt::format("Unexpected value '{}'", value->to_string())
                                           : value.error().message));
    return limits;
  }
  // Minutes are whole; a year is as good as none, and stays in range.
  const double whole = std::trunc(std::min(*number, 525600.0));
  if (whole < 1) return limits;
  limits.deadline = clock().now() + std::chrono::minutes(static_cast<long>(whole));
  limits.timeout_text = fmt::format("The action '{}' has timed out after {} minutes.", name, whole);
  return limits;
}

/// The conclusion of a step, by its continue-on-error. Source: actions.md 3.7.
StepStatus StepJob::conclude(const StepTask& task, StepStatus outcome, StepEvaluation& at) {
  if (outcome != StepStatus::failure || !task.continue_on_error) return outcome;
  const Result<Datum> value = value_of(*task.continue_on_error, at);
  const std::optional<bool> carries_on = value ? as_boolean(*task.continue_on_error, *value) : std::nullopt;
  if (!carries_on) {
    log_.error(
        "The step failed and an error occurred when attempting to determine whether to continue on error.");
    log_.error(not_valid(
        task, value ? fmt::format("Unexpected value '{}'", value->to_string()) : value.error().message));
    return outcome;
  }
  return *carries_on ? StepStatus::success : outcome;
}

/// What `steps.<id>` says from now on.
void StepJob::publish(const StepInstance& step, StepScope& scope, StepStatus outcome, StepStatus conclusion) {
  if (step.task->id.starts_with("__") || step.task->id.empty()) return;
  DatumObject result;
  result.set("outputs", step.outputs);
  result.set("outcome", to_string(outcome));
  result.set("conclusion", to_string(conclusion));
  scope.steps->set(step.task->id, std::move(result));
}

std::string StepJob::display_name(const StepTask& task, Stage stage, StepEvaluation& at) const {
  std::string name = display_line(display_text(task.name, at));
  if (name.empty())
    if (const ScriptStep* script = std::get_if<ScriptStep>(&task.body))
      name = default_display_name(display_text(script->script, at));
  if (name.empty()) name = task.default_name;
  return stage == Stage::pre ? "Pre " + name : stage == Stage::post ? "Post " + name : name;
}

std::string StepJob::not_valid(const StepTask& task, std::string_view why) const {
  const LineColumn place = task.source->place(task.where.begin);
  return fmt::format("The template is not valid. {} (Line: {}, Col: {}): {}", task.source->name(), place.line,
                     place.column, why);
}

}  // namespace buildspec_run
