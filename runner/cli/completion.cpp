#include "runner/cli/completion.h"

#include <fmt/core.h>

#include <algorithm>

namespace buildspec_run {
namespace {

using Takes = OptionSpec::Takes;

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with(what))
      out += by, at += what.size();
    else
      out += text[at++];
  }
  return out;
}

std::string single_quoted(std::string_view text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out += fmt::format("{}{}", out.empty() ? "" : " ", word);
  return out;
}

enum class Completes { nothing, files, directories, programs, choices };

Completes completes(const OptionSpec& option) {
  if (!option.choices.empty()) return Completes::choices;
  if (option.value_name == "FILE") return Completes::files;
  if (option.value_name == "DIR") return Completes::directories;
  if (option.value_name == "PROGRAM") return Completes::programs;
  return Completes::nothing;
}

std::vector<const OptionSpec*> options_of(const Subcommand& command) {
  std::vector<const OptionSpec*> options;
  for (const OptionSpec& option : command.options) options.push_back(&option);
  for (const OptionSpec& option : kCommonOptions) options.push_back(&option);
  return options;
}

bool takes_files(const Subcommand& command) {
  return command.operands.find("FILE") != std::string_view::npos;
}

// bash 3.2, which macOS has, knows no mapfile and no associative arrays.
std::string for_bash() {
  std::string names, cases, values;
  for (const Subcommand* command : subcommands()) {
    names += fmt::format("{}{}", names.empty() ? "" : " ", command->name);
    std::string options;
    for (const OptionSpec* option : options_of(*command)) {
      options += fmt::format("{}{}", options.empty() ? "" : " ", option->name);
      if (option->takes != Takes::value) continue;
      const std::string_view compgen = completes(*option) == Completes::files         ? "-f"
                                       : completes(*option) == Completes::directories ? "-d"
                                       : completes(*option) == Completes::programs    ? "-c -f"
                                       : completes(*option) == Completes::choices     ? "-W"
                                                                                      : "";
      std::string how(compgen);
      if (completes(*option) == Completes::choices) how += fmt::format(" '{}'", joined(option->choices));
      std::string patterns = fmt::format("{}:{}", command->name, option->name);
      if (!option->short_name.empty()) patterns += fmt::format("|{}:{}", command->name, option->short_name);
      values += fmt::format("    {}) how={} ;;\n", patterns, how.empty() ? "none" : single_quoted(how));
    }
    cases += fmt::format("    {}) options='{}' files={} ;;\n", command->name, options,
                         takes_files(*command) ? 1 : 0);
  }
  return fmt::format(
      R"(# bash completion of buildspec-run
_buildspec_run() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous='' command=run options='' files=0 how='' named='' i
  local commands='{0}'
  ((COMP_CWORD > 0)) && previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  COMPREPLY=()
  case " $commands " in
    *" ${{COMP_WORDS[1]}} "*) ((COMP_CWORD > 1)) && command=${{COMP_WORDS[1]}} named=1 ;;
  esac
  if [[ $previous == '=' ]]; then
    ((COMP_CWORD > 1)) && previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  elif [[ $current == '=' ]]; then
    current=''
  fi
  case $command in
{1}  esac
  case $command:$previous in
{2}  esac
  if [[ $how == none ]]; then
    return
  elif [[ -n $how ]]; then
    while IFS= read -r i; do COMPREPLY+=("$i"); done < <(eval "compgen $how -- \"\$current\"")
  elif [[ $current == -* ]]; then
    while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -W "$options" -- "$current")
  else
    ((files)) && while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -f -- "$current")
    if [[ -z $named ]] && ((COMP_CWORD == 1)); then
      while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -W "$commands" -- "$current")
    fi
  fi
  return 0
}}
complete -o filenames -F _buildspec_run buildspec-run
)",
      names, cases, values);
}

