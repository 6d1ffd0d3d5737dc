// Characters as the expression language sees them. GitHub's engine works on UTF-16, ours on UTF-8: what can be seen from
// outside (lengths, the order of strings, white space, upper case) is computed here as it comes out there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace buildspec_run {

/// The code point that begins at `at`, which moves behind it. A byte that is no part of well-formed UTF-8 is a character of its own,
/// 0x110000 and the byte, equal to nothing but itself.
[[nodiscard]] char32_t next_character(std::string_view text, std::size_t& at) noexcept;

/// Length in UTF-16 code units.
[[nodiscard]] std::size_t utf16_length(std::string_view text) noexcept;

/// Unicode white space.
[[nodiscard]] bool is_white_space(char32_t c) noexcept;
[[nodiscard]] std::string_view trim_white_space(std::string_view text) noexcept;

/// Simple one-to-one upper case (Unicode 14). U+0131 and U+017F, whose upper case is ASCII, are left alone (actions.md 12.2).
[[nodiscard]] char32_t to_upper_case(char32_t c) noexcept;
[[nodiscard]] std::string to_upper_case(std::string_view text);

/// The order of the upper-cased UTF-16 code units: below, at or above 0.
[[nodiscard]] int compare_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// A keyword of the language: [A-Za-z_][A-Za-z0-9_-]*.
[[nodiscard]] bool is_keyword(std::string_view text) noexcept;

}  // namespace buildspec_run
