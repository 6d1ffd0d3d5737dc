#include "runner/event/secret_forms.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "runner/base/encoding.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

// --- Forms

// The length in UTF-16 units, which is what the limits of actions.md 9.2 count.
std::size_t utf16_length(std::string_view text) {
  std::size_t length = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    length += (byte & 0xC0) != 0x80 ? 1 : 0;
    length += byte >= 0xF0 ? 1 : 0;
  }
  return length;
}

// Source: actions.md 7.6.2 (Newtonsoft's escapes).
std::string json_escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("\xC2\x85")) {
      result += "\\u0085", i += 1;
    } else if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
      result += rest[2] == '\xA8' ? "\\u2028" : "\\u2029", i += 2;
    } else {
      const char c = text[i];
      switch (c) {
        case '"':
          result += "\\\"";
          break;
        case '\\':
          result += "\\\\";
          break;
        case '\b':
          result += "\\b";
          break;
        case '\f':
          result += "\\f";
          break;
        case '\n':
          result += "\\n";
          break;
        case '\r':
          result += "\\r";
          break;
        case '\t':
          result += "\\t";
          break;
        default:
          if (static_cast<unsigned char>(c) < 0x20) {
            result += "\\u00";
            result += kHex[c >> 4];
            result += kHex[c & 15];
          } else {
            result += c;
          }
      }
    }
  }
  return result;
}

std::string xml_escaped(std::string_view text, std::string_view quote = "&quot;",
                        std::string_view apostrophe = "&apos;") {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += quote;
        break;
      case '\'':
        result += apostrophe;
        break;
      case '&':
        result += "&amp;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// PowerShell colours an error after an ampersand and so cuts a secret in two there. Shorter halves are left
// alone.
constexpr std::size_t kShortestHalf = 6;

std::string_view before_ampersand(std::string_view text) {
  const std::size_t plus = text.find("&+");
  const std::size_t last = text.rfind('&');
  if (last == std::string_view::npos) return {};
  const std::string_view half =
      plus != std::string_view::npos ? text.substr(0, plus + 2) : text.substr(0, last + 1);
  return utf16_length(half) >= kShortestHalf ? half : std::string_view();
}

std::string_view after_ampersand(std::string_view text) {
  const std::size_t plus = text.find("&+");
  const std::size_t last = text.rfind('&');
  if (last == std::string_view::npos) return {};
  std::string_view half = text.substr(last + 1);
  if (plus != std::string_view::npos) {
    half = text.substr(plus + 2);
    if (!half.empty()) half.remove_prefix(1);  // the coloured character, whole
    while (!half.empty() && (static_cast<unsigned char>(half[0]) & 0xC0) == 0x80) half.remove_prefix(1);
  }
  return utf16_length(half) >= kShortestHalf ? half : std::string_view();
}

// --- Forms of our own

// With a backslash before what a shell would read as more than a letter, as bash's printf %q writes a value without
// control characters. Source: bash 5.2, sh_backslash_quote; '~' and '#' only where a word begins, and '~' after ':'
// and '='.
std::string backslash_quoted(std::string_view text) {
  constexpr std::string_view kQuoted = " \"'\\|&;()<>!{}*[]?^$`,";
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins = i == 0;
    const bool is_home = c == '~' && (begins || text[i - 1] == ':' || text[i - 1] == '=');
    if (kQuoted.find(c) != std::string_view::npos || is_home || (c == '#' && begins)) result += '\\';
    result += c;
  }
  return result;
}

// JSON in ASCII alone, as Python's json.dumps and jq -a write it; empty when `text` is no UTF-8.
std::string json_ascii(std::string_view text, std::string_view hex) {
  if (find_invalid_utf8(text)) return {};
  std::string result;
  const auto add_unit = [&](std::uint32_t unit) {
    result += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) result += hex[unit >> shift & 15];
  };
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      if (lead < 0x20 && std::string_view("\b\f\n\r\t").find(text[i]) == std::string_view::npos)
        add_unit(lead);
      else
        result += json_escaped(text.substr(i, 1));
      ++i;
      continue;
    }
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    std::uint32_t character = lead & (0xFFu >> (bytes + 1));
    for (std::size_t j = 1; j < bytes; ++j)
      character = character << 6 | (static_cast<unsigned char>(text[i + j]) & 0x3Fu);
    if (character >= 0x10000) {
      add_unit(0xD800 + ((character - 0x10000) >> 10));
      add_unit(0xDC00 + ((character - 0x10000) & 0x3FF));
    } else {
      add_unit(character);
    }
    i += bytes;
  }
  return result;
}

