// Checks a JSON value against a JSON Schema (2020-12), as far as our own schemas go.
#pragma once

#include <string>
#include <vector>

#include "runner/base/json.h"

namespace buildspec_run {

enum class UnknownMembers { allowed, refused };

/// What in `value` is not as `schema` says, each with its place: `/place/line: 0 is less than 1`. Empty:
/// valid. With `refused`, a member of an object that no applicable part of the schema names is a violation,
/// too: so a schema that readers may take loosely is held to be complete. A keyword that is not known here is
/// a violation: nothing passes because it was not understood. `format` and the keywords that only describe
/// are not checked; `$ref` is to
/// "#/$defs/<name>" of the same schema.
[[nodiscard]] std::vector<std::string> schema_violations(const Value& schema, const Value& value,
                                                         UnknownMembers unknown = UnknownMembers::allowed);

}  // namespace buildspec_run
