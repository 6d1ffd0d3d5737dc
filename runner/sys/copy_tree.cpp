#include "runner/sys/copy_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

#ifdef __linux__
#include <linux/fs.h>
#include <sys/ioctl.h>
#endif

#include "runner/base/result.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kBuffer = 1 << 18;
constexpr std::size_t kMostThreads = 8;
constexpr std::size_t kAtOnce = 64;  // paths that a thread takes

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  // Closed by us: a full disk may say so only here.
  [[nodiscard]] int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

bool is_gone(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

timespec accessed(const struct stat& status) {
#ifdef __APPLE__
  return status.st_atimespec;
#else
  return status.st_atim;
#endif
}

timespec modified(const struct stat& status) {
#ifdef __APPLE__
  return status.st_mtimespec;
#else
  return status.st_mtim;
#endif
}

// What the threads have in common.
struct Work {
  const Path& from;
  const Path& to;
  const std::vector<std::string>& paths;
  std::stop_token stop;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> may_share{true};  // until the file system says that it cannot
  std::atomic<bool> failed{false};
  std::mutex mutex;  // of what follows
  CopiedTree done;
  std::optional<Error> error;

  void fail(const char* doing, const std::string& path, int number) {
    const std::lock_guard lock(mutex);
    if (!error) error = system_error(fmt::format("{} {}", doing, path), number);
    failed = true;
  }
};

// One thread's share.
class Copier {
 public:
  explicit Copier(Work& work) : work_(work) {}

  void run() {
    for (;;) {
      const std::size_t begin = work_.next.fetch_add(kAtOnce);
      if (begin >= work_.paths.size()) break;
      const std::size_t end = std::min(begin + kAtOnce, work_.paths.size());
      for (std::size_t i = begin; i < end; ++i) {
        if (work_.failed || work_.stop.stop_requested()) break;
        copy(work_.paths[i]);
      }
      if (work_.failed || work_.stop.stop_requested()) break;
    }
    const std::lock_guard lock(work_.mutex);
    work_.done.files += done_.files;
    work_.done.links += done_.links;
    work_.done.bytes += done_.bytes;
    work_.done.shared_blocks = work_.done.shared_blocks || done_.shared_blocks;
    work_.done.left_out.insert(work_.done.left_out.end(), done_.left_out.begin(), done_.left_out.end());
  }

 private:
  void copy(const std::string& path) {
    const Path from = work_.from / path, to = work_.to / path;
    struct stat status {};
    if (::lstat(from.c_str(), &status) != 0) {
      if (!is_gone(errno)) work_.fail("read", from.native(), errno);
      return;
    }
    if (S_ISDIR(status.st_mode)) return;  // made before
    if (S_ISLNK(status.st_mode))
      copy_link(from, to, status);
    else if (S_ISREG(status.st_mode))
      copy_file(from, to);
    else
      done_.left_out.push_back(path);
  }

  void copy_link(const Path& from, const Path& to, const struct stat& status) {
    std::string target(static_cast<std::size_t>(std::max<off_t>(status.st_size, 255)) + 1, '\0');
    const ssize_t length = ::readlink(from.c_str(), target.data(), target.size());
    if (length < 0) return is_gone(errno) ? void() : work_.fail("read the link", from.native(), errno);
    target.resize(static_cast<std::size_t>(length));
    if (::symlink(target.c_str(), to.c_str()) != 0) return work_.fail("make the link", to.native(), errno);
    const timespec times[] = {accessed(status), modified(status)};
    ::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW);  // a time is no reason to fail
    ++done_.links;
  }

  void copy_file(const Path& from, const Path& to) {
    const Descriptor in(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!in.open()) return is_gone(errno) ? void() : work_.fail("open", from.native(), errno);
    struct stat status {};
    if (::fstat(in.get(), &status) != 0) return work_.fail("read", from.native(), errno);
    Descriptor out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out.open()) return work_.fail("make", to.native(), errno);
    if (!share(in.get(), out.get(), status) && !copy_bytes(in.get(), out.get(), from, to)) return;
    if (::fchmod(out.get(), status.st_mode & 07777) != 0)
      return work_.fail("set the mode of", to.native(), errno);
    const timespec times[] = {accessed(status), modified(status)};
    ::futimens(out.get(), times);
    if (out.close() != 0) return work_.fail("write", to.native(), errno);
    ++done_.files;
    done_.bytes += static_cast<std::uint64_t>(status.st_size);
  }

  bool share([[maybe_unused]] int in, [[maybe_unused]] int out, [[maybe_unused]] const struct stat& status) {
#ifdef FICLONE
    if (status.st_size > 0 && work_.may_share) {
      if (::ioctl(out, FICLONE, in) == 0) return done_.shared_blocks = true;
      if (errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY || errno == ENOSYS)
        work_.may_share = false;
    }
#endif
    return false;
  }

  bool copy_bytes(int in, int out, const Path& from, const Path& to) {
    if (buffer_ == nullptr) buffer_ = std::make_unique<char[]>(kBuffer);
    for (;;) {
      const ssize_t got = ::read(in, buffer_.get(), kBuffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return work_.fail("read", from.native(), errno), false;
      if (got == 0) return true;
      if (work_.stop.stop_requested()) return false;
      for (ssize_t written = 0; written < got;) {
        const ssize_t more = ::write(out, buffer_.get() + written, static_cast<std::size_t>(got - written));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return work_.fail("write", to.native(), errno), false;
        written += more;
      }
      if (static_cast<std::size_t>(got) < kBuffer) {
        // The end, as a rule: one more read says so.
      }
    }
  }

  Work& work_;
  CopiedTree done_;
  std::unique_ptr<char[]> buffer_;
};

