#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runner/base/text.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run::test {

struct HttpServer::Tls {
  SSL_CTX* context = nullptr;
  ~Tls() { SSL_CTX_free(context); }
};

namespace {

[[noreturn]] void give_up(const char* doing) {
  std::perror(doing);
  std::abort();
}

/// A connection, plain or TLS.
class Stream {
 public:
  Stream(int descriptor, SSL_CTX* context) : descriptor_(descriptor) {
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, descriptor);
    open_ = SSL_accept(ssl_) == 1;
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (ssl_ != nullptr) {
      if (open_) SSL_shutdown(ssl_);
      SSL_free(ssl_);
    }
  }

  /// Appends some bytes; false at the end.
  bool read(std::string& to) {
    char bytes[65536];
    const ssize_t got = !open_            ? 0
                        : ssl_ != nullptr ? SSL_read(ssl_, bytes, sizeof bytes)
                                          : ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    to.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  void write(std::string_view bytes) {
    while (open_ && !bytes.empty()) {
      const ssize_t sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                           : ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

 private:
  int descriptor_;
  SSL* ssl_ = nullptr;
  bool open_ = true;
};

/// Takes `count` bytes off the front of `pending`, reading more as needed.
bool take(Stream& stream, std::string& pending, std::size_t count, std::string& to) {
  while (pending.size() < count)
    if (!stream.read(pending)) return false;
  to += pending.substr(0, count);
  pending.erase(0, count);
  return true;
}

bool take_line(Stream& stream, std::string& pending, std::string& line) {
  std::size_t end = 0;
  while ((end = pending.find("\r\n")) == std::string::npos)
    if (!stream.read(pending)) return false;
  line = pending.substr(0, end);
  pending.erase(0, end + 2);
  return true;
}

bool read_request(Stream& stream, HttpServerRequest& request) {
  std::string pending, line;
  if (!take_line(stream, pending, line)) return false;
  const std::size_t first = line.find(' '), second = line.rfind(' ');
  if (first == std::string::npos || second <= first) return false;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  for (;;) {
    if (!take_line(stream, pending, line)) return false;
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    std::string value = line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(' '));
    request.headers[to_lower(line.substr(0, colon))] = value;
  }
  request.host = request.header("host");
  request.path = request.target;
  if (const std::size_t scheme = request.path.find("://"); scheme != std::string::npos) {
    const std::size_t slash = std::min(request.path.find('/', scheme + 3), request.path.size());
    request.host = request.path.substr(scheme + 3, slash - scheme - 3);
    request.path.erase(0, slash);
  }
  if (const std::size_t mark = request.path.find('?'); mark != std::string::npos) {
    request.query = request.path.substr(mark + 1);
    request.path.resize(mark);
  }
  if (request.header("expect") == "100-continue") stream.write("HTTP/1.1 100 Continue\r\n\r\n");
  if (request.header("transfer-encoding") == "chunked") {
    for (;;) {
      if (!take_line(stream, pending, line)) return false;
      const std::size_t size = std::strtoul(line.c_str(), nullptr, 16);
      if (!take(stream, pending, size, request.body)) return false;
      if (!take_line(stream, pending, line)) return false;
      if (size == 0) return true;
    }
  }
  return take(stream, pending, std::strtoul(request.header("content-length").c_str(), nullptr, 10),
              request.body);
}

}  // namespace

HttpServer::HttpServer(Handler handler, const std::filesystem::path& certificate)
    : handler_(std::move(handler)) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (!certificate.empty()) {
    tls_ = std::make_unique<Tls>();
    tls_->context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_file(tls_->context, certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_->context, certificate.c_str(), SSL_FILETYPE_PEM) != 1)
      give_up("read the certificate");
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    give_up("listen on loopback");
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept_connections(); });
}

HttpServer::~HttpServer() {
  over_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  ::close(listener_);
  {
    const std::lock_guard guard(mutex_);
    for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

std::string HttpServer::url() const {
  return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
}

std::vector<HttpServerRequest> HttpServer::requests() const {
  const std::lock_guard guard(mutex_);
  return requests_;
}

void HttpServer::forget_requests() {
  const std::lock_guard guard(mutex_);
  requests_.clear();
}

void HttpServer::accept_connections() {
  while (!over_) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    const std::lock_guard guard(mutex_);
    connections_.insert(connection);
    threads_.emplace_back([this, connection] {
      serve(connection);
      const std::lock_guard inner(mutex_);
      connections_.erase(connection);
      ::close(connection);
    });
  }
}

void HttpServer::serve(int connection) {
  Stream stream(connection, tls_ ? tls_->context : nullptr);
  HttpServerRequest request;
  if (!read_request(stream, request)) return;
  {
    const std::lock_guard guard(mutex_);
    requests_.push_back(request);
  }
  const HttpServerAnswer answer = handler_(request);
  while (answer.hang && !over_) {
    pollfd gone{connection, POLLIN, 0};
    if (::poll(&gone, 1, 20) > 0) return;
  }
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " Answer\r\nConnection: close\r\n";
  for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
  head += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n";
  stream.write(head);
  stream.write(std::string_view(answer.body).substr(0, answer.cut_after.value_or(answer.body.size())));
}

HttpServerAnswer git_http_backend(const std::filesystem::path& root, const HttpServerRequest& request) {
  // Its input from a file: a pipe would want another thread.
  const TemporaryDirectory files;
  put(files / "body", request.body);
  const std::string command = "exec \"$GIT\" http-backend <\"$BODY\"";
  std::map<std::string, std::string> env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                            {"GIT", "git"},
                                            {"BODY", (files / "body").native()},
                                            {"HOME", files.path().native()},
                                            {"GIT_CONFIG_NOSYSTEM", "1"},
                                            {"GIT_CONFIG_COUNT", "1"},
                                            {"GIT_CONFIG_KEY_0", "safe.directory"},
                                            {"GIT_CONFIG_VALUE_0", "*"},
                                            {"GIT_PROJECT_ROOT", root.native()},
                                            {"GIT_HTTP_EXPORT_ALL", "1"},
                                            {"REQUEST_METHOD", request.method},
                                            {"PATH_INFO", request.path},
                                            {"QUERY_STRING", request.query},
                                            {"CONTENT_TYPE", request.header("content-type")},
                                            {"CONTENT_LENGTH", std::to_string(request.body.size())},
                                            {"HTTP_CONTENT_ENCODING", request.header("content-encoding")},
                                            {"GIT_PROTOCOL", request.header("git-protocol")},
                                            {"REMOTE_ADDR", "127.0.0.1"}};
  const Ran ran = run_program({"sh", "-c", command}, env);
  HttpServerAnswer answer;
  std::string_view rest = ran.out;
  for (;;) {
    const std::size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return {500, {}, ran.err, {}, false};
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (line.empty()) break;
    const std::size_t colon = line.find(": ");
    const std::string name(line.substr(0, colon)), value(line.substr(colon + 2));
    if (name == "Status")
      answer.status = std::atoi(value.c_str());
    else
      answer.headers.emplace_back(name, value);
  }
  answer.body = rest;
  return answer;
}

bool make_certificate(const std::filesystem::path& file) {
  return run_program({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                      "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
                      file.native(), "-out", file.native() + ".crt"},
                     {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", "/"}})
                 .exit == 0 &&
         (put(file, contents(file) + contents(file.native() + ".crt")), true);
}

}  // namespace buildspec_run::test
