// The log as the cloud writes it, for programs that read such logs, and for who wants to lay both side by side. Source:
// buildspec.md 3.5 to 3.9 and appendix A.
//
//   [Container] 2026/11/24 06:04:44.012345 Running command make test      lines of the cloud's agent; times are UTC
//   make: *** [test] Error 1                                              (output of commands, byte for byte)
//
//   [Container] 2026/11/24 06:04:46.012345 Command did not exit successfully make test exit status 2
//
// What the cloud does around a build and nothing here does (waiting for an agent, reports) stands there as in a build that
// has nothing of it to do. Of the upload of artifacts there are the lines of what would be uploaded, or why that would fail.
// Diagnostics go to the second console.
#pragma once

#include <memory>

#include "runner/cli/console.h"
#include "runner/event/event.h"

namespace buildspec_run {

[[nodiscard]] std::unique_ptr<EventSink> make_codebuild_view(Console& out, Console& err);

}  // namespace buildspec_run
