#include "runner/lint/lint.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "runner/base/json.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/lint/formats.h"
#include "runner/lint/shell_words.h"
#include "runner/lint/validate.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

std::string found_in(const std::string& text) {
  const SourceText source("b.yml", text);
  Diagnostics found;
  validate_text(source, found);
  std::string out;
  for (const Diagnostic& diagnostic : found.all()) {
    const LineColumn at = source.place(diagnostic.where.begin);
    out += fmt::format("{}:{} {} {}\n", at.line, at.column, to_string(diagnostic.severity), diagnostic.id);
  }
  return out;
}

// `commands` are the lines of the list; the first is line 5, and its text column 9.
std::string of_commands(const std::string& commands, const std::string& version = "0.2") {
  return found_in("version: " + version + "\nphases:\n  build:\n    commands:\n" + commands);
}

TEST(Lint, NamesWhatDoesNotDoWhatItLooksLike) {
  const std::pair<std::string, std::string> kCases[] = {
      // buildspec.md 1.4, U57
      {"      - nohup serve & echo $! > pid\n      - wait $(cat pid)\n",
       "6:9 warning wait-foreign-process\n"},
      {"      - wait \"$(cat pid)\"\n", "5:9 warning wait-foreign-process\n"},
      {"      - wait `cat pid`\n", "5:9 warning wait-foreign-process\n"},
      {"      - kill $(cat pid)\n", ""},
      {"      - echo wait $(cat pid)\n", ""},
      {"      - sleep 1 & wait $!\n", ""},
      // options
      {"      - set -e\n", "5:9 warning option-not-carried\n"},
      {"      - set -euo pipefail\n", "5:9 warning option-not-carried\n"},
      {"      - set -e; make\n", ""},
      {"      - |\n        set -e\n        make\n", ""},
      {"      - set -- a b\n", ""},
      // functions
      {"      - f() { echo; }\n      - f\n", "6:9 warning function-not-carried\n"},
      {"      - f() { echo; }; f\n", ""},
      {"      - f() { echo; }\n      - . ./lib.sh && f\n", ""},
      {"      - f() { echo; }\n      - echo f\n", ""},
      // the end of a script
      {"      - make \\\n", "5:14 warning backslash-at-end\n"},
      {"      - 'echo \\\\'\n", ""},
      {"      - cat <<EOF\n", "5:9 warning here-document-open\n"},
      {"      - |\n        cat <<EOF\n        [[ $x ]]\n        EOF\n", ""},
      {"      - |\n        #!/bin/bash\n        make\n", "5:9 note shebang-ignored\n"},
      // sh is dash on Ubuntu images
      {"      - if [[ -f x ]]; then make; fi\n", "5:12 note bashism\n"},
      {"      - source env\n", "5:9 note bashism\n"},
      {"      - a=(1 2)\n", "5:9 note bashism\n"},
      {"      - cat <<< x\n", "5:13 note bashism\n"},
      {"      - |\n        make\n        [[ -f x ]]\n", "7:9 note bashism\n"},
      {"      - \"[[ -f x ]]\"\n", "5:10 note bashism\n"},
      {"      - echo '[[' \"[[\" \\[[ # [[\n", ""},
      {"      - bash -c '[[ -f x ]]'\n", ""},
      {"      - X=(1) make && a= (b)\n", "5:9 note bashism\n"},
  };
  for (const auto& [commands, want] : kCases) {
    SCOPED_TRACE(commands);
    EXPECT_EQ(of_commands(commands), want);
  }
}

TEST(Lint, KnowsThatVersion01CarriesNothing) {
  EXPECT_EQ(of_commands("      - cd sub\n      - export A=b\n      - cd sub && make\n", "0.1"),
            "5:9 warning state-not-carried\n6:9 warning state-not-carried\n");
}

TEST(Lint, LeavesBashismsToBash) {
  EXPECT_EQ(of_commands("      - '[[ -f x ]]'\nenv: {shell: bash}\n"), "");
  EXPECT_EQ(of_commands("      - 'set -e'\nenv: {shell: powershell.exe}\n"), "");
}

TEST(Lint, NamesVariablesNoShellCanUse) {
  EXPECT_EQ(
      of_commands(
          "      - make\nenv:\n  variables: {my-var: a, 1A: b, ok_1: c}\n  parameter-store: {ok_1: p}\n"),
      "7:15 warning variable-not-usable\n7:26 warning variable-not-usable\n8:21 warning variable-shadowed\n");
}

TEST(Lint, SaysNothingOfThisMachine) {
  EXPECT_EQ(of_commands("      - make\nproxy: {logs: yes}\nartifacts: {files: [a]}\n"), "");
}

TEST(Lint, StopsAfterAThousand) {
  std::string commands;
  for (int i = 0; i < 3000; ++i) commands += "      - set -e\n";
  const std::string found = of_commands(commands);
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 1000);
}

std::string words(std::string_view script) {
  std::string out;
  for (const ShellWord& word : scan_shell(script).words)
    out += (out.empty() ? "" : " ") + std::string(word.is_command ? "*" : "") +
           (word.text == "\n" ? "LF" : std::string(word.text));
  return out;
}

