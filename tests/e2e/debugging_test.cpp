// Debugging sessions as a person has them: the real program on a terminal, a build that stands still, a shell in it, the question
// after it. After every test nothing that it started is running, and nothing is left in the temporary directory.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runner/supervisor/process_table.h"
#include "tests/support/descendants.h"
#include "tests/support/run_program.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

namespace fs = std::filesystem;
using test::contents;
using test::eventually;
using test::put;
using test::RunningProgram;
using test::Start;

const std::string kProgram = PROJECT_BINARY_DIR "/bin/buildspec-run";

class Debugging : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (const char* name : {"src", "home", "tmp"}) fs::create_directories(files_ / name);
  }

  void TearDown() override {
    test::expect_no_descendants(std::chrono::seconds(10));
    EXPECT_TRUE(fs::is_empty(files_ / "tmp")) << "nothing stays in the temporary directory";
  }

  void buildspec(std::string_view text) { put(files_ / "src/buildspec.yml", text); }

  Start start(std::vector<std::string> options) {
    Start how;
    how.argv = {kProgram, "run", "--format", "plain"};
    how.argv.insert(how.argv.end(), options.begin(), options.end());
    how.env = {{"PATH", PROJECT_BINARY_DIR "/bin:/usr/local/bin:/usr/bin:/bin"},
               {"HOME", (files_ / "home").native()},
               {"TMPDIR", (files_ / "tmp").native()},
               {"TERM", "dumb"},
               {"LC_ALL", "C.UTF-8"}};
    how.cwd = files_ / "src";
    how.out = files_ / "out";
    how.err = files_ / "err";
    how.on_terminal = true;
    return how;
  }

  // Waits for the screen to show `text` behind what was seen last.
  void sees(RunningProgram& program, const std::string& text) {
    std::size_t at = std::string::npos;
    ASSERT_TRUE(eventually([&] { return (at = program.screen().find(text, seen_)) != std::string::npos; }))
        << text << " behind\n"
        << program.screen().substr(0, seen_) << "\nin\n"
        << program.screen().substr(seen_);
    seen_ = at + text.size();
  }

  std::string kept(const std::string& file) {
    for (const auto& run : fs::directory_iterator(files_ / "home/.local/state/buildspec-run/runs"))
      return contents(run.path() / file);
    return {};
  }

  test::TemporaryDirectory files_;
  std::size_t seen_ = 0;
};

constexpr std::string_view kCommands =
    "version: 0.2\n"
    "env: {exported-variables: [RESULT]}\n"
    "phases:\n"
    "  build:\n"
    "    commands:\n"
    "      - mkdir -p 'a b' && cd 'a b' && PLAIN='x y'\n"
    "      - LATER=1; RESULT=$(cat value)\n"
    "      - test \"$RESULT\" = good\n"
    "    finally:\n"
    "      - echo cleaned\n";

// What was skipped stays skipped: it is the user's decision, and the reason may be that it must not run.
TEST_F(Debugging, ResumeDoesNotRunWhatWasSkipped) {
  buildspec(
      "version: 0.2\nphases:\n  build:\n    commands:\n      - echo zero >> ran\n      - echo deploy >> ran\n"
      "      - echo two >> ran; test -e ok\n");
  {
    RunningProgram program(start({"--break", "build[1]"}));
    sees(program, "(exit leads back)");
    program.type("exit\n");
    sees(program, "[a]bort?");
    program.type("s\n");
    EXPECT_EQ(program.wait(), 1);
  }
  put(files_ / "src/ok", "");
  Start again = start({});
  again.argv = {kProgram, "resume", "--format", "plain"};
  EXPECT_EQ(RunningProgram(again).wait(), 0);
  EXPECT_EQ(contents(files_ / "src/ran"), "zero\ntwo\ntwo\n");
}

