// A text a user wrote, with a name for messages and its lines. Places in it are byte offsets until they are
// printed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

/// A place for people: both count from 1; `column` counts characters (code points), a tab as one.
struct LineColumn {
  std::size_t line = 1;
  std::size_t column = 1;
  bool operator==(const LineColumn&) const = default;
};

/// Half-open range of byte offsets in a SourceText.
struct SourceRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const SourceRange&) const = default;
};

/// Owns the text of one file. Not copied, not moved: everything that is made from it points into it, so it
/// outlives them all.
class SourceText {
 public:
  /// `name` is what messages call it: a path as the user gave it, or "<stdin>".
  SourceText(std::string name, std::string text);
  SourceText(const SourceText&) = delete;
  SourceText& operator=(const SourceText&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] std::string_view slice(SourceRange range) const;

  /// Line and column of `offset`; an offset behind the end is the end. Lines end at LF, CR LF or CR alone.
  [[nodiscard]] LineColumn place(std::size_t offset) const;
  /// The text of line `line` (from 1) without its line ending; empty for a line that is not there.
  [[nodiscard]] std::string_view line(std::size_t line) const;
  /// Offset of the first byte of line `line` (from 1).
  [[nodiscard]] std::size_t line_begin(std::size_t line) const;
  [[nodiscard]] std::size_t line_count() const noexcept { return line_starts_.size(); }

 private:
  std::string name_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
};

}  // namespace buildspec_run
