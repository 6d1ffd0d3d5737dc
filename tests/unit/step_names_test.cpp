// Ids and names of steps: actions.md 3.3, 3.11. Places inside of scalars.
#include "actions/step_names.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "actions/scalar_place.h"

namespace buildspec_run {
namespace {

TEST(StepIds, Explicit3_11) {
  const std::string kCharacters =
      " is invalid. IDs may only contain alphanumeric characters, '_', and '-'. IDs must start with a letter "
      "or '_' "
      "and must be less than 100 characters.";
  const std::string longest(99, 'a'), too_long(100, 'a'), too_long_and_odd(100, '.');
  struct Case {
    std::string_view id;
    std::string service, runner;  // what is wrong; empty: nothing
  };
  const Case kCases[] = {
      {"a", "", ""},
      {"_A-9", "", ""},
      {longest, "", ""},
      {"9a", "The identifier '9a'" + kCharacters, "The identifier '9a'" + kCharacters},
      {"-a", "The identifier '-a'" + kCharacters, "The identifier '-a'" + kCharacters},
      {"a b", "The identifier 'a b'" + kCharacters, "The identifier 'a b'" + kCharacters},
      {"\xC3\xA9", "The identifier '\xC3\xA9'" + kCharacters, "The identifier '\xC3\xA9'" + kCharacters},
      {"__a", "The identifier '__a' is invalid. IDs starting with '__' are reserved.", ""},
      {too_long, "The identifier '" + too_long + "'" + kCharacters, ""},
      {too_long_and_odd, "The identifier '" + too_long_and_odd + "'" + kCharacters, ""},
  };
  StepIds service, runner;
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.id);
    EXPECT_EQ(service.take(one.id, StepIds::Check::service).value_or(""), one.service);
    EXPECT_EQ(runner.take(one.id, StepIds::Check::runner).value_or(""), one.runner);
  }
  EXPECT_EQ(service.take("A", StepIds::Check::service),
            "The identifier 'A' may not be used more than once within the same scope.");
}

TEST(StepIds, Generated3_11) {
  StepIds ids;
  EXPECT_EQ(ids.generate("run"), "__run");
  EXPECT_EQ(ids.generate("run"), "__run_2");
  EXPECT_EQ(ids.generate("actions/checkout"), "__actions_checkout");
  EXPECT_EQ(ids.generate("ghcr.io/a/b:1.2@sha"), "__ghcr_io_a_b_1_2_sha");
  EXPECT_EQ(ids.generate("9-a"), "__9-a");
  EXPECT_EQ(ids.generate("\xE2\x82\xACx"), "___x") << "one for a character";
  EXPECT_EQ(ids.generate("Run"), "__Run_3") << "taken without regard to case";
  const std::string base(200, 'a');
  EXPECT_EQ(ids.generate(base), "__" + std::string(98, 'a'));
  EXPECT_EQ(ids.generate(base), "__" + std::string(96, 'a') + "_2");
  StepIds many;
  for (int i = 1; i <= 999; ++i) ASSERT_TRUE(many.generate("run"));
  EXPECT_EQ(many.generate("run"), std::nullopt);
}

TEST(StepNames, Default3_3) {
  const auto name = [](std::string_view uses) { return default_name(*parse_action_reference(uses)); };
  EXPECT_EQ(name("o/r@v1"), "Run o/r@v1");
  EXPECT_EQ(name("o//r/p/@v1"), "Run o/r/p@v1");
  EXPECT_EQ(name("./p"), "Run ./p");
  EXPECT_EQ(name("docker://alpine:3"), "Run alpine:3");
  const auto base = [](std::string_view uses) { return id_base(*parse_action_reference(uses)); };
  EXPECT_EQ(base("o/r/p@v1"), "o/r");
  EXPECT_EQ(base("./p"), "self");
  EXPECT_EQ(base("$/p"), "selfRepository");
  EXPECT_EQ(base("docker://alpine:3"), "alpine:3");
}

// Where byte `offset` of the value of `key` is, as the text from there to the end of its line.
std::string from(std::string_view text, std::size_t offset, std::size_t size = 1) {
  const SourceText source("f", std::string(text));
  Diagnostics found;
  const Document document = parse_document(source, found);
  const Node* node = document.root()->find("k");
  const SourceRange where = place_in_scalar(*node, offset, size);
  return where == node->where ? "whole" : std::string(source.slice(where));
}

TEST(ScalarPlace, IsExactWhereTheTextIsTheValue) {
  EXPECT_EQ(from("k: abcdef", 2, 2), "cd");
  EXPECT_EQ(from("k: abcdef", 4, 9), "ef");
  EXPECT_EQ(from("k: 'abcdef'", 2, 2), "cd");
  EXPECT_EQ(from("k: \"abcdef\"", 2, 2), "cd");
  EXPECT_EQ(from("k: 'it''s x'", 5, 1), "whole");
  EXPECT_EQ(from("k: \"a\\tb\"", 2, 1), "whole");
  EXPECT_EQ(from("k: ab\n  cd", 3, 1), "whole");
  EXPECT_EQ(from("k: |\n  one\n    two\n  three\n", 6, 3), "two") << "one, LF, two blanks";
  EXPECT_EQ(from("k: |\n  one\n    two\n  three\n", 0, 3), "one");
  EXPECT_EQ(from("k: |\n  one\n\n  three\n", 5, 9), "three");
  EXPECT_EQ(from("k: |2-\n    one\n", 2, 3), "one");
  EXPECT_EQ(from("k: |\r\n  one\r\n  two\r\n", 4, 3), "two");
  EXPECT_EQ(from("k: >\n  one\n  two\n", 4, 3), "whole");
  EXPECT_EQ(from("k: abc", 9), "whole");
}

}  // namespace
}  // namespace buildspec_run
