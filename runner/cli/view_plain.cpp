#include "runner/cli/view_plain.h"

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/cli/output_tail.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/view_summary.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kTailLines = 40;

class PlainView : public EventSink {
 public:
  PlainView(Console& out, Console& err, ViewOptions options)
      : out_(out), err_(err), options_(std::move(options)) {}

  void on(const Event& event) override {
    if (const Output* output = std::get_if<Output>(&event.body)) {
      // Unless it was quiet, this is the one thing that can be much.
      if (options_.quiet) return tail_.append(is_step_ ? without_header(output->text) : output->text);
      if (is_step_ && !out_.color() && output->text.starts_with("##[group]Run "))
        return out_.write(with_plain_header(output->text));
      return out_.write(output->text);
    }
    summary_.on(event);
    std::visit(overloaded{
                   [&](const RunStarted& run) { started(run); },
                   [&](const PlanMade& plan) { plan_ = plan; },
                   [&](const TasksSelected& selected) {
                     if (!selected.left_out.empty() && !options_.quiet)
                       say("run", "left out: " + left_out_text(plan_, selected.left_out));
                     if (selected.dry_run && !options_.quiet) say("run", "a dry run: nothing is started");
                   },
                   [&](const EnvironmentPlanned& planned) {
                     out_.write_line_start(
                         line("run", "environment: " + counted(planned.variables.size(), "variable")) +
                         planned_variables(planned.variables, "  "));
                   },
                   [&](const TaskPlanned& task) { planned(task); },
                   [&](const BuildStarted& build) { started(build); },
                   [&](const Diagnosed& diagnosed) { diagnose(diagnosed); },
                   [&](const ActionFetch& fetch) {
                     if (fetch.state == ActionFetch::State::done && !options_.quiet)
                       say("run", fetched_line(fetch.action, fetch.bytes));
                   },
                   [&](const PhaseStarted& phase) { started(phase); },
                   [&](const TaskStarted& task) { started(task); },
                   [](const Output&) {},
                   [&](const TaskFinished& task) { finished(task); },
                   [](const StepAnnotated&) {},
                   [](const StepSummarized&) {},
                   [&](const ShellOpened& shell) { say(shell.label, stop_text(shell)); },
                   [&](const ShellClosed& shell) { say(shell.label, stop_text(shell)); },
                   [&](const StopAnswered& stop) { say(stop.label, stop_text(stop)); },
                   [&](const PhaseFinished& phase) { finished(phase); },
                   [](const VariablesExported&) {},
                   [&](const BuildFinished& build) {
                     if (build.will_retry && !options_.quiet) say("run", "the build failed and is retried");
                   },
                   [&](const RunFinished& run) { finished(run); },
               },
               event.body);
  }

 private:
  [[nodiscard]] std::string line(std::string_view who, std::string_view text) const {
    return paint(Ink::bold, fmt::format("[{}]", who), out_.color()) + fmt::format(" {}\n", text);
  }
  void say(std::string_view who, std::string_view text) { out_.write_line_start(line(who, text)); }

  void started(const RunStarted& run) {
    log_file_ = run.log_file;
    if (options_.quiet) return;
    std::string text = line("run", "buildspec-run " + run.version) +
                       line("run", "buildspec: " + plain_line(run.buildspec)) +
                       line("run", "source: " + plain_line(run.source_dir));
    if (const std::string note = repository_note(run); !note.empty()) text += line("run", "note: " + note);
    text += line("run", "shell: " + plain_line(run.shell));
    if (!run.log_file.empty()) text += line("run", "log: " + plain_line(run.log_file));
    out_.write_line_start(text);
  }

  void started(const BuildStarted& build) {
    if (options_.quiet) return;
    say("run", fmt::format("build: {}{}", build.build_id,
                           build.attempt > 1 ? fmt::format(" (attempt {})", build.attempt) : std::string()));
  }

  void diagnose(const Diagnosed& diagnosed) {
    if (options_.quiet && diagnosed.severity != "error") return;
    // On one terminal, or with 2>&1, they must not stand behind half a line of output.
    if (!out_.at_line_start() && out_.same_destination(err_)) out_.write("\n");
    err_.write_line_start(shown_diagnostic(diagnosed, err_.color()));
  }

