#include "actions/workflow_command.h"

#include <gtest/gtest.h>

#include <span>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

std::string dump(const std::optional<WorkflowCommand>& command) {
  if (!command) return "plain";
  std::string text = command->name;
  for (const auto& [name, value] : command->properties) text += " <" + name + "=" + value + ">";
  return text + " data=" + command->data;
}

std::string read(std::string_view line) {
  return dump(parse_workflow_command(line, [](std::string_view name) {
    for (const std::string_view known : {"error", "warning", "set-output", "group", "debug"})
      if (equals_ignoring_case(name, known)) return true;
    return false;
  }));
}

struct Case {
  std::string_view line, want;
};

void expect_all(std::span<const Case> cases) {
  for (const auto& [line, want] : cases) {
    SCOPED_TRACE(line);
    EXPECT_EQ(read(line), want);
    EXPECT_TRUE(want == "plain" || may_be_workflow_command(line));
  }
}

// actions.md 4.2.
TEST(WorkflowCommand, ReadsTheGrammarOfTwoColons) {
  constexpr Case kCases[] = {
      {"::error::boom", "error data=boom"},
      {"   \t::error::boom", "error data=boom"},
      {"\xC2\xA0\xE2\x80\x83\xE3\x80\x80::error::boom", "error data=boom"},  // Unicode white space
      {"\xE2\x80\x8B::error::boom", "plain"},                                // ZERO WIDTH SPACE is none
      {"x ::error::boom", "plain"},
      {"::ERROR::x", "ERROR data=x"},
      {"::foo::bar", "plain"},
      {":: error::x", "plain"},
      {"::error", "plain"},
      {"::error:x", "plain"},
      {":error::x", "plain"},
      {"::::", "plain"},
      {"::error::", "error data="},
      {"::error:::x", "error data=:x"},
      {"::error:: x ", "error data= x "},
      {"::error::a::b::c", "error data=a::b::c"},
      {"::set-output name=x::std::vector", "set-output <name=x> data=std::vector"},
      {"::error file=a.c,line=3::m", "error <file=a.c> <line=3> data=m"},
      {"::error file=a.c, line=3::m", "error <file=a.c> < line=3> data=m"},
      {"::error   file=a.c  ::m", "error <file=a.c> data=m"},
      {"::error \t::m", "error data=m"},
      {"::error\tfile=a.c::m", "plain"},  // only a blank ends a name
      {"::error file::m", "error data=m"},
      {"::error =a::m", "error data=m"},
      {"::error a=::m", "error data=m"},
      {"::error a==::m", "error data=m"},
      {"::error =::m", "error data=m"},
      {"::error =a=b::m", "error <a=b> data=m"},
      {"::error a==b::m", "error <a=b> data=m"},
      {"::error a=b=c::m", "error <a=b=c> data=m"},
      {"::error a=b=::m", "error <a=b=> data=m"},
      {"::error ,,a=1,,b=2,::m", "error <a=1> <b=2> data=m"},
      {"::error a=1,A=2::m", "error <a=2> data=m"},
      {"::error a=x:y::m", "error <a=x:y> data=m"},
      {"::error a=x::y::m", "error <a=x> data=y::m"},
  };
  expect_all(kCases);
}

// actions.md 4.3.
TEST(WorkflowCommand, ReadsTheOlderGrammar) {
  constexpr Case kCases[] = {
      {"##[error]boom", "error data=boom"},
      {"x ##[error]boom", "error data=boom"},
      {"a##[group]T", "group data=T"},
      {"##[ERROR]boom", "ERROR data=boom"},
      {"##[error", "plain"},
      {"##[foo]bar", "plain"},
      {"##[ error]bar", "plain"},
      {"##[]bar", "plain"},
      {"##[command]ls", "plain"},
      {"##[foo]##[error]x", "plain"},  // only the first "##[" counts
      {"]##[error]x]y", "error data=x]y"},
      {"##[error  file=a]x", "error < file=a> data=x"},  // not trimmed
      {"##[error file=a;line=1]x", "error <file=a> <line=1> data=x"},
      {"##[error file=a,line=1]x", "error <file=a,line=1> data=x"},
      {"##[error =a=b;c==d;e=]x", "error <a=b> <c=d> data=x"},
      {"::nope::##[warning]w", "warning data=w"},
      {"::debug::x ##[error]y", "debug data=x ##[error]y"},
      {"# #[error]x", "plain"},
  };
  expect_all(kCases);
}

// actions.md 4.3, the table of escapes.
TEST(WorkflowCommand, DecodesEscapesOnceAndInOrder) {
  constexpr Case kCases[] = {
      {"::error::%0D%0A%25", "error data=\r\n%"},
      {"::error::%0d%0a", "error data=%0d%0a"},
      {"::error::100%25", "error data=100%"},
      {"::error::%250A", "error data=%0A"},
      {"::error::%25250A", "error data=%250A"},
      {"::error::%", "error data=%"},
      {"::error::%2", "error data=%2"},
      {"::error::%3A%2C%3B%5D", "error data=%3A%2C%3B%5D"},
      {"::error a=%3A%2C%0D%0A%25%3B%5D::x", "error <a=:,\r\n%%3B%5D> data=x"},
      {"::error a=%253A::x", "error <a=%3A> data=x"},
      {"::error a%3Ab=1::x", "error <a%3Ab=1> data=x"},  // a name is not decoded
      {"##[error a=%3B%0D%0A%5D%25%3A%2C]%3B%0D%0A%5D%25%3A%2C",
       "error <a=;\r\n]%%3A%2C> data=;\r\n]%%3A%2C"},
      {"##[error]%253B", "error data=%3B"},
      {"::save::%253A", "plain"},
  };
  expect_all(kCases);
}

TEST(WorkflowCommand, TakesLinearTime) {
  std::string line = "::error ";
  for (int i = 0; i < 50'000; ++i) line += "a" + std::to_string(i) + "=%25,";
  line += "::" + std::string(1'000'000, '%');
  const auto command = parse_workflow_command(line, [](std::string_view) { return true; });
  ASSERT_TRUE(command);
  EXPECT_EQ(command->properties.size(), 50'000u);
  EXPECT_EQ(command->data.size(), 1'000'000u);
}

}  // namespace
}  // namespace buildspec_run
