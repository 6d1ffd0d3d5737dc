// The expression language, rule by rule: each test names the section of actions.md that it holds the program to.
#include "actions/expr/expression.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expressions.h"

namespace buildspec_run {
namespace {

struct Case {
  std::string_view text, want;
};

void expect_all(std::span<const Case> cases, std::string_view contexts = "{}") {
  for (const auto& [text, want] : cases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated(text, contexts), want);
  }
}

/// `<what>: '<token>'. Located at position <position> within expression: <text>`, as `evaluated` shows it.
std::string located(std::string_view what, std::string_view token, std::size_t position,
                    std::string_view text) {
  return fmt::format("error: {}: '{}'. Located at position {} within expression: {}", what, token, position,
                     text);
}

struct Misplaced {
  std::string_view text, token;
  std::size_t position;
};

void expect_unexpected(std::span<const Misplaced> cases, std::string_view contexts = R"({"a":[[1]],"b":2})") {
  for (const auto& [text, token, position] : cases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated(text, contexts), located("Unexpected symbol", token, position, text));
  }
}

TEST(Expression_7_1, SkipsUnicodeWhiteSpaceBetweenTokens) {
  constexpr Case kCases[] = {
      {" \t\r\n1 ", "1"},
      {"\xC2\xA0"
       "1\xE2\x80\x83==\xE3\x80\x80"
       "1\xE2\x80\xA9",
       "true"},  // no-break space, em space, ideographic space, paragraph separator
      {"\xC2\x85"
       "1",
       "1"},  // next line
      {"", "null"},
      {" \xE1\x9A\x80 ", "null"},
  };
  expect_all(kCases);
  // A zero width space and a byte order mark are none.
  const std::string zero_width = "\xE2\x80\x8B";
  EXPECT_EQ(evaluated("1 " + zero_width), located("Unexpected symbol", zero_width, 3, "1 " + zero_width));
}

TEST(Expression_7_1, ReadsStrings) {
  constexpr Case kCases[] = {
      {"''", "\"\""},
      {"''''", "\"'\""},
      {"'a''b'", "\"a'b\""},
      {"'two\nlines'", "\"two\\nlines\""},
      {"'\"'", "\"\\\"\""},
      {"'\\n'", "\"\\\\n\""},
      {"'${{ }}'", "\"${{ }}\""},
  };
  expect_all(kCases);
}

TEST(Expression_7_1, ReportsAnUnterminatedStringFromItsQuote) {
  constexpr Misplaced kCases[] = {
      {"'", "'", 1}, {"'abc", "'abc", 1}, {"1 == 'x''", "'x''", 6}, {"'a' 'b", "'b", 5}};
  expect_unexpected(kCases);
}

TEST(Expression_7_1, KnowsAPointOfANumberFromADereference) {
  constexpr Case kCases[] = {
      {".5", "0.5"},
      {"(.5)", "0.5"},
      {"a[.5]", "[1]"},
      {"!.5", "false"},
      {"1 == .5", "false"},
      {"format('{0}', .5)", "\"0.5\""},
      {"format('{0}{1}', .5, .25)", "\"0.50.25\""},
      {"o.b", "1"},
      {"o .b", "1"},
      {"o. b", "1"},
      {"fromJSON('{\"x\":1}').x", "1"},
      {"(o).b", "1"},
      {"a[0].x", "null"},
  };
  expect_all(kCases, R"({"a":[[1]],"o":{"b":1}})");
}

TEST(Expression_7_1, EndsANumberAtABoundary) {
  constexpr Misplaced kCases[] = {
      {"1-2", "1-2", 1},
      {"1*2", "1*2", 1},
      {"1'x'", "1'x'", 1},
      {"1.2.3", "1.2.3", 1},
      {"1a", "1a", 1},
      {"+", "+", 1},
      {"-", "-", 1},
      {"-a", "-a", 1},
      {"--1", "--1", 1},
      {"+NaN", "+NaN", 1},
      {"1e", "1e", 1},
      {"1e+", "1e+", 1},
      {"0x", "0x", 1},
      {"0xg", "0xg", 1},
      {"-0xFF", "-0xFF", 1},
      {"0b1", "0b1", 1},
      {"1_0", "1_0", 1},
      {"0x1.8p3", "0x1.8p3", 1},
      {"-Inf", "-Inf", 1},
      {".", ".", 1},
      {"..5", "..5", 1},
      {"0x100000000", "0x100000000", 1},
      {"0o40000000000", "0o40000000000", 1},
      {"1 == 2x", "2x", 6},
  };
  expect_unexpected(kCases);
  constexpr Case kValid[] = {{"(1)", "1"},  {"1==1", "true"}, {"1>0", "true"},
                             {"1&&2", "2"}, {"1||2", "1"},    {"1!=2", "true"}};
  expect_all(kValid);
}

TEST(Expression_7_1, ReportsIllegalKeywordsWhole) {
  constexpr Misplaced kCases[] = {
      {"@abc", "@abc", 1},   {"a$b", "a$b", 1},   {"\"x\"", "\"x\"", 1},
      {"foo*", "foo*", 1},   {"a'b'", "a'b'", 1}, {"\xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9", 1},
      {"a.$x", "$x", 3},     {"`", "`", 1},       {"{}", "{}", 1},
      {"a?b:c", "a?b:c", 1}, {"1 + 1", "+", 3},   {"a / b", "/", 3},
      {"a % b", "%", 3},
  };
  expect_unexpected(kCases);
}

TEST(Expression_7_1, TriesTwoCharacterOperatorsFirst) {
  constexpr Case kCases[] = {
      {"1!=2", "true"}, {"1==1", "true"}, {"1<=1", "true"},  {"1>=1", "true"},
      {"1<2", "true"},  {"2>1", "true"},  {"!1", "false"},   {"!!1", "true"},
      {"1 && 2", "2"},  {"1 || 2", "1"},  {"! ! 1", "true"},
  };
  expect_all(kCases);
  constexpr Misplaced kLone[] = {
      {"1 = 2", "=", 3}, {"1 =2", "=2", 3},     {"1 &2", "&2", 3},   {"1 | 2", "|", 3},
      {"=", "=", 1},     {"1 &a&& 2", "&a", 3}, {"1 === 2", "=", 5}, {"1 !== 2", "=", 5},
      {"!= 1", "!=", 1}, {"1 <> 2", ">", 4},    {"1 &&& 2", "&", 5},
  };
  expect_unexpected(kLone);
}

TEST(Expression_7_1, ClassifiesKeywords) {
  constexpr std::string_view kContexts =
      R"({"o":{"true":1,"null":2,"NaN":3,"a-b_1":4},"_x":5,"True":6,"nan":7})";
  constexpr Case kCases[] = {
      {"null", "null"},
      {"true", "true"},
      {"false", "false"},
      {"NaN", "NaN"},
      {"Infinity", "Infinity"},
      {"-Infinity", "-Infinity"},
      {"+Infinity", "Infinity"},
      {"-infinity", "-Infinity"},
      {"o.true", "1"},
      {"o.null", "2"},
      {"o.NaN", "3"},
      {"o.a-b_1", "4"},
      {"_x", "5"},
      {"True", "6"},
      {"TRUE", "6"},
      {"nan", "7"},
      {"TOJSON  \n (1)", "\"1\""},
  };
  expect_all(kCases, kContexts);
  EXPECT_EQ(evaluated("NULL"), located("Unrecognized named-value", "NULL", 1, "NULL"));
  EXPECT_EQ(evaluated("infinity"), located("Unrecognized named-value", "infinity", 1, "infinity"));
  constexpr Misplaced kCalled[] = {
      {"true(1)", "(", 5}, {"null ()", "(", 6}, {"o.b(1)", "(", 4}, {"o.toJSON(1)", "(", 9}};
  expect_unexpected(kCalled, kContexts);
}

