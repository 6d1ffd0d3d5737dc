#include "actions/shell_command.h"

#include <fmt/core.h>

#include "actions/argument_split.h"
#include "actions/dotnet_text.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

struct Known {
  std::string_view name, arguments, script_extension;
};
constexpr Known kKnown[] = {
    {"bash", "--noprofile --norc -e -o pipefail {0}", ".sh"},
    {"cmd", "/D /E:ON /V:OFF /S /C \"CALL \"{0}\"\"", ".cmd"},
    {"powershell", "-command \". '{0}'\"", ".ps1"},
    {"pwsh", "-command \". '{0}'\"", ".ps1"},
    {"python", "{0}", ".py"},
    {"sh", "-e {0}", ".sh"},
};

const Known* find_known(std::string_view program) noexcept {
  for (const Known& known : kKnown)
    if (equals_ignoring_case(known.name, program)) return &known;
  return nullptr;
}

}  // namespace

ShellCommand choose_shell(std::optional<std::string_view> shell) {
  const std::string_view text = shell.value_or("");
  if (text.empty()) return {"bash", "sh", "-e {0}", ".sh"};
  const std::size_t space = text.find(' ');
  ShellCommand command;
  command.program = text.substr(0, space);
  if (space != std::string_view::npos) {
    const std::string_view arguments = text.substr(space + 1);
    command.arguments = trim_start(arguments);
  }
  if (const Known* known = find_known(command.program)) {
    command.script_extension = known->script_extension;
    if (command.arguments.empty()) command.arguments = known->arguments;
  }
  return command;
}

Result<std::vector<std::string>> shell_arguments(const ShellCommand& shell, std::string_view script_path) {
  if (shell.arguments.find("{0}") == std::string::npos)
    return Error{
        "Invalid shell option. Shell must be a valid built-in (bash, sh, cmd, powershell, pwsh) or a format "
        "string "
        "containing '{0}'"};
  std::string path;
  for (const char c : script_path) {
    if (c == '"') path += '\\';
    path += c;
  }
  Result<std::string> arguments = format_argument(shell.arguments, path);
  if (!arguments) return std::move(arguments.error());
  return split_arguments(*arguments);
}

std::string script_contents(const ShellCommand& shell, std::string_view script) {
  // Looked up as written here, unlike the rest.
  if (shell.program == "cmd") return fmt::format("@echo off\n{}", script);
  if (shell.program == "pwsh" || shell.program == "powershell")
    return fmt::format(
        "$ErrorActionPreference = 'stop'\n{}\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) {{ exit "
        "$LASTEXITCODE }}",
        script);
  return std::string(script);
}

}  // namespace buildspec_run
