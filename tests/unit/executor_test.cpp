#include "runner/exec/executor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "runner/base/check.h"
#include "runner/base/overloaded.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/failure_hint.h"
#include "runner/exec/runtime_check.h"
#include "runner/sys/user.h"
#include "runner/yaml/document.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::TemporaryDirectory;

/// Runs nothing: a command `fail` ends with 1, `fail N` with N, `slow` runs into its deadline, `stop` asks
/// for a stop while it runs, `crash` loses the supervisor, everything else succeeds. Writes down what it was
/// asked for.
class FakeProcesses : public ProcessRunner {
 public:
  Result<ProcessEnd> run(const ProcessSpec& spec, const OnOutput& on_output, std::stop_token stop) override {
    specs.push_back(spec);
    if (spec.meanwhile) spec.meanwhile();
    if (answer) {
      if (std::optional<Result<ProcessEnd>> given = answer(spec, on_output)) return *given;
    }
    const std::string script = spec.argv.size() > 1 ? test::contents(spec.argv[1]) : "";
    std::string text = script;
    for (int line = 1; line < 4; ++line) text.erase(0, text.find('\n') + 1);
    text = text.substr(0, text.find('\n'));
    ran.push_back(text + " " + spec.env.at("CODEBUILD_BUILD_SUCCEEDING"));
    on_output("out of " + text + "\n");
    if (text == "stop") {
      source->request_stop();
      EXPECT_TRUE(stop.stop_requested());
      return ProcessEnd{{130, SIGINT}, true, false};
    }
    if (text == "late-stop") source->request_stop();
    if (text == "slow") return ProcessEnd{{143, SIGTERM}, false, true};
    if (text == "killed") return ProcessEnd{{137, SIGKILL}, false, false};
    if (text == "crash")
      return Error{"the supervisor has died", std::make_error_code(std::errc::connection_reset)};
    if (text == "fail") return ProcessEnd{{1, 0}, false, false};
    if (text.starts_with("fail ")) return ProcessEnd{{std::stoi(text.substr(5)), 0}, false, false};
    return ProcessEnd{};
  }
  void on_background(OnOutput on_output) override { background = std::move(on_output); }
  void on_tick(Tick) override {}
  Result<int> on_death(const ProcessSpec&) override { return 1; }
  void take_back(int) override {}
  Result<int> end_all(std::chrono::milliseconds) override { return ++ended_all, 0; }
  Result<std::vector<EndedProcess>> end_marked(const std::string&) override {
    return std::vector<EndedProcess>{};
  }

  std::function<std::optional<Result<ProcessEnd>>(const ProcessSpec&, const OnOutput&)> answer;
  std::vector<ProcessSpec> specs;
  std::vector<std::string> ran;  // "text CODEBUILD_BUILD_SUCCEEDING"
  OnOutput background;
  std::stop_source* source = nullptr;
  int ended_all = 0;
};

/// Writes events down, one a line.
class Recorder : public EventSink {
 public:
  void on(const Event& event) override {
    std::visit(
        overloaded{
            [&](const RunStarted&) {},
            [](const PlanMade&) {},
            [](const TasksSelected&) {},
            [](const EnvironmentPlanned&) {},
            [](const TaskPlanned&) {},
            [&](const BuildStarted& body) { line("build {}", body.attempt), ids.push_back(body.build_id); },
            [&](const Diagnosed& body) {
              line("{} {}", body.severity, body.id);
              messages.push_back(body.message);
              places.push_back(body.place);
            },
            [&](const PhaseStarted& body) { line("phase {} {}", body.phase, body.tasks); },
            [&](const TaskStarted& body) { line("task {}", body.label); },
            [&](const Output& body) { output += body.text; },
            [](const StepAnnotated&) {},
            [](const StepSummarized&) {},
            [](const ActionFetch&) {},
            [&](const TaskFinished& body) {
              line("ended {} {} {}", body.label, to_string(body.status), body.exit.code);
              hints.push_back(body.hint);
            },
            [](const ShellOpened&) {},
            [&](const ShellClosed& body) { line("shell {} {} {}", body.label, body.at, body.problem); },
            [&](const StopAnswered& body) { line("answer {} {}", body.label, body.answer); },
            [&](const PhaseFinished& body) {
              line("end {} {} {}|{}", body.phase, to_string(body.status), body.code, body.message);
            },
            [&](const VariablesExported& body) {
              for (const auto& [name, value] : body.variables) line("export {}={}", name, value);
            },
            [&](const BuildFinished& body) {
              line("build {}{}", to_string(body.status), body.will_retry ? " retry" : "");
            },
            [&](const RunFinished& body) {
              line("run {}", to_string(body.status));
              finished = body;
            }},
        event.body);
  }

