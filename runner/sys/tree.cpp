#include "runner/sys/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "runner/base/check.h"
#include "runner/base/handle.h"
#include "runner/sys/descriptor.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kPathBytes = 4096, kDepth = 200;

struct Record {
  std::string path;
  std::string_view mode;
  Sha256Digest digest;
};

std::string digest_of(std::vector<Record> records, Sha256& sha256) {
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return a.path < b.path; });
  for (const Record& record : records) {
    sha256.update(fmt::format("{} {}\t{}", record.mode, to_hex(record.digest), record.path));
    sha256.update(std::string_view("\0", 1));
  }
  return "sha256:" + to_hex(sha256.finish());
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, slash));
    if (slash == path.size()) return parts;
    path.remove_prefix(slash + 1);
  }
}

/// What is wrong with the path of an entry; empty when nothing is.
std::string_view objection(std::string_view path) {
  if (path.empty()) return "has no name";
  if (path.front() == '/') return "has an absolute path";
  if (path.find('\0') != std::string_view::npos) return "has a NUL in its path";
  if (path.size() > kPathBytes) return "has a path of more than 4096 bytes";
  const std::vector<std::string_view> parts = parts_of(path);
  if (parts.size() > kDepth) return "lies more than 200 directories deep";
  for (const std::string_view part : parts) {
    if (part == "..") return "leads out of the tree";
    if (part == "." || part.empty()) return "has a part without a name in its path";
    if (part.size() > NAME_MAX) return "has a name of more than 255 bytes";
  }
  return {};
}

/// Whether a link at `path` to `target` stays in the tree whatever else is in it. The link lies in a real directory, so
/// the ".." that the target begins with lead up as far as they say. A name behind them may be a link itself, and a ".."
/// behind that would lead anywhere: it is refused.
bool stays_inside(std::string_view path, std::string_view target) {
  if (target.empty() || target.front() == '/') return false;
  std::size_t depth = parts_of(path).size() - 1;
  bool named = false;
  for (const std::string_view part : parts_of(target)) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      named = true;
    else if (named || depth-- == 0)
      return false;
  }
  return true;
}

class DiskTreeWriter : public TreeWriter {
 public:
  DiskTreeWriter(Descriptor root, std::unique_ptr<Sha256> sha256, const TreeLimits& limits)
      : root_(std::move(root)), sha256_(std::move(sha256)), limits_(limits) {}

  Result<void> directory(std::string_view path) override {
    if (Result<void> fit = admit(path); !fit) return fit;
    Result<int> made = enter(path, path);
    if (!made) return std::move(made.error());
    return {};
  }

