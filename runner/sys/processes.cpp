#include "runner/sys/processes.h"

#include <charconv>
#include <string_view>

#include "runner/sys/files.h"

namespace buildspec_run {

std::vector<int> processes_with(const std::string& variable) {
  std::vector<int> found;
  std::error_code failed;
  std::filesystem::directory_iterator entry("/proc", failed);
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename().native();
    int pid = 0;
    if (const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
        wrong != std::errc() || end != name.data() + name.size())
      continue;
    const Result<std::string> environment = read_file(entry->path() / "environ", 16 << 20);
    if (!environment) continue;  // another's, or gone
    for (std::size_t at = environment->find(variable); at != std::string::npos;
         at = environment->find(variable, at + 1)) {
      const std::size_t end = at + variable.size();
      if ((at != 0 && (*environment)[at - 1] != '\0') ||
          (end < environment->size() && (*environment)[end] != '\0'))
        continue;
      found.push_back(pid);
      break;
    }
  }
  return found;
}

}  // namespace buildspec_run