  [[nodiscard]] bool has(const std::string& wanted) const {
    return std::find(lines.begin(), lines.end(), wanted) != lines.end();
  }
  [[nodiscard]] std::string all() const {
    std::string text;
    for (const std::string& each : lines) text += each + "\n";
    return text;
  }

  std::vector<std::string> lines, hints, ids, messages;
  std::vector<std::optional<Place>> places;
  std::string output;
  RunFinished finished;

 private:
  template <class... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    lines.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
  }
};

/// A plan of four phases with a command list each; phases are named i, p, b, o in the tables below.
class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() : source_("buildspec.yml", "version: 0.2\n") {
    processes_.source = &stop_;
    plan_.source = &source_;
    const char* names[] = {"INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"};
    for (std::size_t i = 0; i < 4; ++i) plan_.phases[i].name = names[i], plan_.phases[i].in_file = true;
    request_.source_dir = files_.path().native();
    request_.temporary_directory = files_.path().native();
    request_.host_environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/home/me"}};
  }

  static std::vector<Task> tasks(const std::string& list, const std::vector<std::string>& texts) {
    std::vector<Task> made;
    for (const std::string& text : texts)
      made.push_back({fmt::format("{}[{}]", list, made.size()), {8, 12}, ShellScript{text}});
    return made;
  }
  void commands(std::size_t phase, const std::vector<std::string>& texts) {
    plan_.phases[phase].commands = tasks(plan_.phases[phase].name, texts);
  }
  void finally(std::size_t phase, const std::vector<std::string>& texts) {
    plan_.phases[phase].finally = tasks(plan_.phases[phase].name + ".finally", texts);
  }
  Outcome run() {
    EventStream events(seen_, "run-1");
    for (const auto& [name, value] : request_.secret_variables) events.masker().add(value);
    UnattendedController unattended;
    Result<Finished> finished =
        execute(plan_, request_, git_, processes_, controller_ != nullptr ? *controller_ : unattended, events,
                stop_.get_token());
    EXPECT_TRUE(finished || expect_error_) << finished.error().message;
    if (!finished) return Outcome::machine_error;
    exported_ = finished->exported;
    // Nothing stays behind, whatever has happened.
    EXPECT_TRUE(std::filesystem::is_empty(files_.path()));
    return finished->outcome;
  }
  /// Which commands ran, in order.
  [[nodiscard]] std::string ran() const {
    std::string text;
    for (const std::string& each : processes_.ran) text += (text.empty() ? "" : ", ") + each;
    return text;
  }

  TemporaryDirectory files_;
  SourceText source_;
  Plan plan_;
  Request request_;
  GitFacts git_;
  FakeProcesses processes_;
  Recorder seen_;
  Controller* controller_ = nullptr;
  std::stop_source stop_;
  bool expect_error_ = false;
  std::vector<std::pair<std::string, std::string>> exported_;
};

TEST_F(ExecutorTest, TellsWhatHappensInOrder) {
  commands(2, {"make", ""});
  plan_.phases[0].in_file = false;
  EXPECT_EQ(run(), Outcome::succeeded);
  EXPECT_EQ(
      seen_.all(),
      "build 1\n"
      "phase DOWNLOAD_SOURCE 0\nend DOWNLOAD_SOURCE SUCCEEDED |\n"
      "phase INSTALL 0\nend INSTALL SUCCEEDED |\n"
      "phase PRE_BUILD 0\nend PRE_BUILD SUCCEEDED |\n"
      "phase BUILD 2\ntask BUILD[0]\nended BUILD[0] SUCCEEDED 0\ntask BUILD[1]\nended BUILD[1] SUCCEEDED 0\n"
      "end BUILD SUCCEEDED |\n"
      "phase POST_BUILD 0\nend POST_BUILD SUCCEEDED |\n"
      "build SUCCEEDED\nrun SUCCEEDED\n");
  EXPECT_EQ(ran(), "make 1") << "a null entry runs nothing";
  EXPECT_EQ(seen_.output, "out of make\n");
  EXPECT_EQ(processes_.ended_all, 1);
  EXPECT_TRUE(seen_.ids.at(0).starts_with("local:"));
}

