// A plan as a picture: which command follows which, and where a failed phase leads.
#pragma once

#include <string>

#include "runner/plan/plan.h"

namespace buildspec_run {

/// For Graphviz: `dot -Tsvg`.
[[nodiscard]] std::string to_dot(const Plan& plan);

/// For what shows Mermaid: a flowchart, as it stands between ```mermaid and ``` in Markdown.
[[nodiscard]] std::string to_mermaid(const Plan& plan);

}  // namespace buildspec_run