TEST(ShellWords, KnowWhereCommandsBegin) {
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"a b", "*a b"},
      {"A=1 b c", "A=1 *b c"},
      {"a && b || c; d & e | f", "*a && *b || *c ; *d & *e | *f"},
      {"if a; then b; fi", "*if *a ; *then *b ; *fi"},
      {"a > f b", "*a > f b"},
      {"> f a", "> f *a"},
      {"a 2>&1", "*a 2 >& 1"},
      {"x=$(a b) c", "x= $( *a b ) *c"},
      {"a 'b c' \"d $(e \"f\") g\" h", "*a 'b c' \"d $(e \"f\") g\" h"},
      {"a\nb # c d\ne", "*a LF *b LF *e"},
      {"a <<E b\n[[ x\nE\nc", "*a << b LF *c"},
      {"a <<-'E'\n\t[[ x\n\tE\nc", "*a <<- LF *c"},
      {"a \\\nb", "*a b"},
      {"'open", "*'open"},
      {"\"open $(x", "*\"open $(x"},
      {"${a:-b c} d", "*${a:-b c} d"},
  };
  for (const auto& [script, want] : kCases) {
    SCOPED_TRACE(script);
    EXPECT_EQ(words(script), want);
  }
}

std::vector<Diagnostic> two_files(const SourceText& a, const SourceText& b) {
  Diagnostics found;
  found.error(a, {2, 3}, "later", "second");
  found.warning(a, {0, 1}, "sooner", "first");
  found.error(b, {}, "whole", "of the whole").cloud_message = "text";
  found.add(Severity::note, "nowhere", "of no text");
  return found.take();
}

TEST(Formats, PrintAFileByPlace) {
  const SourceText a("a.yml", "x\ny\n"), b("b.yml", "");
  EXPECT_EQ(format_plain(two_files(a, b)),
            "a.yml:1:1: warning: first [sooner]\na.yml:2:1: error: second [later]\nb.yml: error: of the "
            "whole [whole]\n"
            "buildspec-run: note: of no text [nowhere]\n");
  EXPECT_EQ(format_pretty(two_files(a, b)).substr(0, 63),
            "a.yml:1:1: warning: first [sooner]\n    1 | x\n      | ^\na.yml:2:");
}

TEST(Formats, PrintJson) {
  const SourceText a("a.yml", "x\ny\n"), b("b.yml", "");
  const Result<Value> json = parse_json(format_json(two_files(a, b)));
  ASSERT_TRUE(json);
  ASSERT_EQ(json->array()->size(), 4u);
  EXPECT_EQ(
      to_json((*json->array())[1]),
      R"({"file":"a.yml","line":2,"column":1,"endLine":2,"endColumn":2,"severity":"error","id":"later","message":"second",)"
      R"("cloudMessage":null})");
  EXPECT_EQ(
      to_json((*json->array())[2]),
      R"({"file":"b.yml","line":null,"column":null,"endLine":null,"endColumn":null,"severity":"error","id":"whole",)"
      R"("message":"of the whole","cloudMessage":"text"})");
  EXPECT_EQ(to_json((*json->array())[3]).substr(0, 12), R"({"file":null)");
  EXPECT_EQ(format_json({}), "[]\n");
}

std::string ends_of(const std::string& commands) {
  const SourceText source("b.yml", "version: 0.2\nphases:\n  build:\n    commands:\n" + commands);
  Diagnostics found, ends;
  const Document document = parse_document(source, found);
  const Buildspec buildspec = decode_buildspec(source, document, Purpose::run, found);
  const Plan plan = lower_buildspec(buildspec, found);
  lint_script_ends(buildspec, plan, ends);
  std::string out;
  for (const Diagnostic& diagnostic : ends.all()) out.append(diagnostic.id).append("\n");
  return out;
}

// What a run tells: the failure of such a command is lost, and of nothing else.
TEST(Lint, TellsARunWhoseFailuresAreLost) {
  EXPECT_EQ(ends_of("      - false \\\n"), "backslash-at-end\n");
  EXPECT_EQ(ends_of("      - 'echo \\\\'\n"), "");
  EXPECT_EQ(ends_of("      - cat <<EOF\n"), "here-document-open\n");
  EXPECT_EQ(ends_of("      - |\n        cat <<EOF\n        x\n        EOF\n      - echo $((1<<2))\n"), "");
  EXPECT_EQ(ends_of("      - (( x = (1 << 2) << 3 )) && cat <<EOF\n"), "here-document-open\n");
  EXPECT_EQ(ends_of("      - x=$(( (1+1) <<2 )); (( x << 3 ))\n"), "");
  EXPECT_EQ(ends_of("      - set -e\n      - '[[ x ]]'\n"), "");
}

// actions.md 3.6: what is mixed with ${{ }} becomes a format(), whose text is not empty.
TEST(Lint, NamesAConditionThatIsAlwaysTrue) {
  const auto of_if = [](const std::string& condition) {
    return found_in("version: 0.2\nphases:\n  build:\n    steps:\n      - run: x\n        if: " + condition +
                    "\n");
  };
  for (const char* text : {"\"${{ false }} || true\"", "\" ${{ false }}\"", "|\n          ${{ false }}",
                           "\"${{ true }}${{ false }}\"", "${{ env.A }} && ${{ env.B }}"})
    EXPECT_EQ(of_if(text), "6:13 warning if-always-true\n") << text;
  for (const char* text :
       {"${{ false }}", "env.A == 'b'", "${{ env.A == '}} x' }}", "${{ env.A == 'it''s }}' }}", "''"})
    EXPECT_EQ(of_if(text), "") << text;
}

}  // namespace
}  // namespace buildspec_run
