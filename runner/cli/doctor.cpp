#include "runner/cli/doctor.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "runner/base/json.h"
#include "runner/cli/action_options.h"
#include "runner/cli/report.h"
#include "runner/cli/terminal_text.h"
#include "runner/container/engine.h"
#include "runner/exec/node_program.h"
#include "runner/store/run_store.h"
#include "runner/sys/process.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"text", "json"};
constexpr OptionSpec kOptions[] = {
    {"--format", "", OptionSpec::Takes::value, "FORMAT", "default: text", false, kFormats},
    kColorOption,
};

// `missing`: no build can run. `limited`: those can that do not need it.
enum class Health { good, limited, missing };

struct Check {
  std::string name;
  Health health = Health::good;
  std::string text;  // what there is
  std::string fix;   // one line: what to do; empty when good
};

constexpr std::chrono::seconds kPatience{10};  // with a program that is asked something

// What the examined machine is like, and how to ask it.
class Examination {
 public:
  explicit Examination(const Invocation& invocation)
      : invocation_(invocation), path_(invocation.variable("PATH")) {}

  std::vector<Check> run() {
    parts();
    shells();
    git();
    node();
    engine();
    aws();
    room("kept runs", state_directory(invocation_.variable("XDG_STATE_HOME"), invocation_.variable("HOME")),
         "set HOME or XDG_STATE_HOME to a directory of yours, or run with --no-keep");
    room("fetched actions", cache(),
         "set HOME or XDG_CACHE_HOME to a directory of yours, or give --action-cache");
    const Path temporary = invocation_.variable("TMPDIR");
    room("temporary files", temporary.is_absolute() ? temporary : Path("/tmp"),
         "set TMPDIR to a directory of yours with room in it", true);
    limits();
    return std::move(checks_);
  }

 private:
  Check& add(std::string name, Health health, std::string text, std::string fix = {}) {
    return checks_.emplace_back(Check{std::move(name), health, std::move(text), std::move(fix)});
  }

  // The program's own parts, without which nothing starts.
  void parts() {
    const Path parts = modules_of(invocation_.program);
    Result<std::unique_ptr<ProcessRunner>> runner = make_process_runner(parts / "buildspec-run-supervisor");
    if (!runner) {
      add("supervisor", Health::missing, runner.error().message,
          "install buildspec-run as a whole: bin and libexec belong together");
      return;
    }
    processes_ = std::move(*runner);
    add("supervisor", Health::good, (parts / "buildspec-run-supervisor").string());
  }

  Path program(const char* name) const { return find_program(name, path_, invocation_.working_directory); }

  // First line of what a program prints; an Error, with the last one, when it fails or takes too long.
  Result<std::string> ask(ProcessSpec spec) {
    if (processes_ == nullptr) return Error{"it cannot be started", {}};
    if (spec.env.empty()) spec.env = invocation_.environment;
    if (spec.cwd.empty()) spec.cwd = "/";
    spec.deadline = std::chrono::steady_clock::now() + kPatience;
    std::string printed;
    const Result<ProcessEnd> end = processes_->run(spec,
                                                   [&](std::string_view chunk) {
                                                     if (printed.size() < 4096) printed += chunk;
                                                   },
                                                   {});
    if (!end) return end.error();
    if (end->timed_out) return Error{fmt::format("no answer within {} s", kPatience.count()), {}};
    if (end->exit.success()) return plain_line(std::string_view(printed).substr(0, printed.find('\n')));
    while (printed.ends_with('\n')) printed.pop_back();
    const std::size_t line = printed.rfind('\n');
    const std::string last = plain_line(line == std::string::npos ? printed : printed.substr(line + 1));
    return Error{last.empty() ? to_string(end->exit) : last, {}};
  }

  Result<std::string> ask(std::vector<std::string> argv) {
    ProcessSpec spec;
    spec.argv = std::move(argv);
    return ask(std::move(spec));
  }

