#include "actions/service/artifacts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runner/base/encoding.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kArtifactBytes = std::uint64_t{10} << 30;
constexpr std::size_t kMostArtifacts = 1000;
constexpr std::uint64_t kFreeBytes = std::uint64_t{256} << 20;

bool is_zip(std::string_view mime_type) {
  return mime_type.empty() || to_lower(mime_type) == "application/zip";
}

/// The type of a raw file as a header carries it; what is no type is none.
std::string header_type(std::string_view mime_type) {
  const bool plain = std::ranges::all_of(mime_type, [](char c) { return c >= 0x20 && c < 0x7f; });
  return plain && mime_type.find('/') != std::string_view::npos ? std::string(mime_type)
                                                                : std::string("application/octet-stream");
}

std::string disposition_of(std::string_view file) {
  std::string ascii;
  for (const char c : file) ascii += c >= 0x20 && c < 0x7f && c != '"' && c != '\\' ? c : '_';
  std::string text = fmt::format("attachment; filename=\"{}\"", ascii);
  if (ascii != file) text += fmt::format("; filename*=UTF-8''{}", percent_encoded(file));
  return text;
}

std::string file_name(const std::string& name, std::string_view mime_type) {
  return is_zip(mime_type) && !name.ends_with(".zip") ? name + ".zip" : name;
}

}  // namespace

bool is_artifact_name(std::string_view name) noexcept {
  constexpr std::size_t kLongest = 251;  // and ".zip" behind it
  return is_plain_name(name) && name.size() <= kLongest && !name.starts_with(".staging-") &&
         !name.starts_with(".new-staging-") && name.find_first_of("\":<>|*?") == std::string_view::npos;
}

Result<Path> ArtifactDirectory::staging() {
  const std::lock_guard guard(mutex_);
  if (staging_) return staging_->path();
  if (Result<void> made = make_directories(path_, 0700); !made) return std::move(made.error());
  Result<StagingDirectory> staging = StagingDirectory::make(path_);
  if (!staging) return std::move(staging.error());
  return staging_.emplace(std::move(*staging)).path();
}

Path ArtifactDirectory::place_for(const std::string& name, bool is_directory) {
  const std::lock_guard guard(mutex_);
  const auto is_free = [&](const Path& path) {
    std::error_code ignored;
    const std::filesystem::file_status there = std::filesystem::symlink_status(path, ignored);
    return !taken_.contains(path) &&
           (is_directory ? !std::filesystem::exists(there) : !std::filesystem::is_directory(there));
  };
  // Two artifacts can want one file: "a", a zip, and "a.zip", a file that was not packed.
  const Path plain = name;
  Path path = path_ / plain;
  for (int number = 2; !is_free(path); ++number)
    path = path_ / fmt::format("{}-{}{}", plain.stem().native(), number, plain.extension().native());
  taken_.insert(path);
  return path;
}

void ArtifactDirectory::remove(const Path& path) {
  const std::lock_guard guard(mutex_);
  taken_.erase(path);
  static_cast<void>(remove_tree(path));
}

void ArtifactDirectory::told(UploadedArtifact artifact) {
  const std::lock_guard guard(mutex_);
  std::erase_if(all_, [&](const UploadedArtifact& each) { return each.name == artifact.name; });
  all_.push_back(std::move(artifact));
}

void ArtifactDirectory::forget(const std::string& name) {
  const std::lock_guard guard(mutex_);
  std::erase_if(all_, [&](const UploadedArtifact& each) { return each.name == name; });
}

std::vector<UploadedArtifact> ArtifactDirectory::all() const {
  const std::lock_guard guard(mutex_);
  return all_;
}

std::int64_t ArtifactDirectory::next_id() {
  const std::lock_guard guard(mutex_);
  return ++last_id_;
}

bool ArtifactDirectory::has_room() {
  std::error_code failed;
  const std::filesystem::space_info space = std::filesystem::space(path_, failed);
  return failed || space.available >= kFreeBytes;
}

ServerAnswer ArtifactService::call(std::string_view method, const RequestFields& fields,
                                   const TokenClaims& claims, std::string_view base) {
  if (fields.text("workflow_run_backend_id") != run_ || claims.run != run_)
    return twirp_error("permission_denied", "the token is for another run");
  if (method == "CreateArtifact") return create(fields, claims, base);
  if (method == "FinalizeArtifact") return finalize(fields, claims);
  if (method == "ListArtifacts") return list(fields);
  if (method == "GetSignedArtifactURL") return signed_url(fields, base);
  if (method == "DeleteArtifact") return remove(fields);
  return twirp_error("bad_route", fmt::format("no method {}", to_printable(method)));
}

