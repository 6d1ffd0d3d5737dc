// One file through everything that reads it.
#pragma once

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"

namespace buildspec_run {

/// Parses, decodes, lowers and lints `source`, which must outlive `found`. What concerns a run here alone
/// (features nothing executes, settings without local meaning) is not told: `validate` is about what the
/// cloud would do.
void validate_text(const SourceText& source, Diagnostics& found);

}  // namespace buildspec_run
