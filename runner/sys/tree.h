// A tree of files that others made: written below a directory that no entry leaves, and summed up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/digest.h"
#include "runner/sys/files.h"

namespace buildspec_run {

struct TreeLimits {
  std::uint64_t bytes = std::uint64_t{4} << 30;  // of all files together
  std::size_t entries = 500'000;                 // files, links and directories
};

struct TreeSummary {
  /// "sha256:<hex>": SHA-256 over one record for each file and link, sorted by the bytes of their paths:
  /// "<mode> <hex SHA-256 of its content or target>\t<path>" and a NUL, with git's modes 100644, 100755 and 120000.
  /// Directories do not count, as git does not keep them; nor do owners, times and other permission bits.
  std::string digest;
  std::size_t files = 0;    // and links
  std::uint64_t bytes = 0;  // of all files
};

/// Writes a tree below `root`, an empty directory of ours. Paths are relative, separated by '/'; missing directories are
/// made. An Error names the entry, when: a path is empty, absolute, longer than 4096 bytes or deeper than 200, has a part
/// ".", ".." or a NUL; something else has its name already (a directory may come twice); a link's target is absolute or
/// leads out of the tree; a limit is exceeded; the disk is full. No link is ever followed. Files get mode 0644 or 0755,
/// directories 0755. After an Error the writer is of no more use.
class TreeWriter {
 public:
  virtual ~TreeWriter() = default;
  virtual Result<void> directory(std::string_view path) = 0;
  virtual Result<void> begin_file(std::string_view path, bool executable) = 0;
  virtual Result<void> write(std::string_view bytes) = 0;
  virtual Result<void> end_file() = 0;
  virtual Result<void> link(std::string_view path, std::string_view target) = 0;
  [[nodiscard]] virtual TreeSummary finish() = 0;
};
Result<std::unique_ptr<TreeWriter>> make_tree_writer(const Path& root, std::unique_ptr<Sha256> sha256,
                                                     const TreeLimits& limits = {});

/// The summary of a tree that is on disk. What is neither file, link nor directory is an Error.
Result<TreeSummary> sum_up_tree(const Path& root, Sha256& sha256);

}  // namespace buildspec_run
