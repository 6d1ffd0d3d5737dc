#include "runner/exec/workspace.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "runner/sys/copy_git.h"
#include "runner/sys/git.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kKept = "kept";  // the mark inside of the copy's directory, beside the tree
constexpr std::string_view kResumable = "resumable";
constexpr std::size_t kMostResumable = 3;  // a copy may be large

// A descriptor that holds the lock of `directory`; -1: somebody else has it, or it is gone.
int try_lock(const Path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  ::close(fd);
  return -1;
}

// Whether the run that can be gone on with in this copy is still kept.
bool is_resumable(const Path& copy) {
  const Result<std::string> run = read_file(copy / kResumable, 64 << 10);
  std::error_code failed;
  return run && !run->empty() && std::filesystem::is_directory(*run, failed);
}

// What all parts of a copy have in common.
struct Copying {
  const MovedLinks& links;
  Path left_out;  // absolute and physical: where copies are kept, which may be in the source
  std::stop_token stop;
};

void drop_below(const Path& directory, const Path& from, std::vector<std::string>& paths) {
  std::error_code failed;
  const std::string below = directory.lexically_relative(std::filesystem::canonical(from, failed)).native();
  if (failed || below.empty() || below.starts_with("..")) return;
  std::erase_if(paths, [&](const std::string& path) {
    return path == below || (path.starts_with(below) && path[below.size()] == '/');
  });
}

// A directory as it is. The repositories in it, itself or submodules or others, become such as stand alone: what the file
// `.git` of one names would be the source's.
Result<CopiedTree> copy_all(const Path& from, const Path& to, const Copying& copying) {
  std::vector<std::string> repositories;
  Result<std::vector<std::string>> paths = list_tree(from, {".git"}, &repositories);
  if (!paths) return std::move(paths.error());
  for (std::vector<std::string>* listed : {&*paths, &repositories})
    drop_below(copying.left_out, from, *listed);
  Result<CopiedTree> copied = copy_tree(from, to, std::move(*paths), copying.stop, &copying.links);
  if (!copied) return copied;
  for (const std::string& path : repositories)
    if (Result<void> own = path.empty() ? copy_git(from, to) : copy_git(from / path, to / path); !own)
      return std::move(own.error());
  return copied;
}

void add(CopiedTree& sum, CopiedTree more, const std::string& below) {
  sum.files += more.files;
  sum.links += more.links;
  sum.moved_links += more.moved_links;
  sum.directories += more.directories;
  sum.bytes += more.bytes;
  sum.shared_blocks = sum.shared_blocks || more.shared_blocks;
  for (const std::string& path : more.left_out) sum.left_out.push_back(fmt::format("{}/{}", below, path));
  sum.unfinished.insert(sum.unfinished.end(), std::make_move_iterator(more.unfinished.begin()),
                        std::make_move_iterator(more.unfinished.end()));
}

// What git tracks and what it does not ignore.
Result<CopiedTree> copy_repository(const Path& from, const Path& to, Git& git, const Copying& copying,
                                   int depth) {
  constexpr int kDeepest = 20;
  if (depth > kDeepest)
    return Error{fmt::format("submodules more than {} deep at {}", kDeepest, from.native()), {}};
  Result<GitFiles> listed = git.files(from, false);
  if (!listed) return std::move(listed.error());
  std::vector<std::string> paths = std::move(listed->files);
  for (const auto* directories : {&listed->submodules, &listed->repositories})
    paths.insert(paths.end(), directories->begin(), directories->end());
  drop_below(copying.left_out, from, paths);
  Result<CopiedTree> copied = copy_tree(from, to, std::move(paths), copying.stop, &copying.links);
  if (!copied) return copied;
  if (Result<void> own = copy_git(from, to); !own) return std::move(own.error());
  for (const auto* directories : {&listed->submodules, &listed->repositories}) {
    for (const std::string& path : *directories) {
      std::error_code failed;
      // One that has not been checked out is an empty directory.
      if (!std::filesystem::exists(from / path / ".git", failed) ||
          !std::filesystem::is_directory(to / path, failed))
        continue;
      Result<CopiedTree> below = has_repository(from / path)
                                     ? copy_repository(from / path, to / path, git, copying, depth + 1)
                                     : copy_all(from / path, to / path, copying);
      if (!below) return below;
      add(*copied, std::move(*below), path);
    }
  }
  return copied;
}

}  // namespace

std::size_t Workspace::sweep(const Path& around) {
  std::error_code failed;
  std::vector<Path> copies;
  for (const auto& entry : std::filesystem::directory_iterator(around, failed))
    if (entry.is_directory(failed) && !std::filesystem::exists(entry.path() / kKept, failed))
      copies.push_back(entry.path());
  std::sort(copies.rbegin(), copies.rend());  // ids of runs sort by time
  std::size_t resumable = 0, removed = 0;
  for (const Path& copy : copies) {
    const int lock = try_lock(copy);
    if (lock < 0) continue;
    if ((!is_resumable(copy) || ++resumable > kMostResumable) && remove_tree(copy)) ++removed;
    ::close(lock);
  }
  return removed;
}

