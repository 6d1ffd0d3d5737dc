// The border between the program and its shared module for HTTP.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

enum BuildspecRunHttpEnd {
  BUILDSPEC_RUN_HTTP_DONE = 0,       // there is a status, and the whole body has been given
  BUILDSPEC_RUN_HTTP_FAILED = 1,     // `error` says why
  BUILDSPEC_RUN_HTTP_TIMED_OUT = 2,  // `error` says where it stood
  BUILDSPEC_RUN_HTTP_STOPPED = 3,    // by a callback
};

/// One GET, without following anything. Strings are never NULL; an empty one is the library's default.
struct BuildspecRunHttpGet {
  const char* url;
  const char* const* headers;  // "Name: value"
  size_t header_count;
  const char* user_agent;
  const char* proxy;     // empty: none, whatever the environment says
  const char* no_proxy;  // hosts that are asked directly
  const char* ca_file;
  const char* ca_directory;
  int64_t connect_timeout_ms, timeout_ms;
  void* context;
  void (*on_header)(void* context, const char* line,
                    size_t length);  // with its line end; again for each response
  int (*on_body)(void* context, const char* bytes, size_t length);  // 0: stop
  int (*is_stopped)(void* context);                                 // asked about ten times a second
};

struct BuildspecRunHttpAnswer {
  int status;
  char redirect[4096];  // where a 3xx leads, absolute; empty: nowhere, or too long
  char error[512];
};

struct BuildspecRunHttp {
  void* (*make)(void);  // NULL: libcurl cannot. Keeps connections open for the next `get`
  enum BuildspecRunHttpEnd (*get)(void* client, const struct BuildspecRunHttpGet*,
                                  struct BuildspecRunHttpAnswer*);
  void (*free)(void* client);
};

/// The name of such a table in the module. Its number changes when the border does.
#define BUILDSPEC_RUN_HTTP_NAME "buildspec_run_http_1"
}
