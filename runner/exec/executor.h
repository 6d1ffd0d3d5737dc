// The back end: runs a plan and tells what happens. It decides what follows a failure (buildspec.md section 3), nothing
// about YAML and nothing about printing.
#pragma once

#include <stop_token>

#include "runner/base/result.h"
#include "runner/event/controller.h"
#include "runner/event/event.h"
#include "runner/exec/request.h"
#include "runner/plan/plan.h"
#include "runner/sys/git.h"
#include "runner/sys/process.h"

namespace buildspec_run {

class EventStream;  // exec/event_stream.h: numbers, stamps and masks events

/// Runs `plan` to its end, retries included. `git` are the facts of the source directory. Events leave by `events`, whose
/// masker knows the request's secrets. An Error: the machine could not.
Result<Finished> execute(const Plan& plan, const Request& request, const GitFacts& git, ProcessRunner& processes,
                         Controller& controller, EventStream& events, std::stop_token stop);

}  // namespace buildspec_run
