// The view that --format asks for, on the process's own streams: of `run`, which shows what happens, and of `show`, which
// shows what has happened.
#pragma once

#include <memory>
#include <string_view>

#include "runner/cli/command_line.h"
#include "runner/cli/console.h"
#include "runner/cli/view.h"
#include "runner/event/event.h"

namespace buildspec_run {

inline constexpr std::string_view kViewFormats[] = {"pretty", "plain", "json", "codebuild"};
inline constexpr OptionSpec kViewFormatOption = {
    "--format",
    "",
    OptionSpec::Takes::value,
    "FORMAT",
    "how the run is shown (codebuild: as the cloud's log); default: pretty on a terminal, plain elsewhere",
    false,
    kViewFormats};
inline constexpr OptionSpec kVerboseOption = {
    "--verbose", "-v", OptionSpec::Takes::nothing, "",
    "pretty: show all output as it comes (plain and json do in any case)"};
inline constexpr OptionSpec kQuietOption = {"--quiet", "-q", OptionSpec::Takes::nothing, "",
                                            "pretty and plain: show failures, errors and the verdict only"};

/// A view and the consoles that it writes to, which it must not outlive.
struct Views {
  std::unique_ptr<Console> out, err;
  std::unique_ptr<EventSink> view;
};

/// By --format, --verbose, --quiet, --color and the terminal. Of `options`, quiet and show_output are set here.
[[nodiscard]] Views make_views(const Invocation& invocation, ViewOptions options);

/// Options of views that are no use together, as a sentence; empty when there are none.
[[nodiscard]] std::string contradiction(const Arguments& arguments);

}  // namespace buildspec_run
