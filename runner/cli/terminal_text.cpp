#include "runner/cli/terminal_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::size_t kLongestLine = 4000;
constexpr std::size_t kTabStop = 8;
constexpr std::size_t kMostHeld = 4096;   // of a sequence that may still end
constexpr std::size_t kMostActive = 256;  // bytes of colours carried to the next line

bool is(char c, unsigned char from, unsigned char to) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= from && byte <= to;
}

struct Escape {
  std::size_t bytes = 0;  // 0: not whole
  bool is_color = false;
  bool is_cut = false;  // not whole because `text` ends
};
constexpr Escape kCut = {0, false, true};

// The escape sequence that `text` begins with. Source: ECMA-48 5.3 to 5.6; strings also end with BEL, as
// xterm has it.
Escape read_escape(std::string_view text) noexcept {
  if (text.size() < 2) return kCut;
  const char kind = text[1];
  if (kind == '[') {
    std::size_t at = 2;
    while (at < text.size() && is(text[at], 0x30, 0x3F)) ++at;
    const std::size_t parameters_end = at;
    while (at < text.size() && is(text[at], 0x20, 0x2F)) ++at;
    if (at == text.size()) return kCut;
    if (!is(text[at], 0x40, 0x7E)) return {};
    const std::string_view parameters = text.substr(2, parameters_end - 2);
    const bool is_color = text[at] == 'm' && at == parameters_end &&
                          parameters.find_first_not_of("0123456789;:") == std::string_view::npos;
    return {at + 1, is_color};
  }
  if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {
    for (std::size_t at = 2; at < text.size(); ++at) {
      if (text[at] == '\a') return {at + 1};
      if (text[at] != '\x1b') continue;
      if (at + 1 == text.size()) return kCut;
      return text[at + 1] == '\\' ? Escape{at + 2} : Escape{};
    }
    return kCut;
  }
  std::size_t at = 1;
  while (at < text.size() && is(text[at], 0x20, 0x2F)) ++at;
  if (at == text.size()) return kCut;
  if (!is(text[at], 0x30, 0x7E)) return {};
  return {at + 1};
}

// Bytes of the character that `text` begins with; 0 when it is no well-formed UTF-8.
std::size_t character_bytes(std::string_view text) noexcept {
  const std::size_t bytes = is(text[0], 0x00, 0x7F)   ? 1
                            : is(text[0], 0xC2, 0xDF) ? 2
                            : is(text[0], 0xE0, 0xEF) ? 3
                            : is(text[0], 0xF0, 0xF4) ? 4
                                                      : 0;
  if (bytes <= 1) return bytes;
  return text.size() >= bytes && !find_invalid_utf8(text.substr(0, bytes)) ? bytes : 0;
}

bool is_c1_control(std::string_view character) noexcept {
  return character.size() == 2 && character[0] == '\xC2' && is(character[1], 0x80, 0x9F);
}

// Direction overrides and isolates would show a text in another order than it has.
bool turns_direction(std::string_view character) noexcept {
  return character.size() == 3 && character[0] == '\xE2' &&
         ((character[1] == '\x80' && is(character[2], 0xAA, 0xAE)) ||
          (character[1] == '\x81' && is(character[2], 0xA6, 0xA9)));
}

}  // namespace

std::string paint(Ink ink, std::string_view text, bool color) {
  if (!color || text.empty()) return std::string(text);
  std::string_view code;
  switch (ink) {
    case Ink::bold:
      code = "1";
      break;
    case Ink::dim:
      code = "2";
      break;
    case Ink::red:
      code = "1;31";
      break;
    case Ink::green:
      code = "32";
      break;
    case Ink::yellow:
      code = "33";
      break;
    case Ink::cyan:
      code = "36";
      break;
  }
  return fmt::format("\x1b[{}m{}{}", code, text, kReset);
}

std::size_t columns_of(std::string_view text) noexcept {
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::size_t escape = text.find('\x1b');
    columns += display_width(text.substr(0, escape));
    if (escape == std::string_view::npos) break;
    text.remove_prefix(escape);
    text.remove_prefix(std::max<std::size_t>(read_escape(text).bytes, 1));
  }
  return columns;
}

std::string cut_columns(std::string_view text, std::size_t columns, bool unicode) {
  if (columns_of(text) <= columns) return std::string(text);
  const std::string_view ellipsis = unicode ? "…" : "...";
  const std::size_t ellipsis_columns = unicode ? 1 : 3;
  const bool marked = columns > ellipsis_columns;
  const std::size_t room = marked ? columns - ellipsis_columns : columns;
  std::string out;
  std::size_t used = 0;
  bool colored = false;
  while (!text.empty()) {
    if (text[0] == '\x1b') {
      const std::size_t bytes = std::max<std::size_t>(read_escape(text).bytes, 1);
      out += text.substr(0, bytes);
      colored = text.substr(0, bytes) != kReset;
      text.remove_prefix(bytes);
      continue;
    }
    const std::string_view character = text.substr(0, std::max<std::size_t>(character_bytes(text), 1));
    const std::size_t width = display_width(character);
    if (used + width > room) break;
    used += width;
    out += character;
    text.remove_prefix(character.size());
  }
  if (marked) out += ellipsis;
  if (colored) out += kReset;
  return out;
}

