// Which processes there are, and who descends from whom.
//
// Linux: read from /proc, every process one line; /proc/<pid>/task/<tid>/children would be quicker, but not
// every kernel has it. Elsewhere there is no such table: what a process started is then known by the process
// groups it was told of, which is best effort (a process that leaves its group is lost sight of).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

struct ProcessEntry {
  pid_t pid = 0;  // negative where there is no table: a whole group
  pid_t parent = 0, group = 0, session = 0;
  std::uint64_t started = 0;  // clock ticks since boot
  bool alive = true;          // false: a zombie
};

/// Reads /proc/<pid>/stat. Source: proc(5); the name in parentheses may hold anything, parentheses too.
[[nodiscard]] std::optional<ProcessEntry> parse_process_stat(std::string_view stat);

/// All processes that can be seen; empty where there is no table.
[[nodiscard]] std::vector<ProcessEntry> read_process_table();

/// Whether the process was started with `variable`, NAME=VALUE, in its environment. False where that cannot be read:
/// another user's process, one that has gone, no /proc.
[[nodiscard]] bool has_variable(pid_t pid, std::string_view variable);

/// The process's name, as `ps` shows it. Empty when it has gone.
[[nodiscard]] std::string name_of(pid_t pid);

/// Those of `table` for whom `is_root` holds, and all that descend from one of them.
template <class IsRoot>
[[nodiscard]] std::vector<ProcessEntry> closure(std::vector<ProcessEntry> table, IsRoot is_root) {
  std::vector<ProcessEntry> found;
  std::vector<ProcessEntry> rest;
  for (const ProcessEntry& entry : table) (is_root(entry) ? found : rest).push_back(entry);
  for (std::size_t next = 0; next < found.size(); ++next) {
    std::vector<ProcessEntry> others;
    for (const ProcessEntry& entry : rest)
      (entry.parent == found[next].pid ? found : others).push_back(entry);
    rest.swap(others);
  }
  return found;
}

}  // namespace buildspec_run
