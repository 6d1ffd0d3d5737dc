// Document to model: every key of buildspec.md section 2, typed and checked. Decoders name an id; what an id
// is in a run and in `validate` (an unknown key: a warning in a run, an error in `validate`) says the table
// in severity.h.
#pragma once

#include "runner/base/diagnostic.h"
#include "runner/buildspec/model.h"
#include "runner/buildspec/severity.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

/// Decodes the whole file. Cannot fail: what is wrong is in `found`, and the rest is still read. Errors carry
/// the cloud's own message and code where it has one (buildspec.md 3.9), checked in the cloud's order:
/// syntax, container tags, version, phase names, command types.
[[nodiscard]] Buildspec decode_buildspec(const SourceText& source, const Document& document,
                                         Weighing weighing, Diagnostics& found);

}  // namespace buildspec_run
