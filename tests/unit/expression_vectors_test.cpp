// The vectors of actions.md 13.2, 13.7 and 13.8, one by one.
#include <gtest/gtest.h>

#include "actions/expr/expression.h"
#include "tests/support/expressions.h"

namespace buildspec_run {
namespace {

struct Case {
  std::string_view text, want;
};

constexpr std::string_view kContexts = R"({
  "d": [[1,2],{"1":"k"},"ab",[3]],
  "o": {"p":{"NAME":"x"},"q":{"name":"y"},"r":[{"name":"z"}]},
  "l": [0,1,2],
  "t": {"items":[{"tags":["a","b"]},{"tags":{"k":"c"}},{"tags":"s"},7]}})";

TEST(Expression_13_7, Vectors) {
  const Case cases[] = {
      {"1 > 0 > -1", "true"},
      {"3 > 2 > 1", "false"},
      {"!true == false", "true"},
      {"'' && 'x' || 0", "0"},
      {"'a' && 0 && 'b'", "0"},
      {"0 || null || ''", "\"\""},
      {"true && 'x' || 'y'", "\"x\""},
      {"'10' < '9'", "true"},
      {"10 < '9'", "false"},
      {"'a_b' > 'aXb'", "true"},
      {"null <= false", "true"},
      {"null < '0.5'", "true"},
      {"false < 'x'", "false"},
      {"'FALSE' == false", "false"},
      {"'1e2' == 100", "true"},
      {"' 0o17 ' == 15", "true"},
      {"'1_0' == 10", "false"},
      {"'0xffffffff' < 0", "true"},
      {"'-infinity' < 0", "true"},
      {"1.e3", "1000"},
      {"00012", "12"},
      {"1e-7", "1E-07"},
      {"toJSON(1e15)", "\"1E+15\""},
      {"toJSON(123456789.123456789)", "\"123456789.123457\""},
      {"toJSON(NaN)", "\"NaN\""},
      {"o.*.name", "[\"x\",\"y\"]"},
      {"join(o.*.name, '+')", "\"x+y\""},
      {"d.*[1]", "[2,\"k\"]"},
      {"(d.*)[1]", "[2,\"k\"]"},
      {"t.items.*.tags.*", "[\"a\",\"b\",\"c\"]"},
      {"l['0x2']", "2"},
      {"l[' 1 ']", "1"},
      {"l['one']", "null"},
      {"l[2147483648]", "null"},
      {"l.x", "null"},
      {"l.*.x", "[]"},
      {"l[0].x.y", "null"},
      {"contains(fromJSON('[null]'), '')", "true"},
      {"contains(fromJSON('[\"x\"]'), '')", "false"},
      {"contains(null, '')", "true"},
      {"contains(fromJSON('[[1]]'), fromJSON('[1]'))", "false"},
      {"contains(fromJSON('[\"NaN\"]'), NaN)", "false"},
      {"startsWith(fromJSON('[]'), '')", "false"},
      {"format('{{{0}}}', 'x')", "\"{x}\""},
      {"format('{01}', 'a', 'b')", "\"b\""},
      {"format(12.0)", "\"12\""},
      {"format('{0:N2}', 1)", "error: The format specifiers 'N2' are not valid for objects of type 'Number'"},
      {"format('a}b')", "error: The following format string is invalid: a}b"},
      {"join(fromJSON('[1,[2],{\"a\":1},null,true,\"s\"]'), '-')", "\"1-Array-Object--true-s\""},
      {"'x''y'''", "\"x'y'\""},
      {"case(false && true, 1, 2 > 1, 'two', 'else')", "\"two\""},
      {"case(true, 'a', nope(), 'x', 'b')",
       "error: Unrecognized function: 'nope'. Located at position 17 within expression: case(true, 'a', "
       "nope(), 'x', 'b')"},
      {"fromJSON('{\"B\":1,\"b\":2,\"C\":3}')", "{\"B\": 2,\"C\": 3}"},
      {"fromJSON('01')", "1"},
      {"toJSON(fromJSON('{\"Key\":1.50,\"e\":[],\"o\":{}}'))",
       R"("{\n  \"Key\": 1.5,\n  \"e\": [],\n  \"o\": {}\n}")"},
      {"1 +1", "error: Unexpected symbol: '+1'. Located at position 3 within expression: 1 +1"},
      {"l.-b", "error: Unexpected symbol: '-b'. Located at position 3 within expression: l.-b"},
      {"((1)", "error: Unexpected end of expression: ')'. Located at position 4 within expression: ((1)"},
      {"l[0", "error: Unexpected end of expression: '0'. Located at position 3 within expression: l[0"},
      {"contains",
       "error: Unrecognized named-value: 'contains'. Located at position 1 within expression: contains"},
      {"toJSON(1,2)",
       "error: Too many parameters supplied: '('. Located at position 7 within expression: toJSON(1,2)"},
  };
  for (const auto& [text, want] : cases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated(text, kContexts), want);
  }
}

