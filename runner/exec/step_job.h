// One phase's steps while they run: for step_runner.cpp and its parts alone. step_job.cpp says what runs and what follows
// from it; step_handlers.cpp starts the processes; step_evaluation.cpp is what expressions see.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actions/command_processor.h"
#include "actions/expr/expression.h"
#include "actions/problem_matcher.h"
#include "actions/service/service.h"
#include "runner/container/engine.h"
#include "runner/container/image.h"
#include "runner/exec/debug_session.h"
#include "runner/exec/interactive_shell.h"
#include "runner/exec/node_program.h"
#include "runner/exec/step_contexts.h"
#include "runner/exec/step_environment.h"
#include "runner/exec/step_files.h"
#include "runner/exec/step_log.h"
#include "runner/exec/step_runner.h"
#include "runner/plan/step.h"

namespace buildspec_run {

using StepClock = std::chrono::steady_clock;

enum class Stage { pre, main, post };
[[nodiscard]] std::string_view to_string(Stage stage) noexcept;
enum class StepStatus { success, failure, cancelled, skipped };
[[nodiscard]] std::string_view to_string(StepStatus status) noexcept;
/// What a task has come to whose step concluded so.
[[nodiscard]] Status to_status(StepStatus conclusion) noexcept;
/// actions.md 3.2.
[[nodiscard]] StepStatus merge(StepStatus current, StepStatus coming) noexcept;

/// A step with what it keeps from stage to stage.
struct StepInstance {
  const StepTask* task = nullptr;
  std::string label;  // of a step of the phase: "build[2]"
  /// nullptr for `run`, and for a local action before its main stage.
  std::shared_ptr<const LoweredAction> action;  // owners: the plan, and the instances made from it
  DatumObject state;                            // STATE_…
  DatumObject outputs;
  bool registered = false;  // its post stage is to run
  // Of a composite action:
  std::vector<std::unique_ptr<StepInstance>> children;
  std::vector<StepInstance*> posts;  // of the children, in the order of registration
  DatumObject steps;                 // the children's `steps` context
};

/// What the steps of one list share: those of the phase, or of one composite action.
struct StepScope {
  bool is_job = true;
  DatumObject* steps = nullptr;
  Datum inputs;
  DatumObject github;            // of a composite: the job's when it began, with action_path
  VariableList overrides;        // env of the enclosing composite steps
  bool uses_own_status = false;  // success() and failure() look at `status`, not at the job's
  StepStatus status = StepStatus::success;
  bool survives_cancel = true;  // of the enclosing step
  std::optional<BuildTime> deadline;
  int depth = 0;
};

class StepJob;

/// What the expressions of one stage see.
class StepEvaluation final : public Evaluation {
 public:
  StepEvaluation(StepJob& job, const StepScope& scope, DatumObject env_context, DatumObject github_context)
      : env(std::move(env_context)), github(std::move(github_context)), job_(job), scope_(scope) {}
  StepEvaluation(const StepEvaluation&) = delete;

  Datum context(std::string_view name) override;
  bool status(std::string_view function) override;
  Result<std::string> hash_files(std::span<const std::string> patterns) override;

  DatumObject env, github;    // may be changed between evaluations
  VariableList own_env;       // what the step's own `env` set
  bool as_cancelled = false;  // as if the job had been cancelled

 private:
  StepJob& job_;
  const StepScope& scope_;
};

/// What bounds a stage.
struct StageLimits {
  std::optional<BuildTime> deadline;
  std::string timeout_text;      // the error when it has come
  bool survives_cancel = false;  // its condition holds in a cancelled job, too
};

/// One build's steps: what phases share.
struct StepBuild {
  explicit StepBuild(StepSurroundings surroundings) : around(std::move(surroundings)) {}
  StepSurroundings around;
  JobDirectories directories;
  std::string event_json;
  Datum event;
  bool prepared = false;
  std::optional<Result<NodeVersion>> node;
  std::vector<std::string> told_nodes;  // declared versions that were warned of
  std::optional<ContainerEngine> engine;
  std::map<std::string, std::string> images;  // what is ready: by key, its name
  bool services_tried = false, services_failure_told = false;
  std::unique_ptr<ActionService> services;  // since the first action that may ask them
};

class StepJob {
 public:
  StepJob(StepBuild& build, const Phase& phase, StepVariables variables, BuildTime deadline,
          std::stop_token stop);
  StepJob(const StepJob&) = delete;
  Result<StepsEnd> run();
  /// Before `run`: the job goes on with the one that `keep` of the surroundings got this of.
  Result<void> restore(const std::string& saved);

