// How codebuild-breakpoint stops a command: it writes down the variables and the directory that it was called with, which are
// those of the command at that point, and waits for a line from a named pipe. Whoever watches the command finds what it wrote,
// opens a shell from it, and writes the line. All of this lies in a directory that is the running user's alone: what is read
// from it becomes variables of a shell.

#include "runner/exec/debug_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "runner/base/check.h"
#include "runner/base/text.h"
#include "runner/exec/event_stream.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kStopped = "-stopped";
constexpr std::string_view kOpen = "open";      // a shell is open: in it, codebuild-breakpoint does nothing
constexpr std::string_view kResume = "resume";  // the pipe
constexpr std::chrono::seconds kReaderComes{5};

Path own_directory(const Path& of_build) { return of_build / "debug"; }

bool may_be(Stop::At at, Answer answer) { return answer != Answer::retry || at != Stop::At::before; }

}  // namespace

struct DebugSession::Watched {
  Stop where;
  InteractiveShell shell;
  std::stop_source halt;
  std::stop_token stop;
};

DebugSession::DebugSession(Around around) : around_(std::move(around)) {}
DebugSession::~DebugSession() = default;

Result<void> DebugSession::prepare() {
  if (!around_.breakpoints) return {};
  const Path directory = own_directory(around_.directory);
  if (Result<void> made = make_directories(directory, 0700); !made) return made;
  if (::mkfifo((directory / kResume).c_str(), 0600) != 0 && errno != EEXIST)
    return system_error("make the pipe of codebuild-breakpoint", errno);
  return {};
}

std::string DebugSession::breakpoint_script() const {
  if (!around_.breakpoints) return {};
  return fmt::format(
      "#!/bin/sh\n"
      "# Stops the build here, as in a debug session of the cloud: buildspec-run opens a shell, and writes a "
      "line to\n"
      "# the pipe when this command is to go on.\n"
      "d={}\n"
      "[ -e \"$d/{}\" ] && exit 0\n"
      "umask 077\n"
      "export -p > \"$d/$$-env.sh\" && pwd > \"$d/$$-dir.txt\" && : > \"$d/$${}\" || exit 0\n"
      "while [ -p \"$d/{}\" ]; do read -r line < \"$d/{}\" && break; done\n"
      "exit 0\n",
      shell_quote(own_directory(around_.directory).native()), kOpen, kStopped, kResume, kResume);
}

Answer DebugSession::stand(const Stop& stop, InteractiveShell shell, const std::stop_token& token) {
  shell.terminal = around_.terminal;
  shell.supervisor = around_.supervisor;
  shell.directory = around_.directory;
  shell.name = stop.label;
  const std::string at(to_string(stop.at));
  for (;;) {
    if (token.stop_requested()) return Answer::go_on;
    const auto began = Clock::now();
    ShellClosed closed{stop.label, at, false, {}, {}};
    if (shell.terminal.empty()) {
      closed.problem = "there is no terminal";
    } else {
      around_.events.tell(
          ShellOpened{stop.label, at, interactive_program(shell).native(), shell.working_directory});
      const Result<ShellEnd> end = open_interactive_shell(shell, token, around_.kill);
      if (end)
        closed.resumed = end->resumed;
      else
        closed.problem = end.error().message;
    }
    closed.took = Clock::now() - began;
    around_.events.tell(closed);
    if (token.stop_requested()) return Answer::go_on;
    const Answer answer =
        closed.resumed ? Answer::go_on : around_.controller.after_shell(stop, closed.problem);
    check(may_be(stop.at, answer), "before a command there is nothing to run again");
    around_.events.tell(StopAnswered{stop.label, at, std::string(to_string(answer))});
    if (answer != Answer::shell) return answer;
  }
}

Result<void> DebugSession::watch(Stop where, InteractiveShell shell, std::stop_source halt,
                                 std::stop_token stop) {
  check(around_.breakpoints, "without breakpoints there is nothing to watch");
  halted_by_.reset();
  const Path directory = own_directory(around_.directory);
  const std::string user = shell.user.empty() ? name_of_caller() : shell.user;
  if (!user.empty() && may_switch_user()) {
    // The directory of the build lets that user through to it.
    std::error_code failed;
    if (!shell.user.empty())
      std::filesystem::permissions(around_.directory, std::filesystem::perms(0711), failed);
    for (const Path& given : {directory, directory / kResume})
      if (Result<void> done = give_to_user(given, user); !done) return done;
  }
  watched_ = std::make_unique<Watched>(
      Watched{std::move(where), std::move(shell), std::move(halt), std::move(stop)});
  return {};
}

std::optional<Answer> DebugSession::unwatch() {
  watched_.reset();
  return std::exchange(halted_by_, std::nullopt);
}

void DebugSession::look() {
  if (watched_ == nullptr || halted_by_) return;
  std::vector<Path> stopped;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(own_directory(around_.directory), failed), end;
       !failed && entry != end; entry.increment(failed))
    if (entry->path().native().ends_with(kStopped)) stopped.push_back(entry->path());
  for (const Path& each : stopped)
    if (!halted_by_) serve(each);
}

/// `stopped`: the mark of one call of codebuild-breakpoint.
void DebugSession::serve(const Path& stopped) {
  const std::string start = stopped.native().substr(0, stopped.native().size() - kStopped.size());
  InteractiveShell shell = watched_->shell;
  shell.state = start + "-env.sh";
  if (const Result<std::string> directory = read_file(start + "-dir.txt", 64 << 10);
      directory && directory->ends_with('\n'))
    shell.working_directory = directory->substr(0, directory->size() - 1);
  Stop where = watched_->where;
  where.at = Stop::At::inside;
  Answer answer = around_.controller.at_breakpoint(where);
  if (answer == Answer::shell) {
    const Path open = own_directory(around_.directory) / kOpen;
    static_cast<void>(write_new_file(open, ""));  // without it, a breakpoint in the shell waits for nobody
    answer = stand(where, std::move(shell), watched_->stop);
    static_cast<void>(remove_tree(open));
  }
  for (const Path& file : {stopped, Path(start + "-env.sh"), Path(start + "-dir.txt")})
    static_cast<void>(remove_tree(file));  // goes with its directory
  if (answer == Answer::go_on) return release();
  halted_by_ = answer;
  watched_->halt.request_stop();
}

/// Lets the one that waits go on. It opens the pipe in a moment, or has been killed.
void DebugSession::release() {
  const Path pipe = own_directory(around_.directory) / kResume;
  const Clock::time_point give_up = Clock::now() + kReaderComes;
  do {
    const int descriptor = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor >= 0) {
      const bool written = ::write(descriptor, "\n", 1) == 1;
      ::close(descriptor);
      if (written) return;
    }
    ::poll(nullptr, 0, 2);
  } while (Clock::now() < give_up && !watched_->stop.stop_requested());
}

}  // namespace buildspec_run