/// The tables of buildspec.md 3.2 and 3.3: each phase has one command named after it; one of them fails.
TEST_F(ExecutorTest, FollowsTheTableOfTransitions) {
  using Action = FailurePolicy::Action;
  struct Case {
    std::size_t failing;
    Action action;
    std::string ran;
  };
  const Case kCases[] = {
      {0, Action::standard, "fail 1"},
      {1, Action::standard, "i 1, fail 1"},
      {2, Action::standard, "i 1, p 1, fail 1, o 0"},
      {3, Action::standard, "i 1, p 1, b 1, fail 1"},
      {0, Action::abort, "fail 1"},
      {1, Action::abort, "i 1, fail 1"},
      {2, Action::abort, "i 1, p 1, fail 1"},
      {3, Action::abort, "i 1, p 1, b 1, fail 1"},
      {0, Action::carry_on, "fail 1, p 0, b 0, o 0"},
      {1, Action::carry_on, "i 1, fail 1, b 0, o 0"},
      {2, Action::carry_on, "i 1, p 1, fail 1, o 0"},
      {3, Action::carry_on, "i 1, p 1, b 1, fail 1"},
  };
  const char* names[] = {"i", "p", "b", "o"};
  for (const auto& [failing, action, want] : kCases) {
    for (const bool continue_succeeds : {false, true}) {
      SCOPED_TRACE(want + (continue_succeeds ? " and succeeds" : ""));
      for (std::size_t i = 0; i < 4; ++i) {
        commands(i, {i == failing ? "fail" : names[i]});
        plan_.phases[i].on_failure = {};
      }
      plan_.phases[failing].on_failure.action = action;
      request_.continue_succeeds = continue_succeeds;
      processes_.ran.clear();
      seen_ = Recorder();
      EXPECT_EQ(run(),
                action == Action::carry_on && continue_succeeds ? Outcome::succeeded : Outcome::failed);
      EXPECT_EQ(ran(), want);
      EXPECT_EQ(seen_.has("note failure-carried-over"), action == Action::carry_on);
      EXPECT_TRUE(seen_.has(
          fmt::format("end {} FAILED COMMAND_EXECUTION_ERROR|Error while executing command: fail. Reason: "
                      "exit status 1",
                      plan_.phases[failing].name)));
    }
  }
}

TEST_F(ExecutorTest, RunsFinallyAfterAFailureAndSkipsTheRestOfTheCommands) {
  commands(2, {"fail 3", "two", "three"});
  finally(2, {"clean", "more"});
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_EQ(ran(), "fail 3 1, clean 0, more 0");
  EXPECT_TRUE(
      seen_.has("end BUILD FAILED COMMAND_EXECUTION_ERROR|Error while executing command: fail 3. Reason: "
                "exit status 3"));
  EXPECT_EQ(seen_.finished.failed_phase, "BUILD");
  EXPECT_EQ(seen_.finished.failed_label, "BUILD[0]");
  EXPECT_EQ(seen_.finished.failed_text, "fail 3");
  EXPECT_EQ(to_string(*seen_.finished.failed_place), "buildspec.yml:1:9");
}

TEST_F(ExecutorTest, FailsThePhaseWhenOnlyFinallyFails) {
  commands(1, {"one"});
  finally(1, {"fail", "skipped"});
  commands(2, {"never"});
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_EQ(ran(), "one 1, fail 1");
  EXPECT_EQ(seen_.finished.failed_label, "PRE_BUILD.finally[0]");
}

TEST_F(ExecutorTest, TellsTheFirstOfTwoFailuresOfAPhase) {
  commands(2, {"fail 2"});
  finally(2, {"fail 4"});
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_TRUE(
      seen_.has("end BUILD FAILED COMMAND_EXECUTION_ERROR|Error while executing command: fail 2. Reason: "
                "exit status 2"));
}

TEST_F(ExecutorTest, NamesTheFirstFailureOfTheBuild) {
  commands(2, {"fail 2"});
  commands(3, {"fail 4"});
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_EQ(seen_.finished.failed_phase, "BUILD");
}

TEST_F(ExecutorTest, SaysByWhichSignalAShellDied) {
  commands(2, {"killed"});
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_TRUE(
      seen_.has("end BUILD FAILED COMMAND_EXECUTION_ERROR|Error while executing command: killed. Reason: "
                "signal: killed"));
}

