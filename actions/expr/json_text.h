// JSON as toJSON writes it and fromJSON reads it. Source: actions.md 7.6.2 and 7.6.3.
#pragma once

#include <functional>
#include <string_view>

#include "actions/expr/datum.h"
#include "runner/base/result.h"

namespace buildspec_run {

/// Writes what toJSON gives, piece by piece: an opening bracket, a key, a value or a closing bracket, each with the comma, line end
/// and blanks before it. Stops, and returns false, when `write` does.
bool write_expression_json(const Datum& datum, const std::function<bool(std::string_view piece)>& write);

/// Reads JSON as leniently as GitHub's reader (Newtonsoft.Json): comments, single quotes, bare keys, trailing commas, NaN,
/// Infinity, undefined, hexadecimal and octal numbers; what follows the first value is not read. An Error has that reader's
/// message. Not supported: `new Name(…)`.
[[nodiscard]] Result<Datum> parse_lenient_json(std::string_view text);

}  // namespace buildspec_run
