// How a step's process is started, and what its output and its files do. Source: actions.md 3.8 to 3.15, 4, 5, 10.2.

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ranges>

#include "actions/shell_command.h"
#include "actions/step_display.h"
#include "actions/step_output.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/step_job.h"

namespace buildspec_run {
namespace {

class FilesOfMachine final : public MatcherFiles {
 public:
  bool is_file(const std::string& path) override {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored);
  }
  std::optional<std::string> read(const std::string& path) override {
    if (!is_file(path)) return std::nullopt;
    Result<std::string> text = read_file(path, 1 << 20);
    return text ? std::optional(std::move(*text)) : std::nullopt;
  }
};

bool equals_any(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names, [&](std::string_view each) { return equals_ignoring_case(each, name); });
}

/// Source: actions.md 3.14.
int oom_score_adj(const std::map<std::string, std::string>& environment) {
  constexpr int kDefault = 500;
  const auto found = environment.find("PIPELINE_JOB_OOMSCOREADJ");
  if (found == environment.end()) return kDefault;
  int score = kDefault;
  const char* const end = found->second.data() + found->second.size();
  const std::from_chars_result read = std::from_chars(found->second.data(), end, score);
  return read.ec == std::errc() && read.ptr == end ? std::clamp(score, -1000, 1000) : kDefault;
}

}  // namespace

