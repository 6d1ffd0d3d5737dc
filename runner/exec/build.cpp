// The phase machine. Source: buildspec.md section 3.
//
// What a phase, a command, a step comes to is a value; the machine's own failures travel beside it as an Error and end
// everything at once.

#include "runner/exec/build.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "runner/base/check.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/buildspec/pattern.h"
#include "runner/exec/artifacts.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/failure_hint.h"
#include "runner/exec/runtime_check.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

using Clock = std::chrono::steady_clock;
using Variables = std::map<std::string, std::string>;

std::string in_seconds(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? fmt::format("{} s", time.count() / 1000)
                                  : fmt::format("{} ms", time.count());
}

/// Go's words for a process that could not be started. Source: Go's os/exec and os, which the cloud's agent
/// is written in.
std::string start_reason(const ShellProgram& shell, const Error& error) {
  if (!shell.found && shell.path.find('/') == std::string::npos)
    return fmt::format("exec: \"{}\": executable file not found in $PATH", shell.path);
  return fmt::format("fork/exec {}: {}", shell.path,
                     error.code ? to_lower(error.code.message()) : error.message);
}

/// Whether the program itself is what is wrong, and not the machine's state.
bool is_about_the_program(const std::error_code& code) {
  for (const int number : {ENOENT, EACCES, ENOEXEC, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, EPERM})
    if (code.value() == number) return true;
  return false;
}

}  // namespace

BuildFailure failure_of(const Diagnostic& error) {
  BuildFailure failure;
  failure.phase = "DOWNLOAD_SOURCE";
  failure.code = error.cloud_code;
  failure.message = error.cloud_message.empty() ? error.message : error.cloud_message;
  if (error.source != nullptr) failure.place = place_of(*error.source, error.where);
  return failure;
}

/// What the cloud does in DOWNLOAD_SOURCE after the file has been read: variables, runtimes. False: it
/// failed.
Result<bool> Build::download_source() {
  const auto began = Clock::now();
  EventStream& events = run_.events;
  events.tell(PhaseStarted{"DOWNLOAD_SOURCE", true, 0, 0});
  Diagnostics found;
  for (const Unsupported& feature : run_.plan.unsupported)
    found.add(feature.is_error ? Severity::error : Severity::warning, *run_.plan.source, feature.where,
              feature.id, feature.what);
  warn_of_reserved(run_.request, found);
  environment_ = make_environment(
      run_.plan, run_.request, agent_variables(run_.request, run_.git, identity_, scope_.directory()), found);
  for (const std::string& secret : environment_.secret_values) events.masker().add(secret);
  for (const auto& [name, value] : environment_.variables)
    if (value.find('\0') != std::string::npos || name.find('\0') != std::string::npos)
      found.add(Severity::error, "nul-byte",
                fmt::format("the value of {} holds a NUL byte, which no variable can", name));
  for (const Phase& phase : run_.plan.phases)
    for (const auto* tasks : {&phase.commands, &phase.finally})
      for (const Task& task : *tasks)
        if (!task.left_out)
          std::visit(overloaded{[&](const ShellScript& script) {
                       if (script.text.find('\0') != std::string::npos)
                         found.error(*run_.plan.source, task.where, "nul-byte",
                                     "a command with a NUL byte, which shells drop or stop at; remove it");
                     }},
                     task.body);
  if (!found.has_errors())
    if (Result<void> checked = check_runtimes(run_.plan, environment_.variables, run_.request.source_dir,
                                              run_.processes, run_.stop, found);
        !checked)
      return std::move(checked.error());
  std::optional<BuildFailure> failure;
  for (const Diagnostic& diagnostic : found.all()) {
    if (diagnostic.severity != Severity::error || failure) continue;
    failure = failure_of(diagnostic);
  }
  // A retry has nothing new to say.
  if (identity_.attempt == 1 || failure) tell(events, found.all());
  PhaseFinished finished{"DOWNLOAD_SOURCE", Status::succeeded, {}, {}, Clock::now() - began};
  if (failure) {
    finished.status = Status::failed;
    finished.code = failure->code;
    finished.message = failure->message;
    end_.failure = std::move(failure);
    end_.status = Status::failed;
    end_.refused = true;
  }
  events.tell(std::move(finished));
  return !end_.refused;
}

