#include "runner/sys/interrupts.h"

#include <pthread.h>

#include <csignal>
#include <utility>

#include "runner/base/check.h"

namespace buildspec_run {
namespace {

// As if SIGTSTP had not been held: by default the process is stopped, in the eyes of its shell by this very signal; in
// a group without a shell, and where it is ignored, nothing happens. Returns when the process is continued.
void stop_this_process() {
  sigset_t suspension, before;
  sigemptyset(&suspension);
  sigaddset(&suspension, SIGTSTP);
  raise(SIGTSTP);
  pthread_sigmask(SIG_UNBLOCK, &suspension, &before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// SIGUSR1 is how the destructor wakes the thread; it is blocked everywhere else, so nobody else loses it.
sigset_t waited_for() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGUSR1}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

Interrupts::Interrupts() {
  const sigset_t signals = waited_for();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed stdout is an error of write(), not the end of a build
  std::signal(SIGXFSZ, SIG_IGN);  // so is a log as large as `ulimit -f` lets it be
  waiting_ = std::thread([this] { wait_for_signals(); });
}

Interrupts::~Interrupts() {
  over_ = true;
  pthread_kill(waiting_.native_handle(), SIGUSR1);
  waiting_.join();
}

void Interrupts::on_suspend(std::function<void(const std::function<void()>& stop)> last_word) {
  const std::lock_guard lock(suspending_);
  last_word_ = std::move(last_word);
}

void Interrupts::suspend() {
  const std::lock_guard lock(suspending_);
  if (last_word_)
    last_word_(stop_this_process);
  else
    stop_this_process();
}

void Interrupts::wait_for_signals() {
  const sigset_t signals = waited_for();
  while (!over_) {
    int signal = 0;
    check(sigwait(&signals, &signal) == 0, "sigwait knows its signals");
    if (signal == SIGUSR1) continue;
    if (signal == SIGTSTP) {
      suspend();
      continue;
    }
    int none = 0;
    if (first_signal_.compare_exchange_strong(none, signal))
      stop_.request_stop();
    else
      kill_.request_stop();
  }
}

}  // namespace buildspec_run
