// The transcripts of buildspec.md 3.6, 3.7 and 3.9, made from events; only times, ids and directories are ours.
#include "runner/cli/view_codebuild.h"

#include <gtest/gtest.h>

#include "tests/support/view_fixture.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;

class CodebuildViewTest : public test::ViewFixture {
 protected:
  void SetUp() override {
    out_ = std::make_unique<Console>(out_file_.fd());
    err_ = std::make_unique<Console>(err_file_.fd());
    view_ = make_codebuild_view(*out_, *err_);
    plan_.phases = {{"INSTALL", false, 0, 0, 0, ""},
                    {"PRE_BUILD", false, 0, 0, 0, ""},
                    {"BUILD", false, 0, 0, 0, ""},
                    {"POST_BUILD", false, 0, 0, 0, ""}};
  }
  void phase(std::size_t index, std::size_t commands) {
    plan_.phases[index].in_file = true;
    plan_.phases[index].commands = commands;
  }
  void started() {
    tell(RunStarted{"0.1.0", kSource, "", "buildspec.yml", "/bin/sh", ""});
    tell(plan_);
    tell(BuildStarted{"local:1", 1});
    tell(PhaseStarted{"DOWNLOAD_SOURCE", true, 0, 0});
  }
  void succeeded(std::string name) { phase_finished(std::move(name), 1ms); }
  void entered(std::string name) { tell(PhaseStarted{std::move(name), true, 1, 0}); }
  void ended() { tell(BuildFinished{"local:1", Status::succeeded, false, 1ms}); }
  /// What was written, each time of the form that the cloud has as T.
  std::string log() {
    std::string text = out_file_.take(), out;
    const std::string time = "1970/01/01 00:00:00.000000";
    for (std::size_t at; (at = text.find("[Container] " + time)) != std::string::npos;)
      text.replace(at + 12, time.size(), "T");
    return text;
  }

  static constexpr const char* kSource = "/codebuild/output/src123456789/src";
  PlanMade plan_;
};

