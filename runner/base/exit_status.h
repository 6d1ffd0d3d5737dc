// How a process ended.
#pragma once

#include <string>

namespace buildspec_run {

/// By `code`, or by signal `signal` (then `code` is 128 + signal, as a shell would say).
struct ExitStatus {
  int code = 0;
  int signal = 0;
  [[nodiscard]] bool success() const noexcept { return code == 0 && signal == 0; }
  bool operator==(const ExitStatus&) const = default;
};

/// Go's text of a process's end, which the cloud's log prints: "exit status 2", "signal: killed".
/// Source: Go's os/exec and syscall.Signal.String; buildspec.md 3.7.
[[nodiscard]] std::string to_string(const ExitStatus& status);

}  // namespace buildspec_run
