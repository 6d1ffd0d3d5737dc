// The border between the program and its shared module for digests.
#pragma once

#include <stddef.h>

extern "C" {

struct BuildspecRunSha256 {
  void* (*make)(void);  // NULL: libcrypto cannot
  int (*update)(void* state, const void* bytes, size_t length);
  int (*finish)(void* state, unsigned char* digest_of_32_bytes);  // and begins anew
  void (*free)(void* state);
};

/// The name of such a table in the module. Its number changes when the border does.
#define BUILDSPEC_RUN_SHA256_NAME "buildspec_run_sha256_1"
}
