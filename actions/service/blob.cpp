#include "actions/service/blob.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "actions/service/runtime_token.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kStaging = ".staging-";
constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::uint64_t kReserveBytes = std::uint64_t{256} << 20;  // stay free when blocks are put together

/// The lock of a directory; not valid: somebody else has it, or it is gone.
Descriptor try_lock(const Path& directory) {
  Descriptor fd = open_at(AT_FDCWD, directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd.valid() && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return fd;
}

Result<void> write_all(int file, std::string_view bytes, std::optional<std::uint64_t> offset) {
  while (!bytes.empty()) {
    const ssize_t put = offset ? ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(*offset))
                               : ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    if (offset) *offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

/// Calls `take` with all of a file, piece by piece.
template <class Take>
Result<void> each_piece(const Path& path, std::vector<char>& buffer, Take take) {
  const Descriptor from = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW);
  if (!from.valid()) return system_error("open a block", errno);
  for (;;) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read a block", errno);
    if (got == 0) return {};
    if (Result<void> taken = take(std::string_view(buffer.data(), static_cast<std::size_t>(got))); !taken)
      return taken;
  }
}

Result<void> rename_file(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return system_error("rename to " + to.native(), errno);
}

void remove_file(const Path& path) { ::unlink(path.c_str()); }

}  // namespace

Result<StagingDirectory> StagingDirectory::make(const Path& parent) {
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(parent, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (!entry->path().filename().native().starts_with(kStaging)) continue;
    if (const Descriptor lock = try_lock(entry->path()); lock.valid())
      static_cast<void>(remove_tree(entry->path()));
  }
  // It has its name when it has its lock: before, nobody takes it for one that was left.
  Result<Path> made = make_temporary_directory(parent, ".new-staging-");
  if (!made) return std::move(made.error());
  Descriptor lock = try_lock(*made);
  const std::string random = made->native().substr(made->native().size() - 6);
  const Path path = parent / fmt::format("{}{}", kStaging, random);
  Result<void> named =
      lock.valid() ? rename_file(*made, path) : Result<void>(system_error("lock " + made->native(), errno));
  if (!named) {
    static_cast<void>(remove_tree(*made));
    return std::move(named.error());
  }
  return StagingDirectory(path, std::move(lock));
}

