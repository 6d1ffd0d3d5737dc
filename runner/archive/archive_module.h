// The border between the program and its shared module for archives.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

enum BuildspecRunArchiveEntryKind {
  BUILDSPEC_RUN_ARCHIVE_FILE = 0,
  BUILDSPEC_RUN_ARCHIVE_DIRECTORY = 1,
  BUILDSPEC_RUN_ARCHIVE_LINK = 2,
  BUILDSPEC_RUN_ARCHIVE_OTHER = 3,  // hard link, device, pipe, …
};

struct BuildspecRunArchiveEntry {
  enum BuildspecRunArchiveEntryKind kind;
  const char* kind_name;  // of an other: "a hard link"
  const char* path;       // valid until the next call
  const char* target;     // of a link
  int executable;
};

struct BuildspecRunArchive {
  void* (*open)(
      const char* file);  // never NULL but when memory is out; whether it is an archive, `next` says
  int (*next)(void* archive, struct BuildspecRunArchiveEntry* entry);  // 1: one; 0: the end; -1: `error`
  /// The next bytes of the entry's content, which lie at `offset`. 1: some; 0: the end; -1: `error`.
  int (*read)(void* archive, const void** bytes, size_t* size, int64_t* offset);
  const char* (*error)(void* archive);
  void (*close)(void* archive);
};

/// The name of such a table in the module. Its number changes when the border does.
#define BUILDSPEC_RUN_ARCHIVE_NAME "buildspec_run_archive_1"
}
