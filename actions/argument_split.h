// One string of arguments to many, as .NET does on Unix. Source: actions.md 3.14, 13.4.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"

namespace buildspec_run {

/// Blanks and tabs separate; `"` quotes, `\` only escapes before a `"`; nothing else means anything. Cannot fail.
[[nodiscard]] std::vector<std::string> split_arguments(std::string_view text);

/// `text` with each `{0}` replaced by `value`, by the rules of String.Format: `{{` and `}}` are braces, `{0,9}` pads, and
/// what follows a colon is passed over. An Error's message is .NET's.
[[nodiscard]] Result<std::string> format_argument(std::string_view text, std::string_view value);

/// The arguments of a Docker action: of the metadata (evaluated; may be empty texts), or else of the input `args`.
/// Source: actions.md 8.4.
[[nodiscard]] std::vector<std::string> container_arguments(const std::vector<std::string>* of_metadata,
                                                           std::string_view input_args);

}  // namespace buildspec_run
