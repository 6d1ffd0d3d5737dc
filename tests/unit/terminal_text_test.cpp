#include "runner/cli/terminal_text.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>

namespace buildspec_run {
namespace {

TEST(TerminalText, CutsByColumns) {
  struct Case {
    std::string_view text;
    std::size_t columns;
    bool unicode;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"abc", 3, true, "abc"},
      {"abcd", 3, true, "ab…"},
      {"abcdef", 5, false, "ab..."},
      {"abcdef", 2, false, "ab"},
      {"abc", 0, true, ""},
      {"日本語", 6, true, "日本語"},
      {"日本語", 5, true, "日本…"},
      {"日本語", 4, true, "日…"},  // half a character is none
      {"e\xCC\x81"
       "abc",
       3, true,
       "e\xCC\x81"
       "a…"},
      {"\x1b[1;31mred\x1b[0m", 3, true, "\x1b[1;31mred\x1b[0m"},
      {"\x1b[1;31mreddish\x1b[0m", 4, true, "\x1b[1;31mred…\x1b[0m"},
      {"\x1b[32mok\x1b[0m and more", 6, true, "\x1b[32mok\x1b[0m an…"},
  };
  for (const auto& [text, columns, unicode, want] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(cut_columns(text, columns, unicode), want);
  }
}

TEST(TerminalText, MakesOnePlainLine) {
  struct Case {
    std::string_view text, want;
  };
  constexpr Case kCases[] = {
      {"a\tb\nc\r\nd", "a b c  d"},
      {"\x1b[31mred\x1b[0m", "red"},
      {"\x1b]0;title\aafter", "after"},
      {"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"},
      {"\x1b[2J\x1b[1;1Hgone", "gone"},
      {"\x1b(Bcharset", "charset"},
      {"bell\a", "bell\xEF\xBF\xBD"},
      {"\xFF\xC3", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xC2\x9B"
       "2J",
       "\xEF\xBF\xBD"
       "2J"},  // a C1 control, CSI in one character
      {"a\xE2\x80\xAE"
       "b",
       "a\xEF\xBF\xBD"
       "b"},  // right-to-left override
      {"unfinished \x1b[3", "unfinished [3"},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(want);
    EXPECT_EQ(plain_line(text), want);
  }
}

TEST(TerminalText, BreaksBetweenWords) {
  struct Case {
    std::string_view text;
    std::size_t columns;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"one two three", 0, "one two three"},
      {"one two three", 13, "one two three"},
      {"one two three", 12, "one two\n  three"},
      {"one two three four", 7, "one two\n  three\n  four"},
      {"unbreakable-long word", 6, "unbreakable-long\n  word"},
      {"  kept  apart", 12, "  kept\n  apart"},
      {"a \x1b[31mred\x1b[0m word", 10, "a \x1b[31mred\x1b[0m word"},
      {"日本 語で", 6, "日本\n  語で"},
  };
  for (const auto& [text, columns, want] : kCases) {
    SCOPED_TRACE(want);
    EXPECT_EQ(wrap_words(text, columns, "  "), want);
  }
}

TEST(TerminalText, PaintsOutput) {
  struct Case {
    std::string_view line, with_color, without;
  };
  constexpr Case kCases[] = {
      {"plain", "plain", "plain"},
      {"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m", "red"},
      {"\x1b[38;5;9mx", "\x1b[38;5;9mx\x1b[0m", "x"},
      {"\x1b[2Kcleared\x1b[1A", "cleared", "cleared"},
      {"\x1b]2;owned\atext", "text", "text"},
      {"\x1b[?25lhidden", "hidden", "hidden"},
      {"\x1b[>4;1mkeys", "keys", "keys"},  // ends in m, sets no colour
      {"10%\r50%\r100%\r", "100%", "100%"},
      {"a\tb", "a       b", "a       b"},
      {"日\tb", "日      b", "日      b"},
      {"\x01\x7F\b", "^A^?^H", "^A^?^H"},
      {"\x1b]never ends", "^[]never ends", "^[]never ends"},
      {"\xC2\x9B"
       "31m",
       "\xEF\xBF\xBD"
       "31m",
       "\xEF\xBF\xBD"
       "31m"},
  };
  for (const auto& [line, with_color, without] : kCases) {
    SCOPED_TRACE(without);
    EXPECT_EQ(OutputPainter(true).paint(line), with_color);
    EXPECT_EQ(OutputPainter(false).paint(line), without);
  }
}