/// What a step's process prints becomes log, outputs, masks …
class ProcessReceiver final : public StepOutput::Receiver {
 public:
  ProcessReceiver(StepJob& job, StepInstance& step, Stage stage, std::stop_source& abort)
      : job_(job), step_(step), stage_(stage), abort_(abort) {}
  void text(std::string_view lines) override { job_.log_.text(lines); }
  void effects(const CommandEffects& effects) override {
    job_.apply(step_, stage_, effects, failed_);
    if (effects.aborts) abort_.request_stop();
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  StepJob& job_;
  StepInstance& step_;
  Stage stage_;
  std::stop_source& abort_;
  bool failed_ = false;
};

void StepJob::apply(StepInstance& step, Stage stage, const CommandEffects& effects, bool& failed) {
  for (const std::string& mask : effects.masks) events_.masker().add(mask);
  for (const LogEntry& entry : effects.log) log_.tell(entry);
  if (effects.fails_step) log_.blame(effects.log);
  if (effects.output) set_output(step, stage, *effects.output);
  if (effects.state) step.state.set(effects.state->name, effects.state->value);
  if (effects.variable) set_variable(*effects.variable);
  if (effects.path) path_.add(*effects.path);
  failed = failed || effects.fails_step || effects.aborts;
  if (effects.matcher) apply(step, stage, change_matchers(*effects.matcher), failed);
}

CommandEffects StepJob::change_matchers(const MatcherRequest& request) {
  std::vector<MatcherSpec> specs;
  if (!request.file.empty()) {
    const Result<std::string> text = read_file(request.file, 4 << 20);
    if (!text) return failed_request(request, text.error().message);
    Result<std::vector<MatcherSpec>> parsed = parse_problem_matchers(*text);
    if (!parsed) return failed_request(request, parsed.error().message);
    specs = std::move(*parsed);
  }
  if (request.add) {
    const Result<void> added = matchers_.add(specs);
    return added ? CommandEffects{} : failed_request(request, added.error().message);
  }
  std::vector<std::string> owners;
  if (!request.owner.empty()) owners.push_back(request.owner);
  for (const MatcherSpec& spec : specs) owners.push_back(spec.owner);
  matchers_.remove(owners);
  return {};
}

/// Of a main stage whose id can be named; the rest is dropped (3.10, 3.3).
void StepJob::set_output(StepInstance& step, Stage stage, const NameValue& output) {
  if (stage != Stage::main || step.task->id.empty() || step.task->id.starts_with("__")) return;
  step.outputs.set(output.name, output.value);
}

void StepJob::set_variable(const NameValue& variable) {
  env_.set(variable.name, variable.value);
  end_.changed[variable.name] = variable.value;
}

std::optional<std::string_view> StepJob::inherited(std::string_view name) const {
  const auto found = variables_.inherited.find(std::string(name));
  if (found == variables_.inherited.end()) return std::nullopt;
  return found->second;
}

bool StepJob::apply_files(StepInstance& step, Stage stage, const FileCommands& files) {
  bool good = true;
  const auto fail = [&](EnvironmentFile file, std::string error) {
    const std::vector<LogEntry> why = failed_file(file, std::move(error));
    for (const LogEntry& entry : why) log_.tell(entry);
    log_.blame(why);
    good = false;
  };
  for (const EnvironmentFileName& each : kEnvironmentFiles) {
    const EnvironmentFile file = each.file;
    if (file == EnvironmentFile::step_summary) {
      if (std::string error = step_summary_error(files.size(file)); !error.empty()) {
        log_.error(std::move(error));
        continue;
      }
    }
    const Result<std::string> bytes = files.read(file);
    if (!bytes) {
      fail(file, bytes.error().message);
      continue;
    }
    if (bytes->empty()) continue;
    if (file == EnvironmentFile::path) {
      for (const std::string& entry : parse_path_file(*bytes)) path_.add(entry);
      continue;
    }
    if (file == EnvironmentFile::step_summary) {
      log_.summary(step_name_, parse_step_summary(*bytes));
      continue;
    }
    NamedValues read = parse_environment_file(*bytes, file, log_.debugging());
    for (LogEntry& entry : read.log) log_.tell(std::move(entry));
    for (const NameValue& value : read.values) {
      if (file == EnvironmentFile::variables)
        set_variable(value);
      else if (file == EnvironmentFile::state)
        step.state.set(value.name, value.value);
      else
        set_output(step, stage, value);
    }
    if (!read.error.empty()) fail(file, std::move(read.error));
  }
  return good;
}

std::vector<NameValue> StepJob::shown_environment(const StepInstance& step, const StepEvaluation& at) const {
  std::vector<NameValue> shown;
  // Two dozen lines of CODEBUILD_… before every step would hide the rest.
  for (const auto& [name, value] : at.env.members())
    if (!variables_.unshown.contains(name)) shown.push_back({name, value.to_string()});
  for (const auto& [name, value] : step.state.members())
    shown.push_back({"STATE_" + name, value.to_string()});
  return shown;
}

std::map<std::string, std::string> StepJob::environment_for(const StepInstance& step,
                                                            const StepEvaluation& at,
                                                            const Inputs* inputs) const {
  VariableList named, contexts = exported_variables(at.github);
  if (inputs != nullptr)
    for (const auto& [name, value] : inputs->values) named.emplace_back(input_variable_name(name), value);
  std::ranges::move(runner_variables(runner_), std::back_inserter(contexts));
  return process_environment(
      {variables_.inherited, at.env, &env_, &step.state, named, {}, &path_, contexts, tracking_id_});
}

/// By existence alone, on the entries of steps and on the host's PATH (3.12).
std::string StepJob::find_on_path(std::string_view program) const {
  std::error_code ignored;
  const auto is_there = [&](const Path& path) {
    return std::filesystem::exists(path, ignored) && !std::filesystem::is_directory(path, ignored);
  };
  if (program.empty()) return {};
  if (program.find('/') != std::string_view::npos) {
    const Path path = Path(build_.directories.workspace) / program;
    return is_there(path) ? path.native() : std::string();
  }
  std::string search = path_.before(inherited("PATH").value_or(std::string_view()));
  std::string_view rest = search;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.empty()) continue;
    const Path path = Path(build_.directories.workspace) / part / program;
    if (is_there(path)) return path.native();
  }
  return {};
}

