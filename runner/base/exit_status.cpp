#include "runner/base/exit_status.h"

#include <fmt/core.h>

#include <csignal>
#include <string_view>

namespace buildspec_run {
namespace {

struct SignalName {
  int number;
  std::string_view name;
};

// Source: Go, syscall/zerrors_linux_amd64.go, signals.
constexpr SignalName kSignalNames[] = {
    {SIGHUP, "hangup"},
    {SIGINT, "interrupt"},
    {SIGQUIT, "quit"},
    {SIGILL, "illegal instruction"},
    {SIGTRAP, "trace/breakpoint trap"},
    {SIGABRT, "aborted"},
    {SIGBUS, "bus error"},
    {SIGFPE, "floating point exception"},
    {SIGKILL, "killed"},
    {SIGUSR1, "user defined signal 1"},
    {SIGSEGV, "segmentation fault"},
    {SIGUSR2, "user defined signal 2"},
    {SIGPIPE, "broken pipe"},
    {SIGALRM, "alarm clock"},
    {SIGTERM, "terminated"},
};

}  // namespace

std::string to_string(const ExitStatus& status) {
  if (status.signal == 0) return fmt::format("exit status {}", status.code);
  for (const auto& [number, name] : kSignalNames)
    if (number == status.signal) return fmt::format("signal: {}", name);
  return fmt::format("signal: signal {}", status.signal);
}

}  // namespace buildspec_run
