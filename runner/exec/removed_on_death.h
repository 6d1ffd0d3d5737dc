// Cleaning up behind a process that was killed.
#pragma once

#include <optional>

#include "runner/sys/files.h"
#include "runner/sys/process.h"

namespace buildspec_run {

/// Has the directory of the run, which holds secrets, removed if this program is killed. Where that cannot be, the next run
/// removes it. By then another process may have gone on with the build, and made the directory again: what is in it goes only
/// while it is that of this run, which is looked up, and removed, inside of it. It is known by a file with a name of its own.
class RemovedOnDeath {
 public:
  RemovedOnDeath(ProcessRunner& processes, const Path& directory);
  ~RemovedOnDeath();
  RemovedOnDeath(const RemovedOnDeath&) = delete;
  RemovedOnDeath& operator=(const RemovedOnDeath&) = delete;

 private:
  ProcessRunner& processes_;
  std::optional<int> number_;
};

}  // namespace buildspec_run
