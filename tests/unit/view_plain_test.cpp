#include "runner/cli/view_plain.h"

#include "tests/support/view_fixture.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;

class PlainViewTest : public test::ViewFixture {
 protected:
  void open(ViewOptions options) {
    out_ = std::make_unique<Console>(out_file_.fd());
    err_ = std::make_unique<Console>(err_file_.fd());
    view_ = make_plain_view(*out_, *err_, std::move(options));
  }
  void a_failing_build() {
    run_started();
    tell(BuildStarted{"local:1", 1});
    tell(Diagnosed{
        "warning", "unknown-key", "unknown key \"x\"", Place{"buildspec.yml", 3, 5},
        "buildspec.yml:3:5: warning: unknown key \"x\" [unknown-key]\n    3 |     x: 1\n      |     ^\n"});
    phase_started("DOWNLOAD_SOURCE", 0);
    phase_finished("DOWNLOAD_SOURCE", 1ms);
    phase_started("BUILD", 2);
    task_started("build[0]", "echo one\necho two\n");
    output("one\n");
    output("tw");
    output("o");
    task_succeeded(12ms);
    task_started("build[1]", "make test");
    output("\x1b[31mraw\x1b[0m\a\r\n");
    task_failed(2, 2s, "is make there?");
    phase_failed("BUILD", "COMMAND_EXECUTION_ERROR",
                 "Error while executing command: make test. Reason: exit status 2", 2012ms);
    tell(VariablesExported{{{"VERSION", "1.2 3"}, {"NOTES", "a\nb"}, {"NONE", ""}}});
    tell(BuildFinished{"local:1", Status::failed, false, 3s});
    run_failed("BUILD", "build[1]", "make test", 3s);
  }
};

TEST_F(PlainViewTest, TellsAFailingBuild) {
  open(options());
  a_failing_build();
  EXPECT_EQ(out_file_.take(),
            "[run] buildspec-run 0.1.0\n"
            "[run] buildspec: buildspec.yml\n"
            "[run] source: /home/me/app\n"
            "[run] shell: /bin/sh\n"
            "[run] log: /state/log\n"
            "[run] build: local:1\n"
            "[DOWNLOAD_SOURCE] started\n"
            "[DOWNLOAD_SOURCE] succeeded in 1ms\n"
            "[BUILD] started, 2 commands\n"
            "[build[0]] $ echo one\n"
            "[build[0]] > echo two\n"
            "one\n"
            "two\n"
            "[build[0]] succeeded in 12ms\n"
            "[build[1]] $ make test\n"
            "\x1b[31mraw\x1b[0m\a\r\n"
            "[build[1]] failed after 2.0s: exit status 2 at buildspec.yml:12:9\n"
            "[build[1]] hint: is make there?\n"
            "[BUILD] failed after 2.0s: COMMAND_EXECUTION_ERROR: Error while executing command: make test. "
            "Reason: exit "
            "status 2\n"
            "1 warning\n"
            "  buildspec.yml:3:5: unknown key \"x\" [unknown-key]\n"
            "exported\n"
            "  VERSION='1.2 3'\n"
            "  NOTES=$'a\\nb'\n"
            "  NONE=\n"
            "log: /state/log\n"
            "FAILED in BUILD, build[1] `make test` (exit status 2) at buildspec.yml:12:9\n");
  EXPECT_EQ(err_file_.take(),
            "buildspec.yml:3:5: warning: unknown key \"x\" [unknown-key]\n    3 |     x: 1\n      |     ^\n");
}

TEST_F(PlainViewTest, QuietlyTellsWhatFailed) {
  ViewOptions quiet = options();
  quiet.quiet = true;
  open(quiet);
  a_failing_build();
  EXPECT_EQ(out_file_.take(),
            "[build[1]] $ make test\n"
            "raw^G\n"
            "[build[1]] failed after 2.0s: exit status 2 at buildspec.yml:12:9\n"
            "[build[1]] hint: is make there?\n"
            "1 warning\n"
            "  buildspec.yml:3:5: unknown key \"x\" [unknown-key]\n"
            "log: /state/log\n"
            "FAILED in BUILD, build[1] `make test` (exit status 2) at buildspec.yml:12:9\n");
  EXPECT_EQ(err_file_.take(), "");
}