/// What the build goes on with, and the first of the states that are kept.
Result<void> Build::begin_states() {
  if (resumption_ != nullptr) {
    const KeptState& state = resumption_->states.back();
    const SecretPlaces secrets = secret_places(environment_);
    Error missing{"", {}};
    const auto restored = [&](std::string_view text) {
      Result<std::string> whole = secrets.put_back(text);
      if (!whole) missing = whole.error();
      return whole ? std::move(*whole) : std::string();
    };
    environment_.variables = split_variables(restored(resumption_->build.variables));
    beyond_shells_ = split_variables(restored(state.beyond_shells));
    const std::string variables = restored(state.variables), directory = restored(state.directory);
    start_ = position_behind(run_.plan, state);
    start_.steps = restored(start_.steps);
    if (!missing.message.empty())
      return std::move(missing).in(fmt::format("go on from run {}", resumption_->run));
    if (Result<void> done = scope_.restore(state.variables.empty() ? 0 : state.number, variables, directory);
        !done)
      return std::move(done.error()).in(fmt::format("go on from run {}", resumption_->run));
    succeeding_ = state.succeeding;
    end_.status = state.build;
    end_.failure = state.failure;
  }
  KeptBuild build;
  build.uuid = identity_.uuid;
  build.attempt = identity_.attempt;
  build.started = identity_.started;
  build.source_dir = run_.request.source_dir;
  build.workspace = workspace_;
  build.script_dir = scope_.directory().native();
  build.shell = run_.shell.path;
  states_.begin(std::move(build), environment_, scope_);
  return {};
}

/// `failure`: of the phase up to now.
void Build::keep_position(const Phase& phase, const std::string& label, Status status,
                          const std::optional<BuildFailure>& failure, std::string steps) {
  if (run_.request.states == nullptr) return;
  KeptState state;
  state.phase = phase.name;
  state.label = label;
  state.status = status;
  state.succeeding = succeeding_;
  state.build = end_.status;
  state.failure = end_.failure;
  state.phase_failure = failure;
  state.beyond_shells = join_variables(beyond_shells_);
  state.steps = std::move(steps);
  states_.keep(std::move(state), scope_);
}

Result<BuildEnd> Build::execute() {
  Result<bool> ready = download_source();
  if (!ready) return std::move(ready.error());
  if (!*ready) return std::move(end_);
  if (Result<void> begun = begin_states(); !begun) return std::move(begun.error());

  bool uploads = true;  // nothing has ended the build before its end
  for (std::size_t i = start_.phase; i < run_.plan.phases.size(); ++i) {
    const Phase& phase = run_.plan.phases[i];
    if (is_left_out(phase)) continue;
    uploads = false;
    if (run_.stop.stop_requested()) {
      end_.status = Status::stopped;
      break;
    }
    Result<Status> status = run_phase(phase, i == start_.phase ? start_ : Position{});
    if (!status) return std::move(status.error());
    if (*status == Status::succeeded) {
      uploads = true;
      continue;
    }
    if (*status == Status::timed_out || *status == Status::stopped) {
      end_.status = *status;
      break;
    }
    using Action = FailurePolicy::Action;
    const FailurePolicy& policy = phase.on_failure;
    if (policy.action != Action::carry_on || !run_.request.continue_succeeds) end_.status = Status::failed;
    if (policy.action == Action::carry_on)
      run_.events.tell(to_event(finding(
          Severity::note, run_.plan.source, policy.where, "failure-carried-over",
          fmt::format("phase {} failed and on-failure: CONTINUE lets the next phase run; the build "
                      "counts as {}",
                      phase.name,
                      run_.request.continue_succeeds ? "succeeded, as --continue-succeeds asks"
                                                     : "failed (--continue-succeeds: as succeeded)"))));
    if (policy.action == Action::retry && identity_.attempt <= policy.retries &&
        pattern_matches(policy.pattern, end_.failure->message)) {
      end_.retry = true;
      break;
    }
    const bool abort_by_default = phase.name == "INSTALL" || phase.name == "PRE_BUILD";
    if (policy.action == Action::abort || (policy.action != Action::carry_on && abort_by_default)) break;
    uploads = true;
  }
  if (end_.status == Status::succeeded) {
    end_.failure.reset();  // a phase that was carried over
    if (run_.stop.stop_requested()) end_.status = Status::stopped;
  }
  if (!end_.retry)
    if (Result<void> collected = collect_exported(); !collected) return std::move(collected.error());
  tell_artifacts();
  if (uploads && !run_.stop.stop_requested()) look_at_artifacts();
  return std::move(end_);
}

