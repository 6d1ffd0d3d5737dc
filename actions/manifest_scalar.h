// A scalar of action.yml, as GitHub's runner types it. Source: actions.md 2.9.
#pragma once

#include <cstddef>

#include "actions/expr/datum.h"
#include "runner/base/result.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

/// Null, boolean, number or string by the core schema of YAML 1.2: plain scalars and those with a tag; a
/// quoted one or a block is a string. An Error has the runner's words: a tag that it does not take, a number
/// beyond 32 bits.
[[nodiscard]] Result<Datum> read_manifest_scalar(const Node& scalar);

/// Where the runner says that a node begins: at its tag, if it has one.
[[nodiscard]] std::size_t manifest_begin(const Node& node);

}  // namespace buildspec_run
