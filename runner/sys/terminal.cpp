#include "runner/sys/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace buildspec_run {
namespace {

constexpr int kLookEvery = 100;  // milliseconds: how soon a stop is heeded

/// Why a process of ours could not have it; 0 when nothing is in the way.
Result<void> may_have(int terminal) {
  if (::tcgetsid(terminal) != ::getsid(0)) return Error{"it is not the terminal of this session", {}};
  if (::tcgetpgrp(terminal) != ::getpgrp()) return Error{"this program is in its background", {}};
  return {};
}

/// Holds back the signal that stops who changes or writes to a terminal from its background.
class FromBackground {
 public:
  FromBackground() {
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGTTOU);
    ::pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  FromBackground(const FromBackground&) = delete;
  ~FromBackground() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

Result<std::string> Terminal::find(int descriptor) {
  if (::isatty(descriptor) != 1) return Error{"standard input is none", {}};
  if (Result<void> may = may_have(descriptor); !may) return std::move(may.error());
  // Its own name, as programs ask for it. Where that is not in sight, as in a container, there is one for everybody's.
  std::array<char, 256> name{};
  if (::ttyname_r(descriptor, name.data(), name.size()) == 0) return std::string(name.data());
  return std::string("/dev/tty");
}

Result<Terminal> Terminal::open(const std::string& path) {
  Descriptor descriptor = open_at(AT_FDCWD, path.c_str(), O_RDWR | O_NOCTTY);
  if (!descriptor.valid()) return system_error("open " + path, errno);
  if (Result<void> may = may_have(descriptor.get()); !may) return std::move(may.error());
  termios modes{};
  if (::tcgetattr(descriptor.get(), &modes) != 0) return system_error("look at " + path, errno);
  return Terminal(std::move(descriptor), modes);
}

void Terminal::take_back() {
  if (!descriptor_.valid()) return;
  const FromBackground held;
  // What does not go well has lost its terminal: there is nothing to give back.
  static_cast<void>(::tcsetpgrp(descriptor_.get(), ::getpgrp()));
  static_cast<void>(::tcsetattr(descriptor_.get(), TCSADRAIN, &modes_));
}

void Terminal::give_to(int pid, std::string_view text) const {
  const FromBackground held;
  // When the terminal has gone, it is told so by whoever it is the terminal of.
  static_cast<void>(::tcsetpgrp(descriptor_.get(), pid));
  [[maybe_unused]] const ssize_t written = ::write(descriptor_.get(), text.data(), text.size());
}

std::optional<std::string> Terminal::read_line(const std::stop_token& stop) const {
  std::string line;
  while (!stop.stop_requested()) {
    pollfd ready{descriptor_.get(), POLLIN, 0};
    const int count = ::poll(&ready, 1, kLookEvery);
    if (count < 0 && errno != EINTR) return std::nullopt;
    if (count <= 0) continue;
    char byte = 0;  // one by one: what is typed ahead belongs to whoever reads next
    const ssize_t got = ::read(descriptor_.get(), &byte, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return std::nullopt;
    if (byte == '\n') return line;
    line += byte;
  }
  return std::nullopt;
}

}  // namespace buildspec_run
