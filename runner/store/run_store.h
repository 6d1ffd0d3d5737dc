// Kept runs: for each a directory with the complete masked log and its events, pruned by count, age and size.
//
//   <state>/runs/<run id>/log            the build's output and our lines about it, masked
//                        /events.jsonl   one event a line; an output event names offset and length in `log`
//                        /summary.md     what steps wrote to GITHUB_STEP_SUMMARY, one behind the other; there
//                                        when one did
//                        /artifacts/     what actions uploaded (docs/services.md); there when one did
//                        /exit           the process's exit code, a number and LF; written last, and missing when it was killed
//                        /lock           held (flock) while the run is alive
//   <state>/runs/.new-<run id>           a run that is just being made: renamed when its lock is held
//               /.sizes                  "<run id> <bytes>" a line: what finished runs take, so that not all
//                                        are asked again; may be missing, old or damaged
//
// Directories have mode 0700, files 0600. `log` can be read alone. It holds the output byte for byte, and
// lines of ours, each of which begins on a new line (a LF is put before it where the output did not end with
// one):
//
//   [run] buildspec-run 0.1.0: buildspec.yml in /home/me/project
//   [BUILD build[0]] $ make              the command; its further lines begin with "[BUILD build[0]] > "
//   [BUILD build[1]] step: Run make      a step
//   [BUILD build[2]] skipped: Run make   a step whose condition is false
//   [BUILD build[0]] FAILED: exit status 2 (buildspec.yml:4:9)      only when it did not succeed
//   [BUILD] FAILED in 1.50 s: COMMAND_EXECUTION_ERROR: Error …      the result of a phase
//   [run] FAILED in 2.00 s: …                                       the result of the run
//
// and diagnostics as they are. Which bytes are output, the events say. Both files are written as the run
// goes, the log first: at each task's end and about every 0.1 s, so that a runner that is killed loses no
// more. Then the last line of either may be cut. When the disk is full, what is there stays, `events.jsonl`
// with whole lines; an output event may then name bytes that the log no longer got.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

/// The second in which the run `id` began; nullopt when that is no id of ours.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> start_of_run(std::string_view id);

/// `$XDG_STATE_HOME/buildspec-run`, else `$HOME/.local/state/buildspec-run`; empty when neither is an
/// absolute path.
[[nodiscard]] Path state_directory(const std::string& xdg_state_home, const std::string& home);

/// Keeps one run while it happens.
class KeptRun : public EventSink {
 public:
  [[nodiscard]] virtual const Path& directory() const = 0;
  [[nodiscard]] virtual Path log_file() const = 0;
  /// What could not be kept (a full disk), for the summary; empty when all was.
  [[nodiscard]] virtual std::string problem() const = 0;
  /// Keeps what the process is about to exit with.
  virtual void keep_exit_code(int code) = 0;
};

/// Makes `<state>/runs/<run_id>`, which must not be there. An Error leaves the build as it is: nothing is
/// kept then.
Result<std::unique_ptr<KeptRun>> keep_run(const Path& state, std::string_view run_id);

/// A run that was removed, and what it took on disk.
struct PrunedRun {
  std::string id;
  std::uint64_t bytes = 0;
};

/// Removes the oldest finished runs until the limits hold, and says which. A run's age counts from its start, its size is
/// that of its files. Runs that are alive, in this process or another, count but are left alone, and so
/// is what is not named like a run. Never fails: what cannot be removed stays. Any number of processes may
/// prune and start runs at once.
std::vector<PrunedRun> prune_runs(const Path& state, const PruneLimits& limits,
                                  std::chrono::system_clock::time_point now);

}  // namespace buildspec_run
