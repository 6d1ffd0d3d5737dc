#include "runner/cli/run.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/cli/action_options.h"
#include "runner/cli/env_file.h"
#include "runner/cli/host_environment.h"
#include "runner/cli/input.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/report.h"
#include "runner/cli/run_controller.h"
#include "runner/cli/secrets.h"
#include "runner/cli/views.h"
#include "runner/cli/watch.h"
#include "runner/runner.h"
#include "runner/store/run_store.h"
#include "runner/sys/interrupts.h"
#include "runner/sys/terminal.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

using Takes = OptionSpec::Takes;

constexpr std::string_view kWorkspaces[] = {"in-place", "copy"};
constexpr OptionSpec kOptions[] = {
    kSourceDirOption,
    {"--env", "-e", Takes::value, "NAME=VALUE",
     "set a variable as a start of a build does, above project and buildspec; NAME alone takes the host's "
     "value",
     true},
    {"--env-file", "", Takes::value, "FILE",
     "the same from a file of NAME=VALUE lines, or a JSON object of strings", true},
    {"--project-env", "", Takes::value, "NAME=VALUE",
     "set a variable as the project does: above the buildspec, below --env", true},
    {"--project-env-file", "", Takes::value, "FILE", "the same from a file", true},
    {"--inherit-env", "", Takes::optional_value, "PATTERN",
     "let more of the host's variables in: those that match PATTERN (* stands for any characters), or all",
     true},
    {"--secret", "", Takes::value, "NAME[=VALUE|@FILE]",
     "a secret variable; by name alone its value comes from the environment, or is asked for on the "
     "terminal. It is masked wherever it shows",
     true},
    {"--secrets-file", "", Takes::value, "FILE",
     "secrets, as NAME=VALUE lines or a JSON object; they also answer parameter-store and secrets-manager "
     "references, by the text of the reference",
     true},
    {"--sh", "", Takes::value, "PROGRAM",
     "the program that sh and /bin/sh mean: the cloud's Amazon Linux images have bash there, its Ubuntu "
     "images dash; default: the machine's sh"},
    {"--only", "", Takes::value, "TASKS",
     "run these alone: phases (build), the commands of a finally (build.finally), commands and steps by the "
     "names that list prints (build[2]), several with commas",
     true},
    {"--from", "", Takes::value, "TASK", "run from there on: a phase, a command or a step"},
    {"--until", "", Takes::value, "TASK",
     "run up to there, it included; the commands of a finally stand behind those of their phase"},
    {"--skip", "", Takes::value, "TASKS", "do not run these", true},
    {"--dry-run", "", Takes::nothing, "",
     "print the environment, each script and how it would be started, and run nothing; nothing is kept"},
    {"--break", "", Takes::value, "TASKS",
     "stop before these (build[2]; of a phase, before its first) and open a shell on the terminal in that "
     "very "
     "state; leaving it asks how to go on",
     true},
    {"--shell-on-failure", "", Takes::nothing, "",
     "the same where a command or step has failed, which can then be run again"},
    {"--debug-session", "", Takes::nothing, "",
     "the same where a command calls codebuild-breakpoint, as in a debug session of the cloud; without it, "
     "that "
     "does nothing"},
    {"--timeout", "", Takes::value, "TIME",
     "end the build after TIME (90s, 5m, 1h30m; a bare number is seconds); default: 1h; while the build "
     "stands still "
     "for its user, no time passes for this and the other limits"},
    {"--phase-timeout", "", Takes::value, "TIME",
     "end the build when a phase takes longer; default: no limit of its own"},
    {"--command-timeout", "", Takes::value, "TIME",
     "end the build when a command takes longer; default: no limit of its own"},
    {"--grace", "", Takes::value, "TIME",
     "how long a stopped command has from SIGINT to SIGKILL, with SIGTERM after three quarters of it; "
     "default: 10s"},
    {"--continue-succeeds", "", Takes::nothing, "",
     "a phase that fails with on-failure: CONTINUE leaves the build succeeded; default: it is failed"},
    kStrictParityOption,
    {"--workspace", "", Takes::value, "WHERE",
     "where the build works: in the source directory, or in a copy of its repository (what git tracks and "
     "does not "
     "ignore, with a .git of its own), so that the source stays untouched and a RETRY starts afresh; "
     "default: in-place",
     false, kWorkspaces},
    {"--include-ignored", "", Takes::nothing, "", "--workspace copy: copy what git ignores, too"},
    {"--keep-workspace", "", Takes::nothing, "",
     "--workspace copy: leave the copy when the build has ended; default: it is removed"},
    {"--secondary-source", "", Takes::value, "ID=DIR",
     "a secondary source: commands find it as CODEBUILD_SRC_DIR_<ID>. ID=URL or ID=URL#VERSION is a git "
     "repository, "
     "cloned for the build, at a branch, a tag or a commit",
     true},
    {"--clean-home", "", Takes::nothing, "",
     "HOME is an empty directory, removed with the build; default: yours"},
    {"--project", "", Takes::value, "NAME",
     "the project's name, as CODEBUILD_BUILD_ID shows it; default: the name of the source directory"},
    {"--event", "", Takes::value, "FILE",
     "steps: the payload of the github context's event, a JSON object; default: {}"},
    {"--event-name", "", Takes::value, "NAME",
     "steps: github.event_name; default: what the payload says, else push"},
    {"--actor", "", Takes::value, "NAME", "steps: github.actor; default: the payload's sender, else you"},
    {"--var", "", Takes::value, "NAME=VALUE", "steps: a value of the vars context", true},
    {"--node", "", Takes::value, "PROGRAM", "steps: the node that runs JavaScript actions; default: PATH's"},
    {"--debug", "", Takes::nothing, "",
     "steps: show ##[debug] lines, set RUNNER_DEBUG=1, and echo workflow commands"},
    {"--container-engine", "", Takes::value, "PROGRAM",
     "steps: what runs Docker actions; default: docker, else podman, of PATH"},
    {"--container-network", "", Takes::value, "NAME",
     "steps: the network of the containers of actions (host: this machine's own); default: the engine's"},
    {"--docker-socket", "", Takes::nothing, "",
     "steps: mount the engine's socket into the containers of actions, which lets them do anything that you "
     "can; default: it is not"},
    {"--artifact-dir", "", Takes::value, "DIR",
     "steps: put what actions upload as artifacts into DIR; default: the artifacts directory of the kept "
     "run"},
    {"--no-services", "", Takes::nothing, "",
     "steps: listen on no port of 127.0.0.1: actions find no service for caches and artifacts, and say so"},
    kOfflineOption,
    kLockedOption,
    kGithubUrlOption,
    kActionsUrlTemplateOption,
    kActionsRewriteOption,
    kReplaceOption,
    kActionCacheOption,
    {"--export-file", "", Takes::value, "FILE",
     "write the exported variables to FILE, as JSON when it ends in .json, else as NAME=VALUE lines that "
     "--env-file reads"},
    kViewFormatOption,
    kColorOption,
    kVerboseOption,
    kQuietOption,
    {"--no-keep", "", Takes::nothing, "", "do not keep log and events of this run"},
    kWatchOption,
    kDebounceOption,
    {"--no-keep-state", "", Takes::nothing, "",
     "do not keep the state behind each command, from which resume and shell go on; default: it is kept with "
     "the run, "
     "without the secrets in it"},
    kKeepRunsOption,
    kKeepDaysOption,
    kKeepMegabytesOption,
};