// The URL-safe alphabet of RFC 4648, section 5.
std::string url_safe(std::string text) {
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

// Shorter pieces of base64 are left alone: they would be found in words that hold no secret.
constexpr std::size_t kShortestBase64 = 8;

// Calls `add` for what of `value` can be seen in the base64 of a text that holds it anywhere, not at its end
// alone: the characters that no byte before or behind it has a part in, for each of the three places a byte
// can have in its group. `echo "$S" | base64` encodes a line end, too.
template <class Add>
void add_inner_base64(std::string_view value, Add add) {
  for (std::size_t before = 0; before < 3; ++before) {
    const std::string all = to_base64(std::string(before, '\0').append(value));
    const std::size_t begin = (8 * before + 5) / 6, end = 8 * (before + value.size()) / 6;
    if (end >= begin + kShortestBase64) add(all.substr(begin, end - begin));
  }
  // base64(1) breaks its lines after 76 characters, openssl and PEM after 64.
  const std::string all = to_base64(value).substr(0, 8 * value.size() / 6);
  for (const std::size_t width : {std::size_t{64}, std::size_t{76}})
    for (std::size_t at = 0; all.size() > width && at + kShortestBase64 <= all.size(); at += width)
      add(all.substr(at, width));
}

}  // namespace

std::string replaced(std::string_view text, char from, std::string_view to) {
  std::string result;
  for (const char c : text) {
    if (c == from)
      result += to;
    else
      result += c;
  }
  return result;
}

std::string double_quoted(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\' || c == '"' || c == '$' || c == '`') result += '\\';
    result += c;
  }
  return result;
}

std::string ansi_c_quoted(std::string_view text, bool ascii) {
  constexpr std::string_view kControls = "\a\b\t\n\v\f\r\x1b", kLetters = "abtnvfrE";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (const std::size_t control = kControls.find(c); control != std::string_view::npos) {
      result += '\\';
      result += kLetters[control];
    } else if (c == '\'' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7F || (ascii && byte >= 0x80)) {
      result += '\\';
      for (int shift = 6; shift >= 0; shift -= 3) result += static_cast<char>('0' + (byte >> shift & 7));
    } else {
      result += c;
    }
  }
  return result;
}

// Source: actions.md 9.2, in its order.
std::vector<std::string> secret_forms(std::string_view value) {
  std::vector<std::string> forms;
  const auto add = [&](std::string_view form) {
    if (!form.empty() && std::find(forms.begin(), forms.end(), form) == forms.end()) forms.emplace_back(form);
  };
  add(value);
  add(to_base64(value));
  add(to_base64(value.substr(value.size() > 1 ? 1 : 0)));
  add(to_base64(value.substr(value.size() > 2 ? 2 : 0)));
  add(replaced(value, '"', "\\\""));
  add(replaced(value, '\'', "''"));
  add(json_escaped(value));
  add(percent_encoded(value));
  add(xml_escaped(value));
  if (utf16_length(value) > 8 && value.front() == '"' && value.back() == '"')
    add(value.substr(1, value.size() - 2));
  add(before_ampersand(value));
  add(after_ampersand(value));
  return forms;
}

// Ours, not of actions.md. Most are as the value is, for most values, and then cost nothing.
std::vector<std::string> further_secret_forms(std::string_view value) {
  const std::vector<std::string> known = secret_forms(value);
  std::vector<std::string> forms;
  const auto add = [&](std::string form) {
    if (!form.empty() && std::find(known.begin(), known.end(), form) == known.end() &&
        std::find(forms.begin(), forms.end(), form) == forms.end())
      forms.push_back(std::move(form));
  };

  const auto add_both_alphabets = [&](std::string form) {
    add(url_safe(form));
    add(std::move(form));
  };
  for (const std::size_t shift : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    std::string form = to_base64(value.substr(value.size() > shift ? shift : 0));
    add(url_safe(form));
    form.resize(form.find_last_not_of('=') + 1);
    if (form.size() >= kShortestBase64) add_both_alphabets(std::move(form));
  }
  add_inner_base64(value, add_both_alphabets);

  // What is written character by character is found by its lines.
  if (value.find_first_of("\r\n") != std::string_view::npos) return forms;

  add(replaced(value, '\'', "'\\''"));    // set -x of bash, and most who quote for a shell
  add(replaced(value, '\'', "'\"'\"'"));  // dash's export -p, set and set -x, Python's shlex.quote
  add(double_quoted(value));
  add(backslash_quoted(value));
  for (const bool ascii : {false, true}) add(ansi_c_quoted(value, ascii));

  for (const std::string_view hex : {kLowerHex, kUpperHex}) add(json_ascii(value, hex));

  for (const std::string_view hex : {kLowerHex, kUpperHex}) {
    add(percent_encoded(value, "", hex));
    add(percent_encoded(value, "", hex, "+"));  // of a form
  }
  add(percent_encoded(value, "/"));      // Python's quote, as it comes
  add(percent_encoded(value, "!'()*"));  // JavaScript's encodeURIComponent

  add(xml_escaped(value, "&quot;", "&#x27;"));  // Python's html.escape
  add(xml_escaped(value, "&quot;", "&#39;"));
  add(xml_escaped(value, "&#34;", "&#39;"));  // Go's html.EscapeString
  add(xml_escaped(value, "\"", "'"));         // text, not an attribute
  return forms;
}

}  // namespace buildspec_run