TEST_F(ExecutorTest, RetriesTheBuildAsOftenAsThePolicySays) {
  commands(0, {"i"});
  commands(2, {"fail 7"});
  commands(3, {"o"});
  plan_.phases[2].on_failure = {FailurePolicy::Action::retry, 2, ".*", {}};
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_EQ(ran(), "i 1, fail 7 1, i 1, fail 7 1, i 1, fail 7 1, o 0")
      << "the last one ends as without on-failure";
  EXPECT_EQ(std::count(seen_.lines.begin(), seen_.lines.end(), "build FAILED retry"), 2);
  EXPECT_EQ(std::count(seen_.lines.begin(), seen_.lines.end(), "warning retry-dirty-tree"), 1);
  EXPECT_TRUE(seen_.has("build 3"));
  EXPECT_EQ(seen_.ids.size(), 3u);
  EXPECT_NE(seen_.ids[0], seen_.ids[1]);
  EXPECT_EQ(processes_.specs.back().env.at("CODEBUILD_BUILD_NUMBER"), "3");
}

TEST_F(ExecutorTest, RetriesOnlyWhatThePatternMatches) {
  struct Case {
    std::string pattern;
    int retries;
    std::size_t attempts;
  };
  for (const auto& [pattern, retries, attempts] :
       {Case{"exit status 7", 1, 2}, Case{"status [89]", 1, 1}, Case{"^fail", 1, 1},
        Case{"command: fail 7\\.", 3, 4}, Case{".*", 0, 1}}) {
    SCOPED_TRACE(pattern);
    commands(2, {"fail 7"});
    plan_.phases[2].on_failure = {FailurePolicy::Action::retry, retries, pattern, {}};
    seen_ = Recorder();
    EXPECT_EQ(run(), Outcome::failed);
    EXPECT_EQ(seen_.ids.size(), attempts);
  }
}

TEST_F(ExecutorTest, EndsTheBuildAtATimeOutWithoutFinally) {
  request_.command_timeout = std::chrono::seconds(5);
  commands(2, {"slow", "two"});
  finally(2, {"clean"});
  commands(3, {"o"});
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_EQ(ran(), "slow 1");
  EXPECT_TRUE(seen_.has("end BUILD TIMED_OUT BUILD_TIMED_OUT|Build has timed out. "));
  EXPECT_TRUE(seen_.has("run TIMED_OUT"));
  EXPECT_EQ(seen_.hints.back(), "the command was at its limit of 5 s");
}

TEST_F(ExecutorTest, GivesEachProcessTheNearestDeadline) {
  request_.build_timeout = std::chrono::hours(2);
  request_.phase_timeout = std::chrono::minutes(10);
  request_.command_timeout = std::chrono::minutes(1);
  const auto before = std::chrono::steady_clock::now();
  commands(2, {"one"});
  EXPECT_EQ(run(), Outcome::succeeded);
  const auto left = *processes_.specs.at(0).deadline - before;
  EXPECT_GE(left, std::chrono::minutes(1));
  EXPECT_LT(left, std::chrono::minutes(2));
}

TEST_F(ExecutorTest, StartsNothingBehindTheBuildsDeadline) {
  request_.build_timeout = std::chrono::milliseconds(0);
  commands(0, {"one"});
  finally(0, {"clean"});
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_EQ(ran(), "");
  EXPECT_TRUE(seen_.has("end INSTALL TIMED_OUT BUILD_TIMED_OUT|Build has timed out. "));
}

TEST_F(ExecutorTest, RunsFinallyWhenStoppedAndNothingBehindIt) {
  commands(2, {"stop", "two"});
  finally(2, {"clean", "more"});
  commands(3, {"o"});
  EXPECT_EQ(run(), Outcome::interrupted);
  EXPECT_EQ(ran(), "stop 1, clean 0, more 0");
  EXPECT_TRUE(seen_.has("end BUILD STOPPED |"));
  EXPECT_TRUE(seen_.has("run STOPPED"));
}

TEST_F(ExecutorTest, StopsBetweenCommandsAndPhases) {
  commands(1, {"late-stop", "two"});
  finally(1, {"clean"});
  commands(2, {"b"});
  EXPECT_EQ(run(), Outcome::interrupted);
  EXPECT_EQ(ran(), "late-stop 1, clean 0");
}

TEST_F(ExecutorTest, TellsAFaultWhenTheSupervisorDies) {
  commands(2, {"crash"});
  finally(2, {"clean"});
  expect_error_ = true;
  EXPECT_EQ(run(), Outcome::machine_error);
  EXPECT_EQ(ran(), "crash 1");
  EXPECT_TRUE(seen_.has("end BUILD FAULT |run BUILD[0]: the supervisor has died")) << seen_.all();
  EXPECT_EQ(seen_.lines.back(), "run FAULT");
  EXPECT_EQ(seen_.finished.failed_label, "BUILD[0]");
}

