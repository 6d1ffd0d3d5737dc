// The regular expressions of problem matchers: .NET's, with its ECMAScript option, run by PCRE2. Source: actions.md 3.16.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"

namespace buildspec_run {

/// What .NET reads differently from PCRE2 is rewritten: \d \w \s \b know ASCII only, an unknown escape is the letter itself,
/// named groups are numbered after the others, there are no verbs, recursions or possessive quantifiers; a reference to a
/// group that has not matched is empty. Not known here: balancing groups, groups with a number for a name, two groups
/// of one name, the inline options n and x, and looking back over a text of varying length. Such an expression is an Error.
/// A character beyond U+FFFF is one character here and two in .NET.
class RegularExpression {
 public:
  /// An Error's message: "Invalid pattern '<pattern>' at offset <n>. <why>".
  static Result<RegularExpression> compile(std::string_view pattern);
  ~RegularExpression();
  RegularExpression(RegularExpression&&) noexcept;
  RegularExpression& operator=(RegularExpression&&) noexcept;

  /// The whole match counts as one.
  [[nodiscard]] std::size_t group_count() const noexcept;

  enum class Outcome { matched, not_matched, timed_out };
  /// Looks for the first match anywhere in `line` (valid UTF-8). `groups`: what each group has caught, which may be nothing;
  /// views of `line`. Ends in about `limit`, and sooner where steps or memory (64 MiB) run out, which is called timed out.
  Outcome match(std::string_view line, std::chrono::milliseconds limit,
                std::vector<std::string_view>& groups);

 private:
  struct State;
  explicit RegularExpression(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace buildspec_run
