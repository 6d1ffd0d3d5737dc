#include "runner/sys/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "runner/base/text.h"
#include "runner/sys/http_module.h"
#include "runner/sys/module.h"
#include "runner/sys/url.h"
#include "runner/version.h"

namespace buildspec_run {
namespace {

constexpr int kRedirects = 10;
constexpr std::size_t kErrorBodyBytes = 4096;

/// One exchange: what the module's callbacks work on.
struct Exchange {
  const HttpRequest& request;
  const Http::OnBody& on_body;
  std::stop_token stop;
  HttpResponse response;
  std::uint64_t body_bytes = 0;
  std::optional<Error> failed;  // why a callback ended it
};

void on_header(void* context, const char* begin, std::size_t length) {
  HttpResponse& response = static_cast<Exchange*>(context)->response;
  std::string_view line(begin, length);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // a response begins, perhaps behind one of a proxy
    response = {};
    const std::size_t blank = line.find(' ');
    if (blank != std::string_view::npos)
      for (const char digit : line.substr(blank + 1, 3))
        if (digit >= '0' && digit <= '9') response.status = response.status * 10 + (digit - '0');
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  response.headers[to_lower(line.substr(0, colon))] = value;
}

int on_body(void* context, const char* begin, std::size_t length) {
  Exchange& exchange = *static_cast<Exchange*>(context);
  const std::string_view bytes(begin, length);
  exchange.body_bytes += length;
  const int status = exchange.response.status;
  if (status < 200 || status > 299) {
    std::string& body = exchange.response.error_body;
    body += bytes.substr(0, kErrorBodyBytes - std::min(body.size(), kErrorBodyBytes));
    if (exchange.body_bytes <= exchange.request.limit_bytes) return 1;
  }
  if (exchange.body_bytes > exchange.request.limit_bytes) {
    exchange.failed = Error{fmt::format("the response has more than {} bytes", exchange.request.limit_bytes),
                            std::make_error_code(std::errc::file_too_large)};
    return 0;
  }
  Result<void> taken = exchange.on_body(bytes);
  if (!taken) exchange.failed = std::move(taken.error());
  return taken ? 1 : 0;
}

int is_stopped(void* context) { return static_cast<Exchange*>(context)->stop.stop_requested() ? 1 : 0; }

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

class ModuleHttp : public Http {
 public:
  ModuleHttp(const BuildspecRunHttp& functions, HttpSettings settings)
      : functions_(functions), settings_(std::move(settings)) {}
  ModuleHttp(const ModuleHttp&) = delete;
  ModuleHttp& operator=(const ModuleHttp&) = delete;
  ~ModuleHttp() override {
    for (void* client : idle_) functions_.free(client);
  }

  Result<HttpResponse> get(const HttpRequest& request, const OnBody& on_body, std::stop_token stop) override {
    void* client = borrow();
    if (client == nullptr) return Error{"start libcurl"};
    Result<HttpResponse> response = follow(client, request, on_body, std::move(stop));
    give_back(client);
    return response;
  }

 private:
  Result<HttpResponse> follow(void* client, const HttpRequest& request, const OnBody& on_body,
                              std::stop_token stop) {
    const auto deadline = std::chrono::steady_clock::now() + request.timeout;
    const std::string first_origin = origin_of(request.url);
    std::string url = request.url;
    for (int redirects = 0;; ++redirects) {
      const std::string origin = origin_of(url);
      const bool authorized = origin == first_origin ||
                              std::find(request.authorized_origins.begin(), request.authorized_origins.end(),
                                        origin) != request.authorized_origins.end();
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return timed_out("redirects take too long");
      Exchange exchange{request, on_body, stop, {}, 0, std::nullopt};
      BuildspecRunHttpAnswer answer{};
      const BuildspecRunHttpEnd end = get_once(client, exchange, url, authorized, left, answer);
      if (stop.stop_requested()) return Error{"stopped", std::make_error_code(std::errc::operation_canceled)};
      if (exchange.failed) return std::move(*exchange.failed);
      if (end == BUILDSPEC_RUN_HTTP_TIMED_OUT) return timed_out(answer.error);
      if (end != BUILDSPEC_RUN_HTTP_DONE)
        return Error{answer.error, std::make_error_code(std::errc::io_error)};
      exchange.response.status = answer.status;
      exchange.response.url = url;
      if (!is_redirect(answer.status) || answer.redirect[0] == '\0') return std::move(exchange.response);
      const std::string next = answer.redirect;
      const std::string next_origin = origin_of(next);
      if (redirects == kRedirects) return Error{fmt::format("more than {} redirects", kRedirects)};
      if (next_origin.empty() || (origin.starts_with("https:") && !next_origin.starts_with("https:")))
        return Error{fmt::format("a redirect from {} to {} is not followed", origin,
                                 next_origin.empty() ? "no http address" : next_origin)};
      url = next;
    }
  }