TEST(Template_13_8, Vectors) {
  const Case cases[] = {
      {"${{ 1.10 }}", "1.1"},
      {"${{ null }}", ""},
      {"${{ 1e21 }}", "1E+21"},
      {"a${{ 'b' }}c{d}'e'", "abc{d}'e'"},
      {"x${{ fromJSON('[1]') }}y", "xArrayy"},
      {"${{ fromJSON('[1]') }}", "error: A sequence was not expected"},
      {"a ${{ '}}' }} b ${{ 'x''}}' }}", "a }} b x'}}"},
      {"${{ github.a }}}", "A}"},
      {"$${{ 1 }}$", "$1$"},
      {"${{}}", "error: An expression was expected"},
  };
  for (const auto& [text, want] : cases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(evaluated_text(text, R"({"github":{"a":"A"}})"), want);
  }
}

TEST(Template_13_8, AScriptOf21000CharactersAndAnExpression) {
  const std::string script(21000, 'x');
  EXPECT_EQ(evaluated_text(script + "${{ 1 }}"), "error: Exceeded max expression length 21000");
  EXPECT_EQ(evaluated_text(script), script);
}

TEST(Condition_13_2, VectorsAfterAFailedStep) {
  struct Condition {
    std::string text;
    bool runs;
  };
  const Condition conditions[] = {
      {"", false},
      {"true", false},
      {"always()", true},
      {"failure()", true},
      {"${{ failure() }}", true},
      {"!cancelled()", true},
      {"'always()'", false},
      {"steps.x.outcome == 'failure'", false},
      {"steps.x.outcome == 'failure' && failure()", true},
      {"${{ false }} && true", false},
      {"false", false},
      {"${{ 'always()' }}", true},
      {"contains('always()', 'a')", false},
      {"ALWAYS( ) && true", true},
  };
  JsonEvaluation evaluation(R"({"steps":{"x":{"outcome":"failure"}}})");
  evaluation.has_failed = true;
  for (const auto& [text, runs] : conditions) {
    SCOPED_TRACE(text);
    const auto parsed = parse_condition(text, evaluation.allowed());
    ASSERT_TRUE(std::holds_alternative<Expression>(parsed)) << std::get<ExpressionError>(parsed).message;
    const Result<Datum> value = evaluate(std::get<Expression>(parsed), evaluation);
    ASSERT_TRUE(bool{value});
    EXPECT_EQ(value->truthy(), runs);
  }
}

TEST(Condition_13_2, VectorsWhenAllHasSucceeded) {
  JsonEvaluation evaluation("{}");
  for (const std::string_view text : {"${{ false }} && true", "'false'", "", "  \n"}) {
    SCOPED_TRACE(text);
    const auto parsed = parse_condition(text, evaluation.allowed());
    ASSERT_TRUE(std::holds_alternative<Expression>(parsed));
    EXPECT_TRUE(evaluate(std::get<Expression>(parsed), evaluation)->truthy());
  }
}

TEST(Condition_13_2, ABareNameOfAStatusFunctionIsNone) {
  JsonEvaluation evaluation("{}");
  const auto parsed = parse_condition("success", evaluation.allowed());
  ASSERT_TRUE(std::holds_alternative<ExpressionError>(parsed));
  EXPECT_EQ(std::get<ExpressionError>(parsed).message,
            "Unrecognized named-value: 'success'. Located at position 1 within expression: success");
}

}  // namespace
}  // namespace buildspec_run
