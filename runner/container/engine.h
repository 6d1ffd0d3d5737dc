// A container engine behind its own command line: docker, podman, or another that speaks it. Says what to start and what
// a result means; starts nothing itself. Source: actions.md section 8.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/result.h"
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
  std::map<std::string, std::string> env;  // goes by the client's environment, never on its command line
  std::vector<Mount> mounts;
  std::string workdir;
  std::string network;  // empty: the engine's default
};

struct EngineOptions {
  std::string program;  // of --container-engine; empty: docker, then podman on the path
  std::map<std::string, std::string>
      environment;             // of the host: PATH, HOME, DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, proxies
  bool docker_socket = false;  // --docker-socket: mount the engine's socket into action containers
  std::string label;           // of everything this run makes: `--label`
};

class ContainerEngine {
 public:
  /// Finds the program. An Error says what was looked for and where, and how to get one.
  static Result<ContainerEngine> find(const EngineOptions& options);

  [[nodiscard]] const std::string& program() const noexcept { return program_; }
  [[nodiscard]] ProcessSpec pull(std::string_view image) const;
  [[nodiscard]] ProcessSpec build(std::string_view tag, const std::string& dockerfile,
                                  const std::string& context, const std::string& cwd) const;
  /// The exact line of actions.md 8.3, but that the socket is mounted only when asked for.
  [[nodiscard]] ProcessSpec run(const ContainerSpec& spec) const;
  /// Removes a container that may be left, by force.
  [[nodiscard]] ProcessSpec remove(std::string_view name) const;
  /// Gives what `directory` holds and does not belong to `user:group` (numbers) to them, by a container of `image`.
  [[nodiscard]] ProcessSpec give_back(std::string_view image, const std::string& directory, unsigned user,
                                      unsigned group) const;

 private:
  ContainerEngine() = default;
  std::string program_;
  EngineOptions options_;
};

/// A container's name that nothing else has (actions.md 8.3).
[[nodiscard]] std::string container_name(std::string_view image, std::string_view six_hex);

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

}  // namespace buildspec_run
