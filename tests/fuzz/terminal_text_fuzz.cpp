// Whatever a build prints: what we show of it is well-formed UTF-8, on one line, and holds no control
// character but those of colours; and what is cut is no wider than asked.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runner/base/text.h"
#include "runner/cli/terminal_text.h"

namespace {

// Takes away each ESC [ digits ; : m and looks for control characters in the rest.
void expect_harmless(std::string_view shown, bool color) {
  if (buildspec_run::find_invalid_utf8(shown)) std::abort();
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    if (byte == 0x1B && color && i + 1 < shown.size() && shown[i + 1] == '[') {
      i = shown.find_first_not_of("0123456789;:", i + 2);
      if (i == std::string_view::npos || shown[i] != 'm') std::abort();
    } else if (byte < 0x20 || byte == 0x7F) {
      std::abort();
    } else if (byte == 0xC2 && static_cast<unsigned char>(shown[i + 1]) < 0xA0) {
      std::abort();  // U+0080 to U+009F
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buildspec_run;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string plain = plain_line(text);
  expect_harmless(plain, false);
  if (plain_line(plain) != plain) std::abort();
  OutputPainter with_color(true), without(false);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = with_color.paint(text.substr(begin, end - begin));
    expect_harmless(line, true);
    expect_harmless(without.paint(text.substr(begin, end - begin)), false);
    for (const std::size_t columns : {0u, 1u, 2u, 7u, 40u}) {
      const std::string cut = cut_columns(line, columns, (size & 1) != 0);
      expect_harmless(cut, true);
      if (columns_of(cut) > columns) std::abort();
    }
    begin = end + 1;
  }
  // Output that is shown as it comes: a cut between characters changes nothing.
  std::string whole, in_two;
  OutputFilter filter(true), filter_of_two(true);
  filter.write(text, whole);
  filter.finish(whole);
  std::size_t half = text.size() / 2;
  while (half > 0 && (static_cast<unsigned char>(text[half]) & 0xC0) == 0x80) --half;
  filter_of_two.write(text.substr(0, half), in_two);
  filter_of_two.write(text.substr(half), in_two);
  filter_of_two.finish(in_two);
  if (whole != in_two && text.size() <= 4096) std::abort();
  std::erase_if(whole, [](char c) { return c == '\n' || c == '\r' || c == '\t' || c == '\b'; });
  expect_harmless(whole, true);
  // Breaking lines changes nothing but blanks.
  std::string words, kept;
  for (const char c : wrap_words(plain, size % 50, "  "))
    if (c != ' ' && c != '\n') words += c;
  for (const char c : plain)
    if (c != ' ') kept += c;
  if (words != kept) std::abort();
  return 0;
}
