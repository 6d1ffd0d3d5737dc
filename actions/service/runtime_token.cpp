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

/// The two ids in "Actions.Results:<run>:<job>", the one word of `scp` that counts. With two parts or four it is none.
bool read_scp(std::string_view scp, TokenClaims& claims) {
  bool found = false;
  while (!scp.empty()) {
    const std::size_t blank = std::min(scp.find(' '), scp.size());
    std::string_view word = scp.substr(0, blank);
    scp.remove_prefix(std::min(blank + 1, scp.size()));
    if (!word.starts_with(kResults)) continue;
    word.remove_prefix(kResults.size());
    const std::size_t colon = word.find(':');
    if (found || colon == 0 || colon == std::string_view::npos || colon + 1 == word.size() ||
        word.find(':', colon + 1) != std::string_view::npos)
      return false;
    claims.run = word.substr(0, colon);
    claims.job = word.substr(colon + 1);
    found = true;
  }
  return found;
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

std::optional<TokenClaims> parse_claims(std::string_view json) {
  const Result<Value> value = parse_json(json);
  if (!value || value->object() == nullptr) return std::nullopt;
  const auto text = [](const Value& of, std::string_view name) -> const std::string* {
    const Value* found = of.find(name);
    return found == nullptr ? nullptr : found->string();
  };
  const auto number = [](const Value& of, std::string_view name) -> const std::int64_t* {
    const Value* found = of.find(name);
    return found == nullptr ? nullptr : found->integer();
  };
  TokenClaims claims;
  const std::string* scp = text(*value, "scp");
  const std::string* ac = text(*value, "ac");
  const std::int64_t* not_before = number(*value, "nbf");
  const std::int64_t* expires = number(*value, "exp");
  if (scp == nullptr || ac == nullptr || not_before == nullptr || expires == nullptr ||
      !read_scp(*scp, claims))
    return std::nullopt;
  claims.not_before = *not_before;
  claims.expires = *expires;
  const Result<Value> scopes = parse_json(*ac);
  if (!scopes || scopes->array() == nullptr) return std::nullopt;
  for (const Value& scope : *scopes->array()) {
    const std::string* ref = text(scope, "Scope");
    const std::int64_t* permission = number(scope, "Permission");
    if (ref == nullptr || permission == nullptr) return std::nullopt;
    if ((*permission & kRead) != 0) claims.scopes.push_back({*ref, (*permission & kWrite) != 0});
  }
  return claims;
}

Result<std::unique_ptr<TokenSigner>> TokenSigner::make(const Path& modules) {
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules);
  if (!sha256) return std::move(sha256.error());
  Result<std::string> key = random_bytes(32);
  if (!key) return std::move(key.error());
  return std::unique_ptr<TokenSigner>(new TokenSigner(std::move(*sha256), std::move(*key)));
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

std::string TokenSigner::mac(std::string_view text) {
  const std::lock_guard guard(mutex_);
  return hmac_sha256(*sha256_, key_, text);
}

std::string TokenSigner::sign(const TokenClaims& claims) {
  const std::string text = fmt::format("{}.{}", to_base64_url(kHeader), to_base64_url(claims_text(claims)));
  return fmt::format("{}.{}", text, to_base64_url(mac(text)));
}

// Our own header is the only one there is: an `alg` of somebody's choice is never looked at.
std::optional<TokenClaims> TokenSigner::verify(std::string_view token, std::int64_t now) {
  const std::size_t dot = token.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view text = token.substr(0, dot);
  if (!equals_in_constant_time(to_base64_url(mac(text)), token.substr(dot + 1))) return std::nullopt;
  const std::string header = to_base64_url(kHeader) + ".";
  if (!text.starts_with(header)) return std::nullopt;
  const std::optional<std::string> json = from_base64_url(text.substr(header.size()));
  std::optional<TokenClaims> claims = json ? parse_claims(*json) : std::nullopt;
  if (!claims || now < claims->not_before || now >= claims->expires) return std::nullopt;
  return claims;
}

std::string TokenSigner::blob_query(std::string_view id, std::string_view permission, std::int64_t expires) {
  const std::string until = seconds_to_utc(expires);
  return fmt::format("se={}&sp={}&sig={}", percent_encoded(until), permission,
                     percent_encoded(to_base64(mac(signed_text(id, permission, until)))));
}

bool TokenSigner::is_signed(std::string_view id, std::string_view permission, std::string_view expires,
                            std::string_view signature, std::int64_t now) {
  // A "+" of base64 that came unescaped has become a blank.
  std::string given(signature);
  for (char& c : given)
    if (c == ' ') c = '+';
  if (!equals_in_constant_time(to_base64(mac(signed_text(id, permission, expires))), given)) return false;
  return seconds_to_utc(now) < expires;  // times of this form sort as texts
}

}  // namespace buildspec_run
