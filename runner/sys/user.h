// Users of this machine, for `run-as`.
#pragma once

#include <optional>
#include <string>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// Whether we may start processes as somebody else: effective user id 0.
[[nodiscard]] bool may_switch_user() noexcept;

/// Whether the machine knows a user of this name. A number is a name like any other.
[[nodiscard]] bool user_exists(const std::string& name);

/// Whether `name` is the user we run as.
[[nodiscard]] bool is_caller(const std::string& name);

/// Makes `path` (not what a link points to) belong to `name` and its group. Error ENOENT for a user there is
/// none of.
Result<void> give_to_user(const Path& path, const std::string& name);

/// The home directory that the machine's user table has for us; empty when it has none.
[[nodiscard]] std::string home_of_caller();

/// The login name of the user we run as, from the user table; empty when it has none.
[[nodiscard]] std::string name_of_caller();

}  // namespace buildspec_run
