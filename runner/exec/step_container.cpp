// Docker actions. Source: actions.md section 8.

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "actions/argument_split.h"
#include "actions/step_display.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/container/container_run.h"
#include "runner/container/image.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/environment.h"
#include "runner/exec/step_job.h"

namespace buildspec_run {
namespace {

constexpr std::chrono::milliseconds kHangUpGrace{1500};  // of a shell in a container, to each signal

}  // namespace

ContainerEngine* StepJob::find_engine() {
  if (build_.engine) return &*build_.engine;
  const StepOptions& options = build_.around.request.steps;
  EngineOptions wanted;
  wanted.program = options.container_engine;
  wanted.environment = options.engine_environment.empty() ? build_.around.request.host_environment
                                                          : options.engine_environment;
  wanted.docker_socket = options.docker_socket;
  wanted.network = options.container_network;
  Result<ContainerEngine> engine = ContainerEngine::find(wanted);
  Result<void> reached =
      engine ? reach_engine(*engine, build_.around.processes, stop_) : Result<void>(engine.error());
  if (!reached) {
    log_.error(reached.error().message);
    return nullptr;
  }
  return &build_.engine.emplace(std::move(*engine));
}

bool StepJob::WantedImage::is_built() const {
  return std::holds_alternative<ContainerProgram::Built>(program->image);
}

/// What is the same is pulled or built once.
std::string StepJob::WantedImage::key() const {
  if (const auto* registry = std::get_if<ContainerProgram::Registry>(&program->image)) return registry->image;
  const std::string& dockerfile = std::get<ContainerProgram::Built>(program->image).dockerfile;
  return action->commit.empty() ? dockerfile
                                : fmt::format("{}@{}:{}", action->repository, action->commit, dockerfile);
}

/// Those of an action and of all that it uses, as far as its files are known.
void StepJob::collect_images(const StepTask& task, const StepTask& of,
                             std::vector<WantedImage>& wanted) const {
  const ActionStep* uses = std::get_if<ActionStep>(&task.body);
  if (uses == nullptr || uses->action == nullptr) return;
  const auto& body = uses->action->main.body;
  if (const auto* group = std::get_if<std::shared_ptr<const StepGroup>>(&body)) {
    for (const StepTask& inner : (*group)->steps) collect_images(inner, of, wanted);
  } else if (const auto* program = std::get_if<ContainerProgram>(&body)) {
    const WantedImage image = {&of, uses, uses->action.get(), program};
    const std::string key = image.key();
    if (!build_.images.contains(key) &&
        std::ranges::none_of(wanted, [&](const WantedImage& each) { return each.key() == key; }))
      wanted.push_back(image);
  }
}

/// What is pulled comes before what is built. Source: actions.md 3.1, 8.2.
std::vector<StepJob::WantedImage> StepJob::images_of(std::span<const StepTask> tasks) const {
  std::vector<WantedImage> wanted;
  for (const StepTask& task : tasks)
    if (!task.left_out) collect_images(task, task, wanted);
  std::stable_partition(wanted.begin(), wanted.end(),
                        [](const WantedImage& each) { return !each.is_built(); });
  return wanted;
}

/// The images of the phase, each a task of its own, before its first step.
Result<void> StepJob::prepare_images() {
  const std::vector<WantedImage> wanted = images_of(phase_.steps);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    look_at_stop();
    if (status_ != StepStatus::success || is_over()) break;
    const Result<StageEnd> end = prepare_image_alone(wanted[i], i);
    if (!end) return end.error();
    settle(*end, wanted[i].of->where);
  }
  return {};
}

Result<StepJob::StageEnd> StepJob::prepare_image_alone(const WantedImage& wanted, std::size_t number) {
  const auto began = StepClock::now();
  StageEnd end;
  TaskFinished& told = end.told;
  told.phase = phase_.name;
  told.label = fmt::format("{}.image[{}]", to_lower(phase_.name), number);
  told.text = wanted.uses->uses;
  told.place = place_of(*wanted.of->source, wanted.of->where);
  const std::string name = wanted.is_built() ? "Build " + told.text : "Pull " + wanted.key();
  log_.begin(told.label);
  exit_ = {};
  events_.set_task(told.label);
  events_.tell(
      TaskStarted{told.phase, told.label, told.text, told.place, buildspec_run::StepStage{name, "image"}});
  const Result<StepStatus> ready = make_ready(wanted, {});
  if (ready) end.outcome = end.conclusion = *ready;
  told.took = StepClock::now() - began;
  told.status = !ready ? Status::fault : timed_out_ ? Status::timed_out : to_status(end.conclusion);
  told.step =
      StepResult{name, "image", std::string(to_string(end.outcome)), std::string(to_string(end.conclusion))};
  events_.flush_output();
  events_.tell(told);
  events_.set_task({});
  if (!ready) return ready.error();
  return end;
}