Result<StepStatus> StepJob::handle_script(StepInstance& step, const ScriptStep& script, StepEvaluation& at,
                                          const StageLimits& limits) {
  const auto refuse = [&](std::string message) {
    log_.error(std::move(message));
    return StepStatus::failure;
  };
  Result<std::string> text = string_of(script.script, at);
  if (!text) return refuse(not_valid(*step.task, text.error().message));
  Result<std::string> shell_name = script.shell ? string_of(*script.shell, at) : Result<std::string>("");
  if (!shell_name) return refuse(not_valid(*step.task, shell_name.error().message));
  Result<std::string> directory =
      script.working_directory ? string_of(*script.working_directory, at) : Result<std::string>("");
  if (!directory) return refuse(not_valid(*step.task, directory.error().message));

  const ShellCommand shell = choose_shell(*shell_name);
  std::string program = find_on_path(shell.program);
  if (program.empty() && !shell.fallback.empty()) program = find_on_path(shell.fallback);
  log_.text(script_header(*text, program.empty() ? shell.program : program, shell.arguments,
                          shown_environment(step, at)));
  if (program.empty()) return refuse(fmt::format("{}: command not found", shell.program));
  const Result<Path> file = write_step_script(build_.directories.temp, shell.script_extension,
                                              script_contents(shell, *text), spare_files_);
  if (!file) return Error(file.error()).in("write a step's script");
  // The path is put into the template as it is, and then split (3.14). GitHub's directories have no blanks; what TMPDIR
  // names here may have some, so a name without any goes through the template in its place.
  const std::string stand_in = file->filename().native();
  Result<std::vector<std::string>> arguments = shell_arguments(shell, stand_in);
  if (!arguments) return refuse(arguments.error().message);
  for (std::string& argument : *arguments)
    for (std::size_t i = argument.find(stand_in); i != std::string::npos;
         i = argument.find(stand_in, i + file->native().size()))
      argument.replace(i, stand_in.size(), file->native());

  ProcessSpec spec;
  spec.argv = {program};
  std::ranges::move(*arguments, std::back_inserter(spec.argv));
  spec.env = environment_for(step, at, nullptr);
  spec.cwd = directory->empty() ? Path(build_.directories.workspace)
                                : Path(build_.directories.workspace) / *directory;
  Result<StepStatus> ran = run_process(step, Stage::main, std::move(spec), at, limits);
  spare_files_.give(*file);
  return ran;
}

Result<StepStatus> StepJob::handle_node(StepInstance& step, const NodeProgram& program, Stage stage,
                                        const Inputs& inputs, StepEvaluation& at, const StageLimits& limits) {
  const auto refuse = [&](std::string message) {
    log_.error(std::move(message));
    return StepStatus::failure;
  };
  std::error_code ignored;
  if (!std::filesystem::is_directory(step.action->directory, ignored))
    return refuse(fmt::format("Directory not found: '{}'", step.action->directory));
  if (!std::filesystem::exists(program.script, ignored))
    return refuse(fmt::format("File not found: '{}'", program.script));
  ProcessSpec spec;
  spec.env = environment_for(step, at, &inputs);
  add_services(spec.env, false);
  if (!build_.node)
    build_.node = find_node(build_.around.request.steps.node, std::string(inherited("PATH").value_or("")),
                            build_.directories.workspace, build_.around.processes, stop_);
  const Result<NodeVersion>& node = *build_.node;
  if (!node) return refuse(node.error().message);
  const int declared = declared_node(program.using_version);
  if (node->major != 0 && declared != 0 && node->major != declared &&
      std::ranges::find(build_.told_nodes, program.using_version) == build_.told_nodes.end()) {
    build_.told_nodes.push_back(program.using_version);
    events_.tell(to_event(
        {Severity::warning, step.task->source, step.task->where,
         fmt::format("the action declares {} and runs with node {} ({}); --node PATH chooses another",
                     program.using_version, node->major, node->path),
         "node-version"}));
  }
  spec.argv = {node->path, program.script};
  spec.cwd = build_.directories.workspace;
  return run_process(step, stage, std::move(spec), at, limits);
}

std::string_view StepJob::Inputs::find(std::string_view name) const {
  for (const auto& [each, value] : values)
    if (equals_ignoring_case(each, name)) return value;
  return {};
}

