// The check that tests put their trust in is tested itself.

#include "tests/support/json_schema.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

TEST(JsonSchema, SaysWhatIsWrong) {
  struct Case {
    std::string_view schema, value;
    bool valid, strictly_valid;
  };
  constexpr Case kCases[] = {
      {R"(true)", R"(1)", true, true},
      {R"(false)", R"(1)", false, false},
      {R"({"type":"string"})", R"("a")", true, true},
      {R"({"type":"string"})", R"(1)", false, false},
      {R"({"type":["string","null"]})", R"(null)", true, true},
      {R"({"type":"integer"})", R"(1.5)", false, false},
      {R"({"type":"number"})", R"(1)", true, true},
      {R"({"const":1})", R"(2)", false, false},
      {R"({"enum":["a","b"]})", R"("b")", true, true},
      {R"({"enum":["a","b"]})", R"("c")", false, false},
      {R"({"minimum":1})", R"(0)", false, false},
      {R"({"maximum":1})", R"(1)", true, true},
      {R"({"minLength":2})", "\"\xC3\xA9\"", false, false},
      {R"({"maxItems":1})", R"([1,2])", false, false},
      {R"({"items":{"type":"string"}})", R"(["a",1])", false, false},
      {R"({"required":["a"]})", R"({})", false, false},
      {R"({"properties":{"a":{"type":"string"}}})", R"({"a":1})", false, false},
      {R"({"properties":{"a":{"type":"string"}}})", R"({"a":"x","b":1})", true, false},
      {R"({"properties":{"a":true},"additionalProperties":false})", R"({"b":1})", false, false},
      {R"({"additionalProperties":{"type":"integer"}})", R"({"b":1})", true, true},
      {R"({"allOf":[{"properties":{"a":true}},{"properties":{"b":true}}]})", R"({"a":1,"b":2})", true, true},
      {R"({"anyOf":[{"required":["a"]},{"required":["b"]}]})", R"({"c":1})", false, false},
      {R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", R"(1)", false, false},
      {R"({"oneOf":[{"type":"integer"},{"type":"string"}]})", R"(1)", true, true},
      {R"({"oneOf":[{"properties":{"a":true},"required":["a"]},{"properties":{"b":true},"required":["b"]}]})",
       R"({"a":1,"c":2})", true, false},
      {R"({"$ref":"#/$defs/x","$defs":{"x":{"type":"null"}}})", R"(1)", false, false},
      {R"({"$ref":"#/$defs/y","$defs":{"x":{"type":"null"}}})", R"(null)", false, false},
      {R"({"pattern":"a"})", R"("a")", false,
       false},  // not known: nothing passes because it was not understood
  };
  for (const auto& [schema, value, valid, strictly_valid] : kCases) {
    SCOPED_TRACE(std::string(schema) + " for " + std::string(value));
    const Result<Value> as_schema = parse_json(schema), as_value = parse_json(value);
    ASSERT_TRUE(as_schema);
    ASSERT_TRUE(as_value);
    EXPECT_EQ(schema_violations(*as_schema, *as_value).empty(), valid);
    EXPECT_EQ(schema_violations(*as_schema, *as_value, UnknownMembers::refused).empty(), strictly_valid);
  }
}

}  // namespace
}  // namespace buildspec_run
