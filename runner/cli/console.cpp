#include "runner/cli/console.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "runner/base/text.h"
#include "runner/cli/terminal_text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kDefaultWidth = 80, kDefaultHeight = 24;
constexpr std::size_t kNarrow = 40, kShort = 10, kTooShort = 4;  // of a window, for the live block
constexpr std::size_t kMostHeld = std::size_t{64} << 10;
constexpr std::chrono::milliseconds kWaitForTerminal{200};
// Wider, its rows would wrap into too many when the window is made narrower. A window of 80 columns gets all of it.
constexpr std::size_t kWidestLive = 79, kWidestDragged = 24;
// From the row below: in the upper left corner tmux takes "erase all" for the end of a screen worth keeping.
constexpr std::string_view kEraseLive = "\r\x1b[K\n\x1b[J\x1b[A";
constexpr std::string_view kEraseLineEnd = "\x1b[K", kEraseScreenEnd = "\x1b[J";
constexpr std::string_view kSaveCursor =
                               "\x1b"
                               "7",
                           kRestoreCursor =
                               "\x1b"
                               "8";
constexpr std::string_view kNoWrap = "\x1b[?7l", kWrap = "\x1b[?7h";

}  // namespace

bool use_color(ColorMode mode, bool is_terminal, std::string_view term, std::string_view no_color) noexcept {
  switch (mode) {
    case ColorMode::always:
      return true;
    case ColorMode::never:
      return false;
    case ColorMode::automatic:
      break;
  }
  return is_terminal && term != "dumb" && no_color.empty();
}

bool use_live_lines(bool is_terminal, std::string_view term, std::string_view no_color,
                    std::string_view ci) noexcept {
  const bool is_ci = !ci.empty() && ci != "false" && ci != "0";
  return is_terminal && term != "dumb" && no_color.empty() && !is_ci;
}

bool use_unicode(std::string_view lc_all, std::string_view lc_ctype, std::string_view lang) noexcept {
  const std::string_view locale = !lc_all.empty() ? lc_all : !lc_ctype.empty() ? lc_ctype : lang;
  if (locale == "C" || locale == "POSIX") return false;
  const std::size_t dot = locale.find('.');
  if (dot == std::string_view::npos) return true;
  const std::string_view charset = locale.substr(dot + 1, locale.find('@', dot) - dot - 1);
  return equals_ignoring_case(charset, "utf-8") || equals_ignoring_case(charset, "utf8");
}

bool is_terminal(int fd) noexcept { return isatty(fd) == 1; }

std::size_t terminal_width(int fd) noexcept {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kDefaultWidth;
}

std::size_t terminal_height(int fd) noexcept {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : kDefaultHeight;
}

bool is_background(int fd) noexcept {
  const pid_t foreground = tcgetpgrp(fd);  // -1: it is not the terminal of our session
  return foreground >= 0 && foreground != getpgrp();
}

