// The blobs that clients hold an address of, and what they do with it: a subset of Azure Blob Storage. Source: services.md 6.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "actions/service/blob.h"
#include "actions/service/exchange.h"
#include "actions/service/request_text.h"
#include "actions/service/runtime_token.h"

namespace buildspec_run {

/// What an address to read from leads to.
struct Download {
  Path path;
  std::uint64_t bytes = 0;
  std::string content_type = "application/octet-stream";
  std::string disposition;  // Content-Disposition; empty: none
};

/// Any number of threads may ask it at once.
class BlobTable {
 public:
  /// `signer` outlives it. `expires`: until when an address holds, in seconds since 1970.
  BlobTable(BlobSigner& signer, std::int64_t expires) : signer_(signer), expires_(expires) {}

  /// Owners: the table, and what is uploading to it.
  void add(std::shared_ptr<Blob> blob);
  void add(const std::string& id, Download download);
  void remove(const std::string& id);
  /// Uploads that are being put together fail soon.
  void abandon_uploads();

  /// `base`: "http://127.0.0.1:1234". `kind`: for people who read it.
  [[nodiscard]] std::string upload_url(std::string_view base, std::string_view kind, std::string_view id);
  [[nodiscard]] std::string download_url(std::string_view base, std::string_view kind, std::string_view id);

  /// A request for "/_blob/<kind>/<id>?se=…&sp=…&sig=…".
  [[nodiscard]] Exchange begin(const ServerRequest& request, const RequestTarget& target, std::int64_t now);

 private:
  [[nodiscard]] std::string url(std::string_view base, std::string_view kind, std::string_view id,
                                std::string_view permission);
  [[nodiscard]] std::shared_ptr<Blob> find_upload(const std::string& id);
  [[nodiscard]] Exchange put(const ServerRequest& request, const RequestTarget& target,
                             const std::string& id);
  [[nodiscard]] ServerAnswer get(const ServerRequest& request, const std::string& id);

  BlobSigner& signer_;
  const std::int64_t expires_;
  std::mutex mutex_;  // of both maps
  std::map<std::string, std::shared_ptr<Blob>> uploads_;
  std::map<std::string, Download> downloads_;
};

}  // namespace buildspec_run
