// The foreign texts of a request: targets, ranges, lists of blocks. Nothing here allocates more than it was given, and
// whatever is not understood is nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace buildspec_run {

/// A request's target, taken apart.
struct RequestTarget {
  std::string path;                                        // as sent: neither decoded nor normalized
  std::vector<std::pair<std::string, std::string>> query;  // decoded: %XX, and "+" as a blank
  /// The value of the first parameter of that name; nullptr: there is none.
  [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
};

/// nullopt: it is no absolute path, or has an empty segment, "." or "..", plain or encoded.
[[nodiscard]] std::optional<RequestTarget> parse_target(std::string_view target);

/// `text` with each %XX decoded; what is no such triple stays. `plus_is_blank`: "+" is a blank, as forms encode it.
[[nodiscard]] std::string percent_decoded(std::string_view text, bool plus_is_blank);

/// Standard base64 without line breaks; the padding may be missing. nullopt: it is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// Of a download: from `first` on, to `last` where one is named.
struct ByteRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> last;  // not before `first`
  bool operator==(const ByteRange&) const = default;
};
/// "bytes=a-b", "bytes=a-". What asks for several ranges or for the last bytes is nullopt, and to be ignored.
[[nodiscard]] std::optional<ByteRange> parse_range(std::string_view text);

/// Of an upload: "bytes a-b/total", the total may be "*".
struct ContentRange {
  std::uint64_t first = 0, length = 0;
  std::optional<std::uint64_t> total;
  bool operator==(const ContentRange&) const = default;
};
/// An empty file comes as "bytes 0--1/0".
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);

/// The block ids that an Azure block list names, in order, decoded from base64. At most 50 000; no DTD. Source:
/// services.md 6.2.
[[nodiscard]] std::optional<std::vector<std::string>> parse_block_list(std::string_view xml);

/// Whether a file may have this name in a directory of ours: not empty, not "." or "..", at most 255 bytes, without "/", "\"
/// and control characters.
[[nodiscard]] bool is_plain_name(std::string_view name) noexcept;

/// Equal, in a time that depends on the lengths alone.
[[nodiscard]] bool equals_in_constant_time(std::string_view a, std::string_view b) noexcept;

}  // namespace buildspec_run