// The table of what may follow what: for each token a text where it stands after something it may not.
TEST(Expression_7_1, LegalityOfATokenAfterTheOneBefore) {
  constexpr Misplaced kCases[] = {
      // ( of a group
      {"1 (2)", "(", 3},
      {"'a'(1)", "(", 4},
      {"(1)(2)", "(", 4},
      {"a[0](1)", "(", 5},
      {"a.*(1)", "(", 4},
      {"toJSON(1)(2)", "(", 10},
      {"a.b(1)", "(", 4},
      // [ after a literal or none
      {"'a'[0]", "[", 4},
      {"1[0]", "[", 2},
      {"true[0]", "[", 5},
      {"[0]", "[", 1},
      {"null[0]", "[", 5},
      {"!![0]", "[", 3},
      {"a.[0]", "[", 3},
      // ] and ) of a group
      {")", ")", 1},
      {"]", "]", 1},
      {"()", ")", 2},
      {"(1 ==)", ")", 6},
      {"a[]", "]", 3},
      {"a[!]", "]", 4},
      {"(a.)", ")", 4},
      {"(1]", "]", 3},
      {"a[0)", ")", 4},
      {"1)", ")", 2},
      {"1]", "]", 2},
      {"(1))", ")", 4},
      {"a[(0]", "]", 5},
      {"(a[0)", ")", 5},
      // ) of parameters
      {"format('a',)", ")", 12},
      {"format('a' ==)", ")", 14},
      {"format('a'])", "]", 11},
      {"format(a[0)", ")", 11},
      // ,
      {",", ",", 1},
      {"1,2", ",", 2},
      {"(1,2)", ",", 3},
      {"a[0,1]", ",", 4},
      {"format(,1)", ",", 8},
      {"format((1,2))", ",", 10},
      {"format('a',,1)", ",", 12},
      {"format(!,1)", ",", 9},
      // .
      {"'a'.b", ".", 4},
      {"true.x", ".", 5},
      {"a..b", ".", 3},
      {"null.x", ".", 5},
      // *
      {"*", "*", 1},
      {"a *", "*", 3},
      {"a[0].**", "*", 7},
      {"(*)", "*", 2},
      {"a[1 *]", "*", 5},
      {"a == *", "*", 6},
      // !
      {"1 ! 2", "!", 3},
      {"a!", "!", 2},
      {"(1)!", "!", 4},
      {"a.!b", "!", 3},
      // other operators
      {"== 1", "==", 1},
      {"1 == == 1", "==", 6},
      {"(&& 1)", "&&", 2},
      {"a.<1", "<", 3},
      {"! && 1", "&&", 3},
      {"format(&&)", "&&", 8},
      {"a[||]", "||", 3},
      {"1 < > 2", ">", 5},
      // a literal, a function, a named value
      {"1 2", "2", 3},
      {"1 'a'", "'a'", 3},
      {"'a' true", "true", 5},
      {"a b", "b", 3},
      {"(1) 2", "2", 5},
      {"a[0] b", "b", 6},
      {"1 toJSON(2)", "toJSON", 3},
      {"a.'b'", "'b'", 3},
      {"a.1", "1", 3},
      {"a.b c", "c", 5},
      {"a.* b", "b", 5},
      {"format('a') b", "b", 13},
  };
  expect_unexpected(kCases);
}

TEST(Expression_7_1, LegalityLetsEverythingElseThrough) {
  constexpr Case kCases[] = {
      {"((1))", "1"},
      {"!(1)", "false"},
      {"1 == (1)", "true"},
      {"a[(0)]", "[1]"},
      {"a[a[1]]", "[1]"},
      {"a[0][0]", "1"},
      {"a.*[0]", "[1]"},
      {"a[*][0]", "[1]"},
      {"toJSON((1))", "\"1\""},
      {"format('{0}', !1)", "\"false\""},
      {"a.*.*", "[1]"},
      {"a[!1]", "[1]"},
      {"fromJSON('[1]')[0]", "1"},
      {"(a)[0]", "[1]"},
      {"a[toJSON(0)]", "[1]"},
      {"toJSON(a.x)", "\"null\""},
  };
  expect_all(kCases, R"({"a":[[1]],"b":2})");
}

TEST(Expression_7_2, Numbers) {
  constexpr Case kCases[] = {
      {"5.", "5"},
      {".5", "0.5"},
      {"+1", "1"},
      {"-.5", "-0.5"},
      {"1E+2", "100"},
      {"1e2", "100"},
      {"1e-2", "0.01"},
      {"007", "7"},
      {"1e400", "Infinity"},
      {"-1e400", "-Infinity"},
      {"1e-400", "0"},
      {"-0", "0"},
      {"1e99999999999999999999", "Infinity"},
      {"1e-99999999999999999999", "0"},
      {"0e99999999999999999999", "0"},
      {"0xff", "255"},
      {"0xFF", "255"},
      {"0x0000000000ff", "255"},
      {"0xFFFFFFFF", "-1"},
      {"0x80000000", "-2147483648"},
      {"0x7FFFFFFF", "2147483647"},
      {"0o17", "15"},
      {"0o37777777777", "-1"},
      {"0o0000017", "15"},
      {"0o20000000000", "-2147483648"},
      {"9007199254740993", "9.00719925474099E+15"},
      {"0.1", "0.1"},
  };
  expect_all(kCases);
}

TEST(Expression_7_2, ParseNumber) {
  struct Number {
    std::string_view text;
    double want;
  };
  constexpr Number kNumbers[] = {
      {"", 0},
      {" \t\xC2\xA0 ", 0},
      {" 12 ", 12},
      {"\xE3\x80\x80"
       "3\xC2\x85",
       3},
      {"1.e3", 1000},
      {"+.5E1", 5},
      {"-0xF", NAN},
      {"0XF", NAN},
      {"0O7", NAN},
      {"0b1", NAN},
      {"0x", NAN},
      {"0o", NAN},
      {"0o8", NAN},
      {"0x1G", NAN},
      {"1,000", NAN},
      {"1_000", NAN},
      {"1 2", NAN},
      {"abc", NAN},
      {"e1", NAN},
      {".", NAN},
      {"+", NAN},
      {"1e", NAN},
      {"1e1.5", NAN},
      {"0x1p3", NAN},
      {"1f", NAN},
      {"NaN", NAN},
      {"nan", NAN},
      {"inf", NAN},
      {"Infinit", NAN},
      {"Infinity", INFINITY},
      {"-Infinity", -INFINITY},
      {"+Infinity", INFINITY},
      {"iNFINITY", INFINITY},
      {"-infinity", -INFINITY},
      {"--Infinity", NAN},
      {"\xD9\xA1", NAN},  // an Arabic digit
      {"1.7976931348623157e308", 1.7976931348623157e308},
      {"1.7976931348623159e308", INFINITY},
      {"4.9e-324", 4.9406564584124654e-324},
      {"2e-324", 0},
      {"0.00000000000000000000000000000000000000000000000001e50", 1},
      {"100000000000000000000000000000000000000000000000000e-50", 1},
  };
  for (const auto& [text, want] : kNumbers) {
    SCOPED_TRACE(text);
    const double got = parse_number(text);
    if (std::isnan(want))
      EXPECT_TRUE(std::isnan(got)) << got;
    else
      EXPECT_EQ(got, want);
  }
  EXPECT_TRUE(std::signbit(parse_number("-0")));
}

TEST(Expression_7_3, Conversions) {
  struct Conversion {
    Datum datum;
    bool truth;
    double number;
    std::string_view text;
  };
  const Conversion conversions[] = {
      {nullptr, false, 0, ""},
      {false, false, 0, "false"},
      {true, true, 1, "true"},
      {0, false, 0, "0"},
      {-0.0, false, 0, "0"},
      {std::nan(""), false, NAN, "NaN"},
      {-2.5, true, -2.5, "-2.5"},
      {"", false, 0, ""},
      {"false", true, NAN, "false"},
      {"0", true, 0, "0"},
      {" ", true, 0, " "},
      {"0x10", true, 16, "0x10"},
      {DatumArray{}, true, NAN, "Array"},
      {DatumObject{}, true, NAN, "Object"},
  };
  for (const auto& [datum, truth, number, text] : conversions) {
    SCOPED_TRACE(text);
    EXPECT_EQ(datum.truthy(), truth);
    EXPECT_EQ(datum.to_string(), text);
    if (std::isnan(number))
      EXPECT_TRUE(std::isnan(datum.to_number()));
    else
      EXPECT_EQ(datum.to_number(), number);
  }
}

