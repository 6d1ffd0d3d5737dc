// What the options of `run`, and its user at the terminal, answer while a build runs.
#pragma once

#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/event/controller.h"

namespace buildspec_run {

struct RunAnswers {
  WantedTasks wanted;
  bool dry_run = false;
  std::vector<std::string> breaks;  // names of phases and tasks, of --break
  bool shell_on_failure = false;
  std::string terminal;  // path; empty: nobody is asked
};

/// A stop is asked about in one line on the terminal:
///
///   build[1] failed (exit status 1): [r]etry, [c]ontinue, [s]kip, s[h]ell, [a]bort?
///
/// A letter or the word answers, anything else is asked again; the end of input, a terminal that has gone, and a stop of the
/// run mean abort.
class RunController : public Controller {
 public:
  RunController(RunAnswers answers, std::stop_token stop)
      : answers_(std::move(answers)), stop_(std::move(stop)) {}

  Selection select(const PlanMade& plan) override;
  Answer before(const TaskStarted& task) override;
  Answer after(const TaskFinished& task) override;
  Answer after_shell(const Stop& stop, const std::string& problem) override;

 private:
  RunAnswers answers_;
  std::stop_token stop_;
  std::set<std::string> breaks_;  // labels
  std::string again_;             // of the task that runs again: no stop before it
};

/// The question about a stop; which answers it offers.
[[nodiscard]] std::string question_of(const Stop& stop);
/// What was typed, as an answer to that; nullopt: nothing that it offers.
[[nodiscard]] std::optional<Answer> answer_of(const Stop& stop, std::string_view typed);

}  // namespace buildspec_run