/// `with`, and the defaults of what is not there. nullopt: told, and the step has failed. Source: actions.md 2.2.
std::optional<StepJob::Inputs> StepJob::evaluate_inputs(const StepInstance& step, const ActionStep& uses,
                                                        StepEvaluation& at) {
  const LoweredAction& action = *step.action;
  Result<VariableList> given = evaluate_map(uses.with, at);
  if (!given) {
    log_.error(not_valid(*step.task, given.error().message));
    return std::nullopt;
  }
  const bool is_container = std::holds_alternative<ContainerProgram>(action.main.body);
  Inputs inputs{std::move(*given)};
  std::string unexpected;
  for (const auto& input : inputs.values) {
    const std::string& name = input.first;  // clang 14: a lambda takes no structured binding
    const auto declared = std::ranges::find_if(
        action.inputs, [&](const DeclaredInput& each) { return equals_ignoring_case(each.name, name); });
    if (declared != action.inputs.end()) {
      if (!declared->deprecation_message.empty() && declared->name == name)
        log_.warning(fmt::format("Input '{}' has been deprecated with message: {}", name,
                                 declared->deprecation_message));
    } else if (!(is_container && equals_any(name, {"entryPoint", "args"}))) {
      unexpected += fmt::format("{}'{}'", unexpected.empty() ? "" : ", ", name);
    }
  }
  if (action.declares_inputs && !unexpected.empty()) {
    std::string valid = is_container ? "'entryPoint', 'args'" : "";
    for (const DeclaredInput& each : action.inputs)
      valid += fmt::format("{}'{}'", valid.empty() ? "" : ", ", each.name);
    log_.warning(fmt::format("Unexpected input(s) {}, valid inputs are [{}]", unexpected, valid));
  }
  for (const DeclaredInput& each : action.inputs) {
    if (std::ranges::any_of(inputs.values,
                            [&](const auto& has) { return equals_ignoring_case(has.first, each.name); }))
      continue;
    Result<std::string> value =
        each.default_value ? string_of(*each.default_value, at) : Result<std::string>("");
    if (!value) {
      log_.error(not_valid(*step.task, value.error().message));
      return std::nullopt;
    }
    inputs.values.emplace_back(each.name, std::move(*value));
  }
  return inputs;
}

void StepJob::print_header(const StepInstance& step, const ActionStep& uses, Stage stage,
                           const Inputs& inputs, const StepEvaluation& at) {
  if (stage == Stage::post) return log_.text(kPostHeader);
  std::vector<NameValue> shown;
  for (const auto& [name, value] : inputs.values) shown.push_back({name, value});
  log_.text(action_header(uses.uses, shown, shown_environment(step, at)));
}

/// A process that could not be started, in .NET's words; the machine's own trouble stays an Error.
Result<StepStatus> StepJob::failed_start(const ProcessSpec& spec, const Error& error) {
  if (error.code == std::errc::connection_reset || error.code.value() == EPROTO) return error;
  log_.error(fmt::format("An error occurred trying to start process '{}' with working directory '{}'. {}",
                         spec.argv.front(), spec.cwd.native(),
                         error.code ? error.code.message() : error.message));
  return StepStatus::failure;
}

/// Runs `spec` under what bounds this stage. A job that is cancelled ends it, unless its condition holds all the same;
/// one that has been cancelled before it started does not.
Result<ProcessEnd> StepJob::start(const ProcessSpec& spec, const ProcessRunner::OnOutput& on_output,
                                  std::stop_token stop, const StageLimits& limits, const RunBounded& run) {
  const Request& request = build_.around.request;
  ProcessSpec bounded = spec;
  bounded.sigint_grace = request.sigint_grace;
  bounded.sigterm_grace = request.sigterm_grace;
  BuildTime deadline = deadline_;
  if (request.command_timeout) deadline = std::min(deadline, clock().now() + *request.command_timeout);
  bounded.deadline = clock().on_machine(limits.deadline ? std::min(deadline, *limits.deadline) : deadline);
  bounded.on_started = [&](int pid) { build_.around.debug.started(pid); };
  bounded.oom_score_adj = oom_score_adj(bounded.env);
  std::stop_source either;
  const auto request_stop = [&] { either.request_stop(); };
  const std::stop_callback on_abort(stop, request_stop);
  std::optional<std::stop_callback<decltype(request_stop)>> on_cancel;
  if (!limits.survives_cancel && status_ != StepStatus::cancelled) on_cancel.emplace(stop_, request_stop);
  if (build_.around.request.debug_session)
    if (Result<void> watched = build_.around.debug.watch(stop_at_, shell_, either, stop_); !watched)
      return watched.error();
  Result<ProcessEnd> end = run(bounded, on_output, either.get_token());
  if (const std::optional<Answer> halted = build_.around.debug.unwatch()) halted_by_ = halted;
  if (end && end->timed_out && (!limits.deadline || deadline < *limits.deadline)) timed_out_ = true;
  return end;
}

