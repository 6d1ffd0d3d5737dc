#include "runner/sys/run_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace buildspec_run {
namespace {

constexpr mode_t kAround = 0711;
constexpr int kAttempts = 100;  // each lost to a run that began or ended in the same instant

// Whether `path` is a directory of ours, made when it is not there, that nobody else can put anything into.
// Not through a link. True, too, when another run has just taken it away again: who uses it finds out.
bool have_own_directory(const Path& path) {
  if (::mkdir(path.c_str(), kAround) == 0)
    return ::chmod(path.c_str(), kAround) == 0 || errno == ENOENT;  // whatever the umask
  if (errno != EEXIST) return false;
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT;
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & 0022) == 0;
}

// A descriptor of `path` with the lock of its run, which is ours until it is closed; -1: another has it, or
// the directory is not there any more.
int take_lock(const Path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat held, there;
  // Who waited for the lock of a directory that was being removed has one on nothing.
  const bool ours = ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd, &held) == 0 &&
                    ::lstat(path.c_str(), &there) == 0 && held.st_dev == there.st_dev &&
                    held.st_ino == there.st_ino && held.st_uid == ::geteuid();
  if (ours) return fd;
  ::close(fd);
  return -1;
}

// Removes what runs have left that are no more. What cannot be removed is tried again by the next run.
void sweep(const Path& around) {
  const std::unique_ptr<DIR, int (*)(DIR*)> all(::opendir(around.c_str()), ::closedir);
  if (all == nullptr) return;
  while (const dirent* entry = ::readdir(all.get())) {
    const std::string name = entry->d_name;
    if (!name.starts_with("run-")) continue;
    const int lock = take_lock(around / name);
    if (lock < 0) continue;
    const Result<void> removed = remove_tree(around / name);
    static_cast<void>(removed);
    ::close(lock);
  }
}

}  // namespace

Result<RunDirectory> RunDirectory::make(const Path& temporary) {
  const Path around = temporary / fmt::format("buildspec-run-{}", ::geteuid());
  for (int attempt = 0; attempt < kAttempts && have_own_directory(around); ++attempt) {
    sweep(around);
    Result<Path> made = make_temporary_directory(around, "run-");
    if (!made) {
      // The last run of others has just ended, and has taken the directory around with it.
      if (made.error().code == std::errc::no_such_file_or_directory) continue;
      return std::move(made.error());
    }
    // Lost when another run's sweep came between; then it removes the directory.
    if (const int lock = take_lock(*made); lock >= 0) return RunDirectory(std::move(*made), around, lock);
    ::rmdir(made->c_str());
  }
  Result<Path> made = make_temporary_directory(temporary, "buildspec-run-");
  if (!made) return std::move(made.error());
  return RunDirectory(std::move(*made), {}, -1);
}

Result<RunDirectory> RunDirectory::make_again(const Path& path) {
  Path around = path.parent_path();
  const bool is_ours = around.filename() == fmt::format("buildspec-run-{}", ::geteuid()) &&
                       path.filename().native().starts_with("run-");
  if (is_ours && !have_own_directory(around))
    return Error{fmt::format("{} cannot be made, or is not ours alone", around.native()), {}};
  if (!is_ours && !path.filename().native().starts_with("buildspec-run-"))
    return Error{fmt::format("{} is no directory of a run", path.native()), {}};
  if (!is_ours) around.clear();
  if (const int lock = take_lock(path); lock >= 0) {
    Result<void> removed = remove_tree(path);
    ::close(lock);
    if (!removed) return std::move(removed.error());
  }
  // It comes into its place locked, and with something in it: the supervisor of the run before may still be about to remove
  // the directory of that name if it is empty.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Result<Path> made = make_temporary_directory(path.parent_path(), is_ours ? "run-" : "buildspec-run-");
    if (!made) {
      if (made.error().code == std::errc::no_such_file_or_directory && is_ours && have_own_directory(around))
        continue;
      return std::move(made.error());
    }
    const int lock = take_lock(*made);
    if (lock < 0) {  // lost when another run's sweep came between; then it removes the directory
      ::rmdir(made->c_str());
      continue;
    }
    if (write_new_file(*made / ".again", "") && ::rename(made->c_str(), path.c_str()) == 0)
      return RunDirectory(path, std::move(around), lock);
    const int failed = errno;
    static_cast<void>(remove_tree(*made));
    ::close(lock);
    return system_error(fmt::format("make the directory {} again", path.native()), failed);
  }
  return Error{fmt::format("make the directory {} again: others remove it", path.native()), {}};
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      around_(std::exchange(other.around_, {})),
      lock_(std::exchange(other.lock_, -1)) {}

RunDirectory::~RunDirectory() {
  if (path_.empty()) return;
  const Result<void> removed = remove_tree(path_);  // if not, the next run does it
  static_cast<void>(removed);
  if (lock_ >= 0) ::close(lock_);
  if (!around_.empty()) ::rmdir(around_.c_str());  // stays while there are other runs
}

}  // namespace buildspec_run