OrRefused<std::optional<std::chrono::milliseconds>> duration_option(const Invocation& invocation,
                                                                    std::string_view name) {
  const std::optional<std::string> given = invocation.arguments.value(name);
  if (!given) return std::optional<std::chrono::milliseconds>();
  const std::optional<std::chrono::milliseconds> time = parse_duration(*given);
  if (!time)
    return Refused{ExitCode::invalid,
                   fmt::format("{} \"{}\": a time such as 90s, 5m or 1h30m is expected", name, *given)};
  return time;
}

std::string initiator(const Invocation& invocation) {
  for (const char* name : {"USER", "LOGNAME"})
    if (std::string user = invocation.variable(name); !user.empty()) return user;
  std::string name = name_of_caller();
  return name.empty() ? std::to_string(::getuid()) : name;
}

// A program named on the command line, where it is: a path counts from the current directory, a bare name
// from PATH.
OrRefused<std::string> program_option(const Invocation& invocation, std::string_view name,
                                      std::string_view otherwise) {
  const std::string given = invocation.arguments.value(name).value_or(std::string(otherwise));
  if (given.find('/') != std::string::npos) {
    const Path path = absolute_path(given, invocation.working_directory);
    if (::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path)) return path.string();
  } else if (const Path found =
                 find_program(given, invocation.variable("PATH"), invocation.working_directory);
             !found.empty()) {
    return found.string();
  }
  if (given == otherwise && ::access("/bin/sh", X_OK) == 0)
    return std::string("/bin/sh");  // no PATH, or an odd one
  return Refused{given == otherwise ? ExitCode::machine : ExitCode::invalid,
                 fmt::format("{} \"{}\": no such program", name, given)};
}

