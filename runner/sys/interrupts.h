// SIGINT, SIGTERM and SIGHUP as stop tokens; SIGTSTP (Ctrl-Z) and SIGQUIT (Ctrl-\) as they are, but for a last word.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
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

  /// Has `last_word` called, on a thread of its own, when SIGTSTP is about to stop this process, or SIGQUIT to end it.
  /// It calls what it is given, once: that returns when the process is continued. Empty: it happens at once, as it does
  /// without this call. Returns when a call that is under way has ended.
  void on_suspend(std::function<void(const std::function<void()>& stop)> last_word);

 private:
  void wait_for_signals();
  void suspend(int signal);

  std::stop_source stop_, kill_;
  std::atomic<int> first_signal_ = 0;
  std::atomic<bool> over_ = false;
  std::mutex suspending_;  // guards last_word_
  std::function<void(const std::function<void()>& stop)> last_word_;
  std::thread waiting_;
};

}  // namespace buildspec_run
