// What a process of a step sees. Source: actions.md 3.8, 3.12.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actions/expr/datum.h"

namespace buildspec_run {

using VariableList = std::vector<std::pair<std::string, std::string>>;

/// The entries that steps have put before PATH.
class PathEntries {
 public:
  /// One that is there moves to the front.
  void add(std::string_view entry);
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  /// The newest last.
  [[nodiscard]] const std::vector<std::string>& entries() const noexcept { return entries_; }
  /// `original` with the entries before it, the newest first; unchanged when it begins with them.
  [[nodiscard]] std::string before(std::string_view original) const;

 private:
  std::vector<std::string> entries_;  // the newest last
};

/// The layers of 3.8, from below.
struct EnvironmentLayers {
  const std::map<std::string, std::string>& inherited;  // of the host; not for containers
  const DatumObject& env;                               // the env context
  const DatumObject* job_env = nullptr;  // that of the job: its PATH is what entries are put before
  const DatumObject* state = nullptr;    // STATE_…
  std::span<const std::pair<std::string, std::string>> inputs;  // INPUT_…, complete names
  std::span<const std::pair<std::string, std::string>>
      more;                           // of a container's metadata: only where not yet set
  const PathEntries* path = nullptr;  // nullptr: a container, which gets none
  std::span<const std::pair<std::string, std::string>> contexts;  // GITHUB_…, RUNNER_…
  std::string_view tracking_id;
};

/// The environment of a process. A value ends at a NUL byte; a name that is empty or holds '=' is left out, as no
/// process can be given either.
[[nodiscard]] std::map<std::string, std::string> process_environment(const EnvironmentLayers& layers);

}  // namespace buildspec_run
