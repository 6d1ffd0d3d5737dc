// An HTTP server on loopback, for tests: each request is answered by a function.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace buildspec_run::test {

struct HttpServerRequest {
  std::string method, target;                  // as sent: "/x?y", or "http://host/x" to a proxy
  std::string path, query;                     // of the target, without scheme and host
  std::string host;                            // of the target, else of the header
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

struct HttpServerAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::optional<std::size_t> cut_after = {};  // the connection ends after so many bytes of the body
  bool hang = false;                          // nothing is answered until the server goes
};

/// One thread a connection, one request a connection.
class HttpServer {
 public:
  using Handler = std::function<HttpServerAnswer(const HttpServerRequest&)>;
  /// With TLS when `certificate` names a PEM file that holds key and certificate.
  explicit HttpServer(Handler handler, const std::filesystem::path& certificate = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  [[nodiscard]] int port() const { return port_; }
  /// "http://127.0.0.1:<port>", or https.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::vector<HttpServerRequest> requests() const;
  void forget_requests();

 private:
  struct Tls;
  void accept_connections();
  void serve(int connection);

  Handler handler_;
  std::unique_ptr<Tls> tls_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  std::vector<HttpServerRequest> requests_;
  std::set<int> connections_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

/// Answers as git's own server does over HTTP ("git http-backend"), from the repositories below `root`.
HttpServerAnswer git_http_backend(const std::filesystem::path& root, const HttpServerRequest& request);

/// A key and a certificate for 127.0.0.1 and localhost, signed by itself, in one new PEM file. False when openssl cannot.
bool make_certificate(const std::filesystem::path& file);

}  // namespace buildspec_run::test