Result<ImageNeed> StepJob::image_need(const WantedImage& wanted, const ContainerEngine& engine) const {
  ImageNeed need;
  need.is_local = wanted.action->repository.empty() && !wanted.uses->uses.starts_with("docker://");
  need.offline = build_.around.request.actions.offline;
  need.cwd = build_.directories.workspace;
  need.image = wanted.key();
  if (!wanted.is_built()) return need;
  const auto& built = std::get<ContainerProgram::Built>(wanted.program->image);
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(build_.around.modules);
  if (!sha256) return std::move(sha256.error());
  need.image = image_tag(engine.label(), need.image, **sha256);
  need.build = ImageNeed::Build{built.dockerfile, built.context};
  if (!built.directory.empty()) need.cwd = built.directory;
  return need;
}

/// A local action's is built each time, as what it is made of may have changed; one that a local action has pulled is left
/// to the engine, which pulls what is missing when it is run (8.2).
Result<StepStatus> StepJob::make_ready(const WantedImage& wanted, const StageLimits& limits) {
  ContainerEngine* engine = find_engine();
  if (engine == nullptr) return StepStatus::failure;
  Result<ImageNeed> need = image_need(wanted, *engine);
  if (!need) {
    log_.error(need.error().message);
    return StepStatus::failure;
  }
  if (need->is_local ? !need->build : build_.images.contains(wanted.key())) return StepStatus::success;
  ImageListener listener;
  listener.line = [&](std::string_view line) { log_.line(line); };
  listener.warning = [&](std::string_view text) { log_.warning(std::string(text)); };
  listener.output = [&](std::string_view chunk) { log_.text(chunk); };
  need->deadline = clock().on_machine(limits.deadline ? std::min(deadline_, *limits.deadline) : deadline_);
  const std::stop_token stop = limits.survives_cancel ? std::stop_token() : stop_;
  const Result<ImageOutcome> outcome =
      prepare_image(*engine, *need, build_.around.processes, listener, stop, random_back_off());
  if (!outcome && outcome.error().code == std::errc::connection_reset) return outcome.error();
  if (!outcome) {
    log_.error(outcome.error().message);
    return StepStatus::failure;
  }
  if (outcome->ready) {
    build_.images[wanted.key()] = need->image;
    return StepStatus::success;
  }
  if (outcome->timed_out && limits.deadline && *limits.deadline < deadline_) {
    log_.error(limits.timeout_text);
    return StepStatus::failure;
  }
  timed_out_ = timed_out_ || outcome->timed_out;
  const bool is_ended = outcome->timed_out || outcome->stopped;
  log_.error(is_ended ? std::string("The operation was canceled.") : outcome->failure);
  return is_ended ? StepStatus::cancelled : StepStatus::failure;
}

