#include "runner/cli/command_line.h"

#include <fmt/core.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>

#include "runner/base/text.h"
#include "runner/cli/actions.h"
#include "runner/cli/compare.h"
#include "runner/cli/completion.h"
#include "runner/cli/config.h"
#include "runner/cli/diff.h"
#include "runner/cli/doctor.h"
#include "runner/cli/eval.h"
#include "runner/cli/history.h"
#include "runner/cli/list.h"
#include "runner/cli/manual.h"
#include "runner/cli/plan.h"
#include "runner/cli/prune.h"
#include "runner/cli/resume.h"
#include "runner/cli/run.h"
#include "runner/cli/shell.h"
#include "runner/cli/show.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/validate.h"
#include "runner/sys/url.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 100;

// 0, or the errno of what was in the way.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string words_of(const OptionSpec& option) {
  std::string words = option.short_name.empty() ? "    " : fmt::format("{}, ", option.short_name);
  words += option.name;
  if (option.takes == OptionSpec::Takes::value) words += fmt::format(" {}", option.value_name);
  if (option.takes == OptionSpec::Takes::optional_value) words += fmt::format("[={}]", option.value_name);
  return words;
}

// `text` broken at blanks into lines that begin at `column`.
std::string wrapped(std::string_view text, std::size_t column) {
  std::string out;
  std::size_t used = column;
  while (!text.empty()) {
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    if (used > column && used + 1 + display_width(word) > kHelpWidth) {
      out += '\n';
      out.append(column, ' ');
      used = column;
    }
    if (used > column) out += ' ', ++used;
    out += word;
    used += display_width(word);
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  return out;
}

std::string entry(std::string_view words, std::string_view help) {
  std::string out = fmt::format("  {}", words);
  const std::size_t width = display_width(out);
  if (width + 2 > kHelpColumn) {
    out += '\n';
    out.append(kHelpColumn, ' ');
  } else {
    out.append(kHelpColumn - width, ' ');
  }
  return out + wrapped(help, kHelpColumn) + '\n';
}

std::string listed(std::span<const std::string_view> choices) {
  std::string out;
  for (const std::string_view choice : choices) out += fmt::format("{}{}", out.empty() ? "" : ", ", choice);
  return out;
}

// CLI11 names what it could not place, but not what was meant.
UsageError unknown_option(const Subcommand& command, const std::vector<std::string>& args,
                          const char* otherwise) {
  std::vector<std::string_view> known = {"--help", "--no-config"};
  for (const OptionSpec& option : command.options) known.push_back(option.name);
  for (const std::string& arg : args) {
    const std::string name = arg.substr(0, arg.find('='));
    if (!name.starts_with("-") || name == "-") continue;
    const bool is_known =
        std::any_of(command.options.begin(), command.options.end(), [&](const OptionSpec& option) {
          return option.name == name || (!option.short_name.empty() && name.starts_with(option.short_name));
        });
    if (!is_known) return {fmt::format("unknown option \"{}\"{}", name, did_you_mean(name, known))};
  }
  return {otherwise};
}

}  // namespace

