#include "runner/archive/unpack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "runner/archive/archive_module.h"
#include "runner/sys/digest.h"
#include "runner/sys/module.h"

namespace buildspec_run {
namespace {

/// The archive, closed at the end.
class OpenArchive {
 public:
  OpenArchive(const BuildspecRunArchive& functions, const Path& file)
      : functions_(functions), opened_(functions.open(file.c_str())) {}
  OpenArchive(const OpenArchive&) = delete;
  OpenArchive& operator=(const OpenArchive&) = delete;
  ~OpenArchive() {
    if (opened_ != nullptr) functions_.close(opened_);
  }

  [[nodiscard]] bool is_open() const { return opened_ != nullptr; }
  int next(BuildspecRunArchiveEntry& entry) { return functions_.next(opened_, &entry); }
  int read(std::string_view& bytes, std::int64_t& offset) {
    const void* begin = nullptr;
    std::size_t size = 0;
    const int status = functions_.read(opened_, &begin, &size, &offset);
    bytes = status > 0 ? std::string_view(static_cast<const char*>(begin), size) : std::string_view();
    return status;
  }
  [[nodiscard]] std::string error() const { return functions_.error(opened_); }

 private:
  const BuildspecRunArchive& functions_;
  void* opened_;
};

/// The archive's one top-level directory.
class TopLevel {
 public:
  /// What is left of `path` behind the top-level directory; empty for that directory itself.
  std::string_view strip(std::string_view path) {
    while (path.starts_with("./")) path.remove_prefix(2);
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view top = path.substr(0, slash);
    if (std::find(names_.begin(), names_.end(), top) == names_.end() && names_.size() < 1000)
      names_.emplace_back(top);
    path.remove_prefix(std::min(slash + 1, path.size()));
    while (path.ends_with('/')) path.remove_suffix(1);  // a directory's
    return path;
  }
  [[nodiscard]] std::size_t count() const { return names_.size(); }

 private:
  std::vector<std::string> names_;
};

/// Bytes at a distance from the last ones: what lies between is zero, as in a sparse file.
Result<void> write_zeros(TreeWriter& tree, std::int64_t count) {
  static constexpr std::array<char, 65536> kZeros{};
  while (count > 0) {
    const auto some = std::min<std::int64_t>(count, kZeros.size());
    if (Result<void> done = tree.write({kZeros.data(), static_cast<std::size_t>(some)}); !done) return done;
    count -= some;
  }
  return {};
}

Result<void> copy_content(OpenArchive& archive, TreeWriter& tree, std::string_view path,
                          const std::stop_token& stop) {
  std::int64_t at = 0, offset = 0;
  std::string_view bytes;
  for (;;) {
    if (stop.stop_requested()) return Error{"stopped", std::make_error_code(std::errc::operation_canceled)};
    const int status = archive.read(bytes, offset);
    if (status == 0) return {};
    if (status < 0) return Error{fmt::format("entry \"{}\": {}", path, archive.error())};
    if (offset < at) return Error{fmt::format("entry \"{}\" overlaps itself", path)};
    if (Result<void> done = write_zeros(tree, offset - at); !done) return done;
    if (Result<void> done = tree.write(bytes); !done) return done;
    at = offset + static_cast<std::int64_t>(bytes.size());
  }
}

}  // namespace

Result<TreeSummary> unpack(const Path& modules, const Path& archive, const Path& directory,
                           const TreeLimits& limits, std::stop_token stop) {
  Result<void*> symbol = load_module(modules, "archive", BUILDSPEC_RUN_ARCHIVE_NAME);
  if (!symbol) return std::move(symbol.error());
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules);
  if (!sha256) return std::move(sha256.error());
  Result<std::unique_ptr<TreeWriter>> tree = make_tree_writer(directory, std::move(*sha256), limits);
  if (!tree) return std::move(tree.error());
  OpenArchive opened(*static_cast<const BuildspecRunArchive*>(*symbol), archive);
  if (!opened.is_open()) return system_error("open " + archive.native(), ENOMEM);

  TopLevel top;
  for (;;) {
    if (stop.stop_requested()) return Error{"stopped", std::make_error_code(std::errc::operation_canceled)};
    BuildspecRunArchiveEntry entry{};
    const int status = opened.next(entry);
    if (status == 0) break;
    if (status < 0) return Error{opened.error()};
    const std::string_view whole = entry.path;
    if (whole.empty() || whole.front() == '/' || whole == ".." || whole.starts_with("../"))
      return Error{fmt::format("entry \"{}\" leads out of the archive", whole)};
    if (whole == "." || whole == "./") continue;  // tar's own, of an archive made by "tar -c ."
    const std::string path(top.strip(whole));
    if (top.count() > 1) continue;  // an error already; the rest is only counted
    if (path.empty()) {
      if (entry.kind == BUILDSPEC_RUN_ARCHIVE_DIRECTORY) continue;
      return Error{fmt::format("entry \"{}\" lies outside of the one directory there should be", whole)};
    }
    Result<void> done;
    switch (entry.kind) {
      case BUILDSPEC_RUN_ARCHIVE_DIRECTORY:
        done = (*tree)->directory(path);
        break;
      case BUILDSPEC_RUN_ARCHIVE_LINK:
        done = (*tree)->link(path, entry.target);
        break;
      case BUILDSPEC_RUN_ARCHIVE_FILE:
        done = (*tree)->begin_file(path, entry.executable != 0);
        if (done) done = copy_content(opened, **tree, path, stop);
        if (done) done = (*tree)->end_file();
        break;
      case BUILDSPEC_RUN_ARCHIVE_OTHER:
        return Error{fmt::format("entry \"{}\" is {}", path, entry.kind_name)};
    }
    if (!done) return std::move(done.error());
  }
  if (top.count() != 1)
    return Error{fmt::format("'{}' contains '{}' directories", archive.native(), top.count())};
  return (*tree)->finish();
}

}  // namespace buildspec_run
