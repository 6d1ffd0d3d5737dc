// Blobs: bytes that clients upload in one go, in blocks in any order, or in ranges, and that are sealed when their owner has
// been told that they are whole. Source: services.md 6, 13.1.
//
// No text of a client is a path: files are named after ids that we make.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/descriptor.h"
#include "runner/sys/digest.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// A directory of ours for what is not yet whole, mode 0700, held by a lock and removed when this is destroyed. What a run
/// that was killed has left is known by its free lock.
class StagingDirectory {
 public:
  /// `<parent>/.staging-XXXXXX`. Removes those beside it that nobody holds.
  static Result<StagingDirectory> make(const Path& parent);
  /// Whether `<parent>/<name>` is one that somebody holds.
  [[nodiscard]] static bool is_alive(const Path& parent, const std::string& name);

  StagingDirectory(StagingDirectory&&) noexcept = default;
  StagingDirectory& operator=(StagingDirectory&&) = delete;
  ~StagingDirectory();
  [[nodiscard]] const Path& path() const noexcept { return path_; }
  [[nodiscard]] std::string name() const { return path_.filename().native(); }

 private:
  StagingDirectory(Path path, Descriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  Path path_;
  Descriptor lock_;  // not valid: moved from
};

/// A new file of mode 0600 that a body is written to. Removed when this is destroyed, unless `moved_to` took it.
class PartFile {
 public:
  /// At most `limit_bytes` go into it.
  static Result<PartFile> make(const Path& directory, std::uint64_t limit_bytes);
  PartFile(PartFile&&) noexcept = default;
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile();

  /// An Error EFBIG: more than the limit.
  Result<void> write(std::string_view bytes);
  Result<void> moved_to(const Path& path);
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] const Path& path() const noexcept { return path_; }

 private:
  PartFile(Path path, Descriptor file, std::uint64_t limit_bytes)
      : path_(std::move(path)), file_(std::move(file)), limit_bytes_(limit_bytes) {}
  Path path_;
  Descriptor file_;  // not valid: moved from, or given away
  std::uint64_t bytes_ = 0, limit_bytes_ = 0;
};

/// What has come of a request on a blob.
enum class BlobEnd { done, sealed, unknown_block, wrong_size, too_large, failed };

/// One blob. Any number of threads may ask it at once.
class Blob {
 public:
  /// Its files lie in `directory`, which outlives it. `sha256`: when given, what is committed gets its digest.
  Blob(std::string id, Path directory, std::uint64_t limit_bytes, std::unique_ptr<Sha256> sha256);
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;
  ~Blob();

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  /// A file for a body.
  Result<PartFile> make_part() const;
  /// Stages a block; one of the same name is replaced.
  BlobEnd put_block(const std::string& name, PartFile part);
  /// The whole content in one go.
  BlobEnd put_whole(PartFile part);
  /// The content is these blocks, in this order. The same list again is done again.
  BlobEnd commit(const std::vector<std::string>& names);
  /// Whatever is being put together fails soon: who waits for the server's threads must not wait for gigabytes.
  void abandon() noexcept { abandoned_ = true; }
  /// Bytes from `offset` on, of an upload in ranges.
  BlobEnd put_range(std::uint64_t offset, const PartFile& part);
  /// The ranges are the content, when they cover `size` bytes without a hole.
  BlobEnd commit_ranges(std::uint64_t size);

  /// Of what is committed; nullopt: nothing is yet.
  [[nodiscard]] std::optional<std::uint64_t> size() const;
  /// "sha256:<hex>" of what is committed; empty without `sha256`.
  [[nodiscard]] std::string digest() const;
  /// Moves what is committed to `path`, within one file system; from now on nothing changes it.
  Result<void> seal(const Path& path);

 private:
  struct Block {
    Path path;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Path file(std::string_view what) const;
  BlobEnd assemble(const std::vector<Block>& blocks, std::uint64_t total);
  void drop_blocks();

  const std::string id_;
  const Path directory_;
  const std::uint64_t limit_bytes_;
  const std::unique_ptr<Sha256> sha256_;

  std::atomic<bool> abandoned_{false};

  mutable std::mutex mutex_;  // of all below
  std::map<std::string, Block> blocks_;
  std::uint64_t blocks_made_ = 0;
  std::vector<std::string> committed_list_;
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin to end, apart from each other
  std::optional<std::uint64_t> size_;
  std::string digest_;
  bool sealed_ = false;
};

/// A new id of 24 hexadecimal digits.
Result<std::string> make_blob_id();

/// Adds [begin, end) to `ranges`, which stay apart from each other.
void add_range(std::map<std::uint64_t, std::uint64_t>& ranges, std::uint64_t begin, std::uint64_t end);

}  // namespace buildspec_run