bool is_sane(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) return false;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return true;
}

// The directories on the way, each made once and before what is in it.
class Directories {
 public:
  Directories(const Path& from, const Path& to, CopiedTree& done) : from_(from), to_(to), done_(done) {}

  /// Whether `path` is a directory below `from`, not reached through a link; it is there below `to` then.
  Result<bool> provide(std::string_view path) {
    if (path.empty()) return true;
    const std::string name(path);
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
    const std::size_t slash = path.rfind('/');
    Result<bool> above =
        provide(slash == std::string_view::npos ? std::string_view() : path.substr(0, slash));
    if (!above) return above;
    bool there = false;
    struct stat status {};
    if (*above && ::lstat((from_ / name).c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      const Path made = to_ / name;
      if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST)
        return system_error(fmt::format("make the directory {}", made.native()), errno);
      // Against the umask; we have to write into it.
      if (::chmod(made.c_str(), (status.st_mode & 07777) | 0700) != 0)
        return system_error(fmt::format("set the mode of {}", made.native()), errno);
      ++done_.directories;
      there = true;
    }
    known_.emplace(name, there);
    return there;
  }

 private:
  const Path& from_;
  const Path& to_;
  CopiedTree& done_;
  std::unordered_map<std::string, bool> known_;
};

Result<void> list_below(const Path& directory, const std::string& above,
                        const std::vector<std::string>& except, std::vector<std::string>& paths) {
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  std::vector<std::string> pending = {above};
  while (!pending.empty()) {
    const std::string at = std::move(pending.back());
    pending.pop_back();
    const Path path = at.empty() ? directory : directory / at;
    const std::unique_ptr<DIR, Close> open(::opendir(path.c_str()));
    if (open == nullptr) {
      if (is_gone(errno)) continue;
      return system_error(fmt::format("read the directory {}", path.native()), errno);
    }
    while (const dirent* entry = ::readdir(open.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (at.empty() && std::find(except.begin(), except.end(), name) != except.end()) continue;
      std::string found = at.empty() ? std::string(name) : fmt::format("{}/{}", at, name);
      bool is_directory = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN) {
        struct stat status {};
        is_directory = ::lstat((directory / found).c_str(), &status) == 0 && S_ISDIR(status.st_mode);
      }
      if (is_directory) pending.push_back(found);
      paths.push_back(std::move(found));
    }
  }
  return {};
}

}  // namespace

Result<CopiedTree> copy_tree(const Path& from, const Path& to, std::vector<std::string> paths,
                             std::stop_token stop) {
  // Neighbours together: threads that write into one directory wait for each other.
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  CopiedTree made;
  Directories directories(from, to, made);
  std::vector<std::string> files;
  files.reserve(paths.size());
  for (std::string& path : paths) {
    if (!is_sane(path)) return Error{fmt::format("\"{}\" is no path inside of {}", path, from.native()), {}};
    if (stop.stop_requested()) return system_error("copy", ECANCELED);
    const std::size_t slash = path.rfind('/');
    Result<bool> above = directories.provide(
        slash == std::string::npos ? std::string_view() : std::string_view(path).substr(0, slash));
    if (!above) return std::move(above.error());
    if (!*above) continue;
    struct stat status {};
    if (::lstat((from / path).c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      if (Result<bool> provided = directories.provide(path); !provided) return std::move(provided.error());
      continue;
    }
    files.push_back(std::move(path));
  }
  Work work{from, to, files, stop, {}, {}, {}, {}, std::move(made), std::nullopt};
  const std::size_t useful = std::max<std::size_t>(files.size() / kAtOnce, 1);
  const std::size_t count = std::min(
      {static_cast<std::size_t>(std::max(1u, std::thread::hardware_concurrency())), kMostThreads, useful});
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < count; ++i) threads.emplace_back([&] { Copier(work).run(); });
    Copier(work).run();
  }
  if (work.error) return std::move(*work.error);
  if (stop.stop_requested()) return system_error("copy", ECANCELED);
  std::sort(work.done.left_out.begin(), work.done.left_out.end());
  return std::move(work.done);
}

Result<std::vector<std::string>> list_tree(const Path& directory, const std::vector<std::string>& except) {
  std::vector<std::string> paths;
  if (Result<void> listed = list_below(directory, "", except, paths); !listed)
    return std::move(listed.error());
  return paths;
}

}  // namespace buildspec_run
