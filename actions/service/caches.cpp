#include "actions/service/caches.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <thread>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kEntryBytes = std::uint64_t{10} << 30;
constexpr std::uint64_t kFreeBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kIndexBytes = 256 << 20;
constexpr std::size_t kLongestKey = 512;
constexpr std::size_t kMostKeys = 100;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool is_key(std::string_view key) {
  return !key.empty() && key.size() <= kLongestKey && key.find(',') == std::string_view::npos &&
         !find_invalid_utf8(key);
}

const CacheScope* writable(const TokenClaims& claims) {
  const auto found = std::ranges::find_if(claims.scopes, &CacheScope::may_write);
  return found == claims.scopes.end() ? nullptr : &*found;
}

CacheReserved refused(std::string_view code, std::string message) {
  return {0, {}, std::string(code), std::move(message)};
}

}  // namespace

Result<Path> cache_path(const Path& modules, const Path& root, std::string_view repository) {
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules);
  if (!sha256) return std::move(sha256.error());
  (*sha256)->update(repository);
  return root / to_hex((*sha256)->finish()).substr(0, 32);
}

/// Called with the mutex held.
Result<void> CacheDirectory::open() {
  if (staging_) return {};
  if (Result<void> made = make_directories(path_ / "blobs", 0700); !made) return made;
  Result<StagingDirectory> staging = StagingDirectory::make(path_);
  if (!staging) return std::move(staging.error());
  staging_.emplace(std::move(*staging));
  // For people: the directory's own name says nothing to them.
  std::error_code failed;
  if (!std::filesystem::exists(path_ / "repository", failed))
    return replace_file(path_ / "repository", repository_ + "\n", 0600);
  return {};
}

/// Removes the bytes of no entry: of a run that was killed just before it wrote the index, or of an index that is damaged.
/// Called with the lock held.
void CacheDirectory::remove_unlisted(const CacheIndex& index) const {
  std::set<std::string_view> listed;
  for (const CacheEntry& entry : index.entries) listed.insert(entry.blob);
  std::error_code failed;
  for (std::filesystem::directory_iterator file(path_ / "blobs", failed), end; !failed && file != end;
       file.increment(failed))
    if (!listed.contains(file->path().filename().native())) ::unlink(file->path().c_str());
}

