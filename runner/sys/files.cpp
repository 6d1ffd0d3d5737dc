#include "runner/sys/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <new>
#include <set>
#include <utility>

#include "runner/base/handle.h"
#include "runner/sys/descriptor.h"

namespace buildspec_run {
namespace {

using Directory = Handle<DIR, ::closedir>;

std::string doing(std::string_view what, const Path& path) {
  return fmt::format("{} {}", what, path.native());
}

/// Writes everything. Returns errno, 0 when it went well; adds what reached the file to `written`.
int write_all(int fd, std::span<const std::string_view> parts, std::uint64_t& written) noexcept {
  std::array<iovec, 16> vector;
  std::size_t part = 0, offset = 0;  // the first byte not yet written
  for (;;) {
    int used = 0;
    for (std::size_t i = part; i < parts.size() && used < static_cast<int>(vector.size()); ++i) {
      const std::string_view rest = parts[i].substr(i == part ? offset : 0);
      if (!rest.empty())
        vector[static_cast<std::size_t>(used++)] = {const_cast<char*>(rest.data()), rest.size()};
    }
    if (used == 0) return 0;
    ssize_t done = ::writev(fd, vector.data(), used);
    if (done < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (done == 0) return EIO;  // no file system does; without this, it would be asked for ever
    written += static_cast<std::uint64_t>(done);
    for (auto left = static_cast<std::size_t>(done); part < parts.size();) {
      const std::size_t here = parts[part].size() - offset;
      if (left < here) {
        offset += left;
        break;
      }
      left -= here;
      offset = 0;
      ++part;
    }
  }
}

int write_all(int fd, std::string_view text) noexcept {
  std::uint64_t ignored = 0;
  return write_all(fd, {&text, 1}, ignored);
}

/// Gives an open new file its permissions and text, and closes it. Returns errno.
int fill(Descriptor file, std::string_view text, mode_t mode) noexcept {
  if (::fchmod(file.get(), mode) != 0) return errno;
  if (const int failed = write_all(file.get(), text)) return failed;
  return file.close();
}

/// What there is where a regular file is wanted; empty when it is one.
std::string_view kind_that_is_no_file(mode_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return {};
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a named pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

Error no_regular_file(std::string_view what, const Path& path, mode_t mode) {
  return Error{
      fmt::format("{}: it is {}; a regular file is expected", doing(what, path), kind_that_is_no_file(mode)),
      std::error_code(S_ISDIR(mode) ? EISDIR : EINVAL, std::generic_category())};
}

/// Opens a regular file. What `path` names is looked at first, and the file that was opened once more.
Result<Descriptor> open_regular(const Path& path, int flags) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return system_error(doing("open", path), errno);
  if (!S_ISREG(status.st_mode)) return no_regular_file("open", path, status.st_mode);
  Descriptor file = open_at(AT_FDCWD, path.c_str(), flags | O_NOCTTY | O_NONBLOCK);
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return system_error(doing("open", path), errno);
  if (!S_ISREG(status.st_mode)) return no_regular_file("open", path, status.st_mode);
  return file;
}

Path directory_of(const Path& path) {
  const Path parent = path.parent_path();
  return parent.empty() ? Path(".") : parent;
}

}  // namespace

namespace {

Result<std::string> read_to_end(const Descriptor& file, const Path& path, std::uint64_t limit_bytes) {
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return system_error(doing("read", path), errno);
  const auto too_big = [&] {
    return Error{fmt::format("read {}: it has more than {} bytes", path.native(), limit_bytes),
                 std::error_code(EFBIG, std::generic_category())};
  };
  std::uint64_t expected = 0;  // only a hint: the file may grow, and /proc says 0
  if (S_ISREG(status.st_mode) && status.st_size > 0) {
    expected = static_cast<std::uint64_t>(status.st_size);
    if (expected > limit_bytes) return too_big();
  }
  std::string text;
  std::size_t used = 0;
  try {
    text.resize(static_cast<std::size_t>(expected) + 1);  // one more, so that the end is seen without growing
    for (;;) {
      if (used == text.size()) text.resize(std::max<std::size_t>(text.size() * 2, 65536));
      const ssize_t got = ::read(file.get(), text.data() + used, text.size() - used);
      if (got < 0) {
        if (errno == EINTR) continue;
        return system_error(doing("read", path), errno);
      }
      if (got == 0) break;
      used += static_cast<std::size_t>(got);
      if (used > limit_bytes) return too_big();
    }
    text.resize(used);
  } catch (const std::bad_alloc&) {
    return system_error(doing("read", path), ENOMEM);
  }
  return text;
}

}  // namespace

Result<std::string> read_file(const Path& path, std::uint64_t limit_bytes) {
  const Result<Descriptor> file = open_regular(path, O_RDONLY);
  if (!file) return file.error();
  return read_to_end(*file, path, limit_bytes);
}

Result<std::string> read_named_file(const Path& path, std::uint64_t limit_bytes) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && (S_ISDIR(status.st_mode) || S_ISSOCK(status.st_mode)))
    return Error{fmt::format("{}: it is {}; a file is expected", doing("open", path),
                             kind_that_is_no_file(status.st_mode)),
                 std::error_code(S_ISDIR(status.st_mode) ? EISDIR : EINVAL, std::generic_category())};
  const Descriptor file = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOCTTY);
  if (!file.valid()) return system_error(doing("open", path), errno);
  return read_to_end(file, path, limit_bytes);
}

