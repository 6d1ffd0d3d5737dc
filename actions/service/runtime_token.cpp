#include "actions/service/runtime_token.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>

#include "actions/service/request_text.h"
#include "runner/base/check.h"
#include "runner/base/encoding.h"
#include "runner/base/json.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT"})";
constexpr std::string_view kResults = "Actions.Results:";
constexpr int kRead = 1, kWrite = 2;  // permission bits of `ac`

std::string digest_of(Sha256& sha256, std::string_view first, std::string_view second) {
  sha256.update(first);
  sha256.update(second);
  const Sha256Digest digest = sha256.finish();
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string signed_text(std::string_view id, std::string_view permission, std::string_view expires) {
  return fmt::format("blob\n{}\n{}\n{}", id, permission, expires);
}

}  // namespace

std::string to_utc(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)),
                     ms % 1000);
}

std::string seconds_to_utc(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

Result<std::string> random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < count;) {
    const ssize_t got = ::getrandom(bytes.data() + done, count - done, 0);
    if (got < 0 && errno != EINTR) return system_error("random bytes", errno);
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string claims_text(const TokenClaims& claims) {
  Value::Array scopes;
  for (const CacheScope& scope : claims.scopes)
    scopes.push_back(
        Value::Object{{"Scope", scope.ref}, {"Permission", scope.may_write ? kRead | kWrite : kRead}});
  return to_json(
      Value::Object{{"iss", "buildspec-run"},
                    {"nbf", claims.not_before},
                    {"iat", claims.not_before},
                    {"exp", claims.expires},
                    {"scp", fmt::format("{}{}:{}", kResults, claims.run, claims.job)},
                    {"ac", to_json(std::move(scopes))}});  // a text that holds JSON: BuildKit wants it so
}

Result<std::string> make_runtime_token(const TokenClaims& claims) {
  Result<std::string> signature = random_bytes(32);
  if (!signature) return std::move(signature.error());
  return fmt::format("{}.{}.{}", to_base64_url(kHeader), to_base64_url(claims_text(claims)),
                     to_base64_url(*signature));
}

Result<std::unique_ptr<BlobSigner>> BlobSigner::make(const Path& modules) {
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules);
  if (!sha256) return std::move(sha256.error());
  Result<std::string> key = random_bytes(32);
  if (!key) return std::move(key.error());
  return std::unique_ptr<BlobSigner>(new BlobSigner(std::move(*sha256), std::move(*key)));
}

std::string hmac_sha256(Sha256& sha256, std::string_view key, std::string_view text) {
  constexpr std::size_t kBlock = 64;
  check(key.size() <= kBlock, "a longer key would have to be hashed first");
  std::string inner(kBlock, '\x36'), outer(kBlock, '\x5c');
  for (std::size_t i = 0; i < key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ key[i]);
    outer[i] = static_cast<char>(outer[i] ^ key[i]);
  }
  return digest_of(sha256, outer, digest_of(sha256, inner, text));
}

std::string BlobSigner::mac(std::string_view text) {
  const std::lock_guard guard(mutex_);
  return hmac_sha256(*sha256_, key_, text);
}

std::string BlobSigner::query(std::string_view id, std::string_view permission, std::int64_t expires) {
  const std::string until = seconds_to_utc(expires);
  return fmt::format("se={}&sp={}&sig={}", percent_encoded(until), permission,
                     percent_encoded(to_base64(mac(signed_text(id, permission, until)))));
}

bool BlobSigner::is_signed(std::string_view id, std::string_view permission, std::string_view expires,
                           std::string_view signature, std::int64_t now) {
  // A "+" of base64 that came unescaped has become a blank.
  std::string given(signature);
  for (char& c : given)
    if (c == ' ') c = '+';
  if (!equals_in_constant_time(to_base64(mac(signed_text(id, permission, expires))), given)) return false;
  return seconds_to_utc(now) < expires;  // times of this form sort as texts
}

}  // namespace buildspec_run
