#include "runner/cli/view_pretty.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/cli/output_tail.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/view_summary.h"

namespace buildspec_run {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kTailLines = 40;
constexpr std::size_t kRepeatedLines = 10;
constexpr std::size_t kWidest = 100;  // durations farther to the right than this lose their line
constexpr auto kShowAfter = 100ms;    // what is over before that does not flicker
constexpr auto kNameAfter = 2s;       // where nothing is live

struct Glyphs {
  std::string_view success, failure, running, bar, stop;
};
constexpr Glyphs kUnicode{"✓", "✗", "▸", "│", "◆"};
constexpr Glyphs kAscii{"+", "x", ">", "|", "*"};

class PrettyView : public EventSink {
 public:
  PrettyView(Console& out, Console& err, ViewOptions options)
      : out_(out),
        diagnostics_(out.same_destination(err) ? out : err),
        options_(std::move(options)),
        glyphs_(out.unicode() ? kUnicode : kAscii),
        filter_(out.color()) {
    options_.show_output = options_.show_output && !options_.quiet;
  }
  ~PrettyView() override { out_.clear_live(); }

  void on(const Event& event) override {
    // Before anything that happened after that time, so that it stands where it would without a tick in time.
    if (task_ && event.monotonic - task_->began_at >= kNameAfter) name_long_task();
    now_ = event.monotonic;
    if (const Output* chunk = std::get_if<Output>(&event.body)) return output(*chunk);
    summary_.on(event);
    std::visit(overloaded{
                   [&](const RunStarted& run) { started(run); },
                   [&](const PlanMade& plan) { plan_ = plan; },
                   [&](const TasksSelected& selected) { started(selected); },
                   [&](const EnvironmentPlanned& planned) {
                     out_.write_line_start("\n" + paint(Ink::bold, "environment", color()) + "\n" +
                                           planned_variables(planned.variables, "  "));
                   },
                   [&](const TaskPlanned& task) { planned(task); },
                   [&](const BuildStarted& build) { started(build); },
                   [&](const Diagnosed& diagnosed) { diagnose(diagnosed); },
                   [&](const ActionFetch& fetch) { fetching(fetch); },
                   [&](const PhaseStarted& phase) { started(phase); },
                   [&](const TaskStarted& task) { started(task); },
                   [](const Output&) {},
                   [&](const TaskFinished& task) { finished(task); },
                   [](const StepAnnotated&) {},
                   [](const StepSummarized&) {},
                   [&](const ShellOpened& shell) {
                     stands_still_ = true;
                     stop(shell.label, stop_text(shell));
                   },
                   [&](const ShellClosed& shell) {
                     stop(shell.label, stop_text(shell));
                     stands_still_ = !shell.resumed;  // else the user is asked
                   },
                   [&](const StopAnswered& answered) {
                     stop(answered.label, stop_text(answered));
                     stands_still_ = false;
                     if (is_taken_back(answered)) failed_tail_.clear();
                   },
                   [&](const PhaseFinished& phase) { finished(phase); },
                   [](const VariablesExported&) {},
                   [](const BuildFinished&) {},
                   [&](const RunFinished& run) { finished(run); },
               },
               event.body);
  }

  void tick() override {
    if (!phase_ || options_.quiet || options_.show_output) return;
    const steady_clock::time_point now = options_.now();
    if (out_.live()) return draw_live(now);
    if (task_ && now - task_->begun >= kNameAfter) name_long_task();
  }

 private:
  struct RunningPhase {
    std::string name;
    std::size_t tasks = 0;
    std::size_t begun_tasks = 0;
    steady_clock::time_point begun;
    bool shown = false;
  };
  struct RunningTask {
    std::string label, text;
    steady_clock::time_point begun;
    std::chrono::nanoseconds began_at;  // on the events' clock: what is printed follows it alone
    bool named = false;
    bool is_step = false;
  };