/// What the cloud would find to upload when it comes to that.
void Build::look_at_artifacts() {
  for (const PlannedArtifacts& wanted : run_.plan.artifacts) {
    const ArtifactOutline& found = end_.artifacts.emplace_back(
        select_artifacts(wanted, run_.request.source_dir, environment_.variables, run_.stop));
    if (found.problem.empty()) continue;
    run_.events.tell(to_event(
        finding(Severity::warning, run_.plan.source, wanted.where, "artifacts-not-found",
                fmt::format("{}: in the cloud, phase UPLOAD_ARTIFACTS and so the build would fail with this",
                            found.problem))));
    return;
  }
}

/// Where the user finds what the steps have uploaded.
void Build::tell_artifacts() {
  const std::vector<UploadedArtifact> artifacts =
      steps_ ? steps_->artifacts() : std::vector<UploadedArtifact>();
  if (artifacts.empty()) return;
  constexpr std::size_t kNamed = 20;
  std::string names;
  for (const UploadedArtifact& artifact : std::span(artifacts).first(std::min(artifacts.size(), kNamed)))
    names += fmt::format("{}{}", names.empty() ? "" : ", ", to_printable(artifact.path.filename().native()));
  if (artifacts.size() > kNamed) names += fmt::format(" and {} more", artifacts.size() - kNamed);
  const bool kept = !run_.request.steps.artifacts.empty();
  run_.events.tell(to_event(finding(
      Severity::note, nullptr, {}, kept ? "artifacts-kept" : "artifacts-not-kept",
      kept ? fmt::format("{} in {}: {}", counted(artifacts.size(), "artifact"), run_.request.steps.artifacts,
                         names)
           : fmt::format(
                 "{} of this build, gone with it as the run is not kept (--artifact-dir DIR keeps them): {}",
                 counted(artifacts.size(), "artifact"), names))));
}

Result<Status> Build::run_phase(const Phase& phase, const Position& from) {
  phase_began_ = Clock::now();
  EventStream& events = run_.events;
  const auto runs = [](const auto& task) { return !task.left_out; };
  const auto commands = static_cast<std::size_t>(std::ranges::count_if(phase.commands, runs));
  const auto steps = static_cast<std::size_t>(std::ranges::count_if(phase.steps, runs));
  events.tell(PhaseStarted{phase.name, phase.in_file, commands + steps, steps});
  BuildTime deadline = deadline_;
  phase_limit_.reset();
  if (run_.request.phase_timeout) {
    phase_limit_ = run_.debug->clock().now() + *run_.request.phase_timeout;
    deadline = std::min(deadline, *phase_limit_);
  }

  std::optional<BuildFailure> failure = from.failure;
  Result<Status> status = Status::succeeded;
  if (from.in_finally)
    status = failure ? failure->status : Status::succeeded;
  else if (steps == 0)
    status = run_list(phase, phase.commands, from.next, deadline, run_.stop, failure);
  else
    status = run_steps(phase, from.steps, deadline, failure);
  if (status && *status != Status::timed_out) {
    // `finally` of the failing phase sees the failure (U10). It has a stop token of its own, or Ctrl-C would
    // cancel the cleaning, too; the second Ctrl-C kills.
    if (*status != Status::succeeded) succeeding_ = false;
    const bool aborted = std::exchange(aborted_, false);  // the same for what the controller has ended
    const Result<Status> last =
        run_list(phase, phase.finally, from.in_finally ? from.next : 0, deadline, {}, failure);
    aborted_ = aborted_ || aborted;
    if (!last)
      status = last.error();
    else if (*status == Status::succeeded || *last == Status::timed_out)
      status = *last;
  }
  PhaseFinished finished{phase.name, Status::fault, {}, {}, {}};
  if (status) {
    finished.status = *status;
    if (*status != Status::succeeded) {
      succeeding_ = false;
      if (failure && failure->status == Status::stopped) {
        // The cloud has no context for a stopped phase (U15).
      } else if (failure) {
        finished.code = failure->code;
        finished.message = failure->message;
      }
      if (!end_.failure && failure) end_.failure = std::move(failure);
    }
  } else {
    finished.message = status.error().message;
  }
  finished.took = Clock::now() - phase_began_;
  events.tell(std::move(finished));
  return status;
}

