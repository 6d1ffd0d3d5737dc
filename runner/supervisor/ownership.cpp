#include "runner/supervisor/ownership.h"

#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace buildspec_run {
namespace {

bool is_foreign(const struct stat& status, const Owner& owner) {
  const std::int64_t changed = std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
  return status.st_uid != owner.user && changed >= owner.since_ns;
}

/// Calls `visit(entry)` for everything below `directory`, and for it, as long as that returns true.
template <class Visit>
void walk(const char* directory, int options, Visit visit) {
  char* const roots[] = {const_cast<char*>(directory), nullptr};  // fts does not write there
  FTS* tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | options, nullptr);
  if (tree == nullptr) {
    visit(nullptr);
    return;
  }
  for (;;) {
    errno = 0;
    FTSENT* entry = fts_read(tree);
    if (entry == nullptr) {
      if (errno != 0) visit(nullptr);
      break;
    }
    if (entry->fts_info != FTS_DP && !visit(entry)) break;
  }
  fts_close(tree);
}

}  // namespace

bool holds_foreign(const char* directory, const Owner& owner) {
  bool found = false;
  // Without a change of directory: this process has but one, and it is not ours.
  walk(directory, FTS_NOCHDIR, [&](const FTSENT* entry) {
    if (entry == nullptr || entry->fts_info == FTS_ERR) found = true;
    // FTS_NS: gone meanwhile. FTS_DNR: has come as a directory before, and would have been found.
    else if (entry->fts_info != FTS_NS && entry->fts_info != FTS_DNR)
      found = is_foreign(*entry->fts_statp, owner);
    return !found;
  });
  return found;
}

int give_to(const char* directory, const Owner& owner) {
  int first_error = 0;
  const auto failed = [&](int error) {
    if (first_error == 0) first_error = error == 0 ? EIO : error;
  };
  walk(directory, 0, [&](const FTSENT* entry) {
    if (entry == nullptr)
      failed(errno);
    else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
      failed(entry->fts_errno);
    else if (entry->fts_info != FTS_NS && is_foreign(*entry->fts_statp, owner) &&
             lchown(entry->fts_accpath, owner.user, owner.group) != 0)
      failed(errno);
    return true;
  });
  return first_error;
}

std::uint32_t id_inside(const char* map, std::uint32_t outside) {
  std::FILE* file = std::fopen(map, "re");
  if (file == nullptr) return outside;
  unsigned long inside_first = 0, outside_first = 0, count = 0;
  std::uint32_t found = outside;
  while (std::fscanf(file, "%lu %lu %lu", &inside_first, &outside_first, &count) == 3)
    if (outside >= outside_first && outside - outside_first < count)
      found = static_cast<std::uint32_t>(inside_first + (outside - outside_first));
  std::fclose(file);
  return found;
}

}  // namespace buildspec_run