Result<Workspace> Workspace::copy(const Request& request, int attempt, const std::string& modules,
                                  std::stop_token stop) {
  const Path around = request.workspace.directory;
  const auto wrong = [](Error error) { return std::move(error).in("copy the source"); };
  if (Result<void> made = make_directories(around, 0700); !made) return wrong(std::move(made.error()));
  struct stat status {};  // of a name in /tmp, that anybody may have taken, where there is no state directory
  if (::stat(around.c_str(), &status) != 0 || status.st_uid != ::geteuid())
    return wrong({fmt::format("{} is another user's", around.native()), {}});
  sweep(around);
  const Path directory = around / fmt::format("{}-{}", request.run_id, attempt);
  int lock = -1;
  // Another run that sweeps may take the directory away before it is ours.
  for (int tries = 0; lock < 0 && tries < 10; ++tries) {
    if (Result<void> made = make_directories(directory, 0700); !made) return wrong(std::move(made.error()));
    lock = try_lock(directory);
    std::error_code gone;
    if (lock >= 0 && !std::filesystem::exists(directory, gone)) ::close(std::exchange(lock, -1));
  }
  if (lock < 0) return wrong(system_error(fmt::format("lock {}", directory.native()), errno));
  Workspace workspace(directory, lock);  // from here on it is removed when something fails

  const Path source = request.source_dir;
  const Path root = find_git_root(source).value_or(source);
  const Path to = directory / (root.has_filename() ? root.filename() : Path("source"));
  if (Result<void> made = make_directories(to); !made) return wrong(std::move(made.error()));
  std::error_code failed;
  const bool is_repository = std::filesystem::exists(root / ".git", failed);
  Result<CopiedTree> copied = Error{"", {}};
  const MovedLinks links(root, to);
  const Path left_out = std::filesystem::canonical(around, failed);
  const Copying copying{links, failed ? around : left_out, std::move(stop)};
  if (request.workspace.include_ignored || !is_repository) {
    copied = copy_all(links.from(), to, copying);
  } else {
    Result<std::unique_ptr<Git>> git = make_git(modules);
    if (!git) return wrong(std::move(git.error()));
    copied = copy_repository(links.from(), to, **git, copying, 0);
  }
  if (!copied) return wrong(std::move(copied.error()));
  const Path inside = source.lexically_relative(root);
  workspace.source_dir_ = inside == "." ? to.native() : (to / inside).native();
  // Where nothing of it is tracked, commands start in a directory that is empty, as in a clone's place.
  if (Result<void> made = make_directories(workspace.source_dir_); !made)
    return wrong(std::move(made.error()));
  if (Result<void> finished = finish_directories(*copied); !finished)
    return wrong(std::move(finished.error()));
  workspace.copied_ = std::move(*copied);
  return workspace;
}

Result<Workspace> Workspace::reopen(const Path& directory, const std::string& source_dir) {
  std::error_code failed;
  if (directory.empty() || !std::filesystem::is_directory(source_dir, failed))
    return Error{fmt::format("the copy that the build worked in, {}, is not there any more", source_dir), {}};
  const int lock = try_lock(directory);
  if (lock < 0) return Error{fmt::format("another run works in {}", directory.native()), {}};
  Workspace workspace(directory, lock);
  workspace.source_dir_ = source_dir;
  workspace.reopened_ = true;
  workspace.resumable_ = true;
  workspace.kept_ = std::filesystem::exists(directory / kKept, failed);
  return workspace;
}

Result<void> Workspace::mark_resumable(const Path& run) {
  if (directory_.empty()) return {};
  Result<void> marked = replace_file(directory_ / kResumable, run.native(), 0600);
  resumable_ = static_cast<bool>(marked);
  return marked;
}

Workspace::Workspace(Workspace&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      lock_(std::exchange(other.lock_, -1)),
      kept_(other.kept_),
      resumable_(other.resumable_),
      reopened_(other.reopened_),
      source_dir_(std::move(other.source_dir_)),
      copied_(std::move(other.copied_)) {}

Workspace::~Workspace() {
  if (!directory_.empty() && !kept_ && !resumable_) static_cast<void>(remove_tree(directory_));
  if (lock_ >= 0) ::close(lock_);
}

Result<void> Workspace::keep() {
  if (directory_.empty() || kept_) return {};
  Result<void> marked = write_new_file(directory_ / kKept, "");
  kept_ = static_cast<bool>(marked);
  return marked;
}

}  // namespace buildspec_run