std::string wrap_words(std::string_view text, std::size_t columns, std::string_view indent) {
  if (columns == 0 || columns_of(text) <= columns) return std::string(text);
  std::string out;
  std::size_t used = 0;
  bool line_has_word = false;
  while (!text.empty()) {
    // A word with the blanks before it, which a break swallows.
    const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const std::size_t width = columns_of(word);
    if (line_has_word && used + begin + width > columns) {
      if (word.empty()) break;
      out.append("\n").append(indent);
      used = columns_of(indent);
    } else {
      out.append(begin, ' ');
      used += begin;
    }
    out += word;
    used += width;
    line_has_word = true;
    text.remove_prefix(end);
  }
  return out;
}

std::string_view after_returns(std::string_view line) noexcept {
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const std::size_t last = line.rfind('\r');
  return last == std::string_view::npos ? line : line.substr(last + 1);
}

std::string plain_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text[0];
    if (c == '\x1b') {
      const std::size_t bytes = read_escape(text).bytes;
      text.remove_prefix(std::max<std::size_t>(bytes, 1));
      continue;
    }
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(bytes, 1));
    if (is(c, 0x09, 0x0D)) {
      out += ' ';
    } else if (bytes == 0 || is(c, 0x00, 0x1F) || c == '\x7F' || is_c1_control(character) ||
               turns_direction(character)) {
      out += kReplacement;
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string OutputPainter::paint(std::string_view line) {
  line = after_returns(line);
  std::string out = active_;
  std::size_t column = 0;
  if (line.size() <= kLongestLine) {
    append(out, line, column);
  } else {
    // Cut between characters: a byte that continues one belongs to what is left out.
    std::string_view begin = line.substr(0, kLongestLine / 2);
    std::string_view end = line.substr(line.size() - kLongestLine / 2);
    const auto continues = [](char c) { return is(c, 0x80, 0xBF); };
    for (int i = 0; i < 3 && continues(line[begin.size()]); ++i) begin.remove_suffix(1);
    for (int i = 0; i < 3 && continues(end[0]); ++i) end.remove_prefix(1);
    append(out, begin, column);
    out += fmt::format(" [{} bytes left out] ", line.size() - begin.size() - end.size());
    append(out, end, column);
  }
  if (!active_.empty() || out.find('\x1b') != std::string::npos) out += kReset;
  return out;
}

void OutputPainter::append(std::string& out, std::string_view text, std::size_t& column) {
  while (!text.empty()) {
    const char c = text[0];
    if (c == '\x1b') {
      const Escape escape = read_escape(text);
      if (escape.bytes == 0) {
        out += "^[";
        column += 2;
        text.remove_prefix(1);
        continue;
      }
      const std::string_view sequence = text.substr(0, escape.bytes);
      if (escape.is_color && color_) {
        out += sequence;
        const bool resets = sequence == "\x1b[m" || sequence == kReset;
        if (resets || active_.size() + sequence.size() > kMostActive) active_.clear();
        if (!resets) active_ += sequence;
      }
      text.remove_prefix(escape.bytes);
      continue;
    }
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(bytes, 1));
    if (c == '\t') {
      const std::size_t blanks = kTabStop - column % kTabStop;
      out.append(blanks, ' ');
      column += blanks;
    } else if (is(c, 0x00, 0x1F) || c == '\x7F') {
      out += '^';
      out += static_cast<char>(c ^ 0x40);
      column += 2;
    } else if (bytes == 0 || is_c1_control(character) || turns_direction(character)) {
      out += kReplacement;
      ++column;
    } else {
      out += character;
      column += display_width(character);
    }
    text.remove_prefix(character.size());
  }
}

void OutputFilter::write(std::string_view chunk, std::string& out) {
  if (held_.empty()) return filter(chunk, false, out);
  const std::string joined = std::exchange(held_, {}).append(chunk);
  filter(joined, false, out);
}

void OutputFilter::finish(std::string& out) {
  const std::string rest = std::exchange(held_, {});
  filter(rest, true, out);
  if (std::exchange(colored_, false)) out += kReset;
}

void OutputFilter::filter(std::string_view text, bool ended, std::string& out) {
  const auto passes = [](char c) { return is(c, 0x20, 0x7E) || is(c, 0x08, 0x0A) || c == '\r'; };
  while (!text.empty()) {
    const std::size_t plain =
        static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), passes) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const char c = text[0];
    if (c == '\x1b') {
      const Escape escape = read_escape(text);
      if (escape.is_cut && !ended && text.size() <= kMostHeld) {
        held_ = text;
        return;
      }
      if (escape.is_color && color_) {
        out += text.substr(0, escape.bytes);
        colored_ = true;
      }
      if (escape.bytes == 0) out += "^[";
      text.remove_prefix(std::max<std::size_t>(escape.bytes, 1));
      continue;
    }
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(bytes, 1));
    if (is(c, 0x00, 0x1F) || c == '\x7F') {
      out += '^';
      out += static_cast<char>(c ^ 0x40);
    } else if (bytes == 0 || is_c1_control(character) || turns_direction(character)) {
      out += kReplacement;
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
}

}  // namespace buildspec_run
