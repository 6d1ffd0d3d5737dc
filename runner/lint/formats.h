// The output forms of `validate`. All take the diagnostics of any number of files and print those of a file
// by place, files in the order in which they come.
#pragma once

#include <string>
#include <vector>

#include "runner/base/diagnostic.h"

namespace buildspec_run {

/// With source line and caret.
[[nodiscard]] std::string format_pretty(std::vector<Diagnostic> diagnostics, bool color = false);

/// One line each: "<file>:<line>:<column>: error: <message> [<id>]".
[[nodiscard]] std::string format_plain(std::vector<Diagnostic> diagnostics);

/// A JSON array, one object each: file, line, column, endLine, endColumn, severity, id, message,
/// cloudMessage. The end is the place behind the last character. Without a place line and the rest are null,
/// without a file `file` is, and `cloudMessage` where the cloud has no text for it.
[[nodiscard]] std::string format_json(std::vector<Diagnostic> diagnostics);

}  // namespace buildspec_run