std::optional<std::string> Arguments::value(std::string_view name) const {
  const auto found = options.find(name);
  if (found == options.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Arguments::values(std::string_view name) const {
  const auto found = options.find(name);
  return found == options.end() ? std::vector<std::string>() : found->second;
}

std::string Invocation::variable(const std::string& name) const {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

ExitCode Invocation::fail(ExitCode code, std::string_view text) const {
  // It names what others wrote: files, options, variables.
  const std::string hidden = with_hidden_credentials(text);
  text = hidden;
  std::string shown = "buildspec-run: ";
  for (;;) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    shown += plain_line(text.substr(0, end)) + "\n";
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  write_err(shown);
  return code;
}

ExitCode Invocation::write_out(std::string_view text) const {
  const int failed = write_all(out, text);
  if (failed == 0 || failed == EPIPE) return ExitCode::success;
  return fail(ExitCode::machine, system_error("write to standard output", failed).message);
}

void Invocation::write_err(std::string_view text) const { write_all(err, text); }

std::span<const Subcommand* const> subcommands() {
  static const Subcommand* const kAll[] = {
      &run_subcommand(),   &resume_subcommand(),  &shell_subcommand(),   &validate_subcommand(),
      &plan_subcommand(),  &list_subcommand(),    &history_subcommand(), &show_subcommand(),
      &diff_subcommand(),  &compare_subcommand(), &prune_subcommand(),   &actions_subcommand(),
      &eval_subcommand(),  &config_subcommand(),  &doctor_subcommand(),  &completion_subcommand(),
      &manual_subcommand()};
  return kAll;
}

Selected select_subcommand(const std::vector<std::string>& args) {
  if (!args.empty()) {
    for (const Subcommand* command : subcommands())
      if (command->name == args[0]) return {command, {args.begin() + 1, args.end()}};
  }
  return {&run_subcommand(), args};
}

std::string wrong_value(const OptionSpec& option, std::string_view value) {
  if (option.choices.empty() ||
      std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end())
    return {};
  return fmt::format("{} \"{}\": one of {} is expected{}", option.name, value, listed(option.choices),
                     did_you_mean(value, option.choices));
}

std::variant<Arguments, UsageError, HelpWanted> parse_arguments(const Subcommand& command,
                                                                const std::vector<std::string>& args) {
  CLI::App app;
  app.set_help_flag();  // help is printed from our tables
  bool help = false, no_config = false;
  app.add_flag("-h,--help", help);
  app.add_flag("--no-config", no_config)->disable_flag_override();
  std::map<std::string, std::vector<std::string>, std::less<>> given;
  for (const OptionSpec& option : command.options) {
    const std::string name(option.name);
    std::string names = option.short_name.empty() ? name : fmt::format("{},{}", option.short_name, name);
    std::vector<std::string>& values = given[name];
    if (option.takes == OptionSpec::Takes::value) {
      // One value each time it is given: CLI11's vectors would take the operands behind it as well.
      CLI::Option* added = app.add_option(names, values)->type_size(1)->expected(1)->allow_extra_args(false);
      added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    } else {
      const bool optional = option.takes == OptionSpec::Takes::optional_value;
      CLI::Option* added =
          app.add_flag(names + (optional ? "{*}" : ""), values);  // "*": the value when none is given
      if (!optional) added->disable_flag_override();
      added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  std::vector<std::string> operands;
  app.add_option("operands", operands);
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  // CLI11 would take "[a,b]" for two operands: a byte that nobody writes hides the bracket from it.
  constexpr char kHidden = '\x01';
  for (std::string& arg : reversed)
    if (arg.starts_with('[')) arg.insert(arg.begin(), kHidden);
  const auto show = [](std::vector<std::string>& values) {
    for (std::string& value : values)
      if (value.starts_with(kHidden)) value.erase(0, 1);
  };
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ExtrasError& error) {
    return unknown_option(command, args, error.what());
  } catch (const CLI::Error& error) {
    return UsageError{error.what()};
  }
  if (help) return HelpWanted{};
  Arguments arguments;
  for (const OptionSpec& option : command.options) {
    std::vector<std::string>& values = given.find(option.name)->second;
    if (values.empty()) continue;
    show(values);
    for (const std::string& value : values)
      if (std::string wrong = wrong_value(option, value); !wrong.empty()) return UsageError{std::move(wrong)};
    arguments.options.emplace(option.name, std::move(values));
  }
  arguments.no_config = no_config;
  show(operands);
  arguments.operands = std::move(operands);
  if (!command.empty_operands &&
      std::find(arguments.operands.begin(), arguments.operands.end(), "") != arguments.operands.end())
    return UsageError{"an empty operand names no file"};  // an unset variable of a script, as a rule
  if (arguments.operands.size() > command.most_operands)
    return UsageError{fmt::format("\"{}\" is one operand too many: {} takes {}",
                                  arguments.operands[command.most_operands], command.name,
                                  command.operands.empty() ? "none" : command.operands)};
  return arguments;
}

std::string general_help() {
  std::string out =
      "buildspec-run runs and checks AWS CodeBuild buildspecs on this machine, with the verdict the cloud "
      "would give.\n"
      "\n"
      "usage: buildspec-run [run] [OPTIONS] [FILE]\n"
      "       buildspec-run COMMAND [OPTIONS] …\n"
      "\n"
      "Without a command, FILE is run; without FILE, buildspec.yml of the source directory.\n"
      "\n"
      "commands:\n";
  for (const Subcommand* command : subcommands()) out += entry(command->name, command->summary);
  out +=
      "\n"
      "  buildspec-run COMMAND --help shows what a command takes, buildspec-run --version the version.\n"
      "  Options may be set in .buildspec-run.yml, ~/.config/buildspec-run/config.yml and variables such as\n"
      "  BUILDSPEC_RUN_TIMEOUT as well; buildspec-run config shows what is.\n"
      "\n"
      "exit codes:\n"
      "  0    succeeded\n"
      "  1    the build failed\n"
      "  2    the buildspec or the usage is wrong; no command of it has run\n"
      "  3    the machine could not do it\n"
      "  130  interrupted (SIGINT)\n"
      "  143  terminated (SIGTERM, SIGHUP)\n";
  return out;
}

std::string help_for(const Subcommand& command) {
  std::string out = fmt::format("{}\n\nusage: buildspec-run {}{}{}{}\n", command.summary, command.name,
                                command.options.empty() ? "" : " [OPTIONS]",
                                command.operands.empty() ? "" : " ", command.operands);
  if (!command.about.empty()) out += fmt::format("\n{}\n", command.about);
  out += "\noptions:\n";
  for (const OptionSpec& option : command.options) {
    std::string help(option.help);
    if (!option.choices.empty()) help += fmt::format(" (one of {})", listed(option.choices));
    if (option.repeated) help += "; may be repeated";
    out += entry(words_of(option), help);
  }
  for (const OptionSpec& option : kCommonOptions) out += entry(words_of(option), option.help);
  return out;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double milliseconds;
  };
  constexpr Unit kUnits[] = {{"ms", 1}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}};
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (failed != std::errc() || number < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    double factor = 1000;
    if (!text.empty()) {
      const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                      [&](const Unit& u) { return text.starts_with(u.name); });
      if (unit == std::end(kUnits)) return std::nullopt;
      factor = unit->milliseconds;
      text.remove_prefix(unit->name.size());
    }
    total += number * factor;
  }
  constexpr double kLongest =
      1000.0 * 3600 * 24 * 365;  // a year: more is a slip, and adding it to a clock is safe
  if (!(total >= 1) || total > kLongest) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

}  // namespace buildspec_run
