#include "runner/sys/copy_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#ifdef __linux__
#include <linux/fs.h>
#include <sys/ioctl.h>
#endif

#include "runner/base/result.h"
#include "runner/sys/descriptor.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kBuffer = 1 << 18;
constexpr std::size_t kMostThreads = 8;
constexpr std::size_t kAtOnce = 64;  // paths that a thread takes

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

// The permission bits for a copy that is ours. What runs as its owner must not come to run as us.
mode_t mode_of_copy(const struct stat& status, uid_t us) {
  const mode_t kept = status.st_uid == us ? 07777 : S_ISDIR(status.st_mode) ? 03777 : 01777;
  return status.st_mode & kept;
}

// A part of the paths, at whose beginning one thread starts.
struct Share {
  std::atomic<std::size_t> next{0};
  std::size_t end = 0;
};

// What the threads have in common.
struct Work {
  const Path& from;
  const Path& to;
  int from_fd, to_fd;
  const std::vector<std::string>& paths;
  std::stop_token stop;
  const MovedLinks* links;
  uid_t us;
  std::deque<Share> shares;
  std::atomic<bool> may_share{true};  // until the file system says that it cannot
  std::atomic<bool> failed{false};
  std::mutex mutex;  // of what follows
  CopiedTree done;
  std::optional<Error> error;
  std::map<std::pair<dev_t, ino_t>, std::string>
      names;  // of files with more than one: the one that is copied
  std::vector<std::pair<std::string, std::string>> more_names;  // the others, each with that one
  std::vector<std::string> directories;                         // that are among the paths

  void fail(const char* doing, const Path& path, int number) {
    const std::lock_guard lock(mutex);
    if (!error) error = system_error(fmt::format("{} {}", doing, path.native()), number);
    failed = true;
  }
};

// One thread's share, and what is left of the others': neighbours are one thread's, as threads that write into one
// directory wait for each other.
class Copier {
 public:
  Copier(Work& work, std::size_t share) : work_(work), share_(share) {}

  void run() {
    for (std::size_t i = 0; i < work_.shares.size(); ++i)
      run(work_.shares[(share_ + i) % work_.shares.size()]);
    const std::lock_guard lock(work_.mutex);
    work_.done.files += done_.files;
    work_.done.links += done_.links;
    work_.done.moved_links += done_.moved_links;
    work_.done.bytes += done_.bytes;
    work_.done.shared_blocks = work_.done.shared_blocks || done_.shared_blocks;
    work_.done.left_out.insert(work_.done.left_out.end(), done_.left_out.begin(), done_.left_out.end());
    work_.directories.insert(work_.directories.end(), directories_.begin(), directories_.end());
  }

  // Those whose first name has been copied. Alone now.
  void link_names() {
    may_link_ = false;  // what cannot be linked is a file of its own
    for (const auto& [path, first] : work_.more_names) {
      if (work_.failed || work_.stop.stop_requested()) return;
      if (::linkat(work_.to_fd, first.c_str(), work_.to_fd, path.c_str(), 0) == 0)
        ++work_.done.files;
      else
        copy(path);
    }
    work_.done.files += std::exchange(done_.files, 0);
    work_.done.bytes += std::exchange(done_.bytes, 0);
  }

 private:
  void run(Share& share) {
    for (;;) {
      const std::size_t begin = share.next.fetch_add(kAtOnce);
      if (begin >= share.end) return;
      const std::size_t end = std::min(begin + kAtOnce, share.end);
      for (std::size_t i = begin; i < end; ++i) {
        if (work_.failed || work_.stop.stop_requested()) return;
        copy(work_.paths[i]);
      }
    }
  }

