// One event of each kind, and of each form that a kind has.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/event/event.h"

namespace buildspec_run::test {

inline Event event_with(EventBody body) {
  Event event;
  event.sequence = 7;
  event.run_id = "20261124T060444Z-1f2e3d4c";
  event.build_id = "local:1";
  event.task = "build[0]";
  event.wall = std::chrono::system_clock::time_point(std::chrono::microseconds(1'795'500'284'012'345));
  event.monotonic = std::chrono::nanoseconds(1'500'000'042);
  event.body = std::move(body);
  return event;
}

inline std::vector<EventBody> bodies() {
  const Place place{"ci/buildspec.yml", 4, 9};
  return {
      RunStarted{"0.1.0", "/src", "/src", "buildspec.yml", "/bin/sh", "/state/log",
                 "20261124T060444Z-1f2e3d4c"},
      PlanMade{{{"INSTALL", false, 0, 0, 0, ""}, {"BUILD", true, 3, 1, 2, "ABORT"}},
               "bash",
               {{"nodejs", "22"}},
               {{"PRE_BUILD", "comands"}},
               true,
               true,
               true,
               true},
      PlanMade{},
      TasksSelected{{"install[0]", "build.finally[1]"}, false},
      TasksSelected{{}, true},
      BuildStarted{"local:1", 2},
      BuildStarted{"local:1", 2, "/copy", {{"lib", "/lib \"x\""}}},
      Diagnosed{"error", "unknown-key", "unknown key \"comands\"", place, "buildspec.yml:4:9: error: …\n"},
      Diagnosed{"warning", "dirty", "the tree is dirty", std::nullopt, "warning: the tree is dirty\n"},
      ActionFetch{"a/b@v1", ActionFetch::State::running, 0},
      ActionFetch{"a/b@v1", ActionFetch::State::done, 123456789012},
      ActionFetch{"a/b@v1", ActionFetch::State::failed, 1},
      PhaseStarted{"BUILD", true, 3},
      PhaseStarted{"BUILD", true, 3, 3},
      TaskStarted{"BUILD", "build[0]", "echo \"a\"\n", place},
      TaskStarted{"BUILD", "build[0].post", "a/b@v1", place, StepStage{"Post Run a/b@v1", "post"}},
      TaskStarted{"BUILD", "build.image[0]", "docker://a:1", place, StepStage{"Pull a:1", "image"}},
      Output{"text\n", true, false},
      Output{"not \xFF utf-8", false, true},
      TaskFinished{"BUILD",
                   "build[0]",
                   "false",
                   place,
                   Status::failed,
                   {1, 0},
                   std::chrono::milliseconds(3),
                   "a hint"},
      TaskFinished{"BUILD",
                   "build[0]",
                   "a/b@v1",
                   place,
                   Status::succeeded,
                   {1, 0},
                   std::chrono::milliseconds(3),
                   "",
                   StepResult{"Run a/b@v1", "main", "failure", "success"}},
      StepAnnotated{"build[0]", "error", "no such thing", "title", "src/a.c", 3, 4, 1, 0},
      StepSummarized{"build[0]", "Run a/b@v1", "# All\nwell\n"},
      ShellOpened{"build[0]", "before", "/bin/bash", "/src"},
      ShellClosed{"build[0]", "inside", true, "", std::chrono::seconds(12)},
      ShellClosed{"build[0]", "after", false, "there is no terminal", {}},
      StopAnswered{"build[0]", "after", "retry"},
      PhaseFinished{"BUILD", Status::failed, "COMMAND_EXECUTION_ERROR", "Error while executing",
                    std::chrono::seconds(1)},
      VariablesExported{{{"A", "1"}, {"B", ""}}},
      VariablesExported{},
      EnvironmentPlanned{{{"A", "1"}, {"B", ""}}},
      TaskPlanned{"BUILD", "build[0]", "make\n", place, "", "/bin/sh", "/src", "ada", "", {}, {}},
      TaskPlanned{"BUILD",
                  "build[1]",
                  "a/b@v1",
                  place,
                  "Run a/b@v1",
                  "",
                  "",
                  "",
                  "always()",
                  {{"A", "1"}},
                  {{"x", "y"}}},
      BuildFinished{"local:1", Status::timed_out, true, std::chrono::hours(100)},
      BuildFinished{"local:1",
                    Status::failed,
                    false,
                    {},
                    {{"", ".", {{".", {"a", "b"}}}, {"a", "b", "**/*"}, 13, ""},
                     {"second", "no*", {}, {"*"}, 0, "none"}}},
      RunFinished{Status::failed, "BUILD", "build[0]", "false", place, "Error while executing",
                  std::chrono::seconds(2)},
      RunFinished{Status::succeeded, "", "", "", std::nullopt, "", std::chrono::seconds(2)},
      RunFinished{Status::succeeded, "", "", "", std::nullopt, "", std::chrono::seconds(2), 3, true},
  };
}

}  // namespace buildspec_run::test
