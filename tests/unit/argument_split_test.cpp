#include "actions/argument_split.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

using Arguments = std::vector<std::string>;

// actions.md 13.4, and the rules of 3.14.
TEST(ArgumentSplit, SplitsAsDotnetDoes) {
  const std::pair<std::string_view, Arguments> kCases[] = {
      {"-e a b", {"-e", "a", "b"}},
      {"\"a b\" c", {"a b", "c"}},
      {"'a b'", {"'a", "b'"}},
      {"a\\\"b", {"a\"b"}},
      {"\"a\\\\\" b", {"a\\", "b"}},
      {"\"a\"\"b\"", {"a\"b"}},
      {"C:\\x\\y", {"C:\\x\\y"}},
      // The rules one by one.
      {"", {}},
      {" \t ", {}},
      {"a\tb", {"a", "b"}},
      {"a\nb", {"a\nb"}},
      {"\"\"", {""}},
      {"\"\" a", {"", "a"}},
      {"a\"\"b", {"ab"}},
      {"a\"b c\"d", {"ab cd"}},
      {"\"a b", {"a b"}},
      {"\"", {""}},
      {"\"\"\"", {"\""}},  // in quotes, two of them are one
      {"\\\"", {"\""}},
      {"\\\\\"a b\"", {"\\a b"}},
      {"\\\\\\\"a b\"", {"\\\"a", "b"}},
      {"a\\\\b", {"a\\\\b"}},
      {"a\\", {"a\\"}},
      {"\"a\\", {"a\\"}},
      {"$HOME *.c ~ `x` a;b", {"$HOME", "*.c", "~", "`x`", "a;b"}},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(split_arguments(text), want) << text;
}

// actions.md 3.14, "Custom templates". Texts: .NET 8.
TEST(ArgumentSplit, FormatsAsDotnetDoes) {
  struct Case {
    std::string_view text, want;
  };
  constexpr Case kCases[] = {
      {"-e {0}", "-e VAL"},
      {"{0}{0} {0}", "VALVAL VAL"},
      {"{{{0}}}", "{VAL}"},
      {"{{0}}", "{0}"},
      {"{0:x}", "VAL"},
      {"{0:}", "VAL"},
      {"{0 }", "VAL"},
      {"{0,6}|", "   VAL|"},
      {"{0,-6}|", "VAL   |"},
      {"{0 , - 6}",
       "!Input string was not in a correct format. Failure to parse near offset 6. Expected an ASCII "
       "digit."},
      {"{0 , -6 :x}|", "VAL   |"},
      {"{00}", "VAL"},
      {"", ""},
      {"{1}",
       "!Index (zero based) must be greater than or equal to zero and less than the size of the argument "
       "list."},
      {"{0} {12}",
       "!Index (zero based) must be greater than or equal to zero and less than the size of the argument "
       "list."},
      {"{",
       "!Input string was not in a correct format. Failure to parse near offset 1. Format item ends "
       "prematurely."},
      {"{0",
       "!Input string was not in a correct format. Failure to parse near offset 2. Format item ends "
       "prematurely."},
      {"{x}",
       "!Input string was not in a correct format. Failure to parse near offset 1. Expected an ASCII digit."},
      {"{}",
       "!Input string was not in a correct format. Failure to parse near offset 1. Expected an ASCII digit."},
      {"{ 0}",
       "!Input string was not in a correct format. Failure to parse near offset 1. Expected an ASCII digit."},
      {"a}b",
       "!Input string was not in a correct format. Failure to parse near offset 2. Unexpected closing brace "
       "without a corresponding opening brace."},
      {"{0}}",
       "!Input string was not in a correct format. Failure to parse near offset 4. Format item ends "
       "prematurely."},
      {"{0!}",
       "!Input string was not in a correct format. Failure to parse near offset 2. Format item ends "
       "prematurely."},
      {"{0:{x}",
       "!Input string was not in a correct format. Failure to parse near offset 3. Format item ends "
       "prematurely."},
      {"\xC3\xA9{",
       "!Input string was not in a correct format. Failure to parse near offset 2. Format item ends "
       "prematurely."},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    const Result<std::string> formatted = format_argument(text, "VAL");
    EXPECT_EQ(formatted ? *formatted : "!" + formatted.error().message, want);
  }
}

TEST(ArgumentSplit, DoesNotPadWithoutEnd) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "{0,999999}";
  EXPECT_FALSE(format_argument(text, "x"));
}

// actions.md 8.4.
TEST(ArgumentSplit, TakesTheArgumentsOfTheMetadataFirst) {
  const Arguments of_metadata = {"a b", "", "c\"d\\"};
  EXPECT_EQ(container_arguments(&of_metadata, "ignored"), of_metadata);
  EXPECT_EQ(container_arguments(nullptr, "-x 'a b' \"c d\""), (Arguments{"-x", "'a", "b'", "c d"}));
  EXPECT_EQ(container_arguments(nullptr, ""), Arguments());
}

}  // namespace
}  // namespace buildspec_run
