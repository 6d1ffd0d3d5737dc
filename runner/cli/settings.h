// Options that are set beside the command line: in configuration files and in the environment.
//
//   color: never              an option of every command that has it, by its long name
//   env: {STAGE: dev}         one of NAME=VALUE as a mapping, one that may be repeated as a list
//   run:                      of one command
//     timeout: 20m
//     strict-parity: yes
//
// From the weakest to the strongest: ~/.config/buildspec-run/config.yml (personal), .buildspec-run.yml of the source
// directory or of the nearest one above it in its repository, the variable BUILDSPEC_RUN_<OPTION>, the command line. A
// section of a command beats the same option outside of it in the same file. Of an option that may be repeated all
// count, the strongest last.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/cli/command_line.h"

namespace buildspec_run {

/// One value that is set for an option.
struct Setting {
  const OptionSpec* option = nullptr;
  std::string value;   // of an option without a value "true", or "false" where it is taken back
  std::string origin;  // "/home/me/project/.buildspec-run.yml:3:12", "BUILDSPEC_RUN_TIMEOUT"
};

/// What is set for one command, the weakest first.
struct Settings {
  struct File {
    Path path;
    bool there = false;
  };
  std::vector<File> files;  // where was looked: personal, repository
  std::vector<Setting> settings;
  std::vector<std::unique_ptr<SourceText>> sources;  // what the diagnostics point into
};

/// Reads what files and environment say about the options of `command`. What is wrong there is in `found`, with its
/// place: an unknown key (`unknown-setting`), a value that the option does not take (`bad-setting`), one that a file
/// may not set (`setting-not-here`), text that is no YAML. A relative path in a file counts from the file's directory.
[[nodiscard]] Settings read_settings(const Invocation& invocation, const Subcommand& command,
                                     Diagnostics& found);

/// What one file sets for `command`; `path` is where it is, `in_repository` whether it came with a repository.
void read_settings_text(const SourceText& source, const Path& path, bool in_repository,
                        const Subcommand& command, std::vector<Setting>& settings, Diagnostics& found);

/// Puts them below what the command line says.
void apply_settings(const std::vector<Setting>& settings, Arguments& arguments);

/// The variable of the environment that stands for an option: "BUILDSPEC_RUN_TIMEOUT".
[[nodiscard]] std::string variable_of(const OptionSpec& option);

}  // namespace buildspec_run
