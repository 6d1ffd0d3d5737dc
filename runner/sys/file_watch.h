// Waiting for files to change.
#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/sys/descriptor.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// Wakes when something may have changed directly in one of some directories. By inotify on Linux; where that cannot watch all
/// of them (its limits), and elsewhere, it wakes about twice a second.
class FileWatch {
 public:
  explicit FileWatch(const std::vector<Path>& directories);
  /// Waits until something has happened, and then until nothing has for `quiet`. False: `stop` came first.
  [[nodiscard]] bool wait(std::chrono::milliseconds quiet, const std::stop_token& stop) const;

 private:
  Descriptor events_;  // invalid: it polls
};

/// What files are now, by their path: enough to tell that one has changed.
using FileMarks = std::map<std::string, std::string>;
/// Those of `paths`, relative to `root`, that are files or links.
[[nodiscard]] FileMarks mark_files(const Path& root, const std::vector<std::string>& paths);
/// The paths that have other marks, or are in one of them alone, in order.
[[nodiscard]] std::vector<std::string> changed_files(const FileMarks& before, const FileMarks& after);

}  // namespace buildspec_run
