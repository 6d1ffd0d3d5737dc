#include "actions/service/blob_table.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kBlockListBytes = 16 << 20;
constexpr std::size_t kBlockNameBytes = 64;

/// What every answer of this endpoint has: BuildKit's client reads the first without asking whether it is there.
ServerAnswer blob_answer(int status) {
  ServerAnswer answer;
  answer.status = status;
  const Result<std::string> id = make_blob_id();
  answer.headers = {{"x-ms-request-id", id ? *id : "0"}, {"x-ms-version", "2020-10-02"}};
  return answer;
}

ServerAnswer blob_error(int status, std::string_view code, std::string_view message) {
  ServerAnswer answer = blob_answer(status);
  answer.headers.emplace_back("x-ms-error-code", code);
  answer.headers.emplace_back("Content-Type", "application/xml");
  answer.body = fmt::format(
      R"(<?xml version="1.0" encoding="utf-8"?><Error><Code>{}</Code><Message>{}</Message></Error>)", code,
      message);
  return answer;
}

std::string http_time(std::time_t time) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(time));
}

ServerAnswer answer_of(BlobEnd end, std::string_view id) {
  switch (end) {
    case BlobEnd::done: {
      ServerAnswer answer = blob_answer(201);
      answer.headers.emplace_back("ETag", fmt::format("\"{}\"", id));
      answer.headers.emplace_back(
          "Last-Modified", http_time(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
      return answer;
    }
    case BlobEnd::sealed:
      return blob_error(409, "BlobImmutableDueToPolicy", "the upload has been finished");
    case BlobEnd::unknown_block:
      return blob_error(400, "InvalidBlockList", "the list names a block that has not been uploaded");
    case BlobEnd::wrong_size:
      return blob_error(400, "InvalidInput", "bytes are missing");
    case BlobEnd::too_large:
      return blob_error(413, "RequestBodyTooLarge", "more bytes than are taken here");
    case BlobEnd::failed:
      break;
  }
  return blob_error(500, "InternalError", "the bytes could not be written; is the disk full?");
}

}  // namespace

void BlobTable::add(std::shared_ptr<Blob> blob) {
  const std::lock_guard guard(mutex_);
  std::string id = blob->id();
  uploads_[std::move(id)] = std::move(blob);
}

void BlobTable::add(const std::string& id, Download download) {
  const std::lock_guard guard(mutex_);
  uploads_.erase(id);
  downloads_[id] = std::move(download);
}

void BlobTable::remove(const std::string& id) {
  const std::lock_guard guard(mutex_);
  uploads_.erase(id);
  downloads_.erase(id);
}

std::string BlobTable::url(std::string_view base, std::string_view kind, std::string_view id,
                           std::string_view permission) {
  return fmt::format("{}/_blob/{}/{}?{}", base, kind, id, signer_.query(id, permission, expires_));
}

std::string BlobTable::upload_url(std::string_view base, std::string_view kind, std::string_view id) {
  return url(base, kind, id, "cw");
}

std::string BlobTable::download_url(std::string_view base, std::string_view kind, std::string_view id) {
  return url(base, kind, id, "r");
}

void BlobTable::abandon_uploads() {
  const std::lock_guard guard(mutex_);
  for (const auto& [id, blob] : uploads_) blob->abandon();
}

std::shared_ptr<Blob> BlobTable::find_upload(const std::string& id) {
  const std::lock_guard guard(mutex_);
  const auto found = uploads_.find(id);
  return found == uploads_.end() ? nullptr : found->second;
}

Exchange BlobTable::begin(const ServerRequest& request, const RequestTarget& target, std::int64_t now) {
  const std::string id = target.path.substr(target.path.rfind('/') + 1);
  const auto parameter = [&](std::string_view name) {
    const std::string* found = target.find(name);
    return found == nullptr ? std::string() : *found;
  };
  const std::string permission = parameter("sp");
  if (!signer_.is_signed(id, permission, parameter("se"), parameter("sig"), now))
    return answer_with(
        blob_error(403, "AuthenticationFailed", "the address is not signed, or no longer valid"));
  const bool writes = request.method == "PUT";
  if (!writes && request.method != "GET" && request.method != "HEAD")
    return answer_with(blob_error(405, "UnsupportedHttpVerb", "PUT, GET and HEAD are served"));
  if (permission != (writes ? "cw" : "r"))
    return answer_with(
        blob_error(403, "AuthorizationPermissionMismatch", "the address is not signed for this"));
  return writes ? put(request, target, id) : answer_with(get(request, id));
}

Exchange BlobTable::put(const ServerRequest& request, const RequestTarget& target, const std::string& id) {
  const std::shared_ptr<Blob> blob = find_upload(id);
  if (blob == nullptr) {
    const std::lock_guard guard(mutex_);
    return answer_with(downloads_.contains(id) ? answer_of(BlobEnd::sealed, id)
                                               : blob_error(404, "BlobNotFound", "nobody is to upload this"));
  }
  const std::string* comp = target.find("comp");
  if (comp != nullptr && *comp == "blocklist")
    return take_text(kBlockListBytes, answer_of(BlobEnd::too_large, id), [blob](const std::string& xml) {
      const auto names = parse_block_list(xml);
      if (!names) return blob_error(400, "InvalidXmlDocument", "this is no block list");
      return answer_of(blob->commit(*names), blob->id());
    });
  std::string name;
  if (comp != nullptr) {
    if (*comp != "block")
      return answer_with(blob_error(405, "UnsupportedQueryParameter", "block and blocklist are served"));
    const std::string* given = target.find("blockid");
    std::string encoded = given == nullptr ? std::string() : *given;
    std::ranges::replace(encoded, ' ', '+');  // came unescaped
    std::optional<std::string> read = from_base64(encoded);
    if (!read || read->empty() || read->size() > kBlockNameBytes)
      return answer_with(
          blob_error(400, "InvalidQueryParameterValue", "blockid is no base64 of 1 to 64 bytes"));
    name = std::move(*read);
  } else if (to_lower(request.header("x-ms-blob-type")) != "blockblob") {
    return answer_with(blob_error(400, "InvalidHeaderValue", "x-ms-blob-type: BlockBlob is expected"));
  }
  Result<PartFile> part = blob->make_part();
  if (!part) return answer_with(answer_of(BlobEnd::failed, id));
  return take_file(std::move(*part), [blob, name](PartFile whole, std::optional<BlobEnd> failed) {
    if (failed) return answer_of(*failed, blob->id());
    return answer_of(
        name.empty() ? blob->put_whole(std::move(whole)) : blob->put_block(name, std::move(whole)),
        blob->id());
  });
}

ServerAnswer BlobTable::get(const ServerRequest& request, const std::string& id) {
  Download download;
  {
    const std::lock_guard guard(mutex_);
    const auto found = downloads_.find(id);
    if (found != downloads_.end()) download = found->second;
  }
  Descriptor file =
      download.path.empty() ? Descriptor() : open_at(AT_FDCWD, download.path.c_str(), O_RDONLY | O_NOFOLLOW);
  struct stat about {};
  // What has another size is not what was uploaded.
  if (!file.valid() || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode) ||
      static_cast<std::uint64_t>(about.st_size) != download.bytes)
    return blob_error(404, "BlobNotFound", "this has not been uploaded, or is gone");
  std::string_view asked = request.header("x-ms-range");
  if (asked.empty()) asked = request.header("range");
  const std::optional<ByteRange> range = parse_range(asked);
  if (range && range->first >= download.bytes) {
    ServerAnswer refused = blob_error(416, "InvalidRange", "the range begins behind the end");
    refused.headers.emplace_back("Content-Range", fmt::format("bytes */{}", download.bytes));
    return refused;
  }
  ServerAnswer answer = blob_answer(range ? 206 : 200);
  answer.file = std::move(file);
  answer.file_length = download.bytes;
  if (range) {
    const std::uint64_t last = std::min(range->last.value_or(download.bytes - 1), download.bytes - 1);
    answer.file_offset = range->first;
    answer.file_length = last - range->first + 1;
    answer.headers.emplace_back("Content-Range",
                                fmt::format("bytes {}-{}/{}", range->first, last, download.bytes));
  }
  answer.headers.emplace_back("Accept-Ranges", "bytes");
  answer.headers.emplace_back("ETag", fmt::format("\"{}\"", id));
  answer.headers.emplace_back("Last-Modified", http_time(about.st_mtime));
  answer.headers.emplace_back("x-ms-blob-type", "BlockBlob");
  answer.headers.emplace_back("Content-Type", download.content_type);
  if (!download.disposition.empty()) answer.headers.emplace_back("Content-Disposition", download.disposition);
  return answer;
}

}  // namespace buildspec_run
