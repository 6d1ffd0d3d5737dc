// The words of a shell script, as far as rules about it need them: no grammar, no expansion, and nothing from
// inside quotes, comments and here-documents, where a `[[` means nothing.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace buildspec_run {

struct ShellWord {
  /// As written, quotes included; operators are words of their own ("<<<", "&>", "$(", "&&").
  std::string_view text;
  std::size_t offset = 0;   // in the script
  bool is_command = false;  // stands where a command's name does
  bool is_operator = false;
};

struct ShellWords {
  std::vector<ShellWord> words;
  bool open_here_document = false;  // the script ends before its delimiter
};

/// Reads `script` in time linear in its length. Any text is accepted. The words point into `script`.
[[nodiscard]] ShellWords scan_shell(std::string_view script);

}  // namespace buildspec_run
