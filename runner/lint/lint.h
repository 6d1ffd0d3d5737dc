// What `validate` adds to decoding: things the cloud accepts and that do not do what they look like.
#pragma once

#include "runner/base/diagnostic.h"
#include "runner/buildspec/model.h"
#include "runner/plan/plan.h"

namespace buildspec_run {

/// Adds findings about `buildspec`, whose plan `plan` is. They are warnings and notes: none is a reason for
/// the cloud to refuse the file. Past a thousand, no more are looked for.
void lint_buildspec(const Buildspec& buildspec, const Plan& plan, Diagnostics& found);

/// The part of it that a run tells, too: commands whose failure cannot be seen, because they swallow the lines behind them
/// that keep their exit status.
void lint_script_ends(const Buildspec& buildspec, const Plan& plan, Diagnostics& found);

}  // namespace buildspec_run
