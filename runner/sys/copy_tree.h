// Copying what a work tree holds: many files, on several threads, sharing their blocks where the file system can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

struct CopiedTree {
  std::size_t files = 0, links = 0, directories = 0;
  std::uint64_t bytes = 0;            // of the files
  bool shared_blocks = false;         // reflinks: at least one file takes no room of its own
  std::vector<std::string> left_out;  // neither file, link nor directory: sockets, pipes, devices
};

/// Copies `paths` (relative to `from`, separated by '/') below `to`, an empty directory of ours: files with their
/// permission bits and times, links as they are, directories empty (what is in them is named, too). Directories on
/// the way get the mode of those below `from`, and always rwx for us. What is no longer there is left out, and so is what
/// lies behind a link: nothing is read outside of `from`. A path with a part ".", ".." or none is an Error, and so is the
/// first thing that cannot be read or written; ECANCELED when `stop` came. What was copied then stays.
Result<CopiedTree> copy_tree(const Path& from, const Path& to, std::vector<std::string> paths,
                             std::stop_token stop);

/// All that lies below `directory`, for copy_tree: files, links, directories and the rest, but for what has one of the
/// names `except` directly in `directory`. Does not follow links.
Result<std::vector<std::string>> list_tree(const Path& directory, const std::vector<std::string>& except);

}  // namespace buildspec_run
