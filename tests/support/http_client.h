// An HTTP client of loopback for tests that says exactly what it is told to: any header, bodies in chunks, half a body.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace buildspec_run::test {

struct HttpClientAnswer {
  int status = 0;                              // 0: none came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

/// One connection, which stays open from one request to the next.
class HttpClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit HttpClient(int port) : port_(port), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  HttpClient(const HttpClient&) = delete;
  ~HttpClient() { ::close(socket_); }

  [[nodiscard]] bool connected() const { return connected_; }

  /// `headers` come behind Host and the length of the body; one of them may be a Host of its own.
  HttpClientAnswer ask(const std::string& method, const std::string& target, const Headers& headers = {},
                       const std::string& body = {}, bool chunked = false) {
    std::string text = method + " " + target + " HTTP/1.1\r\n";
    const bool own_host =
        std::any_of(headers.begin(), headers.end(), [](const auto& h) { return h.first == "Host"; });
    if (!own_host) text += "Host: 127.0.0.1:" + std::to_string(port_) + "\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    if (chunked) {
      text += "Transfer-Encoding: chunked\r\n\r\n";
      for (std::size_t at = 0; at < body.size(); at += 1000) {
        const std::string piece = body.substr(at, 1000);
        char size[32];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        text += size + piece + "\r\n";
      }
      text += "0\r\n\r\n";
    } else {
      if (!body.empty() || method != "GET") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
      text += "\r\n" + body;
    }
    send(text);
    return read(method == "HEAD");
  }

  void send(const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t put = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (put <= 0) return;
      sent += static_cast<std::size_t>(put);
    }
  }

  HttpClientAnswer read(bool no_body = false) {
    HttpClientAnswer answer;
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return answer;
    std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    answer.status = std::atoi(head.substr(9, 3).c_str());
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t line_end = head.find("\r\n", at);
      const std::string line = head.substr(at, line_end - at);
      std::string name = line.substr(0, line.find(':'));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      answer.headers[name] = line.substr(std::min(line.size(), line.find(':') + 2));
      at = line_end + 2;
    }
    if (answer.status == 100) return read(no_body);
    const std::size_t length = std::strtoull(answer.header("content-length").c_str(), nullptr, 10);
    while (!no_body && buffer_.size() < length)
      if (!more()) break;
    if (no_body) return answer;
    answer.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return answer;
  }

 private:
  bool more() {
    char piece[65536];
    const ssize_t got = ::recv(socket_, piece, sizeof piece, 0);
    if (got <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(got));
    return true;
  }

  int port_, socket_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace buildspec_run::test
