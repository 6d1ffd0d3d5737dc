#include "runner/sys/file_watch.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#ifdef __linux__
#include <sys/inotify.h>
#endif

namespace buildspec_run {
namespace {

constexpr std::chrono::milliseconds kPollEvery{500}, kLookForStop{50};

using Clock = std::chrono::steady_clock;

#ifdef __linux__
Descriptor watch_all(const std::vector<Path>& directories) {
  Descriptor events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!events.valid()) return events;
  constexpr std::uint32_t kWanted = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE |
                                    IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR |
                                    IN_EXCL_UNLINK;
  for (const Path& directory : directories)
    if (::inotify_add_watch(events.get(), directory.c_str(), kWanted) < 0 && errno != ENOENT &&
        errno != ENOTDIR)
      return {};
  return events;
}
#else
Descriptor watch_all(const std::vector<Path>&) { return {}; }
#endif

/// Takes what has happened; whether anything has.
bool drain(int fd) {
  char buffer[1 << 14];
  bool any = false;
  while (::read(fd, buffer, sizeof buffer) > 0) any = true;
  return any;
}

}  // namespace

FileWatch::FileWatch(const std::vector<Path>& directories) : events_(watch_all(directories)) {}

bool FileWatch::wait(std::chrono::milliseconds quiet, const std::stop_token& stop) const {
  if (!events_.valid()) {
    for (const auto until = Clock::now() + std::max(kPollEvery, quiet); Clock::now() < until;) {
      if (stop.stop_requested()) return false;
      std::this_thread::sleep_for(kLookForStop);
    }
    return !stop.stop_requested();
  }
  bool woken = false;
  for (auto last = Clock::now(); !stop.stop_requested();) {
    const auto now = Clock::now();
    if (woken && now - last >= quiet) return true;
    auto pause = kLookForStop;
    if (woken) pause = std::min(pause, std::chrono::ceil<std::chrono::milliseconds>(quiet - (now - last)));
    pollfd waiting{events_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(pause.count())) > 0 && drain(events_.get())) {
      woken = true;
      last = Clock::now();
    }
  }
  return false;
}

FileMarks mark_files(const Path& root, const std::vector<std::string>& paths) {
  FileMarks marks;
  for (const std::string& path : paths) {
    struct stat status {};
    if (::lstat((root / path).c_str(), &status) != 0 ||
        (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)))
      continue;
#ifdef __APPLE__
    const timespec& time = status.st_mtimespec;
#else
    const timespec& time = status.st_mtim;
#endif
    marks[path] = fmt::format("{} {} {} {} {}", status.st_ino, status.st_size, status.st_mode,
                              static_cast<long long>(time.tv_sec), static_cast<long>(time.tv_nsec));
  }
  return marks;
}

std::vector<std::string> changed_files(const FileMarks& before, const FileMarks& after) {
  std::vector<std::string> changed;
  for (const auto& [path, mark] : after)
    if (const auto found = before.find(path); found == before.end() || found->second != mark)
      changed.push_back(path);
  for (const auto& [path, mark] : before)
    if (!after.contains(path)) changed.push_back(path);
  std::sort(changed.begin(), changed.end());
  return changed;
}

}  // namespace buildspec_run
