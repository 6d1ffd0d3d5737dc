// Env files: variables and secrets a user hands over in a file, and exported variables written for the next
// stage.
//
//   # a comment                         NAME=VALUE lines; `export ` before a name is skipped
//   PLAIN=as it stands   # comment      unquoted: blanks around it and a comment after a blank go; nothing else
//                                       happens
//   SINGLE='literal'                    single quotes: everything up to the next one, over several lines, too
//   DOUBLE="two\nlines"                 double quotes: \n \r \t \" \\ \$ \` are escapes, others stay; over several
//                                       lines, too
//
// After a closing quote only a comment may follow. Nothing is ever expanded. A later line of the same name
// wins. A text whose first character is `{` is a JSON object of strings, numbers and booleans instead (taken
// by their JSON text).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/diagnostic.h"

namespace buildspec_run {

enum class EnvFileNames {
  variables,  // names that a shell can hold; another is an error
  any,        // whatever stands before the first `=`, blanks around it removed: names of secrets, too
};

/// Reads an env file. What is wrong is in `found` (`env-file-syntax`, with its place), and the rest is still
/// read. Any text of the file may be a secret: no message quotes it, and whoever shows one shows no source
/// line either.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_env_file(const SourceText& source,
                                                                              EnvFileNames names,
                                                                              Diagnostics& found);

/// `variables` as an env file that `parse_env_file` reads back to the same values, or as a JSON object.
[[nodiscard]] std::string exports_text(const std::vector<std::pair<std::string, std::string>>& variables,
                                       bool as_json);

}  // namespace buildspec_run