  BuildspecRunHttpEnd get_once(void* client, Exchange& exchange, const std::string& url, bool authorized,
                               std::chrono::milliseconds left, BuildspecRunHttpAnswer& answer) const {
    const HttpRequest& request = exchange.request;
    std::vector<std::string> headers = request.headers;
    if (authorized && !request.authorization.empty())
      headers.push_back("Authorization: " + request.authorization);
    std::vector<const char*> pointers;
    for (const std::string& header : headers) pointers.push_back(header.c_str());
    const std::string agent = fmt::format("buildspec-run/{}", kVersion);
    const bool tls = origin_of(url).starts_with("https:");
    BuildspecRunHttpGet get{};
    get.url = url.c_str();
    get.headers = pointers.data();
    get.header_count = pointers.size();
    get.user_agent = agent.c_str();
    get.proxy = tls ? settings_.https_proxy.c_str() : settings_.http_proxy.c_str();
    get.no_proxy = settings_.no_proxy.c_str();
    get.ca_file = settings_.ca_file.c_str();
    get.ca_directory = settings_.ca_directory.c_str();
    get.connect_timeout_ms = std::min(request.connect_timeout, left).count();
    get.timeout_ms = left.count();
    get.context = &exchange;
    get.on_header = on_header;
    get.on_body = buildspec_run::on_body;
    get.is_stopped = is_stopped;
    return functions_.get(client, &get, &answer);
  }

  static Error timed_out(std::string_view why) {
    return Error{std::string(why), std::make_error_code(std::errc::timed_out)};
  }

  void* borrow() {
    {
      const std::lock_guard guard(mutex_);
      if (!idle_.empty()) {
        void* client = idle_.back();
        idle_.pop_back();
        return client;
      }
    }
    return functions_.make();
  }
  void give_back(void* client) {
    const std::lock_guard guard(mutex_);
    idle_.push_back(client);
  }

  const BuildspecRunHttp& functions_;
  const HttpSettings settings_;
  std::mutex mutex_;
  std::vector<void*> idle_;  // with their open connections
};

}  // namespace

HttpSettings http_settings(const std::map<std::string, std::string>& environment) {
  const auto first = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (const auto found = environment.find(name); found != environment.end() && !found->second.empty())
        return found->second;
    return std::string();
  };
  HttpSettings settings;
  settings.http_proxy = first({"http_proxy", "all_proxy", "ALL_PROXY"});
  settings.https_proxy = first({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  settings.no_proxy = first({"no_proxy", "NO_PROXY"});
  settings.ca_file = first({"SSL_CERT_FILE", "CURL_CA_BUNDLE"});
  settings.ca_directory = first({"SSL_CERT_DIR"});
  return settings;
}

std::string origin_of(std::string_view url) {
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos) return {};
  const std::string scheme = to_lower(url.substr(0, colon));
  std::string host = to_lower(authority_of(url).host);
  if (host.ends_with(":")) host.pop_back();
  const std::string_view own = scheme == "https" ? ":443" : scheme == "http" ? ":80" : "";
  if (!own.empty() && host.ends_with(own)) host.erase(host.size() - own.size());
  if (host.empty() || (scheme != "http" && scheme != "https")) return {};
  return fmt::format("{}://{}", scheme, host);
}

std::string proxy_for(std::string_view url, const HttpSettings& settings) {
  const std::string origin = origin_of(url);
  if (origin.empty()) return {};
  const std::string& proxy = origin.starts_with("https:") ? settings.https_proxy : settings.http_proxy;
  std::string_view host = std::string_view(origin).substr(origin.find("://") + 3);
  if (!host.ends_with(']')) host = host.substr(0, host.rfind(':'));  // the port, but not the end of [::1]
  std::string_view rest = settings.no_proxy;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find_first_of(", "), rest.size());
    std::string entry = to_lower(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (entry == "*") return {};
    while (entry.starts_with(".")) entry.erase(0, 1);
    if (entry.empty()) continue;
    // "example.com" is meant with all below it.
    if (host == entry || (host.ends_with(entry) && host[host.size() - entry.size() - 1] == '.')) return {};
  }
  return proxy;
}

Result<std::unique_ptr<Http>> make_http(const Path& modules, HttpSettings settings) {
  Result<void*> symbol = load_module(modules, "http", BUILDSPEC_RUN_HTTP_NAME);
  if (!symbol) return std::move(symbol.error());
  return std::unique_ptr<Http>(
      new ModuleHttp(*static_cast<const BuildspecRunHttp*>(*symbol), std::move(settings)));
}

}  // namespace buildspec_run
