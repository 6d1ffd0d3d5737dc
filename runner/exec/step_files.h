// The files of a job on disk: where it works, what its steps write for it to read. Source: actions.md 3.19, 5.1.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actions/environment_file.h"
#include "actions/expr/datum.h"
#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// RUNNER_TEMP and what lies below it, empty, with mode 0700.
Result<void> make_job_directories(const Path& temp);

/// Files that a step has left and the next ones become: see take_over_file.
class SpareFiles {
 public:
  void give(Path path) { paths_.push_back(std::move(path)); }
  /// Whether there is an empty file `to` now.
  [[nodiscard]] bool take(const Path& to);

 private:
  std::vector<Path> paths_;
};

/// Writes the event's payload anew where the step before has changed it.
Result<void> write_event_file(const Path& temp, std::string_view json);

/// Writes a script to a file of its own; returns its path.
Result<Path> write_step_script(const Path& temp, std::string_view extension, std::string_view contents,
                               SpareFiles& spare);

/// GITHUB_ENV, GITHUB_PATH … of one process: made empty, read when it has ended.
class FileCommands {
 public:
  static Result<FileCommands> make(const Path& temp, SpareFiles& spare);
  /// When they have been read.
  void give_to(SpareFiles& spare) const;
  /// Puts their paths into `github`.
  void add_to(DatumObject& github) const;
  /// The whole file. One that is gone is empty; one that is no file (a step can put anything in its place), or
  /// larger than kLargest, is an Error.
  [[nodiscard]] Result<std::string> read(EnvironmentFile file) const;
  [[nodiscard]] std::uint64_t size(EnvironmentFile file) const;

  static constexpr std::uint64_t kLargest = std::uint64_t{64} << 20;

 private:
  std::array<Path, std::size(kEnvironmentFiles)> paths_;
};

}  // namespace buildspec_run
