// Patterns of `on-failure: RETRY-<regex>`, in RE2: the cloud's agent is a Go program, and Go's regexp is
// RE2's syntax.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace buildspec_run {

/// Why `pattern` cannot be used ("missing ): a(b"), or nullopt when it can. Takes time linear in its length;
/// a pattern that would need more than 8 MiB is refused.
[[nodiscard]] std::optional<std::string> pattern_error(std::string_view pattern);

/// Whether `pattern` matches somewhere in `text`, as Go's MatchString does. False for a pattern with an
/// error.
[[nodiscard]] bool pattern_matches(std::string_view pattern, std::string_view text);

}  // namespace buildspec_run