TEST_F(Debugging, BreakLookChangeRetryContinue) {
  buildspec(kCommands);
  RunningProgram program(start({"--break", "build[1]", "--shell-on-failure"}));
  const termios& before = program.initial_settings();
  sees(program, "[build[1]] the build stands still before it");
  sees(program, "(build[1])");
  program.type("echo \"<$PLAIN|$LATER|$PWD>\"\n");  // PLAIN was never exported
  sees(program, "<x y||" + (files_ / "src/a b").native() + ">");
  program.type("PLAIN=changed; cd /; exit\n");  // of this shell alone
  sees(program, "build[1] has not run: [c]ontinue, [s]kip, s[h]ell, [a]bort? ");
  program.type("r\n");  // nothing to run again
  sees(program, "build[1] has not run: ");
  program.type("c\n");
  sees(program, "cat: value: No such file or directory");
  sees(program, "[build[1]] the build stands still after it has failed");
  sees(program, "(build[1])");
  program.type("echo \"<$PLAIN|$LATER|$(pwd)>\"; echo bad > value; exit\n");
  sees(program, "<x y|1|" + (files_ / "src/a b").native() + ">");
  sees(program, "build[1] failed (exit status 1): [r]etry, [c]ontinue, [s]kip, s[h]ell, [a]bort? ");
  program.type("r\n");
  sees(program, "[build[1]] succeeded");  // without a stop before it
  sees(program, "(build[2])");
  program.type("echo \"<$RESULT>\"; exit\n");
  sees(program, "<bad>");
  program.type("h\n");  // another shell
  sees(program, "(build[2])");
  program.type("echo again; exit\n");
  sees(program, "[r]etry");
  program.type("continue\n");
  sees(program, "cleaned");
  EXPECT_EQ(program.wait(), 1);
  sees(program, "FAILED in BUILD, build[2]");
  const termios after = program.settings();
  EXPECT_EQ(before.c_lflag, after.c_lflag);
  EXPECT_EQ(before.c_iflag, after.c_iflag);

  const std::string events = kept("events.jsonl");
  for (const std::string part :
       {"\"type\":\"shell-opened\",\"label\":\"build[1]\",\"at\":\"before\"",
        "\"type\":\"stop-answered\",\"label\":\"build[1]\",\"at\":\"after\",\"answer\":\"retry\"",
        "\"type\":\"stop-answered\",\"label\":\"build[2]\",\"at\":\"after\",\"answer\":\"shell\""})
    EXPECT_NE(events.find(part), std::string::npos) << part << " in\n" << events;
  EXPECT_EQ(events.find("echo again"), std::string::npos) << "what happens in a shell is not recorded";
}

TEST_F(Debugging, WhatIsSkippedIsSaid) {
  buildspec(kCommands);
  RunningProgram program(start({"--break", "build[1]", "--shell-on-failure"}));
  sees(program, "(build[1])");
  program.type("exit\n");
  sees(program, "? ");
  program.type("s\n");
  sees(program, "(build[2])");
  program.type("exit\n");
  sees(program, "[r]etry");
  program.type("skip\n");
  sees(program,
       "build[2] failed; the build goes on as if it had succeeded, as was asked for [failure-skipped]");
  EXPECT_EQ(program.wait(), 0);
  sees(program, "1 warning; a part of the build: 1 task left out");
}

TEST_F(Debugging, AbortRunsFinally) {
  buildspec(kCommands);
  RunningProgram program(start({"--break", "build"}));
  sees(program, "(build[0])");
  program.type("exit\n");
  sees(program, "? ");
  program.type("a\n");
  EXPECT_EQ(program.wait(), 130);
  sees(program, "[build.finally[0]] succeeded");
  sees(program, "STOPPED in BUILD: the build was stopped before build[0]");
  EXPECT_FALSE(fs::exists(files_ / "src/a b"));
}

constexpr std::string_view kBreakpoint =
    "version: 0.2\n"
    "phases:\n"
    "  build:\n"
    "    commands:\n"
    "      - INNER=set; mkdir -p d; cd d; echo begun >> ../log; codebuild-breakpoint; echo \"<$(cat "
    "said)>\"\n"
    "      - echo next\n";

TEST_F(Debugging, ACommandStopsWhereItSaysSo) {
  buildspec(kBreakpoint);
  RunningProgram program(start({"--debug-session"}));
  sees(program, "[build[0]] the build stands still inside, at codebuild-breakpoint");
  sees(program, "(build[0])");
  program.type("echo \"<$INNER|$PWD>\"; codebuild-breakpoint; echo one > said; exit\n");
  sees(program, "<set|" + (files_ / "src/d").native() + ">");
  sees(program, "build[0] waits at codebuild-breakpoint: [r]etry, ");
  program.type("r\n");
  sees(program, "(build[0])");
  program.type("codebuild-resume\n");
  sees(program, "by codebuild-resume");
  sees(program, "<one>");
  EXPECT_EQ(program.wait(), 0);
  EXPECT_EQ(contents(files_ / "src/log"), "begun\nbegun\n");
}

