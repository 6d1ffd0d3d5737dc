#include "runner/cli/report.h"

#include "runner/buildspec/decode.h"
#include "runner/cli/console.h"
#include "runner/cli/input.h"
#include "runner/sys/url.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

bool wants_color(const Invocation& invocation, int fd) {
  const std::string when = invocation.arguments.value("--color").value_or("auto");
  const ColorMode mode = when == "always"  ? ColorMode::always
                         : when == "never" ? ColorMode::never
                                           : ColorMode::automatic;
  return use_color(mode, is_terminal(fd), invocation.variable("TERM"), invocation.variable("NO_COLOR"));
}

namespace {

void write_each(const Invocation& invocation, const std::vector<Diagnostic>& diagnostics,
                std::string (*rendered)(const Diagnostic&, bool)) {
  const bool color = wants_color(invocation, invocation.err);
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += rendered(diagnostic, color);
  invocation.write_err(text);
}

}  // namespace

void write_diagnostics(const Invocation& invocation, const std::vector<Diagnostic>& diagnostics) {
  write_each(invocation, diagnostics, render);
}

void write_places(const Invocation& invocation, const std::vector<Diagnostic>& diagnostics) {
  write_each(invocation, diagnostics, [](const Diagnostic& diagnostic, bool color) {
    return with_hidden_credentials(render_line(diagnostic, color));
  });
}

ReadBuildspec decode_operand(const Invocation& invocation, Diagnostics& found) {
  ReadBuildspec read;
  Result<Path> source_dir = source_directory(invocation);
  if (!source_dir) {
    read.error = source_dir.error().message;
    return read;
  }
  read.source_dir = *source_dir;
  const std::vector<std::string>& operands = invocation.arguments.operands;
  read.source = read_buildspec(invocation, read.source_dir, operands.empty() ? "" : operands.front(), found);
  if (read.source == nullptr) return read;
  const Document document = parse_document(*read.source, found);
  read.buildspec = decode_buildspec(
      *read.source, document, {Purpose::run, invocation.arguments.has(kStrictParityOption.name)}, found);
  return read;
}

}  // namespace buildspec_run