TEST_F(CodebuildViewTest, APlainSuccessfulBuild) {
  phase(1, 1);
  phase(2, 7);
  started();
  succeeded("DOWNLOAD_SOURCE");
  entered("INSTALL");
  succeeded("INSTALL");
  entered("PRE_BUILD");
  task_started("pre_build[0]", "echo hello");
  output("hello\n");
  task_succeeded(1ms);
  succeeded("PRE_BUILD");
  entered("BUILD");
  succeeded("BUILD");
  entered("POST_BUILD");
  succeeded("POST_BUILD");
  ended();
  EXPECT_EQ(log(), R"([Container] T Running on CodeBuild On-demand
[Container] T Waiting for agent ping
[Container] T Waiting for DOWNLOAD_SOURCE
[Container] T Phase is DOWNLOAD_SOURCE
[Container] T CODEBUILD_SRC_DIR=/codebuild/output/src123456789/src
[Container] T YAML location is /codebuild/output/src123456789/src/buildspec.yml
[Container] T Setting HTTP client timeout to higher timeout for S3 source
[Container] T Processing environment variables
[Container] T No runtime version selected in buildspec.
[Container] T Moving to directory /codebuild/output/src123456789/src
[Container] T Cache is not defined in the buildspec
[Container] T Skip cache due to: no paths specified to be cached
[Container] T Registering with agent
[Container] T Phases found in YAML: 2
[Container] T  PRE_BUILD: 1 commands
[Container] T  BUILD: 7 commands
[Container] T Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED
[Container] T Phase context status code:  Message: 
[Container] T Entering phase INSTALL
[Container] T Phase complete: INSTALL State: SUCCEEDED
[Container] T Phase context status code:  Message: 
[Container] T Entering phase PRE_BUILD
[Container] T Running command echo hello
hello

[Container] T Phase complete: PRE_BUILD State: SUCCEEDED
[Container] T Phase context status code:  Message: 
[Container] T Entering phase BUILD
[Container] T Phase complete: BUILD State: SUCCEEDED
[Container] T Phase context status code:  Message: 
[Container] T Entering phase POST_BUILD
[Container] T Phase complete: POST_BUILD State: SUCCEEDED
[Container] T Phase context status code:  Message: 
[Container] T Set report auto-discover timeout to 5 seconds
[Container] T Expanding base directory path:  .
[Container] T Assembling file list
[Container] T Expanding .
[Container] T Expanding file paths for base directory .
[Container] T Assembling file list
[Container] T Expanding **/*
[Container] T No matching auto-discover report paths found
[Container] T Report auto-discover file discovery took 0.000000 seconds
[Container] T Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED
[Container] T Phase context status code:  Message: 
)");
}

TEST_F(CodebuildViewTest, AFailingCommand) {
  entered("BUILD");
  task_started("build[0]", "make test");
  output("make: *** [test] Error 1\n");
  task_failed(2, 1ms);
  phase_failed("BUILD", "COMMAND_EXECUTION_ERROR",
               "Error while executing command: make test. Reason: exit status 2", 1ms);
  entered("POST_BUILD");
  EXPECT_EQ(log(), R"([Container] T Entering phase BUILD
[Container] T Running command make test
make: *** [test] Error 1

[Container] T Command did not exit successfully make test exit status 2
[Container] T Phase complete: BUILD State: FAILED
[Container] T Phase context status code: COMMAND_EXECUTION_ERROR Message: Error while executing command: make test. Reason: exit status 2
[Container] T Entering phase POST_BUILD
)");
}

// 3.5: exactly one empty line, also when nothing was printed; the final LF of a block is kept. 3.7: the text is whole in both
// lines.
TEST_F(CodebuildViewTest, CommandsOfSeveralLines) {
  task_started("build[0]", "echo a\nfalse\n");
  output("a\n");
  task_failed(1, 1ms);
  task_started("build[1]", "true");
  task_succeeded(1ms);
  task_started("build[2]", "printf x");
  output("x");
  task_succeeded(1ms);
  EXPECT_EQ(log(), R"([Container] T Running command echo a
false

a

[Container] T Command did not exit successfully echo a
false
 exit status 1
[Container] T Running command true

[Container] T Running command printf x
x

)");
}

TEST_F(CodebuildViewTest, AFileWithAnError) {
  plan_.phases.clear();
  for (const auto& [code, message] :
       {std::pair("YAML_FILE_ERROR",
                  "Expected Commands[4] to be of string type: found subkeys instead at line 10, value of "
                  "the key tag on line 9 might be empty"),
        std::pair("YAML_FILE_ERROR", "invalid buildspec `version` specified: 1.0, see documentation"),
        std::pair("YAML_FILE_ERROR", "found character that cannot start any token at line 3")}) {
    started();
    phase_failed("DOWNLOAD_SOURCE", code, message, 1ms);
    tell(BuildFinished{"local:1", Status::failed, false, 1ms});
    EXPECT_EQ(log(), std::string(R"([Container] T Running on CodeBuild On-demand
[Container] T Waiting for agent ping
[Container] T Waiting for DOWNLOAD_SOURCE
[Container] T Phase is DOWNLOAD_SOURCE
[Container] T CODEBUILD_SRC_DIR=/codebuild/output/src123456789/src
[Container] T YAML location is /codebuild/output/src123456789/src/buildspec.yml
[Container] T Phase complete: DOWNLOAD_SOURCE State: FAILED
[Container] T Phase context status code: YAML_FILE_ERROR Message: )") +
                         message + "\n");
  }
}

// 1.2: a blank ends the first line, and the rest has no prefix.
TEST_F(CodebuildViewTest, UnknownKeysAreListed) {
  plan_.unknown_keys = {{"env", "compute-type"}, {"PRE_BUILD", "env"}, {"env", "more"}};
  started();
  const std::string text = log();
  EXPECT_TRUE(
      text.ends_with(R"([Container] T YAML location is /codebuild/output/src123456789/src/buildspec.yml
[Container] T Found possible syntax errors in buildspec: 
In the section env
    The following keys cannot be identified:
        compute-type
        more
In the section PRE_BUILD
    The following keys cannot be identified:
        env
)")) << text;
}

// 3.6: one line for each, after the primary one. A copy is where the build works.
TEST_F(CodebuildViewTest, SecondarySourcesAndCopies) {
  tell(RunStarted{"0.1.0", "/mine", "", "buildspec.yml", "/bin/sh", ""});
  tell(plan_);
  tell(BuildStarted{"local:1", 1, "/copy", {{"a", "/one"}, {"b", "/two"}}});
  static_cast<void>(log());
  tell(PhaseStarted{"DOWNLOAD_SOURCE", true, 0, 0});
  EXPECT_EQ(log(), R"([Container] T Phase is DOWNLOAD_SOURCE
[Container] T CODEBUILD_SRC_DIR=/copy
[Container] T CODEBUILD_SRC_DIR_a=/one
[Container] T CODEBUILD_SRC_DIR_b=/two
[Container] T YAML location is /copy/buildspec.yml
)");
}

// 3.6, the table and the lines of runtimes.
TEST_F(CodebuildViewTest, ShellParameterStoreRuntimesAndCache) {
  plan_.shell = "bash";
  plan_.parameter_store = true;
  plan_.runtimes = {{"java", "corretto11"}};
  plan_.cache = true;
  phase(0, 0);
  started();
  static_cast<void>(log());
  succeeded("DOWNLOAD_SOURCE");
  EXPECT_EQ(log(), R"([Container] T Selecting shell bash as specified in buildspec.
[Container] T Setting HTTP client timeout to higher timeout for S3 source
[Container] T Processing environment variables
[Container] T Decrypting parameter store environment variables
[Container] T Selecting 'java' runtime version 'corretto11' based on manual selections...
[Container] T Moving to directory /codebuild/output/src123456789/src
[Container] T Registering with agent
[Container] T Phases found in YAML: 1
[Container] T  INSTALL: 0 commands
[Container] T Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED
[Container] T Phase context status code:  Message: 
)");
}

// 3.2, 3.3: what comes after POST_BUILD.
TEST_F(CodebuildViewTest, UploadFollowsPostBuildUnlessItAborts) {
  struct Case {
    Status status;
    std::string on_failure;
    bool retries, uploads;
  };
  const Case cases[] = {{Status::succeeded, "ABORT", false, true}, {Status::failed, "", false, true},
                        {Status::failed, "CONTINUE", false, true}, {Status::failed, "ABORT", false, false},
                        {Status::failed, "RETRY", true, false},    {Status::timed_out, "", false, false},
                        {Status::stopped, "", false, false}};
  for (const auto& [status, on_failure, retries, uploads] : cases) {
    plan_.phases[3].on_failure = on_failure;
    started();
    entered("POST_BUILD");
    tell(PhaseFinished{"POST_BUILD", status, "", "", 1ms});
    tell(BuildFinished{"local:1", status, retries, 1ms});
    EXPECT_EQ(log().find("UPLOAD_ARTIFACTS") != std::string::npos, uploads)
        << to_string(status) << on_failure;
  }
  // A phase before it fails: neither of them is reached.
  started();
  entered("INSTALL");
  phase_failed("INSTALL", "COMMAND_EXECUTION_ERROR", "m", 1ms);
  tell(BuildFinished{"local:1", Status::failed, false, 1ms});
  EXPECT_EQ(log().find("UPLOAD_ARTIFACTS"), std::string::npos);
}

TEST_F(CodebuildViewTest, TimesAreUtcWithMicroseconds) {
  Event event;
  event.wall = std::chrono::system_clock::time_point(std::chrono::microseconds(1'795'500'284'000'045));
  event.body = PhaseStarted{"BUILD", true, 1, 0};
  view_->on(event);
  EXPECT_EQ(out_file_.take(), "[Container] 2026/11/24 06:04:44.000045 Entering phase BUILD\n");
}

// U44: the lines of the runner of steps are raw.
TEST_F(CodebuildViewTest, StepsAreRaw) {
  a_build_of_steps();
  const std::string text = log();
  EXPECT_NE(text.find("[Container] T Entering phase BUILD\n##[group]Run exit 3\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("Running command"), std::string::npos) << text;
}

}  // namespace
}  // namespace buildspec_run