TEST_F(Debugging, ABreakpointThatIsSkippedEndsItsCommand) {
  buildspec(kBreakpoint);
  RunningProgram program(start({"--debug-session"}));
  sees(program, "(build[0])");
  program.type("exit\n");
  sees(program, "[r]etry");
  program.type("s\n");
  sees(program, "[command-skipped]");
  sees(program, "next");
  EXPECT_EQ(program.wait(), 0);
  sees(program, "a part of the build: 1 task left out");
  EXPECT_EQ(program.screen().find("<>"), std::string::npos);
}

// A limit bounds what runs, not who looks at it: neither the shell nor the question ends, and both take nothing of the time.
TEST_F(Debugging, TimeStandsStillWithTheBuild) {
  buildspec(
      "version: 0.2\nphases: {build: {commands: ['codebuild-breakpoint; echo past'], finally: ['echo "
      "last']}}\n");
  RunningProgram program(
      start({"--debug-session", "--timeout", "3s", "--phase-timeout", "3s", "--command-timeout", "3s"}));
  sees(program, "(exit leads back)");
  sees(program, "(build[0])");
  ::poll(nullptr, 0, 3300);
  program.type("echo still $((40+2)); exit\n");
  sees(program, "still 42");
  sees(program, "[a]bort?");
  ::poll(nullptr, 0, 3300);
  program.type("c\n");
  sees(program, "past");
  EXPECT_EQ(program.wait(), 0);
  sees(program, "last");
}

// What goes on behind it is as bounded as it was before.
TEST_F(Debugging, ALimitGoesOnBehindABreakpoint) {
  constexpr std::string_view kForms[] = {
      "version: 0.2\nphases: {build: {commands: ['codebuild-breakpoint; sleep 100']}}\n",
      "version: 0.2\nphases: {build: {steps: [{run: 'codebuild-breakpoint; sleep 100'}]}}\n"};
  for (const std::string_view form : kForms) {
    buildspec(form);
    seen_ = 0;
    RunningProgram program(start({"--debug-session", "--command-timeout", "3s", "--no-keep"}));
    sees(program, "(build[0])");
    ::poll(nullptr, 0, 3300);
    program.type("codebuild-resume\n");
    sees(program, "by codebuild-resume");
    EXPECT_EQ(program.wait(std::chrono::seconds(40)), 1);
    sees(program, "TIMED OUT in BUILD");
  }
}

// Whose breakpoint it is: a job of an earlier command takes nothing from the failure of the one that runs.
TEST_F(Debugging, AJobInTheBackgroundIsAskedAboutByItself) {
  buildspec(
      "version: 0.2\nphases:\n  build:\n    commands:\n"
      "      - (until test -e go; do sleep 0.05; done; MINE=job; codebuild-breakpoint; echo went >> on; "
      "touch fail) &\n"
      "      - touch go; until test -e fail; do sleep 0.05; done; false\n");
  for (const bool goes_on : {true, false}) {
    for (const char* file : {"go", "fail", "on"}) fs::remove(files_ / "src" / file);
    seen_ = 0;
    RunningProgram program(start({"--debug-session", "--no-keep"}));
    sees(program, "[build[0]] the build stands still at codebuild-breakpoint of a job in the background");
    sees(program, "(build[0])");
    program.type("echo \"<$MINE>\"; exit\n");
    sees(program, "<job>");
    const std::string question =
        "build[0]: a job in the background waits at codebuild-breakpoint: [c]ontinue, s[h]ell, [a]bort? ";
    sees(program, question);
    program.type("s\n");  // what has failed is build[1], and it is not what is asked about
    sees(program, question);
    program.type(goes_on ? "c\n" : "a\n");
    EXPECT_EQ(program.wait(), goes_on ? 1 : 130);
    sees(program, goes_on ? "FAILED in BUILD, build[1]" : "STOPPED in BUILD, build[1]");
    EXPECT_EQ(fs::exists(files_ / "src/on"), goes_on);
  }
}