Result<StepStatus> StepJob::handle_container(StepInstance& step, const ContainerProgram& program, Stage stage,
                                             const Inputs& inputs, StepEvaluation& at,
                                             const StageLimits& limits) {
  const auto refuse = [&](std::string message) {
    log_.error(std::move(message));
    return StepStatus::failure;
  };
  ContainerEngine* engine = find_engine();
  if (engine == nullptr) return StepStatus::failure;
  const WantedImage image = {step.task, &std::get<ActionStep>(step.task->body), step.action.get(), &program};
  Result<StepStatus> ready = make_ready(image, limits);
  if (!ready || *ready != StepStatus::success) return ready;

  // Arguments and variables of the metadata see the action's own inputs (2.5).
  StepScope own;
  own.steps = &steps_;
  DatumObject input_context;
  for (const auto& [name, value] : inputs.values) input_context.set(name, value);
  own.inputs = std::move(input_context);
  StepEvaluation inside(*this, own, at.env, at.github);
  std::vector<std::string> of_metadata;
  if (program.args) {
    for (const Template& each : *program.args) {
      Result<std::string> text = string_of(each, inside);
      if (!text) return refuse(not_valid(*step.task, text.error().message));
      of_metadata.push_back(std::move(*text));
    }
  }
  Result<VariableList> more = evaluate_map(TemplateMap{program.env, std::nullopt}, inside);
  if (!more) return refuse(not_valid(*step.task, more.error().message));

  ContainerSpec spec;
  spec.image = image.is_built() ? build_.images.at(image.key()) : image.key();
  spec.name = container_name(spec.image, make_uuid().substr(0, 6));
  spec.args = container_arguments(program.args ? &of_metadata : nullptr, inputs.find("args"));
  spec.entrypoint = program.entrypoint;
  if (spec.entrypoint.empty() && stage == Stage::main) spec.entrypoint = inputs.find("entryPoint");
  spec.workdir = std::string(kContainerWorkspace);
  spec.cwd = build_.directories.workspace;
  const Path temp = build_.directories.temp;
  if (Result<void> made = make_job_directories(temp); !made) return std::move(made.error());
  const ActionDirectories directories = action_directories(temp.native(), build_.directories.workspace);
  spec.mounts = directories.mounts;

  VariableList named, contexts = exported_variables(at.github);
  for (const auto& [name, value] : inputs.values) named.emplace_back(input_variable_name(name), value);
  std::ranges::move(runner_variables(runner_), std::back_inserter(contexts));
  contexts.emplace_back("HOME", (temp / "_github_home").native());
  static const std::map<std::string, std::string> kNothing;
  spec.env =
      process_environment({kNothing, at.env, nullptr, &step.state, named, *more, nullptr, contexts, {}});
  // The engine's command line has these two (8.3).
  spec.env.erase("GITHUB_ACTIONS");
  if (at.env.find("CI") == nullptr &&
      std::ranges::none_of(*more, [](const auto& each) { return each.first == "CI"; }))
    spec.env.erase("CI");
  for (auto& [name, value] : spec.env) value = directories.paths.to_container(value);
  // On any other network this machine's loopback is not there.
  if (build_.around.request.steps.container_network == "host")
    add_services(spec.env, true);
  else
    log_.debug("The services for caches and artifacts are for containers with --container-network host");

  ProcessSpec shown;
  shown.argv = {engine->program()};
  shown.cwd = spec.cwd;
  log_.line("##[command]" +
            ContainerEngine::shown(engine->run(spec, env_file_of(spec, temp.parent_path())).process));
  GiveBack what;
  what.directories = {build_.directories.workspace, temp.native()};
  what.user = ::getuid();
  what.group = ::getgid();
  what.since = std::chrono::system_clock::now() - std::chrono::seconds(1);
  // The container is gone when the step has failed: who wants to look gets another one.
  shell_.program = fmt::format("sh in a container of {}", spec.image);
  shell_.working_directory = spec.workdir;
  shell_.environment = spec.env;
  shell_.run = [this, engine, spec, temp, what](ProcessRunner& processes, const std::string& terminal,
                                                const ShellFiles& files, const std::stop_token& stop_shell) {
    ContainerSpec again = spec;
    again.name = container_name(spec.image, make_uuid().substr(0, 6));
    again.entrypoint = "sh";
    again.args.clear();
    again.terminal = terminal;
    again.env["ENV"] = files.start.native();
    again.mounts.push_back({files.start.native(), files.start.native(), true});
    again.mounts.push_back({files.resumed.native(), files.resumed.native()});
    Result<ProcessEnd> end =
        run_container(*engine, again, temp.parent_path(), processes, [](std::string_view) {}, stop_shell,
                      {{}, kHangUpGrace, kHangUpGrace});
    static_cast<void>(give_back(*engine, spec.image, container_name(spec.image, make_uuid().substr(0, 6)),
                                what, build_.around.supervisor, processes,
                                {}));  // else the step's next run does it
    return end;
  };
  Result<StepStatus> ran = run_with_output(
      step, stage, at, limits, &directories.paths, shown,
      [&](const ProcessSpec& bounded, const ProcessRunner::OnOutput& on_output, std::stop_token stop) {
        return run_container(*engine, spec, temp.parent_path(), build_.around.processes, on_output, stop,
                             {bounded.deadline, bounded.sigint_grace, bounded.sigterm_grace});
      });
  if (!ran) return ran;
  log_.debug(fmt::format("Docker Action run completed with exit code {}", exit_.code));
  const Result<void> given =
      give_back(*engine, spec.image, container_name(spec.image, make_uuid().substr(0, 6)), what,
                build_.around.supervisor, build_.around.processes, {});
  if (!given) log_.warning(given.error().message);
  return ran;
}

}  // namespace buildspec_run
