// Containers of actions: run to their end, removed however that comes, and what they made given to the caller. Source:
// actions.md 8.3, 8.7, 10.2.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/container/engine.h"

namespace buildspec_run {

/// Asks whether the engine answers, and where it listens. An Error says what its client said. Before the first image or
/// container of a run.
Result<void> reach_engine(ContainerEngine& engine, ProcessRunner& processes, std::stop_token stop);

/// When and how a container is stopped; see ProcessSpec.
struct ContainerLimits {
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::chrono::milliseconds sigint_grace{7500}, sigterm_grace{2500};
};

/// The file that run_container hands variables over by, there or not: for ContainerEngine::run, to show its line.
[[nodiscard]] std::string env_file_of(const ContainerSpec& spec, const Path& directory);

/// Runs a container to its end. A stop, or the deadline, signals the client, which hands SIGINT and SIGTERM on to the
/// container; what does not heed them is removed by force, also when this program is killed meanwhile. `directory` is the
/// run's own: variables that the client's environment cannot take are in a file there (mode 0600) until the container has
/// ended. The end is the client's, whose exit code is the container's; 125 to 127: it could not be started, and the client's
/// output says why.
Result<ProcessEnd> run_container(const ContainerEngine& engine, const ContainerSpec& spec,
                                 const Path& directory, ProcessRunner& processes,
                                 const ProcessRunner::OnOutput& on_output, std::stop_token stop,
                                 const ContainerLimits& limits = {});

/// Whose files are to be given back after a container has run.
struct GiveBack {
  std::vector<std::string> directories;  // absolute; what is mounted below them is left alone
  unsigned user = 0, group = 0;          // the caller
  /// What has not been changed since (by its inode's change time) keeps its owner: it was another's before.
  std::chrono::system_clock::time_point since;
};

/// Gives what a container left behind that belongs to somebody else, mostly to root, to the caller, so that a later command
/// can change or remove it. GitHub's runner does not. Nothing to do for root, nor where engine and caller share their users
/// (rootless). When there is something, it takes one more container of `image`, whatever that holds, because the program is
/// mounted into it: `supervisor`, which is static. An Error says what was left as it is.
Result<void> give_back(const ContainerEngine& engine, std::string_view image, std::string_view name,
                       const GiveBack& what, const Path& supervisor, ProcessRunner& processes,
                       std::stop_token stop);

}  // namespace buildspec_run
