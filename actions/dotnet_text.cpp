#include "actions/dotnet_text.h"

#include <charconv>
#include <cstring>

#include "actions/expr/characters.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void append_character(std::string& out, char32_t c) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
        byte(0x80 | (c & 0x3F));
  }
}

// The longest part at the beginning of `text` that is a character or the beginning of one.
// Source: The Unicode Standard, table 3-7 and "U+FFFD substitution of maximal subparts".
struct Part {
  std::size_t bytes;
  bool whole;
};
Part first_part(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {1, true};
  std::size_t length = 0;
  unsigned least = 0x80, most = 0xBF;  // of the second byte
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) least = 0xA0;
    if (first == 0xED) most = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) least = 0x90;
    if (first == 0xF4) most = 0x8F;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size() || byte(i) < least || byte(i) > most) return {i, false};
    least = 0x80, most = 0xBF;
  }
  return {length, true};
}

template <std::size_t Bytes>
std::optional<char32_t> unit_at(std::string_view bytes, std::size_t at, bool big_endian) noexcept {
  if (bytes.size() - at < Bytes) return std::nullopt;
  char32_t unit = 0;
  for (std::size_t i = 0; i < Bytes; ++i)
    unit = unit << 8 | static_cast<unsigned char>(bytes[at + (big_endian ? i : Bytes - 1 - i)]);
  return unit;
}

std::string decode_utf16(std::string_view bytes, bool big_endian) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::optional<char32_t> unit = unit_at<2>(bytes, at, big_endian);
    at += 2;
    if (!unit || (*unit >= 0xDC00 && *unit < 0xE000)) {
      text += kReplacement;
    } else if (*unit >= 0xD800 && *unit < 0xDC00) {
      const std::optional<char32_t> low =
          at < bytes.size() ? unit_at<2>(bytes, at, big_endian) : std::nullopt;
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        append_character(text, 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00));
        at += 2;
      } else {
        text += kReplacement;
      }
    } else {
      append_character(text, *unit);
    }
  }
  return text;
}

std::string decode_utf32(std::string_view bytes, bool big_endian) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 4) {
    const std::optional<char32_t> unit = unit_at<4>(bytes, at, big_endian);
    if (!unit || *unit > 0x10FFFF || (*unit >= 0xD800 && *unit < 0xE000))
      text += kReplacement;
    else
      append_character(text, *unit);
  }
  return text;
}

}  // namespace

std::string decode_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  std::size_t good = 0;  // bytes from there on are whole characters
  for (std::size_t at = 0; at < bytes.size();) {
    if (std::uint64_t eight = 0; bytes.size() - at >= sizeof eight) {
      std::memcpy(&eight, bytes.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    const Part part = first_part(bytes.substr(at));
    at += part.bytes;
    if (part.whole) continue;
    text.append(bytes.substr(good, at - part.bytes - good)).append(kReplacement);
    good = at;
  }
  return text.append(bytes.substr(good));
}

std::string decode_file(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\xEF\xBB\xBF"sv)) return decode_utf8(bytes.substr(3));
  if (bytes.starts_with("\xFF\xFE\0\0"sv)) return decode_utf32(bytes.substr(4), false);
  if (bytes.starts_with("\0\0\xFE\xFF"sv)) return decode_utf32(bytes.substr(4), true);
  if (bytes.starts_with("\xFF\xFE"sv)) return decode_utf16(bytes.substr(2), false);
  if (bytes.starts_with("\xFE\xFF"sv)) return decode_utf16(bytes.substr(2), true);
  return decode_utf8(bytes);
}

std::string_view trim_start(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (!is_white_space(next_character(text, at))) return text.substr(begin);
  }
  return {};
}

bool is_blank(std::string_view text) noexcept { return trim_start(text).empty(); }

std::optional<int> parse_int32(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(begin);
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  const bool plus = text.starts_with('+');
  if (plus) text.remove_prefix(1);
  if (plus && text.starts_with('-')) return std::nullopt;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int> parse_digits32(std::string_view text) noexcept {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return parse_int32(text);
}

}  // namespace buildspec_run
