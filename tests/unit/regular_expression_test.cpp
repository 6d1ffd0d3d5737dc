#include "actions/regular_expression.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;

// "whole [group] [group]", "none", or "!" and why it is no expression.
std::string match(std::string_view pattern, std::string_view line) {
  Result<RegularExpression> regexp = RegularExpression::compile(pattern);
  if (!regexp) return "!" + regexp.error().message;
  std::vector<std::string_view> groups;
  switch (regexp->match(line, 5000ms, groups)) {
    case RegularExpression::Outcome::not_matched:
      return "none";
    case RegularExpression::Outcome::timed_out:
      return "timed out";
    case RegularExpression::Outcome::matched:
      break;
  }
  std::string text(groups.at(0));
  for (std::size_t i = 1; i < groups.size(); ++i) text += fmt::format(" [{}]", groups[i]);
  return text;
}

struct Case {
  std::string_view pattern, line, want;
};

// actions.md 3.16: .NET with ECMAScript and CultureInvariant. What the options mean: Microsoft's documentation of
// RegexOptions.ECMAScript; what is not said there follows from its "character escapes" and "grouping constructs".
TEST(RegularExpression, MatchesAsDotnetDoes) {
  constexpr Case kCases[] = {
      {"b+", "abbc", "bb"},  // anywhere
      {"B", "b", "none"},
      {"", "abc", ""},
      {"^(.+):(\\d+):\\s(.*)$", "a.c:12: bad", "a.c:12: bad [a.c] [12] [bad]"},
      {"(a)|(b)", "b", "b [] [b]"},
      // Classes know ASCII only.
      {"\\d", "\xD9\xA1", "none"},
      {"\\w", "\xC3\xA9", "none"},
      {"\\W+", "\xC3\xA9", "\xC3\xA9"},
      {"\\s", "\xC2\xA0", "none"},
      {"\\s+", " \t\f\v", " \t\f\v"},
      {"\\bx", "\xC3\xA9x", "x"},
      {"[\\d\\w\\s]+", "1a_ -", "1a_ "},
      // Text beyond ASCII is characters.
      {"^.$", "\xC3\xA9", "\xC3\xA9"},
      {"[\xC3\xA9\xE2\x9C\x96]", "\xE2\x9C\x96", "\xE2\x9C\x96"},
      {"(?i)\xC3\x89", "\xC3\xA9", "\xC3\xA9"},
      {"\\p{Lu}", "\xC3\x89", "\xC3\x89"},
      // Escapes.
      {"\\u00e9\\x41",
       "\xC3\xA9"
       "A",
       "\xC3\xA9"
       "A"},
      {"\\ud83d\\ude00", "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"^\\t\\x1b\\e\\cA\\a\\v\\f$", "\t\x1b\x1b\x01\x07\v\f", "\t\x1b\x1b\x01\x07\v\f"},
      {"\\h\\H\\R\\X\\K\\Q\\E\\N\\C\\U\\L\\l\\y\\i\\_\\-\\/", "hHRXKQENCULlyi_-/", "hHRXKQENCULlyi_-/"},
      {"[\\b\\B\\h\\R\\]\\-\\\\[:]+", "\bBhR]-\\[:", "\bBhR]-\\[:"},
      {"[[:alpha:]+", "a:[", "a:["},
      {"[\\w-\\/]+", "a-b/", "a-b/"},
      {"[\\d-a\\s-]+", "1-a -", "1-a -"},
      {"[\\d--\\/]+", "1-./", "1-./"},
      {"[\\da-c]+", "1-b", "1"},
      {"[a-c-e]+", "b-e", "b-e"},
      {"[::][..][==][:a:]", ":.=a", ":.=a"},
      {"[ -/]+", " .-x", " .-"},
      {"[]a]+", "]a", "]a"},
      {"[^]]+", "a]", "a"},
      {"\\0\\07\\101", std::string_view("\0\7A", 3), std::string_view("\0\7A", 3)},
      {"a{,2}{", "a{,2}{", "a{,2}{"},
      {"a{2}{x}", "aa{x}", "aa{x}"},
      {"}]", "}]", "}]"},
      // Classes less others.
      {"[a-z-[aeiou]]+", "aebcd", "bcd"},
      {"[a-z-[b-y-[m]]]+", "bamz", "amz"},
      // Groups.
      {"(?<name>a)(b)", "ab", "ab [b] [a]"},  // those with a name come last
      {"(?<x>a)(b)\\1\\2\\k<x>", "abbaa", "abbaa [b] [a]"},
      {"(?'x'a)\\k'x'", "aa", "aa [a]"},
      {"(?:a)(?=b)(b)(?!c)(?<=b)(?<!a)(?>d)", "abd", "abd [b]"},
      {"a(?#nothing (here)b", "ab", "ab"},
      {"(a)?\\1b", "b", "b []"},      // not yet caught is empty
      {"\\1(a)", "\1a", "\1a [a]"},   // opened later: an octal
      {"(a)\\10", "aa0", "aa0 [a]"},  // the longest number that is a group
      {"\\8", "8", "8"},
      {"(a)?(?(1)b|c)", "c", "c []"},
      {"(?i)a(?-i)b", "Ab", "Ab"},
      {"(?i:a)b", "Ab", "Ab"},
      {"a+?", "aaa", "a"},
      {"a{2,}?", "aaa", "aa"},
      {"\\A\\Ba\\Z|\\ba\\z", "a", "a"},
      {"a.c", "a\nc", "none"},
      {"a.c", "a\rc", "a\rc"},
  };
  for (const auto& [pattern, line, want] : kCases) {
    SCOPED_TRACE(pattern);
    EXPECT_EQ(match(pattern, line), want);
  }
}

TEST(RegularExpression, SaysWhatIsWrong) {
  constexpr Case kCases[] = {
      {"a++", "", "!Invalid pattern 'a++' at offset 2. Nested quantifier '+'."},
      {"a{2}*", "", "!Invalid pattern 'a{2}*' at offset 4. Nested quantifier '*'."},
      {"(*UTF)a", "", "!Invalid pattern '(*UTF)a' at offset 1. Quantifier '*' following nothing."},
      {"(?R)", "", "!Invalid pattern '(?R)' at offset 0. Unrecognized grouping construct."},
      {"(?1)", "", "!Invalid pattern '(?1)' at offset 0. Unrecognized grouping construct."},
      {"(?P<a>x)", "", "!Invalid pattern '(?P<a>x)' at offset 0. Unrecognized grouping construct."},
      {"(?C1)", "", "!Invalid pattern '(?C1)' at offset 0. Unrecognized grouping construct."},
      {"a\\", "", "!Invalid pattern 'a\\' at offset 2. Illegal \\ at end of pattern."},
      {"[a", "", "!Invalid pattern '[a' at offset 2. Unterminated [] set."},
      {"[]", "", "!Invalid pattern '[]' at offset 2. Unterminated [] set."},
      {"\xC3\xA9\\x4", "",
       "!Invalid pattern '\xC3\xA9\\x4' at offset 3. Insufficient or invalid hexadecimal digits."},
      {"\\k<a>", "", "!Invalid pattern '\\k<a>' at offset 5. Reference to undefined group name 'a'."},
      {"(?<a-b>x)", "", "!Invalid pattern '(?<a-b>x)' at offset 0. Balancing groups are not supported."},
      {"(?<a>x)(?<a>y)", "",
       "!Invalid pattern '(?<a>x)(?<a>y)' at offset 14. Two groups of one name are not supported."},
  };
  for (const auto& [pattern, line, want] : kCases) {
    SCOPED_TRACE(pattern);
    EXPECT_EQ(match(pattern, line), want);
  }
  for (const std::string_view pattern :
       {"(", ")", "(?<a", "*", "\\p{Foo}", "\\p", "(?<=a*)b", "(?x)a", "(?<1>a)", "[b-a]"})
    EXPECT_TRUE(match(pattern, "").starts_with("!Invalid pattern '")) << pattern;
  EXPECT_FALSE(RegularExpression::compile(std::string(1'000'000, '(')));
  EXPECT_FALSE(RegularExpression::compile(std::string(20'000, '(')));
  EXPECT_FALSE(RegularExpression::compile(std::string(20'000, '[') + std::string(20'000, '-')));
  EXPECT_TRUE(RegularExpression::compile("[a-[b-[c-[d]]]]"));
}

// What would take for ever ends in time, whatever the reason.
TEST(RegularExpression, GivesUpInTime) {
  std::vector<std::string_view> groups;
  const auto outcome_in_time = [&](std::string_view pattern, const std::string& line) {
    Result<RegularExpression> regexp = RegularExpression::compile(pattern);
    EXPECT_TRUE(regexp);
    const auto begun = std::chrono::steady_clock::now();
    const RegularExpression::Outcome outcome = regexp->match(line, 50ms, groups);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
    return outcome;
  };
  std::string a_line(5000, 'a'), blanks(1 << 20, ' '), long_line(1 << 20, 'a');
  a_line += 'b', blanks += 'b';
  // Exponential at one place; quadratic over a long line; a memory for each character.
  EXPECT_EQ(outcome_in_time("^(a+)+$", a_line), RegularExpression::Outcome::timed_out);
  EXPECT_EQ(outcome_in_time("\\s+$", blanks), RegularExpression::Outcome::timed_out);
  EXPECT_NE(outcome_in_time("^(?:(a)|b)*c$", long_line), RegularExpression::Outcome::matched);
  // And what is only long is found.
  long_line += ":12";
  EXPECT_EQ(outcome_in_time("^(.*):(\\d+)$", long_line), RegularExpression::Outcome::matched);
  EXPECT_EQ(groups.at(2), "12");
}

}  // namespace
}  // namespace buildspec_run
