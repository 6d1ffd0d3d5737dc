// `hashFiles` of the expression language: one sum over the files that glob patterns match. Source: actions.md 7.7; the order and the
// matching are those of GitHub's @actions/glob with minimatch.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/sys/digest.h"
#include "runner/sys/files.h"

namespace buildspec_run {

struct HashFilesRequest {
  Path workspace;                         // absolute; on the host, also for a job in a container
  std::string home;                       // what "~" stands for; empty: nothing
  std::span<const std::string> patterns;  // the arguments, the option as well
  std::chrono::milliseconds limit = std::chrono::seconds(120);
  /// Told what GitHub's helper prints: the files in their order, and why it failed. May be empty.
  std::function<void(std::string_view line)> trace = {};
};

/// Lower-case hex of the SHA-256 over the SHA-256 sums of all matching files, in the order in which they are found; the empty string
/// when there is none. An Error has the text that GitHub shows; a stop is an Error as well.
Result<std::string> hash_files(const HashFilesRequest& request, Sha256& sha256, std::stop_token stop = {});

}  // namespace buildspec_run
