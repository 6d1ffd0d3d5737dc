// Secondary sources that are repositories somewhere else.
#pragma once

#include <stop_token>

#include "runner/base/result.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/request.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// Clones those of `request` that have a URL into `<directory>/secondary/<identifier>`, and notes where and at which
/// commit. With the same network settings, token and --offline as actions. Each is told as a note. What may pass
/// (`may_pass`) is tried again as often as a failed download of an action, and a warning says so each time.
Result<void> clone_secondary_sources(Request& request, const Path& directory, const Path& modules,
                                     EventStream& events, std::stop_token stop);

}  // namespace buildspec_run