Result<void> replace_file(const Path& path, std::string_view text, mode_t mode) {
  Path target = path;
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    // To what the link leads to. A link to nothing is replaced itself.
    std::error_code failed;
    target = std::filesystem::weakly_canonical(path, failed);
    if (failed) return system_error(doing("write", path), failed.value());
  }
  if (::stat(target.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    Descriptor device = open_at(AT_FDCWD, target.c_str(), O_WRONLY | O_NOCTTY);
    if (!device.valid()) return system_error(doing("open", path), errno);
    if (const int failed = write_all(device.get(), text)) return system_error(doing("write", path), failed);
    return {};
  }
  std::string beside = (directory_of(target) / ".buildspec-run-XXXXXX").native();
  Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file.valid()) return system_error(doing("write", path), errno);
  int failed = fill(std::move(file), text, mode);
  if (failed == 0 && ::rename(beside.c_str(), target.c_str()) != 0) failed = errno;
  if (failed == 0) return {};
  ::unlink(beside.c_str());
  return system_error(doing("write", path), failed);
}

Result<void> write_new_file(const Path& path, std::string_view text, mode_t mode) {
  Descriptor file = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0600);
  if (!file.valid()) return system_error(doing("create", path), errno);
  const int failed = fill(std::move(file), text, mode);
  if (failed == 0) return {};
  ::unlink(path.c_str());
  return system_error(doing("write", path), failed);
}

namespace {

/// A regular file that belongs to us and is found under one name only: whoever writes to it writes to nothing
/// else.
bool is_solely_ours(const struct stat& status) noexcept {
  return S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == ::geteuid();
}

/// write_new_file; what is in its way is removed.
Result<void> write_fresh_file(const Path& path, std::string_view text, mode_t mode) {
  Result<void> written = write_new_file(path, text, mode);
  if (written || written.error().code.value() != EEXIST) return written;
  if (Result<void> removed = remove_tree(path); !removed) return removed;
  return write_new_file(path, text, mode);
}

}  // namespace

Result<void> rewrite_file(const Path& path, std::string_view text, mode_t mode) {
  Descriptor file = open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status;
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !is_solely_ours(status))
    return write_fresh_file(path, text, mode);
  int failed = (status.st_mode & 07777) != mode && ::fchmod(file.get(), mode) != 0 ? errno : 0;
  if (failed == 0) failed = write_all(file.get(), text);
  // Cut behind the text, not before it: some file systems hand the bytes of a file that was cut to nothing and
  // written anew to the disk at once.
  const auto bytes = static_cast<off_t>(text.size());
  if (failed == 0 && status.st_size > bytes && ::ftruncate(file.get(), bytes) != 0) failed = errno;
  if (failed == 0) failed = file.close();
  if (failed == 0) return {};
  return system_error(doing("write", path), failed);
}

bool take_over_file(const Path& from, const Path& to) {
#ifdef F_SETLEASE
  const Descriptor file = open_at(AT_FDCWD, from.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status, renamed;
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !is_solely_ours(status)) return false;
  // Granted where the file is open nowhere else.
  if (::fcntl(file.get(), F_SETLEASE, F_WRLCK) != 0) return false;
  ::fcntl(file.get(), F_SETLEASE, F_UNLCK);
  if ((status.st_mode & 07777) != 0600 && ::fchmod(file.get(), 0600) != 0) return false;
  if (status.st_size != 0 && ::ftruncate(file.get(), 0) != 0) return false;
  if (::rename(from.c_str(), to.c_str()) != 0) return false;
  if (::lstat(to.c_str(), &renamed) == 0 && renamed.st_dev == status.st_dev &&
      renamed.st_ino == status.st_ino)
    return true;
  ::unlink(to.c_str());
#else
  static_cast<void>(from);
  static_cast<void>(to);
#endif
  return false;
}

