// The artifacts of a build: what actions/upload-artifact v4 and its kin hand over, each a file that the user finds after the
// run. Source: services.md 10.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actions/service/blob_table.h"

namespace buildspec_run {

/// An artifact that has been uploaded completely.
struct UploadedArtifact {
  std::string name;
  Path path;
  std::uint64_t bytes = 0;
};

/// The directory that artifacts are put into, made when the first comes. Any number of threads may ask it at once.
class ArtifactDirectory {
 public:
  explicit ArtifactDirectory(Path path) : path_(std::move(path)) {}
  ArtifactDirectory(const ArtifactDirectory&) = delete;

  [[nodiscard]] const Path& path() const noexcept { return path_; }
  /// Where to keep what is not yet whole, in the same file system.
  Result<Path> staging();
  /// A path of its own for what is called `name`, a plain name: a file, which replaces one that an earlier build has left
  /// there, or a new directory.
  [[nodiscard]] Path place_for(const std::string& name, bool is_directory);
  /// Forgets that a file of this path is there, and removes it.
  void remove(const Path& path);
  /// Tells the user of `artifact`, once for each name.
  void told(UploadedArtifact artifact);
  void forget(const std::string& name);
  /// All that there are, in the order in which they came.
  [[nodiscard]] std::vector<UploadedArtifact> all() const;
  [[nodiscard]] std::int64_t next_id();
  /// Whether there is room for more: 256 MiB are free.
  [[nodiscard]] bool has_room();

 private:
  const Path path_;
  mutable std::mutex mutex_;  // of all below
  std::optional<StagingDirectory> staging_;
  std::set<Path> taken_;
  std::vector<UploadedArtifact> all_;
  std::int64_t last_id_ = 0;
};

/// The artifact service v4.
class ArtifactService {
 public:
  /// All of them outlive it. `modules`: where the program's shared modules lie. `run`: `workflow_run_backend_id`.
  ArtifactService(ArtifactDirectory& directory, BlobTable& blobs, Path modules, std::string run)
      : directory_(directory), blobs_(blobs), modules_(std::move(modules)), run_(std::move(run)) {}
  ArtifactService(const ArtifactService&) = delete;

  [[nodiscard]] ServerAnswer call(std::string_view method, const RequestFields& fields,
                                  const TokenClaims& claims, std::string_view base);
  /// Drops what the job has not finished.
  void end_job(std::string_view job);

 private:
  struct Artifact {
    std::int64_t id = 0;
    std::string job, mime_type, blob_id;
    std::shared_ptr<Blob> blob;  // owners: this, and the table while it is being uploaded
    bool finished = false;
    Path path;
    std::uint64_t bytes = 0;
    std::string digest;
    std::chrono::system_clock::time_point created;
  };
  ServerAnswer create(const RequestFields& fields, const TokenClaims& claims, std::string_view base);
  ServerAnswer finalize(const RequestFields& fields, const TokenClaims& claims);
  ServerAnswer list(const RequestFields& fields);
  ServerAnswer signed_url(const RequestFields& fields, std::string_view base);
  ServerAnswer remove(const RequestFields& fields);

  ArtifactDirectory& directory_;
  BlobTable& blobs_;
  const Path modules_;
  const std::string run_;
  std::mutex mutex_;                           // of artifacts_
  std::map<std::string, Artifact> artifacts_;  // by name
};

/// Whether GitHub's services take an artifact of this name. Source: services.md 10.2.
[[nodiscard]] bool is_artifact_name(std::string_view name) noexcept;

}  // namespace buildspec_run
