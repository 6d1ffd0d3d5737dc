// A value as YAML text, by yaml-cpp.
#pragma once

#include <string>

#include "runner/base/json.h"

namespace buildspec_run {

/// Block style, members in their order, strings quoted where a reader of YAML 1.1 or 1.2 would take them for something
/// else. Ends in LF. Strings are made valid UTF-8 first.
[[nodiscard]] std::string write_yaml(const Value& value);

}  // namespace buildspec_run
