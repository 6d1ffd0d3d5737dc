// Where a build goes on that another process has begun.
#pragma once

#include <string>
#include <vector>

#include "runner/store/state_log.h"

namespace buildspec_run {

struct Resumption {
  std::string run;  // the id of the run that it was
  /// Of that run: the last is the state that is gone on from, so the build begins with what follows it in the plan. None of
  /// them is withheld or of a command that was stopped.
  std::vector<KeptState> states;
  KeptBuild build;
  /// Lifted, by join_variables: they take the place of those of the Request.
  std::string host, project, overrides;
  std::vector<std::string> notes;  // to be told: what is kept, and what has changed since
};

}  // namespace buildspec_run
