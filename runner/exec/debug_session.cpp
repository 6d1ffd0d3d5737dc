// How codebuild-breakpoint stops a command: it writes down the variables and the directory that it was called with, which are
// those of the command at that point, and waits for a line from a named pipe of its own. Whoever watches the command finds what
// it wrote, opens a shell from it, and writes the line. All of this lies in a directory that is the running user's alone: what is
// read from it becomes variables of a shell.

#include "runner/exec/debug_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
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

// Files of one call, behind the number of its process: that it waits, its variables, its directory, the pipe.
constexpr std::string_view kStopped = "-stopped", kVariables = "-env.sh", kDirectory = "-dir.txt",
                           kResume = "-resume";
// A shell is open; holds the number of the session it is in, where codebuild-breakpoint does nothing.
constexpr std::string_view kOpen = "open";

Path own_directory(const Path& of_build) { return of_build / "debug"; }

Path file_of(const Path& of_build, int pid, std::string_view name) {
  return own_directory(of_build) / fmt::format("{}{}", pid, name);
}

bool may_be(Stop::At at, Answer answer) {
  switch (answer) {
    case Answer::retry:
      return at == Stop::At::inside || at == Stop::At::after;
    case Answer::skip:
      return at != Stop::At::background;
    default:
      return true;
  }
}

}  // namespace

struct DebugSession::Watched {
  int pid = 0;  // of the process; 0: not known
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
  return make_directories(directory, 0700);
}

std::string DebugSession::breakpoint_script() const {
  if (!around_.breakpoints) return {};
  // Nothing is assigned before the variables have been written down, as it might be one of them.
  return fmt::format(
      "#!/bin/sh\n"
      "# Stops the build here, as in a debug session of the cloud: buildspec-run opens a shell, and writes a "
      "line to the\n"
      "# pipe when this command is to go on. In that shell it does nothing.\n"
      "( read -r shell < {0}/open || exit 1\n"
      "  read -r pid name state parent group session rest < /proc/$$/stat || exit 0\n"
      "  [ \"$session\" = \"$shell\" ] ) 2> /dev/null && exit 0\n"
      "umask 077\n"
      "export -p > {0}/$$-env.sh && pwd > {0}/$$-dir.txt || exit 0\n"
      "PATH=/usr/bin:/bin:$PATH\n"
      "mkfifo {0}/$$-resume && : > {0}/$$-stopped || exit 0\n"
      "while [ -p {0}/$$-resume ] && ! read -r line < {0}/$$-resume; do :; done\n"
      "exit 0\n",
      shell_quote(own_directory(around_.directory).native()));
}

Answer DebugSession::stand(const Stop& stop, InteractiveShell shell, const std::stop_token& token) {
  shell.terminal = around_.terminal;
  shell.supervisor = around_.supervisor;
  shell.directory = around_.directory;
  shell.name = stop.label;
  const std::string at(to_string(stop.at));
  const BuildClock::Pause pause(clock_);
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
    check(may_be(stop.at, answer), "what is answered is what such a stop offers");
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
    if (Result<void> given = give_to_user(directory, user); !given) return given;
  }
  watched_ = std::make_unique<Watched>(
      Watched{0, std::move(where), std::move(shell), std::move(halt), std::move(stop)});
  return {};
}

void DebugSession::started(int pid) {
  if (watched_ == nullptr) return;
  watched_->pid = pid;
  sessions_[pid] = watched_->where.label;
}

std::optional<Answer> DebugSession::unwatch() {
  watched_.reset();
  return std::exchange(halted_by_, std::nullopt);
}

BuildClock::duration DebugSession::look() {
  const BuildClock::duration before = clock_.stood_still();
  if (watched_ != nullptr && !halted_by_) look_at_marks();
  return clock_.stood_still() - before;
}

void DebugSession::look_at_marks() {
  std::vector<int> stopped;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(own_directory(around_.directory), failed), end;
       !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().native();
    int pid = 0;
    if (!name.ends_with(kStopped)) continue;
    std::from_chars(name.data(), name.data() + name.size() - kStopped.size(), pid);
    if (pid > 0) stopped.push_back(pid);
  }
  release_all();
  for (const int pid : stopped) {
    if (halted_by_) break;
    serve(pid);
    release_all();  // before the shell of the next one
  }
}

/// `pid`: of one call of codebuild-breakpoint.
void DebugSession::serve(int pid) {
  const auto file = [&](std::string_view name) { return file_of(around_.directory, pid, name); };
  Answer answer = Answer::go_on;
  const pid_t session = ::getsid(pid);
  const bool waits = session >= 0;  // it may have been killed meanwhile
  if (waits) {
    InteractiveShell shell = watched_->shell;
    if (std::exchange(shell.run, nullptr)) shell.program = "/bin/sh";  // no container calls it
    shell.state = file(kVariables);
    if (const Result<std::string> directory = read_file(file(kDirectory), 64 << 10);
        directory && directory->ends_with('\n'))
      shell.working_directory = directory->substr(0, directory->size() - 1);
    Stop where = watched_->where;
    where.at = Stop::At::inside;
    if (session != watched_->pid) {
      // What is decided about it must not be about the command that happens to run.
      where.at = Stop::At::background;
      where.text.clear();
      if (const auto known = sessions_.find(session); known != sessions_.end()) where.label = known->second;
    }
    answer = around_.controller.at_breakpoint(where);
    check(may_be(where.at, answer), "what is answered is what such a stop offers");
    if (answer == Answer::shell) {
      const Path open = own_directory(around_.directory) / kOpen;
      // Without it, a breakpoint in the shell waits for nobody.
      static_cast<void>(write_new_file(open, fmt::format("{}\n", ::getsid(0)), 0644));
      answer = stand(where, std::move(shell), watched_->stop);
      static_cast<void>(remove_tree(open));
    }
  }
  for (const std::string_view name : {kStopped, kVariables, kDirectory})
    static_cast<void>(remove_tree(file(name)));  // goes with its directory
  if (answer != Answer::go_on) {
    halted_by_ = answer;
    watched_->halt.request_stop();
  } else if (waits && !watched_->stop.stop_requested()) {
    to_release_.push_back(pid);
  }  // else it waits until it is ended: nothing of what comes behind it is to run
}

/// Lets those that are to go on do so. One that does not read its pipe yet will in a moment.
void DebugSession::release_all() {
  std::erase_if(to_release_, [&](int pid) {
    const Path pipe = file_of(around_.directory, pid, kResume);
    const int descriptor = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && ::getsid(pid) >= 0) return false;
    if (descriptor >= 0) {
      const bool written = ::write(descriptor, "\n", 1) == 1;
      ::close(descriptor);
      if (!written) return false;
    }
    static_cast<void>(remove_tree(pipe));  // goes with its directory
    return true;
  });
}

}  // namespace buildspec_run
