// A build that stands still so that its user can look: before a command, inside one, or after it has failed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/event/controller.h"
#include "runner/exec/build_clock.h"
#include "runner/exec/interactive_shell.h"
#include "runner/sys/files.h"

namespace buildspec_run {

class EventStream;

/// The shells of one build. Not thread-safe.
class DebugSession {
 public:
  struct Around {
    Controller& controller;
    EventStream& events;
    std::string terminal;  // path; empty: there is none, and a shell that is wanted cannot be opened
    Path supervisor;       // the program
    Path directory;        // of the build
    std::stop_token kill;
    bool breakpoints = false;  // codebuild-breakpoint stops
  };
  explicit DebugSession(Around around);
  DebugSession(const DebugSession&) = delete;
  ~DebugSession();

  /// Makes what codebuild-breakpoint needs. Without breakpoints, nothing.
  Result<void> prepare();
  /// The text of codebuild-breakpoint; empty: it does nothing.
  [[nodiscard]] std::string breakpoint_script() const;

  /// Opens a shell and asks how it goes on, as often as a shell is what is wanted. `shell`: where it is opened; terminal,
  /// supervisor, directory and name are filled in. The answer is not `shell`; before a task it is not `retry`. A stop that
  /// comes meanwhile makes it go_on: the caller looks at its token. The build's clock stands still.
  Answer stand(const Stop& stop, InteractiveShell shell, const std::stop_token& token);

  /// What the limits of the build are counted by.
  [[nodiscard]] const BuildClock& clock() const { return clock_; }

  /// A process of a task runs from now on to `unwatch`: `look` opens a shell where it calls codebuild-breakpoint, and requests
  /// `halt` when it is not to go on. `stop`: of the task. Only in a session with breakpoints.
  Result<void> watch(Stop where, InteractiveShell shell, std::stop_source halt, std::stop_token stop);
  /// The watched process runs, as `pid`: what calls codebuild-breakpoint in its session belongs to its task, and anything else to
  /// what has been left in the background. Not told, as of a container: all of it does.
  void started(int pid);
  /// The process has ended. What was answered when it was halted: retry, skip or abort; only abort if it was something in the
  /// background that had stopped.
  std::optional<Answer> unwatch();
  /// To be called now and then while a process runs. Returns when the shell has been left, and for how long the build has stood
  /// still.
  BuildClock::duration look();

 private:
  struct Watched;

  void look_at_marks();
  void serve(int pid);
  void release_all();

  Around around_;
  BuildClock clock_;
  std::map<int, std::string> sessions_;  // of what has run: whose label a job in the background bears
  std::vector<int> to_release_;          // which wait in codebuild-breakpoint and are to go on
  std::unique_ptr<Watched> watched_;
  std::optional<Answer> halted_by_;
};

}  // namespace buildspec_run
