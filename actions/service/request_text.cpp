#include "actions/service/request_text.h"

#include <array>
#include <charconv>

namespace buildspec_run {
namespace {

constexpr std::size_t kMostBlocks = 50000;

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, number);
  // No file is longer, and sums of two such numbers do not overflow.
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  if (failed != std::errc() || stop != end || number > kMost) return std::nullopt;
  return number;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return text;
}

}  // namespace

const std::string* RequestTarget::find(std::string_view name) const noexcept {
  for (const auto& [each, value] : query)
    if (each == name) return &value;
  return nullptr;
}

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' && plus_is_blank ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<RequestTarget> parse_target(std::string_view target) {
  const std::size_t question = target.find('?');
  RequestTarget parsed;
  parsed.path = target.substr(0, question);
  if (!parsed.path.starts_with('/') || parsed.path.find_first_of("#\\") != std::string::npos)
    return std::nullopt;
  std::string_view rest = std::string_view(parsed.path).substr(1);
  for (bool more = !rest.empty(); more;) {
    const std::size_t slash = rest.find('/');
    const std::string segment = percent_decoded(rest.substr(0, slash), false);
    if (segment.empty() || segment == "." || segment == ".." || segment.find('/') != std::string::npos)
      return std::nullopt;
    more = slash != std::string_view::npos;
    if (more) rest.remove_prefix(slash + 1);
  }
  if (question == std::string_view::npos) return parsed;
  rest = target.substr(question + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    parsed.query.emplace_back(percent_decoded(part.substr(0, equals), true),
                              percent_decoded(part.substr(std::min(equals + 1, part.size())), true));
  }
  return parsed;
}

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::size_t padding = 0;
  while (!text.empty() && text.back() == '=' && padding < 2) text.remove_suffix(1), ++padding;
  if (padding != 0 && (text.size() + padding) % 4 != 0) return std::nullopt;
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits & 255);
    group &= (1U << bits) - 1;
  }
  if (group != 0) return std::nullopt;  // one text for one value
  return out;
}

std::optional<ByteRange> parse_range(std::string_view text) {
  text = trimmed(text);
  if (!text.starts_with("bytes=")) return std::nullopt;
  text.remove_prefix(6);
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint64_t> first = number_of(text.substr(0, dash));
  if (!first) return std::nullopt;
  ByteRange range{*first, std::nullopt};
  if (dash + 1 == text.size()) return range;
  range.last = number_of(text.substr(dash + 1));
  if (!range.last || *range.last < range.first) return std::nullopt;
  return range;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  text = trimmed(text);
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  if (text == "0--1/0") return ContentRange{0, 0, 0};
  const std::size_t slash = text.find('/');
  const std::size_t dash = text.find('-');
  if (slash == std::string_view::npos || dash == std::string_view::npos || dash > slash) return std::nullopt;
  const std::optional<std::uint64_t> first = number_of(text.substr(0, dash));
  const std::optional<std::uint64_t> last = number_of(text.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first) return std::nullopt;
  ContentRange range{*first, *last - *first + 1, std::nullopt};
  if (text.substr(slash + 1) == "*") return range;
  range.total = number_of(text.substr(slash + 1));
  if (!range.total || *range.total <= *last) return std::nullopt;
  return range;
}

// Three elements are looked for; nothing is expanded, and what else there may be is passed over.
std::optional<std::vector<std::string>> parse_block_list(std::string_view xml) {
  std::vector<std::string> ids;
  bool is_list = false;
  while (true) {
    const std::size_t open = xml.find('<');
    if (open == std::string_view::npos) break;
    xml.remove_prefix(open + 1);
    if (xml.starts_with('!')) return std::nullopt;
    const std::size_t close = xml.find('>');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view tag = trimmed(xml.substr(0, close));
    xml.remove_prefix(close + 1);
    if (tag == "BlockList" || tag == "BlockList/" || tag == "BlockList /") is_list = true;
    if (tag != "Latest" && tag != "Committed" && tag != "Uncommitted") continue;
    const std::size_t end = xml.find('<');
    if (!is_list || end == std::string_view::npos || ids.size() == kMostBlocks) return std::nullopt;
    std::optional<std::string> id = from_base64(trimmed(xml.substr(0, end)));
    if (!id || id->empty()) return std::nullopt;
    ids.push_back(std::move(*id));
  }
  if (!is_list) return std::nullopt;
  return ids;
}

bool is_plain_name(std::string_view name) noexcept {
  constexpr std::size_t kLongest = 255;
  if (name.empty() || name.size() > kLongest || name == "." || name == "..") return false;
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/' || c == '\\') return false;
  return true;
}

bool equals_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    different |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  return different == 0;
}

}  // namespace buildspec_run
