// buildspec-run as a library. A build is a Request; what happens is told to an EventSink, what must be
// decided is asked of a Controller, and the answer is an Outcome.
#pragma once

#include <stop_token>
#include <string>

#include "runner/base/diagnostic.h"
#include "runner/base/result.h"
#include "runner/exec/request.h"

namespace buildspec_run {

class Controller;
class EventSink;
struct Buildspec;
struct Plan;
struct PlanMade;

/// Where the parts of the program are.
struct Machine {
  std::string supervisor;  // absolute path of the supervisor program
  std::string modules;     // absolute path of the directory that the shared modules lie in
  std::string terminal =
      {};  // path of the terminal that shells are opened on (Terminal::find); empty: there is none
};

/// What is told of a plan before it runs, and selected from. `plan` is empty when there is none.
[[nodiscard]] PlanMade outline_of(const Buildspec& buildspec, const Plan& plan);

/// Runs one build to its end. `stop`: cancels (Ctrl-C; `finally` still runs); `kill`: ends everything now.
/// An Error: the machine could not; `events` has been told.
Result<Finished> run_build(const Request& request, const Machine& machine, Controller& controller,
                           EventSink& events, std::stop_token stop, std::stop_token kill);

/// Tells of a build whose buildspec is not there, as `missing` says: the cloud begins such a build, and it fails in
/// DOWNLOAD_SOURCE before a file is named. `request` needs no buildspec.
Finished tell_missing_buildspec(const Request& request, const Diagnostic& missing, EventSink& events);

}  // namespace buildspec_run
