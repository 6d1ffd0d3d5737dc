// What .NET, in which GitHub's runner is written, makes of text: where it differs from the obvious, users can see it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace buildspec_run {

/// `bytes` as valid UTF-8: one U+FFFD for each longest beginning of a character that does not go on, as .NET decodes.
[[nodiscard]] std::string decode_utf8(std::string_view bytes);

/// The text of a file: UTF-8, or what its byte order mark says (UTF-8, UTF-16 and UTF-32 in both orders), without the mark.
/// What is malformed becomes U+FFFD.
[[nodiscard]] std::string decode_file(std::string_view bytes);

/// Without the Unicode white space at its beginning.
[[nodiscard]] std::string_view trim_start(std::string_view text) noexcept;
/// Empty, or nothing but Unicode white space.
[[nodiscard]] bool is_blank(std::string_view text) noexcept;

/// A decimal of 32 bits, with a sign and blanks around it (int.TryParse).
[[nodiscard]] std::optional<int> parse_int32(std::string_view text) noexcept;
/// The same of nothing but digits (NumberStyles.None).
[[nodiscard]] std::optional<int> parse_digits32(std::string_view text) noexcept;

}  // namespace buildspec_run
