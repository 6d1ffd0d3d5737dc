// A real shell on a real terminal of its own: the process that opens it is a child of the test's.
#include "runner/exec/interactive_shell.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>

#include "runner/sys/terminal.h"
#include "tests/support/files.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

class InteractiveShellTest : public testing::Test {
 protected:
  ~InteractiveShellTest() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (terminal_ >= 0) ::close(terminal_);
  }

  // Opens `shell` in a child, which exits with 0 when it was left, 10 by codebuild-resume, 20 when it was stopped, and says when
  // it is the foreground again.
  void open(InteractiveShell shell) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = 200;
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    ::sigprocmask(SIG_BLOCK, &held, nullptr);
    const Result<std::string> path = Terminal::find(0);
    if (!path) ::_exit(30);
    shell.terminal = *path;
    const Result<ShellEnd> end = open_interactive_shell(shell, {}, {});
    if (!end) ::_exit(31);
    if (::tcgetpgrp(0) == ::getpgrp()) static_cast<void>(::write(1, "ours again\n", 11));
    ::_exit(end->resumed ? 10 : end->stopped ? 20 : 0);
  }
  bool sees(std::string_view text) {
    return test::eventually([&] {
      pollfd ready{terminal_, POLLIN, 0};
      char bytes[4096];
      while (::poll(&ready, 1, 0) > 0) {
        const ssize_t got = ::read(terminal_, bytes, sizeof bytes);
        if (got <= 0) break;
        screen_.append(bytes, static_cast<std::size_t>(got));
      }
      return screen_.find(text) != std::string::npos;
    });
  }
  void type(std::string_view keys) {
    screen_.clear();
    ASSERT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  int exit_code() {
    int status = 0;
    if (!test::eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
  }
  InteractiveShell shell(const std::string& program) {
    std::filesystem::create_directories(files_ / "own");
    std::filesystem::create_directories(files_ / "work it");
    test::put(files_ / "env.sh", "export PLAIN='a b'\n");
    InteractiveShell made;
    made.supervisor = PROJECT_BINARY_DIR "/libexec/buildspec-run/buildspec-run-supervisor";
    made.directory = files_ / "own";
    made.program = program;
    made.environment = {{"PATH", "/usr/bin:/bin"}, {"TERM", "dumb"}, {"GIVEN", "1"}};
    made.start_directory = files_ / "own";
    made.working_directory = (files_ / "work it").native();
    made.state = (files_ / "env.sh").native();
    made.name = "build[1]";
    return made;
  }

  test::TemporaryDirectory files_;
  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string screen_;
};

TEST_F(InteractiveShellTest, HasTheStateTheForegroundAndItsJobs) {
  open(shell("/bin/sh"));
  ASSERT_TRUE(sees("(build[1])")) << screen_;
  type("echo \"<$PLAIN|$GIVEN|$(pwd)>\"\n");
  EXPECT_TRUE(sees("<a b|1|" + (files_ / "work it").native() + ">")) << screen_;
  type("MADE=here; sh -c 'echo \"<$MADE>\"'\n");
  EXPECT_TRUE(sees("<here>")) << screen_;
  // Ctrl-C is the shell's, and of what runs in it.
  type("sleep 100; echo \"after $?\"\n");
  ASSERT_TRUE(sees("sleep 100"));
  ::poll(nullptr, 0, 300);
  type("\x03");
  ASSERT_TRUE(sees("(build[1])")) << screen_;
  type("sleep 200 & jobs; echo \"$(ls \"$OLDPWD\")\"; touch made\n");
  ASSERT_TRUE(sees("Running")) << screen_;
  type("exit 3\n");
  EXPECT_TRUE(sees("ours again")) << screen_;
  EXPECT_EQ(exit_code(), 0);
  EXPECT_TRUE(std::filesystem::exists(files_ / "work it/made"));
  EXPECT_TRUE(std::filesystem::is_empty(files_ / "own")) << "its own files go with it";
}

TEST_F(InteractiveShellTest, IsLeftByResuming) {
  open(shell("/bin/bash"));
  ASSERT_TRUE(sees("(build[1])")) << screen_;
  type("codebuild-resume\n");
  EXPECT_EQ(exit_code(), 10);
}

TEST_F(InteractiveShellTest, EndsWithItsTerminal) {
  open(shell("/bin/sh"));
  ASSERT_TRUE(sees("(build[1])")) << screen_;
  type("sleep 4321 & echo \"job $!.\"\n");
  ASSERT_TRUE(sees("job ")) << screen_;
  ASSERT_TRUE(sees(".\r\n")) << screen_;
  const std::size_t at = screen_.rfind("job ");
  const pid_t job = std::atoi(screen_.c_str() + at + 4);
  ASSERT_GT(job, 1);
  ::close(terminal_);
  terminal_ = -1;
  EXPECT_GE(exit_code(), 0);
  EXPECT_TRUE(test::eventually([&] { return ::kill(job, 0) != 0; }));
}

TEST(Terminal, IsNotFoundWhereThereIsNone) {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const Result<std::string> found = Terminal::find(nothing);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "standard input is none");
  ::close(nothing);
}

}  // namespace
}  // namespace buildspec_run
