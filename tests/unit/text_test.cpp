#include "runner/base/text.h"

#include <gtest/gtest.h>

#include <array>

namespace buildspec_run {
namespace {

TEST(Text, CountsWidths) {
  struct Case {
    std::string_view text;
    std::size_t characters, width;
  };
  constexpr Case kCases[] = {
      {"", 0, 0},
      {"abc", 3, 3},
      {"\xC3\xA9", 1, 1},
      {"e\xCC\x81", 2, 1},
      {"\xE6\x97\xA5\xE6\x9C\xAC", 2, 4},
      {"\xF0\x9F\x9A\x80", 1, 2},
      {"\xFF", 1, 1},
  };
  for (const auto& [text, characters, width] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(count_characters(text), characters);
    EXPECT_EQ(display_width(text), width);
  }
}

TEST(Text, SuggestsWhatIsNear) {
  constexpr std::array<std::string_view, 4> kKnown = {"commands", "finally", "on-failure",
                                                      "runtime-versions"};
  EXPECT_EQ(did_you_mean("comands", kKnown), "; did you mean \"commands\"?");
  EXPECT_EQ(did_you_mean("on_failure", kKnown), "; did you mean \"on-failure\"?");
  EXPECT_EQ(did_you_mean("fianlly", kKnown), "; did you mean \"finally\"?");
  EXPECT_EQ(did_you_mean("deploy", kKnown), "");
  EXPECT_EQ(did_you_mean("env", kKnown), "");
}

TEST(Text, QuotesForTheShell) {
  EXPECT_EQ(shell_quote("/a/b-c.d"), "/a/b-c.d");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote("~x"), "'~x'");
}

TEST(Text, RepairsUtf8) {
  EXPECT_EQ(to_valid_utf8("a\xFF"
                          "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  EXPECT_EQ(find_invalid_utf8("\xC3\xA9"), std::nullopt);
}

TEST(ToPrintable, ReplacesControlCharacters) {
  EXPECT_EQ(to_printable("a\x1b[31m\tb\x7F\xFF\xC3\xA9"),
            "a\xEF\xBF\xBD[31m\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9");
}

}  // namespace
}  // namespace buildspec_run
