#include "runner/cli/resume.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "runner/base/text.h"
#include "runner/cli/input.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/kept_states.h"
#include "runner/cli/report.h"
#include "runner/cli/run.h"
#include "runner/cli/secrets.h"
#include "runner/cli/views.h"
#include "runner/sys/processes.h"

namespace buildspec_run {
namespace {

using Takes = OptionSpec::Takes;

constexpr OptionSpec kOptions[] = {
    {"--from", "", Takes::value, "TASK",
     "begin with that command or step (build[4]; a phase: its first), from the state that was before it; "
     "default: where the run "
     "was broken off, or what failed"},
    {"--rerun-failed", "", Takes::nothing, "", "begin with the command or step that failed first"},
    kSecretOfRunOption,
    kSecretsFileOfRunOption,
    kViewFormatOption,
    kColorOption,
    kVerboseOption,
    kQuietOption,
};

/// Waits for what a killed run has left to be ended by its supervisor. Which processes are still there then.
std::vector<int> wait_for_leftovers(const std::string& build_id) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    std::vector<int> left = processes_with("CODEBUILD_BUILD_ID=" + build_id);
    if (left.empty() || std::chrono::steady_clock::now() >= deadline) return left;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string behind_which(const KeptState& state) {
  return state.label.empty() ? std::string("before its first command")
                             : fmt::format("behind {}", state.label);
}

ExitCode run_resume(const Invocation& invocation) {
  const auto fail = [&](const Refused& refused) { return invocation.fail(refused.code, refused.message); };
  WantedStart wanted;
  wanted.from = invocation.arguments.value("--from");
  wanted.failed = invocation.arguments.has("--rerun-failed");
  if (wanted.from && wanted.failed)
    return invocation.fail(ExitCode::invalid, "--from and --rerun-failed both say where to begin");
  const auto found = run_to_go_on_with(invocation, wanted.from ? WhichRun::any : WhichRun::unfinished);
  if (const Refused* refused = std::get_if<Refused>(&found)) return fail(*refused);
  const RunSketch& run = std::get<RunSketch>(found);
  if (run.state == RunSketch::State::running)
    return invocation.fail(ExitCode::invalid, fmt::format("run {} is still going on", run.id));
  Result<KeptStates> kept = read_states(run.directory);
  if (!kept)
    return invocation.fail(
        ExitCode::invalid,
        fmt::format("run {} has no states to go on from (--no-keep-state, or an earlier version)", run.id));

  // The buildspec as it was, and as it is now.
  const Invocation then = as_it_was(invocation, kept->request);
  const SourceText text_then(kept->request.buildspec_name, kept->request.buildspec);
  const Path source_dir = kept->request.source_dir;
  std::unique_ptr<SourceText> text_now;
  if (!then.arguments.operands.empty() && is_stream(then.arguments.operands.front())) {
    text_now = std::make_unique<SourceText>(kept->request.buildspec_name, kept->request.buildspec);
  } else {
    Diagnostics problems;
    text_now = read_buildspec(
        then, source_dir, then.arguments.operands.empty() ? "" : then.arguments.operands.front(), problems);
    write_diagnostics(invocation, problems.all());
    if (text_now == nullptr) return ExitCode::invalid;
  }
  const bool strict = then.arguments.has(kStrictParityOption.name);
  const WantedTasks selected = wanted_tasks(then);
  const PlanParts parts_then = plan_parts(text_then, strict, selected),
                  parts_now = plan_parts(*text_now, strict, selected);
  const auto choice = choose_state(run, *kept, wanted, parts_then, parts_now);
  if (const Refused* refused = std::get_if<Refused>(&choice)) return fail(*refused);
  const ChosenState& chosen = std::get<ChosenState>(choice);

  Resumption resumption;
  resumption.run = run.id;
  resumption.states.assign(kept->states.begin(),
                           kept->states.begin() + static_cast<std::ptrdiff_t>(chosen.index) + 1);
  resumption.build = *kept->build;
  resumption.host = kept->request.host;
  resumption.project = kept->request.project;
  resumption.overrides = kept->request.overrides;
  resumption.notes.push_back(
      fmt::format("goes on with run {} {}, in its directory and with its variables: {} kept", run.id,
                  behind_which(resumption.states.back()),
                  chosen.index == 1 ? "1 command is" : fmt::format("{} commands are", chosen.index)));
  for (const std::string& label : chosen.changed)
    resumption.notes.push_back(
        wanted.from ? fmt::format("{} has changed since it ran; what it did is kept, as --from asks", label)
                    : fmt::format("{} has changed since it ran, so it runs again, and all that follows it "
                                  "(--from TASK begins "
                                  "elsewhere)",
                                  label));
  if (parts_then.is_valid && parts_now.is_valid) {
    if (parts_then.variables != parts_now.variables)
      resumption.notes.emplace_back(
          "the variables of the buildspec have changed; the build keeps those it began with");
    if (parts_then.shell != parts_now.shell)
      resumption.notes.emplace_back("env.shell has changed; commands run in the new one from here on");
  }
  const std::string build_id = fmt::format(
      "{}:{}", then.arguments.value("--project").value_or(project_name(source_dir)), kept->build->uuid);
  if (const std::vector<int> left = wait_for_leftovers(build_id); !left.empty())
    return invocation.fail(ExitCode::machine, fmt::format("process {} of run {} is still there; end it first",
                                                          left.front(), run.id));
  return run_as_asked(then, source_dir, text_now.get(), &resumption);
}

constexpr Subcommand kSubcommand = {
    "resume",
    "go on with a kept run that was killed, stopped or has failed",
    "[RUN]",
    1,
    "RUN is the id of a kept run, as show takes it; without it the last run is meant that can be gone on "
    "with. The build goes on in a "
    "new run\n"
    "behind the last command that had ended (of a run that failed: at what failed), with the same directory, "
    "variables, identity and "
    "options. A command\n"
    "that has changed in the buildspec since it ran is run again, and all behind it. Secrets are not kept: "
    "they are looked up where "
    "they came from.",
    kOptions,
    run_resume,
};

}  // namespace

const Subcommand& resume_subcommand() { return kSubcommand; }

OrRefused<RunSketch> run_to_go_on_with(const Invocation& invocation, WhichRun which) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (!operands.empty()) return kept_run(invocation, operands.front());
  const Path state = state_directory_of(invocation);
  if (state.empty())
    return Refused{ExitCode::invalid, "neither XDG_STATE_HOME nor HOME names a place of kept runs"};
  std::vector<RunSketch> runs;
  std::set<std::string> gone_on_with;
  for (const std::string& id : kept_run_ids(state)) {
    Result<RunSketch> run = sketch_run(state, id);
    if (!run) continue;  // it is just being removed
    if (run->started && has_states(run->directory)) gone_on_with.insert(run->started->resumed_run);
    runs.push_back(std::move(*run));
  }
  RunSketch *last = nullptr, *last_unfinished = nullptr;
  const auto take_later = [](RunSketch*& one, RunSketch& other) {
    if (one == nullptr || other.began > one->began) one = &other;
  };
  for (RunSketch& run : runs) {
    if (run.state == RunSketch::State::running || !has_states(run.directory)) continue;
    take_later(last, run);
    const bool has_succeeded = run.finished && run.finished->status == Status::succeeded;
    if (!has_succeeded && !gone_on_with.contains(run.id)) take_later(last_unfinished, run);
  }
  RunSketch* const wanted =
      which == WhichRun::any || (which == WhichRun::unfinished_or_any && !last_unfinished) ? last
                                                                                           : last_unfinished;
  if (wanted != nullptr) return std::move(*wanted);
  return Refused{ExitCode::invalid,
                 fmt::format("no run is kept in {} that can be gone on with", (state / "runs").native())};
}