// What only steps ask for.
OrRefused<StepOptions> step_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  StepOptions options;
  if (const std::optional<std::string> file = arguments.value("--event")) {
    Result<std::string> text = read_named_file(absolute_path(*file, invocation.working_directory), 64 << 20);
    if (!text) return Refused{ExitCode::invalid, fmt::format("--event {}: {}", *file, text.error().message)};
    const Result<Value> value = parse_json(*text);
    if (!value)
      return Refused{ExitCode::invalid, fmt::format("--event {}: {}", *file, value.error().message)};
    if (value->object() == nullptr)
      return Refused{ExitCode::invalid, fmt::format("--event {}: a JSON object is expected", *file)};
    options.event_json = std::move(*text);
  }
  options.event_name = arguments.value("--event-name").value_or("");
  options.actor = arguments.value("--actor").value_or("");
  for (const std::string& given : arguments.values("--var")) {
    const std::size_t equals = given.find('=');
    if (equals == std::string::npos || equals == 0)
      return Refused{ExitCode::invalid, fmt::format("--var \"{}\": NAME=VALUE is expected", given)};
    options.vars[given.substr(0, equals)] = given.substr(equals + 1);
  }
  for (const auto& [name, into] :
       {std::pair("--node", &options.node), std::pair("--container-engine", &options.container_engine)}) {
    if (!arguments.has(name)) continue;
    auto program = program_option(invocation, name, "");
    if (Refused* refused = std::get_if<Refused>(&program)) return std::move(*refused);
    *into = std::move(std::get<std::string>(program));
  }
  options.debug = arguments.has("--debug");
  options.docker_socket = arguments.has("--docker-socket");
  options.services = !arguments.has("--no-services");
  if (const std::optional<std::string> directory = arguments.value("--artifact-dir")) {
    if (directory->empty()) return Refused{ExitCode::invalid, "--artifact-dir \"\": a directory is expected"};
    options.artifacts = absolute_path(*directory, invocation.working_directory).string();
  }
  options.container_network = arguments.value("--container-network").value_or("");
  options.engine_environment = invocation.environment;
  // Tools that actions install are worth keeping: each would be fetched anew by every build.
  for (const char* name : {"RUNNER_TOOL_CACHE", "RUNNER_TOOLSDIRECTORY", "AGENT_TOOLSDIRECTORY"})
    if (options.tool_cache.empty() && Path(invocation.variable(name)).is_absolute())
      options.tool_cache = invocation.variable(name);
  const Path cache_home = invocation.variable("XDG_CACHE_HOME"), home = invocation.variable("HOME");
  const Path caches = cache_home.is_absolute() ? cache_home / "buildspec-run"
                      : home.is_absolute()     ? home / ".cache/buildspec-run"
                                               : Path();
  if (!caches.empty()) {
    if (options.tool_cache.empty()) options.tool_cache = (caches / "tools").string();
    options.caches = (caches / "caches").string();
  }
  return options;
}

// Where copies of the source are made: below the state directory, else beside what is temporary.
OrRefused<WorkspaceOptions> workspace_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  WorkspaceOptions options;
  options.copy = arguments.value("--workspace") == "copy";
  options.include_ignored = arguments.has("--include-ignored");
  options.keep = arguments.has("--keep-workspace");
  if (!options.copy && (options.include_ignored || options.keep))
    return Refused{ExitCode::invalid, fmt::format("{} has no meaning without --workspace copy",
                                                  options.keep ? "--keep-workspace" : "--include-ignored")};
  const Path state = state_directory(invocation.variable("XDG_STATE_HOME"), invocation.variable("HOME"));
  const Path temporary = invocation.variable("TMPDIR");
  options.directory = !state.empty() ? workspaces_directory(state).string()
                      : temporary.is_absolute()
                          ? (temporary / fmt::format("buildspec-run-copies-{}", ::getuid())).string()
                          : fmt::format("/tmp/buildspec-run-copies-{}", ::getuid());
  return options;
}