bool StagingDirectory::is_alive(const Path& parent, const std::string& name) {
  if (!name.starts_with(kStaging) || name.find('/') != std::string::npos) return false;
  const Descriptor fd = open_at(AT_FDCWD, (parent / name).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return fd.valid() && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

StagingDirectory::~StagingDirectory() {
  if (lock_.valid()) static_cast<void>(remove_tree(path_));
}

Result<PartFile> PartFile::make(const Path& directory, std::uint64_t limit_bytes) {
  std::string name = (directory / "part-XXXXXX").native();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return system_error("make a file in " + directory.native(), errno);
  return PartFile(name, Descriptor(fd), limit_bytes);
}

PartFile::~PartFile() {
  if (file_.valid()) remove_file(path_);
}

Result<void> PartFile::write(std::string_view bytes) {
  if (bytes.size() > limit_bytes_ - bytes_) return system_error("write", EFBIG);
  bytes_ += bytes.size();
  return write_all(file_.get(), bytes, std::nullopt);
}

Result<void> PartFile::moved_to(const Path& path) {
  Result<void> moved = rename_file(path_, path);
  if (moved) Descriptor(std::move(file_));
  return moved;
}

void add_range(std::map<std::uint64_t, std::uint64_t>& ranges, std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  auto next = ranges.upper_bound(begin);
  if (next != ranges.begin() && std::prev(next)->second >= begin) {
    --next;
    begin = next->first;
  }
  while (next != ranges.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = ranges.erase(next);
  }
  ranges[begin] = end;
}

Blob::Blob(std::string id, Path directory, std::uint64_t limit_bytes, std::unique_ptr<Sha256> sha256)
    : id_(std::move(id)),
      directory_(std::move(directory)),
      limit_bytes_(limit_bytes),
      sha256_(std::move(sha256)) {}

Blob::~Blob() {
  drop_blocks();
  if (!sealed_) {
    remove_file(file("whole"));
    remove_file(file("ranges"));
  }
}

Path Blob::file(std::string_view what) const { return directory_ / fmt::format("{}.{}", id_, what); }

void Blob::drop_blocks() {
  for (const auto& [name, block] : blocks_) remove_file(block.path);
  blocks_.clear();
}

Result<PartFile> Blob::make_part() const { return PartFile::make(directory_, limit_bytes_); }

BlobEnd Blob::put_block(const std::string& name, PartFile part) {
  const std::lock_guard guard(mutex_);
  if (sealed_) return BlobEnd::sealed;
  std::uint64_t staged = part.bytes();
  for (const auto& [each, block] : blocks_)
    if (each != name) staged += block.bytes;
  if (staged > limit_bytes_) return BlobEnd::too_large;
  const auto [found, is_new] = blocks_.try_emplace(name);
  if (is_new) found->second.path = file(fmt::format("block-{}", ++blocks_made_));
  if (!part.moved_to(found->second.path)) {
    if (is_new) blocks_.erase(found);
    return BlobEnd::failed;
  }
  found->second.bytes = part.bytes();
  return BlobEnd::done;
}

BlobEnd Blob::put_whole(PartFile part) {
  const std::lock_guard guard(mutex_);
  if (sealed_) return BlobEnd::sealed;
  const std::uint64_t bytes = part.bytes();
  const Path block = file("block-0");
  if (!part.moved_to(block)) return BlobEnd::failed;
  const BlobEnd end = assemble({{block, bytes}}, bytes);
  if (end == BlobEnd::done) committed_list_.clear();
  return end;
}

BlobEnd Blob::commit(const std::vector<std::string>& names) {
  const std::lock_guard guard(mutex_);
  if (sealed_) return BlobEnd::sealed;
  if (size_ && names == committed_list_ && blocks_.empty()) return BlobEnd::done;  // its answer was lost
  std::vector<Block> blocks;
  std::uint64_t total = 0;
  for (const std::string& name : names) {
    const auto found = blocks_.find(name);
    if (found == blocks_.end()) return BlobEnd::unknown_block;
    blocks.push_back(found->second);
    total += found->second.bytes;
    if (total > limit_bytes_) return BlobEnd::too_large;
  }
  const BlobEnd end = assemble(blocks, total);
  if (end != BlobEnd::done) return end;
  committed_list_ = names;
  drop_blocks();
  return end;
}

/// Makes the blocks the content. One alone is not copied: it becomes the content.
BlobEnd Blob::assemble(const std::vector<Block>& blocks, std::uint64_t total) {
  std::vector<char> buffer(kPieceBytes);
  const Path whole = file("whole");
  const auto hash = [&](std::string_view bytes) -> Result<void> {
    if (abandoned_) return Error{"the services end"};
    if (sha256_ != nullptr) sha256_->update(bytes);
    return {};
  };
  Result<void> done;
  if (blocks.size() == 1) {
    if (sha256_ != nullptr) done = each_piece(blocks.front().path, buffer, hash);
    if (done) done = rename_file(blocks.front().path, whole);
  } else {
    // The blocks stay until their copy is whole: the disk that a build works on must not run full for it.
    std::error_code unknown;
    const std::filesystem::space_info space = std::filesystem::space(directory_, unknown);
    if (!unknown && space.available < total + kReserveBytes) return BlobEnd::failed;
    Result<PartFile> part = PartFile::make(directory_, limit_bytes_);
    if (!part) return BlobEnd::failed;
    for (const Block& block : blocks) {
      if (!done) break;
      done = each_piece(block.path, buffer, [&](std::string_view bytes) -> Result<void> {
        if (Result<void> hashed = hash(bytes); !hashed) return hashed;
        return part->write(bytes);
      });
    }
    if (done) done = part->moved_to(whole);
  }
  std::string digest;
  if (sha256_ != nullptr)
    digest = "sha256:" + to_hex(sha256_->finish());  // also after an error: it begins anew
  if (!done) return BlobEnd::failed;
  digest_ = std::move(digest);
  size_ = total;
  return BlobEnd::done;
}

BlobEnd Blob::put_range(std::uint64_t offset, const PartFile& part) {
  const std::lock_guard guard(mutex_);
  if (sealed_ || size_) return BlobEnd::sealed;
  if (offset > limit_bytes_ || part.bytes() > limit_bytes_ - offset) return BlobEnd::too_large;
  const Descriptor into = open_at(AT_FDCWD, file("ranges").c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (!into.valid()) return BlobEnd::failed;
  std::vector<char> buffer(kPieceBytes);
  std::uint64_t at = offset;
  const Result<void> copied = each_piece(part.path(), buffer, [&](std::string_view bytes) {
    Result<void> written = write_all(into.get(), bytes, at);
    at += bytes.size();
    return written;
  });
  if (!copied) return BlobEnd::failed;
  add_range(ranges_, offset, at);
  return BlobEnd::done;
}

BlobEnd Blob::commit_ranges(std::uint64_t size) {
  const std::lock_guard guard(mutex_);
  if (sealed_ || size_) return size_ == size ? BlobEnd::done : BlobEnd::sealed;
  const bool is_whole =
      size == 0 ? ranges_.empty()
                : ranges_.size() == 1 && ranges_.begin()->first == 0 && ranges_.begin()->second == size;
  if (!is_whole) return BlobEnd::wrong_size;
  if (size == 0) {
    Result<PartFile> empty = PartFile::make(directory_, limit_bytes_);
    if (!empty || !empty->moved_to(file("ranges"))) return BlobEnd::failed;
  }
  return assemble({{file("ranges"), size}}, size);
}

std::optional<std::uint64_t> Blob::size() const {
  const std::lock_guard guard(mutex_);
  return size_;
}

std::string Blob::digest() const {
  const std::lock_guard guard(mutex_);
  return digest_;
}

Result<void> Blob::seal(const Path& path) {
  const std::lock_guard guard(mutex_);
  if (!size_ || sealed_) return Error{"nothing has been uploaded, or it is sealed already"};
  Result<void> moved = rename_file(file("whole"), path);
  if (!moved) return moved;
  sealed_ = true;
  drop_blocks();
  return {};
}

Result<std::string> make_blob_id() {
  Result<std::string> bytes = random_bytes(12);
  if (!bytes) return bytes;
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
}

}  // namespace buildspec_run
