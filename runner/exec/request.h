// What to run, complete, and what comes of it.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actions/store/action_store.h"

namespace buildspec_run {

class SourceText;
class StateLog;      // store/state_log.h
struct KeptRequest;  // the same
struct Resumption;   // exec/resumption.h

/// The verdict, and the exit code of the program that goes with it.
enum class Outcome {
  succeeded = 0,
  failed = 1,         // the build failed: a command, a time-out
  invalid = 2,        // the buildspec is wrong: nothing has run
  machine_error = 3,  // the machine could not
  interrupted = 130,  // SIGINT
  terminated = 143,   // SIGTERM
};

/// What only steps ask for. Source: actions.md 6.
struct StepOptions {
  std::string event_json;                   // `--event`: the payload's text; empty: {}
  std::string event_name;                   // empty: what the payload says, else "push"
  std::string actor;                        // empty: the initiator
  std::map<std::string, std::string> vars;  // the `vars` context
  std::string node;                         // absolute path for JavaScript actions; empty: that of PATH
  bool debug = false;                       // ACTIONS_STEP_DEBUG
  std::string server_url = "https://github.com";
  std::string tool_cache;         // RUNNER_TOOL_CACHE; empty: below the build's own directory
  std::string container_engine;   // program; empty: docker or podman of PATH
  std::string container_network;  // empty: the engine's default
  bool docker_socket = false;     // the engine's socket is mounted into action containers
  bool services = true;           // actions find GitHub's services for caches and artifacts, on loopback
  std::string artifacts;          // absolute: where what they upload is kept; empty: gone with the build
  std::string caches;             // absolute: the directory of all caches; empty: gone with the build
  /// Variables of the whole host that the engine's client needs: DOCKER_HOST, DOCKER_CONFIG, proxies …
  std::map<std::string, std::string> engine_environment;
};

/// Where the build works.
struct WorkspaceOptions {
  bool copy = false;             // in a copy of the source; else in the source directory
  bool include_ignored = false;  // the copy has what git ignores as well
  bool keep = false;             // the copy stays behind
  std::string directory;         // absolute: where copies are made
};

/// A secondary source: a directory, or a repository that is cloned for each build.
struct SecondarySource {
  std::string directory;  // absolute; of a repository: known when it has been cloned
  std::string url;        // what git takes for one; empty: a directory
  std::string version;    // branch, tag or commit of it; empty: its default branch
  std::string commit;     // of a clone
};

/// A build to run. Complete: nothing else is looked up in the environment of the process.
struct Request {
  std::string run_id;
  std::string source_dir;      // absolute; commands start here
  std::string buildspec_name;  // as messages call it
  const SourceText* buildspec = nullptr;
  std::string project = "local";  // CODEBUILD_PROJECT…, part of the build id
  std::string sh = "sh";          // what "sh" and "/bin/sh" mean
  std::string initiator;          // CODEBUILD_INITIATOR

  /// Variables of the host that pass to the build, below all that the buildspec sets.
  std::map<std::string, std::string> host_environment;
  std::map<std::string, std::string> project_variables;
  std::map<std::string, std::string> override_variables;
  /// Secrets by name: of the environment (`--secret`) …
  std::map<std::string, std::string> secret_variables;
  /// … and what parameter-store and secrets-manager references resolve to, offline (`--secrets-file`).
  std::map<std::string, std::string> secret_lookup;

  std::chrono::milliseconds build_timeout{std::chrono::hours(1)};
  std::optional<std::chrono::milliseconds> phase_timeout, command_timeout;
  std::chrono::milliseconds sigint_grace{7500}, sigterm_grace{2500};
  bool continue_succeeds = false;  // on-failure: CONTINUE does not fail the build (buildspec.md 3.3)
  bool strict_parity = false;      // what GitHub's steps have and CodeBuild's have not is refused
  std::string temporary_directory = "/tmp";
  WorkspaceOptions workspace;
  /// Secondary sources by identifier (buildspec.md 4.4).
  std::map<std::string, SecondarySource> secondary_sources;
  bool debug_session = false;  // codebuild-breakpoint stops the build (buildspec.md 3.11)
  bool clean_home = false;     // HOME is an empty directory of the build
  std::string log_file;        // shown in the header; empty: not kept
  /// Where the states behind each command are kept, and how the run was asked for, which goes before them; nullptr: they
  /// are not.
  StateLog* states = nullptr;
  const KeptRequest* asked = nullptr;
  /// The build goes on with one that another process has begun; nullptr: it begins.
  const Resumption* resumption = nullptr;
  StepOptions steps;
  ActionStoreOptions actions;  // where the actions of steps come from; `modules` is the Machine's
};

/// What a finished build leaves.
struct Finished {
  Outcome outcome = Outcome::succeeded;
  std::vector<std::pair<std::string, std::string>> exported;  // names of env.exported-variables that were set
};

}  // namespace buildspec_run