// Each of several waits for itself, and none passes by while the shell of another is open.
TEST_F(Debugging, SeveralStandStillOneAfterTheOther) {
  buildspec(
      "version: 0.2\nphases:\n  build:\n    commands:\n      - |\n"
      "        for each in one two three; do\n"
      "          (WHO=$each; codebuild-breakpoint; echo $each >> order) &\n"
      "        done\n"
      "        (until test -e looked; do sleep 0.05; done; WHO=four; codebuild-breakpoint; echo four >> "
      "order) &\n"
      "        wait\n");
  RunningProgram program(start({"--debug-session", "--no-keep"}));
  for (int shells = 0; shells < 4; ++shells) {
    sees(program, "(build[0])");
    // Those that were let go, and nobody else, have gone on.
    program.type(
        fmt::format("touch looked; sleep 0.5; until test \"$(cat order 2>&1 | grep -c '^[a-z]*$')\" = {}; do "
                    "sleep 0.1; done; cmp order told && echo sa''me; echo $WHO >> told; codebuild-resume\n",
                    shells));
    if (shells > 0) sees(program, "same");
    sees(program, "by codebuild-resume");
  }
  EXPECT_EQ(program.wait(), 0);
  EXPECT_EQ(contents(files_ / "src/order"), contents(files_ / "src/told"));
}

// bash's `suspend` leaves nobody who could continue the shell; the jobs of the shell are its own to stop.
TEST_F(Debugging, ASuspendedShellGoesOn) {
  buildspec(kCommands);
  RunningProgram program(start({"--break", "build[0]"}));
  sees(program, "(build[0])");
  for (int i = 0; i < 2; ++i) {
    program.type("suspend\n");
    sees(program, "[build[0]] the shell was stopped");
    program.type("echo a$((40+2))b\n");
    sees(program, "a42b");
  }
  program.type("sh -c 'echo re''ady; exec sleep 4713'\n");
  sees(program, "ready");
  program.type("\x1a");
  sees(program, "Stopped");
  program.type("jobs; echo c$((40+2))d\n");
  sees(program, "c42d");
  EXPECT_EQ(program.screen().find("the shell was stopped", seen_), std::string::npos);
  program.type("kill -9 %1; exit\nexit\n");
  sees(program, "has not run");
  program.type("c\n");
  EXPECT_EQ(program.wait(), 1);
}

// A name of the build's own that means something to shells is what it was.
TEST_F(Debugging, TheShellTouchesNoVariable) {
  buildspec(
      "version: 0.2\nenv: {variables: {ENV: production, d: mine, line: kept}}\nphases:\n  build:\n"
      "    commands: ['export shell=fish; codebuild-breakpoint']\n");
  RunningProgram program(start({"--debug-session"}));
  sees(program, "(build[0])");
  program.type("echo \"<$ENV|$d|$line|$shell>\"; codebuild-resume\n");
  sees(program, "<production|mine|kept|fish>");
  EXPECT_EQ(program.wait(), 0);
}

TEST_F(Debugging, TheSameInAStep) {
  buildspec(
      "version: 0.2\n"
      "phases:\n"
      "  build:\n"
      "    commands: [export OF_COMMAND=c]\n"
      "  post_build:\n"
      "    steps:\n"
      "      - run: 'LOCAL=1; export SEEN=2; cd sub; codebuild-breakpoint; test -e mended && echo "
      "\"result=$(cat "
      "mended)\" >> $GITHUB_OUTPUT'\n"
      "        id: one\n"
      "        env: {OF_STEP: s}\n"
      "      - run: echo \"<${{ steps.one.outputs.result }}>\"\n");
  fs::create_directories(files_ / "src/sub");
  RunningProgram program(start({"--debug-session", "--shell-on-failure", "--break", "post_build[1]"}));
  sees(program, "[post_build[0]] the build stands still inside");
  sees(program, "(post_build[0])");
  program.type("echo \"<$OF_COMMAND|$OF_STEP|$SEEN|$PWD>\"; exit\n");
  sees(program, "<c|s|2|" + (files_ / "src/sub").native() + ">");
  sees(program, "waits at codebuild-breakpoint");
  program.type("c\n");
  sees(program, "the build stands still after it has failed");
  sees(program, "(post_build[0])");
  program.type("echo \"<$OF_STEP|$PWD>\"; echo yes > sub/mended; exit\n");
  sees(program, "<s|" + (files_ / "src").native() + ">");
  sees(program, "post_build[0] failed (exit status 1)");
  program.type("r\n");
  sees(program, "(post_build[0])");
  program.type("codebuild-resume\n");
  sees(program, "[post_build[1]] the build stands still before it");
  sees(program, "(post_build[1])");
  program.type("exit\n");
  sees(program, "has not run");
  program.type("c\n");
  sees(program, "\r\n<yes>");
  EXPECT_EQ(program.wait(), 0);
}