Result<void> make_blank_file(const Path& path, std::uint64_t bytes, mode_t mode) {
  struct stat status;
  const auto size = static_cast<off_t>(bytes);
  if (::lstat(path.c_str(), &status) == 0 && is_solely_ours(status) && status.st_size == size &&
      (status.st_mode & 07777) == mode)
    return {};
  if (Result<void> made = write_fresh_file(path, "", mode); !made) return made;
  if (size > 0 && ::truncate(path.c_str(), size) != 0) return system_error(doing("make", path), errno);
  return {};
}

Result<void> make_directories(const Path& path, mode_t mode) {
  const auto is_directory = [](const Path& where) {
    struct stat status;
    return ::stat(where.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  };
  const auto set_mode =
      [mode](const Path& where) {  // what the umask took; a set-group-id bit that was inherited stays
        struct stat status;
        if (::stat(where.c_str(), &status) != 0) return false;
        return (status.st_mode & 0777) == mode ||
               ::chmod(where.c_str(), (status.st_mode & 07000) | mode) == 0;
      };
  std::vector<Path> missing;  // the deepest first
  for (Path now = path;;) {
    if (::mkdir(now.c_str(), mode) == 0) {
      if (!set_mode(now)) return system_error(doing("make directory", now), errno);
      break;
    }
    const int failed = errno;
    if (is_directory(now)) break;  // whatever mkdir said: EEXIST, or EROFS and EACCES on an automounter
    if (failed != ENOENT || !now.has_relative_path() || now.parent_path() == now || now.parent_path().empty())
      return system_error(doing("make directory", now), failed == EEXIST ? ENOTDIR : failed);
    missing.push_back(now);
    now = now.parent_path();
  }
  for (; !missing.empty(); missing.pop_back()) {
    const Path& now = missing.back();
    if (::mkdir(now.c_str(), mode) != 0) {
      const int failed = errno;
      if (is_directory(now)) continue;  // "a/b/": its parent is itself; or another process was quicker
      return system_error(doing("make directory", now), failed == EEXIST ? ENOTDIR : failed);
    }
    if (!set_mode(now)) return system_error(doing("make directory", now), errno);
  }
  return {};
}

Result<Path> make_temporary_directory(const Path& parent, std::string_view prefix) {
  std::string name = (parent / prefix).native() + "XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return system_error(doing("make a directory in", parent), errno);
  if (::chmod(name.c_str(), 0700) != 0) {  // the umask may have taken bits away
    const int failed = errno;
    ::rmdir(name.c_str());
    return system_error(doing("make a directory in", parent), failed);
  }
  return Path(name);
}

namespace {

/// Removes a tree from the inside out, by descriptors and single names: a path may be longer than PATH_MAX,
/// and nobody can slip in a link between two looks. No recursion, and at most kOpen descriptors: above the
/// lowest kOpen levels only a directory's identity is remembered, and the way back is "..", checked against
/// it.
class TreeRemover {
 public:
  Result<void> remove(const Path& path) {
    std::string root = path.native();
    while (root.size() > 1 && root.ends_with('/'))
      root.pop_back();  // "link/" is what the link leads to: not ours
    name_ = root;
    if (root.empty()) return {};
    if (::unlink(root.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return {};
    if (errno != EISDIR && errno != EPERM) return system_error(doing("remove", path), errno);
    if (::rmdir(root.c_str()) == 0) return {};
    if (errno == EBUSY) return system_error(doing("remove", path), EBUSY);  // a file system is mounted there
    if (!enter(AT_FDCWD, root, nullptr)) return finish();
    while (!levels_.empty()) step();
    return finish();
  }

 private:
  static constexpr std::size_t kOpen = 64;

  struct Level {
    std::string name;  // in the directory above
    dev_t device;
    ino_t inode;
    Directory directory;         // none: closed for now
    std::set<std::string> kept;  // what could not be removed: not tried again
    int looks = 0;               // how often it was not empty after all was removed
  };

  Result<void> finish() { return first_error_ ? Result<void>(std::move(*first_error_)) : Result<void>(); }

  void failed(const std::string& name, std::string_view why, int error_number) {
    if (first_error_) return;
    std::string path = name_;
    for (std::size_t i = 1; i < levels_.size(); ++i) {
      if (path.size() > 2000) {  // a message is for people
        path += "/…";
        break;
      }
      path += "/" + levels_[i].name;
    }
    if (!levels_.empty()) path += "/" + name;
    first_error_ = why.empty() ? system_error("remove " + path, error_number)
                               : Error{fmt::format("remove {}: {}", path, why),
                                       std::error_code(error_number, std::generic_category())};
  }

  /// Opens the directory `name` and goes into it. False when it could not, and then it is reported, or gone.
  bool enter(int parent, const std::string& name, const Level* above) {
    // Without permissions one can still hold it by O_PATH, and give them back through /proc: no link is
    // followed.
    const Descriptor held = open_at(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    struct stat status;
    if (!held.valid() || ::fstat(held.get(), &status) != 0) {
      if (errno != ENOENT) failed(name, {}, errno);
      return false;
    }
    if (above != nullptr && status.st_dev != above->device) {
      failed(name, "another file system is mounted there", EXDEV);
      return false;
    }
    if ((status.st_mode & S_IRWXU) != S_IRWXU)
      ::chmod(fmt::format("/proc/self/fd/{}", held.get()).c_str(), (status.st_mode & 07777) | S_IRWXU);
    Descriptor opened = open_at(held.get(), ".", O_RDONLY | O_DIRECTORY);
    Directory directory(opened.valid() ? ::fdopendir(opened.get()) : nullptr);
    if (directory == nullptr) {
      failed(name, {}, errno);
      return false;
    }
    static_cast<void>(opened.release());
    levels_.push_back({name, status.st_dev, status.st_ino, std::move(directory), {}, 0});
    if (levels_.size() > kOpen) levels_[levels_.size() - 1 - kOpen].directory.reset();
    return true;
  }

  /// Does one entry of the deepest directory, or leaves it.
  void step() {
    Level& here = levels_.back();
    errno = 0;
    const dirent* entry = ::readdir(here.directory.get());
    if (entry == nullptr) {
      leave(errno);
      return;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || here.kept.contains(name)) return;
    const int fd = ::dirfd(here.directory.get());
    if (entry->d_type != DT_DIR) {
      if (::unlinkat(fd, name.c_str(), 0) == 0 || errno == ENOENT) return;
      if (errno != EISDIR || entry->d_type != DT_UNKNOWN) {
        failed(name, {}, errno);
        here.kept.insert(name);
        return;
      }
    }
    if (::unlinkat(fd, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT)
      return;              // an empty one needs no look inside
    if (errno == EBUSY) {  // something is mounted there, perhaps of the same file system
      failed(name, "it is a mount point", EBUSY);
      here.kept.insert(name);
      return;
    }
    if (errno == ENOTDIR) {  // it was one when it was listed
      if (::unlinkat(fd, name.c_str(), 0) == 0 || errno == ENOENT) return;
    }
    if (!enter(fd, name, &here)) here.kept.insert(name);  // `here` still stands: nothing was pushed
  }

  /// Goes back up from the deepest directory and removes it, `error_number` being what ended its listing.
  void leave(int error_number) {
    if (error_number != 0) failed(".", {}, error_number);
    Level left = std::move(levels_.back());
    levels_.pop_back();
    if (levels_.empty()) {
      if (::rmdir(left.name.c_str()) == 0 || errno == ENOENT) return;
      retry_or_keep(std::move(left), AT_FDCWD, error_number != 0 ? error_number : errno);
      return;
    }
    Level& above = levels_.back();
    if (above.directory == nullptr && !reopen(above, ::dirfd(left.directory.get()))) {
      failed(left.name, "the tree was moved while it was removed", EBUSY);
      levels_.clear();  // the way back is lost
      return;
    }
    const int fd = ::dirfd(above.directory.get());
    if (::unlinkat(fd, left.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    retry_or_keep(std::move(left), fd, error_number != 0 ? error_number : errno);
  }

  /// A directory that is not empty although all was removed is looked through again, as somebody may be
  /// writing; not for ever.
  void retry_or_keep(Level left, int parent, int error_number) {
    constexpr int kLooks = 3;
    const bool again =
        (error_number == ENOTEMPTY || error_number == EEXIST) && left.kept.empty() && left.looks < kLooks;
    if (again) {
      const Level* above = levels_.empty() ? nullptr : &levels_.back();
      if (enter(parent, left.name, above)) {
        levels_.back().looks = left.looks + 1;
        return;
      }
    } else {
      failed(left.name, {}, error_number);
    }
    if (!levels_.empty()) levels_.back().kept.insert(left.name);
  }

  static bool reopen(Level& level, int child) {
    Descriptor opened = open_at(child, "..", O_RDONLY | O_DIRECTORY);
    struct stat status;
    if (!opened.valid() || ::fstat(opened.get(), &status) != 0) return false;
    if (status.st_dev != level.device || status.st_ino != level.inode) return false;
    level.directory.reset(::fdopendir(opened.get()));
    if (level.directory == nullptr) return false;
    static_cast<void>(opened.release());
    return true;
  }

  std::string name_;
  std::vector<Level> levels_;
  std::optional<Error> first_error_;
};

}  // namespace

Result<void> remove_tree(const Path& path) { return TreeRemover().remove(path); }

Path find_program(std::string_view program, std::string_view search_path, const Path& cwd) {
  if (program.empty()) return {};
  if (program.find('/') != std::string_view::npos) return Path(program);
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(search_path.find(':', begin), search_path.size());
    const std::string_view part = search_path.substr(begin, end - begin);
    Path candidate = (part.empty() ? cwd : cwd / part) / program;  // an absolute part stays itself
    struct stat status;
    if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::faccessat(AT_FDCWD, candidate.c_str(), X_OK, AT_EACCESS) == 0)
      return candidate;
    if (end == search_path.size()) return {};
    begin = end + 1;
  }
}

Result<InputFile> InputFile::open(const Path& path) {
  Result<Descriptor> file = open_regular(path, O_RDONLY);
  if (!file) return std::move(file.error());
  return InputFile(file->release(), path);
}

InputFile::InputFile(InputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::uint64_t> InputFile::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return system_error(doing("look at", path_), errno);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::size_t> InputFile::read_at(std::uint64_t offset, std::span<char> into) const {
  std::size_t count = 0;
  while (count < into.size()) {
    const ssize_t got =
        ::pread(fd_, into.data() + count, into.size() - count, static_cast<off_t>(offset + count));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(doing("read", path_), errno);
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  return count;
}

Result<AppendFile> AppendFile::open(const Path& path, mode_t mode) {
  constexpr int kFlags = O_WRONLY | O_APPEND;
  for (int attempt = 0;; ++attempt) {
    Descriptor file = open_at(AT_FDCWD, path.c_str(), kFlags | O_NOCTTY | O_CREAT | O_EXCL, 0600);
    if (file.valid()) {
      if (::fchmod(file.get(), mode) != 0) return system_error(doing("open", path), errno);
      return AppendFile(file.release(), path);
    }
    if (errno != EEXIST) return system_error(doing("open", path), errno);
    Result<Descriptor> there = open_regular(path, kFlags);
    if (there) return AppendFile(there->release(), path);
    if (there.error().code != std::errc::no_such_file_or_directory || attempt == 3)
      return std::move(there.error());  // removed in between: again
  }
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> AppendFile::write(std::string_view text) { return write({&text, 1}); }

Result<void> AppendFile::write(std::span<const std::string_view> parts, std::uint64_t* written) {
  std::uint64_t count = 0;
  const int failed = write_all(fd_, parts, count);
  if (written != nullptr) *written = count;
  if (failed != 0) return system_error(doing("write", path_), failed);
  return {};
}

Result<void> AppendFile::cut(std::uint64_t bytes) {
  for (;;) {
    if (::ftruncate(fd_, static_cast<off_t>(bytes)) == 0) return {};
    if (errno != EINTR) return system_error(doing("cut", path_), errno);
  }
}

bool FileLock::is_held(const Path& path) {
  const Descriptor file = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
  // Shared, so that two who ask do not take each other for the holder.
  return file.valid() && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<std::optional<FileLock>> FileLock::lock(const Path& path, int flags) {
  Descriptor file =
      open_at(AT_FDCWD, path.c_str(), O_RDWR | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
  if (!file.valid()) return system_error(doing("open", path), errno);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<FileLock>();
    if (errno != EINTR) return system_error(doing("lock", path), errno);
  }
  return std::optional<FileLock>(FileLock(file.release()));
}

Result<std::optional<FileLock>> FileLock::take(const Path& path) { return lock(path, O_CREAT); }
Result<std::optional<FileLock>> FileLock::take_existing(const Path& path) { return lock(path, 0); }

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace buildspec_run
