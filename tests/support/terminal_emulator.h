// As much of a terminal as our program uses, to see what a person would.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run::test {

class TerminalEmulator {
 public:
  /// What becomes of lines that are wider than a window made narrower: `wraps` them anew, or `cuts` them.
  enum class Resize { wraps, cuts };

  /// `height`: rows of the window, above which the cursor cannot go; 0: no limit.
  explicit TerminalEmulator(std::size_t columns, Resize resize = Resize::wraps, std::size_t height = 0)
      : columns_(columns), height_(height), resize_(resize) {}

  /// Takes bytes as a terminal behind a tty does (LF is CR LF). Anything but text, CR, LF, colours, "so many lines
  /// up", automatic wrapping on and off, the cursor saved and restored, and "erase to the end of line / screen" is written down in `surprises`.
  void write(std::string_view bytes);
  void resize(std::size_t columns);

  /// Lines on the screen from the top, wrapped ones joined, blanks at the end of a line left out, and empty
  /// lines at the end.
  [[nodiscard]] std::vector<std::string> lines() const;
  /// The row the cursor is in, as in `lines`.
  [[nodiscard]] std::string cursor_line() const;
  /// How often text was wrapped because it reached the last column.
  [[nodiscard]] std::size_t wraps() const { return wraps_; }
  [[nodiscard]] const std::string& surprises() const { return surprises_; }

 private:
  struct Row {
    std::vector<std::string> cells;  // one a column; the second cell of a wide character is empty
    bool continues = false;          // the next row is the rest of this line
  };
  void put(std::string_view character, std::size_t width);
  void line_feed();
  /// The row at the top of the window.
  [[nodiscard]] std::size_t top() const {
    return height_ == 0 || rows_.size() < height_ ? 0 : rows_.size() - height_;
  }
  Row& row();
  [[nodiscard]] std::string text_of(std::size_t first, std::size_t& next) const;

  std::size_t columns_, height_;
  Resize resize_;
  bool wrapping_ = true;
  std::vector<Row> rows_ = std::vector<Row>(1);
  std::size_t row_ = 0, column_ = 0;
  std::size_t saved_row_ = 0, saved_column_ = 0;  // in the window
  std::size_t wraps_ = 0;
  std::string surprises_;
};

}  // namespace buildspec_run::test