/// Whether git would take `text` for a repository somewhere else.
bool is_remote_repository(std::string_view text) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && colon > 0 && text.find('/') > colon;
}

OrRefused<std::map<std::string, SecondarySource>> secondary_sources(const Invocation& invocation) {
  std::map<std::string, SecondarySource> sources;
  for (const std::string& given : invocation.arguments.values("--secondary-source")) {
    const auto refused = [&](std::string_view why) {
      return Refused{ExitCode::invalid, fmt::format("--secondary-source \"{}\": {}", given, why)};
    };
    const std::size_t equals = given.find('=');
    const std::string id = given.substr(0, equals);
    constexpr std::size_t kLongestId = 127;  // buildspec.md 7.1
    if (equals == std::string::npos || id.empty() || id.size() > kLongestId ||
        id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
            std::string::npos)
      return refused("ID=DIR is expected, ID of letters, digits and _, fewer than 128");
    const std::string place = given.substr(equals + 1);
    const Path directory = absolute_path(place, invocation.working_directory);
    SecondarySource source;
    std::error_code failed;
    if (!place.empty() && std::filesystem::is_directory(directory, failed)) {
      source.directory = std::filesystem::canonical(directory, failed).string();
    } else if (is_remote_repository(place)) {
      const std::size_t hash = place.rfind('#');
      source.url = place.substr(0, hash);
      if (hash != std::string::npos) source.version = place.substr(hash + 1);
    } else {
      return refused("no such directory");
    }
    if (!sources.emplace(id, std::move(source)).second) return refused("this ID is given twice");
    constexpr std::size_t kMost = 12;  // buildspec.md 1.6
    if (sources.size() > kMost) return refused("a build has at most 12 secondary sources");
  }
  return sources;
}

// All that the options say about a request. `sources` keeps the texts that diagnostics point into; any of
// them may hold secrets.
OrRefused<Request> request_of(const Invocation& invocation, const Path& source_dir,
                              std::vector<std::unique_ptr<SourceText>>& sources, Diagnostics& found) {
  Request request;
  const auto take = [](auto& into, auto&& from) -> std::optional<Refused> {
    if (Refused* refused = std::get_if<Refused>(&from)) return std::move(*refused);
    into = std::move(std::get<0>(from));
    return std::nullopt;
  };
  request.source_dir = source_dir.string();
  request.project = invocation.arguments.value("--project").value_or(project_name(source_dir));
  request.initiator = initiator(invocation);
  request.continue_succeeds = invocation.arguments.has("--continue-succeeds");
  request.strict_parity = invocation.arguments.has(kStrictParityOption.name);
  request.host_environment =
      inherited_environment(invocation.environment, invocation.arguments.values("--inherit-env"));
  if (auto refused = take(request.steps, step_options(invocation))) return *refused;
  if (auto refused = take(request.workspace, workspace_options(invocation))) return *refused;
  if (auto refused = take(request.secondary_sources, secondary_sources(invocation))) return *refused;
  request.debug_session = invocation.arguments.has("--debug-session");
  request.clean_home = invocation.arguments.has("--clean-home");
  if (auto refused = take(request.sh, program_option(invocation, "--sh", "sh"))) return *refused;
  if (auto refused = take(request.project_variables,
                          read_variables(invocation, "--project-env", "--project-env-file", sources, found)))
    return *refused;
  if (auto refused =
          take(request.override_variables, read_variables(invocation, "--env", "--env-file", sources, found)))
    return *refused;
  Secrets secrets;
  if (auto refused = take(secrets, read_secrets(invocation, sources, found))) return *refused;
  request.secret_variables = std::move(secrets.variables);
  request.secret_lookup = std::move(secrets.lookup);
  std::optional<std::chrono::milliseconds> build_timeout, grace;
  if (auto refused = take(build_timeout, duration_option(invocation, "--timeout"))) return *refused;
  if (auto refused = take(request.phase_timeout, duration_option(invocation, "--phase-timeout")))
    return *refused;
  if (auto refused = take(request.command_timeout, duration_option(invocation, "--command-timeout")))
    return *refused;
  if (auto refused = take(grace, duration_option(invocation, "--grace"))) return *refused;
  request.build_timeout = build_timeout.value_or(request.build_timeout);
  if (grace) {
    request.sigint_grace = *grace * 3 / 4;
    request.sigterm_grace = *grace - request.sigint_grace;
  }
  const std::string temporary = invocation.variable("TMPDIR");
  if (Path(temporary).is_absolute()) request.temporary_directory = temporary;
  return request;
}

