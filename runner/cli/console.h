// The terminal, or whatever stands in for it. All that the program prints passes here, and nothing else knows
// of escape sequences that move the cursor.
//
// The live block shows what is going on and is rewritten in place. It stands below an empty row that belongs to
// it, and there the cursor waits:
//
//     …the last line printed for good
//     <cursor>
//     ▸ BUILD 2/7  1m 05s
//       build[1]  12s  npm test
//       │ 34 passing
//
// To take it away: erase from the cursor to the end of the screen. A window that is made narrower has most
// terminals wrap the rows of the block, others cut them, but all of them leave the cursor on the row above: what
// is below it is ours, however many rows it takes by then. Only tmux, in a window whose lower part is still empty,
// pushes the rows that this adds out at the top, where nobody can take them away: so rows are as short as they can
// be, and while somebody drags the border there is but a part of the first.
// Drawn with automatic wrapping off, a row that is wider than we think (the window has just changed, a character
// is wider there) cannot push the next one down.
//
// What is typed meanwhile the terminal echoes in the empty row; an Enter moves the cursor down, of which we learn
// as a line waits to be read. Only then the cursor goes back to where it was saved, as terminals save a place on the
// screen, which a resize or what scrolls makes another.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

enum class ColorMode { automatic, always, never };

/// Whether to colour: `mode` when it decides, else only on a terminal that is not `TERM=dumb`, and not when
/// NO_COLOR is set and not empty. `term` and `no_color` are the values of these variables, empty when unset.
[[nodiscard]] bool use_color(ColorMode mode, bool is_terminal, std::string_view term,
                             std::string_view no_color) noexcept;

/// Whether lines may overwrite themselves: on a terminal that is not `TERM=dumb`, unless the variables NO_COLOR
/// (set and not empty: no escape sequences are wanted) or CI (set, not empty, "false" or "0": the terminal is
/// a recording) say no. The arguments are the values of these variables, empty when unset.
[[nodiscard]] bool use_live_lines(bool is_terminal, std::string_view term, std::string_view no_color,
                                  std::string_view ci) noexcept;

/// Whether the locale shows Unicode: what the first non-empty of LC_ALL, LC_CTYPE and LANG says. Only a
/// character set that is named and is not UTF-8 (or the locale "POSIX" or "C" by name) is a no: most machines
/// without a locale can show it.
[[nodiscard]] bool use_unicode(std::string_view lc_all, std::string_view lc_ctype,
                               std::string_view lang) noexcept;

[[nodiscard]] bool is_terminal(int fd) noexcept;

/// Columns of the terminal behind `fd`, asked anew each time; 80 when it does not say.
[[nodiscard]] std::size_t terminal_width(int fd) noexcept;
/// Its rows; 24 when it does not say.
[[nodiscard]] std::size_t terminal_height(int fd) noexcept;
/// Whether somebody else has the terminal behind `fd`: we are a job in the background of its shell.
[[nodiscard]] bool is_background(int fd) noexcept;
/// Bytes of whole lines that have been typed on the terminal behind `fd` and not been read.
[[nodiscard]] std::size_t typed_bytes(int fd) noexcept;

/// Whether two descriptors lead to the same terminal, pipe or file.
[[nodiscard]] bool same_destination(int a, int b) noexcept;

struct ConsoleTraits {
  bool color = false;
  bool live = false;  // lines may overwrite themselves
  bool unicode = true;
  std::function<std::size_t()> width = {};   // columns; empty: no limit
  std::function<std::size_t()> height = {};  // rows; empty: no limit
  /// Whether nothing may overwrite itself just now, since the terminal is somebody else's; empty: it is ours.
  std::function<bool()> background = {};
  std::function<std::size_t()> typed =
      {};  // bytes of whole lines typed and not read; empty: there is no telling
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  /// What is written waits until there is much of it, for `flush`, or for the console's end.
  bool buffered = false;
  /// Called before anything is written: what another console holds back must not come later.
  std::function<void()> before_write = {};
};