TEST(Expression_7_3, NumbersHave15Digits) {
  struct Text {
    double number;
    std::string_view want;
  };
  constexpr Text kTexts[] = {
      {0.0001, "0.0001"},
      {0.00001, "1E-05"},
      {1.5e-7, "1.5E-07"},
      {123456789012345, "123456789012345"},
      {999999999999999, "999999999999999"},
      {9999999999999995.0, "1E+16"},
      {1e15, "1E+15"},
      {1e21, "1E+21"},
      {1.5e300, "1.5E+300"},
      {-1e-300, "-1E-300"},
      {0.1 + 0.2, "0.3"},
      {1.0 / 3, "0.333333333333333"},
      {100, "100"},
      {1.10, "1.1"},
      {INFINITY, "Infinity"},
      {-INFINITY, "-Infinity"},
      {5e-324, "4.94065645841247E-324"},
      {1.7976931348623157e308, "1.79769313486232E+308"},
      {0.000123456789012345678, "0.000123456789012346"},
      {2.5000000000000005, "2.5"},
      {123456789.123456789, "123456789.123457"},
  };
  for (const auto& [number, want] : kTexts) EXPECT_EQ(number_text(number), want);
}

TEST(Expression_7_4, Precedence) {
  constexpr Case kCases[] = {
      {"!2 == 1", "false"},     // (!2) == 1
      {"1 == 2 < 3", "true"},   // 1 == (2 < 3)
      {"0 && 1 || 2", "2"},     // (0 && 1) || 2
      {"1 || 0 && 0", "1"},     // 1 || (0 && 0)
      {"1 && 0 == 0", "true"},  // 1 && (0 == 0)
      {"1 < 2 < 3", "true"},    {"3 > 2 > 1", "false"},     {"1 == 1 == 1", "true"},
      {"2 == 2 == 2", "false"},                     // (2 == 2) == 2
      {"1 != 1 == 0", "true"},  {"!o.a", "false"},  // !(o.a)
      {"!o['x'].y", "true"},    {"!!!0", "true"},           {"(1 || 0) && 0", "0"},
      {"!(1 == 2)", "true"},    {"1 < 2 == 2 > 1", "true"},
  };
  expect_all(kCases, R"({"o":{"a":1}})");
}

TEST(Expression_7_4, LogicalOperatorsYieldAnOperand) {
  constexpr Case kCases[] = {
      {"1 && 'a'", "\"a\""}, {"0 && 'a'", "0"},       {"'' && 'a'", "\"\""},
      {"null && 1", "null"}, {"1 && null", "null"},   {"1 && 2 && 3", "3"},
      {"1 && 0 && 3", "0"},  {"'a' || 1", "\"a\""},   {"0 || ''", "\"\""},
      {"null || 0", "0"},    {"NaN || 'x'", "\"x\""}, {"0 || false || 'y' || z.w", "\"y\""},
      {"z && 1", "1"},       {"!z", "false"},         {"!''", "true"},
      {"!'0'", "false"},     {"!NaN", "true"},        {"!null", "true"},
  };
  expect_all(kCases, R"({"z":[]})");
}

TEST(Expression_7_4, LogicalOperatorsStopEarly) {
  struct Evaluated {
    std::string_view text;
    std::size_t contexts;
  };
  constexpr Evaluated kCases[] = {{"0 && c", 0},
                                  {"1 && c", 1},
                                  {"1 || c", 0},
                                  {"0 || c", 1},
                                  {"0 && c && c", 0},
                                  {"0 && c || c", 1},
                                  {"case(true, 1, c, 2, 3)", 0},
                                  {"format('{1}', c, c.x)", 1},
                                  {"contains(fromJSON('{}'), c)", 0},
                                  {"contains(fromJSON('[]'), c)", 0},
                                  {"startsWith(fromJSON('[]'), c)", 0},
                                  {"endsWith(fromJSON('{}'), c)", 0},
                                  {"startsWith('a', c)", 1},
                                  {"join(fromJSON('[1]'), c)", 0},
                                  {"join(fromJSON('[1,2]'), c)", 1},
                                  {"n.x[c]", 1},
                                  {"'a' == c", 1}};
  for (const auto& [text, contexts] : kCases) {
    SCOPED_TRACE(text);
    JsonEvaluation evaluation(R"({"c":{"x":1},"n":{}})");
    (void)evaluated(text, evaluation);
    EXPECT_EQ(evaluation.asked, contexts);
  }
}

TEST(Expression_7_4, EqualityCoerces) {
  constexpr Case kCases[] = {
      {"null == null", "true"},
      {"null == 0", "true"},
      {"null == ''", "true"},
      {"'0' == null", "true"},
      {"null == false", "true"},
      {"null == 'a'", "false"},
      {"true == 1", "true"},
      {"true == '1'", "true"},
      {"true == 'true'", "false"},
      {"'' == 0", "true"},
      {"'abc' == 0", "false"},
      {"false == ''", "true"},
      {"'1' == 1", "true"},
      {"'1.0' == 1", "true"},
      {"'1.0' == '1'", "false"},
      {"0 == -0", "true"},
      {"NaN == NaN", "false"},
      {"NaN != NaN", "true"},
      {"NaN == 'x'", "false"},
      {"1 != 2", "true"},
      {"'Array' == a", "false"},
      {"a == a", "true"},
      {"a != a", "false"},
      {"a == null", "false"},
      {"a == 0", "false"},
      {"o == o", "true"},
      {"o == a", "false"},
      {"a.x == null", "true"},
      {"fromJSON('[]') == fromJSON('[]')", "false"},
      {"fromJSON('[]') != fromJSON('[]')", "true"},
      {"o.i == o.i", "true"},
      {"true == true", "true"},
      {"true == false", "false"},
      {"o == 'Object'", "false"},
      {"Infinity == 'infinity'", "true"},
  };
  expect_all(kCases, R"({"a":[],"o":{"i":[1]}})");
}

TEST(Expression_7_4, RelationsCoerce) {
  constexpr Case kCases[] = {
      {"null > null", "false"},
      {"null < null", "false"},
      {"null >= null", "true"},
      {"null <= null", "true"},
      {"false < true", "true"},
      {"true > false", "true"},
      {"true > true", "false"},
      {"false >= true", "false"},
      {"NaN < 1", "false"},
      {"NaN > 1", "false"},
      {"NaN <= NaN", "false"},
      {"NaN >= NaN", "false"},
      {"1 < 'x'", "false"},
      {"1 >= 'x'", "false"},
      {"2 > '1'", "true"},
      {"'2' > 1", "true"},
      {"true > '0'", "true"},
      {"null < 1", "true"},
      {"'a' < 'B'", "true"},
      {"'A' >= 'a'", "true"},
      {"'b' > 'A'", "true"},
      {"'a' < 'ab'", "true"},
      {"'' < 'a'", "true"},
      {"a > a", "false"},
      {"a < a", "false"},
      {"a >= a", "true"},
      {"a <= a", "true"},
      {"a >= 0", "false"},
      {"o <= o", "true"},
      {"o <= a", "false"},
      {"fromJSON('{}') >= fromJSON('{}')", "false"},
      {"-1 < 0", "true"},
      {"Infinity > 1e308", "true"},
      {"'_' > 'z'", "true"},
      {"'10' < '9'", "true"},
  };
  expect_all(kCases, R"({"a":[],"o":{}})");
}

TEST(Expression_7_4, StringsCompareBySimpleUpperCase) {
  constexpr Case kCases[] = {
      {"'ABC' == 'abc'", "true"},
      {"'\xC3\xA4' == '\xC3\x84'", "true"},       // ä Ä
      {"'\xCF\x82' == '\xCE\xA3'", "true"},       // ς Σ
      {"'\xCF\x83' == '\xCF\x82'", "true"},       // σ ς
      {"'\xC4\xB1' == 'I'", "false"},             // ı
      {"'\xC4\xB0' == 'i'", "false"},             // İ
      {"'\xC3\x9F' == 'SS'", "false"},            // ß
      {"'\xC3\x9F' == '\xE1\xBA\x9E'", "false"},  // ß ẞ: the capital has a small one, not the other way round
      {"'\xC5\xBF' == 'S'", "false"},             // ſ
      {"'\xE2\x84\xAA' == 'k'", "false"},         // the Kelvin sign is upper case already
      {"'\xD0\xB6' == '\xD0\x96'", "true"},       // ж Ж
      {"'\xC7\x86' == '\xC7\x84'", "true"},       // ǆ Ǆ
      {"'\xC7\x85' == '\xC7\x84'", "true"},       // ǅ Ǆ
      {"'\xC3\xBF' == '\xC5\xB8'", "true"},       // ÿ Ÿ
      {"'\xC2\xB5' == '\xCE\xBC'", "true"},       // micro sign, mu
      {"'\xE1\xBE\x80' == '\xE1\xBE\x88'", "true"},          // ᾀ ᾈ
      {"'\xF0\x90\x90\xA8' == '\xF0\x90\x90\x80'", "true"},  // Deseret, outside the first plane
      // UTF-16 order: U+10000 and above are surrogates, below U+E000
      {"'\xF0\x90\x80\x80' < '\xEF\xBF\xBD'", "true"},
      {"'\xF0\x90\x80\x80' > '\xED\x9F\xBF'", "true"},
      {"'\xF0\x90\x80\x80' < '\xF0\x9F\x9A\x80'", "true"},
      {"contains('X\xC3\x84Z', '\xC3\xA4z')", "true"},
      {"startsWith('\xC3\xA4X', '\xC3\x84')", "true"},
      {"endsWith('X\xC3\xA4', '\xC3\x84')", "true"},
  };
  expect_all(kCases);
}