/// Called with the mutex held.
Result<void> CacheDirectory::with_index(const std::function<bool(CacheIndex&)>& change) {
  if (Result<void> opened = open(); !opened) return std::move(opened.error()).in("open the caches");
  // Whoever has it holds it for milliseconds.
  std::optional<FileLock> lock;
  for (int tries = 0; !lock; ++tries) {
    Result<std::optional<FileLock>> taken = FileLock::take(path_ / "lock");
    if (!taken) return std::move(taken.error()).in("lock the caches");
    lock = std::move(*taken);
    if (lock) break;
    if (tries == 2000) return Error{"the caches have been locked by another run for ten seconds"};
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const Path file = path_ / "index.json";
  CacheIndex index;
  std::error_code failed;
  if (std::filesystem::exists(file, failed)) {
    Result<std::string> text = read_file(file, kIndexBytes);
    if (!text) return std::move(text.error());
    // A damaged index is as good as none.
    std::optional<CacheIndex> read = parse_cache_index(*text);
    if (read) index = std::move(*read);
    is_swept_ = is_swept_ && read.has_value();
  }
  if (!std::exchange(is_swept_, true)) remove_unlisted(index);
  // What a run that was killed was uploading is no reservation any more.
  std::erase_if(index.entries, [&](const CacheEntry& entry) {
    return !entry.owner.empty() && entry.owner != staging_->name() &&
           !StagingDirectory::is_alive(path_, entry.owner);
  });
  if (!change(index)) return {};
  for (const CacheEntry& gone : evict(index, limits_, now_ms())) ::unlink(blob_path(gone.blob).c_str());
  return replace_file(file, to_text(index), 0600);
}

CacheReserved CacheDirectory::reserve(std::string_view key, std::string_view version,
                                      const TokenClaims& claims) {
  if (!is_key(key)) return refused("invalid_argument", "a key has 1 to 512 bytes, and no comma");
  if (version.empty() || version.size() > kLongestKey)
    return refused("invalid_argument", "a version has 1 to 512 bytes");
  const CacheScope* scope = writable(claims);
  if (scope == nullptr) return refused("denied", "cache write denied: token has no writable scope");
  Result<std::string> blob_id = make_blob_id();
  if (!blob_id) return refused("internal", blob_id.error().message);
  const std::lock_guard guard(mutex_);
  CacheReserved reserved;
  const Result<void> done = with_index([&](CacheIndex& index) {
    std::error_code failed;
    if (const auto space = std::filesystem::space(path_, failed); !failed && space.available < kFreeBytes) {
      reserved = refused("denied", "less than 256 MiB are free where caches are kept");
      return false;
    }
    if (const auto same = find_same(index, key, version, scope->ref)) {
      const CacheEntry& there = index.entries[*same];
      std::error_code gone;
      if (!there.owner.empty() || std::filesystem::file_size(blob_path(there.blob), gone) == there.bytes) {
        reserved =
            refused("already_exists", "cache entry with the same key, version, and scope already exists");
        return false;
      }
      index.entries.erase(index.entries.begin() + static_cast<std::ptrdiff_t>(*same));
    }
    reserved.id = ++index.last_id;
    reserved.blob = *blob_id;
    const std::int64_t now = now_ms();
    index.entries.push_back({reserved.id, std::string(key), std::string(version), scope->ref, *blob_id, 0,
                             now, now, staging_->name()});
    return true;
  });
  if (!done) return refused("internal", done.error().message);
  if (!reserved.code.empty()) return reserved;
  auto blob =
      std::make_shared<Blob>(*blob_id, staging_->path(), std::min(kEntryBytes, limits_.bytes), nullptr);
  blobs_.add(blob);
  pending_[reserved.id] = {std::string(key), std::string(version), scope->ref, claims.job, std::move(blob)};
  return reserved;
}

CacheReserved CacheDirectory::commit(std::string_view key, std::string_view version, std::int64_t id,
                                     std::uint64_t bytes, const TokenClaims& claims) {
  const std::lock_guard guard(mutex_);
  const auto found = std::ranges::find_if(pending_, [&](const auto& each) {
    const Pending& pending = each.second;
    if (pending.job != claims.job) return false;
    return id != 0 ? each.first == id : equals_ignoring_case(pending.key, key) && pending.version == version;
  });
  if (found == pending_.end()) {
    // Its answer was lost?
    CacheReserved again = refused("not_found", "no such cache entry is being uploaded by this job");
    const CacheScope* scope = writable(claims);
    const Result<void> looked = with_index([&](CacheIndex& index) {
      for (const CacheEntry& entry : index.entries)
        if (scope != nullptr && entry.owner.empty() && entry.bytes == bytes && entry.scope == scope->ref &&
            (id != 0 ? entry.id == id : equals_ignoring_case(entry.key, key) && entry.version == version))
          again = {entry.id, entry.blob, {}, {}};
      return false;
    });
    return looked ? again : refused("internal", looked.error().message);
  }
  const std::int64_t reserved_id = found->first;
  const std::shared_ptr<Blob> blob = found->second.blob;
  if (id != 0) {  // v1: the ranges are put together now
    if (blob->commit_ranges(bytes) != BlobEnd::done) {
      drop(reserved_id);
      return refused("size", fmt::format("size mismatch: {} bytes are said to be there, and are not", bytes));
    }
  } else if (blob->size() != bytes) {
    const std::string has = blob->size() ? std::to_string(*blob->size()) : std::string("no");
    drop(reserved_id);
    return refused("size",
                   fmt::format("size mismatch: {} bytes were uploaded, {} are said to be there", has, bytes));
  }
  CacheReserved committed = {reserved_id, blob->id(), {}, {}};
  const Result<void> done = with_index([&](CacheIndex& index) {
    const auto entry =
        std::ranges::find_if(index.entries, [&](const CacheEntry& each) { return each.id == reserved_id; });
    if (entry == index.entries.end()) {
      committed = refused("internal", "the reservation is gone");
      return false;
    }
    if (const Result<void> sealed = blob->seal(blob_path(blob->id())); !sealed) {
      committed = refused("internal", sealed.error().message);
      return false;
    }
    entry->owner.clear();
    entry->bytes = bytes;
    entry->created = entry->used = now_ms();
    return true;
  });
  if (!done) committed = refused("internal", done.error().message);
  if (committed.code.empty()) {
    blobs_.remove(blob->id());
    pending_.erase(reserved_id);
  }
  return committed;
}

/// Gives a reservation up. Called with the mutex held.
void CacheDirectory::drop(std::int64_t id) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  blobs_.remove(found->second.blob->id());
  pending_.erase(found);
  static_cast<void>(with_index([&](CacheIndex& index) {
    return std::erase_if(index.entries, [&](const CacheEntry& each) { return each.id == id; }) != 0;
  }));
}

