#include "runner/cli/views.h"

#include <fmt/core.h>

#include "runner/cli/report.h"
#include "runner/cli/view_codebuild.h"
#include "runner/cli/view_json.h"
#include "runner/cli/view_plain.h"
#include "runner/cli/view_pretty.h"

namespace buildspec_run {
namespace {

ConsoleTraits console_traits(const Invocation& invocation, int fd) {
  ConsoleTraits traits;
  traits.color = wants_color(invocation, fd);
  // Who starts in the background (a job of the shell, a program behind `timeout`) writes lines to the end.
  traits.live = use_live_lines(is_terminal(fd), invocation.variable("TERM"), invocation.variable("NO_COLOR"),
                               invocation.variable("CI")) &&
                !is_background(fd);
  traits.unicode = use_unicode(invocation.variable("LC_ALL"), invocation.variable("LC_CTYPE"),
                               invocation.variable("LANG"));
  if (is_terminal(fd)) {
    traits.width = [fd] { return terminal_width(fd); };
    traits.height = [fd] { return terminal_height(fd); };
    traits.background = [fd] { return is_background(fd); };
    traits.typed = [fd] { return typed_bytes(fd); };
  }
  return traits;
}

}  // namespace

Views make_views(const Invocation& invocation, ViewOptions options) {
  Views views;
  ConsoleTraits out = console_traits(invocation, invocation.out);
  ConsoleTraits err = console_traits(invocation, invocation.err);
  out.buffered = options.replayed;
  views.out = std::make_unique<Console>(invocation.out, std::move(out));
  if (options.replayed) err.before_write = [first = views.out.get()] { first->flush(); };
  views.err = std::make_unique<Console>(invocation.err, std::move(err));
  options.show_output = invocation.arguments.has("--verbose");
  options.quiet = invocation.arguments.has("--quiet");
  const std::string format =
      invocation.arguments.value("--format").value_or(is_terminal(invocation.out) ? "pretty" : "plain");
  if (format == "json")
    views.view = make_json_view(*views.out, *views.err);
  else if (format == "codebuild")
    views.view = make_codebuild_view(*views.out, *views.err);
  else if (format == "plain")
    views.view = make_plain_view(*views.out, *views.err, std::move(options));
  else
    views.view = make_pretty_view(*views.out, *views.err, std::move(options));
  return views;
}

std::string contradiction(const Arguments& arguments) {
  const bool verbose = arguments.has("--verbose"), quiet = arguments.has("--quiet");
  if (verbose && quiet) return "--verbose and --quiet contradict each other";
  const std::string format = arguments.value("--format").value_or("");
  if ((verbose || quiet) && (format == "json" || format == "codebuild" || format == "html"))
    return fmt::format("{} has no meaning with --format {}, which writes {}",
                       verbose ? "--verbose" : "--quiet", format,
                       format == "json"   ? "every event"
                       : format == "html" ? "a page"
                                          : "what the cloud does");
  if (arguments.has("--dry-run") && format == "codebuild")
    return "--dry-run has no meaning with --format codebuild, which writes what the cloud does";
  return {};
}

}  // namespace buildspec_run
