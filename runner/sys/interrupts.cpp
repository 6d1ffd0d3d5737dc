#include "runner/sys/interrupts.h"

#include <pthread.h>

#include <csignal>
#include <utility>

#include "runner/base/check.h"

namespace buildspec_run {
namespace {

// As if it had not been held: by default the process is stopped or ended, in the eyes of its shell by this very signal; in
// a group without a shell SIGTSTP does nothing, as what is ignored does. Returns when the process is continued.
void heed(int signal) {
  sigset_t held, before;
  sigemptyset(&held);
  sigaddset(&held, signal);
  raise(signal);
  pthread_sigmask(SIG_UNBLOCK, &held, &before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// SIGUSR1 is how the destructor wakes the thread; it is blocked everywhere else, so nobody else loses it.
sigset_t waited_for() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGQUIT, SIGUSR1}) sigaddset(&signals, signal);
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

void Interrupts::suspend(int signal) {
  const std::lock_guard lock(suspending_);
  if (last_word_)
    last_word_([signal] { heed(signal); });
  else
    heed(signal);
}

void Interrupts::wait_for_signals() {
  const sigset_t signals = waited_for();
  while (!over_) {
    int signal = 0;
    check(sigwait(&signals, &signal) == 0, "sigwait knows its signals");
    if (signal == SIGUSR1) continue;
    if (signal == SIGTSTP || signal == SIGQUIT) {
      suspend(signal);
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
