// Where a piece of a scalar's value stands in the file.
#pragma once

#include <cstddef>

#include "runner/base/source_text.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

/// The place of `size` bytes at `offset` of the value of `scalar`. Exact for plain and quoted scalars of one
/// line without escapes and for literal blocks; else the whole scalar. Never reaches behind the line on which
/// it begins.
[[nodiscard]] SourceRange place_in_scalar(const Node& scalar, std::size_t offset, std::size_t size = 1);

}  // namespace buildspec_run
