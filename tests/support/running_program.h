// A program that a test talks to while it runs: signals, a terminal, a reader who leaves.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace buildspec_run::test {

/// Whether `holds` becomes true within `limit`; asked about every two milliseconds.
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

/// What a new program starts with.
struct Start {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::filesystem::path cwd;
  std::filesystem::path out, err;          // files that stdout and stderr go to
  std::vector<int> closed;                 // descriptors that are not open in it
  int out_descriptor = -1;                 // instead of `out`
  bool on_terminal = false;                // all three streams are a terminal of its own
  unsigned short columns = 80, rows = 24;  // of that terminal
  bool heeds_permissions = false;          // root, too, may not write where the mode says no
};

class RunningProgram {
 public:
  explicit RunningProgram(const Start& start) {
    std::vector<std::string> pairs;
    for (const auto& [name, value] : start.env) pairs.push_back(name + "=" + value);
    std::vector<char*> arguments, environment;
    for (const std::string& argument : start.argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    for (const std::string& pair : pairs) environment.push_back(const_cast<char*>(pair.c_str()));
    arguments.push_back(nullptr);
    environment.push_back(nullptr);
    int its_end = -1;
    if (start.on_terminal) {
      winsize size{};
      size.ws_row = start.rows;
      size.ws_col = start.columns;
      if (::openpty(&terminal_, &its_end, nullptr, nullptr, &size) != 0) std::perror("openpty");
      ::fcntl(terminal_, F_SETFD, FD_CLOEXEC);
      initial_settings_ = settings();
    }
    pid_ = ::fork();
    if (pid_ != 0) {
      if (its_end >= 0) ::close(its_end);
      return;
    }
    if (its_end >= 0) ::login_tty(its_end);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_DFL);
    if (!start.on_terminal) {
      ::setpgid(0, 0);
      ::dup2(::open("/dev/null", O_RDONLY), 0);
      const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
      ::dup2(start.out_descriptor >= 0 ? start.out_descriptor : ::open(start.out.c_str(), flags, 0600), 1);
      ::dup2(::open(start.err.c_str(), flags, 0600), 2);
    }
    for (const int descriptor : start.closed) ::close(descriptor);
    if (start.heeds_permissions) {
      constexpr int kCapDacOverride = 1, kCapDacReadSearch = 2;  // capability.h
      ::prctl(PR_CAPBSET_DROP, kCapDacOverride);  // fails when we are not root: not needed then
      ::prctl(PR_CAPBSET_DROP, kCapDacReadSearch);
    }
    if (!start.cwd.empty() && ::chdir(start.cwd.c_str()) != 0) ::_exit(127);
    ::execve(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      static_cast<void>(wait());
    }
    if (terminal_ >= 0) ::close(terminal_);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(int signal) const { ::kill(pid_, signal); }

  /// Its exit code; 128 + signal for a signal; -1, and it is killed, when it goes on for longer than `limit`.
  int wait(std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    int status = 0;
    rusage used{};
    const bool ended = eventually(
        [&] {
          read_terminal();
          return ended_ || ::wait4(pid_, &status, WNOHANG, &used) == pid_;
        },
        limit);
    if (ended_) return exit_;
    ended_ = true;
    if (!ended) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      return exit_ = -1;
    }
    read_terminal();
    peak_kilobytes_ = used.ru_maxrss;
    return exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  /// Largest resident size, known when it has ended.
  [[nodiscard]] long peak_kilobytes() const { return peak_kilobytes_; }

  // With a terminal only.

  /// Everything that has been written to the terminal.
  [[nodiscard]] const std::string& screen() {
    read_terminal();
    return screen_;
  }
  void type(std::string_view keys) const {
    if (::write(terminal_, keys.data(), keys.size()) < 0) std::perror("type");
  }
  [[nodiscard]] termios settings() const {
    termios now{};
    ::tcgetattr(terminal_, &now);
    return now;
  }
  /// Those from before it began.
  [[nodiscard]] const termios& initial_settings() const { return initial_settings_; }
  /// As when somebody drags the border of its window.
  void resize(unsigned short columns, unsigned short rows) const {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    ::ioctl(terminal_, TIOCSWINSZ, &size);
  }
  /// The terminal goes away, as when its window is closed.
  void hang_up() {
    ::close(terminal_);
    terminal_ = -1;
  }

 private:
  void read_terminal() {
    while (terminal_ >= 0) {
      pollfd ready{terminal_, POLLIN, 0};
      if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0) return;
      char bytes[4096];
      const ssize_t got = ::read(terminal_, bytes, sizeof bytes);
      if (got <= 0) return;
      screen_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  pid_t pid_ = -1;
  int terminal_ = -1;
  termios initial_settings_{};
  bool ended_ = false;
  int exit_ = -1;
  long peak_kilobytes_ = 0;
  std::string screen_;
};

}  // namespace buildspec_run::test
