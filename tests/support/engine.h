// The container engine that tests/support/engine.sh has started, or found.
#pragma once

#include <stdlib.h>

#include <map>
#include <string>

#include "tests/support/run_program.h"

namespace buildspec_run::test {

inline std::string engine_variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// The base image: busybox. Empty: there is no engine, and what needs one is skipped.
inline std::string engine_image() { return engine_variable("BUILDSPEC_RUN_TEST_IMAGE"); }
/// host:port of a registry that holds busybox:1; empty: none.
inline std::string engine_registry() { return engine_variable("BUILDSPEC_RUN_TEST_REGISTRY"); }

/// The client: BUILDSPEC_RUN_TEST_ENGINE, such as podman, else docker.
inline std::string engine_program() {
  const std::string named = engine_variable("BUILDSPEC_RUN_TEST_ENGINE");
  return named.empty() ? "docker" : named;
}

/// What a client needs to reach the engine.
inline std::map<std::string, std::string> engine_environment(const std::string& home = "/nonexistent") {
  std::map<std::string, std::string> environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", home}};
  for (const char* name :
       {"DOCKER_HOST", "DOCKER_BUILDKIT", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINERS_CONF"})
    if (const std::string value = engine_variable(name); !value.empty()) environment[name] = value;
  return environment;
}

/// What the client says to `docker ARGS…`, without the last line ending.
inline std::string ask_docker(std::vector<std::string> args) {
  args.insert(args.begin(), engine_program());
  Ran ran = run_program(args, engine_environment());
  while (ran.out.ends_with('\n')) ran.out.pop_back();
  return ran.out;
}

/// Whether there is a container of this name, running or not.
inline bool has_container(const std::string& name) {
  return !ask_docker({"ps", "--all", "--quiet", "--filter", "name=^" + name + "$"}).empty();
}
inline bool is_running(const std::string& name) {
  return !ask_docker({"ps", "--quiet", "--filter", "name=^" + name + "$"}).empty();
}

}  // namespace buildspec_run::test