Invocation as_it_was(const Invocation& now, const KeptRequest& asked) {
  Invocation then = now;
  then.arguments.options = asked.options;
  then.arguments.operands = asked.operands;
  if (Path(asked.working_directory).is_absolute()) then.working_directory = asked.working_directory;
  for (const OptionSpec& option : kOptions) {
    // The run's own --from stays: what it left out has left no state, and the steps are counted without it.
    if (option.name == "--rerun-failed" || option.name == "--from") continue;
    std::vector<std::string> given = now.arguments.values(option.name);
    if (!now.arguments.has(option.name)) continue;
    std::vector<std::string>& values = then.arguments.options[std::string(option.name)];
    if (option.name != "--secret") {
      // Paths count from where we are now.
      for (std::string& value : given)
        if (option.name == "--secrets-file" && value != "-")
          value = absolute_path(value, now.working_directory);
      values = std::move(given);
      continue;
    }
    const auto name_of = [](const std::string& secret) {
      return secret.substr(0, secret.find_first_of("=@"));
    };
    for (std::string& secret : given) {
      const std::size_t file = secret.find('@');
      if (file != std::string::npos && secret.find('=') >= file - std::min<std::size_t>(file, 1))
        secret = secret.substr(0, file + 1) +
                 absolute_path(secret.substr(file + 1), now.working_directory).native();
      std::erase_if(values, [&](const std::string& each) { return name_of(each) == name_of(secret); });
      values.push_back(secret);
    }
  }
  return then;
}

}  // namespace buildspec_run
