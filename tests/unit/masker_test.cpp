#include "runner/event/masker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "runner/event/secret_forms.h"
#include "tests/support/plain_masker.h"

namespace buildspec_run {
namespace {

Masker masker_of(const std::vector<std::string>& secrets) {
  Masker masker;
  for (const std::string& secret : secrets) masker.add(secret);
  return masker;
}

// The text in pieces that end at `cuts`, through one stream.
std::string mask_in_pieces(const Masker& masker, std::string_view text,
                           const std::vector<std::size_t>& cuts) {
  Masker::Stream stream(masker);
  std::string out;
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    stream.write(text.substr(from, cut - from), out);
    from = cut;
  }
  stream.write(text.substr(from), out);
  stream.finish(out);
  return out;
}

// actions.md 13.3, and the forms of its table 9.2 that the vector does not name, by base64(1), jq -R and
// python3's urllib.parse.quote(safe="") and xml.sax.saxutils.
TEST(Masker, KnowsTheFormsOfTheVector) {
  const std::vector<std::string> want = {
      "a\"b'c&def+ghij",
      "YSJiJ2MmZGVmK2doaWo=",
      "ImInYyZkZWYrZ2hpag==",  // printf %s "\"b'c&def+ghij" | base64
      "YidjJmRlZitnaGlq",      // printf %s "b'c&def+ghij" | base64
      "a\\\"b'c&def+ghij",
      "a\"b''c&def+ghij",
      "a%22b%27c%26def%2Bghij",
      "a&quot;b&apos;c&amp;def+ghij",
      "a\"b'c&",
      "def+ghij",
  };
  EXPECT_EQ(secret_forms("a\"b'c&def+ghij"), want);
  const Masker masker = masker_of({"a\"b'c&def+ghij"});
  for (const std::string& form : want) {
    EXPECT_EQ(masker.mask("<" + form + ">"), "<***>") << form;
    EXPECT_TRUE(masker.contains_secret("<" + form + ">")) << form;
  }
  EXPECT_EQ(masker.mask("a\"b'c def+ghi"), "a\"b'c def+ghi");
  EXPECT_FALSE(masker.contains_secret("a\"b'c def+ghi"));
}

TEST(Masker, KnowsTheEncodings) {
  struct Case {
    std::string_view secret;
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {"", {}},
      // One and two bytes: the shifted forms are the plain one.
      {"x", {"x", "eA=="}},
      {"xy", {"xy", "eHk=", "eQ=="}},
      {"xyz", {"xyz", "eHl6", "eXo=", "eg=="}},
      {"p@ss w\xC3\xB6rd~-._",
       {"p@ss w\xC3\xB6rd~-._", "cEBzcyB3w7ZyZH4tLl8=", "QHNzIHfDtnJkfi0uXw==", "c3Mgd8O2cmR+LS5f",
        "p%40ss%20w%C3%B6rd~-._"}},
      // JSON: 7.6.2; DEL, slash and non-ASCII stay, U+0085 and U+2028 do not. The command line form is the
      // JSON one of the quote alone.
      {"\\\x01\x7F/\xC2\x85\xE2\x80\xA8",
       {"\\\x01\x7F/\xC2\x85\xE2\x80\xA8", "XAF/L8KF4oCo",
        "AX8vwoXigKg=", "fy/CheKAqA==", "\\\\\\u0001\x7F/\\u0085\\u2028", "%5C%01%7F%2F%C2%85%E2%80%A8"}},
      // Unquoted from nine characters on.
      {"\"123456\"",
       {"\"123456\"", "IjEyMzQ1NiI=", "MTIzNDU2Ig==", "MjM0NTYi", "\\\"123456\\\"", "%22123456%22",
        "&quot;123456&quot;"}},
      {"\"1234567\"",
       {"\"1234567\"", "IjEyMzQ1Njci", "MTIzNDU2NyI=", "MjM0NTY3Ig==", "\\\"1234567\\\"", "%221234567%22",
        "&quot;1234567&quot;", "1234567"}},
      // PowerShell: at the first "&+" (the character behind it is lost), …
      {"first&+Xsecond&third",
       {"first&+Xsecond&third",
        "Zmlyc3QmK1hzZWNvbmQmdGhpcmQ=", "aXJzdCYrWHNlY29uZCZ0aGlyZA==", "cnN0JitYc2Vjb25kJnRoaXJk",
        "first%26%2BXsecond%26third", "first&amp;+Xsecond&amp;third", "first&+", "second&third"}},
      // … else at the last "&", and only halves of at least six characters.
      {"abcd&efghij",
       {"abcd&efghij", "YWJjZCZlZmdoaWo=", "YmNkJmVmZ2hpag==", "Y2QmZWZnaGlq", "abcd%26efghij",
        "abcd&amp;efghij", "efghij"}},
      {"a&+\xC3\xA9"
       "bcdefg",
       {"a&+\xC3\xA9"
        "bcdefg",
        "YSYrw6liY2RlZmc=", "JivDqWJjZGVmZw==", "K8OpYmNkZWZn",
        "a%26%2B%C3%A9"
        "bcdefg",
        "a&amp;+\xC3\xA9"
        "bcdefg",
        "bcdefg"}},
      {"&", {"&", "Jg==", "%26", "&amp;"}},
  };
  for (const auto& [secret, want] : cases) {
    SCOPED_TRACE(secret);
    EXPECT_EQ(secret_forms(secret), want);
  }
}

// What tools print of one value: each text by the tool named, with the value in $S.
TEST(Masker, KnowsWhatToolsMakeOfAValue) {
  const std::string secret = "pass\"w'rd$1>/+?\xC3\xB6\xF0\x9F\x98\x80 end`x\\";
  struct Case {
    std::string_view tool, text, want;
  };
  const Case cases[] = {
      // What stays of base64 also holds bits of the bytes around the value; as a line end begins with four
      // zero bits, the form without padding reaches into it.
      {"echo \"$S\" | base64", "cGFzcyJ3J3JkJDE+Lys/w7bwn5iAIGVuZGB4XAo=", "***o="},
      {"echo \"u:$S\" | base64", "dTpwYXNzIncncmQkMT4vKz/DtvCfmIAgZW5kYHhcCg==", "dTp***Cg=="},
      {"printf %s \"x${S}yz\" | base64", "eHBhc3MidydyZCQxPi8rP8O28J+YgCBlbmRgeFx5eg==", "eH***x5eg=="},
      {"urlsafe_b64encode(S)", "cGFzcyJ3J3JkJDE-Lys_w7bwn5iAIGVuZGB4XA==", "***"},
      {"urlsafe_b64encode(S).rstrip('=')", "cGFzcyJ3J3JkJDE-Lys_w7bwn5iAIGVuZGB4XA", "***"},
      {"urlsafe_b64encode(S + LF)", "cGFzcyJ3J3JkJDE-Lys_w7bwn5iAIGVuZGB4XAo=", "***o="},
      {"urlsafe_b64encode('u' + S)", "dXBhc3MidydyZCQxPi8rP8O28J-YgCBlbmRgeFw=", "dX***"},
      {"dash: export -p", "export S='pass\"w'\"'\"'rd$1>/+?\xC3\xB6\xF0\x9F\x98\x80 end`x\\'",
       "export S='***'"},
      {"bash: set -x", "+ : 'pass\"w'\\''rd$1>/+?\xC3\xB6\xF0\x9F\x98\x80 end`x\\'", "+ : '***'"},
      {"bash, LC_ALL=C.UTF-8: declare -x",
       "declare -x S=\"pass\\\"w'rd\\$1>/+?\xC3\xB6\xF0\x9F\x98\x80 end\\`x\\\\\"", "declare -x S=\"***\""},
      {"bash, LC_ALL=C: declare -x",
       "declare -x S=$'pass\"w\\'rd$1>/+?\\303\\266\\360\\237\\230\\200 end`x\\\\'", "declare -x S=$'***'"},
      {"json.dumps(S)", "\"pass\\\"w'rd$1>/+?\\u00f6\\ud83d\\ude00 end`x\\\\\"", "\"***\""},
      {"json.dumps(S), with capitals", "\"pass\\\"w'rd$1>/+?\\u00F6\\uD83D\\uDE00 end`x\\\\\"", "\"***\""},
      {"quote(S)", "pass%22w%27rd%241%3E/%2B%3F%C3%B6%F0%9F%98%80%20end%60x%5C", "***"},
      {"quote_plus(S)", "pass%22w%27rd%241%3E%2F%2B%3F%C3%B6%F0%9F%98%80+end%60x%5C", "***"},
      {"quote(S, safe=''), with small letters",
       "pass%22w%27rd%241%3e%2f%2b%3f%c3%b6%f0%9f%98%80%20end%60x%5c", "***"},
      {"encodeURIComponent(S)", "pass%22w'rd%241%3E%2F%2B%3F%C3%B6%F0%9F%98%80%20end%60x%5C", "***"},
      {"html.escape(S)", "pass&quot;w&#x27;rd$1&gt;/+?\xC3\xB6\xF0\x9F\x98\x80 end`x\\", "***"},
      {"the same, decimal", "pass&quot;w&#39;rd$1&gt;/+?\xC3\xB6\xF0\x9F\x98\x80 end`x\\", "***"},
      {"Go: html.EscapeString(S)", "pass&#34;w&#39;rd$1&gt;/+?\xC3\xB6\xF0\x9F\x98\x80 end`x\\", "***"},
      {"xml.sax.saxutils.escape(S)", "pass\"w'rd$1&gt;/+?\xC3\xB6\xF0\x9F\x98\x80 end`x\\", "***"},
  };
  const Masker masker = masker_of({secret});
  for (const auto& [tool, text, want] : cases) EXPECT_EQ(masker.mask(text), want) << tool;
}

// The texts are those of bash 5.2's `printf %q "$S"`.
TEST(Masker, KnowsWhatBashQuotesByBackslashes) {
  EXPECT_EQ(masker_of({"pass\"w'rd$1>/+? end`x\\~#,{a}"})
                .mask("S=pass\\\"w\\'rd\\$1\\>/+\\?\\ end\\`x\\\\~#\\,\\{a\\}\n"),
            "S=***\n");
  EXPECT_EQ(masker_of({"~user:~pass=~#q"}).mask("\\~user:\\~pass=\\~#q"), "***");
  EXPECT_EQ(masker_of({"#hash key"}).mask("\\#hash\\ key"), "***");
}

// A piece of base64 that is too short would be found in words that hold no secret: eight characters at least.
TEST(Masker, LeavesShortPiecesOfBase64Alone) {
  EXPECT_EQ(masker_of({"abcde"}).mask("YWJjZGUK"), "YWJjZGUK");  // echo abcde | base64
  EXPECT_EQ(masker_of({"abcdef"}).mask("YWJjZGVmCg=="), "***Cg==");
  EXPECT_EQ(masker_of({"xy"}).mask("eHk"), "eHk");
}

TEST(Masker, KnowsTheLinesOfBase64) {
  std::string secret;
  for (int i = 0; i < 30; ++i) secret += "k" + std::to_string(100 + 37 * i);
  const Masker masker = masker_of({secret});
  // By base64(1), and with -w64, of `echo "$S"`.
  EXPECT_EQ(masker.mask("azEwMGsxMzdrMTc0azIxMWsyNDhrMjg1azMyMmszNTlrMzk2azQzM2s0NzBrNTA3azU0NGs1ODFr\n"
                        "NjE4azY1NWs2OTJrNzI5azc2Nms4MDNrODQwazg3N2s5MTRrOTUxazk4OGsxMDI1azEwNjJrMTA5\n"
                        "OWsxMTM2azExNzMK\n"),
            "***\n"
            "***\n"
            "***MK\n");
  EXPECT_EQ(masker.mask("azEwMGsxMzdrMTc0azIxMWsyNDhrMjg1azMyMmszNTlrMzk2azQzM2s0NzBrNTA3\n"
                        "azU0NGs1ODFrNjE4azY1NWs2OTJrNzI5azc2Nms4MDNrODQwazg3N2s5MTRrOTUx\n"
                        "azk4OGsxMDI1azEwNjJrMTA5OWsxMTM2azExNzMK\n"),
            "***\n"
            "***\n"
            "***MK\n");
}

// Forms that are no other than those of 9.2 are not made again, and most values have few.
TEST(Masker, HasFewFormsOfItsOwnForAToken) { EXPECT_LE(further_secret_forms("t0ken_12345678").size(), 6u); }

TEST(Masker, Replaces) {
  struct Case {
    std::vector<std::string> secrets;
    std::string_view text, want;
  };
  const Case cases[] = {
      {{}, "as it is", "as it is"},
      {{""}, "as it is", "as it is"},
      {{" \t\n"}, " as it is\n", " as it is\n"},
      {{"secret"}, "", ""},
      {{"secret"}, "a secret.", "a ***."},
      {{"secret"}, "Secret", "Secret"},
      {{"secret"}, "secretsecret", "***"},  // touching: 9.3
      {{"secret"}, "secret secret", "*** ***"},
      {{"s3cret", "cretin"}, "as3cretinb", "a***b"},  // overlapping
      {{"abab"}, "xabababx", "x***x"},                // overlapping itself
      {{"bc", "abcd"}, "abce abcd", "a***e ***"},     // one in the other
      {{"bc", "abcdefgh"}, "abcdefg", "a***defg"},
      {{"}"}, "{\"a\": {}}", "{\"a\": {***"},  // no minimum length
      {{"*"}, "a*b**c", "a***b***c"},
      {{"  padded\r\n"}, "padded", "***"},
      {{"\xC2\xA0padded\xE3\x80\x80"}, "padded", "***"},  // .NET's blanks
      // Each line, and the whole value over its line ends.
      {{"one1\n\n  two2  \nthree3"}, "one1 two2 three3", "*** *** ***"},
      {{"one1\ntwo2"}, "a\none1\ntwo2\nb", "a\n***\nb"},
      {{"one1\ntwo2"}, "a\r\none1\r\ntwo2\r\nb", "a\r\n***\r\nb"},
      {{"one1\r\ntwo2"}, "one1\ntwo2 one1\r\ntwo2", "*** ***"},
      {{"one1\rtwo2"}, "one1\rtwo2 one1 two2", "*** *** ***"},
      {{"one1\ntwo2"}, "{\"key\": \"one1\\ntwo2\"}", "{\"key\": \"***\"}"},
      // Cut by what shows nothing: grep --color=always, an unfinished sequence, one that holds a text.
      {{"superS3cret"},
       "a sup\x1b[01;31m\x1b[KerS3\x1b[m\x1b[Kcret b",
       "a ***\x1b[01;31m\x1b[K***\x1b[m\x1b[K*** b"},
      {{"s3cret"}, "\x1b[1ms\x1b(B3cret\x1b[m", "\x1b[1m***\x1b(B***\x1b[m"},
      {{"s3cret"}, "s3c\x1b[3", "s3c\x1b[3"},
      {{"s3cret"}, "s3c\x1b[31m", "s3c\x1b[31m"},
      {{"s3cret"}, "s3c\x1b\x1b[31mret", "s3c\x1b\x1b[31mret"},
      {{"s3cret", "m}}"}, "s\x1b[m3cret}}\x1b[m}}", "***\x1b[m***}}\x1b[***"},
      {{"bc", "abcd"}, "ab\x1b[mcd b\x1b[mc b\x1b[md", "***\x1b[m*** ***\x1b[m*** b\x1b[md"},
      {{"a\x1b[mb"}, "a\x1b[mb ab", "*** ab"},  // of the secret itself
      {{"abc", "b\x1b[mc"}, "ab\x1b[mc", "***"},
      {{std::string("a\0b", 3)}, std::string_view("xa\0bx", 5), "x***x"},
      {{"\xFF\xFE"}, "a\xFF\xFE\xFF", "a***\xFF"},
  };
  for (const auto& [secrets, text, want] : cases) {
    SCOPED_TRACE(text);
    const Masker masker = masker_of(secrets);
    EXPECT_EQ(masker.mask(text), want);
    EXPECT_EQ(masker.contains_secret(text), text != want);
    // Whatever the cuts: every pair of them.
    for (std::size_t i = 0; i <= text.size(); ++i)
      for (std::size_t j = i; j <= text.size(); ++j)
        ASSERT_EQ(mask_in_pieces(masker, text, {i, j}), want) << i << ' ' << j;
    std::vector<std::size_t> all(text.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    EXPECT_EQ(mask_in_pieces(masker, text, all), want);
  }
}

TEST(Masker, HoldsBackOnlyWhatMayBeginASecret) {
  const Masker masker = masker_of({"s3cret"});
  Masker::Stream stream(masker);
  std::string out;
  stream.write("say s3cr", out);
  EXPECT_EQ(out, "say ");
  stream.write("y, s3", out);
  EXPECT_EQ(out, "say s3cry, ");
  stream.write("cret", out);
  EXPECT_EQ(out, "say s3cry, ***");
  stream.write("s3cret", out);  // touches: still the same mask
  EXPECT_EQ(out, "say s3cry, ***");
  stream.write("!s", out);
  EXPECT_EQ(out, "say s3cry, ***!");
  stream.finish(out);
  EXPECT_EQ(out, "say s3cry, ***!s");
  stream.write("3cret", out);  // a new text
  EXPECT_EQ(out, "say s3cry, ***!s3cret");
  stream.finish(out);
  stream.write("s3cret", out);  // does not touch what was before
  stream.finish(out);
  EXPECT_EQ(out, "say s3cry, ***!s3cret***");
}

TEST(Masker, HoldsBackSequencesOnlyInsideASecret) {
  const Masker masker = masker_of({"s3cret"});
  Masker::Stream stream(masker);
  std::string out;
  stream.write("a\x1b[31mb\x1b[", out);
  EXPECT_EQ(out, "a\x1b[31mb");
  stream.write("m s3\x1b[1m", out);
  EXPECT_EQ(out, "a\x1b[31mb\x1b[m ");
  stream.write("x", out);
  EXPECT_EQ(out, "a\x1b[31mb\x1b[m s3\x1b[1mx");
  // No text is held back for ever.
  std::string many = "s3";
  for (int i = 0; i < 4000; ++i) many += "\x1b[m";
  out.clear();
  stream.write(many, out);
  EXPECT_GE(out.size() + 5000, many.size());
  stream.finish(out);
  EXPECT_EQ(out, many);
}

TEST(Masker, LearnsWhileAStreamIsOpen) {
  Masker masker;
  Masker::Stream stream(masker);
  std::string out;
  stream.write("first second third ", out);
  EXPECT_EQ(out, "first second third ");
  masker.add("second");
  stream.write("first second third seco", out);
  EXPECT_EQ(out, "first second third first *** third ");
  masker.add("third");
  masker.add("condor");
  stream.write("ndorsecond", out);  // second, condor and second: overlapping, then touching
  stream.finish(out);
  EXPECT_EQ(out, "first second third first *** third ***");
  EXPECT_EQ(masker.mask("second third"), "*** ***");

  // What is held back is subject to the new secret as well, and keeps what was already found in it.
  Masker other = masker_of({"bcd", "bcdefghxyz"});
  Masker::Stream second(other);
  std::string told;
  second.write("abcdefgh", told);
  EXPECT_EQ(told, "a***");  // bcd is masked whatever follows
  other.add("fg");
  second.write("i", told);
  second.finish(told);
  EXPECT_EQ(told, "a***e***hi");
}

// A stream outlives a move of its masker: it belongs to the secrets.
TEST(Masker, Moves) {
  Masker first = masker_of({"s3cret"});
  Masker::Stream stream(first);
  std::string out;
  stream.write("s3c", out);
  Masker second = std::move(first);
  second.add("other");
  stream.write("ret other", out);
  stream.finish(out);
  EXPECT_EQ(out, "*** ***");
}

// Long texts, in which the sieve has something to skip: a secret of each length at each place.
TEST(Masker, FindsWhereverItLies) {
  const std::string all = "kQ7vX2mZ9pL4wT8yR3nB6cD1fG5hJ0sAuEiOVxMzPlWtYrNb";
  for (std::size_t length = 1; length <= all.size(); ++length) {
    const std::string secret = all.substr(0, length);
    const Masker masker = masker_of({secret});
    for (std::size_t place = 0; place < 70; ++place) {
      const std::string before(place, '-'), behind(70 - place, '-');
      ASSERT_EQ(masker.mask(before + secret + behind), before + "***" + behind) << length << ' ' << place;
      ASSERT_EQ(mask_in_pieces(masker, before + secret + behind, {place + length / 2}),
                before + "***" + behind);
    }
  }
}

// What lies between two sequences is looked at again only where it is near to one of them.
TEST(Masker, FindsWhatSequencesCutHoweverFarTheyAreFromEachOther) {
  const std::vector<std::string> secrets = {"s3cret-value", "k9Q#"};
  const Masker masker = masker_of(secrets);
  for (std::size_t gap = 0; gap < 300; ++gap) {
    const std::string between(gap, '.');
    const std::string text = "s3cret-valu\x1b[31me" + between + "k9\x1b[mQ#" + between +
                             "s\x1b[1m3cret-value" + between + "k9Q#" + between + "\x1b[" +
                             std::string(gap % 70, '1') + "mk9Q";
    const std::string want = plain_mask(secrets, text);
    EXPECT_EQ(masker.mask(text), want) << gap;
    EXPECT_EQ(mask_in_pieces(masker, text, {text.size() / 3, text.size() / 2}), want) << gap;
  }
}

// What is held back never begins inside a sequence: its end would be taken for text.
TEST(Masker, SplitsNoSequence) {
  const std::string a(27, 'a');
  const Masker masker = masker_of({a.substr(0, 17), a});
  const std::string text = "\x1b[" + a.substr(0, 12) + "\x1b[m" + a.substr(0, 11);
  const std::string want = "\x1b[a***\x1b[m***";
  ASSERT_EQ(plain_mask({a.substr(0, 17), a}, text), want);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(mask_in_pieces(masker, text, {cut}), want) << cut;
}

// At the end of a text the beginning of a sequence is text, which a secret may hold.
TEST(Masker, TakesABegunSequenceForTextAtTheEnd) {
  const Masker masker = masker_of({"abc\x1b[3"});
  for (const std::string_view end : {"", "\x1b[m"}) {
    const std::string text = "ab\x1b[1mc\x1b[3" + std::string(end);
    EXPECT_EQ(masker.mask(text), plain_mask({"abc\x1b[3"}, text));
    EXPECT_EQ(masker.contains_secret(text), masker.mask(text) != text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut)
      EXPECT_EQ(mask_in_pieces(masker, text, {cut}), masker.mask(text)) << cut;
  }
  EXPECT_EQ(masker.mask("ab\x1b[1mc\x1b[3"), "***\x1b[1m***");
}

// Random secrets and texts over few letters, where everything overlaps everything, against the definition. Compilers
// differ in the order of arguments, and so in the texts.
TEST(Masker, EqualsTheDefinition) {
  std::mt19937 random(20261124);
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  const auto word = [&](std::size_t length, std::string_view letters) {
    std::string text;
    while (text.size() < length) text += letters[below(letters.size())];
    return text;
  };
  for (int round = 0; round < 4000; ++round) {
    const std::string_view letters = std::string_view("abcdefghij").substr(0, 1 + below(10));
    std::vector<std::string> secrets;
    for (std::size_t i = below(5); i-- > 0;)
      secrets.push_back(word(1 + below(round % 3 == 0 ? 30 : 5), letters));
    std::string text = word(below(60), letters);
    for (std::size_t i = below(4); i-- > 0 && !secrets.empty();)
      text += secrets[below(secrets.size())] + word(below(20), letters);
    if (round % 2 == 0) {
      const std::string_view kinds[] = {"\x1b[m", "\x1b[1;31m", "\x1b(B", "\x1b", "\x1b[", "\x1b[K"};
      for (std::size_t i = below(12); i-- > 0;) text.insert(below(text.size() + 1), kinds[below(6)]);
    }
    const Masker masker = masker_of(secrets);
    const std::string want = plain_mask(secrets, text);
    ASSERT_EQ(masker.mask(text), want) << text;
    std::vector<std::size_t> cuts;
    for (std::size_t i = below(6); i-- > 0;) cuts.push_back(below(text.size() + 1));
    std::sort(cuts.begin(), cuts.end());
    ASSERT_EQ(mask_in_pieces(masker, text, cuts), want)
        << testing::PrintToString(text) << testing::PrintToString(secrets) << testing::PrintToString(cuts);
  }
}

}  // namespace
}  // namespace buildspec_run
