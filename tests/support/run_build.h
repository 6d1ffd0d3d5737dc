// Runs a buildspec in a test: real shells, real processes, in a directory of its own.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/base/overloaded.h"
#include "runner/base/source_text.h"
#include "runner/event/controller.h"
#include "runner/event/event.h"
#include "runner/runner.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run::test {

/// What a build said, by kind of event.
class SeenBuild : public EventSink {
 public:
  void on(const Event& event) override {
    std::visit(overloaded{[&](const RunStarted& body) { started = body; },
                          [&](const PlanMade& body) { plan = body; },
                          [&](const TasksSelected& body) { selected = body; },
                          [&](const EnvironmentPlanned& body) { environment = body; },
                          [&](const TaskPlanned& body) { planned.push_back(body); },
                          [&](const BuildStarted& body) { builds.push_back(body); },
                          [&](const Diagnosed& body) { diagnosed.push_back(body); },
                          [&](const PhaseStarted&) {},
                          [&](const ActionFetch& body) { fetches.push_back(body); },
                          [&](const TaskStarted&) {},
                          [&](const Output& body) { output += body.text; },
                          [&](const TaskFinished& body) { tasks.push_back(body); },
                          [&](const StepAnnotated& body) { annotations.push_back(body); },
                          [&](const StepSummarized& body) { summaries.push_back(body); },
                          [](const ShellOpened&) {},
                          [](const ShellClosed&) {},
                          [](const StopAnswered&) {},
                          [&](const PhaseFinished& body) { phases.push_back(body); },
                          [&](const VariablesExported&) {},
                          [&](const BuildFinished&) {},
                          [&](const RunFinished& body) { finished = body; }},
               event.body);
  }

  /// "BUILD FAILED" for each phase, in order, with a blank between.
  [[nodiscard]] std::string phase_line() const {
    std::string line;
    for (const PhaseFinished& phase : phases)
      line += (line.empty() ? "" : ", ") + phase.phase + " " + std::string(to_string(phase.status));
    return line;
  }
  [[nodiscard]] const PhaseFinished* find_phase(std::string_view name) const {
    const auto found = std::find_if(phases.begin(), phases.end(),
                                    [&](const PhaseFinished& phase) { return phase.phase == name; });
    return found == phases.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool has(std::string_view id) const {
    return std::any_of(diagnosed.begin(), diagnosed.end(),
                       [&](const Diagnosed& each) { return each.id == id; });
  }

  RunStarted started;
  PlanMade plan;
  std::optional<TasksSelected> selected;
  std::optional<EnvironmentPlanned> environment;
  std::vector<TaskPlanned> planned;
  std::vector<BuildStarted> builds;
  std::vector<Diagnosed> diagnosed;
  std::vector<ActionFetch> fetches;
  std::vector<TaskFinished> tasks;
  std::vector<StepAnnotated> annotations;
  std::vector<StepSummarized> summaries;
  std::vector<PhaseFinished> phases;
  std::string output;
  RunFinished finished;
};

/// A source directory, a temporary directory for the run, and the request for one build in them.
struct BuildToRun {
  BuildToRun() {
    std::filesystem::create_directories(source());
    std::filesystem::create_directories(files / "tmp");
    request.run_id = "run-1";
    request.source_dir = source().native();
    request.buildspec_name = "buildspec.yml";
    request.temporary_directory = (files / "tmp").native();
    request.host_environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                {"HOME", (files / "home").native()}};
  }

  Outcome run(const std::string& buildspec) {
    seen = SeenBuild();
    const SourceText text("buildspec.yml", buildspec);
    request.buildspec = &text;
    const Machine machine = {PROJECT_BINARY_DIR "/libexec/buildspec-run/buildspec-run-supervisor",
                             PROJECT_BINARY_DIR "/libexec/buildspec-run"};
    UnattendedController unattended;
    Result<Finished> finished = run_build(request, machine, controller == nullptr ? unattended : *controller,
                                          seen, stop.get_token(), kill.get_token());
    request.buildspec = nullptr;
    EXPECT_TRUE(std::filesystem::is_empty(files / "tmp")) << "nothing stays in the temporary directory";
    if (!finished) {
      error = finished.error().message;
      return Outcome::machine_error;
    }
    exported = finished->exported;
    return finished->outcome;
  }

  [[nodiscard]] std::filesystem::path source() const { return files / "src"; }

  TemporaryDirectory files;
  Request request;
  Controller* controller = nullptr;  // nullptr: nobody is asked
  std::stop_source stop, kill;
  SeenBuild seen;
  std::vector<std::pair<std::string, std::string>> exported;
  std::string error;
};

}  // namespace buildspec_run::test
