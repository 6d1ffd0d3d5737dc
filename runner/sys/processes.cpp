#include "runner/sys/processes.h"

#include "runner/supervisor/process_table.h"

namespace buildspec_run {

std::vector<int> processes_with(const std::string& variable) {
  std::vector<int> found;
  for (const ProcessEntry& entry : read_process_table())
    if (entry.alive && has_variable(entry.pid, variable)) found.push_back(entry.pid);
  return found;
}

}  // namespace buildspec_run
