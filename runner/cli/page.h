// A kept run as one page of HTML: phases, commands, durations, folded logs, annotations, summaries, exported variables. It needs
// nothing else: no script, no font, no network; and nothing in it comes from the build but as text.
//
// However long the log is, the page stays one that a browser shows at once: of each command's output it has the beginning and
// the end, of all of them together a few megabytes, and says where the rest is: in the kept log, to which it links.
#pragma once

#include <functional>
#include <string_view>

#include "runner/base/result.h"
#include "runner/store/run_reader.h"
#include "runner/store/run_record.h"

namespace buildspec_run {

/// Writes the page piece by piece. Its log is read while it is written; one that cannot be read leaves the outputs out.
void write_page(const RunSketch& run, const RunRecord& record,
                const std::function<void(std::string_view)>& write);

}  // namespace buildspec_run
