// The border between the program and its shared module for git: one C function that asks for facts, and a table of
// those that fetch.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {

enum BuildspecRunGitField {
  BUILDSPEC_RUN_GIT_WHY = 0,  // what was in the way
  BUILDSPEC_RUN_GIT_ROOT = 1,
  BUILDSPEC_RUN_GIT_COMMIT = 2,
  BUILDSPEC_RUN_GIT_BRANCH = 3,
  BUILDSPEC_RUN_GIT_TAG = 4,
  BUILDSPEC_RUN_GIT_REMOTE_URL = 5,  // as configured, credentials included
};

/// Says each fact it finds about `directory` by a call of `say`, from within the call, at most once a field.
typedef void BuildspecRunGitFacts(const char* directory,
                                  void (*say)(void* context, int field, const char* text, size_t length),
                                  void* context);

/// The name of that function in the module. Its number changes when the border does.
#define BUILDSPEC_RUN_GIT_FACTS_NAME "buildspec_run_git_facts_1"

enum BuildspecRunGitFileKind {
  BUILDSPEC_RUN_GIT_PLAIN_FILE = 0,        // or a link
  BUILDSPEC_RUN_GIT_SUBMODULE = 1,         // the directory of one
  BUILDSPEC_RUN_GIT_OTHER_REPOSITORY = 2,  // an untracked directory that git does not look into
  BUILDSPEC_RUN_GIT_IGNORED_DIRECTORY = 3,
};

/// Says each path of the work tree `root` that git tracks, or does not know and does not ignore; what is tracked need not
/// be there. `with_ignored`: not 0 for the directories that it ignores, too. 0: it failed, and `error` says why.
typedef int BuildspecRunGitFiles(const char* root, int with_ignored,
                                 void (*say)(void* context, const char* path,
                                             enum BuildspecRunGitFileKind kind),
                                 void* context, char* error, size_t error_size);
#define BUILDSPEC_RUN_GIT_FILES_NAME "buildspec_run_git_files_2"

/// A repository somewhere else, and how to reach it. Strings are never NULL; an empty one is "none".
struct BuildspecRunGitRemote {
  const char* url;
  const char* user;      // for http and https, when the server asks
  const char* password;  // so, too
  const char* proxy;
  const char* ca_file;
  const char* ca_directory;
  const char* home;  // for ssh: its .ssh directory holds keys and known hosts
  int ssh_agent;     // 0: there is none to ask for keys
  int64_t connect_timeout_ms, stall_timeout_ms;
  void* context;
  int (*is_stopped)(void* context);  // asked about ten times a second, on another thread
  void (*on_progress)(void* context, size_t objects, size_t total_objects, size_t bytes);
};

enum BuildspecRunGitEnd {
  BUILDSPEC_RUN_GIT_DONE = 0,
  BUILDSPEC_RUN_GIT_FAILED = 1,
  BUILDSPEC_RUN_GIT_STOPPED = 2,
  BUILDSPEC_RUN_GIT_TIMED_OUT = 3,
  BUILDSPEC_RUN_GIT_NOT_FOUND = 4,  // no repository, or not for us
  BUILDSPEC_RUN_GIT_REFUSED = 5,    // no such host, nobody listens there, or we are not let in
};

/// Who gets the files of a tree. Each returns 0 when it cannot: then the export ends.
struct BuildspecRunGitTree {
  void* context;
  int (*on_directory)(void* context, const char* path);
  int (*on_file)(void* context, const char* path, int executable, const void* bytes, size_t size);
  int (*on_link)(void* context, const char* path, const char* target, size_t length);
};

struct BuildspecRunGitFetch {
  /// Says each reference of the remote: "refs/tags/v1", "refs/tags/v1^{}" (what an annotated tag stands for), …
  enum BuildspecRunGitEnd (*list)(const struct BuildspecRunGitRemote*,
                                  void (*say)(void* context, const char* name, const char* id), void* context,
                                  char* error, size_t error_size);
  /// Fetches `source` (a reference, a full id, or a pattern such as "refs/*") into a new bare repository in the empty `directory`.
  enum BuildspecRunGitEnd (*fetch)(const struct BuildspecRunGitRemote*, const char* source,
                                   const char* directory, char* error, size_t error_size);
  /// The files of a commit of the repository in `directory`, but for those with the attribute export-ignore, as in an
  /// archive made by git.
  enum BuildspecRunGitEnd (*export_tree)(const char* directory, const char* commit,
                                         const struct BuildspecRunGitTree*, char* error, size_t error_size);
  /// Makes the empty `directory` a clone with all branches and tags, whose remote "origin" is called `shown_url`, and checks
  /// out `version`: a branch, which becomes a local one, a tag or an id; empty: the remote's default branch. `commit` gets
  /// its id and a NUL.
  enum BuildspecRunGitEnd (*clone)(const struct BuildspecRunGitRemote*, const char* shown_url,
                                   const char* version, const char* directory, char commit[41], char* error,
                                   size_t error_size);
};

/// The name of such a table in the module. Its number changes when the border does.
#define BUILDSPEC_RUN_GIT_FETCH_NAME "buildspec_run_git_fetch_4"
}