TEST(Expression_7_5, IndexesObjects) {
  constexpr std::string_view kContexts =
      R"({"o":{"":"empty","true":"t","15":"n","Name":"v","null":"x","NaN":"nan","1E-05":"e","n":null},"a":[0]})";
  constexpr Case kCases[] = {
      {"o[null]", "\"empty\""},  {"o['']", "\"empty\""},  {"o[true]", "\"t\""},   {"o[0x0f]", "\"n\""},
      {"o['15']", "\"n\""},      {"o.name", "\"v\""},     {"o['NAME']", "\"v\""}, {"O.Name", "\"v\""},
      {"o[a]", "null"},          {"o[o]", "null"},        {"o.missing", "null"},  {"o.missing.more", "null"},
      {"o[NaN]", "\"nan\""},     {"o[0.00001]", "\"e\""}, {"o.n", "null"},        {"o.n.x", "null"},
      {"o.name.length", "null"},
  };
  expect_all(kCases, kContexts);
}

TEST(Expression_7_5, NamesOfACaseSensitiveContextAreExact) {
  DatumObject variables(true);
  variables.set("Path", "a");
  variables.set("PATH", "b");
  EXPECT_EQ(variables.members().size(), 2U);
  EXPECT_EQ(*variables.find("Path")->string(), "a");
  EXPECT_EQ(*variables.find("PATH")->string(), "b");
  EXPECT_EQ(variables.find("path"), nullptr);
}

TEST(Expression_7_5, IndexesArrays) {
  constexpr Case kCases[] = {
      {"a[0]", "\"x\""},       {"a[1]", "\"y\""},     {"a[2]", "null"},          {"a[null]", "\"x\""},
      {"a['']", "\"x\""},      {"a[false]", "\"x\""}, {"a[true]", "\"y\""},      {"a['1']", "\"y\""},
      {"a[1.9]", "\"y\""},     {"a[-1]", "null"},     {"a[-0.5]", "null"},       {"a[-0]", "\"x\""},
      {"a[NaN]", "null"},      {"a['z']", "null"},    {"a[2147483647]", "null"}, {"a[2147483648]", "null"},
      {"a[Infinity]", "null"}, {"a[a]", "null"},      {"a[a.x]", "\"x\""},       {"a.length", "null"},
  };
  expect_all(kCases, R"({"a":["x","y"]})");
}

TEST(Expression_7_5, FiltersObjectsAndArrays) {
  constexpr std::string_view kContexts =
      R"({"o":{"b":{"n":1,"l":[10,11]},"a":{"n":2,"l":[20]},"c":"text"},"a":[{"n":1},{"N":2},3,null,{"m":4}],"e":{},"s":"text",
          "z":[{"0":"zero"},["first"]],"deep":{"x":{"y":{"k":1}},"w":{"v":{"k":2},"u":5}}})";
  constexpr Case kCases[] = {
      {"o.*.n", "[1,2]"},  // in the order of insertion
      {"o[*].n", "[1,2]"},
      {"a.*.n", "[1,2]"},
      {"a.*", "[{\"n\": 1},{\"N\": 2},3,null,{\"m\": 4}]"},
      {"e.*", "[]"},
      {"s.*", "[]"},
      {"s.missing.*", "[]"},
      {"o.*.l.*", "[10,11,20]"},  // one level is flattened
      {"o.*.l[0]", "[10,20]"},
      {"o.*.l[1]", "[11]"},
      {"z.*[0]", "[\"zero\",\"first\"]"},  // an index goes to each item
      {"deep.*.*.k", "[1,2]"},
      {"deep.*.*", "[{\"k\": 1},{\"k\": 2},5]"},
      {"a.*[o]", "[]"},
      {"join(a.*.n, '-')", "\"1-2\""},
      {"contains(a.*.n, 2)", "true"},
      {"toJSON(a.*.m)", "\"[\\n  4\\n]\""},
      {"a.*.n == a.*.n", "false"},
      {"(o.*).n", "[1,2]"},
      {"o.*.n[0]", "[]"},
  };
  expect_all(kCases, kContexts);
}

TEST(Expression_7_6, CountsArguments) {
  struct Count {
    std::string_view call;
    bool many;
    std::size_t position;
  };
  constexpr Count kCases[] = {
      {"contains('a')", false, 9},
      {"contains('a','b','c')", true, 9},
      {"startsWith('a')", false, 11},
      {"endsWith()", false, 9},
      {"format()", false, 7},
      {"join()", false, 5},
      {"join(1,2,3)", true, 5},
      {"toJSON()", false, 7},
      {"fromJSON()", false, 9},
      {"fromJSON(1,2)", true, 9},
      {"case()", false, 5},
      {"case(1,2)", false, 5},
      {"hashFiles()", false, 10},
      {"success(1)", true, 8},
      {"always ('x')", true, 8},
      {"endsWith(1,2,3)", true, 9},
      {"startsWith(1,2,3)", true, 11},
      {"cancelled(1)", true, 10},
      {"failure(null)", true, 8},
  };
  for (const auto& [call, many, position] : kCases) {
    SCOPED_TRACE(call);
    EXPECT_EQ(evaluated(call), located(many ? "Too many parameters supplied" : "Too few parameters supplied",
                                       "(", position, call));
  }
  // The shared test data name the function here (7.11).
  EXPECT_EQ(evaluated("1 == Case (true,1,false,2)"),
            located("Even number of parameters supplied, requires an odd number of parameters", "Case", 6,
                    "1 == Case (true,1,false,2)"));
  std::string most = "format('{253}'";
  for (int i = 0; i < 254; ++i) most += ", " + std::to_string(i);
  EXPECT_EQ(evaluated(most + ")"), "\"253\"");
  EXPECT_EQ(evaluated(most + ", 1)"), located("Too many parameters supplied", "(", 7, most + ", 1)"));
}

TEST(Expression_7_6, KnowsTheFunctionsOfThePlace) {
  Allowed allowed;
  for (const std::string_view text :
       {"always()", "success()", "failure()", "cancelled()", "hashFiles('a')", "nope()"}) {
    SCOPED_TRACE(text);
    const auto parsed = parse_expression(text, allowed);
    ASSERT_TRUE(std::holds_alternative<ExpressionError>(parsed));
    const std::string_view name = text.substr(0, text.find('('));
    EXPECT_EQ("error: " + std::get<ExpressionError>(parsed).message,
              located("Unrecognized function", name, 1, text));
  }
  allowed.status_functions = true;
  EXPECT_TRUE(std::holds_alternative<Expression>(parse_expression("ALWAYS() && Success()", allowed)));
  EXPECT_TRUE(std::holds_alternative<ExpressionError>(parse_expression("hashFiles('a')", allowed)));
  allowed.hash_files = true;
  EXPECT_TRUE(std::holds_alternative<Expression>(parse_expression("HASHFILES('a')", allowed)));
}

TEST(Expression_7_6, ContainsStartsWithEndsWith) {
  constexpr Case kCases[] = {
      {"contains('Hello', 'ELL')", "true"},
      {"contains('Hello', '')", "true"},
      {"contains('', 'a')", "false"},
      {"contains(123, 2)", "true"},
      {"contains(true, 'RU')", "true"},
      {"contains(null, 'x')", "false"},
      {"contains('a', a)", "false"},
      {"contains(a, 'B')", "true"},
      {"contains(a, '1')", "true"},
      {"contains(a, 1)", "true"},
      {"contains(a, true)", "true"},
      {"contains(a, 'x')", "false"},
      {"contains(a, a)", "false"},
      {"contains(o, 'k')", "false"},
      {"contains(o, o)", "false"},
      {"contains(fromJSON('[]'), '')", "false"},
      {"contains(a, a[2])", "true"},
      {"startsWith('Hello', 'HE')", "true"},
      {"startsWith('Hello', 'el')", "false"},
      {"startsWith('', '')", "true"},
      {"startsWith(123, 1)", "true"},
      {"startsWith(null, '')", "true"},
      {"startsWith(a, '')", "false"},
      {"startsWith('', a)", "false"},
      {"startsWith('a', 'ab')", "false"},
      {"endsWith('Hello', 'LO')", "true"},
      {"endsWith('Hello', 'l')", "false"},
      {"endsWith(123, 3)", "true"},
      {"endsWith(o, '')", "false"},
      {"endsWith('', o)", "false"},
      {"endsWith(true, 'E')", "true"},
  };
  expect_all(kCases, R"({"a":[1,"b",[2]],"o":{"k":"v"}})");
}

