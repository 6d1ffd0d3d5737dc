// An HTTP server on this machine's loopback, by Boost.Beast, in a shared module of its own that is loaded for the first client.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/descriptor.h"
#include "runner/sys/files.h"

namespace buildspec_run {

struct ServerRequest {
  std::string method, target;                  // as sent: "/a?b=c"
  std::map<std::string, std::string> headers;  // names in lower case; of one that is repeated, the last
  [[nodiscard]] std::string_view header(const std::string& name) const;  // empty: there is none
};

struct ServerAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>>
      headers;  // Content-Length, Date and Connection are the server's
  std::string body;
  /// Instead of `body`: so many bytes of a file. An answer to HEAD has the length alone.
  Descriptor file;
  std::uint64_t file_offset = 0, file_length = 0;
};

/// One request and its answer. Its calls come one after the other, on any of the server's threads.
class ServerExchange {
 public:
  virtual ~ServerExchange() = default;
  /// A piece of the request's body, cut anywhere. False: no more is wanted; the rest is read and dropped (64 MiB at most,
  /// then the connection ends with the answer).
  virtual bool on_body(std::string_view bytes) = 0;
  /// The body is over.
  virtual ServerAnswer answer() = 0;
};

/// Decides what a request is answered with. Called on the server's threads, several at once.
class ServerHandler {
 public:
  virtual ~ServerHandler() = default;
  /// Makes ready what is not needed unless somebody asks: called once, when the first client has connected, before the first
  /// `begin`, on a thread of the server. An Error: nobody is served.
  virtual Result<void> prepare() { return {}; }
  virtual std::unique_ptr<ServerExchange> begin(const ServerRequest& request) = 0;
};

/// A server that is listening. Destroyed: the port is closed, every exchange has ended, no thread is left.
///
/// Limits: 32 KiB of headers; 128 connections, more wait; 30 s until the first request of a connection is there; 60 s without progress in a body or an answer; 300 s between two
/// requests of a connection. Bodies are handed on as they come: what limits them is the handler's.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Why nobody is served: the handler was not ready, or the module could not be loaded. The port is closed then.
  [[nodiscard]] virtual std::optional<Error> failure() const = 0;
};

/// Listens on 127.0.0.1, at a port that the kernel chooses; costs a socket and a waiting thread until somebody connects.
/// `handler` outlives the server. `modules`: absolute path of the directory that the program's shared modules lie in.
Result<std::unique_ptr<HttpServer>> make_http_server(const Path& modules, ServerHandler& handler);

}  // namespace buildspec_run