/// What the end of a process is to its step, told where GitHub's runner tells.
StepStatus StepJob::status_of(const ProcessEnd& end, const StageLimits& limits) {
  exit_ = end.exit;
  if (timed_out_) {
    log_.error("The operation was canceled.");
    return StepStatus::cancelled;
  }
  if (end.timed_out && !stop_.stop_requested()) {
    log_.error(limits.timeout_text);
    return StepStatus::failure;
  }
  if (end.timed_out || end.stopped) {
    log_.error("The operation was canceled.");
    return StepStatus::cancelled;
  }
  return end.exit.success() ? StepStatus::success : StepStatus::failure;
}

Result<StepStatus> StepJob::run_process(StepInstance& step, Stage stage, ProcessSpec spec, StepEvaluation& at,
                                        const StageLimits& limits) {
  set_shell(spec.env, spec.cwd);
  return run_with_output(
      step, stage, at, limits, nullptr, spec,
      [&](const ProcessSpec& bounded, const ProcessRunner::OnOutput& on_output, std::stop_token stop) {
        return build_.around.processes.run(bounded, on_output, stop);
      });
}

/// Ends what the job has left running, but for what was started with another RUNNER_TRACKING_ID: that lives on in the
/// build. Source: actions.md 10.4.
Result<void> StepJob::end_orphans() {
  log_.line("Cleaning up orphan processes");
  const auto ended = build_.around.processes.end_marked("RUNNER_TRACKING_ID=" + tracking_id_);
  if (!ended) return Error(ended.error()).in("end what the steps have left running");
  for (const ProcessRunner::EndedProcess& process : *ended)
    log_.line(fmt::format("Terminate orphan process: pid ({}) ({})", process.pid, process.name));
  events_.flush_output();
  return {};
}

/// `run` starts the process; this gives it its bounds, and reads what it prints. `spec`: what messages name, with the
/// bounds filled in. `paths`: of a container.
Result<StepStatus> StepJob::run_with_output(StepInstance& step, Stage stage, StepEvaluation& at,
                                            const StageLimits& limits, const PathMap* paths,
                                            const ProcessSpec& spec, const RunBounded& run) {
  std::stop_source abort;
  ProcessReceiver receiver(*this, step, stage, abort);
  const auto of_env = [&](std::string_view name) -> std::optional<std::string> {
    const Datum* found = at.env.find(name);
    return found == nullptr ? std::nullopt : std::optional(found->to_string());
  };
  const std::optional<std::string> unsecure = of_env("ACTIONS_ALLOW_UNSECURE_COMMANDS");
  const std::optional<std::string> tokens = of_env("ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS");
  CommandOptions commands;
  commands.debug = log_.debugging();
  commands.allow_unsecure_commands =
      allows_unsecure_commands(inherited("ACTIONS_ALLOW_UNSECURE_COMMANDS"), unsecure);
  commands.allow_unsecure_stop_tokens =
      allows_unsecure_stop_tokens(inherited("ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS"), tokens);
  commands.workspace = build_.directories.workspace;
  FilesOfMachine files;
  MatcherRun::Options matching;
  matching.workspace = build_.directories.workspace;
  matching.identity.server_url = build_.around.request.steps.server_url;
  if (const Datum* repository = at.github.find("repository"))
    matching.identity.repository = repository->to_string();
  matching.identity.root = build_.around.git.root;
  matching.files = &files;
  matching.debug = log_.debugging();
  if (const std::optional<std::string> limit = of_env("GITHUB_ACTIONS_RUNNER_ISSUE_MATCHER_TIMEOUT"))
    matching.time_limit = parse_matcher_timeout(*limit);
  if (paths != nullptr) {
    commands.to_host = [paths](std::string_view path) { return paths->to_host(path); };
    matching.to_host = commands.to_host;
  }
  StepOutput output(std::move(commands), matchers_, std::move(matching), receiver);
  const Result<ProcessEnd> end = start(
      spec, [&](std::string_view chunk) { output.write(chunk); }, abort.get_token(), limits, run);
  output.finish();
  if (!end) return failed_start(spec, end.error());
  ProcessEnd seen = *end;
  if (output.aborted()) seen.stopped = false;  // by its own command
  StepStatus status = status_of(seen, limits);
  if (status == StepStatus::failure && !seen.timed_out && !output.aborted() &&
      std::holds_alternative<ScriptStep>(step.task->body))
    log_.error(fmt::format("Process completed with exit code {}.", seen.exit.code));
  if (receiver.failed()) status = merge(status, StepStatus::failure);
  return status;
}

}  // namespace buildspec_run
