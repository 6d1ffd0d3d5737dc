#include "actions/environment_file.h"

#include <gtest/gtest.h>

#include <span>

#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

using namespace std::string_view_literals;

std::string visible(std::string_view text) {
  std::string shown;
  for (const char c : text) shown += c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
  return shown;
}

std::string dump(const NamedValues& read) {
  std::string text;
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : " | ") + visible(what); };
  for (const auto& [name, value] : read.values) add("<" + name + "=" + value + ">");
  for (const LogEntry& entry : read.log)
    add(std::visit(overloaded{[](const std::string& line) { return line; },
                              [](const Annotation& annotation) { return buildspec_run::dump(annotation); }},
                   entry));
  if (!read.error.empty()) add("error: " + read.error);
  return text;
}

struct Case {
  std::string_view bytes, want;
};

void expect_all(std::span<const Case> cases, EnvironmentFile file = EnvironmentFile::outputs) {
  for (const auto& [bytes, want] : cases) {
    SCOPED_TRACE(visible(bytes));
    EXPECT_EQ(dump(parse_environment_file(bytes, file)), want);
  }
}

// actions.md 5.2, the table.
TEST(EnvironmentFile, ReadsNamesAndValues) {
  constexpr Case kCases[] = {
      {"A=1\nB=2", "<A=1> | <B=2>"},
      {"A=b<<c", "<A=b<<c>"},
      {"A<<E\nx\ny\nE\n", "<A=x\\ny>"},
      {"A<<E\n\nE", "<A=>"},
      {"A<<E\n\n\nE", "<A=\\n>"},
      {"A<<E=F\nx\nE=F\n", "<A=x>"},
      {"A=1\r\n", "<A=1\\r>"},
      {"A<<E\r\nx\r\nE\r\n", "<A=x\\r>"},
      {" A = 1", "< A = 1>"},
      {"=x", "error: Value cannot be null. (Parameter 'name')"},
      {"A=<<E", "<A=<<E>"},
      {"A<<<E\nx\n<E\n", "<A=x>"},
      {"just text", "error: Invalid format 'just text'"},
      {"\r\nA=1", "error: Invalid format '\\r'"},
      {"A<<E\nx\nE ", "error: Invalid value. EOF marker missing new line."},
      {"A<<E\nx\n", "error: Invalid value. Matching delimiter not found 'E'"},
      {"A<<E", "error: Invalid value. Matching delimiter not found 'E'"},
  };
  expect_all(kCases);
}

// actions.md 13.9.
TEST(EnvironmentFile, DoesWhatTheVectorsSay) {
  constexpr Case kCases[] = {
      {"\n\nA=1\n\n\nB=2\n", "<A=1> | <B=2>"},
      {"A=1\njunk\nB=2", "<A=1> | error: Invalid format 'junk'"},
      {"A=1\nA<<X\n2\nX\nA=3", "<A=1> | <A=2> | <A=3>"},  // the last one counts
      {"A<<E\nE", "<A=>"},
      {"A<<E\n x \n E\nE", "<A= x \\n E>"},
      {"A<<E\nx\nE\r\nE\n", "<A=x\\nE\\r>"},
      {"A<<E<<F\nx\nE<<F", "<A=x>"},
      {"<<E\nx\nE", "error: Invalid format '<<E'. Name must not be empty and delimiter must not be empty"},
      {"A<<\nx", "error: Invalid format 'A<<'. Name must not be empty and delimiter must not be empty"},
      {"A==\n", "<A==>"},
      {"\xFF\xFE"
       "A\0=\0\xE9\0\n\0"sv,
       "<A=\xC3\xA9>"},
      {"\xFE\xFF\0A\0=\0\xE9\0\n"sv, "<A=\xC3\xA9>"},
  };
  expect_all(kCases);
  EXPECT_EQ(parse_path_file("a\rb\r\n\n c \nd"), (std::vector<std::string>{"a", "b", " c ", "d"}));
}

// actions.md 5.2, its rules and remarks.
TEST(EnvironmentFile, TakesEverythingElseAsItIs) {
  constexpr Case kCases[] = {
      {"", ""},
      {"\n\n\n", ""},
      {"A=", "<A=>"},
      {"A=\"x\" # y", "<A=\"x\" # y>"},
      {"A=%0A", "<A=%0A>"},
      {"export A=1", "<export A=1>"},
      {"A=1=2<<3", "<A=1=2<<3>"},
      {"A<B=1", "<A<B=1>"},
      {"A<<E\nA=1\nB<<F\nE\nB=2", "<A=A=1\\nB<<F> | <B=2>"},
      {"A<<E\n\n x\n\nE\n", "<A=\\n x\\n>"},  // blank lines at the beginning stay (11.1)
      {"A<< E\nx\n E", "<A=x>"},              // a delimiter may be anything
      {"A <<E\nx\nE", "<A =x>"},
      {"A=1\nB<<E\nx\n", "<A=1> | error: Invalid value. Matching delimiter not found 'E'"},
      {"A<<E\ne\n", "error: Invalid value. Matching delimiter not found 'E'"},
      {"A<<E\nx", "error: Invalid value. EOF marker missing new line."},
      {"A=\xFF", "<A=\xEF\xBF\xBD>"},
      {"\xEF\xBB\xBF"
       "A=1",
       "<A=1>"},
  };
  expect_all(kCases);
}

