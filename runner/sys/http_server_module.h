// The border between the program and its shared module that serves HTTP.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct BuildspecRunText {
  const char* begin;
  size_t length;
};

struct BuildspecRunHeader {
  BuildspecRunText name, value;
};

struct BuildspecRunServerRequest {
  BuildspecRunText method, target;
  const BuildspecRunHeader* headers;
  size_t header_count;
};

struct BuildspecRunServerAnswer {
  int status;
  const BuildspecRunHeader* headers;
  size_t header_count;
  BuildspecRunText body;
  int file;  // a descriptor whose bytes are the body; -1: `body` is
  uint64_t file_offset, file_length;
};

/// Called on the server's threads; the calls of one exchange never at once. None of them may throw.
struct BuildspecRunServerHandler {
  void* context;
  void* (*begin)(void* context, const BuildspecRunServerRequest* request);  // an exchange
  int (*on_body)(void* exchange, const char* bytes, size_t length);         // 0: no more of it is wanted
  /// The request's body is over. The answer stays valid until `end`.
  void (*answer)(void* exchange, BuildspecRunServerAnswer* answer);
  void (*end)(void* exchange);  // last, whatever happened to the connection
};

struct BuildspecRunServer {
  /// Serves whoever connects to `listening`, a TCP socket over IPv4, which is the server's from now on. Its threads block the
  /// signals that the caller's thread blocks. NULL: `error` says why.
  void* (*start)(const BuildspecRunServerHandler* handler, int listening, char* error, size_t error_size);
  void (*stop)(void* server);  // ends every exchange; returns when no thread is left
};

/// The name of such a table in the module. Its number changes when the border does.
#define BUILDSPEC_RUN_SERVER_NAME "buildspec_run_http_server_2"
}