 private:
  friend class StepEvaluation;
  friend class ProcessReceiver;

  // step_job.cpp
  /// How a stage ended.
  struct StageEnd {
    StepStatus outcome = StepStatus::skipped, conclusion = StepStatus::skipped;
    TaskFinished told;
  };
  /// What the main stage of a step changes of the job.
  struct Undo {
    DatumObject env;
    PathEntries path;
    ProblemMatchers matchers;
    std::map<std::string, std::string> changed;
  };
  Result<void> run_stages();
  Result<void> run_stage(StepInstance& step, Stage stage);
  Result<StageEnd> run_stage_once(StepInstance& step, Stage stage);
  void settle(const StageEnd& end, SourceRange where);
  void undo(StepInstance& step, Undo before);
  Result<StepStatus> run_embedded(StepInstance& step, Stage stage, StepScope& scope, bool& goes_on);
  static void make_children(StepInstance& step, const StepGroup& group);
  [[nodiscard]] static std::string label_of(const StepInstance& step, Stage stage);
  Result<void> run_and_keep(Stage stage, std::size_t index);
  Result<StepStatus> run_body(StepInstance& step, Stage stage, StepEvaluation& at, StepScope& scope,
                              const StageLimits& limits);
  Result<StepStatus> run_composite(StepInstance& step, const StepGroup& group, Stage stage,
                                   const Datum& inputs, StepEvaluation& at, StepScope& scope,
                                   const StageLimits& limits);
  [[nodiscard]] bool load(StepInstance& step, const ActionStep& uses, Stage stage, const StepScope& scope);
  void register_post(StepInstance& step, StepScope& scope, StepInstance* parent);
  Result<Expression> condition_of(const StepInstance& step, Stage stage) const;
  Result<bool> holds(const Expression& condition, StepEvaluation& at);
  Result<void> merge_env(const TemplateMap& env, StepEvaluation& at);
  Result<Datum> value_of(const Template& text, Evaluation& at);
  Result<std::string> string_of(const Template& text, Evaluation& at);
  Result<VariableList> evaluate_map(const TemplateMap& map, StepEvaluation& at);
  StageLimits limits_of(const StepInstance& step, const std::string& name, const Expression& condition,
                        StepEvaluation& at);
  StepStatus conclude(const StepTask& task, StepStatus outcome, StepEvaluation& at);
  void publish(const StepInstance& step, StepScope& scope, StepStatus outcome, StepStatus conclusion);
  [[nodiscard]] std::string display_name(const StepTask& task, Stage stage, StepEvaluation& at) const;
  [[nodiscard]] std::string not_valid(const StepTask& task, std::string_view why) const;
  void look_at_stop();
  void set_shell(std::map<std::string, std::string> environment, const Path& directory);
  Answer ask_before(const TaskStarted& started, const StepInstance& step, const StepEvaluation& at);
  Answer ask_after(const StageEnd& end);
  [[nodiscard]] const BuildClock& clock() const { return build_.around.debug.clock(); }
  [[nodiscard]] bool is_over() const { return timed_out_ || aborted_; }

  // step_state.cpp
  [[nodiscard]] std::string save(Stage stage, std::size_t index) const;
  Result<void> restore(StepInstance& step, const Value& saved, int depth);

