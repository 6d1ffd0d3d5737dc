#include "actions/dotnet_text.h"

#include <gtest/gtest.h>

#include "actions/expr/characters.h"

namespace buildspec_run {
namespace {

using namespace std::string_view_literals;

struct Case {
  std::string_view bytes, want;
};

// The Unicode Standard 15, chapter 3, tables 3-8 to 3-11; which .NET follows.
TEST(DotnetText, DecodesUtf8) {
  constexpr std::string_view kR = "\xEF\xBF\xBD";
  const auto r = [&](int n) {
    std::string text;
    while (n-- > 0) text += kR;
    return text;
  };
  EXPECT_EQ(decode_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"sv), "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(decode_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"sv), r(8) + "A");
  EXPECT_EQ(decode_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"sv), r(8) + "A");
  EXPECT_EQ(decode_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"sv), r(5) + "A" + r(2) + "B");
  EXPECT_EQ(decode_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"sv), r(4) + "A");
  EXPECT_EQ(decode_utf8("x\xE2\x82"sv), "x" + r(1));
  EXPECT_EQ(decode_utf8("\0a"sv), "\0a"sv);
}

// actions.md 5.2, 13.9.
TEST(DotnetText, DecodesWhatAByteOrderMarkSays) {
  const Case kCases[] = {
      {"A=\xC3\xA9", "A=\xC3\xA9"},
      {"\xEF\xBB\xBF"
       "A=\xC3\xA9",
       "A=\xC3\xA9"},
      {"\xFF\xFE"
       "A\0=\0\xE9\0"sv,
       "A=\xC3\xA9"},
      {"\xFE\xFF\0A\0=\0\xE9"sv, "A=\xC3\xA9"},
      {"\xFF\xFE\0\0"
       "A\0\0\0\xE9\0\0\0"sv,
       "A\xC3\xA9"},
      {"\0\0\xFE\xFF\0\0\0A\0\0\0\xE9"sv, "A\xC3\xA9"},
      {"\xFF\xFE\x3D\xD8\x00\xDE"sv, "\xF0\x9F\x98\x80"},
      {"\xFF\xFE\x3D\xD8"
       "A\0"sv,
       "\xEF\xBF\xBD"
       "A"},
      {"\xFF\xFE\x00\xDE"
       "A\0"sv,
       "\xEF\xBF\xBD"
       "A"},
      {"\xFF\xFE"
       "A\0B"sv,
       "A\xEF\xBF\xBD"},
      {"\0\0\xFE\xFF\0\x11\0\0\0\0\xD8\0\0"sv, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xFF\xFE"sv, ""},
      {"\xEF\xBB", "\xEF\xBF\xBD"},
      {"", ""},
  };
  for (const auto& [bytes, want] : kCases)
    EXPECT_EQ(decode_file(bytes), want) << testing::PrintToString(bytes);
}

TEST(DotnetText, TrimsUnicodeWhiteSpace) {
  EXPECT_EQ(trim_start(" \xC2\xA0\xE3\x80\x80\t\xC2\x85 a "), "a ");
  EXPECT_EQ(trim_start("\xE2\x80\x8B a"), "\xE2\x80\x8B a");  // no width, no white space
  EXPECT_EQ(trim_start("\xE2\x80"), "\xE2\x80");
  EXPECT_TRUE(is_blank("\xE1\x9A\x80\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\x9F \v\f\r\n\t"));
  EXPECT_TRUE(is_blank(""));
  EXPECT_FALSE(is_blank(" x"));
}

TEST(DotnetText, ReadsNumbers) {
  EXPECT_EQ(parse_int32("12"), 12);
  EXPECT_EQ(parse_int32(" -12\n"), -12);
  EXPECT_EQ(parse_int32("+0012"), 12);
  EXPECT_EQ(parse_int32("2147483647"), 2147483647);
  EXPECT_EQ(parse_int32("-2147483648"), -2147483647 - 1);
  for (const std::string_view text :
       {"", " ", "2147483648", "+-1", "--1", "1 2", "1.0", "a", "0x1", "1,000", "+"})
    EXPECT_EQ(parse_int32(text), std::nullopt) << text;
  EXPECT_EQ(parse_digits32("007"), 7);
  for (const std::string_view text : {"", " 7", "+7", "-7", "\xD9\xA7", "99999999999"})
    EXPECT_EQ(parse_digits32(text), std::nullopt) << text;
}

}  // namespace
}  // namespace buildspec_run
