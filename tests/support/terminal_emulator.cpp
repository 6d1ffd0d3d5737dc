#include "tests/support/terminal_emulator.h"

#include <algorithm>
#include <string>

#include "runner/base/text.h"

namespace buildspec_run::test {

TerminalEmulator::Row& TerminalEmulator::row() {
  if (rows_.size() <= row_) rows_.resize(row_ + 1);
  return rows_[row_];
}

void TerminalEmulator::line_feed() {
  ++row_;
  column_ = 0;
  (void)row();
}

void TerminalEmulator::put(std::string_view character, std::size_t width) {
  if (width == 0) {
    if (column_ > 0 && row().cells.size() >= column_) row().cells[column_ - 1] += character;
    return;
  }
  if (column_ + width > columns_ && !wrapping_) {
    column_ = columns_ - std::min(columns_, width);  // the last column is written over and over
  } else if (column_ + width > columns_) {
    ++wraps_;
    row().continues = true;
    line_feed();
  }
  std::vector<std::string>& cells = row().cells;
  if (cells.size() < column_ + width) cells.resize(column_ + width, " ");
  cells[column_] = character;
  if (width == 2) cells[column_ + 1].clear();
  column_ += width;
}

void TerminalEmulator::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const char c = bytes[0];
    if (bytes.starts_with("\x1b"
                          "7")) {
      saved_row_ = row_ - std::min(row_, top());
      saved_column_ = column_;
      bytes.remove_prefix(2);
    } else if (bytes.starts_with("\x1b"
                                 "8")) {
      row_ = top() + saved_row_;
      column_ = saved_column_;
      (void)row();
      bytes.remove_prefix(2);
    } else if (c == '\x1b') {
      const std::size_t end = bytes.find_first_of("ABCDEFGHJKSTfhlmnqrsu", 2);
      const std::string_view sequence = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
      if (sequence.starts_with("\x1b[") && sequence.back() == 'A') {
        const std::size_t top = this->top();
        const std::string_view count = sequence.substr(2, sequence.size() - 3);
        for (int n = count.empty() ? 1 : std::stoi(std::string(count)); n > 0 && row_ > top; --n) --row_;
      } else if (sequence == "\x1b[?7l" || sequence == "\x1b[?7h") {
        wrapping_ = sequence.back() == 'h';
      } else if (sequence == "\x1b[K") {
        row().cells.resize(std::min(row().cells.size(), column_));
        row().continues = false;
      } else if (sequence == "\x1b[J") {
        row().cells.resize(std::min(row().cells.size(), column_));
        row().continues = false;
        rows_.resize(row_ + 1);
      } else if (!sequence.starts_with("\x1b[") || sequence.back() != 'm') {
        surprises_ += sequence.substr(1);
      }
      bytes.remove_prefix(sequence.size());
    } else if (c == '\r') {
      column_ = 0;
      bytes.remove_prefix(1);
    } else if (c == '\n') {
      line_feed();
      bytes.remove_prefix(1);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      surprises_ += c;
      bytes.remove_prefix(1);
    } else {
      std::size_t size = 1;
      while (size < bytes.size() && (static_cast<unsigned char>(bytes[size]) & 0xC0) == 0x80) ++size;
      put(bytes.substr(0, size), display_width(bytes.substr(0, size)));
      bytes.remove_prefix(size);
    }
  }
}

void TerminalEmulator::resize(std::size_t columns) {
  if (resize_ == Resize::cuts) {
    columns_ = columns;
    for (Row& row : rows_) row.cells.resize(std::min(row.cells.size(), columns));
    column_ = std::min(column_, columns - 1);
    return;
  }
  std::vector<Row> rows;
  std::size_t cursor_row = 0, cursor_column = 0;
  for (std::size_t i = 0; i < rows_.size();) {
    std::vector<std::string> line;
    std::size_t cursor = std::string::npos;
    for (bool more = true; more; ++i) {
      if (i == row_) cursor = line.size() + column_;
      line.insert(line.end(), rows_[i].cells.begin(), rows_[i].cells.end());
      more = rows_[i].continues && i + 1 < rows_.size();
    }
    const std::size_t first = rows.size();
    do {
      const std::size_t count = std::min(columns, line.size());
      rows.push_back(
          {{line.begin(), line.begin() + static_cast<std::ptrdiff_t>(count)}, line.size() > count});
      line.erase(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(count));
    } while (!line.empty());
    if (cursor != std::string::npos) {
      cursor_row = std::min(first + cursor / columns, rows.size() - 1);
      cursor_column = cursor - (cursor_row - first) * columns;
    }
  }
  rows_ = std::move(rows);
  row_ = cursor_row;
  column_ = cursor_column;
  columns_ = columns;
}

std::string TerminalEmulator::text_of(std::size_t first, std::size_t& next) const {
  std::string text;
  next = first;
  for (bool more = true; more && next < rows_.size(); ++next) {
    for (const std::string& cell : rows_[next].cells) text += cell;
    more = rows_[next].continues;
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::vector<std::string> TerminalEmulator::lines() const {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < rows_.size();) {
    std::size_t next = i;
    found.push_back(text_of(i, next));
    i = next;
  }
  while (!found.empty() && found.back().empty()) found.pop_back();
  return found;
}

std::string TerminalEmulator::cursor_line() const {
  std::size_t next = 0;
  return text_of(row_, next);
}

}  // namespace buildspec_run::test
