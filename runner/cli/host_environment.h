// Which variables of the host a build sees.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

/// The names and patterns (`*` stands for any characters) that always pass (README, "The environment").
[[nodiscard]] std::span<const std::string_view> inherited_names();

/// Whether `name` matches `pattern`, in which each `*` stands for any characters.
[[nodiscard]] bool matches_name(std::string_view pattern, std::string_view name);

/// The variables of `host` that pass: those of the list, and those that one of `more` matches. Names that a
/// shell could not hold never pass.
[[nodiscard]] std::map<std::string, std::string> inherited_environment(
    const std::map<std::string, std::string>& host, const std::vector<std::string>& more);

}  // namespace buildspec_run
