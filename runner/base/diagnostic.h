// What is wrong with a user's text, with the place. Reading goes on after one, so that one run shows all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/source_text.h"

namespace buildspec_run {

enum class Severity { note, warning, error };

[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// buildspec.yml:4:5: error: unknown key "comands" in a phase; did you mean "commands"? [unknown-key]
///     4 |     comands:
///       |     ^~~~~~~
struct Diagnostic {
  Severity severity = Severity::error;
  const SourceText* source = nullptr;  // nullptr: about no text (an option, the machine)
  SourceRange where;                   // {0, 0}: about the whole text
  std::string message;                 // lower case, no full stop: what is there, then what would be right
  std::string_view id;                 // stable and grep-able; a literal
  /// The phase-context message the cloud would print for this error (buildspec.md 3.9); empty where the cloud
  /// says nothing.
  std::string cloud_message = {};
  /// The phase-context code that goes with it: "YAML_FILE_ERROR", …; empty where there is none.
  std::string_view cloud_code = {};
};

/// Collects diagnostics in the order found. Not thread-safe.
class Diagnostics {
 public:
  /// A diagnostic about `where` in `source`, which must outlive this collection and all that is taken from
  /// it.
  Diagnostic& add(Severity severity, const SourceText& source, SourceRange where, std::string_view id,
                  std::string message);
  Diagnostic& error(const SourceText& source, SourceRange where, std::string_view id, std::string message) {
    return add(Severity::error, source, where, id, std::move(message));
  }
  Diagnostic& warning(const SourceText& source, SourceRange where, std::string_view id, std::string message) {
    return add(Severity::warning, source, where, id, std::move(message));
  }
  /// One about no text.
  Diagnostic& add(Severity severity, std::string_view id, std::string message);

  [[nodiscard]] bool has_errors() const noexcept { return errors_ > 0; }
  [[nodiscard]] const std::vector<Diagnostic>& all() const noexcept { return found_; }
  /// Hands over what was found since the last take. `has_errors` still remembers.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  std::vector<Diagnostic> found_;
  std::size_t errors_ = 0;
};

/// One diagnostic for people, in the shape shown at Diagnostic, each line ending in LF. Columns count
/// characters; the caret stands by display width; a tab in the source line is shown as one blank; control
/// characters are shown as U+FFFD; a source line longer than 200 columns is cut around the place, with "…" at
/// the cut. `color`: with ANSI colours.
[[nodiscard]] std::string render(const Diagnostic& diagnostic, bool color = false);

/// The first line of `render` only: "<name>:<line>:<column>: error: <message> [<id>]".
[[nodiscard]] std::string render_line(const Diagnostic& diagnostic, bool color = false);

}  // namespace buildspec_run
