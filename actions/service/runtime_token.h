// What clients show to be let in: the token of a job, and signed addresses of blobs. Source: services.md 4, 6.1.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/digest.h"

namespace buildspec_run {

/// A ref whose caches a job may read, or write.
struct CacheScope {
  std::string ref;
  bool may_write = false;
  bool operator==(const CacheScope&) const = default;
};

/// What a token says.
struct TokenClaims {
  std::string run, job;                      // UUIDs: `run_backend_id` and `job_backend_id`
  std::vector<CacheScope> scopes;            // in the order they are looked through
  std::int64_t not_before = 0, expires = 0;  // seconds since 1970
  bool operator==(const TokenClaims&) const = default;
};

/// What a job holds in its hands: a JWT with `claims`. In the place of its signature stand 256 random bits, because its server
/// knows the tokens that it has given out and compares them whole, and its clients never verify: a signature would need
/// libcrypto, which takes longer to load than an action to start. An Error: the machine has no randomness.
Result<std::string> make_runtime_token(const TokenClaims& claims);

/// The claims as a token has them, JSON.
[[nodiscard]] std::string claims_text(const TokenClaims& claims);

/// Signs the addresses of blobs.
class BlobSigner {
 public:
  /// With a new key of 32 bytes from the kernel. `modules`: where the program's shared modules lie.
  static Result<std::unique_ptr<BlobSigner>> make(const Path& modules);

  /// The query of a blob's address, "se=…&sp=…&sig=…". `permission`: "r" or "cw".
  [[nodiscard]] std::string query(std::string_view id, std::string_view permission, std::int64_t expires);
  /// Whether `signature` is that of the other three, and the time has not come.
  [[nodiscard]] bool is_signed(std::string_view id, std::string_view permission, std::string_view expires,
                               std::string_view signature, std::int64_t now);

 private:
  [[nodiscard]] std::string mac(std::string_view text);
  BlobSigner(std::unique_ptr<Sha256> sha256, std::string key)
      : sha256_(std::move(sha256)), key_(std::move(key)) {}
  std::mutex mutex_;  // of sha256_
  std::unique_ptr<Sha256> sha256_;
  const std::string key_;
};

/// Source: RFC 2104. `key`: at most 64 bytes.
[[nodiscard]] std::string hmac_sha256(Sha256& sha256, std::string_view key, std::string_view text);

/// RFC 3339 in UTC, with milliseconds: "2026-11-23T06:40:40.669Z".
[[nodiscard]] std::string to_utc(std::chrono::system_clock::time_point time);
/// `seconds` since 1970, without a fraction.
[[nodiscard]] std::string seconds_to_utc(std::int64_t seconds);

/// Bytes from the kernel's random source. An Error: it has none.
Result<std::string> random_bytes(std::size_t count);

}  // namespace buildspec_run