  void shells() {
    const Path sh = program("sh");
    if (sh.empty() && ::access("/bin/sh", X_OK) != 0) {
      add("sh", Health::missing, "there is none on PATH", "install a POSIX shell, such as dash");
    } else {
      const Path found = sh.empty() ? Path("/bin/sh") : sh;
      std::error_code failed;
      const Path real = std::filesystem::canonical(found, failed);
      add("sh", Health::good,
          failed || real.filename() == found.filename()
              ? found.string()
              : fmt::format("{}, which is {}", found.string(), real.filename().string()));
    }
    if (const Path bash = program("bash"); bash.empty())
      add("bash", Health::limited, "there is none on PATH",
          "install bash: env.shell: bash and steps ask for it");
    else
      add("bash", Health::good, bash.string());
  }

  void git() {
    const Path found = program("git");
    if (found.empty()) {
      add("git", Health::limited, "there is none on PATH",
          "install git: builds call it (buildspec-run itself does without)");
      return;
    }
    const Result<std::string> version = ask({found.string(), "--version"});
    if (version)
      add("git", Health::good, *version);
    else
      add("git", Health::limited, fmt::format("{}: {}", found.string(), version.error().message),
          "install git anew");
  }

  void node() {
    if (processes_ == nullptr) return;
    const Result<NodeVersion> found = find_node("", path_, invocation_.working_directory, *processes_, {});
    if (!found)
      add("node", Health::limited, found.error().message,
          fmt::format("install Node.js {} or newer: JavaScript actions need it", kOldestDeclaredNode));
    else if (found->major != 0 && found->major < kOldestDeclaredNode)
      add("node", Health::limited, fmt::format("{} is version {}", found->path, found->major),
          fmt::format("install Node.js {} or newer: actions are made for it", kOldestDeclaredNode));
    else
      add("node", Health::good, fmt::format("{}, version {}", found->path, found->major));
  }

  void engine() {
    EngineOptions options;
    options.environment = invocation_.environment;
    options.label = "000000";
    const Result<ContainerEngine> found = ContainerEngine::find(options);
    if (!found) {
      add("container engine", Health::limited, found.error().message,
          "install Docker or podman: Docker actions need it, nothing else does");
      return;
    }
    const Result<std::string> version = ask(found->version());
    if (version)
      add("container engine", Health::good, fmt::format("{} answers", found->program()));
    else
      add("container engine", Health::limited,
          fmt::format("{}: {}", found->program(), version.error().message),
          "start the engine (systemctl start docker), or name another by DOCKER_HOST or DOCKER_CONTEXT");
  }

  // What commands such as aws will find; nobody is asked over the network.
  void aws() {
    const Path home = invocation_.variable("HOME");
    std::error_code failed;
    const auto file = [&](const char* variable, const char* name) {
      const std::string given = invocation_.variable(variable);
      const Path path = given.empty() ? (home.is_absolute() ? home / ".aws" / name : Path()) : Path(given);
      return !path.empty() && std::filesystem::exists(path, failed) ? path.string() : std::string();
    };
    const std::string credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    const std::string config = file("AWS_CONFIG_FILE", "config");
    if (!invocation_.variable("AWS_ACCESS_KEY_ID").empty())
      add("AWS", Health::limited, "credentials in the environment, which builds do not see",
          "give them to a build that needs them: --secret AWS_ACCESS_KEY_ID --secret AWS_SECRET_ACCESS_KEY, "
          "and "
          "AWS_SESSION_TOKEN");
    else if (!credentials.empty() || !config.empty())
      add("AWS", Health::good, credentials.empty() ? config : credentials);
    else
      add("AWS", Health::limited, "no credentials in the environment or in ~/.aws",
          "aws configure, if your builds call AWS");
  }

  Path cache() const {
    const Path cache = invocation_.variable("XDG_CACHE_HOME"), home = invocation_.variable("HOME");
    if (cache.is_absolute()) return cache / "buildspec-run";
    return home.is_absolute() ? home / ".cache/buildspec-run" : Path();
  }

