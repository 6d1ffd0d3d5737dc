// `shell:` to a program and its arguments. Source: actions.md 3.14.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"

namespace buildspec_run {

struct ShellCommand {
  std::string program;   // to look for; not there: "<program>: command not found"
  std::string fallback;  // to look for when `program` is not there; empty: none
  std::string
      arguments;  // template with "{0}", as the log shows it; whether it is good, shell_arguments says
  std::string script_extension;  // ".sh"; may be empty
};

/// `shell`: evaluated; nullopt or empty for an unspecified one (bash, else sh).
[[nodiscard]] ShellCommand choose_shell(std::optional<std::string_view> shell);

/// The arguments for the script at `script_path`. An Error's message is the runner's ("Invalid shell option. …", or
/// .NET's words about a template that is none).
[[nodiscard]] Result<std::vector<std::string>> shell_arguments(const ShellCommand& shell,
                                                               std::string_view script_path);

/// What is written to the script's file: the script, for PowerShell and cmd with their first and last lines.
[[nodiscard]] std::string script_contents(const ShellCommand& shell, std::string_view script);

}  // namespace buildspec_run
