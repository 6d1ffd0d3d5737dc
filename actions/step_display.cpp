#include "actions/step_display.h"

#include <fmt/core.h>

#include <algorithm>

#include "actions/expr/characters.h"

namespace buildspec_run {
namespace {

constexpr std::size_t npos = std::string_view::npos;

// Blanks and line ends at the beginning go, and all after the first line.
std::string_view first_line(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == npos) return {};
  text.remove_prefix(begin);
  return text.substr(0, text.find_first_of("\r\n"));
}

void append_named(std::string_view title, std::span<const NameValue> values, bool with_empty,
                  std::string& text) {
  if (values.empty()) return;
  text.append(title).append(":\n");
  for (const auto& [name, value] : values)
    if (with_empty || !value.empty()) text += fmt::format("  {}: {}\n", name, value);
}

}  // namespace

std::string input_variable_name(std::string_view input) {
  std::string name = "INPUT_" + to_upper_case(input);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

std::string display_line(std::string_view name) { return std::string(first_line(name)); }

std::string default_display_name(std::string_view what) { return fmt::format("Run {}", first_line(what)); }

std::string script_header(std::string_view script, std::string_view shell, std::string_view arguments,
                          std::span<const NameValue> environment) {
  std::string text = fmt::format("##[group]Run {}\n", first_line(script));
  std::string lines;
  for (std::size_t i = 0; i < script.size(); ++i)
    if (script[i] != '\r' || script.substr(i).substr(1, 1) != "\n") lines += script[i];
  lines.resize(lines.find_last_not_of('\n') + 1);
  for (std::string_view rest = lines;;) {
    const std::size_t end = rest.find('\n');
    text += fmt::format("\x1b[36;1m{}\x1b[0m\n", rest.substr(0, end));
    if (end == npos) break;
    rest.remove_prefix(end + 1);
  }
  text += fmt::format("shell: {} {}\n", shell, arguments);
  append_named("env", environment, true, text);
  return text += "##[endgroup]\n";
}

std::string action_header(std::string_view action, std::span<const NameValue> inputs,
                          std::span<const NameValue> environment) {
  std::string text = fmt::format("##[group]Run {}\n", action);
  append_named("with", inputs, false, text);
  append_named("env", environment, true, text);
  return text += "##[endgroup]\n";
}

}  // namespace buildspec_run