ServerAnswer ArtifactService::create(const RequestFields& fields, const TokenClaims& claims,
                                     std::string_view base) {
  const std::string name = fields.text("name");
  if (fields.text("workflow_job_run_backend_id") != claims.job)
    return twirp_error("permission_denied", "the token is for another job");
  if (!is_artifact_name(name))
    return twirp_error(
        "invalid_argument",
        "the name of an artifact has 1 to 251 bytes, without control characters and \" : < > | * ? \\ /");
  const Result<Path> staging = directory_.staging();
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules_);
  Result<std::string> id = make_blob_id();
  if (!staging || !sha256 || !id)
    return twirp_error("internal", !staging  ? staging.error().message
                                   : !sha256 ? sha256.error().message
                                             : id.error().message);
  if (!directory_.has_room())
    return twirp_error("invalid_argument", "less than 256 MiB are free where artifacts are kept");
  const std::lock_guard guard(mutex_);
  if (const auto there = artifacts_.find(name); there != artifacts_.end()) {
    if (there->second.finished)
      return twirp_error("already_exists", "an artifact with this name already exists on the workflow run");
    if (there->second.job != claims.job)
      return twirp_error("already_exists", "another job is uploading an artifact with this name");
    // A step that died must not block the next one.
    blobs_.remove(there->second.blob_id);
    artifacts_.erase(there);
  }
  if (artifacts_.size() >= kMostArtifacts)
    return twirp_error("invalid_argument", fmt::format("a run has at most {} artifacts", kMostArtifacts));
  Artifact artifact;
  artifact.job = claims.job;
  artifact.mime_type = fields.text("mime_type");
  artifact.blob_id = *id;
  artifact.blob = std::make_shared<Blob>(*id, *staging, kArtifactBytes, std::move(*sha256));
  blobs_.add(artifact.blob);
  artifacts_[name] = std::move(artifact);
  return json_answer(
      200, Value::Object{{"ok", true}, {"signed_upload_url", blobs_.upload_url(base, "artifact", *id)}});
}

ServerAnswer ArtifactService::finalize(const RequestFields& fields, const TokenClaims& claims) {
  const std::string name = fields.text("name");
  const std::string hash = fields.text("hash");
  const auto done = [](std::int64_t id) {
    return json_answer(200, Value::Object{{"ok", true}, {"artifact_id", std::to_string(id)}});
  };
  const std::lock_guard guard(mutex_);
  const auto found = artifacts_.find(name);
  if (found == artifacts_.end() || found->second.job != claims.job)
    return twirp_error("not_found", "no artifact with this name is being uploaded by this job");
  Artifact& artifact = found->second;
  if (artifact.finished) return done(artifact.id);  // its answer was lost
  const std::optional<std::uint64_t> bytes = artifact.blob->size();
  if (!bytes) return twirp_error("failed_precondition", "nothing has been uploaded");
  const std::string digest = artifact.blob->digest();
  if (!hash.empty() && to_lower(hash) != digest) {
    blobs_.remove(artifact.blob_id);
    artifacts_.erase(found);
    return twirp_error("data_loss",
                       fmt::format("what has arrived is {}, what was sent {}", digest, to_printable(hash)));
  }
  artifact.id = directory_.next_id();
  const std::string file = file_name(name, artifact.mime_type);
  artifact.path = directory_.place_for(file, false);
  if (const Result<void> sealed = artifact.blob->seal(artifact.path); !sealed)
    return twirp_error("internal", sealed.error().message);
  artifact.finished = true;
  artifact.bytes = *bytes;
  artifact.digest = digest;
  artifact.created = std::chrono::system_clock::now();
  artifact.blob.reset();
  blobs_.add(artifact.blob_id,
             {artifact.path, artifact.bytes,
              is_zip(artifact.mime_type) ? "application/zip" : header_type(artifact.mime_type),
              disposition_of(file)});
  directory_.told({name, artifact.path, artifact.bytes});
  return done(artifact.id);
}

ServerAnswer ArtifactService::list(const RequestFields& fields) {
  const std::string name_filter = fields.text("name_filter");
  const std::optional<std::uint64_t> id_filter = fields.number("id_filter");
  if (!id_filter) return twirp_error("invalid_argument", "id_filter is no number");
  Value::Array items;
  const std::lock_guard guard(mutex_);
  for (const auto& [name, artifact] : artifacts_) {
    if (!artifact.finished || (!name_filter.empty() && name != name_filter)) continue;
    if (*id_filter != 0 && *id_filter != static_cast<std::uint64_t>(artifact.id)) continue;
    items.push_back(Value::Object{{"workflow_run_backend_id", run_},
                                  {"workflow_job_run_backend_id", artifact.job},
                                  {"database_id", std::to_string(artifact.id)},
                                  {"name", name},
                                  {"size", std::to_string(artifact.bytes)},
                                  {"created_at", to_utc(artifact.created)},
                                  {"digest", artifact.digest}});
  }
  return json_answer(200, Value::Object{{"artifacts", std::move(items)}});
}

ServerAnswer ArtifactService::signed_url(const RequestFields& fields, std::string_view base) {
  const std::string name = fields.text("name");
  const std::lock_guard guard(mutex_);
  const auto found = artifacts_.find(name);
  if (found == artifacts_.end() || !found->second.finished)
    return twirp_error("not_found", "no artifact has this name");
  return json_answer(
      200, Value::Object{{"name", name},
                         {"signed_url", blobs_.download_url(base, "artifact", found->second.blob_id)}});
}

ServerAnswer ArtifactService::remove(const RequestFields& fields) {
  const std::string name = fields.text("name");
  const std::lock_guard guard(mutex_);
  const auto found = artifacts_.find(name);
  if (found == artifacts_.end() || !found->second.finished)
    return twirp_error("not_found", "no artifact has this name");
  const std::int64_t id = found->second.id;
  blobs_.remove(found->second.blob_id);
  directory_.remove(found->second.path);
  directory_.forget(name);
  artifacts_.erase(found);
  return json_answer(200, Value::Object{{"ok", true}, {"artifact_id", std::to_string(id)}});
}

void ArtifactService::end_job(std::string_view job) {
  const std::lock_guard guard(mutex_);
  std::erase_if(artifacts_, [&](const auto& each) {
    if (each.second.finished || each.second.job != job) return false;
    blobs_.remove(each.second.blob_id);
    return true;
  });
}

}  // namespace buildspec_run
