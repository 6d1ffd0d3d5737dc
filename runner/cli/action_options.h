// Options about actions, the same for every subcommand that fetches them.
#pragma once

#include <string>
#include <variant>

#include "actions/store/action_store.h"
#include "runner/cli/command_line.h"

namespace buildspec_run {

inline constexpr OptionSpec kOfflineOption = {"--offline", "", OptionSpec::Takes::nothing, "",
                                              "fetch no action: take those that have been fetched before"};
inline constexpr OptionSpec kLockedOption = {"--locked", "", OptionSpec::Takes::nothing, "",
                                             "refuse actions that buildspec.lock does not hold"};
inline constexpr OptionSpec kGithubUrlOption = {
    "--github-url", "", OptionSpec::Takes::value, "URL",
    "the GitHub server that actions are fetched from; default: https://github.com"};
inline constexpr OptionSpec kActionsUrlTemplateOption = {
    "--actions-url-template", "", OptionSpec::Takes::value, "URL",
    "fetch actions by git from here, such as https://mirror/{owner}/{repo}.git"};
inline constexpr OptionSpec kActionsRewriteOption = {
    "--actions-rewrite",
    "",
    OptionSpec::Takes::value,
    "FROM=TO",
    "fetch the action OWNER/REPO, OWNER/* or * from TO: another OWNER/REPO, or a URL or path for git, with "
    "{owner} and {repo} filled in; the first that matches counts; @FILE holds one a line",
    true};
inline constexpr OptionSpec kReplaceOption = {"--replace",
                                              "",
                                              OptionSpec::Takes::value,
                                              "OWNER/REPO=DIR",
                                              "take an action from a directory, whatever its ref",
                                              true};
inline constexpr OptionSpec kActionCacheOption = {
    "--action-cache", "", OptionSpec::Takes::value, "DIR",
    "where fetched actions are kept; default: $XDG_CACHE_HOME/buildspec-run/actions, "
    "~/.cache/buildspec-run/actions"};

/// What they and the environment say, or what is wrong with them: wrong usage. `source_dir`: what relative paths of
/// --replace count from is the working directory; `lock_file` is where the lock of the buildspec would be.
std::variant<ActionStoreOptions, std::string> action_store_options_of(const Invocation& invocation,
                                                                      const Path& lock_file);

/// Where the lock of a buildspec is: beside it. `buildspec_name` as read_buildspec names its text; "<stdin>" is in
/// `source_dir`.
[[nodiscard]] Path lock_file_of(const std::string& buildspec_name, const Path& source_dir);

/// The directory that the program's shared modules lie in.
[[nodiscard]] Path modules_of(const Path& program);

}  // namespace buildspec_run
