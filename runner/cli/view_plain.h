// The log that can be searched and kept: for pipes, files and other programs' eyes.
//
//   [run] buildspec: buildspec.yml              facts about the run
//   [BUILD] started, 2 commands                 a phase begins …
//   [build[0]] $ make test                      … a command begins; further lines of it begin with
//                                               "[build[0]] >"
//   (its output, byte for byte as it comes; a line it leaves open is ended before the next line of ours)
//   [build[0]] failed after 2.0s: exit status 2 at buildspec.yml:12:9
//   [build[0]] hint: …
//   [BUILD] failed after 2.0s: COMMAND_EXECUTION_ERROR: Error while executing command: …
//
// At the end, as in the pretty view: warnings, exported variables, the log, and the last line. There are no
// times of day. Diagnostics go to the second console when they are found. Quiet: a failed command with the
// last 40 lines of its output, errors, and the last line.
#pragma once

#include <memory>

#include "runner/cli/console.h"
#include "runner/cli/view.h"
#include "runner/event/event.h"

namespace buildspec_run {

[[nodiscard]] std::unique_ptr<EventSink> make_plain_view(Console& out, Console& err,
                                                         ViewOptions options = {});

}  // namespace buildspec_run