// "build[1],post_build" and one name each time are the same.
std::vector<std::string> task_names(const Invocation& invocation, std::string_view option) {
  std::vector<std::string> names;
  for (const std::string& given : invocation.arguments.values(option))
    for (std::size_t begin = 0; begin <= given.size();) {
      const std::size_t end = std::min(given.find(',', begin), given.size());
      names.push_back(given.substr(begin, end - begin));
      begin = end + 1;
    }
  return names;
}

// What stops a build so that its user can look, and the terminal that this takes.
OrRefused<RunAnswers> run_answers(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  RunAnswers answers;
  answers.wanted = wanted_tasks(invocation);
  answers.dry_run = arguments.has("--dry-run");
  answers.breaks = task_names(invocation, "--break");
  answers.shell_on_failure = arguments.has("--shell-on-failure");
  for (const std::string_view option : {"--break", "--shell-on-failure", "--debug-session"}) {
    if (!arguments.has(option) || answers.dry_run) continue;
    Result<std::string> terminal = Terminal::find(invocation.in);
    if (!terminal)
      return Refused{ExitCode::invalid,
                     fmt::format("error: {} needs a terminal to open a shell on: {} [no-terminal]", option,
                                 terminal.error().message)};
    answers.terminal = std::move(*terminal);
  }
  return answers;
}

ExitCode exit_code(Outcome outcome, int signal) {
  if (outcome == Outcome::interrupted || outcome == Outcome::terminated)
    return signal == SIGINT || signal == 0 ? ExitCode::interrupted : ExitCode::terminated;
  return static_cast<ExitCode>(outcome);
}

/// errno of what is in the way of a file `path`, which is replaced as a whole: 0 for nothing.
int why_not_writable(const Path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return EISDIR;
  const Path around = path.parent_path();
  if (::stat(around.c_str(), &status) != 0) return errno;
  if (!S_ISDIR(status.st_mode)) return ENOTDIR;
  return ::access(around.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
}

// What a later process is to know of how the run was asked for. Variables are kept as the build got them, and so is no
// option that they came from; of a secret, how it is to be found.
KeptRequest asked_for(const Invocation& invocation, const Path& source_dir, const SourceText& buildspec) {
  constexpr std::string_view kOfThisRunAlone[] = {
      "--env",        "--env-file",         "--project-env",   "--project-env-file", "--inherit-env",
      "--source-dir", "--format",           "--color",         "--verbose",          "--quiet",
      "--no-keep",    "--keep-runs",        "--keep-days",     "--keep-megabytes",   "--no-keep-state",
      "--break",      "--shell-on-failure", "--debug-session", "--dry-run",          "--watch",
      "--debounce"};
  KeptRequest asked;
  for (const auto& [name, values] : invocation.arguments.options)
    if (std::ranges::find(kOfThisRunAlone, name) == std::end(kOfThisRunAlone)) asked.options[name] = values;
  if (const auto secrets = asked.options.find("--secret"); secrets != asked.options.end())
    for (std::string& given : secrets->second) {
      const std::size_t end = given.find_first_of("=@");
      const bool is_file = end != std::string::npos && (given[end] == '@' || given.substr(end, 2) == "=@");
      if (end != std::string::npos && !is_file) given.resize(end);
    }
  asked.operands = invocation.arguments.operands;
  asked.working_directory = invocation.working_directory.native();
  asked.source_dir = source_dir.native();
  asked.buildspec_name = buildspec.name();
  asked.buildspec = buildspec.text();
  return asked;
}

ExitCode run_run(const Invocation& invocation) {
  const Result<Path> source_dir = source_directory(invocation);
  if (!source_dir) return invocation.fail(ExitCode::invalid, source_dir.error().message);
  const auto once = [&] { return run_as_asked(invocation, *source_dir, nullptr, nullptr); };
  if (!invocation.arguments.has(kWatchOption.name)) {
    if (!invocation.arguments.has(kDebounceOption.name)) return once();
    return invocation.fail(ExitCode::invalid, "--debounce has no meaning without --watch");
  }
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (invocation.arguments.has("--dry-run") || (!operands.empty() && is_stream(operands.front())))
    return invocation.fail(ExitCode::invalid, operands.empty() || !is_stream(operands.front())
                                                  ? "--watch has no meaning with --dry-run"
                                                  : "--watch cannot run standard input again; name a file");
  return run_and_watch(invocation, *source_dir, once);
}

constexpr Subcommand kSubcommand = {
    "run",
    "run a buildspec on this machine (the default command)",
    "[FILE]",
    1,
    "Runs FILE (default: buildspec.yml; a relative path counts from the source directory; - is standard "
    "input) and ends with\n"
    "the verdict the cloud would give. Commands see the variables of the buildspec, those given here, "
    "CODEBUILD_…, and a\n"
    "listed part of the host's environment (PATH, HOME, locale, proxies, …). Ctrl-C stops the running "
    "command, runs the\n"
    "phase's finally and ends; a second Ctrl-C ends at once.",
    kOptions,
    run_run,
};

}  // namespace

