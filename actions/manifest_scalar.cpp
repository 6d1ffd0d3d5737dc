#include "actions/manifest_scalar.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace buildspec_run {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

template <std::size_t N>
bool is_one_of(std::string_view text, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

bool is_null(std::string_view text) {
  constexpr std::string_view kWords[] = {"", "null", "Null", "NULL", "~"};
  return is_one_of(text, kWords);
}

std::optional<bool> read_boolean(std::string_view text) {
  constexpr std::string_view kTrue[] = {"true", "True", "TRUE"}, kFalse[] = {"false", "False", "FALSE"};
  if (is_one_of(text, kTrue)) return true;
  if (is_one_of(text, kFalse)) return false;
  return std::nullopt;
}

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

std::size_t skip_sign(std::string_view text, std::size_t at) {
  return at < text.size() && (text[at] == '-' || text[at] == '+') ? at + 1 : at;
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool is_decimal(std::string_view text) {
  const std::size_t begin = skip_sign(text, 0);
  std::size_t at = skip_digits(text, begin);
  const bool has_integer = at > begin;
  if (at < text.size() && text[at] == '.') {
    const std::size_t end = skip_digits(text, at + 1);
    if (!has_integer && end == at + 1) return false;
    at = end;
  } else if (!has_integer) {
    return false;
  }
  if (at == text.size()) return true;
  if (text[at] != 'e' && text[at] != 'E') return false;
  const std::size_t exponent = skip_sign(text, at + 1);
  return exponent < text.size() && skip_digits(text, exponent) == text.size();
}

// 0x… or 0o…: 32 bits, the highest of which is the sign.
struct Based {
  bool is_one = false;
  std::optional<double> value;
};
Based read_based(std::string_view text) {
  if (text.size() < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'o')) return {};
  const std::string_view digits = text.substr(2);
  std::uint64_t value = 0;
  const auto [end, wrong] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, text[1] == 'x' ? 16 : 8);
  if (end != digits.data() + digits.size() || wrong == std::errc::invalid_argument) return {};
  if (wrong != std::errc() || value > std::numeric_limits<std::uint32_t>::max()) return {true, std::nullopt};
  return {true, static_cast<double>(static_cast<std::int32_t>(static_cast<std::uint32_t>(value)))};
}

std::optional<double> read_special(std::string_view text) {
  constexpr std::string_view kInfinity[] = {".inf", ".Inf", ".INF"}, kNan[] = {".nan", ".NaN", ".NAN"};
  if (is_one_of(text, kNan)) return std::nan("");
  const std::size_t sign = skip_sign(text, 0);
  if (!is_one_of(text.substr(sign), kInfinity)) return std::nullopt;
  const double infinity = std::numeric_limits<double>::infinity();
  return text[0] == '-' ? -infinity : infinity;
}

bool is_integer(std::string_view text) {
  const std::size_t begin = skip_sign(text, 0);
  return begin < text.size() && skip_digits(text, begin) == text.size();
}

Error not_valid_for_type(const Node& scalar) {
  const LineColumn at = scalar.source->place(manifest_begin(scalar));
  return {fmt::format("The value '{}' on line {} and column {} is invalid for the type '{}'", scalar.scalar,
                      at.line, at.column, scalar.tag),
          {}};
}

}  // namespace

std::size_t manifest_begin(const Node& node) {
  const bool is_tagged = !node.tag.empty() && node.tag_where != SourceRange{};
  return is_tagged ? node.tag_where.begin : node.where.begin;
}

Result<Datum> read_manifest_scalar(const Node& scalar) {
  const std::string_view text = scalar.scalar;
  const bool is_plain = scalar.style == ScalarStyle::plain;
  if (scalar.tag == "tag:yaml.org,2002:string") return Datum(text);
  if (!scalar.tag.empty() && !is_plain) {
    const LineColumn at = scalar.source->place(manifest_begin(scalar));
    constexpr std::string_view kStyles[] = {"Plain", "SingleQuoted", "DoubleQuoted", "Literal", "Folded"};
    return Error{fmt::format("The scalar style '{}' on line {} and column {} is not valid with the tag '{}'",
                             kStyles[static_cast<std::size_t>(scalar.style)], at.line, at.column, scalar.tag),
                 {}};
  }
  if (!is_plain) return Datum(text);

  const bool is_tagged = !scalar.tag.empty();
  std::string_view type = scalar.tag;
  if (is_tagged) {
    if (type.starts_with(kTagPrefix)) type.remove_prefix(kTagPrefix.size());
    constexpr std::string_view kTypes[] = {"bool", "float", "int", "null"};
    if (type.size() == scalar.tag.size() || !is_one_of(type, kTypes))
      return Error{fmt::format("Unexpected tag '{}'", scalar.tag), {}};
  }
  const auto may_be = [&](std::string_view wanted) { return !is_tagged || type == wanted; };
  if (may_be("null") && is_null(text)) return Datum();
  if (may_be("bool"))
    if (const std::optional<bool> value = read_boolean(text)) return Datum(*value);
  if (may_be("int")) {
    if (is_integer(text)) return Datum(parse_number(text));
    if (const Based based = read_based(text); based.is_one) {
      if (!based.value) return not_valid_for_type(scalar);
      return Datum(*based.value);
    }
  }
  if (may_be("float")) {
    if (const std::optional<double> value = read_special(text)) return Datum(*value);
    if (is_decimal(text)) return Datum(parse_number(text));
  }
  if (is_tagged) return not_valid_for_type(scalar);
  return Datum(text);
}

}  // namespace buildspec_run
