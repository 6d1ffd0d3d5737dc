// Files. What we write is whole or not there: a new file beside the old one, then a rename.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"

namespace buildspec_run {

using Path = std::filesystem::path;

/// The whole regular file; at most `limit_bytes`, more is an Error (EFBIG). "-" is not special. Anything else is an
/// Error that names what it is (a directory: EISDIR, else EINVAL), and is not opened: a pipe would be waited for without
/// end, and to open a device may do something.
Result<std::string> read_file(const Path& path, std::uint64_t limit_bytes = std::uint64_t{1} << 32);

/// read_file for what the user has named himself: /dev/stdin, a process substitution `<(…)`, a named pipe and a device
/// are read to their end as well, however long that takes.
Result<std::string> read_named_file(const Path& path, std::uint64_t limit_bytes = std::uint64_t{1} << 32);

/// Replaces `path` by a file with `text` and permission bits `mode` in one step: a reader sees the old or the
/// new text, never half, and after an Error the old one. The directory must be there. A link is followed:
/// what it leads to is replaced. What is there and is no regular file (/dev/stdout, a pipe) is written to
/// instead.
Result<void> replace_file(const Path& path, std::string_view text, mode_t mode = 0644);

/// Writes a new file (not yet there: else EEXIST) with `mode`; no rename, for files nobody else looks at yet.
/// After an Error it is not there.
Result<void> write_new_file(const Path& path, std::string_view text, mode_t mode = 0600);

/// For files that are written again and again and that nobody else looks at meanwhile: makes `path` a file of
/// `mode` with `text`, in place when it is a regular file of the caller's with no other name (to remove files
/// and to make them is dear); else what is there, whatever it is, is removed and a new one made. Follows no
/// link. After an Error it may hold anything.
Result<void> rewrite_file(const Path& path, std::string_view text, mode_t mode = 0600);

/// Makes of `from`, a file that nobody needs any more, the empty file `to` of mode 0600, where that is safe: it is a regular
/// file of ours with no other name, and nobody has it open. Else false, and `to` is not there. ext4 does not give out again
/// what was deleted within the last minute, and looks through all of that for each new file: hundreds of short-lived files
/// cost milliseconds each.
[[nodiscard]] bool take_over_file(const Path& from, const Path& to);

/// Makes `path` a file of `bytes` bytes that takes no room and waits to be written. One that is so already, the
/// caller's, with no other name, stays; else what is there is removed.
Result<void> make_blank_file(const Path& path, std::uint64_t bytes, mode_t mode = 0600);

/// Makes a directory and its missing parents, each with `mode` whatever the umask.
Result<void> make_directories(const Path& path, mode_t mode = 0755);

/// A new directory `<parent>/<prefix>XXXXXX`, mode 0700.
Result<Path> make_temporary_directory(const Path& parent, std::string_view prefix);

/// Removes a tree and everything below it, also what has lost its permissions; does not follow links, and
/// does not enter what is mounted below it (an Error then, as a bind mount may show somebody's home). However
/// deep. Goes on after an Error and returns the first. What is not there is no error.
Result<void> remove_tree(const Path& path);

/// Where `program` is in the colon-separated `search_path`, as execvp would find it; relative parts count
/// from `cwd`. A name with a slash is itself, there or not. An empty part is `cwd`. Empty path when there is
/// none.
Path find_program(std::string_view program, std::string_view search_path, const Path& cwd);

/// A regular file that is appended to; what else is there is an Error, as for read_file. Closes itself. A full disk is an Error and leaves what was written.
class AppendFile {
 public:
  /// `mode` is that of a new file, whatever the umask; one that is there keeps its own.
  static Result<AppendFile> open(const Path& path, mode_t mode = 0600);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();
  Result<void> write(std::string_view text);
  /// Writes the parts one behind the other without copying them together. `written`, when given, is set to
  /// the number of bytes that reached the file, also when it failed.
  Result<void> write(std::span<const std::string_view> parts, std::uint64_t* written = nullptr);
  /// Cuts the file to its first `bytes`.
  Result<void> cut(std::uint64_t bytes);

 private:
  explicit AppendFile(int fd, Path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  Path path_;
};

/// A regular file that is read from any place; what else is there is an Error, as for read_file. Closes itself.
class InputFile {
 public:
  static Result<InputFile> open(const Path& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();
  /// How many bytes it has now: it may still grow.
  [[nodiscard]] Result<std::uint64_t> size() const;
  /// Reads from `offset` on into `into`, as much as fits; less only where the file ends. Returns how much.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const;

 private:
  explicit InputFile(int fd, Path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  Path path_;
};

/// A lock between processes, held until this is destroyed or the process ends, however it ends (flock).
class FileLock {
 public:
  /// Takes the lock on `path`, a new file of mode 0600 when there is none. Does not wait: nullopt when
  /// another holds it, in this process or another.
  static Result<std::optional<FileLock>> take(const Path& path);
  /// The same on a file that must be there (else ENOENT).
  static Result<std::optional<FileLock>> take_existing(const Path& path);
  /// Whether somebody holds the lock on `path` now. False where there is no such file.
  [[nodiscard]] static bool is_held(const Path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  static Result<std::optional<FileLock>> lock(const Path& path, int flags);
  int fd_ = -1;
};

}  // namespace buildspec_run
