#include "runner/cli/watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <set>
#include <thread>

#include "runner/base/text.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/run.h"
#include "runner/sys/copy_git.h"
#include "runner/sys/copy_tree.h"
#include "runner/sys/file_watch.h"
#include "runner/sys/git.h"
#include "runner/sys/interrupts.h"

namespace buildspec_run {
namespace {

/// The files that count, as they are now, and the directories that something can happen to them in.
struct Seen {
  FileMarks marks;
  std::set<Path> directories;
};

/// Adds the directories from `root` on that are none of `without` (relative to it).
void add_directories(const Path& root, const std::set<std::string>& without, std::set<Path>& all) {
  constexpr auto kOptions = std::filesystem::directory_options::skip_permission_denied;
  std::error_code failed;
  all.insert(root);
  auto at = std::filesystem::recursive_directory_iterator(root, kOptions, failed);
  for (; !failed && at != std::filesystem::recursive_directory_iterator(); at.increment(failed)) {
    std::error_code gone;
    if (at->is_symlink(gone) || !at->is_directory(gone)) continue;
    if (at->path().filename() == ".git" || without.contains(at->path().lexically_relative(root).native()))
      at.disable_recursion_pending();
    else
      all.insert(at->path());
  }
}

class Source {
 public:
  Source(const Path& source_dir, const Path& modules)
      : root_(find_git_root(source_dir).value_or(source_dir)) {
    std::error_code failed;
    if (std::filesystem::exists(root_ / ".git", failed))
      if (Result<std::unique_ptr<Git>> git = make_git(modules)) git_ = std::move(*git);
  }

  [[nodiscard]] Result<Seen> look() const {
    Seen seen;
    if (git_ != nullptr) {
      if (Result<void> looked = look_at("", seen, 0); !looked) return std::move(looked.error());
      return seen;
    }
    Result<std::vector<std::string>> paths = list_tree(root_, {".git"});
    if (!paths) return std::move(paths.error());
    seen.marks = mark_files(root_, *paths);
    add_directories(root_, {}, seen.directories);
    return seen;
  }

 private:
  /// A repository, and those in it: `below` the root, empty or ended by a slash.
  [[nodiscard]] Result<void> look_at(const std::string& below, Seen& seen, int depth) const {
    constexpr int kDeepest = 20;  // as for a copy
    const Path root = below.empty() ? root_ : root_ / below.substr(0, below.size() - 1);
    Result<GitFiles> files = git_->files(root, true);
    if (!files) return std::move(files.error());
    for (const auto& [path, mark] : mark_files(root, files->files)) {
      seen.marks[below + path] = mark;
      // One that is tracked may lie in a directory that is ignored.
      for (Path around = (root / path).parent_path();
           around != root && seen.directories.insert(around).second;)
        around = around.parent_path();
    }
    std::set<std::string> without(files->ignored.begin(), files->ignored.end());
    for (const auto* directories : {&files->submodules, &files->repositories}) {
      for (const std::string& path : *directories) {
        std::error_code failed;
        if (depth == kDeepest || !std::filesystem::exists(root / path / ".git", failed)) continue;
        if (!has_repository(root / path)) {
          Result<std::vector<std::string>> all = list_tree(root / path, {".git"});
          if (!all) return std::move(all.error());
          for (const auto& [file, mark] : mark_files(root / path, *all))
            seen.marks[below + path + "/" + file] = mark;
          continue;
        }
        without.insert(path);
        if (Result<void> looked = look_at(below + path + "/", seen, depth + 1); !looked) return looked;
      }
    }
    add_directories(root, without, seen.directories);
    return {};
  }

  Path root_;
  std::unique_ptr<Git> git_;
};

std::string named(const std::vector<std::string>& paths) {
  std::string text = to_printable(paths.front());
  if (paths.size() > 1) text += fmt::format(" and {} more", paths.size() - 1);
  return text;
}

ExitCode interrupted(const Interrupts& interrupts) {
  return interrupts.first_signal() == SIGINT ? ExitCode::interrupted : ExitCode::terminated;
}

bool was_interrupted(ExitCode code) { return code == ExitCode::interrupted || code == ExitCode::terminated; }

}  // namespace

ExitCode run_and_watch(const Invocation& invocation, const Path& source_dir,
                       const std::function<ExitCode()>& once) {
  const auto debounce = count_option(invocation, "--debounce");
  if (const Refused* refused = std::get_if<Refused>(&debounce))
    return invocation.fail(refused->code, refused->message);
  constexpr std::uint64_t kLongest = 3'600'000;
  const std::chrono::milliseconds quiet(std::min(std::get<0>(debounce).value_or(200), kLongest));
  const Source source(source_dir, machine_of(invocation.program).modules);
  const auto cannot = [&](const Error& error) {
    return invocation.fail(ExitCode::machine, fmt::format("--watch: {}", error.message));
  };
  std::vector<std::string> reason;  // of this run: what changed during the one before
  // Runs in a row that began for a change during the one before. A person may save twice; a build does it every time, the
  // same file or one with a new name.
  int in_a_row = 0;
  constexpr int kSame = 2, kAny = 5;
  for (;;) {
    Result<Seen> before = source.look();
    if (!before) return cannot(before.error());
    if (const ExitCode code = once(); was_interrupted(code)) return code;
    const Interrupts interrupts;
    bool says_so = true;
    for (bool during = true;; during = false) {
      // Watched first, so that nothing falls between.
      const FileWatch watch({before->directories.begin(), before->directories.end()});
      Result<Seen> now = source.look();
      if (!now) return cannot(now.error());
      const std::vector<std::string> changed = changed_files(before->marks, now->marks);
      const bool is_own = during && !changed.empty() &&
                          (in_a_row >= kAny || (in_a_row >= kSame && std::ranges::includes(reason, changed)));
      if (is_own)
        invocation.fail(
            ExitCode::success,
            fmt::format("{} changes with every run, so that is no reason for another", named(changed)));
      if (!changed.empty() && !is_own) {
        invocation.fail(ExitCode::success, fmt::format("{} has changed{}; running again", named(changed),
                                                       during ? " during the run" : ""));
        reason = during ? changed : std::vector<std::string>();
        in_a_row = during ? in_a_row + 1 : 0;
        // Who saves several files may be in the middle of it.
        for (const auto until = std::chrono::steady_clock::now() + quiet;
             during && std::chrono::steady_clock::now() < until && !interrupts.stop().stop_requested();)
          std::this_thread::sleep_for(std::min(quiet, std::chrono::milliseconds(20)));
        if (interrupts.stop().stop_requested()) return interrupted(interrupts);
        break;
      }
      const bool are_all_watched = std::ranges::includes(before->directories, now->directories);
      *before = std::move(*now);
      if (!are_all_watched) {  // a new one, empty as yet
        if (interrupts.stop().stop_requested()) return interrupted(interrupts);
        continue;
      }
      if (std::exchange(says_so, false))
        invocation.fail(ExitCode::success, fmt::format("watching {}; a change runs again, Ctrl-C ends",
                                                       counted(before->marks.size(), "file")));
      if (!watch.wait(quiet, interrupts.stop())) return interrupted(interrupts);
    }
  }
}

}  // namespace buildspec_run