  // `needed`: without it no build runs.
  void room(std::string name, const Path& directory, std::string fix, bool needed = false) {
    constexpr std::uint64_t kLittle = std::uint64_t{1} << 30;
    const Health bad = needed ? Health::missing : Health::limited;
    if (directory.empty()) {
      add(std::move(name), bad, "there is no place for them", std::move(fix));
      return;
    }
    std::error_code failed;
    Path there = directory;
    while (!std::filesystem::exists(there, failed) && there.has_relative_path()) there = there.parent_path();
    if (::access(there.c_str(), W_OK | X_OK) != 0) {
      add(std::move(name), bad, fmt::format("{} cannot be written to", there.string()), std::move(fix));
      return;
    }
    const std::filesystem::space_info space = std::filesystem::space(there, failed);
    if (failed) {
      add(std::move(name), bad, fmt::format("{}: {}", there.string(), failed.message()), std::move(fix));
      return;
    }
    const std::string text = fmt::format("{}, {} MiB free", directory.string(), space.available >> 20);
    if (space.available < kLittle)
      add(std::move(name), Health::limited, text,
          "make room there: buildspec-run keeps logs, and builds write a lot");
    else
      add(std::move(name), Health::good, text);
  }

  void limits() {
    struct Limit {
      const char* name;
      int which;
      rlim_t least;
      const char* option;
    };
    const Limit kLimits[] = {{"open files", RLIMIT_NOFILE, 1024, "n"}, {"processes", RLIMIT_NPROC, 512, "u"}};
    for (const Limit& limit : kLimits) {
      rlimit is{};
      if (::getrlimit(static_cast<decltype(RLIMIT_NOFILE)>(limit.which), &is) != 0) continue;
      const std::string name = fmt::format("limit of {}", limit.name);
      if (is.rlim_cur == RLIM_INFINITY || is.rlim_cur >= limit.least)
        add(name, Health::good,
            is.rlim_cur == RLIM_INFINITY ? std::string("none") : std::to_string(is.rlim_cur));
      else
        add(name, Health::limited, std::to_string(is.rlim_cur),
            fmt::format("ulimit -{} {}", limit.option, limit.least));
    }
    rlimit file{};
    if (::getrlimit(RLIMIT_FSIZE, &file) == 0 && file.rlim_cur != RLIM_INFINITY)
      add("limit of file sizes", Health::limited, fmt::format("{} MiB", file.rlim_cur >> 20),
          "ulimit -f unlimited: a log may be larger");
  }

  const Invocation& invocation_;
  std::string path_;
  std::unique_ptr<ProcessRunner> processes_;
  std::vector<Check> checks_;
};

std::string_view word(Health health) {
  return health == Health::good ? "ok" : health == Health::limited ? "limited" : "missing";
}

std::string as_text(const std::vector<Check>& checks, bool color) {
  std::string out;
  for (const Check& check : checks) {
    const Ink ink = check.health == Health::good      ? Ink::green
                    : check.health == Health::limited ? Ink::yellow
                                                      : Ink::red;
    out += fmt::format("{}  {}: {}\n", paint(ink, fmt::format("{:<7}", word(check.health)), color),
                       check.name, plain_line(check.text));
    if (!check.fix.empty()) out += fmt::format("         -> {}\n", check.fix);
  }
  return out;
}

Value as_value(const std::vector<Check>& checks) {
  Value::Array list;
  for (const Check& check : checks)
    list.emplace_back(Value::Object{
        {"name", check.name}, {"health", word(check.health)}, {"text", check.text}, {"fix", check.fix}});
  return Value::Object{{"checks", std::move(list)}};
}

ExitCode run_doctor(const Invocation& invocation) {
  const std::vector<Check> checks = Examination(invocation).run();
  const ExitCode written =
      invocation.write_out(invocation.arguments.value("--format") == "json"
                               ? to_pretty_json(as_value(checks)) + "\n"
                               : as_text(checks, wants_color(invocation, invocation.out)));
  const bool can_run = std::none_of(checks.begin(), checks.end(),
                                    [](const Check& check) { return check.health == Health::missing; });
  return can_run ? written : ExitCode::machine;
}

constexpr Subcommand kSubcommand = {
    "doctor",
    "check what this machine has for builds, with a fix for what it has not",
    "",
    0,
    "Looks at shells, git, node, the container engine, AWS set-up, disk and limits. ok: fine. limited: "
    "builds that\n"
    "need it will not work. missing: none will (exit 3). Nothing is asked over the network.",
    kOptions,
    run_doctor,
};

}  // namespace

const Subcommand& doctor_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
