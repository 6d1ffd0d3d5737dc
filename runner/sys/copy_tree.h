// Copying what a work tree holds: many files, on several threads, sharing their blocks where the file system can.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// A directory of a copy that has not got yet what the one it was made from has.
struct CopiedDirectory {
  Path path;
  struct stat like;
};

struct CopiedTree {
  std::size_t files = 0, links = 0, directories = 0;
  std::size_t moved_links = 0;        // of `links`: they got another target
  std::uint64_t bytes = 0;            // of the files
  bool shared_blocks = false;         // reflinks: at least one file takes no room of its own
  std::vector<std::string> left_out;  // neither file, link nor directory: sockets, pipes, devices
  std::vector<CopiedDirectory> unfinished;
};

/// Where a link has to lead when the tree `from` lies at `to`, so that nobody gets from the copy into `from` by it. Both are
/// absolute, and `from` is there. A target inside of `from`, whichever way it goes there (absolute, by `..` out of the tree and
/// back by its name, by links outside of it), becomes the same place inside of `to`, there or not; one that leaves `from` by
/// `..` for what is there leads where it led, absolute then. Every other stays as it is.
class MovedLinks {
 public:
  MovedLinks(const Path& from, Path to);
  /// The target for the copy of the link in `directory` (below `from`, physical) with `target`.
  [[nodiscard]] std::string target_for(const Path& directory, const std::string& target) const;
  /// `from` without links on the way.
  [[nodiscard]] const Path& from() const noexcept { return from_; }

 private:
  Path from_, to_;
};

/// Copies `paths` (relative to `from`, separated by '/') below `to`, an empty directory of ours: files with their
/// permission bits and times, their holes, and as one file under several names what is one; links with their times, and with
/// the targets that `links` says, when it is given; directories empty (what is in them is named, too). Owners, access control
/// lists and other attributes are those of a new file, and bits set-user-id and set-group-id stay with another owner's file.
/// Directories, `to` among them, can be written into by us alone until finish_directories. What is no longer there is left
/// out, and so is what lies behind a link: nothing is read outside of `from`. A path with a part ".", ".." or none is an
/// Error, and so is the first thing that cannot be read or written; ECANCELED when `stop` came. What was copied then stays.
Result<CopiedTree> copy_tree(const Path& from, const Path& to, std::vector<std::string> paths,
                             std::stop_token stop, const MovedLinks* links = nullptr);

/// Gives the directories of a copy, when nothing is to be put into it any more, the permission bits and times of those that
/// they were made from.
Result<void> finish_directories(CopiedTree& copied);

/// All that lies below `directory`, for copy_tree: files, links, directories and the rest, but for what has one of the
/// names `except`, at any depth; `around` gets the directories that hold such ("": `directory` itself). Does not follow links.
Result<std::vector<std::string>> list_tree(const Path& directory, const std::vector<std::string>& except,
                                           std::vector<std::string>* around = nullptr);

}  // namespace buildspec_run
