#include "runner/cli/manual.h"

#include <fmt/core.h>

#include "runner/base/text.h"
#include "runner/cli/input.h"
#include "runner/cli/settings.h"
#include "runner/sys/files.h"
#include "runner/version.h"

namespace buildspec_run {
namespace {

using Takes = OptionSpec::Takes;

constexpr OptionSpec kOptions[] = {
    {"--directory", "", Takes::value, "DIR", "write the pages of all commands to files of DIR instead"},
};

// As text of man(7): "-" is what one types, and no line begins with a request.
std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

// Paragraphs of help: a line that is indented stays a line.
std::string paragraphs(std::string_view text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (line.empty())
      out += ".PP\n";
    else if (line.starts_with("  "))
      out += fmt::format(".RS\n.nf\n{}\n.fi\n.RE\n", roff(line.substr(2)));
    else
      out += roff(line) + "\n";
    begin = end + 1;
  }
  return out;
}

std::string heading(std::string_view page) {
  return fmt::format(".TH \"{}\" 1 \"\" \"buildspec-run {}\" \"buildspec-run\"\n", roff(page), kVersion);
}

std::string option_entry(const OptionSpec& option, bool common) {
  std::string out = ".TP\n\\fB";
  if (!option.short_name.empty()) out += roff(option.short_name) + "\\fR, \\fB";
  out += roff(option.name) + "\\fR";
  if (option.takes == Takes::value) out += fmt::format(" \\fI{}\\fR", roff(option.value_name));
  if (option.takes == Takes::optional_value) out += fmt::format("[=\\fI{}\\fR]", roff(option.value_name));
  std::string help(option.help);
  if (!option.choices.empty()) {
    help += " (one of";
    for (const std::string_view choice : option.choices)
      help += fmt::format("{} {}", choice == option.choices.front() ? "" : ",", choice);
    help += ")";
  }
  if (option.repeated) help += "; may be repeated";
  out += "\n" + roff(help) + ".\n";
  if (!common) out += fmt::format("Variable: {}\n", variable_of(option));
  return out;
}

std::string page_of(const Subcommand& command) {
  const std::string page = fmt::format("buildspec-run-{}", command.name);
  std::string out = heading(page);
  out += fmt::format(".SH NAME\n{} \\- {}\n", roff(page), roff(command.summary));
  out += fmt::format(".SH SYNOPSIS\n\\fBbuildspec\\-run {}\\fR [\\fIOPTIONS\\fR] \\fI{}\\fR\n",
                     roff(command.name), roff(command.operands));
  out += fmt::format(".SH DESCRIPTION\n{}", paragraphs(command.about));
  out += ".SH OPTIONS\n";
  for (const OptionSpec& option : command.options) out += option_entry(option, false);
  for (const OptionSpec& option : kCommonOptions) out += option_entry(option, true);
  out += ".SH SEE ALSO\n\\fBbuildspec\\-run\\fR(1)\n";
  return out;
}

std::string main_page() {
  std::string out = heading("buildspec-run");
  out +=
      ".SH NAME\nbuildspec\\-run \\- run and check AWS CodeBuild buildspecs on this machine\n"
      ".SH SYNOPSIS\n\\fBbuildspec\\-run\\fR [\\fBrun\\fR] [\\fIOPTIONS\\fR] [\\fIFILE\\fR]\n.br\n"
      "\\fBbuildspec\\-run\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] ...\n"
      ".SH DESCRIPTION\n"
      "Runs a CodeBuild buildspec on this machine and ends with the verdict the cloud would give. Without a "
      "command,\n"
      "FILE is run; without FILE, buildspec.yml of the source directory.\n"
      ".SH COMMANDS\n";
  for (const Subcommand* command : subcommands())
    out += fmt::format(".TP\n\\fB{}\\fR\n{}; see \\fBbuildspec\\-run\\-{}\\fR(1).\n", roff(command->name),
                       roff(command->summary), roff(command->name));
  out +=
      ".SH EXIT STATUS\n"
      ".TP\n0\nsucceeded\n.TP\n1\nthe build failed\n.TP\n2\nthe buildspec or the usage is wrong; no command "
      "of it has run\n"
      ".TP\n3\nthe machine could not do it\n.TP\n130\ninterrupted (SIGINT)\n.TP\n143\nterminated (SIGTERM, "
      "SIGHUP)\n"
      ".SH FILES\n"
      ".TP\n\\&.buildspec\\-run.yml\noptions of a repository, in the source directory or above it\n"
      ".TP\n~/.config/buildspec\\-run/config.yml\npersonal options\n"
      ".TP\n~/.local/state/buildspec\\-run\nlogs and events of runs\n"
      ".TP\n~/.cache/buildspec\\-run\nfetched actions\n"
      ".SH ENVIRONMENT\n"
      "Every option can be set by a variable: BUILDSPEC_RUN_TIMEOUT for \\fB\\-\\-timeout\\fR; see\n"
      "\\fBbuildspec\\-run\\-config\\fR(1).\n";
  return out;
}

ExitCode run_manual(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (const std::optional<std::string> directory = invocation.arguments.value("--directory")) {
    if (!operands.empty())
      return invocation.fail(ExitCode::invalid, "man --directory writes all pages: name none");
    const Path into = absolute_path(*directory, invocation.working_directory);
    Result<void> written = make_directories(into);
    if (written) written = replace_file(into / "buildspec-run.1", main_page());
    for (const Subcommand* command : subcommands())
      if (written)
        written = replace_file(into / fmt::format("buildspec-run-{}.1", command->name), page_of(*command));
    return written ? ExitCode::success : invocation.fail(ExitCode::machine, written.error().message);
  }
  if (operands.empty()) return invocation.write_out(main_page());
  for (const Subcommand* command : subcommands())
    if (command->name == operands[0]) return invocation.write_out(page_of(*command));
  return invocation.fail(ExitCode::invalid, fmt::format("man \"{}\": no such command", operands[0]));
}

constexpr Subcommand kSubcommand = {
    "man",
    "print a manual page",
    "[COMMAND]",
    1,
    "Prints the manual page of COMMAND, or of the program, for man(1):\n"
    "  buildspec-run man run | man -l -\n"
    "An installed program has brought them along.",
    kOptions,
    run_manual,
    false,
    false,
};

}  // namespace

const Subcommand& manual_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
