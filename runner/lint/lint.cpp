#include "runner/lint/lint.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/lint/shell_words.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kMostFindings = 1000;
constexpr std::size_t kMostReportGroups = 5;  // buildspec.md 1.6

// Source: buildspec.md 8.1, 8.4: what the images of all ages have had.
constexpr std::string_view kRuntimes[] = {"android", "docker", "dotnet", "golang", "java",
                                          "nodejs",  "php",    "python", "ruby",   "rust"};

// A task's script with its words, and where it stands.
struct Script {
  const Task* task;
  std::string_view text;
  ShellWords scanned;
};

class Linter {
 public:
  Linter(const Buildspec& buildspec, const Plan& plan, Diagnostics& found)
      : buildspec_(buildspec), plan_(plan), found_(found) {}

  void run() {
    check_names();
    if (buildspec_.reports.size() > kMostReportGroups)
      report(Severity::warning, buildspec_.reports[kMostReportGroups].group.where, "too-many-reports",
             fmt::format("{} report groups; a project may have {}", buildspec_.reports.size(),
                         kMostReportGroups));
    check_runtimes();
    for (const Phase& phase : plan_.phases) {
      for (const Task& task : phase.commands) check_task(task);
      for (const Task& task : phase.finally) check_task(task);
    }
  }

  void run_on_ends() {
    for (const Phase& phase : plan_.phases)
      for (const std::vector<Task>* tasks : {&phase.commands, &phase.finally})
        for (const Task& task : *tasks) {
          const auto* shell = std::get_if<ShellScript>(&task.body);
          if (shell == nullptr || shell->text.empty() || !is_posix_shell()) continue;
          // Reading a script costs more than a glance, and few scripts hold either.
          const bool may_be_open = shell->text.find("<<") != std::string::npos;
          if (shell->text.back() != '\\' && !may_be_open) continue;
          check_lost_status({&task, shell->text, may_be_open ? scan_shell(shell->text) : ShellWords()});
        }
  }

 private:
  void report(Severity severity, SourceRange where, std::string_view id, std::string message) {
    if (++reported_ <= kMostFindings) found_.add(severity, *buildspec_.source, where, id, std::move(message));
  }

  void check_runtimes() {
    for (const WantedRuntime& runtime : plan_.runtimes) {
      if (std::find(std::begin(kRuntimes), std::end(kRuntimes), runtime.name) == std::end(kRuntimes))
        report(Severity::warning, runtime.where, "unknown-runtime",
               fmt::format(
                   "the cloud's images have no runtime \"{}\" and refuse it (Unknown runtime named '{}'){}",
                   runtime.name, runtime.name, did_you_mean(runtime.name, kRuntimes)));
    }
  }

  // --- variables ---
  void check_names() {
    std::map<std::string_view, std::string_view> maps;
    const auto check = [&](const std::vector<PlacedEntry>& variables, std::string_view map) {
      for (const auto& [name, value] : variables) {
        if (!is_variable_name(name.value))
          report(Severity::warning, name.where, "variable-not-usable",
                 "a shell cannot name this variable; it takes letters, digits and underscores, and no digit "
                 "first");
        const auto [before, added] = maps.emplace(name.value, map);
        if (!added && before->second != map)
          report(Severity::warning, name.where, "variable-shadowed",
                 fmt::format("this variable is in {} as well; the one in {} wins", before->second, map));
      }
    };
    check(buildspec_.env.variables, "variables");
    check(buildspec_.env.parameter_store, "parameter-store");
    check(buildspec_.env.secrets_manager, "secrets-manager");
  }

  // --- commands ---
  void check_task(const Task& task) {
    if (reported_ >= kMostFindings) return;
    std::visit(overloaded{[&](const ShellScript& shell) {
                 if (shell.text.empty() || !is_posix_shell()) return;
                 const Script script{&task, shell.text, scan_shell(shell.text)};
                 check_end(script);
                 check_options(script);
                 check_wait(script);
                 check_functions(script);
                 if (plan_.scope == ScopeKind::isolated) check_isolated(script);
                 if (is_plain_sh()) check_bashisms(script);
               }},
               task.body);
  }

