#include "runner/event/secret_places.h"

#include <gtest/gtest.h>

#include <string>

namespace buildspec_run {
namespace {

struct Case {
  std::string_view what, value, text;
};
// What `export -p` writes of A=<value>, taken from the shells themselves: bash 5.2, dash 0.5.12.
const Case kCases[] = {
    {"plain", "s3cret", "declare -x A=\"s3cret\"\nexport B='s3cret'\nURL=https://me:s3cret@host\n"},
    {"bash, double quotes", "a\"b$c`d\\e", "declare -x A=\"a\\\"b\\$c\\`d\\\\e\"\n"},
    {"dash, a quote", "a'b", "export A='a'\"'\"'b'\n"},
    {"ksh, a quote", "a'b", "export A='a'\\''b'\n"},
    {"bash, control characters", "a\nb\t'\\\x01", "declare -x A=$'a\\nb\\t\\'\\\\\\001'\n"},
    {"bash, lines", "one\ntwo", "declare -x A=\"one\ntwo\"\n"},
};

TEST(SecretPlaces, TakesASecretOutOfWhatShellsWriteAndPutsItBack) {
  for (const auto& [what, value, text] : kCases) {
    SCOPED_TRACE(what);
    SecretPlaces places;
    places.add("A", std::string(value));
    const std::string lifted = places.lift(text);
    EXPECT_EQ(lifted.find(value), std::string::npos);
    EXPECT_NE(lifted, text);
    const Result<std::string> whole = places.put_back(lifted);
    ASSERT_TRUE(whole) << whole.error().message;
    EXPECT_EQ(*whole, text);
  }
}

TEST(SecretPlaces, PutsAnotherValueInTheFormOfTheFirst) {
  SecretPlaces then, now;
  then.add("T", "old'token");
  now.add("T", "new'one");
  const Result<std::string> whole = now.put_back(then.lift("export T='old'\"'\"'token'\nX=old'token\n"));
  ASSERT_TRUE(whole);
  EXPECT_EQ(*whole, "export T='new'\"'\"'one'\nX=new'one\n");
}

TEST(SecretPlaces, OfSecretsThatOverlapTheFirstAndThenTheLongestCounts) {
  SecretPlaces places;
  places.add("SHORT", "abc");
  places.add("LONG", "abcdef");
  const Result<std::string> whole = places.put_back(places.lift("xabcdefxabcx"));
  ASSERT_TRUE(whole);
  EXPECT_EQ(*whole, "xabcdefxabcx");
  EXPECT_EQ(places.lift("abcdef").find("def"), std::string::npos);
}

TEST(SecretPlaces, NamesWhatIsMissing) {
  SecretPlaces then, now;
  then.add("ONE", "first");
  then.add("TWO", "second");
  now.add("TWO", "second");
  const Result<std::string> whole = now.put_back(then.lift("first second"));
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().message, "it needs the secret ONE, which is not given");
}

TEST(SecretPlaces, KeepsBytesOfTheTextThatLookLikeAReference) {
  SecretPlaces places;
  places.add("A", "secret");
  const std::string text("\0rA\0 secret \0\0 \0", 15);
  const Result<std::string> whole = places.put_back(places.lift(text));
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(*whole, text);
}

TEST(SecretPlaces, RefusesWhatIsNoLiftedText) {
  const SecretPlaces places;
  for (const std::string& text : {std::string("\0", 1), std::string("\0r", 2), std::string("\0rA", 3),
                                  std::string("\0xA\0", 4), std::string("\0r\0x", 4)})
    EXPECT_FALSE(places.put_back(text));
}

}  // namespace
}  // namespace buildspec_run
