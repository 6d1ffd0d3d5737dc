// Files. What we write is whole or not there: a new file beside the old one, then a rename.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"

namespace buildspec_run {

using Path = std::filesystem::path;

/// The whole file; at most `limit_bytes`, more is an Error (EFBIG). "-" is not special. Works on pipes and devices.
Result<std::string> read_file(const Path& path, std::uint64_t limit_bytes = std::uint64_t{1} << 32);

/// Replaces `path` by a file with `text` and permission bits `mode` in one step: a reader sees the old or the new text,
/// never half. The directory must be there.
Result<void> replace_file(const Path& path, std::string_view text, mode_t mode = 0644);

/// Writes a new file (not yet there) with `mode`; no rename, for files nobody else looks at yet.
Result<void> write_new_file(const Path& path, std::string_view text, mode_t mode = 0600);

/// Makes a directory and its missing parents, each with `mode` whatever the umask.
Result<void> make_directories(const Path& path, mode_t mode = 0755);

/// A new directory `<parent>/<prefix>XXXXXX`, mode 0700.
Result<Path> make_temporary_directory(const Path& parent, std::string_view prefix);

/// Removes a tree and everything below it, also what has lost its permissions; does not follow links. What is not there
/// is no error.
Result<void> remove_tree(const Path& path);

/// Where `program` is in the colon-separated `search_path`, as execvp would find it; relative parts count from `cwd`.
/// A name with a slash is itself. Empty path when there is none.
Path find_program(std::string_view program, std::string_view search_path, const Path& cwd);

/// A file that is appended to. Closes itself. A full disk is an Error and leaves what was written.
class AppendFile {
 public:
  static Result<AppendFile> open(const Path& path, mode_t mode = 0600);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();
  Result<void> write(std::string_view text);

 private:
  explicit AppendFile(int fd, Path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  Path path_;
};

}  // namespace buildspec_run