// Text inside of '…[…]' of _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string for_zsh() {
  std::string commands, cases;
  for (const Subcommand* command : subcommands()) {
    commands += fmt::format("    {}\n", single_quoted(fmt::format("{}:{}", command->name, command->summary)));
    cases += fmt::format("    {})\n      _arguments", command->name);
    for (const OptionSpec* option : options_of(*command)) {
      std::string rest = fmt::format("[{}]", zsh_text(option->help));
      std::string name(option->name);
      if (option->takes == Takes::value) {
        name += '=';
        const std::string what = zsh_text(option->value_name);
        switch (completes(*option)) {
          case Completes::files:
            rest += fmt::format(":{}:_files", what);
            break;
          case Completes::directories:
            rest += fmt::format(":{}:_files -/", what);
            break;
          case Completes::programs:
            rest += fmt::format(":{}:_command_names -e", what);
            break;
          case Completes::choices:
            rest += fmt::format(":{}:({})", what, joined(option->choices));
            break;
          case Completes::nothing:
            rest += fmt::format(":{}: ", what);
        }
      } else if (option->takes == Takes::optional_value) {
        name += "=-";
        rest += fmt::format("::{}: ", zsh_text(option->value_name));
      }
      const std::string_view repeated = option->repeated ? "*" : "";
      cases += fmt::format(" \\\n        {}", single_quoted(fmt::format("{}{}{}", repeated, name, rest)));
      if (!option->short_name.empty())
        cases += fmt::format(" \\\n        {}",
                             single_quoted(fmt::format("{}{}{}{}", repeated, option->short_name,
                                                       option->takes == Takes::value ? "+" : "", rest)));
    }
    if (takes_files(*command)) cases += " \\\n        '*:file:_files'";
    cases += "\n      ;;\n";
  }
  return fmt::format(
      R"(#compdef buildspec-run
# zsh completion of buildspec-run
_buildspec_run() {{
  local -a commands
  commands=(
{0}  )
  local command=run
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe command commands
    _files
    return
  fi
  if ((${{commands[(I)$words[2]:*]}})); then
    command=$words[2]
    shift words
    ((CURRENT--))
  fi
  case $command in
{1}  esac
}}
if [[ $funcstack[1] == _buildspec_run ]]; then
  _buildspec_run "$@"
else
  compdef _buildspec_run buildspec-run
fi
)",
      commands, cases);
}

std::string fish_quoted(std::string_view text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string for_fish() {
  std::string names;
  for (const Subcommand* command : subcommands())
    names += fmt::format("{}{}", names.empty() ? "" : " ", command->name);
  std::string out = fmt::format("# fish completion of buildspec-run\nset -l commands {}\n", names);
  for (const Subcommand* command : subcommands())
    out += fmt::format(
        "complete -c buildspec-run -n \"not __fish_seen_subcommand_from $commands\" -a {} -d {}\n",
        command->name, fish_quoted(command->summary));
  for (const Subcommand* command : subcommands()) {
    const std::string when =
        command->name == "run"
            ? "\"not __fish_seen_subcommand_from $commands; or __fish_seen_subcommand_from run\""
            : fmt::format("\"__fish_seen_subcommand_from {}\"", command->name);
    if (!takes_files(*command)) out += fmt::format("complete -c buildspec-run -n {} -f\n", when);
    for (const OptionSpec* option : options_of(*command)) {
      out += fmt::format("complete -c buildspec-run -n {} -l {}", when, option->name.substr(2));
      if (!option->short_name.empty()) out += fmt::format(" -s {}", option->short_name.substr(1));
      if (option->takes == Takes::value) {
        switch (completes(*option)) {
          case Completes::files:
            out += " -r -F";
            break;
          case Completes::directories:
            out += " -x -a \"(__fish_complete_directories)\"";
            break;
          case Completes::programs:
            out += " -r -a \"(__fish_complete_command)\"";
            break;
          case Completes::choices:
            out += fmt::format(" -x -a {}", fish_quoted(joined(option->choices)));
            break;
          case Completes::nothing:
            out += " -x";
        }
      }
      out += fmt::format(" -d {}\n", fish_quoted(option->help));
    }
  }
  return out;
}

ExitCode run_completion(const Invocation& invocation) {
  const std::vector<std::string>& operands = invocation.arguments.operands;
  if (!operands.empty() && operands[0] == "bash") return invocation.write_out(for_bash());
  if (!operands.empty() && operands[0] == "zsh") return invocation.write_out(for_zsh());
  if (!operands.empty() && operands[0] == "fish") return invocation.write_out(for_fish());
  return invocation.fail(ExitCode::invalid,
                         operands.empty()
                             ? std::string("completion: name a shell: bash, zsh or fish")
                             : fmt::format("completion \"{}\": bash, zsh or fish is expected", operands[0]));
}

constexpr Subcommand kSubcommand = {
    "completion",
    "print a script that completes the command line in a shell",
    "bash|zsh|fish",
    1,
    "Prints the script for a shell. An installed program has brought them along; else, for bash, in "
    "~/.bashrc:\n"
    "  eval \"$(buildspec-run completion bash)\"\n"
    "for zsh, in ~/.zshrc behind compinit, the same with zsh; for fish:\n"
    "  buildspec-run completion fish >~/.config/fish/completions/buildspec-run.fish",
    {},
    run_completion,
    false,
    false,
};

}  // namespace

const Subcommand& completion_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