TEST(Expression_7_6, Join) {
  constexpr Case kCases[] = {
      {"join(a)", "\"1,b,,true,Array,Object\""},
      {"join(a, ' - ')", "\"1 - b -  - true - Array - Object\""},
      {"join(a, '')", "\"1btrueArrayObject\""},
      {"join(a, null)", "\"1btrueArrayObject\""},
      {"join(a, 0)", "\"10b00true0Array0Object\""},
      {"join(a, a)", "\"1,b,,true,Array,Object\""},
      {"join('x', '-')", "\"x\""},
      {"join(12)", "\"12\""},
      {"join(null)", "\"\""},
      {"join(a[5])", "\"\""},
      {"join(fromJSON('[]'), '-')", "\"\""},
      {"join(fromJSON('[5]'), '-')", "\"5\""},
  };
  expect_all(kCases, R"({"a":[1,"b",null,true,[1],{"x":1}]})");
}

TEST(Expression_7_6, Case) {
  constexpr Case kCases[] = {
      {"case(true, 1, 2)", "1"},
      {"case(false, 1, 2)", "2"},
      {"case(false, 1, true, 2, 3)", "2"},
      {"case(1 == 1, 'a', 'b', 'c', 'd')", "\"a\""},
      {"case(1, 'a', 'b')", "error: case predicate must evaluate to a boolean value"},
      {"case('true', 'a', 'b')", "error: case predicate must evaluate to a boolean value"},
      {"case(null, 'a', 'b')", "error: case predicate must evaluate to a boolean value"},
      {"case(false, 'a', 0, 'b', 'c')", "error: case predicate must evaluate to a boolean value"},
      {"case(true, fromJSON('[1]'), 'b')", "[1]"},
  };
  expect_all(kCases);
}

TEST(Expression_7_6, StatusFunctionsAndHashFilesAskTheEvaluation) {
  JsonEvaluation evaluation("{}");
  EXPECT_EQ(evaluated("success()", evaluation), "true");
  EXPECT_EQ(evaluated("failure()", evaluation), "false");
  evaluation.has_failed = true;
  EXPECT_EQ(evaluated("SUCCESS ( )", evaluation), "false");
  EXPECT_EQ(evaluated("failure()", evaluation), "true");
  EXPECT_EQ(evaluated("always() && !cancelled()", evaluation), "true");
  EXPECT_EQ(evaluated("hashFiles('a', 1, null, fromJSON('[]'))", evaluation), "\"digest\"");
  EXPECT_EQ(evaluation.hashed, (std::vector<std::string>{"a", "1", "", "Array"}));
}

TEST(Expression_7_6_1, Format) {
  const auto invalid = [](std::string_view format) {
    return fmt::format("error: The following format string is invalid: {}", format);
  };
  constexpr Case kCases[] = {
      {"format('')", "\"\""},
      {"format('plain')", "\"plain\""},
      {"format('{{}}')", "\"{}\""},
      {"format('{{0}}', 1)", "\"{0}\""},
      {"format('{{{0}}}', 1)", "\"{1}\""},
      {"format('{0} {1} {0}', 'a', 'b')", "\"a b a\""},
      {"format('{0}', null)", "\"\""},
      {"format('{0}', fromJSON('[]'))", "\"Array\""},
      {"format('{0}', fromJSON('{}'))", "\"Object\""},
      {"format('{0}', true)", "\"true\""},
      {"format('{0}', -0)", "\"0\""},
      {"format('{000}', 'a')", "\"a\""},
      {"format('{0:}', 'a')", "\"a\""},
      {"format(null, 1)", "\"\""},
      {"format(fromJSON('[]'))", "\"Array\""},
      {"format('{0:x}', 'a')", "error: The format specifiers 'x' are not valid for objects of type 'String'"},
      {"format('{0:a}}b}', null)",
       "error: The format specifiers 'a}b' are not valid for objects of type 'Null'"},
      {"format('{0:{}', fromJSON('[]'))",
       "error: The format specifiers '{' are not valid for objects of type 'Array'"},
      {"format('{1}', 'a')",
       "error: The following format string references more arguments than were supplied: {1}"},
      {"format('{0}')",
       "error: The following format string references more arguments than were supplied: {0}"},
      {"format('{255}', 'a')",
       "error: The following format string references more arguments than were supplied: {255}"},
      {"format('{0}', '{1}')", "\"{1}\""},
      {"format('{0}}}', 1)", "\"1}\""},
  };
  expect_all(kCases);
  for (const std::string_view bad :
       {"{256}", "{-1}", "{ 0}", "{0 }", "{0,5}", "{}", "{", "}", "a{", "a}b", "{0", "{a}", "{0:x", "{0:a}}",
        "{0}}", "{0x0}", "{+0}", "{99999999999999999999}"}) {
    SCOPED_TRACE(bad);
    EXPECT_EQ(evaluated(fmt::format("format('{}', 'v')", bad)), invalid(bad));
  }
}

TEST(Expression_7_6_1, FormatEvaluatesEachUsedArgumentOnceAfterTheScan) {
  JsonEvaluation evaluation(R"({"c":"v"})");
  EXPECT_EQ(evaluated("format('{0}{0}{0}', c)", evaluation), "\"vvv\"");
  EXPECT_EQ(evaluation.asked, 1U);
  EXPECT_EQ(evaluated("format('none', c)", evaluation), "\"none\"");
  EXPECT_EQ(evaluation.asked, 1U);
  // The broken end is found first.
  EXPECT_EQ(evaluated("format('{0}{', c)", evaluation),
            "error: The following format string is invalid: {0}{");
  EXPECT_EQ(evaluation.asked, 1U);
}

