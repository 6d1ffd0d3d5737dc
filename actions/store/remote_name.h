// Names that come from a buildspec or an action.yml, and may be anything: what becomes part of a path or a URL is looked at
// first.
#pragma once

#include <string>
#include <string_view>

namespace buildspec_run {

/// Whether `name` can be an owner or a repository: letters, digits, '.', '_' and '-', not "." or "..", and not beginning
/// with '-'; at most 100 bytes.
[[nodiscard]] bool is_remote_name(std::string_view name) noexcept;

/// Whether git allows a reference of this name (git-check-ref-format), which does not begin with '-'; at most 250 bytes.
[[nodiscard]] bool is_ref_name(std::string_view name) noexcept;

/// Whether `text` is 40 hexadecimal digits (or 64, of a SHA-256 repository).
[[nodiscard]] bool is_full_commit(std::string_view text) noexcept;

/// Whether `text` can be the beginning of a commit's id: 7 to 39 hexadecimal digits.
[[nodiscard]] bool is_short_commit(std::string_view text) noexcept;

}  // namespace buildspec_run