/// `commands` or `finally`: in order from `first` on, up to the first that does not succeed.
Result<Status> Build::run_list(const Phase& phase, const std::vector<Task>& tasks, std::size_t first,
                               BuildTime deadline, std::stop_token stop,
                               std::optional<BuildFailure>& failure) {
  for (std::size_t i = first; i < tasks.size(); ++i) {
    const Task& task = tasks[i];
    if (task.left_out) continue;
    Result<Status> status = std::visit(overloaded{[&](const ShellScript& script) {
                                         return run_task(phase, task, script.text, deadline, stop, failure);
                                       }},
                                       task.body);
    if (!status || *status != Status::succeeded) return status;
  }
  return Status::succeeded;
}

/// The steps of a phase: one job. `saved`: what it goes on with. Source: actions.md 3.1; buildspec.md 5.3.
Result<Status> Build::run_steps(const Phase& phase, const std::string& saved, BuildTime deadline,
                                std::optional<BuildFailure>& failure) {
  const auto fail = [&](Status status, std::string_view code, std::string message) {
    failure = BuildFailure{status, phase.name, {}, {}, std::nullopt, std::string(code), std::move(message)};
    return status;
  };
  if (run_.stop.stop_requested() || aborted_) return fail(Status::stopped, {}, "the build was stopped");
  if (is_over(deadline)) return fail(Status::timed_out, "BUILD_TIMED_OUT", "Build has timed out. ");
  check(run_.steps.actions != nullptr, "a plan with steps comes with what fetches their actions");
  if (!steps_)
    steps_.emplace(StepSurroundings{run_.request, run_.git, run_.processes, run_.controller, run_.events,
                                    *run_.steps.actions, scope_.directory(), run_.steps.supervisor,
                                    run_.steps.modules, identity_.attempt, *run_.debug});
  Result<StepVariables> variables = step_variables();
  if (!variables) return std::move(variables.error());
  if (run_.request.states != nullptr)
    steps_->on_stage([&](const std::string& label, Status status, const std::string& job) {
      keep_position(phase, label, status, std::nullopt, job);
    });
  Result<StepsEnd> end = steps_->run(phase, std::move(*variables), deadline, run_.stop, saved);
  if (!end) {
    fail(Status::fault, {}, end.error().message);
    end_.failure = failure;
    return std::move(end.error());
  }
  if (Result<void> kept = keep_step_variables(end->changed); !kept) return std::move(kept.error());
  aborted_ = aborted_ || end->aborted;
  end_.skipped += end->skipped;
  if (end->status == Status::timed_out)
    return fail(Status::timed_out, "BUILD_TIMED_OUT", "Build has timed out. ");
  if (end->status == Status::stopped) return fail(Status::stopped, {}, "the build was stopped");
  if (end->status != Status::failed) return end->status;
  // The cloud's own words are not known (buildspec.md 5.1); these are those of a command.
  fail(Status::failed, "COMMAND_EXECUTION_ERROR", {});
  if (end->failure) {
    failure->label = end->failure->label;
    failure->text = end->failure->name;
    failure->place = place(end->failure->where);
    failure->message = fmt::format("Error while executing command: {}. Reason: {}", end->failure->name,
                                   end->failure->reason);
  }
  return Status::failed;
}

