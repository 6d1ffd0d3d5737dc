#include "actions/allowed.h"

#include <array>

namespace buildspec_run {

const Allowed& allowed_in(ExpressionPlace place) {
  // In the order of ExpressionPlace.
  static const std::array<Allowed, 11> kAllowed = {{
      {},
      {{"inputs"}},
      {{"github", "strategy", "matrix", "job", "runner"}, false, true},
      {{"github", "strategy", "matrix", "steps", "inputs", "job", "runner", "env"}},
      {{"github", "inputs", "strategy", "matrix", "steps", "job", "runner", "env"}, false, true},
      {{"github", "inputs", "strategy", "matrix", "steps", "job", "runner", "env"}, true, true},
      {{"github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "steps", "inputs"},
       true,
       true},
      {{"github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "secrets", "steps",
        "inputs"},
       false,
       true},
      {{"github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "steps", "inputs"},
       true,
       true},
      {{"runner", "env", "steps"}, false, true},
      {{"runner", "env", "steps"}, true, true},
  }};
  return kAllowed[static_cast<std::size_t>(place)];
}

}  // namespace buildspec_run