TEST_F(PlainViewTest, WithoutColoursTheHeaderOfAStepHasNone) {
  open(options());
  run_started();
  out_file_.take();
  TaskStarted started{"BUILD", "build[0]", "echo x", {"buildspec.yml", 5, 9}, StepStage{"Say", "main"}};
  tell(started);
  const std::string header = "##[group]Run echo x\n\x1b[36;1mecho x\x1b[0m\nshell: sh\n##[endgroup]\n";
  output(header + "\x1b[36;1mits own\x1b[0m\n");
  EXPECT_EQ(out_file_.take(),
            "[build[0]] step: Say\n##[group]Run echo x\necho x\nshell: sh\n##[endgroup]\n"
            "\x1b[36;1mits own\x1b[0m\n");
}

TEST_F(PlainViewTest, QuietSuccessIsOneLine) {
  ViewOptions quiet = options();
  quiet.quiet = true;
  open(quiet);
  run_started();
  phase_started("BUILD", 1);
  task_started("build[0]", "make");
  output("much\n");
  task_succeeded(1s);
  phase_finished("BUILD", 1s);
  run_succeeded(75s);
  EXPECT_EQ(out_file_.take(), "SUCCEEDED in 1m 15s, 1 command\n");
}

// Every shape of the last line.
TEST_F(PlainViewTest, EndsWithOneLineThatNamesWhatFailed) {
  struct Case {
    RunFinished run;
    std::string_view want;
  };
  const Place place{"ci/b.yml", 7, 11};
  const Case cases[] = {
      {{Status::succeeded, "", "", "", std::nullopt, "", 3700s}, "SUCCEEDED in 1h 01m, 0 commands\n"},
      {{Status::timed_out, "BUILD", "build[0]", "sleep 9", place, "Build has timed out. ", 1s},
       "TIMED OUT in BUILD, build[0] `sleep 9` at ci/b.yml:7:11\n"},
      {{Status::stopped, "BUILD", "build[0]", "a\nb", place, "", 1s},
       "STOPPED in BUILD, build[0] `a …` at ci/b.yml:7:11\n"},
      {{Status::failed, "DOWNLOAD_SOURCE", "", "", std::nullopt, "wrong number of container tags, expected 1",
        1s},
       "FAILED in DOWNLOAD_SOURCE: wrong number of container tags, expected 1\n"},
      {{Status::fault, "", "", "", std::nullopt, "start the supervisor: not found", 1s},
       "FAULT: start the supervisor: not found\n"},
      {{Status::failed, "BUILD", "build[0]", std::string(70, 'x'), place, "", 1s},
       "FAILED in BUILD, build[0] `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` at "
       "ci/b.yml:7:11\n"},
  };
  for (const auto& [run, want] : cases) {
    ViewOptions quiet = options();
    quiet.quiet = true;
    open(quiet);
    tell(run);
    EXPECT_EQ(out_file_.take(), want);
  }
}

TEST_F(PlainViewTest, AnInvalidFileIsPlacedInTheLastLine) {
  open(options());
  tell(Diagnosed{"error", "yaml", "bad", Place{"buildspec.yml", 2, 1},
                 "buildspec.yml:2:1: error: bad [yaml]\n"});
  phase_started("DOWNLOAD_SOURCE", 0);
  phase_failed("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", "did not find expected key at line 1", 1ms);
  tell(RunFinished{Status::failed, "DOWNLOAD_SOURCE", "", "", std::nullopt,
                   "did not find expected key at line 1", 1ms});
  EXPECT_EQ(out_file_.take(),
            "[DOWNLOAD_SOURCE] started\n"
            "[DOWNLOAD_SOURCE] failed after 1ms: YAML_FILE_ERROR: did not find expected key at line 1\n"
            "FAILED in DOWNLOAD_SOURCE: did not find expected key at line 1 at buildspec.yml:2:1\n");
  EXPECT_EQ(err_file_.take(), "buildspec.yml:2:1: error: bad [yaml]\n");
}

