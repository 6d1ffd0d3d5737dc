#include "runner/cli/config.h"

#include <fmt/core.h>

#include <algorithm>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/cli/input.h"
#include "runner/cli/report.h"
#include "runner/cli/settings.h"
#include "runner/cli/terminal_text.h"
#include "runner/sys/url.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"text", "json"};
constexpr OptionSpec kOptions[] = {
    kSourceDirOption,
    {"--all", "-a", OptionSpec::Takes::nothing, "",
     "show options that are not set as well, with their variables"},
    {"--format", "", OptionSpec::Takes::value, "FORMAT", "default: text", false, kFormats},
    kColorOption,
};

// What can be shown of a value: of a secret its name, and a file that holds it; of a URL all but its password.
std::string shown(const Setting& setting) {
  if (setting.option->name == "--secret")
    if (const std::size_t equals = setting.value.find_first_of("=@");
        equals != std::string::npos && setting.value[equals] == '=' &&
        !setting.value.substr(equals).starts_with("=@"))
      return setting.value.substr(0, equals + 1) + "***";
  return with_hidden_credentials(setting.value);
}

struct Line {
  const OptionSpec* option;
  std::vector<const Setting*> settings;  // those that count, the weakest first
};

std::vector<Line> lines_of(const Subcommand& command, const std::vector<Setting>& settings) {
  std::vector<Line> lines;
  for (const OptionSpec& option : command.options) {
    Line line{&option, {}};
    for (const Setting& setting : settings) {
      if (setting.option != &option) continue;
      const bool taken_back = option.takes != OptionSpec::Takes::value && setting.value == "false";
      if (!option.repeated || taken_back) line.settings.clear();
      line.settings.push_back(&setting);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string as_text(const Settings& settings, const std::vector<Line>& lines, bool all) {
  std::string out;
  for (const Settings::File& file : settings.files)
    out += fmt::format("{} {}\n", file.there ? "read:     " : "not there:", plain_line(file.path.string()));
  std::size_t widest = 0;
  for (const Line& line : lines)
    if (all || !line.settings.empty()) widest = std::max(widest, line.option->name.size());
  for (const Line& line : lines) {
    const std::string name(line.option->name);
    for (const Setting* setting : line.settings)
      out += fmt::format("{:<{}}  {}  ({})\n", name, widest, plain_line(shown(*setting)),
                         plain_line(setting->origin));
    if (all && line.settings.empty())
      out += fmt::format("{:<{}}  not set  ({})\n", name, widest, variable_of(*line.option));
  }
  return out;
}

Value as_value(const Subcommand& command, const Settings& settings, const std::vector<Line>& lines,
               bool all) {
  Value::Array files, options;
  for (const Settings::File& file : settings.files)
    files.emplace_back(Value::Object{{"path", file.path.string()}, {"there", file.there}});
  for (const Line& line : lines) {
    if (!all && line.settings.empty()) continue;
    Value::Array values;
    for (const Setting* setting : line.settings)
      values.emplace_back(Value::Object{{"value", shown(*setting)}, {"origin", setting->origin}});
    options.emplace_back(Value::Object{{"option", line.option->name},
                                       {"variable", variable_of(*line.option)},
                                       {"values", std::move(values)}});
  }
  return Value::Object{
      {"command", command.name}, {"files", std::move(files)}, {"options", std::move(options)}};
}

ExitCode run_config(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  const std::string name = operands.empty() ? "run" : operands.front();
  const Selected selected = select_subcommand({name});
  if (selected.command->name != name) {
    std::vector<std::string_view> names;
    for (const Subcommand* command : subcommands()) names.push_back(command->name);
    return invocation.fail(ExitCode::invalid,
                           fmt::format("unknown command \"{}\"{}", name, did_you_mean(name, names)));
  }
  Diagnostics found;
  const Settings settings = read_settings(invocation, *selected.command, found);
  write_places(invocation, found.all());
  const std::vector<Line> lines = lines_of(*selected.command, settings.settings);
  const bool all = invocation.arguments.has("--all");
  const ExitCode written =
      invocation.write_out(invocation.arguments.value("--format") == "json"
                               ? to_pretty_json(as_value(*selected.command, settings, lines, all)) + "\n"
                               : as_text(settings, lines, all));
  return found.has_errors() ? ExitCode::invalid : written;
}

constexpr Subcommand kSubcommand = {
    "config",
    "show which options are set beside the command line, and where",
    "[COMMAND]",
    1,
    "Shows what configuration files and the environment set for COMMAND (default: run). From the weakest to "
    "the\n"
    "strongest: ~/.config/buildspec-run/config.yml, .buildspec-run.yml of the source directory or of the "
    "nearest one\n"
    "above it in its repository, the variable BUILDSPEC_RUN_<OPTION>, the command line. Of an option that "
    "may be\n"
    "repeated all count, the strongest last.",
    kOptions,
    run_config,
    false,
    false,
};

}  // namespace

const Subcommand& config_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
