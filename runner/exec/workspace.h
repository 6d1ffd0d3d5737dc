// Where a build works: in the source directory itself, or in a copy of it.
//
// A copy lies in <directory>/<run id>-<attempt>/<name of the source's root>, for the directory that the request names:
// below the state directory, so that blocks can be shared with a source on the same file system. Its directory is locked
// (flock) while the run is alive; the next run that makes one removes those that nobody has locked and nobody keeps.
//
// A copy whose run was killed or has failed can be gone on in: the file `resumable` in its directory names the directory of the
// kept run. Of these the newest few stay, as long as that directory is there.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>

#include "runner/base/result.h"
#include "runner/exec/request.h"
#include "runner/sys/copy_tree.h"

namespace buildspec_run {

class Workspace {
 public:
  /// The source directory as it is.
  explicit Workspace(std::string source_dir) : source_dir_(std::move(source_dir)) {}
  /// A copy as `request.workspace` wants it, of the repository around the source directory, or of that alone where there
  /// is none. An Error names what could not be copied; nothing is left then.
  static Result<Workspace> copy(const Request& request, int attempt, const std::string& modules,
                                std::stop_token stop);

  /// Removes the copies in `around` that no run works in or will: what nobody keeps and nobody can go on in, because its run is
  /// not kept any more or newer ones wait. How many; what cannot be removed stays.
  static std::size_t sweep(const Path& around);

  /// The copy of an earlier run; `source_dir` is in it. An Error when it is not there any more, or another run has it.
  static Result<Workspace> reopen(const Path& directory, const std::string& source_dir);

  Workspace(Workspace&& other) noexcept;
  Workspace& operator=(Workspace&&) = delete;
  /// Removes a copy, unless it is kept or can be gone on in.
  ~Workspace();

  /// The directory that the build is to work in: absolute.
  [[nodiscard]] const std::string& source_dir() const noexcept { return source_dir_; }
  [[nodiscard]] bool is_copy() const noexcept { return !directory_.empty(); }
  [[nodiscard]] bool is_reopened() const noexcept { return reopened_; }
  /// That of the copy, around the tree; empty: there is none.
  [[nodiscard]] const Path& directory() const noexcept { return directory_; }
  [[nodiscard]] const CopiedTree& copied() const noexcept { return copied_; }
  /// The copy stays behind. What cannot be marked so is removed by a later run.
  Result<void> keep();
  /// Names the directory of the kept run that can be gone on with in this copy: from then on the copy stays, unless it is
  /// released, also after a kill. Without it, what a kill leaves is removed by the next run.
  Result<void> mark_resumable(const Path& run);
  /// Nobody will go on here.
  void release() noexcept { resumable_ = false; }

 private:
  Workspace(Path directory, int lock) : directory_(std::move(directory)), lock_(lock) {}

  Path directory_;  // of the copy; empty: there is none, or moved from
  int lock_ = -1;
  bool kept_ = false;
  bool resumable_ = false;  // is marked so, and not released
  bool reopened_ = false;
  std::string source_dir_;
  CopiedTree copied_;
};

}  // namespace buildspec_run
