// Feeds events to a view and reads back, byte for byte, what it wrote.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "runner/cli/console.h"
#include "runner/cli/view.h"
#include "runner/event/event.h"

namespace buildspec_run::test {

/// A file without a name, read back whole.
class Capture {
 public:
  Capture() : fd_(memfd_create("capture", MFD_CLOEXEC)) {}
  ~Capture() { close(fd_); }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  /// What was written since the last call.
  std::string take() {
    std::string text;
    char piece[4096];
    for (ssize_t n; (n = pread(fd_, piece, sizeof piece, read_)) > 0; read_ += n)
      text.append(piece, static_cast<std::size_t>(n));
    return text;
  }

 private:
  int fd_;
  off_t read_ = 0;
};

/// Two consoles, a clock that stands still, and short names for the events of a build.
class ViewFixture : public testing::Test {
 protected:
  [[nodiscard]] ViewOptions options() {
    ViewOptions made;
    made.now = [this] { return now_; };
    return made;
  }
  void pass(std::chrono::nanoseconds time) { now_ += time; }

  void tell(EventBody body) {
    Event event;
    event.sequence = ++sequence_;
    event.run_id = "run";
    event.monotonic = now_.time_since_epoch();
    event.body = std::move(body);
    view_->on(event);
  }
  void run_started() {
    tell(RunStarted{"0.1.0", "/home/me/app", "", "buildspec.yml", "/bin/sh", "/state/log"});
  }
  void phase_started(std::string phase, std::size_t tasks) {
    tell(PhaseStarted{std::move(phase), true, tasks});
  }
  void phase_finished(std::string phase, std::chrono::nanoseconds took) {
    tell(PhaseFinished{std::move(phase), Status::succeeded, "", "", took});
  }
  void phase_failed(std::string phase, std::string code, std::string message, std::chrono::nanoseconds took) {
    tell(PhaseFinished{std::move(phase), Status::failed, std::move(code), std::move(message), took});
  }
  void task_started(std::string label, std::string text) {
    task_ = TaskStarted{"BUILD", std::move(label), std::move(text), {"buildspec.yml", 12, 9}};
    tell(task_);
  }
  void output(std::string_view text) { tell(Output{text, text.ends_with('\n'), false}); }
  void task_ended(Status status, ExitStatus exit, std::chrono::nanoseconds took, std::string hint = "") {
    tell(
        TaskFinished{task_.phase, task_.label, task_.text, task_.place, status, exit, took, std::move(hint)});
  }
  void task_succeeded(std::chrono::nanoseconds took) { task_ended(Status::succeeded, {}, took); }
  void task_failed(int code, std::chrono::nanoseconds took, std::string hint = "") {
    task_ended(Status::failed, {code, 0}, took, std::move(hint));
  }
  // A step of three: one that fails and goes on, one that is skipped, one that fails.
  void a_build_of_steps() {
    run_started();
    tell(PhaseStarted{"BUILD", true, 3, 3});
    const Place place{"buildspec.yml", 12, 9};
    const auto step = [&](const std::string& label, const std::string& name, const std::string& outcome,
                          const std::string& conclusion, int code) {
      if (outcome != "skipped") {
        tell(TaskStarted{"BUILD", label, "exit 3", place, StepStage{name, "main"}});
        output("##[group]Run exit 3\nenv:\n  A: b\n##[endgroup]\n");
        output("##[error]no\n");
      }
      if (code != 0) tell(StepAnnotated{label, "error", "bad\nvery", "t", "src/a.c", 3, 3, 2, 2});
      tell(TaskFinished{"BUILD",
                        label,
                        "exit 3",
                        place,
                        conclusion == "failure" ? Status::failed : Status::succeeded,
                        {code, 0},
                        std::chrono::milliseconds(5),
                        "",
                        StepResult{name, "main", outcome, conclusion}});
    };
    step("build[0]", "One", "failure", "success", 0);
    step("build[1]", "Two", "skipped", "skipped", 0);
    step("build[2]", "Three", "failure", "failure", 3);
    tell(StepSummarized{"build[2]", "Three", "# x\n"});
    phase_failed("BUILD", "COMMAND_EXECUTION_ERROR", "m", std::chrono::milliseconds(9));
    run_failed("BUILD", "build[2]", "Three", std::chrono::milliseconds(9));
  }
  void run_succeeded(std::chrono::nanoseconds took) {
    tell(RunFinished{Status::succeeded, "", "", "", std::nullopt, "", took});
  }
  void run_failed(std::string phase, std::string label, std::string text, std::chrono::nanoseconds took) {
    tell(RunFinished{Status::failed, std::move(phase), std::move(label), std::move(text),
                     Place{"buildspec.yml", 12, 9}, "", took});
  }

  Capture out_file_, err_file_;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  std::uint64_t sequence_ = 0;
  TaskStarted task_;
  std::unique_ptr<Console> out_, err_;
  std::unique_ptr<EventSink> view_;
};

}  // namespace buildspec_run::test