std::optional<CacheEntry> CacheDirectory::find(std::span<const std::string> keys, std::string_view version,
                                               const TokenClaims& claims, std::string& failed) {
  const std::lock_guard guard(mutex_);
  std::optional<CacheEntry> hit;
  std::error_code nowhere;
  // Nobody makes directories to look for what is not there.
  if (!staging_ && !std::filesystem::exists(path_ / "index.json", nowhere)) return hit;
  const Result<void> looked = with_index([&](CacheIndex& index) {
    bool changed = false;
    while (const auto at =
               find_entry(index, keys.first(std::min(keys.size(), kMostKeys)), version, claims.scopes)) {
      CacheEntry& entry = index.entries[*at];
      std::error_code gone;
      if (std::filesystem::file_size(blob_path(entry.blob), gone) == entry.bytes && !gone) {
        entry.used = now_ms();
        hit = entry;
        return true;
      }
      index.entries.erase(index.entries.begin() + static_cast<std::ptrdiff_t>(*at));
      changed = true;
    }
    return changed;
  });
  if (!looked) failed = looked.error().message;
  if (!looked || !hit) return std::nullopt;
  Download download;
  download.path = blob_path(hit->blob);
  download.bytes = hit->bytes;
  blobs_.add(hit->blob, std::move(download));
  return hit;
}

std::shared_ptr<Blob> CacheDirectory::find_upload(std::int64_t id, std::string_view job) {
  const std::lock_guard guard(mutex_);
  const auto found = pending_.find(id);
  return found == pending_.end() || found->second.job != job ? nullptr : found->second.blob;
}

void CacheDirectory::end_job(std::string_view job) {
  const std::lock_guard guard(mutex_);
  std::vector<std::int64_t> ids;
  for (const auto& [id, pending] : pending_)
    if (pending.job == job) ids.push_back(id);
  for (const std::int64_t id : ids) drop(id);
}

ServerAnswer call_cache_service(CacheDirectory& caches, BlobTable& blobs, std::string_view method,
                                const RequestFields& fields, const TokenClaims& claims,
                                std::string_view base) {
  const std::string key = fields.text("key"), version = fields.text("version");
  // What is no trouble of the request or of ours is said in an answer of success: clients tell their user, and go on.
  const auto is_plain_no = [](const CacheReserved& end) {
    return end.code == "denied" || end.code == "size";
  };
  if (method == "CreateCacheEntry") {
    const CacheReserved end = caches.reserve(key, version, claims);
    if (!end.code.empty() && !is_plain_no(end)) return twirp_error(end.code, end.message);
    return json_answer(200, Value::Object{{"ok", end.code.empty()},
                                          {"signed_upload_url",
                                           end.code.empty() ? blobs.upload_url(base, "cache", end.blob) : ""},
                                          {"message", end.message}});
  }
  if (method == "FinalizeCacheEntryUpload") {
    const std::optional<std::uint64_t> bytes = fields.number("size_bytes");
    if (!bytes) return twirp_error("invalid_argument", "size_bytes is no number");
    const CacheReserved end = caches.commit(key, version, 0, *bytes, claims);
    if (!end.code.empty() && !is_plain_no(end)) return twirp_error(end.code, end.message);
    return json_answer(
        200, Value::Object{
                 {"ok", end.code.empty()}, {"entry_id", std::to_string(end.id)}, {"message", end.message}});
  }
  if (method == "GetCacheEntryDownloadURL") {
    if (claims.scopes.empty())
      return twirp_error("permission_denied", "cache read denied: token has no readable scope");
    std::vector<std::string> keys = {key};
    for (std::string& each : fields.texts("restore_keys")) keys.push_back(std::move(each));
    if (!std::ranges::all_of(keys, is_key))
      return twirp_error("invalid_argument", "a key has 1 to 512 bytes, and no comma");
    std::string failed;
    const std::optional<CacheEntry> hit = caches.find(keys, version, claims, failed);
    if (!failed.empty()) return twirp_error("internal", failed);
    return json_answer(
        200, Value::Object{{"ok", hit.has_value()},
                           {"signed_download_url", hit ? blobs.download_url(base, "cache", hit->blob) : ""},
                           {"matched_key", hit ? hit->key : ""}});
  }
  return twirp_error("bad_route", fmt::format("no method {}", to_printable(method)));
}

