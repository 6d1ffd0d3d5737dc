// What the store tells while it fetches.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace buildspec_run {

struct StoreEvent {
  enum class Kind {
    line,      // of the job's log, in the runner's words (actions.md 1.3)
    warning,   // so, too (actions.md 1.4, 1.5)
    debug,     // so, too
    progress,  // of a download
  };
  Kind kind = Kind::line;
  std::string action;             // "owner/repo@ref"; empty: of no one
  std::string text;               // of all but progress
  std::uint64_t done_bytes = 0;   // of progress
  std::uint64_t total_bytes = 0;  // 0: not known
};

using OnStoreEvent = std::function<void(const StoreEvent&)>;

}  // namespace buildspec_run
