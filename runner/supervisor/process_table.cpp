#include "runner/supervisor/process_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

namespace buildspec_run {

std::optional<ProcessEntry> parse_process_stat(std::string_view stat) {
  // pid (name) state ppid pgrp session tty tpgid flags …; starttime is field 22.
  ProcessEntry entry;
  if (std::from_chars(stat.data(), stat.data() + stat.size(), entry.pid).ec != std::errc{})
    return std::nullopt;
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == stat.npos) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  for (int field = 3; field <= 22; ++field) {
    const std::string_view word = stat.substr(0, stat.find(' '));
    if (word.empty()) return std::nullopt;
    std::from_chars_result read{word.data(), {}};
    switch (field) {
      case 3:
        entry.alive = word != "Z" && word != "X";
        break;
      case 4:
        read = std::from_chars(word.data(), word.data() + word.size(), entry.parent);
        break;
      case 5:
        read = std::from_chars(word.data(), word.data() + word.size(), entry.group);
        break;
      case 6:
        read = std::from_chars(word.data(), word.data() + word.size(), entry.session);
        break;
      case 22:
        read = std::from_chars(word.data(), word.data() + word.size(), entry.started);
        break;
      default:
        break;
    }
    if (read.ec != std::errc{}) return std::nullopt;
    stat.remove_prefix(word.size() == stat.size() ? stat.size() : word.size() + 1);
  }
  return entry;
}

namespace {

/// A file of /proc, which has no size before it is read. Empty when it cannot be read.
std::string read_of_process(pid_t pid, const char* file) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/%s", static_cast<int>(pid), file);
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  std::string text;
  char bytes[16 << 10];
  for (ssize_t size = 0; (size = read(descriptor, bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(size));
  close(descriptor);
  return text;
}

}  // namespace

bool has_variable(pid_t pid, std::string_view variable) {
  // Each entry ends in a NUL byte; a process may have written over its own, so the last need not.
  const std::string environment = '\0' + read_of_process(pid, "environ") + '\0';
  return environment.find('\0' + std::string(variable) + '\0') != std::string::npos;
}

std::string name_of(pid_t pid) {
  std::string name = read_of_process(pid, "comm");
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

std::vector<ProcessEntry> read_process_table() {
  std::vector<ProcessEntry> table;
  DIR* processes = opendir("/proc");
  if (processes == nullptr) return table;
  while (const dirent* entry = readdir(processes)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    char name[32];
    std::snprintf(name, sizeof name, "%.15s/stat", entry->d_name);
    const int file = openat(dirfd(processes), name, O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;  // it has ended meanwhile
    char text[1024];
    const ssize_t size = read(file, text, sizeof text);
    close(file);
    if (size <= 0) continue;
    if (const auto process = parse_process_stat({text, static_cast<std::size_t>(size)}))
      table.push_back(*process);
  }
  closedir(processes);
  return table;
}

}  // namespace buildspec_run
