// What a person at a terminal wants to see of a build: where it is, how long each part took, and everything
// about what failed, where it failed.
//
//   ▸ BUILD
//     ✓ build[0]  npm run build                                         4.1s
//     ✗ build[1]  npm test                                              2.0s
//       │ [112 earlier lines are in the log]
//       │ 1 failing
//       exit status 1 at buildspec.yml:12:9
//   ✗ BUILD failed                                                      6.1s
//
// The output of a command that succeeded is folded away. While one runs, a live block (see console.h) shows
// where the build is: phase, command and the last line of its output, each cut to one row, with the time that
// build and command have taken; in a small window it is one row. Without it, a command that takes longer
// than two seconds is named. A failed command shows its text, the last 40 lines of its output (what ran in
// the background included), how it ended, its place and a hint. When other commands ran after it, ten of
// those lines are repeated at the end. A phase without commands is not shown unless it failed. Lines are cut
// to the width, at most 100 columns, except where something failed.
#pragma once

#include <memory>

#include "runner/cli/console.h"
#include "runner/cli/view.h"
#include "runner/event/event.h"

namespace buildspec_run {

/// Diagnostics go to `out` when both consoles lead to the same place, else to `err`.
[[nodiscard]] std::unique_ptr<EventSink> make_pretty_view(Console& out, Console& err,
                                                          ViewOptions options = {});

}  // namespace buildspec_run
