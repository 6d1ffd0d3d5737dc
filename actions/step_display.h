// How a step is shown, and what its inputs are called. Source: actions.md 3.3, 3.9, 3.13.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "actions/name_value.h"

namespace buildspec_run {

/// "my input" is INPUT_MY_INPUT.
[[nodiscard]] std::string input_variable_name(std::string_view input);

/// A name without leading blanks, its first line only.
[[nodiscard]] std::string display_line(std::string_view name);
/// "Run make": of a step that has no name. `what`: the script; "owner/repo/path@ref", "./path", an image without docker://.
[[nodiscard]] std::string default_display_name(std::string_view what);

/// What the log shows before a script runs. `shell`: the path that was found, `arguments`: the template. Lines end in LF.
[[nodiscard]] std::string script_header(std::string_view script, std::string_view shell,
                                        std::string_view arguments, std::span<const NameValue> environment);
/// The same of an action, in its pre and main stage. `action`: "owner/repo/path@ref", "./path", "docker://image".
[[nodiscard]] std::string action_header(std::string_view action, std::span<const NameValue> inputs,
                                        std::span<const NameValue> environment);
/// What its post stage begins with.
inline constexpr std::string_view kPostHeader = "Post job cleanup.\n";

}  // namespace buildspec_run
