// What a test has left running. Whoever loses its parent becomes the test's child (PR_SET_CHILD_SUBREAPER), so nothing can
// leave unseen.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "runner/supervisor/process_table.h"
#include "tests/support/run_program.h"
#include "tests/support/running_program.h"

namespace buildspec_run::test {

/// Everything alive that descends from us.
inline std::vector<ProcessEntry> living_descendants() {
  const pid_t self = ::getpid();
  std::vector<ProcessEntry> found =
      closure(read_process_table(), [&](const ProcessEntry& entry) { return entry.parent == self; });
  std::erase_if(found, [](const ProcessEntry& entry) { return !entry.alive; });
  return found;
}

inline std::string command_of(pid_t pid) {
  std::string line = contents(fmt::format("/proc/{}/cmdline", pid));
  std::replace(line.begin(), line.end(), '\0', ' ');
  return fmt::format("{}: {}", pid, line);
}

/// Fails the test for each, and ends it. What is killed needs an instant to be gone.
inline void expect_no_descendants(std::chrono::seconds patience) {
  std::vector<ProcessEntry> left;
  eventually(
      [&] {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        left = living_descendants();
        return left.empty();
      },
      patience);
  for (const ProcessEntry& entry : left) {
    ADD_FAILURE() << "left running: " << command_of(entry.pid);
    ::kill(entry.pid, SIGKILL);
  }
}

}  // namespace buildspec_run::test
