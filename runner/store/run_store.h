// Kept runs: for each a directory with the complete masked log and its events, pruned by count, age and size.
//
//   <state>/runs/<run id>/log            the build's output and our lines about it, masked
//                        /events.jsonl   one event a line; an output event names offset and length in `log`
//                        /lock           held (flock) while the run is alive
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/event/event.h"
#include "runner/sys/files.h"

namespace buildspec_run {

struct PruneLimits {
  std::size_t runs = 100;
  std::chrono::hours age{24 * 30};
  std::uint64_t bytes = std::uint64_t{2} << 30;
};

/// A new run id: sorts by time, unique on this machine: "20261124T060444Z-1f2e3d4c".
[[nodiscard]] std::string make_run_id(std::chrono::system_clock::time_point now);

/// `$XDG_STATE_HOME/buildspec-run`, else `$HOME/.local/state/buildspec-run`; empty when neither is an absolute path.
[[nodiscard]] Path state_directory(const std::string& xdg_state_home, const std::string& home);

/// Keeps one run while it happens.
class KeptRun : public EventSink {
 public:
  [[nodiscard]] virtual const Path& directory() const = 0;
  [[nodiscard]] virtual Path log_file() const = 0;
  /// What could not be kept (a full disk), for the summary; empty when all was.
  [[nodiscard]] virtual std::string problem() const = 0;
};

/// Opens `<state>/runs/<run_id>`. An Error leaves the build as it is: nothing is kept then.
Result<std::unique_ptr<KeptRun>> keep_run(const Path& state, std::string_view run_id);

/// Removes the oldest finished runs beyond the limits. Runs that are alive, in this process or another, are left alone.
/// Never fails: what cannot be removed stays.
void prune_runs(const Path& state, const PruneLimits& limits, std::chrono::system_clock::time_point now);

}  // namespace buildspec_run
