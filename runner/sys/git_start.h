// Starting libgit2, inside the shared module for git.
#pragma once

#include <string>

namespace buildspec_run {

/// Starts libgit2, once. Cheap: nothing is prepared for the network.
[[nodiscard]] bool start_libgit2();

/// Reads the certificates that https trusts, again only when they are others: from `file` or `directory`, when both are empty from where systems keep
/// them. Empty, or what was in the way.
[[nodiscard]] std::string prepare_https(const std::string& file, const std::string& directory);

/// Starts libssh2, once; `home` has the known hosts. Empty, or what was in the way.
[[nodiscard]] std::string prepare_ssh(const std::string& home);

/// What libgit2 said about the call that has just failed.
[[nodiscard]] std::string last_git_error();

}  // namespace buildspec_run