  Result<void> begin_file(std::string_view path, bool executable) override {
    check(!file_.valid(), "one file at a time");
    if (Result<void> fit = admit(path); !fit) return fit;
    const std::size_t slash = path.rfind('/');
    Result<int> parent = enter(slash == std::string_view::npos ? "" : path.substr(0, slash), path);
    if (!parent) return std::move(parent.error());
    const std::string name(path.substr(slash == std::string_view::npos ? 0 : slash + 1));
    const mode_t mode = executable ? 0755 : 0644;
    file_ = open_at(*parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (!file_.valid() || ::fchmod(file_.get(), mode) != 0) return failed(path);
    records_.push_back({std::string(path), executable ? "100755" : "100644", {}});
    return {};
  }

  Result<void> write(std::string_view bytes) override {
    check(file_.valid(), "a file has begun");
    const std::string& path = records_.back().path;
    if (bytes.size() > limits_.bytes - summary_.bytes)
      return Error{fmt::format("entry \"{}\": the files have more than {} bytes", path, limits_.bytes),
                   std::error_code(EFBIG, std::generic_category())};
    summary_.bytes += bytes.size();
    sha256_->update(bytes);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed(path);
      if (written == 0) return system_error(fmt::format("write entry \"{}\"", path), EIO);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<void> end_file() override {
    check(file_.valid(), "a file has begun");
    records_.back().digest = sha256_->finish();
    if (const int error = file_.close()) {
      errno = error;
      return failed(records_.back().path);
    }
    return {};
  }

  Result<void> link(std::string_view path, std::string_view target) override {
    if (Result<void> fit = admit(path); !fit) return fit;
    if (target.find('\0') != std::string_view::npos || target.size() > kPathBytes ||
        !stays_inside(path, target))
      return Error{fmt::format("entry \"{}\" is a link that leads out of the tree: \"{}\"", path, target)};
    const std::size_t slash = path.rfind('/');
    Result<int> parent = enter(slash == std::string_view::npos ? "" : path.substr(0, slash), path);
    if (!parent) return std::move(parent.error());
    const std::string name(path.substr(slash == std::string_view::npos ? 0 : slash + 1));
    if (::symlinkat(std::string(target).c_str(), *parent, name.c_str()) != 0) return failed(path);
    sha256_->update(target);
    records_.push_back({std::string(path), "120000", sha256_->finish()});
    return {};
  }

  TreeSummary finish() override {
    check(!file_.valid(), "every file has ended");
    summary_.files = records_.size();
    summary_.digest = digest_of(std::move(records_), *sha256_);
    return std::move(summary_);
  }

 private:
  static Error failed(std::string_view path) {
    const int error = errno;
    return system_error(fmt::format("write entry \"{}\"", path), error);
  }

  Result<void> admit(std::string_view path) {
    if (const std::string_view why = objection(path); !why.empty())
      return Error{fmt::format("entry \"{}\" {}", path.substr(0, kPathBytes), why)};
    if (++entries_ > limits_.entries)
      return Error{fmt::format("entry \"{}\": the tree has more than {} entries", path, limits_.entries),
                   std::error_code(EFBIG, std::generic_category())};
    return {};
  }

  /// The directory `path`, made when it is missing; never through a link. `entry`: for the message.
  Result<int> enter(std::string_view path, std::string_view entry) {
    if (path.empty()) return root_.get();
    if (open_.valid() && path == open_path_) return open_.get();
    Descriptor here;
    int parent = root_.get();
    for (const std::string_view part : parts_of(path)) {
      const std::string name(part);
      if (::mkdirat(parent, name.c_str(), 0755) == 0) {
        if (::fchmodat(parent, name.c_str(), 0755, 0) != 0) return failed(entry);
      } else if (errno != EEXIST) {
        return failed(entry);
      }
      Descriptor next = open_at(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (!next.valid()) return failed(entry);
      here = std::move(next);
      parent = here.get();
    }
    open_ = std::move(here);
    open_path_ = path;
    return open_.get();
  }

  Descriptor root_;
  std::unique_ptr<Sha256> sha256_;
  TreeLimits limits_;
  std::vector<Record> records_;
  TreeSummary summary_;
  std::size_t entries_ = 0;
  Descriptor file_;
  Descriptor open_;  // the directory that was entered last, as entries come directory by directory
  std::string open_path_;
};

using Directory = Handle<DIR, ::closedir>;

Result<void> sum_up(int at, const std::string& name, const std::string& path, int depth, Sha256& sha256,
                    std::vector<Record>& records, std::uint64_t& bytes) {
  const auto failed = [&] { return system_error("read " + (path.empty() ? std::string(".") : path), errno); };
  if (depth > static_cast<int>(kDepth)) return Error{path + " lies more than 200 directories deep"};
  Descriptor opened = open_at(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened.valid()) return failed();
  const Directory directory(::fdopendir(opened.get()));
  if (!directory) return failed();
  const int here = opened.release();  // the stream's own from now on
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return failed();
      return {};
    }
    const std::string child = entry->d_name;
    if (child == "." || child == "..") continue;
    std::string child_path = path;
    if (!child_path.empty()) child_path += '/';
    child_path += child;
    struct stat status;
    if (::fstatat(here, child.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return system_error("read " + child_path, errno);
    if (S_ISDIR(status.st_mode)) {
      if (Result<void> done = sum_up(here, child, child_path, depth + 1, sha256, records, bytes); !done)
        return done;
    } else if (S_ISLNK(status.st_mode)) {
      std::string target(kPathBytes + 1, '\0');
      const ssize_t size = ::readlinkat(here, child.c_str(), target.data(), target.size());
      if (size < 0) return system_error("read " + child_path, errno);
      sha256.update({target.data(), static_cast<std::size_t>(size)});
      records.push_back({child_path, "120000", sha256.finish()});
    } else if (S_ISREG(status.st_mode)) {
      Descriptor file = open_at(here, child.c_str(), O_RDONLY | O_NOFOLLOW | O_NOCTTY);
      if (!file.valid()) return system_error("read " + child_path, errno);
      std::array<char, 65536> piece;
      for (;;) {
        const ssize_t got = ::read(file.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error("read " + child_path, errno);
        if (got == 0) break;
        bytes += static_cast<std::uint64_t>(got);
        sha256.update({piece.data(), static_cast<std::size_t>(got)});
      }
      records.push_back({child_path, (status.st_mode & 0111) != 0 ? "100755" : "100644", sha256.finish()});
    } else {
      return Error{child_path + " is neither a file, a link nor a directory"};
    }
  }
}

}  // namespace

Result<std::unique_ptr<TreeWriter>> make_tree_writer(const Path& root, std::unique_ptr<Sha256> sha256,
                                                     const TreeLimits& limits) {
  Descriptor opened = open_at(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY);
  if (!opened.valid()) return system_error("open " + root.native(), errno);
  return std::unique_ptr<TreeWriter>(new DiskTreeWriter(std::move(opened), std::move(sha256), limits));
}

Result<TreeSummary> sum_up_tree(const Path& root, Sha256& sha256) {
  std::vector<Record> records;
  TreeSummary summary;
  // The root itself may be reached by a link.
  Descriptor opened = open_at(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY);
  if (!opened.valid()) return system_error("open " + root.native(), errno);
  if (Result<void> done = sum_up(opened.get(), ".", "", 0, sha256, records, summary.bytes); !done)
    return std::move(done.error()).in("sum up " + root.native());
  summary.files = records.size();
  summary.digest = digest_of(std::move(records), sha256);
  return summary;
}

}  // namespace buildspec_run