TEST(Expression_7_6_2, ToJson) {
  constexpr Case kCases[] = {
      {"toJSON(a)",
       R"("{\n  \"k\": [\n    1,\n    [],\n    {}\n  ],\n  \"z\": null,\n  \"b\": {\n    \"t\": true\n  }\n}")"},
      {"toJSON('x')", R"("\"x\"")"},
      {"toJSON(1.50)", "\"1.5\""},
      {"toJSON(-0)", "\"0\""},
      {"toJSON(null)", "\"null\""},
      {"toJSON(false)", "\"false\""},
      {"toJSON(Infinity)", "\"Infinity\""},
      {"toJSON(fromJSON('[]'))", "\"[]\""},
      {"toJSON(fromJSON('{}'))", "\"{}\""},
      {"toJSON(fromJSON('[NaN,-Infinity]'))", R"("[\n  NaN,\n  -Infinity\n]")"},
  };
  expect_all(kCases, R"({"a":{"k":[1,[],{}],"z":null,"b":{"t":true}}})");
}

TEST(Expression_7_6_2, ToJsonEscapes) {
  struct Escape {
    std::string_view text, want;
  };
  constexpr Escape kEscapes[] = {
      {"\"", "\\\""},
      {"\\", "\\\\"},
      {"\b", "\\b"},
      {"\f", "\\f"},
      {"\n", "\\n"},
      {"\r", "\\r"},
      {"\t", "\\t"},
      {"\x01", "\\u0001"},
      {"\x1F", "\\u001f"},
      {"\x7F", "\x7F"},
      {"/", "/"},
      {"'", "'"},
      {"\xC2\x85", "\\u0085"},
      {"\xE2\x80\xA8", "\\u2028"},
      {"\xE2\x80\xA9", "\\u2029"},
      {"\xC3\xA4", "\xC3\xA4"},
      {"\xF0\x9F\x9A\x80", "\xF0\x9F\x9A\x80"},
      {"<>&", "<>&"},
      {"\xC2\xA0", "\xC2\xA0"},
  };
  for (const auto& [text, want] : kEscapes) EXPECT_EQ(to_expression_json(text), fmt::format("\"{}\"", want));
  EXPECT_EQ(to_expression_json(std::string(1, '\0')), "\"\\u0000\"");
}

TEST(Expression_7_6_3, FromJsonReadsStrictJson) {
  constexpr Case kCases[] = {
      {R"(fromJSON('{"a":[1,2.5,-3e2,true,false,null,"x"],"b":{"c":""}}'))",
       R"({"a": [1,2.5,-300,true,false,null,"x"],"b": {"c": ""}})"},
      {"fromJSON('1')", "1"},
      {"fromJSON(' \"s\" ')", "\"s\""},
      {"fromJSON('true')", "true"},
      {"fromJSON('null')", "null"},
      {"fromJSON(1)", "1"},
      {"fromJSON(true)", "true"},
      {R"(fromJSON('"\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude80"'))",
       "\"\\\"\\\\/\\b\\f\\n\\r\\tA\xC3\xA9\xF0\x9F\x9A\x80\""},
      {R"(fromJSON('"\ud800"'))", "\"\xEF\xBF\xBD\""},
      {R"(fromJSON('"\ude80x"'))", "\"\xEF\xBF\xBDx\""},
      {R"(fromJSON('"\ud800\ud83d\ude80"'))", "\"\xEF\xBF\xBD\xF0\x9F\x9A\x80\""},
      {"fromJSON('9007199254740993')", "9.00719925474099E+15"},
      {"fromJSON('1e400')", "Infinity"},
      {"fromJSON('-0')", "0"},
      {"fromJSON('[ ]')", "[]"},
      {"fromJSON('{ }')", "{}"},
      {"fromJSON('\"2024-01-01T00:00:00Z\"')", "\"2024-01-01T00:00:00Z\""},
      {"fromJSON('{\"o\":1}').O", "1"},
  };
  expect_all(kCases);
}

TEST(Expression_7_6_3, FromJsonIsLenient) {
  constexpr Case kCases[] = {
      {"fromJSON('[1,/* c */2,// d\n3/**/]')", "[1,2,3]"},
      {"fromJSON('{/*a*/\"k\"/*b*/')",
       "error: Invalid character after parsing property name. Expected ':' but got: /. Path '', line 1, "
       "position 9."},
      {"fromJSON('{/*a*/\"k\":/*b*/1/*c*/}')", "{\"k\": 1}"},
      {"fromJSON('{''k'':''v''}')", "{\"k\": \"v\"}"},
      {"fromJSON('{k:1,$x_9:2}')", "{\"k\": 1,\"$x_9\": 2}"},
      {"fromJSON('[1,2,]')", "[1,2]"},
      {"fromJSON('{\"a\":1,}')", "{\"a\": 1}"},
      {"fromJSON('[1,,2]')", "[1,\"\",2]"},
      {"fromJSON('[,]')", "[\"\"]"},
      {"fromJSON('NaN')", "NaN"},
      {"fromJSON('Infinity')", "Infinity"},
      {"fromJSON('-Infinity')", "-Infinity"},
      {"fromJSON('undefined')", "\"\""},
      {"fromJSON('[undefined]')", "[\"\"]"},
      {"fromJSON('0x1F')", "31"},
      {"fromJSON('0XfF')", "255"},
      {"fromJSON('010')", "8"},
      {"fromJSON('00')", "0"},
      {"fromJSON('.5')", "0.5"},
      {"fromJSON('5.')", "5"},
      {"fromJSON('1 junk')", "1"},
      {"fromJSON('[1] [2]')", "[1]"},
      {"fromJSON('{}x')", "{}"},
      {"fromJSON('\"a\"b')", "\"a\""},
      {"fromJSON('true x')", "true"},
      {"fromJSON('/* note */ [1]')", "\" note \""},  // a comment before the value is the value
      {"fromJSON('// note\n1')", "\" note\""},
      {"fromJSON('\"two\nlines\"')", "\"two\\nlines\""},
  };
  expect_all(kCases);
}

TEST(Expression_7_6_3, FromJsonMergesKeys) {
  constexpr Case kCases[] = {
      {R"(fromJSON('{"B":1,"b":2,"C":3}'))", R"({"B": 2,"C": 3})"},
      {R"(fromJSON('{"a":1,"b":2,"a":3}'))", R"({"a": 3,"b": 2})"},
      {R"(fromJSON('{"a":1,"A":2,"a":3}'))", R"({"a": 2})"},  // exact duplicates first: a is 3 before A comes
      {R"(fromJSON('{"x":{"K":1,"k":2}}'))", R"({"x": {"K": 2}})"},
  };
  expect_all(kCases);
  // As many as want an index.
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += fmt::format("{}\"key{}\":{}", i == 0 ? "" : ",", i, i);
  EXPECT_EQ(evaluated(fmt::format("fromJSON('{},\"KEY7\":\"last\"}}').key7", many)), "\"last\"");
  EXPECT_EQ(evaluated(fmt::format("fromJSON('{}}}').Key39", many)), "39");
}

TEST(Expression_7_6_3, FromJsonTellsWhatIsWrong) {
  constexpr Case kCases[] = {
      {"fromJSON('')", "error: Error reading JToken from JsonReader. Path '', line 0, position 0."},
      {"fromJSON(null)", "error: Error reading JToken from JsonReader. Path '', line 0, position 0."},
      {"fromJSON('x')",
       "error: Unexpected character encountered while parsing value: x. Path '', line 0, position 0."},
      {"fromJSON(fromJSON('[]'))",
       "error: Unexpected character encountered while parsing value: A. Path '', line 0, position 0."},
      {"fromJSON('tru')", "error: Error parsing boolean value. Path '', line 0, position 0."},
      {"fromJSON('falsey')", "error: Error parsing boolean value. Path '', line 0, position 0."},
      {"fromJSON('[1')",
       "error: Unexpected end of content while loading JArray. Path '[0]', line 1, position 2."},
      {"fromJSON('[')", "error: Error reading JArray from JsonReader. Path '', line 1, position 1."},
      {"fromJSON('{\"a\":{\"b c\":[1')",
       "error: Unexpected end of content while loading JObject. Path 'a['b c'][0]', line 1, position 14."},
      {"fromJSON('[1 2]')",
       "error: After parsing a value an unexpected character was encountered: 2. Path '[0]', line 1, "
       "position 3."},
      {"fromJSON('[1}')",
       "error: JsonToken EndObject is not valid for closing JsonType Array. Path '', line 1, position 3."},
      {"fromJSON('\"abc')",
       "error: Unterminated string. Expected delimiter: \". Path '', line 1, position 4."},
      {"fromJSON('\"\\x\"')", "error: Bad JSON escape sequence: \\x. Path '', line 1, position 3."},
      {"fromJSON('[\n 1,\n @]')",
       "error: Unexpected character encountered while parsing value: @. Path '[0]', line 3, position 1."},
      {"fromJSON('09')", "error: Input string '09' is not a valid number. Path '', line 1, position 2."},
      {"fromJSON('1-2')", "error: Input string '1-2' is not a valid number. Path '', line 1, position 3."},
      {"fromJSON('{1')",
       "error: Unexpected end while parsing unquoted property name. Path '', line 1, position 2."},
  };
  expect_all(kCases);
}

TEST(Expression_7_6_3, FromJsonNests64Levels) {
  const std::string at_limit = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(evaluated(fmt::format("fromJSON('{}')", at_limit)), at_limit);
  const std::string over = std::string(65, '[') + std::string(65, ']');
  EXPECT_TRUE(evaluated(fmt::format("fromJSON('{}')", over))
                  .starts_with("error: The reader's MaxDepth of 64 has been exceeded. Path '[0]"));
}

TEST(Expression_7_8, Length) {
  const auto text = [](std::size_t length) { return "'" + std::string(length - 2, 'x') + "'"; };
  EXPECT_TRUE(evaluated(text(21000)).starts_with("\"xxx"));
  EXPECT_EQ(evaluated(text(21001)), "error: Exceeded max expression length 21000");
  // UTF-16 units: a rocket has two, an a with dots one.
  const auto repeated = [](std::string_view character, int times) {
    std::string out = "'";
    for (int i = 0; i < times; ++i) out += character;
    return out + "'";
  };
  EXPECT_TRUE(evaluated(repeated("\xF0\x9F\x9A\x80", 10499)).starts_with("\""));
  EXPECT_EQ(evaluated(repeated("\xF0\x9F\x9A\x80", 10500)), "error: Exceeded max expression length 21000");
  EXPECT_TRUE(evaluated(repeated("\xC3\xA4", 20998)).starts_with("\""));
}

TEST(Expression_7_8, Depth) {
  EXPECT_EQ(evaluated(std::string(49, '!') + "1"), "false");
  EXPECT_EQ(evaluated(std::string(50, '!') + "1"), "error: Exceeded max expression depth 50");
  const auto repeated = [](std::string_view piece, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += piece;
    return out;
  };
  EXPECT_EQ(evaluated("o" + repeated(".a", 49), R"({"o":1})"), "null");
  EXPECT_EQ(evaluated("o" + repeated(".a", 50), R"({"o":1})"), "error: Exceeded max expression depth 50");
  EXPECT_EQ(evaluated("1" + repeated(" == 1", 49)), "true");
  EXPECT_EQ(evaluated("1" + repeated(" == 1", 50)), "error: Exceeded max expression depth 50");
  EXPECT_EQ(evaluated("1" + repeated(" && 1", 3000)), "1");                      // a chain is one level
  EXPECT_EQ(evaluated("0" + repeated(" || (0 || 0)", 1000)), "0");               // in brackets, too
  EXPECT_EQ(evaluated(repeated("(", 10000) + "1" + repeated(")", 10000)), "1");  // groups are none
  EXPECT_EQ(evaluated(std::string(20000, '!') + "1"), "error: Exceeded max expression depth 50");
  EXPECT_EQ(evaluated(repeated("o[", 6000) + "1" + repeated("]", 6000), R"({"o":1})"),
            "error: Exceeded max expression depth 50");
  EXPECT_EQ(evaluated(repeated("fromJSON(", 49) + "1" + repeated(")", 49)), "1");
  EXPECT_EQ(evaluated(repeated("fromJSON(", 50) + "1" + repeated(")", 50)),
            "error: Exceeded max expression depth 50");
}

TEST(Expression_7_8, Memory) {
  struct Memory {
    std::string_view text;
    std::size_t needed;
  };
  // Computed by hand from 7.8: 26 + 2 for each unit of a string, 24 for anything else; levels below a primitive are emptied.
  constexpr Memory kCases[] = {
      {"'abc'", 32},
      {"1", 24},
      {"!'abc'", 32},      // the operand, then it is gone and the result is 24
      {"1 == 'abc'", 56},  // both operands at once
      {"c.text",
       24 + 34 + 24 + 34},        // the object and the literal, then twice for what comes out of a context
      {"c.*", 24 + 28 + 24 + 8},  // the object, the "*", the filtered array of one
      {"format('{0}', 'abc')", 32 + 32},          // format string and argument, then 32
      {"format('{0}{0}{0}{0}', 'abc')", 4 * 32},  // the call's own sum: four arguments of 32
  };
  for (const auto& [text, needed] : kCases) {
    SCOPED_TRACE(text);
    JsonEvaluation evaluation(R"({"c":{"text":"wxyz"}})");
    const auto parsed = parse_expression(text, evaluation.allowed());
    const auto& expression = std::get<Expression>(parsed);
    // The least limit that is enough.
    std::size_t enough = 0;
    while (enough < 1000 && !evaluate(expression, evaluation, enough)) ++enough;
    EXPECT_EQ(enough, needed);
  }
}

TEST(Expression_7_8, MemoryErrorNamesTheExpression) {
  JsonEvaluation evaluation(R"({"c":{"a b":"wxyz"}})");
  const auto message = [&](std::string_view text, std::size_t limit) {
    const auto parsed = parse_expression(text, evaluation.allowed());
    const Result<Datum> value = evaluate(std::get<Expression>(parsed), evaluation, limit);
    return value ? std::string("none") : value.error().message;
  };
  const std::string_view prefix =
      "The maximum allowed memory size was exceeded while evaluating the following expression: ";
  EXPECT_EQ(message("C['a b']  == 'x'&&true", 30), fmt::format("{}((C['a b'] == 'x') && true)", prefix));
  EXPECT_EQ(message("c.x.*[1]", 10), fmt::format("{}c.x[*][1]", prefix));
  EXPECT_EQ(message("!format('{0}{0}{0}', 'it''s')", 90),
            fmt::format("{}format('{{0}}{{0}}{{0}}', 'it''s')", prefix));
}

TEST(Expression_7_8, MemoryOfNestedCallsEndsAtTheLimit) {
  std::string text = "'0123456789abcdef0123456789abcdef'";
  for (int i = 0; i < 12; ++i) text = fmt::format("format('{{0}}{{0}}{{0}}{{0}}', {})", text);
  EXPECT_TRUE(evaluated(text).starts_with("error: The maximum allowed memory size was exceeded"));
  std::string json = "c";
  for (int i = 0; i < 40; ++i) json = fmt::format("toJSON({})", json);
  EXPECT_TRUE(evaluated(json, R"({"c":"\"\"\"\""})")
                  .starts_with("error: The maximum allowed memory size was exceeded"));
}

