// Runs a program for a test and takes what it says.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace buildspec_run::test {

struct Ran {
  int exit = -1;    // exit code; 128 + signal for a signal; 127 when it could not be started
  std::string out;  // what it wrote to stdout
  std::string err;  // and to stderr
  bool timed_out = false;
};

/// Runs `argv` (argv[0] is looked up in our PATH) with exactly the environment `env`, nothing on stdin, in
/// `cwd` (empty: ours), and kills it and its process group after `limit`.
inline Ran run_program(const std::vector<std::string>& argv,
                       const std::map<std::string, std::string>& env = {},
                       const std::filesystem::path& cwd = {},
                       std::chrono::milliseconds limit = std::chrono::seconds(60)) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : env) pairs.push_back(name + "=" + value);
  std::vector<char*> arguments, environment;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& pair : pairs) environment.push_back(const_cast<char*>(pair.c_str()));
  arguments.push_back(nullptr);
  environment.push_back(nullptr);

  Ran ran;
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return ran;
  if (::pipe2(err, O_CLOEXEC) != 0) return ran;
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    if (!cwd.empty() && ::chdir(cwd.c_str()) != 0) ::_exit(127);
    ::execvpe(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  if (child < 0) return ran;

  const auto deadline = std::chrono::steady_clock::now() + limit;
  pollfd ends[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      ran.timed_out = true;
      ::kill(-child, SIGKILL);
      break;
    }
    if (::poll(ends, 2, static_cast<int>(left.count())) < 0 && errno != EINTR) break;
    for (int i = 0; i < 2; ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t got = ::read(ends[i].fd, buffer, sizeof buffer);
      if (got > 0)
        (i == 0 ? ran.out : ran.err).append(buffer, static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR)
        ends[i].fd = -1;
    }
  }
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace buildspec_run::test
