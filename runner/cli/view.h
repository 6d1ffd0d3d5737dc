// What the views that people read have in common.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace buildspec_run {

struct ViewOptions {
  /// Only what failed, and the last line.
  bool quiet = false;
  /// Pretty only: commands show their output while they run, as they wrote it.
  bool show_output = false;
  /// Asked at the end: what of the run could not be kept, and why; empty: all was. For the summary.
  std::function<std::string()> log_problem = {};
  /// The events are those of a run that is over: nothing is shown that would be overwritten at once.
  bool replayed = false;
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

}  // namespace buildspec_run
