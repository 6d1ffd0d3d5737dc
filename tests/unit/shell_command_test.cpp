#include "actions/shell_command.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

std::string show(std::optional<std::string_view> shell, std::string_view path = "/t/s.x") {
  const ShellCommand command = choose_shell(shell);
  std::string text = command.program;
  if (!command.fallback.empty()) text += "|" + command.fallback;
  text += " <" + command.arguments + "> " + command.script_extension + ":";
  const Result<std::vector<std::string>> arguments = shell_arguments(command, path);
  if (!arguments) return text + "!" + arguments.error().message;
  for (const std::string& argument : *arguments) text += " [" + argument + "]";
  return text;
}

constexpr std::string_view kInvalid =
    "!Invalid shell option. Shell must be a valid built-in (bash, sh, cmd, powershell, pwsh) or a format "
    "string "
    "containing '{0}'";

// actions.md 3.14, the table.
TEST(ShellCommand, KnowsTheBuiltInShells) {
  EXPECT_EQ(show(std::nullopt), "bash|sh <-e {0}> .sh: [-e] [/t/s.x]");
  EXPECT_EQ(show(""), "bash|sh <-e {0}> .sh: [-e] [/t/s.x]");
  EXPECT_EQ(show("bash"),
            "bash <--noprofile --norc -e -o pipefail {0}> .sh: [--noprofile] [--norc] [-e] [-o] [pipefail] "
            "[/t/s.x]");
  EXPECT_EQ(show("sh"), "sh <-e {0}> .sh: [-e] [/t/s.x]");
  EXPECT_EQ(show("pwsh"), "pwsh <-command \". '{0}'\"> .ps1: [-command] [. '/t/s.x']");
  EXPECT_EQ(show("powershell"), "powershell <-command \". '{0}'\"> .ps1: [-command] [. '/t/s.x']");
  EXPECT_EQ(
      show("cmd"),
      "cmd </D /E:ON /V:OFF /S /C \"CALL \"{0}\"\"> .cmd: [/D] [/E:ON] [/V:OFF] [/S] [/C] [CALL /t/s.x]");
  EXPECT_EQ(show("python"), "python <{0}> .py: [/t/s.x]");
  // The table is looked up without regard to case.
  EXPECT_EQ(show("Bash"),
            "Bash <--noprofile --norc -e -o pipefail {0}> .sh: [--noprofile] [--norc] [-e] [-o] [pipefail] "
            "[/t/s.x]");
}

// actions.md 3.14, "Custom templates".
TEST(ShellCommand, TakesTemplates) {
  EXPECT_EQ(show("perl {0}"), "perl <{0}> : [/t/s.x]");
  EXPECT_EQ(show("perl   -w  {0} "), "perl <-w  {0} > : [-w] [/t/s.x]");
  EXPECT_EQ(show("perl \xC2\xA0{0}"), "perl <{0}> : [/t/s.x]");
  EXPECT_EQ(show("bash "),
            "bash <--noprofile --norc -e -o pipefail {0}> .sh: [--noprofile] [--norc] [-e] [-o] [pipefail] "
            "[/t/s.x]");
  EXPECT_EQ(show("bash -e {0}"), "bash <-e {0}> .sh: [-e] [/t/s.x]");
  EXPECT_EQ(show("python -u {0}"), "python <-u {0}> .py: [-u] [/t/s.x]");
  EXPECT_EQ(show("/bin/bash -e {0}"), "/bin/bash <-e {0}> : [-e] [/t/s.x]");
  EXPECT_EQ(show("zsh"), fmt::format("zsh <> :{}", kInvalid));
  EXPECT_EQ(show("bash -e"), fmt::format("bash <-e> .sh:{}", kInvalid));
  EXPECT_EQ(show("bash -e {0:x}"), fmt::format("bash <-e {{0:x}}> .sh:{}", kInvalid));
  EXPECT_EQ(show(" bash"), fmt::format(" <bash> :{}", kInvalid));
  EXPECT_EQ(show("x {0} {0:y} {{}}"), "x <{0} {0:y} {{}}> : [/t/s.x] [/t/s.x] [{}]");
  EXPECT_EQ(show("pwsh -c \"& { {0} }\""),
            "pwsh <-c \"& { {0} }\"> .ps1:!Input string was not in a correct format. Failure to parse near "
            "offset 7. "
            "Expected an ASCII digit.");
  EXPECT_EQ(show("x {0} {1}"),
            "x <{0} {1}> :!Index (zero based) must be greater than or equal to zero and less than "
            "the size of the argument list.");
}

// actions.md 3.14: the path goes in without quotes.
TEST(ShellCommand, QuotesNothing) {
  EXPECT_EQ(show("sh", "/a b/s"), "sh <-e {0}> .sh: [-e] [/a] [b/s]");
  EXPECT_EQ(show("sh -e '{0}'", "/a b/s"), "sh <-e '{0}'> .sh: [-e] ['/a] [b/s']");
  EXPECT_EQ(show("sh -e \"{0}\"", "/a b/s"), "sh <-e \"{0}\"> .sh: [-e] [/a b/s]");
  EXPECT_EQ(show("sh", "/a\"b/s"), "sh <-e {0}> .sh: [-e] [/a\"b/s]");
}

// actions.md 3.14, "Script file".
TEST(ShellCommand, FixesUpScripts) {
  const auto contents = [](std::string_view shell) { return script_contents(choose_shell(shell), "a\nb"); };
  constexpr std::string_view kPowerShell =
      "$ErrorActionPreference = 'stop'\na\nb\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit "
      "$LASTEXITCODE }";
  EXPECT_EQ(contents("pwsh"), kPowerShell);
  EXPECT_EQ(contents("powershell -File {0}"), kPowerShell);
  EXPECT_EQ(contents("cmd"), "@echo off\na\nb");
  for (const std::string_view shell : {"", "bash", "sh", "python", "PWSH", "/usr/bin/pwsh {0}", "Cmd"})
    EXPECT_EQ(contents(shell), "a\nb") << shell;
}

}  // namespace
}  // namespace buildspec_run