  [[nodiscard]] bool color() const { return out_.color(); }
  [[nodiscard]] std::size_t columns() const {
    const std::size_t width = out_.width();
    return width == 0 ? kWidest : std::min(std::max<std::size_t>(width, 2) - 1, kWidest);
  }
  [[nodiscard]] std::string cut(std::string_view text) const {
    return cut_columns(text, columns(), out_.unicode());
  }
  [[nodiscard]] std::string title(std::string_view label, std::string_view text) const {
    // So wide that the last label of the phase fits, and the commands stand below one another.
    const std::size_t wide =
        phase_ ? phase_->name.size() + std::to_string(std::max<std::size_t>(phase_->tasks, 1) - 1).size() + 2
               : 0;
    return fmt::format("{:<{}}  {}", plain_line(label), wide, command_title(text, out_.unicode()));
  }
  [[nodiscard]] std::string mark(Status status) const {
    return status == Status::succeeded ? paint(Ink::green, glyphs_.success, color())
                                       : paint(Ink::red, glyphs_.failure, color());
  }
  // Lines of sentences, broken between words.
  [[nodiscard]] std::string prose(std::string_view text, std::string_view indent) const {
    return wrap_words(text, out_.width() > 1 ? out_.width() - 1 : 0, indent) + "\n";
  }
  // `left` cut so that the duration fits behind it, at the right edge.
  [[nodiscard]] std::string with_duration(std::string_view left, std::chrono::nanoseconds took) const {
    const std::string time = shown_duration(took);
    const std::size_t room = columns() > time.size() + 1 ? columns() - time.size() - 1 : 0;
    const std::string shown = cut_columns(left, room, out_.unicode());
    const std::size_t gap = room - std::min(room, columns_of(shown)) + 1;
    return shown + std::string(gap, ' ') + paint(Ink::dim, time, color()) + "\n";
  }

  void output(const Output& chunk) {
    if (options_.show_output) {
      std::string shown;
      filter_.write(chunk.text, shown);
      return out_.write(shown);
    }
    tail_.append(task_ && task_->is_step ? without_header(chunk.text) : chunk.text);
    if (out_.live() && !options_.quiet && phase_) draw_live(options_.now());
  }

  void fetching(const ActionFetch& fetch) {
    if (options_.quiet) return;
    if (fetch.state == ActionFetch::State::running)
      fetches_[fetch.action] = fetch.bytes;
    else
      fetches_.erase(fetch.action);
    if (out_.live()) {
      if (options_.replayed) return;
      if (fetches_.empty()) return out_.clear_live();
      std::string line =
          paint(Ink::cyan, glyphs_.running, color()) + " " + paint(Ink::bold, "fetching", color());
      std::string_view before = " ";
      for (const auto& [action, bytes] : fetches_) {
        line.append(before).append(plain_line(action)).append(" ");
        line += paint(Ink::dim, shown_bytes(bytes), color());
        before = ", ";
      }
      return out_.show_live({line});
    }
    if (fetch.state == ActionFetch::State::done)
      out_.write_line_start(cut("  " + paint(Ink::dim, fetched_line(fetch.action, fetch.bytes), color())) +
                            "\n");
  }

  // Where nothing is live.
  void name_long_task() {
    if (task_->named || out_.live() || options_.quiet || options_.show_output) return;
    task_->named = true;
    out_.write_line_start(
        cut("  " + paint(Ink::dim, glyphs_.running, color()) + " " + title(task_->label, task_->text)) +
        "\n");
  }