TEST(Expression_7_9, FirstErrorWins) {
  const std::string_view contexts = R"({"a":1})";
  EXPECT_EQ(evaluated("false && nope()", contexts),
            located("Unrecognized function", "nope", 10, "false && nope()"));
  EXPECT_EQ(evaluated("false && x", contexts), located("Unrecognized named-value", "x", 10, "false && x"));
  EXPECT_EQ(evaluated("x +", contexts), located("Unrecognized named-value", "x", 1, "x +"));
  EXPECT_EQ(evaluated("toJSON() + x", contexts),
            located("Too few parameters supplied", "(", 7, "toJSON() + x"));
  EXPECT_EQ(evaluated("toJSON(1,2", contexts),
            located("Unexpected end of expression", "2", 10, "toJSON(1,2"));
  const std::string deep = std::string(60, '!') + "x";
  EXPECT_EQ(evaluated(deep, contexts), located("Unrecognized named-value", "x", 61, deep));
}

TEST(Expression_7_9, EndOfExpression) {
  struct End {
    std::string_view text, token;
    std::size_t position;
  };
  constexpr End kCases[] = {
      {"(", "(", 1},    {"a.", ".", 2},      {"a[", "[", 2},       {"1 ==", "==", 3},
      {"!", "!", 1},    {"toJSON(", "(", 7}, {"toJSON(1", "1", 8}, {"format('a',", ",", 11},
      {"(a.*", "*", 4}, {"a[0", "0", 3},     {"1 && ", "&&", 3}};
  for (const auto& [text, token, position] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated(text, R"({"a":1})"), located("Unexpected end of expression", token, position, text));
  }
}

TEST(Expression_7_9, PositionsCountUtf16UnitsOverLines) {
  const std::string text = "'\xC3\xA4' == \n'\xF0\x9F\x9A\x80' x";
  EXPECT_EQ(evaluated(text), located("Unexpected symbol", "x", 14, text));
  const auto parsed = parse_expression(text, {});
  EXPECT_EQ(std::get<ExpressionError>(parsed).offset, text.size() - 1);
}

TEST(Template_7_10, FindsTheEndOutsideOfStrings) {
  constexpr Case kCases[] = {
      {"no expression }} here", "no expression }} here"},
      {"$ {{ x }}", "$ {{ x }}"},
      {"a${{ '}}' }}b", "a}}b"},
      {"${{ '${{' }}", "${{"},
      {"${{ 'it''s }}' }}", "it's }}"},
      {"${{ 1 }}${{ 2 }}", "12"},
      {"${{1}}", "1"},
      {"'${{ 1 }}'", "'1'"},
      {"{${{ 1 }}}", "{1}"},
      {"{0} ${{ 'x' }} {{", "{0} x {{"},
      {"${{ 1",
       "error: The expression is not closed. An unescaped ${{ sequence was found, but the closing }} "
       "sequence was not found."},
      {"a ${{ 'x }}",
       "error: The expression is not closed. An unescaped ${{ sequence was found, but the closing }} "
       "sequence was not found."},
      {"${{   }}", "error: An expression was expected"},
      {"a${{}}b", "error: An expression was expected"},
      {"a ${{ nope }}",
       "error: Unrecognized named-value: 'nope'. Located at position 1 within expression: nope"},
      {"a ${{ insert }}",
       "error: The directive 'insert' is not allowed in this context. Directives are not supported for "
       "expressions that are embedded "
       "within a string. Directives are only supported when the entire value is an expression."},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated_text(text), want);
  }
}

