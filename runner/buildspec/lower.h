// Model to plan.
#pragma once

#include "runner/base/diagnostic.h"
#include "runner/buildspec/model.h"
#include "runner/plan/plan.h"

namespace buildspec_run {

/// Lowers a decoded buildspec. Makes no decision that needs the machine; a feature nothing executes is listed
/// in `Plan::unsupported`, once each. A pattern of `on-failure: RETRY` that RE2 refuses is a diagnostic.
[[nodiscard]] Plan lower_buildspec(const Buildspec& buildspec, Diagnostics& found);

}  // namespace buildspec_run