  void started(const PhaseStarted& phase) {
    if (options_.quiet) return;
    say(phase.phase, phase.tasks > 0
                         ? "started, " + counted(phase.tasks, phase.steps == phase.tasks ? "step" : "command")
                         : std::string("started"));
  }

  [[nodiscard]] std::string command(std::string_view label, std::string_view text) const {
    std::string out;
    std::string_view mark = "$ ";
    for (const std::string& piece : command_lines(text)) {
      out += line(label, std::string(mark) + piece);
      mark = "> ";
    }
    return out;
  }

  void started(const TaskStarted& task) {
    tail_.clear();
    is_step_ = task.step.has_value();
    if (options_.quiet) return;
    out_.write_line_start(task.step ? step(task.label, task.step->name) : command(task.label, task.text));
  }

  void planned(const TaskPlanned& task) {
    std::string text;
    if (!task.name.empty()) text += step(task.label, task.name);
    text += line(task.label, planned_way(task) + " at " + plain_line(to_string(task.place)));
    if (!task.variables.empty()) text += line(task.label, "env:") + planned_variables(task.variables, "  ");
    text += task.name.empty() || !task.program.empty() ? command(task.label, task.text)
                                                       : line(task.label, "uses: " + plain_line(task.text));
    if (!task.inputs.empty()) text += line(task.label, "with:") + planned_variables(task.inputs, "  ");
    out_.write_line_start(text);
  }

  [[nodiscard]] std::string step(std::string_view label, std::string_view name) const {
    return line(label, "step: " + plain_line(name));
  }

  void finished(const TaskFinished& task) {
    const bool succeeded = task.status == Status::succeeded;
    if (options_.quiet && succeeded) return;
    std::string text;
    if (task.step && task.step->outcome == "skipped") {
      const std::string skipped = paint(Ink::dim, "skipped: " + plain_line(task.step->name), out_.color());
      return out_.write_line_start(line(task.label, skipped));
    }
    if (options_.quiet)
      text = (task.step ? step(task.label, task.step->name) : command(task.label, task.text)) +
             shown_tail(tail_, kTailLines, "", log_file_, out_.color());
    std::string result = paint(succeeded ? Ink::green : Ink::red, shown_status(task.status), out_.color());
    result += (succeeded ? " in " : " after ") + shown_duration(task.took);
    if (!succeeded) {
      if (task.status == Status::failed && !task.exit.success()) result += ": " + to_string(task.exit);
      result += " at " + plain_line(to_string(task.place));
    }
    if (succeeded && task.step && task.step->outcome != "success") result += kCarriedOn;
    text += line(task.label, result);
    if (!task.hint.empty()) text += line(task.label, "hint: " + plain_line(task.hint));
    out_.write_line_start(text);
  }

  void finished(const PhaseFinished& phase) {
    const bool succeeded = phase.status == Status::succeeded;
    if (options_.quiet && (succeeded || phase.code == "COMMAND_EXECUTION_ERROR")) return;
    std::string result = paint(succeeded ? Ink::green : Ink::red, shown_status(phase.status), out_.color());
    result += (succeeded ? " in " : " after ") + shown_duration(phase.took);
    if (!phase.code.empty()) result += ": " + phase.code;
    if (!phase.message.empty()) result += ": " + plain_line(phase.message);
    say(phase.phase, result);
  }

  void finished(const RunFinished& run) {
    const std::string problem = options_.log_problem ? options_.log_problem() : std::string();
    const Look look{out_.color(), out_.unicode(), 0};
    out_.write_line_start(summary_.render(run, look, options_.quiet, problem));
  }

  Console& out_;
  Console& err_;
  ViewOptions options_;
  Summary summary_;
  PlanMade plan_;
  OutputTail tail_;  // quiet only
  bool is_step_ = false;
  std::string log_file_;
};

}  // namespace

std::unique_ptr<EventSink> make_plain_view(Console& out, Console& err, ViewOptions options) {
  return std::make_unique<PlainView>(out, err, std::move(options));
}

}  // namespace buildspec_run
