// SIGINT, SIGTERM and SIGHUP as stop tokens.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace buildspec_run {

/// While it lives, the first of the three signals requests `stop` and a second one `kill`. Construct it
/// before other threads are started: it blocks the signals, and threads inherit that. SIGPIPE is ignored from
/// then on.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }
  [[nodiscard]] std::stop_token kill() const { return kill_.get_token(); }
  /// The first signal that came, 0 for none.
  [[nodiscard]] int first_signal() const { return first_signal_.load(); }

 private:
  void wait_for_signals();

  std::stop_source stop_, kill_;
  std::atomic<int> first_signal_ = 0;
  std::atomic<bool> over_ = false;
  std::thread waiting_;
};

}  // namespace buildspec_run