TEST_F(ExecutorTest, FailsTheFirstCommandWhenTheShellOfTheFileIsNotThere) {
  plan_.shell = "no-such-shell";
  commands(2, {"one", "two"});
  commands(3, {});
  processes_.answer = [](const ProcessSpec& spec, const auto&) -> std::optional<Result<ProcessEnd>> {
    EXPECT_EQ(spec.argv[0], "no-such-shell");
    return Error{"execute no-such-shell: No such file or directory",
                 std::make_error_code(std::errc::no_such_file_or_directory)};
  };
  EXPECT_EQ(run(), Outcome::failed);
  EXPECT_TRUE(
      seen_.has("end BUILD FAILED COMMAND_EXECUTION_ERROR|Error while executing command: one. Reason: exec: "
                "\"no-such-shell\": executable file not found in $PATH"));
  EXPECT_EQ(processes_.specs.size(), 1u);
}

TEST_F(ExecutorTest, StopsBeforeAnythingWhenTheShellOfTheMachineIsNotThere) {
  request_.sh = "/no/such/sh";
  commands(2, {"one"});
  processes_.answer = [](const ProcessSpec&, const auto&) -> std::optional<Result<ProcessEnd>> {
    return Error{"execute /no/such/sh: No such file or directory",
                 std::make_error_code(std::errc::no_such_file_or_directory)};
  };
  expect_error_ = true;
  EXPECT_EQ(run(), Outcome::machine_error);
  EXPECT_TRUE(seen_.has("run FAULT"));
}

TEST_F(ExecutorTest, StartsEachCommandFromTheScopeWithTheBuildsEnvironment) {
  request_.sh = "/bin/dash";
  request_.sigint_grace = std::chrono::milliseconds(11);
  request_.sigterm_grace = std::chrono::milliseconds(22);
  commands(2, {"one"});
  EXPECT_EQ(run(), Outcome::succeeded);
  const ProcessSpec& spec = processes_.specs.at(0);
  EXPECT_TRUE(spec.argv.at(0).ends_with("/sh"));  // what stands in for sh is started by that name
  EXPECT_TRUE(spec.argv.at(1).ends_with("/script.sh"));
  EXPECT_TRUE(spec.cwd.native().ends_with("/readonly"));
  EXPECT_EQ(spec.sigint_grace, std::chrono::milliseconds(11));
  EXPECT_EQ(spec.sigterm_grace, std::chrono::milliseconds(22));
  EXPECT_EQ(spec.env.at("HOME"), "/home/me");
  EXPECT_EQ(spec.env.at("CODEBUILD_SRC_DIR"), request_.source_dir);
}

TEST_F(ExecutorTest, TellsBackgroundOutput) {
  commands(2, {"one"});
  processes_.answer = [&](const ProcessSpec&, const auto&) -> std::optional<Result<ProcessEnd>> {
    processes_.background("from behind\n");
    return std::nullopt;
  };
  EXPECT_EQ(run(), Outcome::succeeded);
  EXPECT_EQ(seen_.output, "from behind\nout of one\n");
}

class ScriptedController : public Controller {
 public:
  Answer before(const TaskStarted& task) override {
    return log.push_back("before " + task.label + " " + task.text), take(befores);
  }
  Answer after(const TaskFinished& task) override {
    return log.push_back("after " + task.label), take(afters);
  }
  static Answer take(std::deque<Answer>& answers) {
    if (answers.empty()) return Answer::go_on;
    const Answer answer = answers.front();
    answers.pop_front();
    return answer;
  }
  std::deque<Answer> befores, afters;
  std::vector<std::string> log;
};

TEST_F(ExecutorTest, AsksTheController) {
  ScriptedController controller;
  controller_ = &controller;
  controller.befores = {Answer::skip};
  controller.afters = {Answer::retry, Answer::go_on, Answer::abort};
  commands(1, {"skipped", "fail", "three"});
  finally(1, {"clean"});
  plan_.phases[1].on_failure.action = FailurePolicy::Action::carry_on;
  commands(2, {"four", "five"});
  processes_.answer = [&](const ProcessSpec&, const auto&) -> std::optional<Result<ProcessEnd>> {
    if (processes_.specs.size() == 2) {
      processes_.ran.push_back("mended");
      return ProcessEnd{};
    }
    return std::nullopt;
  };
  EXPECT_EQ(run(), Outcome::interrupted);
  EXPECT_EQ(ran(), "fail 1, mended, three 1, clean 0");  // abort is a stop: what has begun is cleaned up
  EXPECT_TRUE(seen_.has("note command-skipped"));
  EXPECT_TRUE(seen_.has("end PRE_BUILD STOPPED |"));
}