// Ctrl-C belongs to the shell and what runs in it; at the question it stops the build.
TEST_F(Debugging, CtrlC) {
  buildspec(kCommands);
  RunningProgram program(start({"--break", "build[0]"}));
  sees(program, "(build[0])");
  program.type("sleep 100; echo \"<$?>\"\n");
  sees(program, "sleep 100");
  const std::string sleeping = std::string("sleep") + '\0' + "100" + '\0';
  ASSERT_TRUE(eventually([&] {
    const auto table = read_process_table();
    return std::ranges::any_of(table, [&](const ProcessEntry& entry) {
      return entry.alive && contents(fmt::format("/proc/{}/cmdline", entry.pid)) == sleeping;
    });
  }));
  program.type("\x03");
  sees(program, "(build[0])");
  program.type("kill -TERM $$; echo still here; sleep 300 &\n");
  sees(program, "still here");
  program.type("exit\n");
  sees(program, "? ");
  program.type("\x03");
  EXPECT_EQ(program.wait(), 130);
  sees(program, "STOPPED");
}

TEST_F(Debugging, AClosedTerminalEndsEverything) {
  buildspec(kBreakpoint);
  for (const bool inside : {false, true}) {
    seen_ = 0;
    RunningProgram program(start({"--debug-session", inside ? "--shell-on-failure" : "--break=build[0]"}));
    sees(program, "(build[0])");
    program.type("sleep 4711 & echo started\n");
    sees(program, "\nstarted");
    program.hang_up();
    const int exit = program.wait(std::chrono::seconds(20));
    EXPECT_TRUE(exit == 143 || exit == 129) << exit;
  }
}

// What was done before it is kept: a later process goes on where the terminal was lost, in a command as in a step.
TEST_F(Debugging, ABuildWhoseTerminalWasClosedIsResumed) {
  constexpr std::string_view kForms[] = {
      "version: 0.2\nphases:\n  build:\n    commands:\n"
      "      - echo zero >> ran\n      - codebuild-breakpoint; echo one >> ran\n      - echo two >> ran\n",
      "version: 0.2\nphases:\n  build:\n    steps:\n"
      "      - run: echo zero >> ran\n      - run: codebuild-breakpoint; echo one >> ran\n"
      "      - run: echo two >> ran\n"};
  for (const std::string_view form : kForms)
    for (const bool at_question : {false, true}) {
      SCOPED_TRACE(fmt::format("{}{}", form, at_question ? "at the question" : "in the shell"));
      buildspec(form);
      fs::remove(files_ / "src/ran");
      seen_ = 0;
      RunningProgram program(start({"--debug-session"}));
      sees(program, "(build[1])");
      program.type("sleep 4714 & echo sta''rted; trap '' HUP\n");
      sees(program, "started");
      if (at_question) {
        program.type("exit\n");
        sees(program, "[a]bort?");
      }
      program.hang_up();
      const int exit = program.wait(std::chrono::seconds(30));
      EXPECT_TRUE(exit == 143 || exit == 129) << exit;
      test::expect_no_descendants(std::chrono::seconds(10));
      EXPECT_EQ(contents(files_ / "src/ran"), "zero\n");
      Start again = start({});
      again.argv = {kProgram, "resume", "--format", "plain"};
      seen_ = 0;
      RunningProgram resumed(again);
      EXPECT_EQ(resumed.wait(), 0) << resumed.screen();
      EXPECT_EQ(contents(files_ / "src/ran"), "zero\none\ntwo\n");
    }
}

// The session of a person in a step: look, Ctrl-C, change a file, run it again.
TEST_F(Debugging, AStepIsMendedInItsShell) {
  buildspec(
      "version: 0.2\nphases:\n  build:\n    steps:\n"
      "      - run: echo begun >> log; cat config\n        env: {OF_STEP: s}\n");
  RunningProgram program(start({"--break", "build[0]", "--shell-on-failure"}));
  sees(program, "[build[0]] the build stands still before it");
  sees(program, "(build[0])");
  program.type("sh -c 'echo re''ady; exec sleep 100'; echo \"after $?\"\n");
  sees(program, "ready");
  program.type("\x03");
  sees(program, "(build[0])");
  program.type("echo \"<$OF_STEP>\"; exit\n");
  sees(program, "<s>");
  sees(program, "build[0] has not run: ");
  program.type("c\n");
  sees(program, "the build stands still after it has failed");
  sees(program, "(build[0])");
  program.type("echo go''od > config; exit\n");
  sees(program, "build[0] failed (exit status 1)");
  program.type("r\n");
  sees(program, "good");
  EXPECT_EQ(program.wait(), 0) << program.screen();
  EXPECT_EQ(contents(files_ / "src/log"), "begun\nbegun\n");
}

