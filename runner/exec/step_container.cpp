// Docker actions. Source: actions.md section 8.

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "actions/argument_split.h"
#include "actions/step_display.h"
#include "runner/base/overloaded.h"
#include "runner/container/container_run.h"
#include "runner/container/image.h"
#include "runner/exec/environment.h"
#include "runner/exec/step_job.h"

namespace buildspec_run {

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

/// Made ready when the first step that needs it starts, once for a build; a local action's for each of its stages, as
/// what it is made of may have changed.
Result<std::optional<std::string>> StepJob::image_for(const StepInstance& step,
                                                      const ContainerProgram& program,
                                                      const StageLimits& limits) {
  using None = std::optional<std::string>;
  const ContainerEngine& engine = *build_.engine;
  const LoweredAction& action = *step.action;
  const bool is_image = std::get<ActionStep>(step.task->body).uses.starts_with("docker://");
  const bool is_local = action.repository.empty() && !is_image;
  ImageNeed need;
  need.is_local = is_local;
  need.cwd = build_.directories.workspace;
  if (const auto* registry = std::get_if<ContainerProgram::Registry>(&program.image)) {
    need.image = registry->image;
    if (is_local) return None(need.image);  // the engine itself pulls what is missing (8.2)
  } else {
    const auto& built = std::get<ContainerProgram::Built>(program.image);
    Result<std::unique_ptr<Sha256>> sha256 = make_sha256(build_.around.modules);
    if (!sha256) return std::move(sha256.error());
    const std::string key = action.commit.empty()
                                ? built.dockerfile
                                : fmt::format("{}@{}:{}", action.repository, action.commit, built.dockerfile);
    need.image = image_tag(engine.label(), key, **sha256);
    need.build = ImageNeed::Build{built.dockerfile, built.context};
    if (!built.directory.empty()) need.cwd = built.directory;
  }
  if (!is_local && build_.images.contains(need.image)) return None(need.image);
  ImageListener listener;
  listener.line = [&](std::string_view line) { log_.line(line); };
  listener.warning = [&](std::string_view text) { log_.warning(std::string(text)); };
  listener.output = [&](std::string_view chunk) { log_.text(chunk); };
  const std::stop_token stop = limits.survives_cancel ? std::stop_token() : stop_;
  Result<ImageOutcome> prepared =
      prepare_image(engine, need, build_.around.processes, listener, stop, random_back_off());
  if (!prepared) return std::move(prepared.error());
  if (!prepared->ready) {
    log_.error(prepared->stopped ? std::string("The operation was canceled.") : prepared->failure);
    return None();
  }
  build_.images.emplace(need.image, need.image);
  return None(need.image);
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
  Result<std::optional<std::string>> image = image_for(step, program, limits);
  if (!image) return refuse(image.error().message);
  if (!*image) return stop_.stop_requested() ? StepStatus::cancelled : StepStatus::failure;

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
      Result<std::string> text = evaluate_string(each, inside);
      if (!text) return refuse(not_valid(*step.task, text.error().message));
      of_metadata.push_back(std::move(*text));
    }
  }
  Result<VariableList> more = evaluate_map(TemplateMap{program.env, std::nullopt}, inside);
  if (!more) return refuse(not_valid(*step.task, more.error().message));

  ContainerSpec spec;
  spec.image = **image;
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

  ProcessSpec shown;
  shown.argv = {engine->program()};
  shown.cwd = spec.cwd;
  log_.line("##[command]" +
            ContainerEngine::shown(engine->run(spec, env_file_of(spec, temp.parent_path())).process));
  const auto since = std::chrono::system_clock::now() - std::chrono::seconds(1);
  Result<StepStatus> ran = run_with_output(
      step, stage, at, limits, &directories.paths, shown,
      [&](const ProcessSpec& bounded, const ProcessRunner::OnOutput& on_output, std::stop_token stop) {
        return run_container(*engine, spec, temp.parent_path(), build_.around.processes, on_output, stop,
                             {bounded.deadline, bounded.sigint_grace, bounded.sigterm_grace});
      });
  if (!ran) return ran;
  log_.debug(fmt::format("Docker Action run completed with exit code {}", exit_.code));
  GiveBack what;
  what.directories = {build_.directories.workspace, temp.native()};
  what.user = ::getuid();
  what.group = ::getgid();
  what.since = since;
  const Result<void> given =
      give_back(*engine, spec.image, container_name(spec.image, make_uuid().substr(0, 6)), what,
                build_.around.supervisor, build_.around.processes, {});
  if (!given) log_.warning(given.error().message);
  return ran;
}

}  // namespace buildspec_run
