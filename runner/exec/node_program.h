// Which node runs a JavaScript action. Source: actions.md 2.4, "Impl".
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/sys/process.h"

namespace buildspec_run {

struct NodeVersion {
  std::string path;
  int major = 0;  // 0: it does not say
};

/// The oldest node that is tried: Debian 12's. Actions are made for newer ones, which a warning says.
inline constexpr int kOldestNode = 18;
/// The oldest that actions declare and GitHub still has; older declarations mean this one (2.4).
inline constexpr int kOldestDeclaredNode = 20;

/// `given` (an absolute path), or the node on `search_path`; asked for its version, unless the headers that it was
/// installed with tell. An Error's message is for people: none is there, or it is too old, and what helps.
Result<NodeVersion> find_node(const std::string& given, const std::string& search_path, const Path& directory,
                              ProcessRunner& processes, std::stop_token stop);

/// 20 for "node20"; 0 for what is none. What is older than node20 runs with that (2.4).
[[nodiscard]] int declared_node(std::string_view using_version);

}  // namespace buildspec_run