/// Writes to one descriptor, which it does not own. The program must ignore SIGPIPE. When the reader has
/// gone, or the disk is full, it falls silent for good and the build goes on. Not thread-safe but for `suspend`.
class Console {
 public:
  explicit Console(int fd, ConsoleTraits traits = {}) : fd_(fd), traits_(std::move(traits)) {}
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() {
    clear_live();
    flush();
  }

  /// Writes all of `text`, waiting where the descriptor is slow; first the live block goes. Behind whole lines it is
  /// put back as it was, unless that would be the second time within kFrame: lines that come fast end it.
  void write(std::string_view text);
  /// As `write`, on a line of its own: a line that was left open is ended first.
  void write_line_start(std::string_view text);

  /// Writes what a buffered console holds back.
  void flush();

  /// The least time between two drawings of the live block.
  static constexpr std::chrono::milliseconds kFrame{50};
  /// For so long after the window has changed the live block is the beginning of its first row.
  static constexpr std::chrono::milliseconds kRest{500};
  /// The most rows the live block takes, without the empty one above it.
  static constexpr std::size_t kMostLiveRows = 3;

  /// Shows or replaces the live block: rows of printable text with colours at most, each cut to the width less one,
  /// and no more of them than `live_rows`. Nothing happens where lines may not overwrite themselves, while a line is
  /// open, within kFrame of the last time, and where that is already shown.
  void show_live(const std::vector<std::string>& rows);
  void clear_live();
  /// Whether a live block is on the screen.
  [[nodiscard]] bool shows_live() const {
    const std::lock_guard lock(writing_);
    return !live_.empty();
  }
  /// Whether `show_live` would draw now: what it costs to compose the rows is spent for nothing else.
  [[nodiscard]] bool live_is_due() const;
  /// Rows a live block may take: three; one in a window of less than 40 columns or 10 rows; none in one of less
  /// than 4 rows.
  [[nodiscard]] std::size_t live_rows() const;

  /// Takes the live block away, calls `stop`, during which nothing is written, and goes on without it. From any
  /// thread. A terminal that takes no text for 200 ms keeps the block, and `stop` is called all the same.
  void suspend(const std::function<void()>& stop);

  [[nodiscard]] bool color() const noexcept { return traits_.color; }
  [[nodiscard]] bool live() const noexcept { return traits_.live; }
  [[nodiscard]] bool unicode() const noexcept { return traits_.unicode; }
  /// Columns; 0: no limit.
  [[nodiscard]] std::size_t width() const { return traits_.width ? traits_.width() : 0; }
  /// Columns a row of the live block may take.
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
  struct Size {
    std::size_t columns = 0, rows = 0;
    bool operator==(const Size&) const = default;
  };
  [[nodiscard]] Size size() const { return {width(), traits_.height ? traits_.height() : 0}; }
  [[nodiscard]] std::size_t typed() const { return traits_.typed ? traits_.typed() : 0; }
  [[nodiscard]] bool was_moved() const { return typed() > typed_before_; }
  [[nodiscard]] std::string erasure() const;
  [[nodiscard]] std::string live_frame();
  void write_locked(std::string_view text);
  void write_whole(std::string_view text);
  void write_now(std::string_view text);

  int fd_;
  ConsoleTraits traits_;
  bool at_line_start_ = true;
  std::atomic<bool> closed_ = false;  // `suspend` writes, too
  std::string problem_;
  std::string held_;               // of a buffered console
  std::vector<std::string> live_;  // rows as drawn; empty: none is shown
  Size drawn_for_;
  std::size_t typed_before_ = 0;  // it was drawn
  std::chrono::steady_clock::time_point drawn_at_{}, resized_at_{};
  mutable std::mutex writing_;  // `suspend` comes from another thread
};

}  // namespace buildspec_run