// What has not begun has not failed: `history` and the last line name no command.
TEST_F(ExecutorTest, AStopBeforeACommandIsNoFailureOfIt) {
  ScriptedController controller;
  controller_ = &controller;
  controller.befores = {Answer::abort};
  commands(1, {"one", "two"});
  EXPECT_EQ(run(), Outcome::interrupted);
  EXPECT_EQ(ran(), "");
  EXPECT_EQ(seen_.finished.status, Status::stopped);
  EXPECT_EQ(seen_.finished.failed_phase, "PRE_BUILD");
  EXPECT_EQ(seen_.finished.failed_label, "");
  EXPECT_EQ(seen_.finished.failed_text, "");
  EXPECT_FALSE(seen_.finished.failed_place.has_value());
  EXPECT_EQ(seen_.finished.message, "the build was stopped before PRE_BUILD[0]");
}

// A shell that cannot be opened is told of, and the controller is asked all the same.
TEST_F(ExecutorTest, AsksAfterAShellThatCouldNotBeOpened) {
  class Asking : public ScriptedController {
   public:
    Answer after_shell(const Stop& stop, const std::string& problem) override {
      asked += fmt::format("{} {}: {}\n", to_string(stop.at), stop.label, problem);
      return next;
    }
    std::string asked;
    Answer next = Answer::skip;
  } controller;
  controller_ = &controller;
  controller.befores = {Answer::go_on, Answer::shell};
  controller.afters = {Answer::shell};
  commands(1, {"fail", "two"});
  EXPECT_EQ(run(), Outcome::succeeded);
  EXPECT_EQ(ran(), "fail 1");
  EXPECT_EQ(controller.asked,
            "after PRE_BUILD[0]: there is no terminal\nbefore PRE_BUILD[1]: there is no terminal\n");
  EXPECT_TRUE(seen_.has("shell PRE_BUILD[0] after there is no terminal"));
  EXPECT_TRUE(seen_.has("answer PRE_BUILD[0] skip"));
  EXPECT_TRUE(seen_.has("warning failure-skipped"));
  EXPECT_TRUE(seen_.has("note command-skipped"));
  EXPECT_EQ(seen_.finished.left_out, 1u);
}

TEST_F(ExecutorTest, ShowsTheControllerNoSecret) {
  ScriptedController controller;
  controller_ = &controller;
  request_.secret_variables = {{"TOKEN", "hunter22"}};
  commands(2, {"login hunter22"});
  EXPECT_EQ(run(), Outcome::succeeded);
  EXPECT_EQ(controller.log.at(0), "before BUILD[0] login ***");
  EXPECT_EQ(processes_.specs.at(0).env.at("TOKEN"), "hunter22");
}

TEST_F(ExecutorTest, RefusesWhatNothingExecutesWhenACommandWouldSeeIt) {
  plan_.unsupported = {{"not-supported-cache", "the cache is not kept", false, {0, 7}},
                       {"not-supported-steps", "steps are not run", true, {0, 7}}};
  commands(2, {"one"});
  EXPECT_EQ(run(), Outcome::invalid);
  EXPECT_TRUE(seen_.has("warning not-supported-cache"));
  EXPECT_TRUE(seen_.has("error not-supported-steps"));
  EXPECT_TRUE(seen_.has("end DOWNLOAD_SOURCE FAILED |steps are not run"));
  EXPECT_EQ(ran(), "");
}

TEST_F(ExecutorTest, GoesOnWithoutWhatOnlyLeavesSomethingOut) {
  plan_.unsupported = {{"not-supported-cache", "the cache is not kept", false, {0, 7}}};
  commands(2, {"one"});
  EXPECT_EQ(run(), Outcome::succeeded);
  EXPECT_TRUE(seen_.has("warning not-supported-cache"));
}

TEST_F(ExecutorTest, RefusesNulBytes) {
  commands(2, {std::string("a\0b", 3)});
  EXPECT_EQ(run(), Outcome::invalid);
  EXPECT_TRUE(seen_.has("error nul-byte"));
  EXPECT_EQ(ran(), "");
}