/// What a phase of steps starts from: the environment of the build, and what commands have changed of it. What is merely
/// the host's is no part of the env context.
Result<StepVariables> Build::step_variables() {
  Result<Variables> now = read_state("read the variables for the steps");
  if (!now) return std::move(now.error());
  for (const auto& [name, value] : beyond_shells_) now->insert_or_assign(name, value);
  now->insert_or_assign("CODEBUILD_BUILD_SUCCEEDING", succeeding_ ? "1" : "0");
  const Request& request = run_.request;
  const auto is_of_the_build = [&](const std::string& name) {
    return request.project_variables.contains(name) || request.override_variables.contains(name) ||
           request.secret_variables.contains(name) ||
           std::any_of(run_.plan.variables.begin(), run_.plan.variables.end(),
                       [&](const PlannedVariable& variable) { return variable.name == name; });
  };
  StepVariables variables;
  for (auto& [name, value] : *now) {
    const auto at_start = environment_.variables.find(name);
    const bool is_changed = at_start == environment_.variables.end() || at_start->second != value;
    // Every shell sets these for itself.
    if (is_changed && (name == "PWD" || name == "OLDPWD" || name == "SHLVL" || name == "_")) continue;
    if (environment_.secret_names.contains(name)) variables.secrets[name] = value;
    const bool is_mine = is_of_the_build(name);
    if (name.starts_with("CODEBUILD_") || name == "AWS_REGION" || name == "AWS_DEFAULT_REGION")
      if (!is_mine && !(is_changed && !name.starts_with("CODEBUILD_"))) variables.unshown.insert(name);
    const bool is_of_host = request.host_environment.contains(name) || name == "PATH" || name == "HOME";
    if (is_changed || is_mine || !is_of_host) variables.env[name] = std::move(value);
  }
  for (const auto& [name, value] : environment_.variables)
    if (!is_of_the_build(name) &&
        (request.host_environment.contains(name) || name == "PATH" || name == "HOME"))
      variables.inherited[name] = value;
  return variables;
}

/// Later commands see what steps have set, as if a command had exported it.
Result<void> Build::keep_step_variables(const Variables& changed) {
  Variables held;
  for (const auto& [name, value] : changed) {
    // What no process can be given ends there.
    const std::string text = value.substr(0, value.find('\0'));
    if (!is_variable_name(name)) {
      beyond_shells_[name] = text;
      continue;
    }
    held[name] = text;
    if (run_.plan.scope == ScopeKind::isolated) environment_.variables[name] = text;
  }
  if (Result<void> added = scope_.add(held); !added)
    return std::move(added.error()).in("hand the variables of the steps to later commands");
  return {};
}