Exchange begin_cache_v1(CacheDirectory& caches, BlobTable& blobs, std::string_view path,
                        const ServerRequest& request, const RequestTarget& target, const TokenClaims& claims,
                        std::string base) {
  constexpr std::size_t kBodyBytes = 1 << 20;
  const auto refuse = [](const CacheReserved& end) {
    if (end.code == "already_exists")
      return rest_error(409, end.message, "ArtifactCacheItemAlreadyExistsException");
    return rest_error(end.code == "denied"      ? 403
                      : end.code == "internal"  ? 500
                      : end.code == "not_found" ? 404
                                                : 400,
                      end.message);
  };
  const auto no_content = [] {
    ServerAnswer answer;
    answer.status = 204;
    return answer;
  };
  const std::string& method = request.method;
  if (method == "GET" && path == "cache") {
    if (claims.scopes.empty())
      return answer_with(rest_error(403, "cache read denied: token has no readable scope"));
    const std::string* keys_text = target.find("keys");
    const std::string* version = target.find("version");
    std::vector<std::string> keys;
    std::string_view rest = keys_text == nullptr ? std::string_view() : std::string_view(*keys_text);
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      keys.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    if (version == nullptr || keys.empty() || !std::ranges::all_of(keys, is_key))
      return answer_with(rest_error(400, "keys and version are expected"));
    std::string failed;
    const std::optional<CacheEntry> hit = caches.find(keys, *version, claims, failed);
    if (!failed.empty()) return answer_with(rest_error(500, failed));
    if (!hit) return answer_with(no_content());
    return answer_with(
        json_answer(200, Value::Object{{"cacheKey", hit->key},
                                       {"scope", hit->scope},
                                       {"cacheVersion", hit->version},
                                       {"creationTime", seconds_to_utc(hit->created / 1000)},
                                       {"archiveLocation", blobs.download_url(base, "cache", hit->blob)}}));
  }
  if (method == "POST" && path == "caches")
    return take_text(
        kBodyBytes, rest_error(413, "the body is too large"),
        [&caches, claims, refuse](const std::string& body) {
          const std::optional<RequestFields> fields = parse_fields(body);
          if (!fields) return rest_error(400, "a JSON object is expected");
          const std::optional<std::uint64_t> bytes = fields->number("cacheSize");
          if (bytes && *bytes > kEntryBytes) return rest_error(400, "a cache has at most 10 GiB");
          const CacheReserved end = caches.reserve(fields->text("key"), fields->text("version"), claims);
          return end.code.empty() ? json_answer(201, Value::Object{{"cacheId", end.id}}) : refuse(end);
        });
  std::int64_t id = 0;
  if (path.starts_with("caches/")) {
    const std::string_view number = path.substr(7);
    const auto [stop, failed] = std::from_chars(number.data(), number.data() + number.size(), id);
    if (failed != std::errc() || stop != number.data() + number.size()) id = 0;
  }
  if (id <= 0) return answer_with(rest_error(404, "no such address"));
  if (method == "POST")
    return take_text(kBodyBytes, rest_error(413, "the body is too large"),
                     [&caches, claims, refuse, no_content, id](const std::string& body) {
                       const std::optional<RequestFields> fields = parse_fields(body);
                       const std::optional<std::uint64_t> bytes =
                           fields ? fields->number("size") : std::nullopt;
                       if (!bytes) return rest_error(400, "a size is expected");
                       const CacheReserved end = caches.commit({}, {}, id, *bytes, claims);
                       return end.code.empty() ? no_content() : refuse(end);
                     });
  if (method != "PATCH") return answer_with(rest_error(405, "PATCH and POST are served"));
  const std::shared_ptr<Blob> blob = caches.find_upload(id, claims.job);
  if (blob == nullptr) return answer_with(rest_error(404, "no such cache is being uploaded by this job"));
  const std::optional<ContentRange> range = parse_content_range(request.header("content-range"));
  if (!range) return answer_with(rest_error(400, "Content-Range: bytes a-b/* is expected"));
  Result<PartFile> part = blob->make_part();
  if (!part) return answer_with(rest_error(500, part.error().message));
  return take_file(
      std::move(*part), [blob, range, no_content](const PartFile& whole, std::optional<BlobEnd> failed) {
        if (!failed && whole.bytes() != range->length) failed = BlobEnd::wrong_size;
        const BlobEnd end = failed ? *failed : blob->put_range(range->first, whole);
        if (end == BlobEnd::done) return no_content();
        return end == BlobEnd::failed ? rest_error(500, "the bytes could not be written; is the disk full?")
                                      : rest_error(400, "the range does not fit");
      });
}

}  // namespace buildspec_run
