// Which names an expression may use, place by place. Source: actions.md 2.2 to 2.6, 3.6, 6.4.
#pragma once

#include <string_view>

#include "actions/expr/expression.h"

namespace buildspec_run {

enum class ExpressionPlace {
  literal,           // no name at all: what stands nowhere else
  container_values,  // `args` and `env` of a Docker action
  input_default,
  output_value,
  composite_step,
  composite_if,       // with `${{`
  composite_bare_if,  // without: the runner takes the list of a workflow's step (actions.md 2.6)
  step,               // of a job, and so of a buildspec's phase
  step_if,
  cloud_step,  // what of `step` CodeBuild has, too (buildspec.md 5.4)
  cloud_step_if,
};

[[nodiscard]] const Allowed& allowed_in(ExpressionPlace place);

}  // namespace buildspec_run