TEST_F(ExecutorTest, FailsInDownloadSourceForASecretThatIsNotThere) {
  using Kind = PlannedVariable::Kind;
  plan_.variables = {{"A", "/ci/a", Kind::parameter_store, {0, 7}},
                     {"B", "prod/db:password", Kind::secrets_manager, {0, 7}}};
  commands(2, {"one"});
  EXPECT_EQ(run(), Outcome::invalid);
  EXPECT_TRUE(
      seen_.has("end DOWNLOAD_SOURCE FAILED Decrypted Variables Error|parameter does not exist: /ci/a"));
  EXPECT_EQ(std::count(seen_.lines.begin(), seen_.lines.end(), "error secret-unresolved"), 2);
  EXPECT_NE(seen_.messages.at(0).find("--secrets-file"), std::string::npos);
  EXPECT_EQ(ran(), "");

  request_.secret_lookup = {{"/ci/a", "alpha-value"}};
  seen_ = Recorder();
  EXPECT_EQ(run(), Outcome::invalid);
  EXPECT_TRUE(
      seen_.has("end DOWNLOAD_SOURCE FAILED Secrets Manager Error|ResourceNotFoundException: Secrets Manager "
                "can't find "
                "the specified secret."));

  request_.secret_lookup["prod/db"] = R"({"password": "beta-value"})";
  seen_ = Recorder();
  EXPECT_EQ(run(), Outcome::succeeded);
  EXPECT_EQ(processes_.specs.at(0).env.at("A"), "alpha-value");
  EXPECT_EQ(processes_.specs.at(0).env.at("B"), "beta-value");
}

TEST_F(ExecutorTest, ExportsNoSecretAndNoAwsName) {
  plan_.exported = {"PLAIN", "TOKEN", "AWS_REGION", "NEVER", "COPY"};
  request_.project_variables = {{"PLAIN", "1"}, {"COPY", "x-hunter22"}};
  request_.secret_variables = {{"TOKEN", "hunter22"}};
  EXPECT_EQ(run(), Outcome::succeeded);
  const std::vector<std::pair<std::string, std::string>> want = {{"PLAIN", "1"}};
  EXPECT_EQ(exported_, want);
  EXPECT_TRUE(seen_.has("export PLAIN=1"));
  EXPECT_EQ(std::count(seen_.lines.begin(), seen_.lines.end(), "warning export-refused"), 3);
}

TEST_F(ExecutorTest, ComparesRuntimesWithWhatPathHas) {
  plan_.runtimes = {{"nodejs", "22", {0, 7}},
                    {"python", "3.x", {0, 7}},
                    {"golang", "1.22", {0, 7}},
                    {"java", "$WANTED", {0, 7}},
                    {"cobol", "1", {0, 7}}};
  plan_.variables = {{"WANTED", "corretto17", PlannedVariable::Kind::plain, {}}};
  processes_.answer = [](const ProcessSpec& spec,
                         const auto& on_output) -> std::optional<Result<ProcessEnd>> {
    if (spec.argv[0] == "node") return on_output("v18.19.0\n"), ProcessEnd{};
    if (spec.argv[0] == "python3") return on_output("Python 3.11.2\n"), ProcessEnd{};
    if (spec.argv[0] == "java") return on_output("openjdk version \"17.0.9\" 2023-10-17\n"), ProcessEnd{};
    return Error{"not there", std::make_error_code(std::errc::no_such_file_or_directory)};
  };
  EXPECT_EQ(run(), Outcome::succeeded);
  const std::vector<std::string> want = {
      "runtime nodejs is wanted in version 22, and PATH has 18.19.0",
      "runtime golang is wanted in version 1.22, and PATH has none",
      "runtime cobol is wanted in version 1; this program does not know how to find its version, and the "
      "cloud's images have no "
      "such runtime",
  };
  EXPECT_EQ(seen_.messages, want);
}

TEST(RuntimeCheck, ReadsAndComparesVersions) {
  EXPECT_EQ(find_version("nodejs", "v18.19.0\n"), "18.19.0");
  EXPECT_EQ(find_version("java", "openjdk version \"1.8.0_392\"\n"), "8.0");
  EXPECT_EQ(find_version("golang", "go version go1.22.1 linux/amd64"), "1.22.1");
  EXPECT_EQ(find_version("ruby", "ruby 3.1.2p20 (2022)"), "3.1.2");
  EXPECT_EQ(find_version("docker", "Docker version 20.10.24, build"), "20.10.24");
  EXPECT_EQ(find_version("docker", "none"), std::nullopt);
  struct Case {
    std::string_view wanted, have;
    bool want;
  };
  constexpr Case kCases[] = {
      {"3.10", "3.10.12", true},      {"3.1", "3.10.12", false},       {"3.x", "3.11.2", true},
      {"22", "22.3.1", true},         {"2", "22.3.1", false},          {"latest", "1", true},
      {"corretto21", "21.0.1", true}, {"openjdk8", "8.0", true},       {"3.12.1", "3.12", false},
      {"22.x", "18.0", false},        {"corretto17", "11.0.2", false},
  };
  for (const auto& [wanted, have, want] : kCases)
    EXPECT_EQ(version_satisfies(wanted, have), want) << wanted << " " << have;
}

