// The caches of a repository, kept from run to run, and the services that clients reach them by. Any number of runs may share
// the directory. Source: services.md 7 to 9.
//
//   <directory>/index.json   the entries; changed under the lock
//               /lock
//               /repository  whose they are
//               /blobs/<id>  their bytes
//               /.staging-…  what a run is uploading
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actions/service/blob_table.h"
#include "actions/service/cache_index.h"

namespace buildspec_run {

/// What has come of a request for the caches.
struct CacheReserved {
  std::int64_t id = 0;
  std::string blob;
  /// Why it has not: a Twirp code and its message. Empty: it has.
  std::string code, message;
};

/// Any number of threads, and of processes, may ask at once.
class CacheDirectory {
 public:
  /// `blobs` outlives it. Nothing is made before it is needed.
  CacheDirectory(Path path, std::string repository, BlobTable& blobs, CacheLimits limits)
      : path_(std::move(path)), repository_(std::move(repository)), blobs_(blobs), limits_(limits) {}
  CacheDirectory(const CacheDirectory&) = delete;

  /// Reserves a key for `claims`' job to upload it.
  CacheReserved reserve(std::string_view key, std::string_view version, const TokenClaims& claims);
  /// Makes what was reserved an entry. `id` instead of key and version: 0 is none.
  CacheReserved commit(std::string_view key, std::string_view version, std::int64_t id, std::uint64_t bytes,
                       const TokenClaims& claims);
  /// nullopt: a miss, or told in `failed`.
  std::optional<CacheEntry> find(std::span<const std::string> keys, std::string_view version,
                                 const TokenClaims& claims, std::string& failed);
  /// The blob that is being uploaded as the entry `id` by that job; nullptr: there is none.
  std::shared_ptr<Blob> find_upload(std::int64_t id, std::string_view job);
  /// Drops what the job has not finished.
  void end_job(std::string_view job);

 private:
  struct Pending {
    std::string key, version, scope, job;
    std::shared_ptr<Blob> blob;  // owners: this, and the table
  };
  /// Reads the index, lets `change` at it, and writes it when that says so. An Error: the machine could not.
  Result<void> with_index(const std::function<bool(CacheIndex&)>& change);
  Result<void> open();
  void remove_unlisted(const CacheIndex& index) const;
  [[nodiscard]] Path blob_path(const std::string& blob) const { return path_ / "blobs" / blob; }
  void drop(std::int64_t id);

  const Path path_;
  const std::string repository_;
  BlobTable& blobs_;
  const CacheLimits limits_;
  std::mutex mutex_;  // of all below, and of the index within this process
  std::optional<StagingDirectory> staging_;
  bool is_swept_ = false;  // nothing is there that the index does not list
  std::map<std::int64_t, Pending> pending_;
};

/// The cache service v2: JSON.
[[nodiscard]] ServerAnswer call_cache_service(CacheDirectory& caches, BlobTable& blobs,
                                              std::string_view method, const RequestFields& fields,
                                              const TokenClaims& claims, std::string_view base);
/// The cache service v1. `path`: behind "/_apis/artifactcache/".
[[nodiscard]] Exchange begin_cache_v1(CacheDirectory& caches, BlobTable& blobs, std::string_view path,
                                      const ServerRequest& request, const RequestTarget& target,
                                      const TokenClaims& claims, std::string base);

/// Where the caches of a repository lie: `<root>/<a digest of its name>`.
[[nodiscard]] Result<Path> cache_path(const Path& modules, const Path& root, std::string_view repository);

}  // namespace buildspec_run