  // Whole seconds: what does not change need not be drawn.
  [[nodiscard]] static std::string whole_seconds(steady_clock::duration elapsed) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed);
    return seconds < 1min ? fmt::format("{}s", seconds.count()) : shown_duration(seconds);
  }

  void draw_live(steady_clock::time_point now) {
    if (options_.replayed || stands_still_ || !fetches_.empty() || !out_.live_is_due()) return;
    const steady_clock::time_point begun = task_ ? task_->begun : phase_->begun;
    if (!out_.shows_live() && now - begun < kShowAfter) return;
    if (out_.live_rows() > 1)
      out_.show_live(live_rows(now));
    else
      out_.show_live({live_row(now - begun)});
  }

  // The phase, and how many of its commands have begun.
  [[nodiscard]] std::string live_phase() const {
    std::string text =
        paint(Ink::cyan, glyphs_.running, color()) + " " + paint(Ink::bold, phase_->name, color());
    if (task_ && phase_->begun_tasks > 0 && phase_->begun_tasks <= phase_->tasks)
      text += fmt::format(" {}/{}", phase_->begun_tasks, phase_->tasks);
    return text;
  }
  // The last line of the command's output, as it would be seen.
  [[nodiscard]] std::string live_output() const {
    std::string_view last = tail_.last_line();
    if (last.size() > kMostShown) last.remove_prefix(last.size() - kMostShown);
    return plain_line(after_returns(last));
  }

  [[nodiscard]] std::vector<std::string> live_rows(steady_clock::time_point now) const {
    const auto time = [&](steady_clock::time_point since) {
      return "  " + paint(Ink::cyan, whole_seconds(now - since), color());
    };
    std::vector<std::string> rows = {live_phase()};
    if (attempt_ > 1) rows[0] += fmt::format(", attempt {}", attempt_);
    rows[0] += time(run_begun_);
    if (!task_) return rows;
    rows.push_back("  " + plain_line(task_->label) + time(task_->begun) + "  " +
                   command_title(task_->text, out_.unicode()));
    const std::string said = live_output();
    rows.push_back(said.empty() ? ""
                                : "  " + paint(Ink::dim, fmt::format("{} {}", glyphs_.bar, said), color()));
    return rows;
  }

  // All of it where there is room for one row.
  [[nodiscard]] std::string live_row(steady_clock::duration elapsed) const {
    std::string line = live_phase();
    if (task_) line += " " + plain_line(task_->label);
    line += " " + paint(Ink::cyan, whole_seconds(elapsed), color());
    if (!task_) return line;
    const std::size_t used = columns_of(line), width = out_.live_columns();
    const std::size_t room = width > used + 1 ? width - used - 1 : 0;
    const std::string said = live_output();
    const std::string text = command_title(task_->text, out_.unicode());
    if (said.empty()) return line + " " + text;
    return line + " " + cut_columns(text, room * 2 / 5, out_.unicode()) + " " +
           paint(Ink::dim, fmt::format("{} {}", glyphs_.bar, said), color());
  }

  void started(const RunStarted& run) {
    log_file_ = run.log_file;
    run_begun_ = options_.now();
    if (options_.quiet) return;
    std::string text =
        paint(Ink::bold, plain_line(run.buildspec), color()) + " in " + plain_line(run.source_dir) + "\n" +
        paint(Ink::dim, fmt::format("shell {}, buildspec-run {}", plain_line(run.shell), run.version),
              color()) +
        "\n";
    if (const std::string note = repository_note(run); !note.empty())
      text += prose(paint(Ink::cyan, "note:", color()) + " " + note, "  ");
    out_.write_line_start(text);
  }

  void started(const TasksSelected& selected) {
    if (options_.quiet) return;
    std::string text;
    if (!selected.left_out.empty())
      text += prose(paint(Ink::yellow, "left out:", color()) + " " + left_out_text(plan_, selected.left_out),
                    "  ");
    if (selected.dry_run) text += paint(Ink::yellow, "a dry run:", color()) + " nothing is started\n";
    out_.write_line_start(text);
  }

  void planned(const TaskPlanned& task) {
    std::string text;
    if (task.phase != planned_phase_)
      text += "\n" +
              paint(Ink::bold, fmt::format("{} {}", glyphs_.running, plain_line(task.phase)), color()) + "\n";
    planned_phase_ = task.phase;
    text += fmt::format("  {}  ", paint(Ink::cyan, plain_line(task.label), color()));
    if (!task.name.empty()) text += plain_line(task.name) + "  ";
    text += paint(Ink::dim, plain_line(to_string(task.place)), color()) + "\n";
    if (const std::string way = planned_way(task); !way.empty())
      text += prose("    " + paint(Ink::dim, way, color()), "      ");
    if (!task.variables.empty()) text += "    env\n" + planned_variables(task.variables, "      ");
    for (const std::string& line : command_lines(task.text))
      text += fmt::format("    {} {}\n", paint(Ink::dim, glyphs_.bar, color()), line);
    if (!task.inputs.empty()) text += "    with\n" + planned_variables(task.inputs, "      ");
    out_.write_line_start(text);
  }

  // Also when it is quiet: who is asked has to see it.
  void stop(std::string_view label, std::string_view text) {
    out_.clear_live();  // nothing of it behind a shell or a question
    if (phase_) show_phase();
    out_.write_line_start(
        prose(fmt::format("  {} {}  {}", paint(Ink::yellow, glyphs_.stop, color()), plain_line(label), text),
              "    "));
  }

  void started(const BuildStarted& build) {
    failed_tail_.clear();
    repeat_ = false;
    attempt_ = build.attempt;
    if (options_.quiet || build.attempt <= 1) return;
    out_.write_line_start(
        "\n" + paint(Ink::yellow, fmt::format("retrying, attempt {}", build.attempt), color()) + "\n");
  }

  void diagnose(const Diagnosed& diagnosed) {
    if (options_.quiet && diagnosed.severity != "error") return;
    if (&diagnostics_ != &out_) out_.clear_live();  // both may be terminals after all
    const std::size_t width = diagnostics_.width();
    diagnostics_.write_line_start(
        shown_diagnostic(diagnosed, diagnostics_.color(), width > 1 ? width - 1 : 0));
  }

  void started(const PhaseStarted& phase) {
    phase_ = RunningPhase{plain_line(phase.phase), phase.tasks, 0, options_.now(), false};
    if (phase.tasks > 0) show_phase();
  }

  void show_phase() {
    if (phase_->shown || options_.quiet) return;
    phase_->shown = true;
    out_.write_line_start(
        "\n" + paint(Ink::bold, fmt::format("{} {}", glyphs_.running, phase_->name), color()) + "\n");
  }

  void started(const TaskStarted& task) {
    const std::string& shown = task.step ? task.step->name : task.text;
    task_ = RunningTask{task.label, shown, options_.now(), now_, false, task.step.has_value()};
    tail_.clear();
    if (phase_) {
      phase_->begun_tasks += task.step && task.step->stage != "main" ? 0 : 1;
      show_phase();
    }
    if (!failed_tail_.empty()) repeat_ = true;
    if (!options_.show_output) return;
    out_.write_line_start(shown_command(task.label, shown));
  }

  // Label and text of a command, whole.
  [[nodiscard]] std::string shown_command(std::string_view label, std::string_view text) const {
    std::string out = fmt::format("  {} {}  ", paint(Ink::cyan, glyphs_.running, color()), plain_line(label));
    const std::vector<std::string> lines = command_lines(text);
    if (lines.size() == 1) return out + lines[0] + "\n";
    out += "\n";
    for (const std::string& line : lines) out += "      " + line + "\n";
    return out;
  }

  void finished(const TaskFinished& task) {
    const bool succeeded = task.status == Status::succeeded;
    task_.reset();
    if (task.step && task.step->outcome == "skipped" && phase_) ++phase_->begun_tasks;
    if (options_.quiet && succeeded) return;
    std::string text;
    const std::string& named = task.step ? task.step->name : task.text;
    if (task.step && task.step->outcome == "skipped") {
      if (phase_) show_phase();
      return out_.write_line_start(
          paint(Ink::dim, cut(fmt::format("  - {} (skipped)", title(task.label, named))), color()) + "\n");
    }
    if (options_.show_output) filter_.finish(text);
    std::string left = fmt::format("  {} {}", mark(task.status), title(task.label, named));
    if (succeeded && task.step && task.step->outcome != "success") left += kCarriedOn;
    const std::string first = with_duration(left, task.took);
    text += first;
    if (!succeeded) {
      // Whatever of the command the line above does not show.
      const std::vector<std::string> lines = command_lines(task.text);
      if (!options_.show_output && (lines.size() > 1 || first.find(lines[0]) == std::string::npos)) {
        for (std::size_t i = 0; i < lines.size(); ++i)
          text += (i == 0 ? "    $ " : "      ") + lines[i] + "\n";
      }
      if (!options_.show_output) text += shown_tail(tail_, kTailLines, tail_indent(), log_file_, color());
      const std::string how = task.status == Status::failed && !task.exit.success()
                                  ? to_string(task.exit)
                                  : std::string(shown_status(task.status));
      text += "    " + paint(Ink::red, how, color()) + " at " + plain_line(to_string(task.place)) + "\n";
      if (!task.hint.empty())
        text += prose("    " + paint(Ink::cyan, "hint:", color()) + " " + plain_line(task.hint), "      ");
      if (failed_tail_.empty() && !options_.show_output) {
        failed_tail_ = shown_tail(tail_, kRepeatedLines, tail_indent(), log_file_, color());
        repeat_ = false;
      }
    }
    out_.write_line_start(text);
  }

  [[nodiscard]] std::string tail_indent() const {
    return "    " + paint(Ink::dim, glyphs_.bar, color()) + " ";
  }

  void finished(const PhaseFinished& phase) {
    const bool succeeded = phase.status == Status::succeeded;
    const bool shown = phase_ && phase_->shown;
    phase_.reset();
    out_.clear_live();  // until the next phase has something to show
    if (options_.quiet ? succeeded || phase.code == "COMMAND_EXECUTION_ERROR" : succeeded && !shown) return;
    std::string text;
    if (!shown && !options_.quiet) text += "\n";
    text += with_duration(
        fmt::format("{} {} {}", mark(phase.status), paint(Ink::bold, plain_line(phase.phase), color()),
                    shown_status(phase.status)),
        phase.took);
    // What a command did stands above.
    if (!succeeded && phase.code != "COMMAND_EXECUTION_ERROR" &&
        !(phase.code.empty() && phase.message.empty()))
      text +=
          prose(fmt::format("  {}{}{}", phase.code, phase.code.empty() || phase.message.empty() ? "" : ": ",
                            plain_line(phase.message)),
                "    ");
    out_.write_line_start(text);
  }

  void finished(const RunFinished& run) {
    phase_.reset();
    task_.reset();
    out_.clear_live();
    std::string text;
    if (options_.show_output) filter_.finish(text);  // of what ran in the background
    if (!options_.quiet) text += "\n";
    if (repeat_ && !failed_tail_.empty() && !options_.quiet && !run.failed_label.empty()) {
      text += paint(Ink::red, title(run.failed_label, run.failed_text), color()) + "\n" + failed_tail_;
    }
    const std::string problem = options_.log_problem ? options_.log_problem() : std::string();
    text += summary_.render(run, Look{color(), out_.unicode(), out_.width()}, options_.quiet, problem);
    out_.write_line_start(text);
  }

  static constexpr std::size_t kMostShown = 1024;  // bytes of an output line looked at for the live block

  Console& out_;
  Console& diagnostics_;
  ViewOptions options_;
  const Glyphs& glyphs_;
  Summary summary_;
  PlanMade plan_;
  std::string planned_phase_;
  OutputTail tail_;
  OutputFilter filter_;  // of output that is shown as it comes
  std::string log_file_;
  std::optional<RunningPhase> phase_;
  std::optional<RunningTask> task_;
  std::map<std::string, std::uint64_t> fetches_;  // under way: so many bytes have come
  std::chrono::nanoseconds now_{0};               // of the last event
  steady_clock::time_point run_begun_{};
  int attempt_ = 1;
  bool stands_still_ = false;  // the terminal is a shell's, or the user is being asked
  std::string failed_tail_;    // of the first failure of this build
  bool repeat_ = false;        // other commands have run since
};

}  // namespace

std::unique_ptr<EventSink> make_pretty_view(Console& out, Console& err, ViewOptions options) {
  return std::make_unique<PrettyView>(out, err, std::move(options));
}

}  // namespace buildspec_run