/// One command, as often as the controller wants it. `failure` is set when it is the first.
Result<Status> Build::run_task(const Phase& phase, const Task& task, const std::string& text,
                               BuildTime deadline, std::stop_token stop,
                               std::optional<BuildFailure>& failure) {
  EventStream& events = run_.events;
  const auto fail = [&](Status status, std::string_view code, std::string message) {
    if (failure && status == Status::failed) return;  // the first one is the context (U17)
    failure = BuildFailure{
        status, phase.name, task.label, text, place(task.where), std::string(code), std::move(message)};
  };
  bool begun = false;
  // A command that has not begun is no part of it.
  const auto fail_before = [&](Status status, std::string_view code, std::string message) {
    fail(status, code, std::move(message));
    if (!begun) failure->label.clear(), failure->text.clear(), failure->place.reset();
    return status;
  };
  while (true) {
    if (stop.stop_requested() || aborted_)
      return fail_before(
          Status::stopped, {},
          begun ? "the build was stopped" : fmt::format("the build was stopped before {}", task.label));
    if (is_over(deadline)) return fail_before(Status::timed_out, "BUILD_TIMED_OUT", "Build has timed out. ");
    const Answer before = ask_before(phase, task, text, stop);
    if (stop.stop_requested()) continue;
    if (before == Answer::abort) {
      aborted_ = true;
      continue;
    }
    if (before == Answer::skip && is_over(deadline)) continue;
    if (before == Answer::skip) {
      ++end_.skipped;
      events.tell(to_event(finding(Severity::note, run_.plan.source, task.where, "command-skipped",
                                   fmt::format("{} is skipped, as was asked for", task.label))));
      keep_position(phase, task.label, Status::succeeded, failure);
      return Status::succeeded;
    }
    begun = true;
    events.set_task(task.label);
    events.tell(TaskStarted{phase.name, task.label, text, place(task.where)});
    TaskFinished finished;
    finished.phase = phase.name;
    finished.label = task.label;
    finished.text = text;
    finished.place = place(task.where);
    std::string reason;
    const auto began = Clock::now();
    Result<void> ran = run_script(phase, task, text, deadline, stop, finished, reason);
    finished.took = Clock::now() - began;
    if (!ran) finished.status = Status::fault;
    const std::optional<Answer> halted = run_.debug->unwatch();
    events.flush_output();
    events.tell(finished);
    events.set_task({});
    if (ran && halted && !stop.stop_requested()) {
      scope_.discard();
      if (*halted == Answer::retry) continue;
      if (*halted == Answer::skip) {
        ++end_.skipped;
        events.tell(to_event(finding(
            Severity::warning, run_.plan.source, task.where, "command-skipped",
            fmt::format("{} was ended where it called codebuild-breakpoint; the build goes on as if it had "
                        "succeeded, as was asked for",
                        task.label))));
        keep_position(phase, task.label, Status::succeeded, failure);
        return Status::succeeded;
      }
      aborted_ = true;
      continue;
    }
    if (!ran) {
      scope_.discard();
      fail(Status::fault, {}, ran.error().message);
      end_.failure = failure;
      return std::move(ran.error());
    }
    const Answer after = ask_after(phase, finished, stop);
    if (after == Answer::retry) {
      scope_.discard();
      continue;
    }
    if (Result<void> kept = keep_state(task, finished.status); !kept) {
      fail(Status::fault, {}, kept.error().message);
      end_.failure = failure;
      return std::move(kept.error());
    }
    if (after == Answer::abort) {
      aborted_ = true;
      return fail(Status::stopped, {}, "the build was stopped"), Status::stopped;
    }
    if (after == Answer::skip && finished.status != Status::succeeded) {
      events.tell(to_event(finding(
          Severity::warning, run_.plan.source, task.where, "failure-skipped",
          fmt::format("{} failed; the build goes on as if it had succeeded, as was asked for", task.label))));
      keep_position(phase, task.label, Status::succeeded, failure);
      return Status::succeeded;
    }
    switch (finished.status) {
      case Status::succeeded:
        break;
      case Status::timed_out:
        fail(Status::timed_out, "BUILD_TIMED_OUT", "Build has timed out. ");
        break;
      case Status::stopped:
        fail(Status::stopped, {}, "the build was stopped");
        break;
      default:
        fail(Status::failed, "COMMAND_EXECUTION_ERROR",
             fmt::format("Error while executing command: {}. Reason: {}", text, reason));
    }
    keep_position(phase, task.label, finished.status, failure);
    return finished.status;
  }
}

/// A shell in the state of a command of `phase`.
InteractiveShell Build::shell_in(ShellScope::State state, const Phase& phase) const {
  InteractiveShell shell;
  shell.program = shell_.native();
  shell.environment = environment_.variables;
  shell.environment["CODEBUILD_BUILD_SUCCEEDING"] = succeeding_ ? "1" : "0";
  shell.start_directory = scope_.start_directory();
  shell.working_directory = std::move(state.directory);
  shell.state = std::move(state.environment);
  if (!phase.run_as.empty() && !is_caller(phase.run_as)) shell.user = phase.run_as;
  return shell;
}

/// Whether the command is to run: go_on, skip or abort.
Answer Build::ask_before(const Phase& phase, const Task& task, const std::string& text,
                         const std::stop_token& stop) {
  const std::string masked = run_.events.masker().mask(text);
  Answer answer = run_.controller.before({phase.name, task.label, masked, place(task.where)});
  if (answer == Answer::shell)
    answer = run_.debug->stand({Stop::At::before, phase.name, task.label, masked},
                               shell_in(scope_.state(), phase), stop);
  check(answer == Answer::go_on || answer == Answer::skip || answer == Answer::abort,
        "before a command a controller says go on, skip, shell or abort");
  return answer;
}