TEST_F(PlainViewTest, RepeatsEachWarningOnce) {
  open(options());
  const Diagnosed warning{"warning", "w", "again", std::nullopt, "buildspec-run: warning: again [w]\n"};
  for (int i = 0; i < 3; ++i) tell(warning);
  run_succeeded(0ms);
  EXPECT_EQ(out_file_.take(), "1 warning\n  again [w]\nSUCCEEDED in 0ms, 0 commands, 1 warning\n");
}

TEST_F(PlainViewTest, NamesTheRootAboveAndWhatWasNotKept) {
  ViewOptions with_problem = options();
  with_problem.log_problem = [] { return std::string("write /state/log: No space left on device"); };
  open(with_problem);
  tell(RunStarted{"0.1.0", "/home/me/app/sub", "/home/me/app/", "b.yml", "/bin/sh", ""});
  run_succeeded(1s);
  EXPECT_EQ(out_file_.take(),
            "[run] buildspec-run 0.1.0\n"
            "[run] buildspec: b.yml\n"
            "[run] source: /home/me/app/sub\n"
            "[run] note: the root of the repository is /home/me/app; the cloud would start there\n"
            "[run] shell: /bin/sh\n"
            "not kept: write /state/log: No space left on device\n"
            "SUCCEEDED in 1.0s, 0 commands\n");
}

TEST_F(PlainViewTest, TellsOfSteps) {
  open(options());
  a_build_of_steps();
  const std::string out = out_file_.take();
  EXPECT_EQ(out.substr(out.find("[BUILD] started")),
            "[BUILD] started, 3 steps\n"
            "[build[0]] step: One\n"
            "##[group]Run exit 3\nenv:\n  A: b\n##[endgroup]\n##[error]no\n"
            "[build[0]] succeeded in 5ms (it failed; continue-on-error)\n"
            "[build[1]] skipped: Two\n"
            "[build[2]] step: Three\n"
            "##[group]Run exit 3\nenv:\n  A: b\n##[endgroup]\n##[error]no\n"
            "[build[2]] failed after 5ms: exit status 3 at buildspec.yml:12:9\n"
            "[BUILD] failed after 9ms: COMMAND_EXECUTION_ERROR: m\n"
            "1 annotation\n  src/a.c:3:2: error: t: bad … (build[2])\n"
            "summary: /state/summary.md\nlog: /state/log\n"
            "FAILED in BUILD, build[2] `Three` (exit status 3) at buildspec.yml:12:9\n");
}

TEST_F(PlainViewTest, QuietlyTellsOfTheStepThatFailed) {
  ViewOptions quiet = options();
  quiet.quiet = true;
  open(quiet);
  a_build_of_steps();
  EXPECT_EQ(out_file_.take(),
            "[build[2]] step: Three\n##[error]no\n"
            "[build[2]] failed after 5ms: exit status 3 at buildspec.yml:12:9\n"
            "log: /state/log\n"
            "FAILED in BUILD, build[2] `Three` (exit status 3) at buildspec.yml:12:9\n");
}

TEST_F(PlainViewTest, NamesWhatHasBeenFetched) {
  using State = ActionFetch::State;
  open(options());
  tell(ActionFetch{"a/b@v1", State::running, 12});
  tell(ActionFetch{"a/b@v1", State::done, 34'567'890});
  tell(ActionFetch{"c/d@v1", State::failed, 12});
  EXPECT_EQ(out_file_.take(), "[run] fetched a/b@v1, 35 MB\n");
  ViewOptions quiet = options();
  quiet.quiet = true;
  open(quiet);
  tell(ActionFetch{"a/b@v1", State::done, 34});
  EXPECT_EQ(out_file_.take(), "");
}

}  // namespace
}  // namespace buildspec_run
