// How a secret may stand in a text: as it is, and as encoders and shells write it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

/// All forms of actions.md 9.2 for one value, without duplicates.
[[nodiscard]] std::vector<std::string> secret_forms(std::string_view value);

/// What shells, JSON, URL, XML and base64 writers make of a value beyond those, and without them: our own, as
/// 9.2 is the least that is masked.
[[nodiscard]] std::vector<std::string> further_secret_forms(std::string_view value);

// How shells write a value; without the quotes around it.

/// `text` with `to` in the place of each `from`: in single quotes, a `'` is `'"'"'` (dash) or `'\''` (ksh, zsh, set -x of bash).
[[nodiscard]] std::string replaced(std::string_view text, char from, std::string_view to);
/// Between double quotes, as bash's `declare -x` writes a value.
[[nodiscard]] std::string double_quoted(std::string_view text);
/// Between $' and ', as bash writes a value with control characters, and printf %q does; with `ascii`, what is no ASCII as
/// well, as in the C locale. Source: bash, lib/sh/strtrans.c, ansic_quote.
[[nodiscard]] std::string ansi_c_quoted(std::string_view text, bool ascii);

}  // namespace buildspec_run
