#include "runner/container/container_run.h"

#include <signal.h>
#include <unistd.h>

#include "runner/supervisor/ownership.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kMountedProgram = "/buildspec-run-supervisor";
/// The kernel dates changes by a clock that lags behind by up to a tick.
constexpr std::chrono::milliseconds kClockTick{20};
/// What an answer of the client may take before it is of no use, and what it may take to change many files.
constexpr std::chrono::seconds kAnswer{30}, kManyFiles{600};

struct Said {
  ProcessEnd end;
  std::string text;
};

/// Runs the client for what it says.
Result<Said> ask(ProcessSpec spec, ProcessRunner& processes, std::stop_token stop,
                 std::chrono::seconds limit = kAnswer) {
  constexpr std::size_t kLimit = 16u << 10;
  Said said;
  spec.deadline = std::chrono::steady_clock::now() + limit;
  Result<ProcessEnd> end = processes.run(
      spec,
      [&](std::string_view chunk) {
        said.text += chunk.substr(0, kLimit - std::min(kLimit, said.text.size()));
      },
      std::move(stop));
  if (!end) return std::move(end.error());
  said.end = *end;
  return said;
}

/// The last line that says something: a client's reason comes after its tables.
std::string_view last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \r\n\t");
  if (end == text.npos) return {};
  text = text.substr(0, end + 1);
  const std::size_t begin = text.find_last_of('\n');
  return begin == text.npos ? text : text.substr(begin + 1);
}

/// A file that is there as long as this.
class PrivateFile {
 public:
  static Result<PrivateFile> write(const Path& path, std::string_view text) {
    if (Result<void> written = write_new_file(path, text, 0600); !written)
      return std::move(written.error()).in("hand over a container's variables");
    return PrivateFile(path);
  }
  explicit PrivateFile(Path path) : path_(std::move(path)) {}
  PrivateFile(PrivateFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFile& operator=(PrivateFile&&) = delete;
  ~PrivateFile() {
    std::error_code ignored;  // it goes with the run's directory, at the latest
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }

 private:
  Path path_;
};

}  // namespace

Result<void> reach_engine(ContainerEngine& engine, ProcessRunner& processes, std::stop_token stop) {
  Result<Said> version = ask(engine.version(), processes, stop);
  if (!version) return std::move(version.error()).in("ask the container engine");
  if (stop.stop_requested()) return {};
  if (version->end.timed_out)
    return Error{
        fmt::format("{} gets no answer from its engine within {} seconds", engine.program(), kAnswer.count()),
        std::make_error_code(std::errc::timed_out)};
  if (version->end.exit.code != 0)
    return Error{fmt::format("{} does not reach its engine: {}", engine.program(), last_line(version->text)),
                 std::make_error_code(std::errc::connection_refused)};
  if (const std::optional<ProcessSpec> question = engine.ask_endpoint()) {
    Result<Said> endpoint = ask(*question, processes, stop);
    if (!endpoint) return std::move(endpoint.error()).in("ask the container engine");
    // One that knows no contexts listens where it always does.
    engine.set_endpoint(endpoint->end.exit.code == 0 ? last_line(endpoint->text) : std::string_view());
  }
  return {};
}

std::string env_file_of(const ContainerSpec& spec, const Path& directory) {
  return (directory / (spec.name + ".env")).native();
}

Result<ProcessEnd> run_container(const ContainerEngine& engine, const ContainerSpec& spec,
                                 const Path& directory, ProcessRunner& processes,
                                 const ProcessRunner::OnOutput& on_output, std::stop_token stop,
                                 const ContainerLimits& limits) {
  const std::string env_file = env_file_of(spec, directory);
  ContainerStart start = engine.run(spec, env_file);
  std::optional<PrivateFile> variables;
  if (!start.env_file.empty()) {
    Result<PrivateFile> written = PrivateFile::write(env_file, start.env_file);
    if (!written) return std::move(written.error());
    variables.emplace(std::move(*written));
  }
  start.process.deadline = limits.deadline;
  start.process.sigint_grace = limits.sigint_grace;
  start.process.sigterm_grace = limits.sigterm_grace;
  // From here on it may be there, and is removed whoever dies.
  const ProcessSpec remove = engine.remove(spec.name);
  const Result<int> registered = processes.on_death(remove);
  if (!registered) return Error(registered.error()).in("run a container");
  Result<ProcessEnd> end = processes.run(start.process, on_output, std::move(stop));
  if (!end) {
    // Not started: there is no container. When the supervisor was lost, its place was taken for this.
    processes.take_back(*registered);
    return end;
  }
  // `--rm` has removed what ended by itself. What the client has left behind is removed here.
  constexpr int kClientFailed = 125;
  if (end->stopped || end->timed_out || end->exit.signal != 0 || end->exit.code >= kClientFailed) {
    const Result<Said> removed = ask(remove, processes, {});
    // Not even this may be started any more (a second Ctrl-C), or the engine hangs: it is done when all is over.
    if (!removed || removed->end.stopped || removed->end.timed_out) return end;
  }
  processes.take_back(*registered);
  return end;
}

Result<void> give_back(const ContainerEngine& engine, std::string_view image, std::string_view name,
                       const GiveBack& what, const Path& supervisor, ProcessRunner& processes,
                       std::stop_token stop) {
  if (what.user == 0) return {};  // root may do with it as it likes
  Owner owner;
  owner.user = what.user;
  owner.group = what.group;
  owner.since_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>((what.since - kClockTick).time_since_epoch())
          .count();
  std::vector<std::string> foreign;
  for (const std::string& directory : what.directories)
    if (holds_foreign(directory.c_str(), owner)) foreign.push_back(directory);
  if (foreign.empty()) return {};
  ContainerSpec spec;
  spec.image = image;
  spec.name = name;
  spec.entrypoint = kMountedProgram;
  spec.args = {"give-back", std::to_string(owner.user), std::to_string(owner.group),
               std::to_string(owner.since_ns)};
  spec.mounts.push_back({supervisor.native(), std::string(kMountedProgram), true});
  for (const std::string& directory : foreign) {
    const std::string inside = "/give-back/" + std::to_string(spec.mounts.size());
    spec.mounts.push_back({directory, inside, false});
    spec.args.push_back(inside);
  }
  const ProcessSpec process = engine.run_as_root(spec);
  Result<int> registered = processes.on_death(engine.remove(name));
  if (!registered) return std::move(registered.error()).in("give files of a container back");
  Result<Said> said = ask(process, processes, std::move(stop), kManyFiles);
  bool is_gone = said && said->end.exit.code == 0;
  if (!is_gone) {
    const Result<Said> removed = ask(engine.remove(name), processes, {});
    is_gone = removed && !removed->end.stopped && !removed->end.timed_out;
  }
  if (is_gone) processes.take_back(*registered);
  if (!said) return std::move(said.error()).in("give files of a container back");
  if (said->end.timed_out)
    return Error{"give files of a container back to their owner: it takes too long",
                 std::make_error_code(std::errc::timed_out)};
  if (said->end.exit.code != 0 && !said->end.stopped)
    return Error{fmt::format("give files of a container back to their owner: {}", last_line(said->text)), {}};
  return {};
}

}  // namespace buildspec_run
