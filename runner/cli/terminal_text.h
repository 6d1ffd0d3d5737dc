// Text that others wrote, made fit for a terminal: nothing in it moves the cursor, sets a title or rings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace buildspec_run {

enum class Ink { bold, dim, red, green, yellow, cyan };

/// `text` in colour, when `color` is wanted.
[[nodiscard]] std::string paint(Ink ink, std::string_view text, bool color);

/// Columns that `text` takes; colour sequences (ESC [ … m) take none.
[[nodiscard]] std::size_t columns_of(std::string_view text) noexcept;

/// `text`, when it is wider than `columns`, cut between characters and ended by "…" ("..." without
/// `unicode`); colours that were on at the cut are reset. Takes printable text, with colour sequences at
/// most.
[[nodiscard]] std::string cut_columns(std::string_view text, std::size_t columns, bool unicode);

/// `text`, printable and on one line, broken between words into lines of at most `columns` (0: no limit),
/// each but the first begun by `indent`; a word that is wider stands alone. Without a final LF.
[[nodiscard]] std::string wrap_words(std::string_view text, std::size_t columns, std::string_view indent);

/// Anything as printable text on one line, without colours: escape sequences dropped, tabs and ends of lines
/// as one blank, what else controls a terminal, and what is no UTF-8, as U+FFFD.
[[nodiscard]] std::string plain_line(std::string_view text);

/// What is left to see of a line that returns to its beginning to be rewritten: the part behind the last
/// carriage return.
[[nodiscard]] std::string_view after_returns(std::string_view line) noexcept;

/// Shows lines of a command's output one after the other: colours are kept (when `color`), other escape
/// sequences dropped, control characters shown as ^A, what is no UTF-8 as U+FFFD, tabs expanded. Of a
/// progress line rewritten by carriage returns its last state is shown; of a line longer than 4,000 bytes,
/// its two ends.
class OutputPainter {
 public:
  explicit OutputPainter(bool color) : color_(color) {}
  /// `line` without its LF. The result leaves the terminal's colours as they were; the next line takes its
  /// own up again.
  [[nodiscard]] std::string paint(std::string_view line);

 private:
  void append(std::string& out, std::string_view text, std::size_t& column);

  bool color_;
  std::string active_;  // colour sequences since the last reset
};

/// Passes a command's output on as it comes, in chunks cut between characters, to a terminal of which it may
/// write its own lines and nothing else: colours pass (when `color`), and so do ends of lines, tabs, carriage
/// returns and backspaces, which stay on the line. Other escape sequences are dropped, other control characters
/// shown as ^A, what is no UTF-8 as U+FFFD. A sequence whose end has not come is held back, up to 4 KiB, which
/// are no sequence then.
class OutputFilter {
 public:
  explicit OutputFilter(bool color) : color_(color) {}
  void write(std::string_view chunk, std::string& out);
  /// The output has ended: shows what is held back, and ends the colours that are on.
  void finish(std::string& out);

 private:
  void filter(std::string_view text, bool ended, std::string& out);

  bool color_;
  bool colored_ = false;  // a colour has passed
  std::string held_;
};

}  // namespace buildspec_run
