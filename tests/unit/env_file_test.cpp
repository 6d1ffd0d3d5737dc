#include "runner/cli/env_file.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

struct Read {
  std::string values;  // "NAME=[value] …"
  std::string errors;  // "line:column message …"
};

Read read(std::string text, EnvFileNames names = EnvFileNames::variables) {
  const SourceText source("x.env", std::move(text));
  Diagnostics found;
  Read read;
  for (const auto& [name, value] : parse_env_file(source, names, found))
    read.values += fmt::format("{}=[{}] ", name, value);
  for (const Diagnostic& one : found.all()) {
    const LineColumn at = source.place(one.where.begin);
    read.errors += fmt::format("{}:{} {} ", at.line, at.column, one.id);
  }
  return read;
}

TEST(EnvFile, ReadsWhatItsHeaderSays) {
  struct Case {
    std::string text, want;
  };
  const Case kCases[] = {
      {"A=1\nB=2", "A=[1] B=[2] "},
      {"\xEF\xBB\xBF"
       "A=1\r\nB=2\r\n",
       "A=[1] B=[2] "},
      {"# c\n\n  export A = x y  # c\n", "A=[x y] "},
      {"A=a#b\nB=#c\n", "A=[a#b] B=[] "},
      {"A='$HOME \\n \"'\n", "A=[$HOME \\n \"] "},
      {"A=\"a\\n\\t\\\"\\\\\\$\\`\\x\" # c\n", "A=[a\n\t\"\\$`\\x] "},
      {"A=\"one\ntwo\"\nB=3\n", "A=[one\ntwo] B=[3] "},
      {"A=it's\n", "A=[it's] "},
      {"A=$B${C}\n", "A=[$B${C}] "},
      {"A=\nB\t=\t2", "A=[] B=[2] "},
      {"A=1\nA=2", "A=[1] A=[2] "},
      {"exported=1", "exported=[1] "},
      {" {\"A\": \"x\\ny\", \"B\": 3, \"C\": true}", "A=[x\ny] B=[3] C=[true] "},
      {"", ""},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    const Read got = read(text);
    EXPECT_EQ(got.values, want);
    EXPECT_EQ(got.errors, "");
  }
}

TEST(EnvFile, NamesThePlaceOfWhatIsWrong) {
  EXPECT_EQ(read("A=1\n  oops\n").errors, "2:3 env-file-syntax ");
  EXPECT_EQ(read("1A=x\nB=2").errors, "1:1 env-file-syntax ");
  EXPECT_EQ(read("A=\"x\n\n").errors, "1:3 env-file-syntax ");
  EXPECT_EQ(read("A='x' y\nB=1").errors, "1:7 env-file-syntax ");
  EXPECT_EQ(read("A='x' y\nB=1").values, "A=[x] B=[1] ");
  EXPECT_EQ(read("{\"A\": [1]}").errors, "1:2 env-file-syntax ");
  EXPECT_EQ(read("{\"A\": ").errors, "1:7 env-file-syntax ");
  EXPECT_EQ(read("\xEF\xBB\xBF{\n  \"A\": \"a, \\\" {\",\n  \"B\": {\"A\": [\"A\"]},\n  \"C\": null}").errors,
            "3:3 env-file-syntax 4:3 env-file-syntax ");
  EXPECT_EQ(read("{\n  \"A\": 1,\n  \"1B\": 2}").errors, "3:3 env-file-syntax ");
  EXPECT_EQ(read("{\n  \"A\": \"x\"\n  \"B\": 1}").errors, "3:3 env-file-syntax ");
  EXPECT_EQ(read("{\"A\": 1}\nB=2\n").errors, "2:1 env-file-syntax ");
  EXPECT_NE(read(std::string("A=\"x\0y\"", 8)).errors, "");
}

// A broken secrets file is often one where a secret stands in a wrong place.
TEST(EnvFile, NoMessageQuotesTheFile) {
  const std::string kTexts[] = {
      "hunter2-is-out\n",         "hunter2-is-out=1\n",
      "A='x' hunter2\n",          "A='hunter2\n",
      "hunter2 \xFF=\"hunter2\\", std::string("A=\"hunter2\0\"", 12),
      "{\"hunter2-is-out\": 1}",  "{\"hunter2\": [\"hunter2\"]}",
      "{\"A\": \"hunter2\" x}",   "{\"hunter2\": \"hunter2\\u0000\"}",
  };
  for (const std::string& text : kTexts) {
    SCOPED_TRACE(text);
    const SourceText source("x.env", text);
    Diagnostics found;
    static_cast<void>(parse_env_file(source, EnvFileNames::variables, found));
    EXPECT_TRUE(found.has_errors());
    for (const Diagnostic& one : found.all())
      EXPECT_EQ(render_line(one).find("hunter2"), std::string::npos) << render_line(one);
  }
}

TEST(EnvFile, SecretNamesMayBeAnything) {
  EXPECT_EQ(read("/CodeBuild/x=1\nprod/db:password:AWSCURRENT = 2\n", EnvFileNames::any).values,
            "/CodeBuild/x=[1] prod/db:password:AWSCURRENT=[2] ");
}

TEST(EnvFile, WhatIsWrittenIsReadBack) {
  const std::vector<std::pair<std::string, std::string>> variables = {
      {"A", ""},
      {"B", "two\nlines\r\n"},
      {"C", "\"quotes\" and 'quotes' \\ $X `x` # no comment"},
      {"D", " blanks "},
      {"E", "\xC3\xA9"}};
  for (const bool as_json : {false, true}) {
    const SourceText source("x", exports_text(variables, as_json));
    Diagnostics found;
    EXPECT_EQ(parse_env_file(source, EnvFileNames::variables, found), variables);
    EXPECT_FALSE(found.has_errors());
  }
}

}  // namespace
}  // namespace buildspec_run
