// Images of container actions: pulled or built before a container is run of them. Source: actions.md 8.2.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/container/engine.h"

namespace buildspec_run {

/// One image that is needed.
struct ImageNeed {
  struct Build {
    std::string dockerfile, context;  // absolute
  };
  std::string image;           // what is pulled, or the tag of what is built (image_tag)
  std::optional<Build> build;  // nullopt: pulled
  std::string cwd;             // of the client: the root of the action's repository, or the workspace
  /// A local action's image: built when its step starts, tried once, under another title.
  bool is_local = false;
  bool offline = false;  // not pulled: it must be there
  std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;  // for all attempts together
};

/// What preparing says, in order. All of it belongs to the log, unmasked.
struct ImageListener {
  std::function<void(std::string_view line)>
      line;  // ours: "##[group]…", "##[command]…", without a line ending
  std::function<void(std::string_view text)> warning;  // ours, for `##[warning]`
  ProcessRunner::OnOutput output;                      // the client's
};

struct ImageOutcome {
  bool ready = false;
  bool stopped = false;    // by `stop`
  bool timed_out = false;  // by the deadline
  std::string
      failure;  // when none of these: what GitHub's runner says, "Docker pull failed with exit code 1"
};

/// How long to wait before the next attempt. By default 1 to 10 seconds, at random.
using BackOff = std::function<std::chrono::milliseconds()>;
[[nodiscard]] BackOff random_back_off();

/// Pulls or builds an image: three attempts with a wait between them; one for a local action's. Where an image cannot be
/// pulled but is on this machine, it is used, with a warning. A build that replaces an image of the same tag removes the
/// old one when nothing uses it. An Error: the client could not be started.
Result<ImageOutcome> prepare_image(const ContainerEngine& engine, const ImageNeed& need,
                                   ProcessRunner& processes, const ImageListener& listener,
                                   std::stop_token stop, const BackOff& back_off);

}  // namespace buildspec_run
