// Events as JSON Lines, one event a line as schema/event.schema.json describes it, written as soon as it
// happens. Diagnostics are among them, and also go to the second console as text.
#pragma once

#include <memory>

#include "runner/cli/console.h"
#include "runner/event/event.h"

namespace buildspec_run {

[[nodiscard]] std::unique_ptr<EventSink> make_json_view(Console& out, Console& err);

}  // namespace buildspec_run