/// What is to follow: go_on, retry, skip or abort.
Answer Build::ask_after(const Phase& phase, const TaskFinished& finished, const std::stop_token& stop) {
  TaskFinished shown = finished;
  shown.text = run_.events.masker().mask(finished.text);
  shown.hint = run_.events.masker().mask(finished.hint);
  const Answer answer = run_.controller.after(shown);
  if (answer != Answer::shell) return answer;
  return run_.debug->stand({Stop::At::after, phase.name, shown.label, shown.text, shown.status, shown.exit},
                           shell_in(scope_.pending(), phase), stop);
}

/// Runs the command's script and says in `finished` how it ended. `reason`: of a failure, in the cloud's
/// words.
Result<void> Build::run_script(const Phase& phase, const Task& task, const std::string& text,
                               BuildTime deadline, std::stop_token stop, TaskFinished& finished,
                               std::string& reason) {
  if (text.empty()) return {};  // a null entry: nothing to run, success (U59)
  const std::string run_as = phase.run_as.empty() || is_caller(phase.run_as) ? std::string() : phase.run_as;
  if (!run_as.empty() && !user_exists(run_as)) {
    finished.status = Status::failed;
    finished.exit = {126, 0};
    finished.hint = fmt::format("this machine has no user {}", run_as);
    reason = fmt::format("user: unknown user {}", run_as);
    return {};
  }
  const std::string succeeding = succeeding_ ? "1" : "0";
  const std::pair<std::string, std::string> owned[] = {{"CODEBUILD_BUILD_SUCCEEDING", succeeding}};
  Result<Path> script = scope_.prepare(text, owned, run_as);
  if (!script) return std::move(script.error()).in(fmt::format("prepare {}", task.label));
  const BuildTime began = run_.debug->clock().now();
  ProcessSpec spec;
  spec.argv = {shell_.native(), script->native()};
  spec.env = environment_.variables;
  spec.env["CODEBUILD_BUILD_SUCCEEDING"] = succeeding;
  spec.cwd = scope_.start_directory();
  spec.user = run_as;
  spec.sigint_grace = run_.request.sigint_grace;
  spec.sigterm_grace = run_.request.sigterm_grace;
  if (run_.request.command_timeout) deadline = std::min(deadline, began + *run_.request.command_timeout);
  spec.deadline = run_.debug->clock().on_machine(deadline);
  spec.meanwhile = [&] { scope_.meanwhile(); };
  spec.on_started = [&](int pid) { run_.debug->started(pid); };

  std::stop_source halt;
  const auto request_halt = [&] { halt.request_stop(); };
  const std::stop_callback on_stop(stop, request_halt);
  if (run_.request.debug_session) {
    Stop where = {Stop::At::inside, phase.name, task.label, run_.events.masker().mask(text)};
    if (Result<void> watched =
            run_.debug->watch(std::move(where), shell_in(scope_.state(), phase), halt, stop);
        !watched)
      return watched;
  }
  LastOutput tail;
  const Result<ProcessEnd> end = run_.processes.run(
      spec,
      [&](std::string_view chunk) {
        tail.add(chunk);
        run_.events.output(chunk);
      },
      halt.get_token());
  if (!end) {
    const Error& error = end.error();
    if (!(run_.shell.chosen && is_about_the_program(error.code)))
      return Error(error).in(fmt::format("run {}", task.label));
    finished.status = Status::failed;
    finished.exit = {error.code.value() == ENOENT ? 127 : 126, 0};
    finished.hint = fmt::format("the shell that env.shell asks for, {}, cannot be started: {}",
                                run_.shell.path, error.code ? error.code.message() : error.message);
    reason = start_reason(run_.shell, error);
    return {};
  }
  finished.exit = end->exit;
  if (end->timed_out) {
    finished.status = Status::timed_out;
    finished.hint = time_out_hint(began, phase);
  } else if (end->stopped) {
    finished.status = Status::stopped;
  } else if (!end->exit.success()) {
    finished.status = Status::failed;
    finished.hint = failure_hint(text, tail.text(), end->exit, run_.shell.path);
    reason = to_string(end->exit);
  }
  return {};
}