// actions.md 5.2: an empty name.
TEST(EnvironmentFile, TakesAnEmptyNameOnlyAsState) {
  EXPECT_EQ(dump(parse_environment_file("A=1\n=x\nB=2", EnvironmentFile::state)), "<A=1> | <=x> | <B=2>");
  for (const EnvironmentFile file : {EnvironmentFile::variables, EnvironmentFile::outputs})
    EXPECT_EQ(dump(parse_environment_file("A=1\n=x\nB=2", file)),
              "<A=1> | error: Value cannot be null. (Parameter 'name')");
}

// actions.md 5.3.
TEST(EnvironmentFile, RefusesNodeOptionsAsAVariable) {
  constexpr std::string_view kRefused =
      "error Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.";
  EXPECT_EQ(dump(parse_environment_file("A=1\nNode_Options=--x\nB<<E\n2\nE\nNODE_OPTIONS<<E\n--y\nE\nC=3",
                                        EnvironmentFile::variables)),
            fmt::format("<A=1> | <B=2> | <C=3> | {} | {}", kRefused, kRefused));
  EXPECT_EQ(dump(parse_environment_file("NODE_OPTIONS=1", EnvironmentFile::outputs)), "<NODE_OPTIONS=1>");
  EXPECT_EQ(dump(parse_environment_file("NODE_OPTIONS =1\nPATH=x\nGITHUB_SHA=y\nCI=z\nHOME=h\nRUNNER_OS=o",
                                        EnvironmentFile::variables)),
            "<NODE_OPTIONS =1> | <PATH=x> | <GITHUB_SHA=y> | <CI=z> | <HOME=h> | <RUNNER_OS=o>");
}

TEST(EnvironmentFile, PrintsItsValuesWhenDebugging) {
  EXPECT_EQ(dump(parse_environment_file("A<<E\n1\n2\nE", EnvironmentFile::variables, true)),
            "<A=1\\n2> | ##[debug]A='1 | ##[debug]2'");
  EXPECT_EQ(dump(parse_environment_file("A=1", EnvironmentFile::outputs, true)),
            "<A=1> | ##[debug]Set output A = 1");
  EXPECT_EQ(dump(parse_environment_file("A=1", EnvironmentFile::state, true)),
            "<A=1> | ##[debug]Save intra-action state A = 1");
}

// actions.md 5.1.
TEST(EnvironmentFile, AreFiveInAnOrder) {
  std::string names;
  for (const auto& [file, context_name, variable, prefix] : kEnvironmentFiles)
    names += fmt::format("{} {} {}\n", variable, context_name, prefix);
  EXPECT_EQ(names,
            "GITHUB_PATH path add_path_\n"
            "GITHUB_ENV env set_env_\n"
            "GITHUB_STEP_SUMMARY step_summary step_summary_\n"
            "GITHUB_STATE state save_state_\n"
            "GITHUB_OUTPUT output set_output_\n");
  const std::vector<LogEntry> failed = failed_file(EnvironmentFile::variables, "Invalid format 'junk'");
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(log_lines(std::get<Annotation>(failed[0])),
            "##[error]Unable to process file command 'env' successfully.");
  EXPECT_EQ(log_lines(std::get<Annotation>(failed[1])), "##[error]Invalid format 'junk'");
}

// actions.md 5.4.
TEST(EnvironmentFile, ReadsPaths) {
  EXPECT_EQ(parse_path_file(""), std::vector<std::string>());
  EXPECT_EQ(parse_path_file("\r\n\r\n\n"), std::vector<std::string>());
  EXPECT_EQ(parse_path_file("/a:/b\n/c\n"), (std::vector<std::string>{"/a:/b", "/c"}));
  EXPECT_EQ(parse_path_file("\xFF\xFE/\0a\0\r\0\n\0/\0b\0"sv), (std::vector<std::string>{"/a", "/b"}));
}

// actions.md 5.6.
TEST(EnvironmentFile, TakesASummaryUpToItsLimit) {
  EXPECT_EQ(step_summary_error(0), "");
  EXPECT_EQ(step_summary_error(1'048'576), "");
  EXPECT_EQ(
      step_summary_error(1'048'577 + 1023),
      "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got 1025k. For more "
      "information see: "
      "https://docs.github.com/actions/using-workflows/"
      "workflow-commands-for-github-actions#adding-a-markdown-"
      "summary");
  EXPECT_NE(step_summary_error(1'048'577).find("got 1024k."), std::string::npos);
  EXPECT_EQ(parse_step_summary("# a\r\nb\rc"), "# a\nb\nc\n");
  EXPECT_EQ(parse_step_summary("\xEF\xBB\xBF# a\n\n"), "# a\n\n");
  EXPECT_EQ(parse_step_summary(""), "");
}

TEST(EnvironmentFile, TakesLinearTime) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += "A<<E\nx\nE\n";
  EXPECT_EQ(parse_environment_file(bytes, EnvironmentFile::outputs).values.size(), 300'000u);
  EXPECT_EQ(parse_environment_file("A<<E\n" + std::string(5'000'000, '\n'), EnvironmentFile::outputs).error,
            "Invalid value. Matching delimiter not found 'E'");
}

}  // namespace
}  // namespace buildspec_run
