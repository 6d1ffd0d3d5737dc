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
    fetched,   // what has been downloaded is there; of what came from nowhere else, nothing is told
    failed,    // what has been downloaded in part is not to be had
  };
  Kind kind = Kind::line;
  std::string action;            // "owner/repo@ref"; empty: of no one
  std::string text;              // of a line of the log
  std::uint64_t done_bytes = 0;  // of a download, up to now
};

using OnStoreEvent = std::function<void(const StoreEvent&)>;

}  // namespace buildspec_run