/// Which of the limits it was that came first.
std::string Build::time_out_hint(BuildTime began, const Phase& phase) const {
  const Request& request = run_.request;
  BuildTime first = deadline_;
  std::string hint = fmt::format("the build was at its limit of {}", in_seconds(request.build_timeout));
  if (phase_limit_ && *phase_limit_ < first) {
    first = *phase_limit_;
    hint = fmt::format("phase {} was at its limit of {}", phase.name, in_seconds(*request.phase_timeout));
  }
  if (request.command_timeout && began + *request.command_timeout < first)
    hint = fmt::format("the command was at its limit of {}", in_seconds(*request.command_timeout));
  return hint;
}

Result<void> Build::keep_state(const Task& task, Status status) {
  Result<ShellScope::Kept> kept = scope_.commit();
  if (!kept) return std::move(kept.error());
  if (*kept != ShellScope::Kept::partial) return {};
  std::string message = fmt::format(
      "the variables and the directory that {} left could not be written to {} (is the disk full?)",
      task.label, scope_.directory().native());
  // What follows would run with those from before it, and could be green where it has to be red.
  if (status == Status::succeeded) return Error{std::move(message), {}};
  run_.events.tell(to_event(finding(Severity::warning, run_.plan.source, task.where, "state-not-kept",
                                    message + "; what runs next gets those from before it")));
  return {};
}

/// The variables as they are now, read from the state by a shell. Where that fails, a warning, and those of the
/// environment are taken.
Result<Variables> Build::read_state(std::string_view what) {
  if (scope_.number() == 0) return environment_.variables;
  const Path env_program = find_program("env", "/usr/bin:/bin:/usr/local/bin", "/");
  Result<Path> script = scope_.prepare_variables(env_program);
  if (!script) return std::move(script.error()).in(what);
  ProcessSpec spec;
  spec.argv = {shell_.native(), script->native()};
  spec.env = environment_.variables;
  spec.cwd = scope_.start_directory();
  spec.deadline = Clock::now() + std::chrono::seconds(30);
  const Result<ProcessEnd> end = run_.processes.run(spec, [](std::string_view) {}, {});
  if (!end && end.error().code == std::errc::connection_reset) return end.error();
  Result<std::string> printed = end && end->exit.success()
                                    ? read_file(scope_.variables_file())
                                    : Result<std::string>(Error{"the shell failed", {}});
  if (printed) return parse_environment(*printed);
  run_.events.tell(to_event(finding(
      Severity::warning, nullptr, {}, "export-failed",
      fmt::format("{}: they could not be read from the last state: {}; those of the environment are taken",
                  what, printed.error().message))));
  return environment_.variables;
}

/// Tells the values of env.exported-variables. Source: buildspec.md 4.6.
Result<void> Build::collect_exported() {
  if (run_.plan.exported.empty()) return {};
  Result<Variables> read = read_state("read the exported variables");
  if (!read) return std::move(read.error());
  Variables variables = std::move(*read);
  for (const auto& [name, value] : beyond_shells_) variables[name] = value;
  VariablesExported told;
  for (const std::string& name : run_.plan.exported) {
    const auto refuse_export = [&](std::string_view why) {
      run_.events.tell(to_event(finding(Severity::warning, nullptr, {}, "export-refused",
                                        fmt::format("variable {} is not exported: {}", name, why))));
    };
    if (name.starts_with("AWS_")) {
      refuse_export("names that begin with AWS_ never are");
      continue;
    }
    if (environment_.secret_names.contains(name)) {
      refuse_export("it is a secret");
      continue;
    }
    const auto found = variables.find(name);
    if (found == variables.end()) continue;  // never set: left out (U19)
    if (run_.events.masker().contains_secret(found->second)) {
      refuse_export("its value holds a secret");
      continue;
    }
    told.variables.push_back({name, found->second});
    end_.exported.emplace_back(name, found->second);
  }
  run_.events.tell(std::move(told));
  return {};
}

}  // namespace buildspec_run
