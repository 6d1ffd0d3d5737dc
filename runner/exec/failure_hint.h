// What may be behind the failure of a command, for people.
#pragma once

#include <string>
#include <string_view>

#include "runner/base/exit_status.h"

namespace buildspec_run {

/// Keeps the end of what a command printed: enough for a hint, little enough to forget about.
class LastOutput {
 public:
  void add(std::string_view chunk);
  [[nodiscard]] std::string_view text() const noexcept { return tail_; }

 private:
  std::string tail_;
};

/// A hint about the failure of `command`, which printed `tail` last and ran in the program `shell`; empty
/// when nothing is known. Holds nothing of the output.
[[nodiscard]] std::string failure_hint(std::string_view command, std::string_view tail,
                                       const ExitStatus& exit, std::string_view shell);

}  // namespace buildspec_run