TEST(TerminalText, PaintedColorsGoOnInTheNextLine) {
  OutputPainter painter(true);
  EXPECT_EQ(painter.paint("\x1b[31mone"), "\x1b[31mone\x1b[0m");
  EXPECT_EQ(painter.paint("two\x1b[0m"), "\x1b[31mtwo\x1b[0m\x1b[0m");
  EXPECT_EQ(painter.paint("three"), "three");
}

TEST(TerminalText, ShowsBothEndsOfALongLine) {
  const std::string line = fmt::format("{:a>5000}{:b>5000}", "", "");
  EXPECT_EQ(OutputPainter(false).paint(line),
            fmt::format("{:a>2000} [6000 bytes left out] {:b>2000}", "", ""));
  // Never half a character: 2000 is no multiple of three.
  std::string wide;
  for (int i = 0; i < 3000; ++i) wide += "日";
  EXPECT_EQ(OutputPainter(false).paint(wide).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(TerminalText, FiltersOutputAsItComes) {
  struct Case {
    std::string_view output, with_color, without;
  };
  constexpr Case kCases[] = {
      {"plain\n\tline\r50%\b\b", "plain\n\tline\r50%\b\b", "plain\n\tline\r50%\b\b"},
      {"\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n\x1b[0m", "red\n"},
      {"\x1b[1Aup\x1b[2K\x1b[H\x1b[?1049h", "up", "up"},
      {"\x1b]0;title\a\x1b]8;;http://x\x1b\\link\x1bPq\x1b\\\x1b"
       "c\x1b"
       "7",
       "link", "link"},
      {"\x1b[6n\x1b[>4;1m", "", ""},
      {"\a\v\f\x7F\x0E", "^G^K^L^?^N", "^G^K^L^?^N"},
      {"h\xC3\xA4 \xFF \xC2\x9B"
       "2J \xE2\x80\xAE",
       "h\xC3\xA4 \xEF\xBF\xBD \xEF\xBF\xBD"
       "2J \xEF\xBF\xBD",
       "h\xC3\xA4 \xEF\xBF\xBD \xEF\xBF\xBD"
       "2J \xEF\xBF\xBD"},
      {"\x1b[3\nnone", "^[[3\nnone", "^[[3\nnone"},
      {"\x1b]never ends", "^[]never ends", "^[]never ends"},
      {"cut \x1b", "cut ^[", "cut ^["},
  };
  for (const auto& [output, with_color, without] : kCases) {
    SCOPED_TRACE(without);
    for (const auto& [color, want] : {std::pair(true, with_color), std::pair(false, without)}) {
      for (std::size_t cut = 0; cut <= output.size(); ++cut) {
        if (cut < output.size() && (output[cut] & '\xC0') == '\x80') continue;  // not between characters
        OutputFilter filter(color);
        std::string shown;
        filter.write(output.substr(0, cut), shown);
        filter.write(output.substr(cut), shown);
        filter.finish(shown);
        EXPECT_EQ(shown, want) << cut;
      }
    }
  }
}

TEST(TerminalText, AFilterHoldsBackNoMoreThanASequence) {
  OutputFilter filter(true);
  std::string shown;
  filter.write("text\x1b[3", shown);
  EXPECT_EQ(shown, "text");
  filter.write("1m", shown);
  EXPECT_EQ(shown, "text\x1b[31m");
  shown.clear();
  filter.write("\x1b]" + std::string(4094, 'x'), shown);
  EXPECT_EQ(shown, "");
  filter.write("y", shown);
  EXPECT_EQ(shown, "^[]" + std::string(4094, 'x') + "y");
}

}  // namespace
}  // namespace buildspec_run