  // Opens the directories of a path, unless they are those of the path before.
  bool enter(std::string_view directory) {
    if (entered_ && directory == directory_) return in_ >= 0;
    entered_ = true;
    directory_ = directory;
    asked_ = kNoMode;
    in_ = work_.from_fd;
    out_ = work_.to_fd;
    if (directory.empty()) return true;
    own_in_ = open_at(work_.from_fd, directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!own_in_.valid()) {
      if (!is_gone(errno)) work_.fail("open", work_.from / directory_, errno);
      in_ = -1;
      return false;
    }
    own_out_ = open_at(work_.to_fd, directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    in_ = own_in_.get();
    out_ = own_out_.get();
    if (out_ < 0) work_.fail("open", work_.to / directory_, errno), in_ = -1;
    return in_ >= 0;
  }

  void copy(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (!enter(slash == std::string::npos ? std::string_view() : std::string_view(path).substr(0, slash)))
      return;
    const char* name = path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
    struct stat status {};
    if (::fstatat(in_, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (!is_gone(errno)) work_.fail("read", work_.from / path, errno);
      return;
    }
    if (S_ISDIR(status.st_mode))
      directories_.push_back(path);
    else if (S_ISLNK(status.st_mode))
      copy_link(path, name, status);
    else if (S_ISREG(status.st_mode))
      copy_file(path, name);
    else
      done_.left_out.push_back(path);
  }

  void copy_link(const std::string& path, const char* name, const struct stat& status) {
    std::string target(static_cast<std::size_t>(std::max<off_t>(status.st_size, 255)) + 1, '\0');
    const ssize_t length = ::readlinkat(in_, name, target.data(), target.size());
    if (length < 0) return is_gone(errno) ? void() : work_.fail("read the link", work_.from / path, errno);
    target.resize(static_cast<std::size_t>(length));
    if (work_.links != nullptr) {
      std::string moved = work_.links->target_for((work_.from / path).parent_path(), target);
      if (moved != target) ++done_.moved_links;
      target = std::move(moved);
    }
    if (::symlinkat(target.c_str(), out_, name) != 0)
      return work_.fail("make the link", work_.to / path, errno);
    const timespec times[] = {accessed(status), modified(status)};
    ::utimensat(out_, name, times, AT_SYMLINK_NOFOLLOW);  // a time is no reason to fail
    ++done_.links;
  }

  // Whether it is another name of a file: that is made when all are there.
  bool is_another_name(const std::string& path, const struct stat& status) {
    const std::lock_guard lock(work_.mutex);
    const auto [first, is_new] = work_.names.try_emplace({status.st_dev, status.st_ino}, path);
    if (is_new || first->second == path) return false;
    work_.more_names.emplace_back(path, first->second);
    return true;
  }

  void copy_file(const std::string& path, const char* name) {
    const Descriptor in = open_at(in_, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!in.valid()) return is_gone(errno) ? void() : work_.fail("open", work_.from / path, errno);
    struct stat status {
    }, made{};
    if (::fstat(in.get(), &status) != 0) return work_.fail("read", work_.from / path, errno);
    if (!S_ISREG(status.st_mode)) return done_.left_out.push_back(path);
    if (status.st_nlink > 1 && may_link_ && is_another_name(path, status)) return;
    const mode_t mode = mode_of_copy(status, work_.us);
    // Nobody else can get at it: the directory around the copy is ours alone.
    Descriptor out = open_at(out_, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 0777);
    if (!out.valid() || ::fstat(out.get(), &made) != 0) return work_.fail("make", work_.to / path, errno);
    if (!share(in.get(), out.get(), status) && !copy_contents(in.get(), out.get(), status, path)) return;
    // What the umask took, and what is set by nobody but chmod.
    if (given_ != mode && ::fchmod(out.get(), mode) != 0)
      return work_.fail("set the mode of", work_.to / path, errno);
    const timespec times[] = {accessed(status), modified(status)};
    ::futimens(out.get(), times);
    // A full disk may say so only here.
    if (const int error = out.close(); error != 0) return work_.fail("write", work_.to / path, error);
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

  bool copy_contents(int in, int out, const struct stat& status, const std::string& path) {
#ifdef SEEK_DATA
    constexpr off_t kBlock = 512;  // of st_blocks, whatever those of the file system are
    if (status.st_blocks < status.st_size / kBlock) return copy_data(in, out, status.st_size, path);
#endif
    return copy_bytes(in, out, status.st_size, path);
  }

#ifdef SEEK_DATA
  // A file with holes, which are none to be written.
  bool copy_data(int in, int out, off_t size, const std::string& path) {
    for (off_t at = 0; at < size;) {
      const off_t data = ::lseek(in, at, SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;  // nothing but a hole
      const off_t hole = data < 0 ? -1 : ::lseek(in, data, SEEK_HOLE);
      if (hole < 0 || ::lseek(in, data, SEEK_SET) < 0)
        return work_.fail("read", work_.from / path, errno), false;
      if (::lseek(out, data, SEEK_SET) < 0) return work_.fail("write", work_.to / path, errno), false;
      if (!copy_bytes(in, out, hole - data, path)) return false;
      at = hole;
    }
    if (::ftruncate(out, size) != 0) return work_.fail("write", work_.to / path, errno), false;
    return true;
  }
#endif

  // `size` bytes, or less where the file ends now. One that seems empty is asked: not every file system knows sizes.
  bool copy_bytes(int in, int out, off_t size, const std::string& path) {
    if (buffer_ == nullptr) buffer_ = std::make_unique<char[]>(kBuffer);
    for (off_t done = 0; done < std::max<off_t>(size, 1);) {
      const std::size_t most =
          size == 0 ? kBuffer : static_cast<std::size_t>(std::min<off_t>(size - done, kBuffer));
      const ssize_t got = ::read(in, buffer_.get(), most);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return work_.fail("read", work_.from / path, errno), false;
      if (got == 0) return true;
      if (work_.stop.stop_requested()) return false;
      for (ssize_t written = 0; written < got;) {
        const ssize_t more = ::write(out, buffer_.get() + written, static_cast<std::size_t>(got - written));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return work_.fail("write", work_.to / path, errno), false;
        written += more;
      }
      if (size != 0) done += got;
    }
    return true;
  }

  Work& work_;
  std::size_t share_;
  CopiedTree done_;
  std::vector<std::string> directories_;
  std::unique_ptr<char[]> buffer_;
  // What files of this directory get that are made with that mode: the umask, or a default of the directory, may take of it.
  static constexpr mode_t kNoMode = ~mode_t{0};
  mode_t asked_ = kNoMode, given_ = 0;
  bool entered_ = false;
  bool may_link_ = true;
  std::string directory_;
  Descriptor own_in_, own_out_;
  int in_ = -1, out_ = -1;
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
  Directories(const Path& from, const Path& to) : from_(from), to_(to) {}

  /// Whether `path` is a directory below `from`, not reached through a link; it is there below `to` then.
  Result<bool> provide(std::string_view path) {
    if (path.empty() || (path == last_ && last_is_there_)) return true;
    std::string name(path);
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
    const std::size_t slash = path.rfind('/');
    Result<bool> above =
        provide(slash == std::string_view::npos ? std::string_view() : path.substr(0, slash));
    if (!above) return above;
    bool there = false;
    struct stat status {};
    if (*above && ::lstat((from_ / name).c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      Path made = to_ / name;
      if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST)
        return system_error(fmt::format("make the directory {}", made.native()), errno);
      made_.push_back({std::move(made), status});
      there = true;
    }
    last_ = name;
    last_is_there_ = there;
    known_.emplace(std::move(name), there);
    return there;
  }

  [[nodiscard]] std::vector<CopiedDirectory> take() { return std::move(made_); }

 private:
  const Path& from_;
  const Path& to_;
  std::vector<CopiedDirectory> made_;
  std::unordered_map<std::string, bool> known_;
  std::string last_;
  bool last_is_there_ = false;
};

bool is_within(const Path& path, const Path& directory) {
  return path == directory || path.native().starts_with(directory == "/" ? "/" : directory.native() + "/");
}

/// Where a target leads, without links on the way, and how it goes there by the parts it is made of.
struct Way {
  Path end;
  bool was_outside = false;                  // of the root, behind one of its parts
  std::size_t root_end = std::string::npos;  // behind the last part that leads to the root
  bool outside_since = false;                // behind a part after that
  std::size_t left = std::string::npos;      // behind the last ".." that leads out of the root
};

// Follows `target` from `directory`, a physical path, as the system does; what is not there yet counts as directories.
// `root`: physical. `name`: that of its copy. nullopt: links lead in a circle.
std::optional<Way> follow(const Path& directory, const std::string& target, const Path& root,
                          const Path& name) {
  struct Part {
    std::string text;
    std::size_t end;  // in the target; npos: of a link on the way
    bool is_own;      // as the target has it
  };
  std::vector<Part> pending;  // what is still to be gone, the next one last
  const auto push = [&](std::string_view text, bool is_own) {
    const auto at = static_cast<std::ptrdiff_t>(pending.size());
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('/', begin), text.size());
      if (end > begin)
        pending.push_back(
            {std::string(text.substr(begin, end - begin)), is_own ? end : std::string::npos, is_own});
      begin = end + 1;
    }
    std::reverse(pending.begin() + at, pending.end());
  };
  push(target, true);
  Way way{target.starts_with('/') ? Path("/") : directory};
  const auto arrive = [&](std::size_t end) {
    if (end == std::string::npos) return;
    if (way.end == root) way.root_end = end, way.outside_since = false;
    if (!is_within(way.end, root)) way.was_outside = way.outside_since = true;
  };
  constexpr int kMostLinks = 40;  // as Linux has it
  for (int links = 0; !pending.empty();) {
    const Part part = std::move(pending.back());
    pending.pop_back();
    if (part.text == "..") {
      if (way.end == root && part.is_own) {
        // Out and back by a name that the copy has, too, is the same there.
        if (!pending.empty() && pending.back().text == name.native() && root.filename() == name) {
          arrive(pending.back().end);
          pending.pop_back();
          continue;
        }
        way.left = part.end;
      }
      way.end = way.end.parent_path();
    } else if (part.text != ".") {
      const Path next = way.end / part.text;
      std::error_code failed;
      Path onward;
      if (std::filesystem::is_symlink(std::filesystem::symlink_status(next, failed)))
        onward = std::filesystem::read_symlink(next, failed);
      if (!onward.empty()) {
        if (++links > kMostLinks) return std::nullopt;
        if (onward.is_absolute()) way.end = "/";
        const std::size_t before = pending.size();
        push(onward.native(), false);
        // Where its last part has led, this one has.
        if (pending.size() > before) {
          pending[before].end = part.end;
          continue;
        }
      } else {
        way.end = next;
      }
    }
    arrive(part.end);
  }
  return way;
}

Result<void> list_below(const Path& directory, const std::vector<std::string>& except,
                        std::vector<std::string>& paths, std::vector<std::string>* around) {
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  std::vector<std::string> pending = {""};
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
      if (std::find(except.begin(), except.end(), name) != except.end()) {
        if (around != nullptr) around->push_back(at);
        continue;
      }
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

MovedLinks::MovedLinks(const Path& from, Path to) : to_(std::move(to)) {
  std::error_code failed;
  from_ = std::filesystem::canonical(from, failed);
  if (failed) from_ = from.lexically_normal();
}

std::string MovedLinks::target_for(const Path& directory, const std::string& target) const {
  const std::optional<Way> way = follow(directory, target, from_, to_.filename());
  if (!way) return target;
  const bool is_absolute = target.starts_with('/');
  // A relative one that stays inside goes the same way in the copy.
  if (!is_absolute && !way->was_outside) return target;
  const auto in_copy = [&](std::string_view rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
    std::string above;
    if (is_absolute)
      above = to_.native() + "/";
    else
      for (Path at = directory; at != from_ && at.has_relative_path(); at = at.parent_path()) above += "../";
    above += rest;
    if (rest.empty() && !above.empty()) above.pop_back();
    return above.empty() ? std::string(".") : above;
  };
  // In its own words where they lead to the root: a link on the way from there is one in the copy, too.
  if (way->root_end != std::string::npos && !way->outside_since)
    return in_copy(std::string_view(target).substr(way->root_end));
  if (is_within(way->end, from_))
    return in_copy(way->end == from_ ? "" : way->end.lexically_relative(from_).native());
  std::error_code failed;
  if (is_absolute || way->left == std::string::npos || !std::filesystem::exists(directory / target, failed))
    return target;
  const Path above = from_.parent_path(), rest = Path(target.substr(way->left)).relative_path();
  return (rest.empty() ? above : above / rest).native();
}

Result<CopiedTree> copy_tree(const Path& from, const Path& to, std::vector<std::string> paths,
                             std::stop_token stop, const MovedLinks* links) {
  // Neighbours together: a directory is opened once. Git names them so.
  if (!std::is_sorted(paths.begin(), paths.end())) std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  const Descriptor from_fd = open_at(AT_FDCWD, from.c_str(), O_RDONLY | O_DIRECTORY);
  struct stat root {};
  if (!from_fd.valid() || ::fstat(from_fd.get(), &root) != 0)
    return system_error(fmt::format("open {}", from.native()), errno);
  const Descriptor to_fd = open_at(AT_FDCWD, to.c_str(), O_RDONLY | O_DIRECTORY);
  if (!to_fd.valid()) return system_error(fmt::format("open {}", to.native()), errno);
  Directories directories(from, to);
  std::vector<std::string> inside;
  inside.reserve(paths.size());
  for (std::string& path : paths) {
    if (!is_sane(path)) return Error{fmt::format("\"{}\" is no path inside of {}", path, from.native()), {}};
    if (stop.stop_requested()) return system_error("copy", ECANCELED);
    const std::size_t slash = path.rfind('/');
    Result<bool> above = directories.provide(
        slash == std::string::npos ? std::string_view() : std::string_view(path).substr(0, slash));
    if (!above) return std::move(above.error());
    if (*above) inside.push_back(std::move(path));
  }
  Work work{
      from, to, from_fd.get(), to_fd.get(), inside, stop, links, ::geteuid(), {}, {}, {}, {}, {}, {}, {},
      {},   {}};
  const std::size_t useful = std::max<std::size_t>(inside.size() / kAtOnce, 1);
  const std::size_t count = std::min(
      {static_cast<std::size_t>(std::max(1u, std::thread::hardware_concurrency())), kMostThreads, useful});
  for (std::size_t i = 0; i < count; ++i) {
    Share& share = work.shares.emplace_back();
    share.next = inside.size() * i / count;
    share.end = inside.size() * (i + 1) / count;
  }
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < count; ++i) threads.emplace_back([&work, i] { Copier(work, i).run(); });
    Copier(work, 0).run();
  }
  if (!work.more_names.empty()) Copier(work, 0).link_names();
  if (work.error) return std::move(*work.error);
  if (stop.stop_requested()) return system_error("copy", ECANCELED);
  for (const std::string& path : work.directories)
    if (Result<bool> made = directories.provide(path); !made) return std::move(made.error());
  work.done.unfinished = directories.take();
  work.done.directories = work.done.unfinished.size();
  work.done.unfinished.push_back({to, root});
  std::sort(work.done.left_out.begin(), work.done.left_out.end());
  return std::move(work.done);
}

Result<void> finish_directories(CopiedTree& copied) {
  std::vector<CopiedDirectory> directories = std::move(copied.unfinished);
  copied.unfinished.clear();
  // What is in one before itself: afterwards it may be closed to us.
  std::sort(directories.begin(), directories.end(),
            [](const auto& a, const auto& b) { return a.path.native() > b.path.native(); });
  const uid_t us = ::geteuid();
  for (const auto& [path, like] : directories) {
    if (::chmod(path.c_str(), mode_of_copy(like, us)) != 0)
      return system_error(fmt::format("set the mode of {}", path.native()), errno);
    const timespec times[] = {accessed(like), modified(like)};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  }
  return {};
}

Result<std::vector<std::string>> list_tree(const Path& directory, const std::vector<std::string>& except,
                                           std::vector<std::string>* around) {
  std::vector<std::string> paths;
  if (Result<void> listed = list_below(directory, except, paths, around); !listed)
    return std::move(listed.error());
  return paths;
}

}  // namespace buildspec_run
