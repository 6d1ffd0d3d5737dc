// What a run would do, told in place of doing it.
#pragma once

#include "runner/exec/request.h"
#include "runner/plan/plan.h"
#include "runner/sys/git.h"

namespace buildspec_run {

class EventStream;

/// Tells of the environment that the processes of a build would start with, and of each command and step that would run, in
/// order. Nothing is started, made or fetched, so that what only a process could say (runtimes, what a command sets for
/// those behind it) is not known. A reference to a secret that nothing answers is the error that it is in a run.
Finished describe(const Plan& plan, const Request& request, const GitFacts& git, EventStream& events);

}  // namespace buildspec_run
