#include "runner/base/source_text.h"

#include <algorithm>

#include "runner/base/text.h"

namespace buildspec_run {

SourceText::SourceText(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n' || (text_[i] == '\r' && (i + 1 == text_.size() || text_[i + 1] != '\n')))
      line_starts_.push_back(i + 1);
  }
}

std::string_view SourceText::slice(SourceRange range) const {
  const std::size_t begin = std::min(range.begin, text_.size());
  return text().substr(begin, std::max(range.end, begin) - begin);
}

LineColumn SourceText::place(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const std::size_t line = static_cast<std::size_t>(next - line_starts_.begin());
  const std::size_t begin = line_starts_[line - 1];
  std::string_view before = text().substr(begin, offset - begin);
  if (line == 1 && before.starts_with("\xEF\xBB\xBF")) before.remove_prefix(3);
  return {line, count_characters(before) + 1};
}

std::size_t SourceText::line_begin(std::size_t line) const {
  if (line == 0 || line > line_starts_.size()) return text_.size();
  return line_starts_[line - 1];
}

std::string_view SourceText::line(std::size_t line) const {
  if (line == 0 || line > line_starts_.size()) return {};
  const std::size_t begin = line_starts_[line - 1];
  std::size_t end = line < line_starts_.size() ? line_starts_[line] : text_.size();
  while (end > begin && (text_[end - 1] == '\n' || text_[end - 1] == '\r')) --end;
  return text().substr(begin, end - begin);
}

}  // namespace buildspec_run
