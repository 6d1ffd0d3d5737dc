// Small questions about text that several modules ask.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace buildspec_run {

/// Number of code points in `text`; a byte that is no valid UTF-8 counts as one.
[[nodiscard]] std::size_t count_characters(std::string_view text) noexcept;

/// Columns that `text` takes on a terminal: two for wide characters (East Asian, emoji), none for combining
/// marks and control characters. A tab is one column here; who prints tabs expands them first.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// Offset of the first byte that does not continue well-formed UTF-8 (no surrogates, nothing overlong), if
/// any.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept;

/// `text` with every malformed byte sequence replaced by U+FFFD.
[[nodiscard]] std::string to_valid_utf8(std::string_view text);

/// The same, and every control character replaced, too: as a foreign text may stand in a message.
[[nodiscard]] std::string to_printable(std::string_view text);

/// Which of `known` is so near to `word` that a slip of the hand is likely (at most two edits, at most a
/// third of the word; case and '-'/'_' count as no edit).
[[nodiscard]] std::optional<std::string_view> find_similar(std::string_view word,
                                                           std::span<const std::string_view> known);

/// `; did you mean "commands"?`, or nothing when nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

/// `text` as one word of a POSIX shell: plain where that is safe, else in single quotes.
[[nodiscard]] std::string shell_quote(std::string_view text);

/// Whether a POSIX shell can hold a variable of this name: letters, digits and _, not beginning with a digit.
[[nodiscard]] bool is_variable_name(std::string_view name) noexcept;

/// ASCII letters in lower case.
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// `1 command`, `2 commands`.
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

}  // namespace buildspec_run