  // step_handlers.cpp
  struct Inputs {
    VariableList values;  // names as given, or as declared; in order
    [[nodiscard]] std::string_view find(std::string_view name) const;
  };
  Result<StepStatus> handle_script(StepInstance& step, const ScriptStep& script, StepEvaluation& at,
                                   const StageLimits& limits);
  Result<StepStatus> handle_node(StepInstance& step, const NodeProgram& program, Stage stage,
                                 const Inputs& inputs, StepEvaluation& at, const StageLimits& limits);
  Result<StepStatus> handle_container(StepInstance& step, const ContainerProgram& program, Stage stage,
                                      const Inputs& inputs, StepEvaluation& at, const StageLimits& limits);
  Result<StepStatus> run_process(StepInstance& step, Stage stage, ProcessSpec spec, StepEvaluation& at,
                                 const StageLimits& limits);
  using RunBounded = std::function<Result<ProcessEnd>(
      const ProcessSpec& bounded, const ProcessRunner::OnOutput& on_output, std::stop_token stop)>;
  Result<StepStatus> run_with_output(StepInstance& step, Stage stage, StepEvaluation& at,
                                     const StageLimits& limits, const PathMap* paths, const ProcessSpec& spec,
                                     const RunBounded& run);
  std::optional<Inputs> evaluate_inputs(const StepInstance& step, const ActionStep& uses, StepEvaluation& at);
  void print_header(const StepInstance& step, const ActionStep& uses, Stage stage, const Inputs& inputs,
                    const StepEvaluation& at);
  [[nodiscard]] std::vector<NameValue> shown_environment(const StepInstance& step,
                                                         const StepEvaluation& at) const;
  [[nodiscard]] std::map<std::string, std::string> environment_for(const StepInstance& step,
                                                                   const StepEvaluation& at,
                                                                   const Inputs* inputs) const;
  [[nodiscard]] std::string find_on_path(std::string_view program) const;
  /// What the files say that the process wrote. Whether one of them was wrong.
  bool apply_files(StepInstance& step, Stage stage, const FileCommands& files);
  void apply(StepInstance& step, Stage stage, const CommandEffects& effects, bool& failed);
  CommandEffects change_matchers(const MatcherRequest& request);
  void set_output(StepInstance& step, Stage stage, const NameValue& output);
  void set_variable(const NameValue& variable);
  [[nodiscard]] std::optional<std::string_view> inherited(std::string_view name) const;
  Result<StepStatus> failed_start(const ProcessSpec& spec, const Error& error);
  Result<ProcessEnd> start(const ProcessSpec& spec, const ProcessRunner::OnOutput& on_output,
                           std::stop_token stop, const StageLimits& limits, const RunBounded& run);
  StepStatus status_of(const ProcessEnd& end, const StageLimits& limits);
  Result<void> end_orphans();
  /// What an action's process finds GitHub's services by. They are started for the first that asks.
  void add_services(std::map<std::string, std::string>& environment, bool is_container);
  /// The job uses them no more. Warns when they could not serve those who asked.
  void end_services();

  // step_container.cpp
  /// The engine; nullptr, told: there is none.
  ContainerEngine* find_engine();
  /// The image that an action needs, with the step that uses it.
  struct WantedImage {
    const StepTask* of = nullptr;  // the step of the list that was looked through
    const ActionStep* uses = nullptr;
    const LoweredAction* action = nullptr;
    const ContainerProgram* program = nullptr;
    [[nodiscard]] std::string key() const;
    [[nodiscard]] bool is_built() const;
  };
  void collect_images(const StepTask& task, const StepTask& of, std::vector<WantedImage>& wanted) const;
  [[nodiscard]] std::vector<WantedImage> images_of(std::span<const StepTask> tasks) const;
  Result<void> prepare_images();
  Result<StageEnd> prepare_image_alone(const WantedImage& wanted, std::size_t number);
  Result<ImageNeed> image_need(const WantedImage& wanted, const ContainerEngine& engine) const;
  /// Sees to it that `build_.images` has it.
  Result<StepStatus> make_ready(const WantedImage& wanted, const StageLimits& limits);

  StepBuild& build_;
  const Phase& phase_;
  StepVariables variables_;
  const BuildTime deadline_;
  const std::stop_token stop_;
  EventStream& events_;
  StepLog log_;

  const std::string tracking_id_;  // RUNNER_TRACKING_ID of every process of the job
  const std::string job_id_;       // as the services know it
  std::string service_token_;      // empty: nobody has asked for them yet
  StepStatus status_ = StepStatus::success;
  DatumObject env_{true};  // the job's accumulated environment
  DatumObject github_, runner_, steps_;
  Datum secrets_, vars_;
  PathEntries path_;
  ProblemMatchers matchers_;
  SpareFiles spare_files_;
  std::vector<std::unique_ptr<StepInstance>> instances_;
  std::vector<StepInstance*> posts_;
  StepScope scope_;
  StepsEnd end_;
  bool timed_out_ = false, aborted_ = false;
  StepStatus concluded_ = StepStatus::success;  // the last stage
  Stage from_stage_ = Stage::pre;               // where the job begins: at a step of a stage
  std::size_t from_index_ = 0;
  ExitStatus exit_;                  // of the last process
  std::optional<Answer> halted_by_;  // where a process called codebuild-breakpoint
  Stop stop_at_;                     // the stage that runs
  InteractiveShell shell_;           // of the last process: where a shell after it is opened
  std::string step_name_;
};

}  // namespace buildspec_run
