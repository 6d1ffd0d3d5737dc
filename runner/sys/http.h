// HTTP GET, by libcurl, in a shared module of its own that is loaded at the first use.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// How the machine reaches the network.
struct HttpSettings {
  std::string http_proxy, https_proxy;  // URLs; empty: none
  std::string no_proxy;                 // comma-separated hosts, as curl reads it; "*": all
  std::string ca_file, ca_directory;    // certificates that are trusted; empty: libcurl's own
};

/// What the environment says, as curl reads it: http_proxy (lower case only: a CGI program gets HTTP_PROXY from its
/// client), https_proxy, all_proxy, no_proxy in either case; SSL_CERT_FILE or CURL_CA_BUNDLE, SSL_CERT_DIR.
[[nodiscard]] HttpSettings http_settings(const std::map<std::string, std::string>& environment);

struct HttpRequest {
  std::string url;                   // http or https
  std::vector<std::string> headers;  // "Name: value"; sent to every host
  /// Value of the header Authorization. It follows a redirect only within the same origin, or to one of
  /// `authorized_origins` ("https://codeload.github.com").
  std::string authorization;
  std::vector<std::string> authorized_origins;
  std::chrono::milliseconds connect_timeout{std::chrono::seconds(30)};
  std::chrono::milliseconds timeout{std::chrono::seconds(100)};  // for all of it, redirects included
  std::uint64_t limit_bytes = std::uint64_t{1} << 20;            // of the body
};

struct HttpResponse {
  int status = 0;
  std::string url;                                          // the last one, after redirects
  std::map<std::string, std::string, std::less<>> headers;  // of the last response; names in lower case
  std::string error_body;  // of a response that is no 2xx: its first 4096 bytes
};

class Http {
 public:
  using OnBody = std::function<Result<void>(std::string_view bytes)>;
  virtual ~Http() = default;

  /// GETs `request.url`, following up to 10 redirects, never from https to http. `on_body` gets the body of a 2xx
  /// response, cut anywhere; its Error ends the transfer and is returned. Any status is a result; an Error means that
  /// there is no whole response. Its code is ETIMEDOUT after a time-out, ECANCELED when `stop` came, EFBIG above the
  /// limit. May be called from several threads at once.
  virtual Result<HttpResponse> get(const HttpRequest& request, const OnBody& on_body,
                                   std::stop_token stop) = 0;
};

/// `modules`: absolute path of the directory that the program's shared modules lie in.
Result<std::unique_ptr<Http>> make_http(const Path& modules, HttpSettings settings);

/// The proxy that `url` (http or https) is asked through; empty: none. For those who do not go by Http.
[[nodiscard]] std::string proxy_for(std::string_view url, const HttpSettings& settings);

/// "https://example.com" of "HTTPS://user@Example.com:443/x?y": scheme, host in lower case and the port unless it is the
/// scheme's own. Empty when `url` has no scheme and host.
[[nodiscard]] std::string origin_of(std::string_view url);

}  // namespace buildspec_run
