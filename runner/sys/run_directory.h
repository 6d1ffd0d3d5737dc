// The directory of a run. It holds secrets, so it must not outlive the run, however that ends.
#pragma once

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// A new directory, removed when this is destroyed. What a run that was killed has left is removed by the
/// next `make` of the same user in the same place; a run that is alive is known by its lock (flock on the
/// directory itself, so there is no time without one) and left alone.
class RunDirectory {
 public:
  /// `<temporary>/buildspec-run-<uid>/run-XXXXXX`, mode 0700. The directory around it is ours alone (0711:
  /// who is let into a run may pass, not look), so that a sweep reads no more than our own runs, and goes
  /// with the last of them. Where something else has its name, `<temporary>/buildspec-run-XXXXXX`, which
  /// nobody sweeps.
  static Result<RunDirectory> make(const Path& temporary);

  /// The directory that an earlier run had at `path`, made again, empty: what a build keeps from command to command names
  /// it. An Error when that run is still alive, or something else has its place.
  static Result<RunDirectory> make_again(const Path& path);

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

  [[nodiscard]] const Path& path() const noexcept { return path_; }

 private:
  RunDirectory(Path path, Path around, int lock)
      : path_(std::move(path)), around_(std::move(around)), lock_(lock) {}

  Path path_;    // empty: moved from
  Path around_;  // empty: there is none of ours
  int lock_ = -1;
};

}  // namespace buildspec_run
