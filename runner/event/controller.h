// What must be answered while a build runs is asked here, on the build's thread.
#pragma once

#include <string>
#include <string_view>

#include "runner/event/event.h"
#include "runner/event/selection.h"

namespace buildspec_run {

enum class Answer { go_on, skip, retry, shell, abort };
/// "continue", "skip", "retry", "shell", "abort".
[[nodiscard]] std::string_view to_string(Answer answer) noexcept;

/// Where a build stands still.
struct Stop {
  enum class At {
    before,  // a command or step that is to run
    inside,  // one that has called codebuild-breakpoint and waits
    background,  // one that has been left behind, by the command or step of the label or while that runs, and does the same
    after,  // one that has ended
  };
  At at = At::before;
  std::string phase, label;
  std::string text;                     // of the command; the name of the step
  Status status = Status::in_progress;  // after: how it ended
  ExitStatus exit = {};
};
[[nodiscard]] std::string_view to_string(Stop::At at) noexcept;  // "before", …

class Controller {
 public:
  virtual ~Controller() = default;
  /// Before anything runs, once: which part of the plan is to, and whether it is only to be told of. Not asked when there is
  /// no plan.
  virtual Selection select(const PlanMade&) { return {}; }
  /// Before a task starts: go_on, skip, shell or abort.
  virtual Answer before(const TaskStarted& task) = 0;
  /// After it ended: go_on; retry, which has it run again; skip, which takes a failure as a success; shell; or abort.
  virtual Answer after(const TaskFinished& task) = 0;
  /// A task has called codebuild-breakpoint, in a debug session: shell, or what after_shell may say.
  virtual Answer at_breakpoint(const Stop&) { return Answer::shell; }
  /// The shell that was wanted has been left (`problem`: could not be opened, and why), but not by codebuild-resume: go_on,
  /// skip, shell (another one) or abort; inside and after also retry. Inside, skip ends the task and takes it as run. In the
  /// background there is nothing to skip: go_on, shell or abort.
  virtual Answer after_shell(const Stop&, const std::string& problem) {
    return problem.empty() ? Answer::go_on : Answer::abort;
  }
};

/// Lets everything take its course.
class UnattendedController : public Controller {
 public:
  Answer before(const TaskStarted&) override { return Answer::go_on; }
  Answer after(const TaskFinished&) override { return Answer::go_on; }
};

}  // namespace buildspec_run
