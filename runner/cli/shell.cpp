#include "runner/cli/shell.h"

#include <fmt/core.h>

#include <map>
#include <memory>
#include <utility>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/kept_states.h"
#include "runner/cli/report.h"
#include "runner/cli/resume.h"
#include "runner/cli/run.h"
#include "runner/cli/secrets.h"
#include "runner/exec/build_states.h"
#include "runner/exec/environment.h"
#include "runner/exec/interactive_shell.h"
#include "runner/exec/step_environment.h"
#include "runner/sys/interrupts.h"
#include "runner/sys/run_directory.h"
#include "runner/sys/terminal.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

using Takes = OptionSpec::Takes;

constexpr OptionSpec kOptions[] = {
    {"--at", "", Takes::value, "TASK",
     "the state before that command or step (build[3]; a phase: its first); default: that from which resume "
     "goes on, of a run "
     "that has succeeded the last one"},
    kSecretOfRunOption,
    kSecretsFileOfRunOption,
};

/// What a step would see above what every process starts with: the env of its job, and PATH.
void add_job(std::string_view job, std::map<std::string, std::string>& environment) {
  const Result<Value> read = parse_json(job);
  if (!read) return;
  if (const Value* env = read->find("env"); env != nullptr && env->object() != nullptr)
    for (const auto& [name, value] : *env->object())
      if (value.string() != nullptr) environment[name] = *value.string();
  PathEntries path;
  if (const Value* entries = read->find("path"); entries != nullptr && entries->array() != nullptr)
    for (const Value& entry : *entries->array())
      if (entry.string() != nullptr) path.add(*entry.string());
  if (!path.empty()) environment["PATH"] = path.before(environment["PATH"]);
}

ExitCode run_shell(const Invocation& invocation) {
  const auto fail = [&](const Refused& refused) { return invocation.fail(refused.code, refused.message); };
  const Result<std::string> terminal = Terminal::find(invocation.in);
  if (!terminal)
    return invocation.fail(ExitCode::machine,
                           fmt::format("no shell can be opened: {}", terminal.error().message));
  const auto found = run_to_go_on_with(invocation, WhichRun::unfinished_or_any);
  if (const Refused* refused = std::get_if<Refused>(&found)) return fail(*refused);
  const RunSketch& run = std::get<RunSketch>(found);
  Result<KeptStates> kept = read_states(run.directory);
  if (!kept || !kept->build || kept->states.empty())
    return invocation.fail(
        ExitCode::invalid,
        fmt::format("run {} has no states (--no-keep-state, or an earlier version)", run.id));
  const Invocation then = as_it_was(invocation, kept->request);
  const SourceText buildspec(kept->request.buildspec_name, kept->request.buildspec);
  const PlanParts parts = plan_parts(buildspec, false, wanted_tasks(then));

  // Which state.
  WantedStart wanted;
  wanted.from = invocation.arguments.value("--at");
  ChosenState chosen;
  if (!wanted.from && run.finished && run.finished->status == Status::succeeded) {
    chosen.index = kept->states.size() - 1;
  } else {
    const auto choice = choose_state(run, *kept, wanted, parts, parts);
    if (const Refused* refused = std::get_if<Refused>(&choice)) return fail(*refused);
    chosen = std::get<ChosenState>(choice);
  }
  const KeptState& state = kept->states[chosen.index];
  if (state.withheld)
    return invocation.fail(ExitCode::invalid,
                           fmt::format("run {}: the state behind {} is not kept, as it would hold a secret",
                                       run.id, state.label));

  // Its secrets come back.
  std::vector<std::unique_ptr<SourceText>> sources;
  Diagnostics problems;
  const auto secrets = read_secrets(then, sources, problems);
  if (const Refused* refused = std::get_if<Refused>(&secrets)) return fail(*refused);
  write_places(invocation, problems.all());
  if (problems.has_errors()) return ExitCode::invalid;
  Request request;
  request.secret_variables = std::get<Secrets>(secrets).variables;
  request.secret_lookup = std::get<Secrets>(secrets).lookup;
  Diagnostics unresolved;
  const SecretPlaces places = secret_places(make_environment(parts.plan, request, {}, unresolved));
  std::string missing;
  const auto whole = [&](std::string_view text) -> std::string {
    Result<std::string> restored = places.put_back(text);
    if (restored) return std::move(*restored);
    missing = restored.error().message;
    return {};
  };
  InteractiveShell shell;
  shell.environment = split_variables(whole(kept->build->variables));
  for (const auto& [name, value] : split_variables(whole(state.beyond_shells)))
    shell.environment[name] = value;
  shell.environment.insert_or_assign("CODEBUILD_BUILD_SUCCEEDING",
                                     fmt::format("{}", state.succeeding ? 1 : 0));
  add_job(whole(state.steps), shell.environment);
  const std::string variables = whole(state.variables);
  shell.working_directory = state.steps.empty() ? whole(state.directory) : kept->build->source_dir;
  if (!missing.empty()) return invocation.fail(ExitCode::invalid, fmt::format("run {}: {}", run.id, missing));
  std::error_code failed;
  if (!std::filesystem::is_directory(shell.working_directory, failed))
    return invocation.fail(
        ExitCode::machine,
        fmt::format("{}, where that command would start, is not there any more", shell.working_directory));

  // The directory of the build's scripts, which variables name, while the shell is open.
  const auto make_directory = [&]() -> Result<RunDirectory> {
    if (Result<RunDirectory> again = RunDirectory::make_again(kept->build->script_dir)) return again;
    const Path temporary = invocation.variable("TMPDIR");
    return RunDirectory::make(temporary.is_absolute() ? temporary : Path("/tmp"));
  };
  const Result<RunDirectory> directory = make_directory();
  if (!directory) return invocation.fail(ExitCode::machine, directory.error().message);
  shell.directory = directory->path();
  shell.start_directory = directory->path();
  if (!variables.empty()) {
    shell.state = (directory->path() / "env.sh").native();
    if (Result<void> written = write_new_file(shell.state, variables); !written)
      return invocation.fail(ExitCode::machine, written.error().message);
  }
  shell.terminal = *terminal;
  const Machine machine = machine_of(invocation.program);
  shell.supervisor = machine.supervisor;
  shell.program = kept->build->shell;
  const std::string next = next_task(state, parts);
  shell.name = next.empty() ? std::string("end") : next;
  for (const Phase& phase : parts.plan.phases)
    if (!next.empty() && to_lower(phase.name) == next.substr(0, next.find_first_of("[.")) &&
        !phase.run_as.empty() && !is_caller(phase.run_as))
      shell.user = phase.run_as;
  const Interrupts interrupts;
  invocation.fail(
      ExitCode::success,
      fmt::format("run {}, the state {}; exit leaves the shell, and nothing of it is kept but files", run.id,
                  next.empty() ? std::string("at its end") : fmt::format("before {}", next)));
  const Result<ShellEnd> end = open_interactive_shell(shell, interrupts.stop(), interrupts.kill());
  if (!end) return invocation.fail(ExitCode::machine, end.error().message);
  return ExitCode::success;
}

constexpr Subcommand kSubcommand = {
    "shell",
    "open a shell in a state of a kept run",
    "[RUN]",
    1,
    "RUN is the id of a kept run, as show takes it; without it that is meant which resume would go on with, "
    "or the last one. The shell "
    "has the\n"
    "directory and the variables that the next command would have had, and the user's terminal. What is done "
    "in it does not change the "
    "state.",
    kOptions,
    run_shell,
};

}  // namespace

const Subcommand& shell_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
