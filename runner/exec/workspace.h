// Where a build works: in the source directory itself, or in a copy of it.
//
// A copy lies in <directory>/<run id>-<attempt>/<name of the source's root>, for the directory that the request names:
// below the state directory, so that blocks can be shared with a source on the same file system. Its directory is locked
// (flock) while the run is alive; the next run that makes one removes those that nobody has locked and nobody keeps.
#pragma once

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

  Workspace(Workspace&& other) noexcept;
  Workspace& operator=(Workspace&&) = delete;
  /// Removes a copy, unless it is kept.
  ~Workspace();

  /// The directory that the build is to work in: absolute.
  [[nodiscard]] const std::string& source_dir() const noexcept { return source_dir_; }
  [[nodiscard]] bool is_copy() const noexcept { return !directory_.empty(); }
  [[nodiscard]] const CopiedTree& copied() const noexcept { return copied_; }
  /// The copy stays behind. What cannot be marked so is removed by a later run.
  Result<void> keep();

 private:
  Workspace(Path directory, int lock) : directory_(std::move(directory)), lock_(lock) {}

  Path directory_;  // of the copy; empty: there is none, or moved from
  int lock_ = -1;
  bool kept_ = false;
  std::string source_dir_;
  CopiedTree copied_;
};

}  // namespace buildspec_run
