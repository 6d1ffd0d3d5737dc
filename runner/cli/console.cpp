#include "runner/cli/console.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "runner/base/text.h"
#include "runner/cli/terminal_text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kDefaultWidth = 80;
// A live line takes no third row in a window that was made as narrow as 40 columns.
constexpr std::size_t kWidestLive = 79;
constexpr std::size_t kMostHeld = std::size_t{64} << 10;
constexpr std::string_view kEraseLive = "\r\x1b[A\x1b[J";

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

bool use_live_lines(bool is_terminal, std::string_view term) noexcept {
  return is_terminal && term != "dumb";
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

bool same_destination(int a, int b) noexcept {
  struct stat first {};
  struct stat second {};
  if (fstat(a, &first) != 0 || fstat(b, &second) != 0) return false;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void Console::write(std::string_view text) {
  if (text.empty()) return;
  at_line_start_ = text.back() == '\n';
  if (live_.empty()) return write_whole(text);
  live_.clear();
  // In one piece, so that no frame without the one and without the other is seen.
  std::string frame(kEraseLive);
  frame += text;
  write_whole(frame);
}

void Console::write_line_start(std::string_view text) {
  if (at_line_start_) return write(text);
  write("\n" + std::string(text));
}

void Console::show_live(std::string_view line) {
  if (!traits_.live || !at_line_start_ || closed_) return;
  const std::size_t columns = width();
  if (columns > 0 && columns != seen_width_) {
    seen_width_ = columns;
    // Somebody is dragging the window's border. Each wrapped live line costs an empty line, so wait until the
    // border rests, unless the old line is about to take a third row.
    if (!live_.empty() && live_columns_ > columns && live_columns_ + 8 < 2 * columns) return;
  }
  std::string shown = cut_columns(line, live_columns(), unicode());
  const std::size_t shown_columns = columns_of(shown);
  if (shown.empty() || shown == live_) return;
  std::string frame;
  if (live_.empty()) {
    frame = "\n";
  } else if (live_columns_ >= columns && columns > 0) {
    frame = std::string(kEraseLive) + "\n";
  } else {
    frame = "\r\x1b[K";
  }
  live_ = std::move(shown);
  live_columns_ = shown_columns;
  write_whole(frame + live_);
}

std::size_t Console::live_columns() const {
  const std::size_t columns = width();
  return columns == 0 ? kWidestLive : std::min(columns - 1, kWidestLive);
}

void Console::clear_live() {
  if (live_.empty()) return;
  live_.clear();
  write_whole(kEraseLive);
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