TEST(FailureHint, KnowsASmell) {
  struct Case {
    std::string_view command, output, shell;
    int code;
    std::string_view want;  // a part of it; empty: no hint
  };
  constexpr Case kCases[] = {
      {"[[ -f x ]]", "/t/script.sh: 4: [[: not found\n", "/bin/sh", 127, "--sh bash"},
      {"source x", "/t/script.sh: 4: source: not found\n", "/usr/bin/dash", 127, "--sh bash"},
      {"a=(1)", "/t/script.sh: 4: Syntax error: \"(\" unexpected\n", "/bin/sh", 2, "--sh bash"},
      {"[[ -f x ]]", "", "/bin/bash", 1, ""},
      {"[[ -f x ]]", "[[: not found", "/bin/bash", 127, ""},
      {"true", "[[: not found", "/bin/sh", 0, ""},
      {"wait $(cat pid)", "", "/bin/sh", 127, "kill -0"},
      {"wait $(cat pid)", "", "/bin/bash", 1, ""},
      {"make", "make: *** Error", "/bin/sh", 2, ""},
  };
  for (const auto& [command, output, shell, code, want] : kCases) {
    SCOPED_TRACE(command);
    const std::string hint = failure_hint(command, output, {code, 0}, shell);
    if (want.empty())
      EXPECT_EQ(hint, "");
    else
      EXPECT_NE(hint.find(want), std::string::npos) << hint;
  }
}

TEST(LastOutput, KeepsTheEnd) {
  LastOutput tail;
  std::string all;
  for (int i = 0; i < 10000; ++i) {
    const std::string line = fmt::format("line {}\n", i);
    tail.add(line);
    all += line;
  }
  EXPECT_LE(tail.text().size(), 8192u);
  EXPECT_GE(tail.text().size(), 4096u);
  EXPECT_TRUE(std::string_view(all).ends_with(tail.text()));
  tail.add(std::string(100000, 'x') + "end");
  EXPECT_TRUE(tail.text().ends_with("xend"));
}

/// Gives up root's rights for a while.
class OrdinaryUser {
 public:
  OrdinaryUser() { check(::geteuid() != 0 || ::seteuid(65534) == 0, "root can become anybody"); }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;
  ~OrdinaryUser() { check(::getuid() != 0 || ::seteuid(0) == 0, "and root again"); }
};

TEST_F(ExecutorTest, PointsAtTheUserThatNeedsRoot) {
  struct Case {
    std::string text;
    std::size_t line, column;
  };
  for (const auto& [text, line, column] :
       {Case{"version: 0.2\nphases:\n  build:\n    commands: [make]\n    run-as: root\n", 5, 13},
        Case{"version: 0.2\nrun-as: \"root\"\nphases:\n  build:\n    commands: [make]\n", 2, 9}}) {
    SCOPED_TRACE(text);
    const SourceText source("buildspec.yml", text);
    Diagnostics found;
    const Document document = parse_document(source, found);
    const Buildspec spec = decode_buildspec(source, document, Purpose::run, found);
    const Plan plan = lower_buildspec(spec, found);
    ASSERT_FALSE(found.has_errors());
    Recorder seen;
    EventStream events(seen, "run-1");
    UnattendedController controller;
    const OrdinaryUser user;
    const Result<Finished> finished =
        execute(plan, request_, git_, processes_, controller, events, stop_.get_token());
    ASSERT_TRUE(finished);
    EXPECT_EQ(finished->outcome, Outcome::machine_error);
    ASSERT_EQ(seen.lines.front(), "error run-as-needs-root");
    ASSERT_TRUE(seen.places.front());
    EXPECT_EQ(seen.places.front()->line, line);
    EXPECT_EQ(seen.places.front()->column, column);
    EXPECT_TRUE(processes_.specs.empty());
  }
}

}  // namespace
}  // namespace buildspec_run
