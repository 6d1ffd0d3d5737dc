#include "runner/cli/run_controller.h"

#include <fmt/core.h>

#include <algorithm>

#include "runner/base/text.h"
#include "runner/cli/console.h"
#include "runner/cli/terminal_text.h"
#include "runner/sys/terminal.h"

namespace buildspec_run {
namespace {

struct Choice {
  Answer answer;
  std::string_view letter, word, shown;
  bool before = true;  // offered before a task, too
  bool background = true;
};
constexpr Choice kChoices[] = {
    {Answer::retry, "r", "retry", "[r]etry", false, false},
    {Answer::go_on, "c", "continue", "[c]ontinue"},
    {Answer::skip, "s", "skip", "[s]kip", true, false},
    {Answer::shell, "h", "shell", "s[h]ell"},
    {Answer::abort, "a", "abort", "[a]bort"},
};

bool is_offered(const Choice& choice, const Stop& stop) {
  return stop.at == Stop::At::before       ? choice.before
         : stop.at == Stop::At::background ? choice.background
                                           : true;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

}  // namespace

std::string question_of(const Stop& stop) {
  std::string text = plain_line(stop.label);
  switch (stop.at) {
    case Stop::At::before:
      text += " has not run";
      break;
    case Stop::At::inside:
      text += " waits at codebuild-breakpoint";
      break;
    case Stop::At::background:
      text += ": a job in the background waits at codebuild-breakpoint";
      break;
    case Stop::At::after:
      text += stop.exit.success() ? " failed" : fmt::format(" failed ({})", to_string(stop.exit));
      break;
  }
  std::string_view between = ": ";
  for (const Choice& choice : kChoices)
    if (is_offered(choice, stop)) {
      text.append(between).append(choice.shown);
      between = ", ";
    }
  return text + "? ";
}

std::optional<Answer> answer_of(const Stop& stop, std::string_view typed) {
  const std::string word = to_lower(trimmed(typed));
  for (const Choice& choice : kChoices)
    if (is_offered(choice, stop) && (word == choice.letter || word == choice.word)) return choice.answer;
  return std::nullopt;
}

Selection RunController::select(const PlanMade& plan) {
  Selection selection = select_tasks(answers_.wanted, plan);
  selection.dry_run = answers_.dry_run;
  const std::vector<std::string> labels = find_breaks(answers_.breaks, plan, selection);
  breaks_ = {labels.begin(), labels.end()};
  return selection;
}

Answer RunController::before(const TaskStarted& task) {
  const bool runs_again = std::exchange(again_, std::string()) == task.label;
  return breaks_.contains(task.label) && !runs_again ? Answer::shell : Answer::go_on;
}

Answer RunController::after(const TaskFinished& task) {
  return answers_.shell_on_failure && task.status == Status::failed ? Answer::shell : Answer::go_on;
}

Answer RunController::after_shell(const Stop& stop, const std::string&) {
  const Result<Terminal> terminal = Terminal::open(answers_.terminal);
  if (!terminal) return Answer::abort;
  Console console(terminal->descriptor());
  for (;;) {
    console.write(question_of(stop));
    const std::optional<std::string> line = terminal->read_line(stop_);
    if (!line) {
      console.write("\n");
      return Answer::abort;
    }
    if (const std::optional<Answer> answer = answer_of(stop, *line)) {
      if (*answer == Answer::retry) again_ = stop.label;
      return *answer;
    }
  }
}

}  // namespace buildspec_run
