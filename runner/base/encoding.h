// Bytes as text: base64 (RFC 4648) and percent encoding (RFC 3986).
#pragma once

#include <string>
#include <string_view>

namespace buildspec_run {

/// With padding.
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// In the URL-safe alphabet (RFC 4648, section 5), without padding.
[[nodiscard]] std::string to_base64_url(std::string_view bytes);

inline constexpr std::string_view kUpperHex = "0123456789ABCDEF", kLowerHex = "0123456789abcdef";

/// `text` with all but letters, digits, "-._~" and the bytes of `kept` as %XX, in the digits of `hex`; a blank that is not
/// kept becomes `blank`.
[[nodiscard]] std::string percent_encoded(std::string_view text, std::string_view kept = "",
                                          std::string_view hex = kUpperHex, std::string_view blank = "%20");

}  // namespace buildspec_run