WantedTasks wanted_tasks(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  return {task_names(invocation, "--only"), task_names(invocation, "--skip"),
          arguments.value("--from").value_or(""), arguments.value("--until").value_or("")};
}

const Subcommand& run_subcommand() { return kSubcommand; }

Machine machine_of(const Path& program) {
  const Path parts = program.parent_path().parent_path() / "libexec" / "buildspec-run";
  return {(parts / "buildspec-run-supervisor").string(), parts.string()};
}

std::string project_name(const Path& source_dir) {
  std::string name;
  for (const char c : source_dir.filename().string()) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    name += allowed ? c : '-';
  }
  return name.find_first_not_of('-') == std::string::npos ? "local" : name;
}

ExitCode run_as_asked(const Invocation& invocation, const Path& source_dir, const SourceText* given,
                      const Resumption* resumption) {
  if (const std::string wrong = contradiction(invocation.arguments); !wrong.empty())
    return invocation.fail(ExitCode::invalid, wrong);
  Diagnostics found, found_in_env_files;
  std::vector<std::unique_ptr<SourceText>> sources;
  auto wanted = request_of(invocation, source_dir, sources, found_in_env_files);
  if (const Refused* refused = std::get_if<Refused>(&wanted))
    return invocation.fail(refused->code, refused->message);
  Request& request = std::get<Request>(wanted);
  auto asked = run_answers(invocation);
  if (const Refused* refused = std::get_if<Refused>(&asked))
    return invocation.fail(refused->code, refused->message);
  RunAnswers& answers = std::get<RunAnswers>(asked);
  const auto limits = prune_limits(invocation);
  if (const Refused* refused = std::get_if<Refused>(&limits))
    return invocation.fail(refused->code, refused->message);

  std::unique_ptr<SourceText> read;
  if (given == nullptr) {
    const std::vector<std::string>& operands = invocation.arguments.operands;
    read = read_buildspec(invocation, source_dir, operands.empty() ? "" : operands.front(), found);
    given = read.get();
  }
  write_places(invocation, found_in_env_files.all());
  write_diagnostics(invocation, found.all());
  if (given == nullptr && invocation.arguments.value("--format") == "codebuild")
    for (const Diagnostic& missing : found.all())
      if (!missing.cloud_code.empty()) {
        const Views views = make_views(invocation, {});
        request.run_id = make_run_id(std::chrono::system_clock::now());
        tell_missing_buildspec(request, missing, *views.view);
      }
  if (given == nullptr || found.has_errors() || found_in_env_files.has_errors()) return ExitCode::invalid;
  const SourceText& buildspec = *given;
  const std::optional<std::string> export_file = invocation.arguments.value("--export-file");
  const Path export_path = export_file ? absolute_path(*export_file, invocation.working_directory) : Path();
  std::error_code unknown;
  if (export_file && std::filesystem::equivalent(export_path, source_dir / buildspec.name(), unknown))
    return invocation.fail(ExitCode::invalid,
                           fmt::format("--export-file {}: that is the buildspec", *export_file));
  // What cannot be written in the end is better known before. A directory that is not there may be the build's to make.
  if (export_file)
    if (const int error = why_not_writable(export_path); error != 0 && error != ENOENT)
      return invocation.fail(ExitCode::machine,
                             fmt::format("--export-file {}: {}", *export_file, std::strerror(error)));
  request.buildspec = &buildspec;
  request.buildspec_name = buildspec.name();
  request.resumption = resumption;
  auto actions = action_store_options_of(invocation, lock_file_of(buildspec.name(), source_dir));
  if (const std::string* wrong = std::get_if<std::string>(&actions))
    return invocation.fail(ExitCode::invalid, *wrong);
  request.actions = std::move(std::get<ActionStoreOptions>(actions));
  request.actions.check_files = true;
  request.steps.server_url = request.actions.github_url;

  Interrupts interrupts;
  const auto now = std::chrono::system_clock::now();
  request.run_id = make_run_id(now);
  const Path state = state_directory_of(invocation);
  std::unique_ptr<KeptRun> kept;
  const bool dry_run = answers.dry_run;
  if (!dry_run && !invocation.arguments.has("--no-keep")) {
    std::string problem = "neither XDG_STATE_HOME nor HOME names a place";
    if (!state.empty()) {
      prune_runs(state, std::get<PruneLimits>(limits), now);
      if (Result<std::unique_ptr<KeptRun>> opened = keep_run(state, request.run_id)) {
        kept = std::move(*opened);
        request.log_file = kept->log_file().string();
        if (request.steps.artifacts.empty())
          request.steps.artifacts = (kept->directory() / "artifacts").string();
      } else {
        problem = opened.error().message;
      }
    }
    if (kept == nullptr)
      invocation.fail(ExitCode::success, fmt::format("log and events are not kept: {}", problem));
  }
  const KeptRequest asked_then = asked_for(invocation, source_dir, buildspec);
  std::optional<StateLog> states;
  if (kept != nullptr && !invocation.arguments.has("--no-keep-state")) {
    if (Result<StateLog> made = StateLog::make(kept->directory())) {
      request.states = &states.emplace(std::move(*made));
      request.asked = &asked_then;
    } else {
      invocation.fail(ExitCode::success, fmt::format("states are not kept: {}", made.error().message));
    }
  }

  ViewOptions options;
  if (kept != nullptr) options.log_problem = [&kept] { return kept->problem(); };
  Views views = make_views(invocation, std::move(options));
  interrupts.on_suspend([&](const std::function<void()>& stop) { views.out->suspend(stop); });
  std::vector<EventSink*> sinks = {views.view.get()};
  if (kept != nullptr) sinks.insert(sinks.begin(), kept.get());
  Fanout events(std::move(sinks));
  Machine machine = machine_of(invocation.program);
  machine.terminal = answers.terminal;
  RunController controller(std::move(answers), interrupts.stop());
  Result<Finished> finished =
      run_build(request, machine, controller, events, interrupts.stop(), interrupts.kill());
  interrupts.on_suspend({});
  views.view.reset();
  for (const Console* console : {views.out.get(), views.err.get()})
    if (!console->problem().empty())
      invocation.fail(ExitCode::success, fmt::format("not all could be shown: {}", console->problem()));
  if (states && !states->problem().empty())
    invocation.fail(ExitCode::success,
                    fmt::format("not all states are kept, so resume and shell go on from an earlier one: {}",
                                states->problem()));
  const auto exit = [&]() -> ExitCode {
    if (!finished) return invocation.fail(ExitCode::machine, finished.error().message);
    if (export_file && !dry_run) {
      if (Result<void> written = replace_file(
              export_path, exports_text(finished->exported, export_path.extension() == ".json"), 0600);
          !written)
        return invocation.fail(ExitCode::machine,
                               fmt::format("the exported variables are not written, and the next stage would "
                                           "lack them: --export-file {}: {}",
                                           *export_file, written.error().message));
    }
    return exit_code(finished->outcome, interrupts.first_signal());
  }();
  if (kept != nullptr) kept->keep_exit_code(static_cast<int>(exit));
  return exit;
}

}  // namespace buildspec_run
