// A diagnostic as an event.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/event/event.h"

namespace buildspec_run {

class EventStream;

/// The place of `where` in `source`, ready to print.
[[nodiscard]] Place place_of(const SourceText& source, SourceRange where);

/// A finding of the run itself; `source` may be nullptr.
[[nodiscard]] Diagnostic finding(Severity severity, const SourceText* source, SourceRange where,
                                 std::string_view id, std::string message);

/// `diagnostic` as an event, its text without colours.
[[nodiscard]] Diagnosed to_event(const Diagnostic& diagnostic);

/// Tells all of them, in their order.
void tell(EventStream& events, const std::vector<Diagnostic>& diagnostics);

}  // namespace buildspec_run
