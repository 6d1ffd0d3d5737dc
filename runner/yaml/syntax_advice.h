// What a person should do about a YAML syntax error. libyaml says what it expected; the mistake behind it is
// nearly always an unquoted shell command, and can be told from the text around the place.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runner/base/source_text.h"

namespace buildspec_run {

struct SyntaxProblem {
  std::string_view problem;            // libyaml's words: "did not find expected key"
  std::string_view context;            // "while parsing a block mapping"; may be empty
  std::size_t where = 0;               // byte offset of the problem
  std::optional<std::size_t> started;  // byte offset where the context began
};

/// A message for a Diagnostic: what is there, then what would be right. Every problem has one; one we know
/// nothing better about is told in libyaml's words.
[[nodiscard]] std::string syntax_advice(const SourceText& source, const SyntaxProblem& problem);

}  // namespace buildspec_run