TEST(Template_7_10, AWholeExpressionKeepsItsType) {
  constexpr Case kCases[] = {
      {"${{ true }}", "true"},
      {"${{ 1 }}", "1"},
      {"${{ null }}", "null"},
      {"${{ fromJSON('[1]') }}", "[1]"},
      {"${{ fromJSON('{}') }}", "{}"},
      {"${{ 'x' }}", "\"x\""},
      {" ${{ true }}", "\" true\""},
      {"${{ true }} ", "\"true \""},
      {"x${{ null }}", "\"x\""},
      {"${{ fromJSON('{}') }}.", "\"Object.\""},
      {"", "\"\""},
      {"text", "\"text\""},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated_template(text), want);
  }
}

TEST(Template_7_10, StringPositions) {
  constexpr Case kCases[] = {
      {"${{ true }}", "true"},
      {"${{ 1.50 }}", "1.5"},
      {"${{ null }}", ""},
      {"${{ fromJSON('[]') }}", "error: A sequence was not expected"},
      {"${{ fromJSON('{}') }}", "error: A mapping was not expected"},
      {"x${{ fromJSON('{}') }}", "xObject"},
      {"${{ format('${0}{{ 1 }}', '{') }}", "${{ 1 }"},
      {"${{ format('$', 1) }}{{ 2 }}", "${{ 2 }}"},  // what comes out is never evaluated again
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated_text(text), want);
  }
}

TEST(Template_7_10, ALoneStringLiteralIsALiteral) {
  const auto parsed = parse_template("${{ 'a/b@v1' }}", {});
  const auto& found = std::get<Template>(parsed);
  ASSERT_NE(found.literal_text(), nullptr);
  EXPECT_EQ(*found.literal_text(), "a/b@v1");
  EXPECT_EQ(found.source(), "${{ 'a/b@v1' }}");
  EXPECT_FALSE(found.is_whole());
  const auto whole = parse_template("${{ 1 }}", {});
  EXPECT_TRUE(std::get<Template>(whole).is_whole());
  EXPECT_EQ(std::get<Template>(whole).literal_text(), nullptr);
  const auto mixed = parse_template("it's {${{ 1 }}} ${{ 2 }}", {});
  EXPECT_FALSE(std::get<Template>(mixed).is_whole());
  EXPECT_EQ(std::get<Template>(mixed).expression()->text(), "format('it''s {{{0}}} {1}', 1, 2)");
  EXPECT_EQ(*Template::literal("${{ x }}").literal_text(), "${{ x }}");
}

TEST(Template_7_10, OffsetsCountFromTheStartOfTheText) {
  struct Place {
    std::string_view text;
    std::size_t offset;
  };
  constexpr Place kCases[] = {{"ab ${{  nope }}", 8},
                              {"${{ 1 }} ${{ (2 }}", 14},
                              {"ab ${{ 1", 3},
                              {"ab ${{ }}", 3},
                              {"${{ nope }}", 4}};
  for (const auto& [text, offset] : kCases) {
    SCOPED_TRACE(text);
    const auto parsed = parse_template(text, {});
    ASSERT_TRUE(std::holds_alternative<ExpressionError>(parsed));
    EXPECT_EQ(std::get<ExpressionError>(parsed).offset, offset);
  }
}

TEST(Template_7_10, DisplayKeepsWhatCannotBeEvaluated) {
  JsonEvaluation evaluation(R"({"a":"A","l":[1]})");
  const auto shown = [&](std::string_view text) {
    const auto parsed = parse_template(text, evaluation.allowed());
    return display_text(std::get<Template>(parsed), evaluation);
  };
  EXPECT_EQ(shown("plain"), "plain");
  EXPECT_EQ(shown("${{ a }}"), "A");
  EXPECT_EQ(shown("x ${{ a }} ${{ format('{') }} ${{ l[0] }}"), "x A ${{ format('{') }} 1");
  EXPECT_EQ(shown("${{  fromJSON('x')}}"), "${{  fromJSON('x')}}");
  EXPECT_EQ(shown("${{ l }}"), "${{ l }}");
  EXPECT_EQ(shown("${{ 'literal' }}"), "literal");
}

TEST(Template_7_10, TracesAnEvaluation) {
  JsonEvaluation evaluation(R"({"g":{"ref":"it's","n":1.5,"l":[1]},"x":null})");
  const auto traced = [&](std::string_view text) {
    const auto parsed = parse_expression(text, evaluation.allowed());
    std::vector<std::string> lines;
    (void)evaluate_traced(std::get<Expression>(parsed), evaluation, lines);
    return fmt::format("{}", fmt::join(lines, "|"));
  };
  EXPECT_EQ(traced("g.ref=='main'&&G['n']>1"),
            "Evaluating: ((g.ref == 'main') && (G.n > 1))|Expanded: (('it''s' == 'main') && (G['n'] > "
            "1))|Result: false");
  EXPECT_EQ(traced("g.n"), "Evaluating: g.n|Result: 1.5");
  EXPECT_EQ(traced("!contains( g.ref , 'S' )"),
            "Evaluating: !contains(g.ref, 'S')|Expanded: !contains('it''s', 'S')|Result: false");
  EXPECT_EQ(traced("format('{0}', g.n) == x"),
            "Evaluating: (format('{0}', g.n) == x)|Expanded: ('1.5' == null)|Result: false");
  EXPECT_EQ(traced("'a'"), "Evaluating: 'a'|Result: 'a'");
  EXPECT_EQ(traced("g.l"), "Evaluating: g.l|Result: Array");
  EXPECT_EQ(traced("g.l.*[0]"), "Evaluating: g.l[*][0]|Result: Array");
  EXPECT_EQ(traced("format('{')"), "Evaluating: format('{')");
  EXPECT_EQ(traced("success() || x.y"),
            "Evaluating: (success() || x.y)|Expanded: (true || x['y'])|Result: true");
}

/// What a condition is evaluated as; `error: ` and the message when it is none.
std::string condition(std::string_view text, bool implied_success = true) {
  JsonEvaluation evaluation(R"({"a":1,"github":{}})");
  const auto parsed = parse_condition(text, evaluation.allowed(), implied_success);
  if (const auto* error = std::get_if<ExpressionError>(&parsed)) return "error: " + error->message;
  return std::get<Expression>(parsed).text();
}

TEST(Condition_3_6, BecomesAnExpression) {
  constexpr Case kCases[] = {
      {"", "success()"},
      {" \n", "success()"},
      {"a", "success() && (a)"},
      {"${{ a }}", "success() && (a)"},
      {"${{ always() }}", "always()"},
      {"a == 1 && failure()", "a == 1 && failure()"},
      {"!Cancelled( )", "!Cancelled( )"},
      {"case(a == 1, true, SUCCESS())", "case(a == 1, true, SUCCESS())"},
      {"a == 'success()'", "success() && (a == 'success()')"},
      {"false", "success() && (false)"},
      {"${{ 'a == 1' }}", "success() && (a == 1)"},
      {"${{ a }} && ${{ a }}", "success() && (format('{0} && {1}', a, a))"},
      {"! ${{ a }}", "success() && (format('! {0}', a))"},
      {"${{ a }}\n", "success() && (format('{0}\n', a))"},
      {"${{ always() }}\n", "format('{0}\n', always())"},
      {"secrets.X",
       "error: Unrecognized named-value: 'secrets'. Located at position 1 within expression: secrets.X"},
      {"${{ secrets.X }}",
       "error: Unrecognized named-value: 'secrets'. Located at position 1 within expression: secrets.X"},
      {"${{ }}", "error: An expression was expected"},
      {"${{ 'x y' }}", "error: Unrecognized named-value: 'x'. Located at position 1 within expression: x y"},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(condition(text), want);
  }
}

TEST(Condition_3_6, OfPreAndPostIsVerbatim) {
  EXPECT_EQ(condition("a", false), "a");
  EXPECT_EQ(condition("always()", false), "always()");
  EXPECT_EQ(condition("${{ a }}", false), located("Unexpected symbol", "${{", 1, "${{ a }}"));
}

TEST(Condition_3_6, OffsetsCountFromTheStartOfTheText) {
  const auto offset = [](std::string_view text) {
    const auto parsed = parse_condition(text, {{}, true, true});
    return std::get<ExpressionError>(parsed).offset;
  };
  EXPECT_EQ(offset("  1 == x"), 7U);
  EXPECT_EQ(offset("${{ 1 == x }}"), 9U);
  EXPECT_EQ(offset("always() && ("), 12U);
}

}  // namespace
}  // namespace buildspec_run