  [[nodiscard]] bool is_plain_sh() const {
    return plan_.shell.empty() || plan_.shell == "sh" || plan_.shell == "/bin/sh";
  }
  [[nodiscard]] bool is_posix_shell() const {
    return is_plain_sh() || plan_.shell == "bash" || plan_.shell == "/bin/bash" ||
           plan_.shell == "/usr/bin/bash";
  }

  // Where byte `offset` of a script stands in the file. Quoted and folded texts differ from what is in the
  // file; then it is looked for in its line, and else the whole entry is the place.
  [[nodiscard]] SourceRange place(const Script& script, std::size_t offset, std::size_t size) const {
    const SourceRange whole = script.task->where;
    const std::string_view raw = buildspec_.source->slice(whole);
    if (raw == script.text) return {whole.begin + offset, whole.begin + offset + size};
    std::size_t from = 0;
    if (raw.starts_with('|')) {  // a block: line n of the text is line n + 1 of the entry
      const auto lines =
          std::count(script.text.begin(), script.text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
      for (std::ptrdiff_t line = 0; line <= lines && from != std::string_view::npos; ++line) {
        from = raw.find('\n', from);
        if (from != std::string_view::npos) ++from;
      }
      if (from == std::string_view::npos) return whole;
    }
    const std::size_t found = raw.find(script.text.substr(offset, size), from);
    if (found == std::string_view::npos) return whole;
    return {whole.begin + found, whole.begin + found + size};
  }
  [[nodiscard]] SourceRange place(const Script& script, const ShellWord& word) const {
    return place(script, word.offset, word.text.size());
  }

  // What comes after the text of a command in its script (buildspec.md 1.4).
  void check_lost_status(const Script& script) {
    const std::size_t last = script.text.find_last_not_of('\\');
    const std::size_t backslashes = script.text.size() - (last == std::string_view::npos ? 0 : last + 1);
    if (backslashes % 2 == 1)
      report(Severity::warning, place(script, script.text.size() - 1, 1), "backslash-at-end",
             "a command that ends in \"\\\" runs on into the agent's own lines, and its exit status is lost");
    if (script.scanned.open_here_document)
      report(Severity::warning, script.task->where, "here-document-open",
             "a here-document without its end swallows the agent's own lines: directory and variables are "
             "not kept");
  }

  void check_end(const Script& script) {
    check_lost_status(script);
    if (script.text.starts_with("#!"))
      report(Severity::note, script.task->where, "shebang-ignored",
             "a \"#!\" line has no effect; the shell is chosen by env.shell");
  }

  void check_options(const Script& script) {
    const std::vector<ShellWord>& words = script.scanned.words;
    if (words.empty() || (words[0].text != "set" && words[0].text != "shopt") || words.size() < 2) return;
    const auto others = std::count_if(words.begin(), words.end(), [](const ShellWord& word) {
      return word.is_operator ? word.text != "\n"
                              : word.is_command && word.text != "set" && word.text != "shopt";
    });
    if (others == 0 && (words[1].text.starts_with('-') || words[1].text.starts_with('+')) &&
        words[1].text != "--")
      report(Severity::warning, place(script, words[0]), "option-not-carried",
             "shell options end with their command, so this has no effect on the next ones; write it in the "
             "same block");
  }

  // buildspec.md 1.4 and U57: `wait` for a process that another shell has started.
  void check_wait(const Script& script) {
    const std::vector<ShellWord>& words = script.scanned.words;
    for (std::size_t i = 0; i + 2 < words.size(); ++i)
      if (words[i].is_command && words[i].text == "wait" &&
          (words[i + 1].text == "$(" || words[i + 1].text == "`") && words[i + 2].text == "cat") {
        report(Severity::warning, place(script, words[i]), "wait-foreign-process",
               "each command has a shell of its own, and wait for another shell's process fails with 127; "
               "poll with kill -0, or start and await it in one block");
        return;
      }
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      if (words[i].is_command && words[i].text == "wait" && words[i + 1].text.starts_with("\"$(cat ")) {
        report(Severity::warning, place(script, words[i]), "wait-foreign-process",
               "each command has a shell of its own, and wait for another shell's process fails with 127; "
               "poll with kill -0, or start and await it in one block");
        return;
      }
  }

  static std::set<std::string_view> defined_functions(const std::vector<ShellWord>& words) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (!words[i].is_command) continue;
      if (words[i].text == "function" && i + 1 < words.size())
        names.insert(words[i + 1].text);
      else if (i + 2 < words.size() && words[i + 1].text == "(" && words[i + 2].text == ")")
        names.insert(words[i].text);
    }
    return names;
  }

  void check_functions(const Script& script) {
    const std::vector<ShellWord>& words = script.scanned.words;
    const std::set<std::string_view> own = defined_functions(words);
    const bool reads_file = std::any_of(words.begin(), words.end(), [](const ShellWord& word) {
      return word.is_command && (word.text == "." || word.text == "source" || word.text == "eval");
    });
    if (!functions_.empty() && !reads_file)
      for (const ShellWord& word : words) {
        if (!word.is_command || own.contains(word.text)) continue;
        const auto defined = functions_.find(word.text);
        if (defined == functions_.end()) continue;
        report(Severity::warning, place(script, word), "function-not-carried",
               fmt::format("this function is defined in {}, and functions do not reach another command",
                           defined->second->label));
        break;
      }
    for (const std::string_view name : own) functions_.emplace(name, script.task);
  }

  // Version 0.1: every command starts afresh.
  void check_isolated(const Script& script) {
    const std::vector<ShellWord>& words = script.scanned.words;
    if (words.empty() || (words[0].text != "cd" && words[0].text != "export")) return;
    const bool alone =
        std::none_of(words.begin() + 1, words.end(), [](const ShellWord& word) { return word.is_command; });
    if (alone)
      report(Severity::warning, place(script, words[0]), "state-not-carried",
             "in version 0.1 neither directory nor variables reach the next command; join them with &&, or "
             "write version: 0.2");
  }

  void check_bashisms(const Script& script) {
    constexpr std::string_view kCommands[] = {"[[",    "source", "declare", "typeset", "function",  "let",
                                              "pushd", "popd",   "shopt",   "mapfile", "readarray", "disown"};
    const std::vector<ShellWord>& words = script.scanned.words;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const ShellWord& word = words[i];
      std::string_view what;
      if (word.is_command &&
          std::find(std::begin(kCommands), std::end(kCommands), word.text) != std::end(kCommands))
        what = word.text;
      else if (word.is_operator && (word.text == "<<<" || word.text == "&>" || word.text == "&>>"))
        what = word.text;
      else if (!word.is_operator && word.text.ends_with('=') &&
               is_variable_name(word.text.substr(0, word.text.size() - 1)) && i + 1 < words.size() &&
               words[i + 1].text == "(" && words[i + 1].offset == word.offset + word.text.size())
        what = "an array";
      if (what.empty()) continue;
      report(Severity::note, place(script, word), "bashism",
             fmt::format("{} is not in dash, which is sh on Ubuntu images; env.shell: bash has it everywhere",
                         what == "an array" ? std::string(what) : fmt::format("\"{}\"", what)));
      return;
    }
  }

  const Buildspec& buildspec_;
  const Plan& plan_;
  Diagnostics& found_;
  std::size_t reported_ = 0;
  std::map<std::string_view, const Task*> functions_;
};

}  // namespace

void lint_buildspec(const Buildspec& buildspec, const Plan& plan, Diagnostics& found) {
  Linter(buildspec, plan, found).run();
}

void lint_script_ends(const Buildspec& buildspec, const Plan& plan, Diagnostics& found) {
  Linter(buildspec, plan, found).run_on_ends();
}

}  // namespace buildspec_run
