// What steps are called. Source: actions.md 3.3, 3.11.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "actions/action_reference.h"

namespace buildspec_run {

/// The ids of one job or composite action. Names are compared without regard to case.
class StepIds {
 public:
  /// Who checks: the service looks at a workflow's steps, the runner less closely at a composite action's.
  enum class Check { service, runner };

  /// Takes an explicit id. What is wrong with it is returned, in the runner's words; it is not taken then.
  std::optional<std::string> take(std::string_view id, Check check);
  /// An id that nothing has yet, made from `base` ("run", "owner/repo", "self", an image): "__run",
  /// "__run_2". nullopt when all 999 of them are taken.
  std::optional<std::string> generate(std::string_view base);

 private:
  std::set<std::string, std::less<>> taken_;  // in lower case
};

/// What the generated id of a step is made from that uses `reference`.
[[nodiscard]] std::string id_base(const ActionReference& reference);

/// The display name of a step without one that uses `reference`: "Run owner/repo@ref", "Run ./path", "Run
/// alpine:3".
[[nodiscard]] std::string default_name(const ActionReference& reference);

}  // namespace buildspec_run