std::size_t typed_bytes(int fd) noexcept {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool same_destination(int a, int b) noexcept {
  struct stat first {};
  struct stat second {};
  if (fstat(a, &first) != 0 || fstat(b, &second) != 0) return false;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void Console::write(std::string_view text) {
  const std::lock_guard lock(writing_);
  write_locked(text);
}

void Console::write_line_start(std::string_view text) {
  const std::lock_guard lock(writing_);
  if (at_line_start_) return write_locked(text);
  write_locked("\n" + std::string(text));
}

void Console::write_locked(std::string_view text) {
  if (text.empty()) return;
  at_line_start_ = text.back() == '\n';
  if (live_.empty()) return write_whole(text);
  // In one piece, so that no frame without the one and without the other is seen.
  std::string frame = erasure().append(text);
  if (live_is_due() && drawn_for_ == size()) {
    frame += live_frame();
  } else {
    live_.clear();
  }
  write_whole(frame);
}

bool Console::live_is_due() const {
  return traits_.live && at_line_start_ && !closed_ && traits_.now() - drawn_at_ >= kFrame;
}

// Takes the block away that is on the screen.
std::string Console::erasure() const {
  std::string bytes;
  if (was_moved() && drawn_for_ == size()) bytes = kRestoreCursor;
  return bytes.append(kEraseLive);
}

// From the cursor in the empty row, and back to it.
std::string Console::live_frame() {
  drawn_at_ = traits_.now();
  typed_before_ = typed();
  std::string frame("\r");
  frame.append(kNoWrap).append(kEraseLineEnd);
  for (const std::string& row : live_) frame.append("\n").append(row).append(kEraseLineEnd);
  frame.append(kEraseScreenEnd);
  frame.append("\x1b[").append(std::to_string(live_.size())).append("A\r");
  return frame.append(kSaveCursor).append(kWrap);
}

void Console::show_live(const std::vector<std::string>& rows) {
  const std::lock_guard lock(writing_);
  if (!live_is_due() || (traits_.background && traits_.background())) return;
  const Size now = size();
  if (!live_.empty() && now != drawn_for_) resized_at_ = traits_.now();
  const bool rests = traits_.now() - resized_at_ >= kRest;
  const std::size_t columns = rests ? live_columns() : std::min(live_columns(), kWidestDragged);
  const std::size_t most = rests ? live_rows() : std::min<std::size_t>(live_rows(), 1);
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i)
    shown.push_back(cut_columns(rows[i], columns, unicode()));
  const bool moved = !live_.empty() && was_moved();
  if (now == drawn_for_ && shown == live_ && !moved) return;
  // In a window that has changed, rows of the old block may lie anywhere below.
  std::string frame;
  if (!live_.empty() && (now != drawn_for_ || moved || shown.empty())) frame = erasure();
  live_ = std::move(shown);
  drawn_for_ = now;
  if (!live_.empty()) frame += live_frame();
  write_whole(frame);
}

std::size_t Console::live_columns() const {
  const std::size_t columns = width();
  return columns == 0 ? kWidestLive : std::min(std::max<std::size_t>(columns, 2) - 1, kWidestLive);
}

std::size_t Console::live_rows() const {
  const Size window = size();
  if (window.rows > 0 && window.rows < kTooShort) return 0;
  const bool small =
      (window.columns > 0 && window.columns < kNarrow) || (window.rows > 0 && window.rows < kShort);
  return small ? 1 : kMostLiveRows;
}

void Console::clear_live() {
  const std::lock_guard lock(writing_);
  if (live_.empty()) return;
  live_.clear();
  write_whole(erasure());
}

void Console::suspend(const std::function<void()>& stop) {
  // Not by a timed mutex, of which the thread sanitizer of GCC 12 does not know.
  std::unique_lock lock(writing_, std::try_to_lock);
  const auto until = std::chrono::steady_clock::now() + kWaitForTerminal;
  while (!lock.owns_lock() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    static_cast<void>(lock.try_lock());
  }
  if (lock.owns_lock() && !live_.empty()) {
    live_.clear();
    write_whole(erasure());
  }
  stop();
}

void Console::write_whole(std::string_view text) {
  if (traits_.before_write) traits_.before_write();
  if (!traits_.buffered) return write_now(text);
  if (held_.size() + text.size() > kMostHeld) flush();
  if (text.size() > kMostHeld) return write_now(text);
  held_ += text;
}

void Console::flush() {
  write_now(held_);
  held_.clear();
}

void Console::write_now(std::string_view text) {
  while (!text.empty() && !closed_) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // Whoever shares the descriptor with us has made it non-blocking.
      pollfd ready{fd_, POLLOUT, 0};
      (void)poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      closed_ = true;
      // A reader who has left (EPIPE), a terminal that was closed (EIO): nobody is left to be told.
      if (errno != EPIPE && errno != EIO) problem_ = std::generic_category().message(errno);
    }
  }
}

}  // namespace buildspec_run
