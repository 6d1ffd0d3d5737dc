// The files of a work tree: the part of the git module that lists them.
#include <git2.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "runner/base/handle.h"
#include "runner/sys/git_module.h"
#include "runner/sys/git_start.h"

namespace buildspec_run {
namespace {

using Repository = Handle<git_repository, git_repository_free>;
using Index = Handle<git_index, git_index_free>;

struct Listing {
  void (*say)(void* context, const char* path, BuildspecRunGitFileKind kind);
  void* context;
  git_repository* repository;

  void tell(std::string path, bool submodule) const {
    // libgit2 names a repository inside of this one, and an empty directory, with a slash.
    BuildspecRunGitFileKind kind = submodule ? BUILDSPEC_RUN_GIT_SUBMODULE : BUILDSPEC_RUN_GIT_PLAIN_FILE;
    if (path.ends_with('/')) path.pop_back(), kind = BUILDSPEC_RUN_GIT_OTHER_REPOSITORY;
    say(context, path.c_str(), kind);
  }
};

int on_untracked(const char* path, unsigned int flags, void* context) {
  const auto& listing = *static_cast<const Listing*>(context);
  if ((flags & GIT_STATUS_WT_NEW) != 0) listing.tell(path, false);
  if ((flags & GIT_STATUS_IGNORED) == 0) return 0;
  std::string directory = path;
  int ignored = 0;
  // Not one that is only full of what is ignored.
  if (!directory.ends_with('/') || git_ignore_path_is_ignored(&ignored, listing.repository, path) != 0 ||
      ignored == 0)
    return 0;
  directory.pop_back();
  listing.say(listing.context, directory.c_str(), BUILDSPEC_RUN_GIT_IGNORED_DIRECTORY);
  return 0;
}

int fail(char* error, size_t size) {
  const std::string why = last_git_error();
  const size_t length = std::min(why.size(), size - 1);
  std::memcpy(error, why.data(), length);
  error[length] = '\0';
  return 0;
}

}  // namespace
}  // namespace buildspec_run

extern "C" __attribute__((visibility("default"))) int buildspec_run_git_files_2(
    const char* root, int with_ignored,
    void (*say)(void* context, const char* path, BuildspecRunGitFileKind kind), void* context, char* error,
    size_t error_size) {
  using namespace buildspec_run;
  if (!start_libgit2()) return fail(error, error_size);
  git_repository* raw = nullptr;
  if (git_repository_open_ext(&raw, root, GIT_REPOSITORY_OPEN_NO_SEARCH, nullptr) < 0)
    return fail(error, error_size);
  const Repository repository(raw);
  git_index* raw_index = nullptr;
  if (git_repository_index(&raw_index, repository.get()) < 0) return fail(error, error_size);
  const Index index(raw_index);
  const Listing listing{say, context, repository.get()};
  const size_t count = git_index_entrycount(index.get());
  for (size_t i = 0; i < count; ++i) {
    const git_index_entry* entry = git_index_get_byindex(index.get(), i);
    listing.tell(entry->path, entry->mode == GIT_FILEMODE_COMMIT);
  }
  git_status_options options = GIT_STATUS_OPTIONS_INIT;
  options.show = GIT_STATUS_SHOW_WORKDIR_ONLY;
  options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                  GIT_STATUS_OPT_EXCLUDE_SUBMODULES | GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH;
  if (with_ignored != 0) options.flags |= GIT_STATUS_OPT_INCLUDE_IGNORED;
  if (git_status_foreach_ext(repository.get(), &options, on_untracked, const_cast<Listing*>(&listing)) < 0)
    return fail(error, error_size);
  return 1;
}
