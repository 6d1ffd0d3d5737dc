// The cloud's log of a build, read: what its phases and commands came to. Source: buildspec.md 3.5 to 3.9.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

struct CloudCommand {
  /// The command as it is echoed, and behind it its output, which nothing separates from a command of several lines.
  std::string text;
  std::string end;  // "exit status 2", "signal: killed"; empty: the log tells of no failure

  /// Whether this is what the cloud's log has of a command `text`.
  [[nodiscard]] bool is(std::string_view command) const;
};

struct CloudPhase {
  std::string name;           // "BUILD"
  std::string status;         // "SUCCEEDED", …; empty: the log ends before the phase does
  std::string code, message;  // phase context
  std::vector<CloudCommand> commands;
};

struct CloudLog {
  std::vector<CloudPhase> phases;  // in the order of the log

  [[nodiscard]] const CloudPhase* find_phase(std::string_view name) const;
};

/// Reads a log as it was downloaded, or as `aws logs tail` or the local agent prints it: whatever stands
/// before "[Container]" in the first line of the agent (times of CloudWatch, a stream's name, "agent_1  | ", the console's numbers of lines) is taken away
/// from each line that has the like of it. Lines may end in CR LF. Of several builds the last one counts. Any bytes may be in
/// it. nullopt: there is no line of the cloud's agent.
[[nodiscard]] std::optional<CloudLog> parse_cloud_log(std::string_view text);

/// As text for tests: one fact a line.
[[nodiscard]] std::string dump(const CloudLog& log);

}  // namespace buildspec_run
