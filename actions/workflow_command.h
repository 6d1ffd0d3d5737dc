// `::name k=v,k=v::data` and `##[name k=v;k=v]data` in a line that a step prints. Source: actions.md 4.2, 4.3.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actions/name_value.h"

namespace buildspec_run {

struct WorkflowCommand {
  std::string name;                   // as written
  std::vector<NameValue> properties;  // in the order first seen, one of a name; escapes decoded
  std::string data;                   // escapes decoded

  /// The value of a property, its name compared without regard to case; nullptr when it is not there.
  [[nodiscard]] const std::string* property(std::string_view name) const noexcept;
  bool operator==(const WorkflowCommand&) const = default;
};

/// Reads one line, without its end, as a command: by the first grammar, else by the second. nullopt for plain output, and for
/// a name that `is_registered` does not know (it compares without regard to case). Cannot fail: a step may print what it
/// likes. Linear in the line.
[[nodiscard]] std::optional<WorkflowCommand> parse_workflow_command(
    std::string_view line, const std::function<bool(std::string_view name)>& is_registered);

/// Whether `parse_workflow_command` can find anything in `line`: a quick look that is never wrong about a no.
[[nodiscard]] bool may_be_workflow_command(std::string_view line) noexcept;

}  // namespace buildspec_run
