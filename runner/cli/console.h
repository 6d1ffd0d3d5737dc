// The terminal, or whatever stands in for it. All that the program prints passes here, and nothing else knows
// of escape sequences that move the cursor.
//
// The live line shows what is going on and is rewritten in place. It stands below an empty line that belongs
// to it:
//
//     …the last line printed for good
//     <empty>
//     BUILD 2/7  build[1]  12s  npm test                          <- cursor
//
// To take it away: cursor one line up, erase to the end of the screen. When the window has become narrower in
// the meantime, most terminals have wrapped the live line into two, others have cut it; the cursor is in the
// second of the two, or below the empty line. The same two steps are right for both: what is above was never
// touched. It can leave an empty line behind, never half of an old live line, and never takes a line that was
// printed for good.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace buildspec_run {

enum class ColorMode { automatic, always, never };

/// Whether to colour: `mode` when it decides, else only on a terminal that is not `TERM=dumb`, and not when
/// NO_COLOR is set and not empty. `term` and `no_color` are the values of these variables, empty when unset.
[[nodiscard]] bool use_color(ColorMode mode, bool is_terminal, std::string_view term,
                             std::string_view no_color) noexcept;

/// Whether lines may overwrite themselves: on a terminal that is not `TERM=dumb`.
[[nodiscard]] bool use_live_lines(bool is_terminal, std::string_view term) noexcept;

/// Whether the locale shows Unicode: what the first non-empty of LC_ALL, LC_CTYPE and LANG says. Only a
/// character set that is named and is not UTF-8 (or the locale "POSIX" or "C" by name) is a no: most machines
/// without a locale can show it.
[[nodiscard]] bool use_unicode(std::string_view lc_all, std::string_view lc_ctype,
                               std::string_view lang) noexcept;

[[nodiscard]] bool is_terminal(int fd) noexcept;

/// Columns of the terminal behind `fd`, asked anew each time; 80 when it does not say.
[[nodiscard]] std::size_t terminal_width(int fd) noexcept;

/// Whether two descriptors lead to the same terminal, pipe or file.
[[nodiscard]] bool same_destination(int a, int b) noexcept;

struct ConsoleTraits {
  bool color = false;
  bool live = false;  // lines may overwrite themselves
  bool unicode = true;
  std::function<std::size_t()> width = {};  // columns; empty: no limit
  /// What is written waits until there is much of it, for `flush`, or for the console's end.
  bool buffered = false;
  /// Called before anything is written: what another console holds back must not come later.
  std::function<void()> before_write = {};
};

/// Writes to one descriptor, which it does not own. The program must ignore SIGPIPE. When the reader has
/// gone, or the disk is full, it falls silent for good and the build goes on. Not thread-safe.
class Console {
 public:
  explicit Console(int fd, ConsoleTraits traits = {}) : fd_(fd), traits_(std::move(traits)) {}
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() {
    clear_live();
    flush();
  }

  /// Writes all of `text`, waiting where the descriptor is slow; first the live line goes.
  void write(std::string_view text);
  /// As `write`, on a line of its own: a line that was left open is ended first.
  void write_line_start(std::string_view text);

  /// Writes what a buffered console holds back.
  void flush();

  /// Shows or replaces the live line: `line` is printable text with colours at most, and is cut to the width
  /// less one. Nothing happens where lines may not overwrite themselves, and while a line is open.
  void show_live(std::string_view line);
  void clear_live();

  [[nodiscard]] bool color() const noexcept { return traits_.color; }
  [[nodiscard]] bool live() const noexcept { return traits_.live; }
  [[nodiscard]] bool unicode() const noexcept { return traits_.unicode; }
  /// Columns; 0: no limit.
  [[nodiscard]] std::size_t width() const { return traits_.width ? traits_.width() : 0; }
  /// Columns a live line may take.
  [[nodiscard]] std::size_t live_columns() const;
  [[nodiscard]] bool at_line_start() const noexcept { return at_line_start_; }
  /// Nobody listens any more.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// Why writing ended, when it was not the reader who left: "No space left on device". Else empty.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] bool same_destination(const Console& other) const noexcept {
    return buildspec_run::same_destination(fd_, other.fd_);
  }

 private:
  void write_whole(std::string_view text);
  void write_now(std::string_view text);

  int fd_;
  ConsoleTraits traits_;
  bool at_line_start_ = true;
  bool closed_ = false;
  std::string problem_;
  std::string held_;              // of a buffered console
  std::string live_;              // as drawn; empty: none is shown
  std::size_t live_columns_ = 0;  // that it takes
  std::size_t seen_width_ = 0;    // at the last look
};

}  // namespace buildspec_run
