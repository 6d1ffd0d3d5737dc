// What must be answered while a build runs is asked here, on the build's thread.
#pragma once

#include "runner/event/event.h"
#include "runner/event/selection.h"

namespace buildspec_run {

enum class Answer { go_on, skip, retry, shell, abort };

class Controller {
 public:
  virtual ~Controller() = default;
  /// Before anything runs, once: which part of the plan is to, and whether it is only to be told of. Not asked when there is
  /// no plan.
  virtual Selection select(const PlanMade&) { return {}; }
  /// Before a task starts: go_on, skip or abort.
  virtual Answer before(const TaskStarted& task) = 0;
  /// After it ended: go_on, retry or abort.
  virtual Answer after(const TaskFinished& task) = 0;
};

/// Lets everything take its course.
class UnattendedController : public Controller {
 public:
  Answer before(const TaskStarted&) override { return Answer::go_on; }
  Answer after(const TaskFinished&) override { return Answer::go_on; }
};

}  // namespace buildspec_run
