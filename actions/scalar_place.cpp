#include "actions/scalar_place.h"

#include <algorithm>
#include <string_view>

namespace buildspec_run {
namespace {

// Of a literal block, line n of the value is line n + 1 of the text, without its indentation.
SourceRange place_in_block(const Node& scalar, std::size_t offset, std::size_t size) {
  const std::string_view value = scalar.scalar;
  const auto line_index = static_cast<std::size_t>(
      std::count(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
  const std::size_t before = offset == 0 ? std::string_view::npos : value.rfind('\n', offset - 1);
  const std::size_t line_begin = before == std::string_view::npos ? 0 : before + 1;
  const std::string_view wanted = value.substr(line_begin, value.find('\n', line_begin) - line_begin);
  const std::size_t number = scalar.source->place(scalar.where.begin).line + 1 + line_index;
  const std::string_view written = scalar.source->line(number);
  const std::size_t begin = scalar.source->line_begin(number);
  if (number > scalar.source->line_count() || !written.ends_with(wanted) || begin >= scalar.where.end)
    return scalar.where;
  const std::size_t at = begin + (written.size() - wanted.size()) + (offset - line_begin);
  return {at, at + std::min(size, line_begin + wanted.size() - offset)};
}

}  // namespace

SourceRange place_in_scalar(const Node& scalar, std::size_t offset, std::size_t size) {
  const std::string_view value = scalar.scalar;
  if (offset > value.size()) return scalar.where;
  std::string_view written = scalar.source->slice(scalar.where);
  std::size_t begin = scalar.where.begin;
  if (scalar.style == ScalarStyle::literal) return place_in_block(scalar, offset, size);
  if (scalar.style == ScalarStyle::single_quoted || scalar.style == ScalarStyle::double_quoted) {
    if (written.size() < 2) return scalar.where;
    written = written.substr(1, written.size() - 2);
    ++begin;
  }
  if (written != value) return scalar.where;
  return {begin + offset, begin + std::min(offset + size, value.size())};
}

}  // namespace buildspec_run