// A shell in a container is left by codebuild-resume as one of this machine is. The engine of this test runs `sh` right here.
TEST_F(Debugging, AShellInAContainerKnowsCodebuildResume) {
  buildspec(
      "version: 0.2\nphases: {build: {steps: [{uses: 'docker://image', env: {ENV: production}}, {run: echo "
      "next}]}}\n");
  put(files_ / "engine/run.sh",
      "case \" $* \" in *\" --tty \"*) exec sh -i;; esac\n"
      "test -e \"$FAKE_DOCKER/mended\"; exit\n");
  Start how = start({"--shell-on-failure", "--no-keep"});
  how.env["PATH"] = PROJECT_SOURCE_DIR "/tests/support/bin:" + how.env["PATH"];
  how.env["FAKE_DOCKER"] = (files_ / "engine").native();
  RunningProgram program(how);
  sees(program, "the build stands still after it has failed: sh in a container of image");
  sees(program, "(build[0])");
  program.type("echo \"<$ENV>\"; exit\n");
  sees(program, "<production>");
  sees(program, "[r]etry");
  program.type("h\n");
  sees(program, "(build[0])");
  program.type("codebuild-resume\n");
  sees(program, "by codebuild-resume");
  EXPECT_EQ(program.wait(), 1);
}

TEST_F(Debugging, AKilledRunnerTakesItsShellAlong) {
  buildspec(kBreakpoint);
  RunningProgram program(start({"--debug-session"}));
  sees(program, "(build[0])");
  program.type("sleep 4712 & echo started\n");
  sees(program, "\nstarted");
  program.send(SIGKILL);
  EXPECT_EQ(program.wait(), 128 + SIGKILL);
  // The directory around those of all runs stays, as nobody is left who could know whether it is needed.
  ASSERT_TRUE(eventually([&] {
    for (const auto& around : fs::directory_iterator(files_ / "tmp"))
      if (!fs::is_empty(around)) return false;
    return true;
  }));
  for (const auto& around : fs::directory_iterator(files_ / "tmp")) fs::remove(around);
}

TEST_F(Debugging, TheUserIsThatOfTheCommand) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may run as another user";
  buildspec(
      "version: 0.2\n"
      "phases:\n"
      "  build:\n"
      "    run-as: nobody\n"
      "    commands: [MINE=1, 'codebuild-breakpoint; false']\n");
  for (const auto& part : {files_.path(), files_ / "src", files_ / "tmp"})
    fs::permissions(part, fs::perms(0755));
  RunningProgram program(start({"--debug-session", "--shell-on-failure", "--break", "build"}));
  for (const std::string label : {"build[0]", "build[1]", "build[1]"}) {
    sees(program, "(" + label + ")");
    program.type("echo \"<$MINE|$(id -un)>\"; exit\n");
    sees(program, label == "build[0]" ? "<|nobody>" : "<1|nobody>");
    sees(program, "? ");
    program.type("c\n");
  }
  EXPECT_EQ(program.wait(), 1);
}

TEST_F(Debugging, IsRefusedWithoutATerminal) {
  buildspec(kCommands);
  for (const std::string option : {"--break=build", "--shell-on-failure", "--debug-session"}) {
    Start how = start({option});
    how.on_terminal = false;
    RunningProgram program(how);
    EXPECT_EQ(program.wait(), 2);
    EXPECT_EQ(
        contents(files_ / "err"),
        fmt::format("buildspec-run: error: {} needs a terminal to open a shell on: standard input is none "
                    "[no-terminal]\n",
                    option.substr(0, option.find('='))));
    EXPECT_EQ(contents(files_ / "out"), "");
  }
  RunningProgram wrong(start({"--break", "bild", "--no-keep"}));
  EXPECT_EQ(wrong.wait(), 2);
  sees(wrong, "no phase or task is called \"bild\"; did you mean \"build\"? [unknown-task]");
  seen_ = 0;
  RunningProgram never(start({"--break", "build[0]", "--skip", "build[0]", "--no-keep"}));
  EXPECT_EQ(never.wait(), 2);
  sees(never, "nothing of build[0] runs, so that nothing can stop there [break-left-out]");
}

}  // namespace
}  // namespace buildspec_run
