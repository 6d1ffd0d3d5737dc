// A container engine behind its own command line: docker, podman, or another that speaks it. Says what to start and what
// a result means; starts nothing itself (container_run.h and image.h do, through a ProcessRunner). Source: actions.md
// section 8.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/digest.h"
#include "runner/sys/process.h"

namespace buildspec_run {

struct Mount {
  std::string host, container;
  bool read_only = false;
};

/// One container, run to its end and removed.
struct ContainerSpec {
  std::string image;
  std::string name;
  std::vector<std::string> args;
  std::string entrypoint;                  // empty: the image's
  std::map<std::string, std::string> env;  // never on the client's command line; one with no name is left out
  std::vector<Mount> mounts;
  std::string workdir;
  std::string network;        // empty: that of --container-network, else the engine's default
  std::string cwd;            // of the client: the workspace
  std::string terminal = {};  // path: the container is interactive, on that terminal (ProcessSpec::terminal)
};

struct EngineOptions {
  std::string program;  // of --container-engine; empty: docker, then podman on the path
  std::map<std::string, std::string>
      environment;             // of the host: PATH, HOME, DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, proxies
  bool docker_socket = false;  // --docker-socket: mount the engine's socket into action containers
  std::string network;         // of --container-network; empty: the engine's default
  std::string label;  // `--label` of every container; empty: six hex digits, the same for a user's every run
};

/// How a container is started. The client needs its own HOME, PATH, DOCKER_HOST and the like; what a container is to have
/// by one of these names goes by a file, that of `--env-file`, everything else by the client's environment.
struct ContainerStart {
  ProcessSpec process;
  std::string env_file;  // the file's text; empty: there is no such option, and no file is needed
};

class ContainerEngine {
 public:
  /// Finds the program. An Error says what was looked for and where, and how to get one. Whether the engine answers, the
  /// first call tells.
  static Result<ContainerEngine> find(const EngineOptions& options);

  /// Absolute path of the client.
  [[nodiscard]] const std::string& program() const noexcept { return program_; }
  [[nodiscard]] const std::string& label() const noexcept { return options_.label; }

  /// Fails, and says why, when the engine does not answer.
  [[nodiscard]] ProcessSpec version() const;
  /// Prints where the engine listens, as its client sees it ("unix:///var/run/docker.sock"). nullopt: nobody has to be asked.
  [[nodiscard]] std::optional<ProcessSpec> ask_endpoint() const;
  /// What it printed. With --docker-socket, that is what `run` mounts when it is a socket of this machine.
  void set_endpoint(std::string_view endpoint);
  /// The socket that `run` mounts. Empty: none was asked for, or the engine has none on this machine.
  [[nodiscard]] const std::string& mounted_socket() const noexcept { return socket_; }
  /// Prints an image's id. Fails when there is no such image on this machine.
  [[nodiscard]] ProcessSpec find_image(std::string_view image) const;
  [[nodiscard]] ProcessSpec pull(std::string_view image, const std::string& cwd) const;
  [[nodiscard]] ProcessSpec build(std::string_view tag, const std::string& dockerfile,
                                  const std::string& context, const std::string& cwd) const;
  /// The exact line of actions.md 8.3, but that the socket is mounted only when asked for. Two things differ where GitHub's
  /// line could not work: an `--env-file` after `--rm` (ContainerStart), and `--mount` for a path that holds a colon.
  [[nodiscard]] ContainerStart run(const ContainerSpec& spec, const std::string& env_file_path) const;
  /// The same without a network or the engine's socket, as user 0 of the container: for a program of ours in it.
  [[nodiscard]] ProcessSpec run_as_root(const ContainerSpec& spec) const;
  /// Removes a container by force, with the volumes nobody has named. One that is not there is no failure.
  [[nodiscard]] ProcessSpec remove(std::string_view name) const;
  [[nodiscard]] ProcessSpec remove_image(std::string_view image) const;

  /// What `##[command]` shows of a process of this engine: quoted as GitHub's runner writes it. Masking is the caller's.
  [[nodiscard]] static std::string shown(const ProcessSpec& process);

 private:
  ContainerEngine() = default;
  [[nodiscard]] ProcessSpec client(std::vector<std::string> args, const std::string& cwd) const;
  std::string program_;
  std::string socket_;
  EngineOptions options_;
  bool is_podman_ = false;
};

/// A container's name that nothing else has (actions.md 8.3): the image's letters, digits and underscores, then the six.
[[nodiscard]] std::string container_name(std::string_view image, std::string_view six_hex);

/// The tag of a built image: `label:` and 32 hex digits, the same for the same `key`, so that the engine's cache serves the
/// next run and the images of old runs do not pile up. `key`: what says which action it is, such as "owner/repo/path@commit",
/// or a local Dockerfile's absolute path.
[[nodiscard]] std::string image_tag(std::string_view label, std::string_view key, Sha256& sha256);

/// Host and container paths of one container, translated by whole leading segments (actions.md 8.6).
class PathMap {
 public:
  /// Later ones are tested first.
  void add(std::string host, std::string container) {
    pairs_.emplace_back(std::move(host), std::move(container));
  }
  [[nodiscard]] std::string to_container(std::string_view value) const;
  [[nodiscard]] std::string to_host(std::string_view value) const;
  [[nodiscard]] bool empty() const noexcept { return pairs_.empty(); }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// Where an action's container finds the directories of a job, and the names of those below `temp` (actions.md 8.3, 8.6).
/// They must be there when it starts.
struct ActionDirectories {
  std::vector<Mount> mounts;
  PathMap paths;
};
[[nodiscard]] ActionDirectories action_directories(const std::string& temp, const std::string& workspace);
inline constexpr std::string_view kContainerWorkspace = "/github/workspace";

}  // namespace buildspec_run
