// The back end: runs a plan and tells what happens. It decides what follows a failure (buildspec.md section
// 3), nothing about YAML and nothing about printing.
#pragma once

#include <stop_token>

#include "runner/base/diagnostic.h"
#include "runner/base/result.h"
#include "runner/event/controller.h"
#include "runner/event/event.h"
#include "runner/exec/request.h"
#include "runner/plan/plan.h"
#include "runner/sys/git.h"
#include "runner/sys/process.h"

namespace buildspec_run {

class ActionProvider;  // actions/action_provider.h

/// What a build needs of the machine beyond processes. Without a provider a plan has no steps, without a terminal no shell can
/// be opened.
struct StepMachine {
  ActionProvider* actions = nullptr;
  Path supervisor;            // the program
  Path modules;               // directory of the shared modules
  std::string terminal = {};  // path
  std::stop_token kill = {};  // a second Ctrl-C
};

class EventStream;  // exec/event_stream.h: numbers, stamps and masks events

/// Runs `plan` to its end, retries included. `git` are the facts of the source directory. Events leave by
/// `events`, whose masker knows the request's secrets; RunFinished is the last of them whatever happens. An
/// Error: the machine could not.
Result<Finished> execute(const Plan& plan, const Request& request, const GitFacts& git,
                         ProcessRunner& processes, Controller& controller, EventStream& events,
                         std::stop_token stop, const StepMachine& steps = {});

/// Tells of a build that ends before its first command: DOWNLOAD_SOURCE fails with what the cloud says of
/// `error`, as it does for every mistake in a buildspec. RunStarted and the diagnostics have been told;
/// RunFinished is the last event.
Finished refuse(const Request& request, EventStream& events, const Diagnostic& error);

}  // namespace buildspec_run
