// A run that was killed, stopped or has failed goes on in another process, as if nothing had been.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "runner/store/run_reader.h"
#include "runner/store/state_log.h"
#include "tests/support/run_program.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::Ran;
using test::RunningProgram;

class Resume : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(source());
    std::filesystem::create_directories(home_ / "tmp");
  }
  [[nodiscard]] std::filesystem::path source() const { return home_ / "src"; }
  [[nodiscard]] std::map<std::string, std::string> environment() const {
    std::map<std::string, std::string> env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                              {"HOME", home_.path().native()},
                                              {"TMPDIR", (home_ / "tmp").native()},
                                              {"LC_ALL", "C.UTF-8"}};
    env.insert(more_.begin(), more_.end());
    return env;
  }
  Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), PROJECT_BINARY_DIR "/bin/buildspec-run");
    return test::run_program(arguments, environment(), source());
  }
  [[nodiscard]] test::Start start(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), PROJECT_BINARY_DIR "/bin/buildspec-run");
    test::Start start;
    start.argv = std::move(arguments);
    start.env = environment();
    start.cwd = source();
    start.out = home_ / "out";
    start.err = home_ / "err";
    return start;
  }
  void buildspec(const std::string& text) { test::put(source() / "buildspec.yml", text); }
  [[nodiscard]] std::filesystem::path state() const { return home_ / ".local/state/buildspec-run"; }
  /// The ids of the kept runs, the last that began last.
  [[nodiscard]] std::vector<RunSketch> runs() const {
    std::vector<RunSketch> all;
    for (const std::string& id : kept_run_ids(state()))
      if (Result<RunSketch> run = sketch_run(state(), id)) all.push_back(std::move(*run));
    std::ranges::sort(all, {}, &RunSketch::began);
    return all;
  }
  [[nodiscard]] std::string states_of_last() const {
    return test::contents(runs().back().directory / "states");
  }
  /// Of the last run that has any: one that was killed too early goes on with nothing.
  [[nodiscard]] std::optional<KeptStates> last_states() const {
    const std::vector<RunSketch> all = runs();
    for (auto run = all.rbegin(); run != all.rend(); ++run)
      if (Result<KeptStates> states = read_states(run->directory)) return std::move(*states);
    return std::nullopt;
  }
  /// The labels of the tasks that a run in --format plain ran.
  static std::vector<std::string> ran(const std::string& out) {
    std::vector<std::string> labels;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);)
      if (const std::size_t end = line.find("] $ "); line.starts_with("[") && end != std::string::npos)
        labels.push_back(line.substr(1, end - 1));
    return labels;
  }
  using Labels = std::vector<std::string>;

  test::TemporaryDirectory home_;
  std::map<std::string, std::string> more_;
};

constexpr const char* kFails =
    "version: 0.2\n"
    "env: {exported-variables: [A, B, C]}\n"
    "phases:\n"
    "  install:\n"
    "    commands: ['export A=1']\n"
    "  build:\n"
    "    commands:\n"
    "      - B=two; mkdir -p sub; cd sub; ID=$CODEBUILD_BUILD_ID\n"
    "      - test -e ../ok\n"
    "      - C=\"$A$B$PWD\"; test \"$ID\" = \"$CODEBUILD_BUILD_ID\" && echo same build\n"
    "    finally: ['echo last']\n"
    "  post_build:\n"
    "    commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']\n";

TEST_F(Resume, GoesOnAtWhatFailedWithDirectoryAndVariables) {
  buildspec(kFails);
  EXPECT_EQ(run({}).exit, 1);
  test::put(source() / "ok", "");
  const Ran resumed = run({"resume", "--format", "plain"});
  EXPECT_EQ(resumed.exit, 0) << resumed.err;
  EXPECT_EQ(ran(resumed.out), (Labels{"build[1]", "build[2]", "build.finally[0]", "post_build[0]"}));
  EXPECT_NE(resumed.out.find("  C=1two" + source().native() + "/sub\n"), std::string::npos) << resumed.out;
  EXPECT_NE(resumed.out.find("\nsame build\n"), std::string::npos);
  EXPECT_NE(resumed.out.find("\n1\n"), std::string::npos) << "the failure is no more";
  const std::vector<RunSketch> all = runs();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].started->resumed_run, all[0].id);
  EXPECT_NE(run({"history"}).out.find("(goes on with " + all[0].id + ")"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(home_ / "tmp"));
}

TEST_F(Resume, NothingIsLeftOfARunThatSucceeded) {
  buildspec("version: 0.2\nphases: {build: {commands: ['echo one', 'echo two']}}\n");
  EXPECT_EQ(run({}).exit, 0);
  Ran resumed = run({"resume"});
  EXPECT_EQ(resumed.exit, 2);
  EXPECT_NE(resumed.err.find("no run is kept"), std::string::npos) << resumed.err;
  resumed = run({"resume", runs().back().id});
  EXPECT_EQ(resumed.exit, 2);
  EXPECT_NE(resumed.err.find("it has succeeded, so nothing is left to go on with"), std::string::npos)
      << resumed.err;
  resumed = run({"resume", "--from", "BUILD[1]"});
  EXPECT_EQ(resumed.exit, 0) << resumed.err;
  EXPECT_EQ(ran(resumed.out), Labels{"build[1]"});
}

TEST_F(Resume, FromBeginsWhereItWasToldTo) {
  buildspec(kFails);
  EXPECT_EQ(run({}).exit, 1);
  test::put(source() / "ok", "");
  EXPECT_EQ(ran(run({"resume", "--from", "build[0]"}).out).front(), "build[0]");
  EXPECT_EQ(ran(run({"resume", "--from", "install"}).out).front(), "install[0]");
  EXPECT_EQ(ran(run({"resume", runs().front().id, "--from", "post-build[0]"}).out), Labels{"post_build[0]"});
  const Ran unreached = run({"resume", runs().front().id, "--from", "build[2]"});
  EXPECT_EQ(unreached.exit, 2);
  EXPECT_NE(unreached.err.find("it did not come to build[2]; its last state is behind post_build[0]"),
            std::string::npos)
      << unreached.err;
  EXPECT_NE(run({"resume", "--from", "build[7]"}).err.find("no command or step build[7]"), std::string::npos);
}

TEST_F(Resume, WhatWasLeftOutIsNotCounted) {
  for (const bool steps : {false, true}) {
    SCOPED_TRACE(steps ? "steps" : "commands");
    std::filesystem::remove(source() / "ok");
    buildspec(steps ? "version: 0.2\nphases:\n  build:\n    steps:\n"
                      "      - {run: echo nothing}\n"
                      "      - {id: a, run: 'echo v=from-a >> \"$GITHUB_OUTPUT\"'}\n"
                      "      - {id: b, run: 'echo v=from-b >> \"$GITHUB_OUTPUT\"'}\n"
                      "      - {run: 'test -e ok || sleep 30; echo \"[${{ steps.a.outputs.v }}${{ "
                      "steps.b.outputs.v }}]\"'}\n"
                      "      - {run: echo last}\n"
                    : "version: 0.2\nphases:\n  build:\n    commands:\n"
                      "      - A=nothing\n      - A=from-a\n      - A=from-b\n"
                      "      - test -e ok || sleep 30; echo \"[$A]\"\n      - echo last\n");
    const char* const task = steps ? "[build[3]] step:" : "[build[3]] $";
    {
      RunningProgram program(start({"--skip", "build[0],build[2]", "--format", "plain"}));
      ASSERT_TRUE(test::eventually([&] {
        return test::contents(home_ / "out").find(task) != std::string::npos;
      })) << test::contents(home_ / "err");
      program.send(SIGKILL);
      program.wait();
    }
    test::put(source() / "ok", "");
    const std::string id = runs().back().id;
    Ran resumed = run({"resume", id, "--from", "build[2]"});
    EXPECT_EQ(resumed.exit, 2);
    EXPECT_NE(resumed.err.find("build[2] was left out of it"), std::string::npos) << resumed.err;
    resumed = run({"resume", id, "--from", "build[4]"});
    EXPECT_NE(resumed.err.find("it did not come to build[4]; its last state is behind build[1]"),
              std::string::npos)
        << resumed.err;
    // The next one is not that of the next number; the phase begins with the first that is not left out.
    for (const std::vector<std::string>& how :
         {std::vector<std::string>(), {"--from", "build[3]"}, {"--from", "build[1]"}, {"--from", "build"}}) {
      std::vector<std::string> arguments = {"resume", id, "--format", "plain"};
      arguments.insert(arguments.end(), how.begin(), how.end());
      resumed = run(arguments);
      EXPECT_EQ(resumed.exit, 0) << resumed.out << resumed.err;
      EXPECT_NE(resumed.out.find("\n[from-a]\n"), std::string::npos) << resumed.out;
      const bool is_all = !how.empty() && how[1] != "build[3]";
      EXPECT_EQ(resumed.out.find(steps ? "[build[1]] step:" : "[build[1]] $") != std::string::npos, is_all)
          << resumed.out;
      for (const char* other : {"[build[0]] ", "[build[2]] "})
        EXPECT_EQ(resumed.out.find(other), std::string::npos) << resumed.out;
      EXPECT_NE(resumed.out.find("a part of the build: 2 tasks left out"), std::string::npos) << resumed.out;
    }
  }
}

TEST_F(Resume, RerunFailedBeginsAtTheStepThatFailedWhereOthersAreLeftOut) {
  buildspec(
      "version: 0.2\nphases:\n  install: {commands: ['true']}\n  build:\n    steps:\n"
      "      - {run: echo nothing}\n      - {id: a, run: 'echo v=from-a >> \"$GITHUB_OUTPUT\"'}\n"
      "      - {run: 'exit 1', continue-on-error: true}\n      - {run: echo nothing}\n"
      "      - {run: 'echo \"[${{ steps.a.outputs.v }}]\"; test -e ok'}\n      - {run: echo last}\n");
  EXPECT_EQ(run({"--skip", "build[0],build[3]"}).exit, 1);
  test::put(source() / "ok", "");
  const Ran resumed = run({"resume", "--rerun-failed", "--format", "plain"});
  EXPECT_EQ(resumed.exit, 0) << resumed.out << resumed.err;
  EXPECT_NE(resumed.out.find("\n[from-a]\n"), std::string::npos) << resumed.out;
  EXPECT_NE(resumed.out.find("[build[4]] step:"), std::string::npos) << resumed.out;
  EXPECT_EQ(resumed.out.find("[build[2]] step:"), std::string::npos) << resumed.out;
  EXPECT_NE(resumed.out.find("\nlast\n"), std::string::npos) << resumed.out;
}

TEST_F(Resume, AFailureIsCarriedOnWhereTheRunGoesOnBehindIt) {
  buildspec(
      "version: 0.2\nphases:\n  build:\n    commands: ['exit 3']\n    finally: ['echo one', 'echo "
      "$CODEBUILD_BUILD_SUCCEEDING']\n"
      "  post_build: {commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']}\n");
  EXPECT_EQ(run({}).exit, 1);
  const Ran resumed = run({"resume", "--from", "build.finally[1]"});
  EXPECT_EQ(resumed.exit, 1);
  EXPECT_EQ(ran(resumed.out), (Labels{"build.finally[1]", "post_build[0]"}));
  EXPECT_NE(resumed.out.find("\n0\n"), std::string::npos);
  EXPECT_NE(resumed.out.find("FAILED in BUILD, build[0] `exit 3`"), std::string::npos) << resumed.out;
  const Ran again = run({"resume", "--rerun-failed"});
  EXPECT_EQ(ran(again.out).front(), "build[0]");
}

TEST_F(Resume, WhatHasChangedRunsAgain) {
  buildspec("version: 0.2\nphases: {build: {commands: ['echo a', 'echo b', 'test -e ok']}}\n");
  EXPECT_EQ(run({}).exit, 1);
  test::put(source() / "ok", "");
  buildspec("version: 0.2\nphases: {build: {commands: ['echo a', 'echo changed', 'test -e ok']}}\n");
  const Ran resumed = run({"resume"});
  EXPECT_EQ(ran(resumed.out), (Labels{"build[1]", "build[2]"})) << resumed.err;
  EXPECT_NE(resumed.err.find("build[1] has changed since it ran, so it runs again"), std::string::npos)
      << resumed.err;
  const Ran from = run({"resume", runs().front().id, "--from", "build[2]"});
  EXPECT_EQ(ran(from.out), Labels{"build[2]"});
  EXPECT_NE(from.err.find("build[1] has changed since it ran; what it did is kept"), std::string::npos)
      << from.err;
  buildspec("version: 0.1\nphases: {build: {commands: ['echo a', 'echo b', 'test -e ok']}}\n");
  const Ran refused = run({"resume", runs().front().id});
  EXPECT_EQ(refused.exit, 2);
  EXPECT_NE(refused.err.find("another version"), std::string::npos) << refused.err;
}

TEST_F(Resume, NoSecretIsKeptAndEachIsAskedForAgain) {
  buildspec(
      "version: 0.2\nenv: {exported-variables: [N]}\nphases:\n  build:\n    commands:\n      - "
      "URL=https://me:$TOKEN@host\n"
      "      - test -e ok\n      - N=${#TOKEN}-${#URL}\n      - B=$(printf %s \"$TOKEN\" | base64)\n      - "
      "exit 1\n");
  more_["TOKEN"] = "it's$\"a`secret\\";
  EXPECT_EQ(run({"--secret", "TOKEN"}).exit, 1);
  EXPECT_EQ(states_of_last().find("secret\\"), std::string::npos);
  EXPECT_EQ(states_of_last().find("it's$"), std::string::npos);
  test::put(source() / "ok", "");
  more_.clear();
  Ran resumed = run({"resume"});
  EXPECT_EQ(resumed.exit, 2);
  EXPECT_NE(resumed.err.find("--secret TOKEN: the environment has no TOKEN"), std::string::npos)
      << resumed.err;
  more_["TOKEN"] = "another";
  resumed = run({"resume"});
  EXPECT_NE(resumed.out.find("  N=7-23\n"), std::string::npos) << resumed.out << resumed.err;
  EXPECT_NE(resumed.err.find("what build[3] has left holds a secret"), std::string::npos) << resumed.err;
  resumed = run({"resume"});
  EXPECT_EQ(resumed.exit, 2);
  EXPECT_NE(
      resumed.err.find("the state behind build[3] is not kept, as it would hold a secret; --from build[3]"),
      std::string::npos)
      << resumed.err;
}

// docs/resume.md, "Secrets": what a command exports is needed by the next one, so it is kept, for nobody else to read.
TEST_F(Resume, WhatCommandsExportIsKeptForTheUserAlone) {
  buildspec(
      "version: 0.2\nphases:\n  build:\n    commands:\n      - export "
      "AWS_SECRET_ACCESS_KEY=made-by-a-command\n"
      "      - test -e ok\n      - echo \"${#AWS_SECRET_ACCESS_KEY}\"\n");
  std::filesystem::create_directories(state().parent_path());
  EXPECT_EQ(run({}).exit, 1);
  const RunSketch first = runs().back();
  EXPECT_NE(states_of_last().find("made-by-a-command"), std::string::npos);
  const auto mode_of = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions()) & 07777;
  };
  EXPECT_EQ(mode_of(first.directory / "states"), 0600u);
  for (std::filesystem::path at = first.directory; at != state().parent_path(); at = at.parent_path())
    EXPECT_EQ(mode_of(at), 0700u) << at;
  test::put(source() / "ok", "");
  const Ran resumed = run({"resume", "--format", "plain"});
  EXPECT_EQ(resumed.exit, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("\n17\n"), std::string::npos) << resumed.out;
  EXPECT_EQ(run({"--no-keep-state"}).exit, 0);
  EXPECT_EQ(run({"prune", "--all"}).exit, 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(test::contents(entry.path()).find("made-by-a-command"), std::string::npos) << entry.path();
  }
  EXPECT_FALSE(std::filesystem::exists(first.directory));
}

TEST_F(Resume, ARunIsNotGoneOnWithWhereNoStateIsKept) {
  buildspec("version: 0.2\nphases: {build: {commands: ['exit 1']}}\n");
  EXPECT_EQ(run({"--no-keep-state"}).exit, 1);
  EXPECT_FALSE(std::filesystem::exists(runs().back().directory / "states"));
  EXPECT_NE(run({"resume", runs().back().id}).err.find("has no states to go on from"), std::string::npos);
}

TEST_F(Resume, ACopyStaysUntilItsRunHasSucceeded) {
  buildspec("version: 0.2\nphases: {build: {commands: ['echo made > made', 'test -e ok', 'cat made']}}\n");
  EXPECT_EQ(run({"--workspace", "copy"}).exit, 1);
  EXPECT_FALSE(std::filesystem::exists(source() / "made"));
  const std::filesystem::path workspaces = state() / "workspaces";
  ASSERT_FALSE(std::filesystem::is_empty(workspaces));
  const Result<KeptStates> kept = read_states(runs().back().directory);
  ASSERT_TRUE(kept && kept->build);
  EXPECT_EQ(run({"resume"}).exit, 1);
  test::put(std::filesystem::path(kept->build->source_dir) / "ok", "");
  const Ran resumed = run({"resume"});
  EXPECT_EQ(resumed.exit, 0) << resumed.err;
  EXPECT_NE(resumed.out.find("\nmade\n"), std::string::npos) << resumed.out;
  EXPECT_TRUE(std::filesystem::is_empty(workspaces)) << "it has succeeded";
  const Ran gone = run({"resume", runs().front().id});
  EXPECT_EQ(gone.exit, 3);
  EXPECT_NE(gone.err.find("is not there any more"), std::string::npos) << gone.err;

  EXPECT_EQ(run({"--workspace", "copy"}).exit, 1);
  EXPECT_FALSE(std::filesystem::is_empty(workspaces));
  EXPECT_NE(run({"prune", "--all"}).out.find("removed 1 copy of the source\n"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(workspaces)) << "it goes with its run";
}

TEST_F(Resume, ACopyOutlivesAKill) {
  buildspec(
      "version: 0.2\nphases: {build: {commands: ['echo made > made', 'test -e ok || sleep 30', 'cat "
      "made']}}\n");
  {
    RunningProgram program(start({"--workspace", "copy"}));
    ASSERT_TRUE(test::eventually(
        [&] { return test::contents(home_ / "out").find("build[1]") != std::string::npos; }));
    program.send(SIGKILL);
    program.wait();
  }
  const std::optional<KeptStates> kept = last_states();
  ASSERT_TRUE(kept && kept->build);
  const std::filesystem::path copy = kept->build->source_dir;
  buildspec("version: 0.2\nphases: {build: {commands: ['exit 1']}}\n");
  const std::string id = runs().back().id;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run({"--workspace", "copy"}).exit, 1);
  buildspec(
      "version: 0.2\nphases: {build: {commands: ['echo made > made', 'test -e ok || sleep 30', 'cat "
      "made']}}\n");
  test::put(copy / "ok", "");
  const Ran resumed = run({"resume", id});
  EXPECT_EQ(resumed.exit, 0) << resumed.err;
  EXPECT_EQ(ran(resumed.out), (Labels{"build[1]", "build[2]"}));
  EXPECT_FALSE(std::filesystem::exists(copy));
}

TEST_F(Resume, GoesOnAtTheCommandThatWasStopped) {
  buildspec("version: 0.2\nphases: {build: {commands: ['A=1', 'test -e ok || sleep 30', 'echo $A']}}\n");
  RunningProgram program(start({}));
  ASSERT_TRUE(
      test::eventually([&] { return test::contents(home_ / "out").find("build[1]") != std::string::npos; }));
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
  test::put(source() / "ok", "");
  const Ran resumed = run({"resume"});
  EXPECT_EQ(resumed.exit, 0) << resumed.err;
  EXPECT_EQ(ran(resumed.out), (Labels{"build[1]", "build[2]"}));
}

TEST_F(Resume, StepsGoOnWithWhatTheStepsBeforeHaveLeft) {
  test::put(source() / "local/action.yml",
            "name: l\nruns:\n  using: composite\n  steps:\n    - uses: ./inner\n      id: in\n    - run: "
            "echo one=${{ "
            "steps.in.outputs.x }} >> $GITHUB_OUTPUT\n      shell: bash\n      id: o\noutputs:\n  one: "
            "{value: '${{ "
            "steps.o.outputs.one }}'}\n");
  test::put(source() / "inner/action.yml", "name: i\nruns: {using: node20, main: main.sh, post: post.sh}\n");
  test::put(source() / "inner/main.sh",
            "echo x=deep >> \"$GITHUB_OUTPUT\"; echo s=kept >> \"$GITHUB_STATE\"\n");
  test::put(source() / "inner/post.sh", "echo cleaning up $STATE_s\n");
  test::put(source() / "node",
            "#!/bin/bash\ncase $1 in --version) echo v20.9.0;; *) exec sh \"$@\";; esac\n");
  std::filesystem::permissions(source() / "node", std::filesystem::perms(0755));
  buildspec(
      "version: 0.2\nenv: {exported-variables: [E, AFTER]}\nphases:\n  build:\n    steps:\n"
      "      - {id: first, run: 'echo out=42 >> $GITHUB_OUTPUT; echo E=env >> $GITHUB_ENV; echo /added >> "
      "$GITHUB_PATH'}\n"
      "      - {id: second, uses: ./local}\n"
      "      - {run: 'test -e ok'}\n"
      "      - run: echo ${{ steps.first.outputs.out }} ${{ steps.second.outputs.one }} $E ${PATH%%:*} ${{ "
      "job.status }}\n"
      "    finally: ['AFTER=$E']\n");
  EXPECT_EQ(run({"--node", (source() / "node").native()}).exit, 1);
  test::put(source() / "ok", "");
  const Ran resumed = run({"resume"});
  EXPECT_EQ(resumed.exit, 0) << resumed.out << resumed.err;
  EXPECT_NE(resumed.out.find("\n42 deep env /added success\n"), std::string::npos) << resumed.out;
  EXPECT_NE(resumed.out.find("\ncleaning up kept\n"), std::string::npos) << resumed.out;
  EXPECT_NE(resumed.out.find("  AFTER=env\n"), std::string::npos) << resumed.out;
  EXPECT_EQ(resumed.out.find("out=42"), std::string::npos) << "the first step does not run again";
  EXPECT_NE(resumed.err.find("behind build[1]"), std::string::npos) << resumed.err;
  const Ran from = run({"resume", "--from", "build[1]"});
  EXPECT_EQ(from.exit, 0) << from.err;
  EXPECT_NE(from.out.find("\n42 deep env /added success\n"), std::string::npos) << from.out;
}

TEST_F(Resume, AShellHasTheStateOfACommand) {
  buildspec(
      "version: 0.2\nphases:\n  build:\n    commands:\n      - A=\"one $TOKEN\"; mkdir -p sub; cd sub\n      "
      "- A=two; exit 3\n");
  more_["TOKEN"] = "s3cret";
  EXPECT_EQ(run({"--secret", "TOKEN"}).exit, 1);
  const Ran refused = run({"shell"});
  EXPECT_EQ(refused.exit, 3);
  EXPECT_NE(refused.err.find("no shell can be opened: "), std::string::npos) << refused.err;
  const auto session = [&](std::vector<std::string> arguments, const std::string& name) {
    test::Start how = start(std::move(arguments));
    how.on_terminal = true;
    RunningProgram program(how);
    EXPECT_TRUE(test::eventually([&] {
      return program.screen().find("(" + name + ")") != std::string::npos;
    })) << program.screen();
    program.type("echo =$A= $PWD $CODEBUILD_BUILD_SUCCEEDING; exit\n");
    EXPECT_EQ(program.wait(), 0) << program.screen();
    return program.screen();
  };
  std::string screen = session({"shell"}, "build[1]");
  EXPECT_NE(screen.find("=one s3cret= " + (source() / "sub").native() + " 1"), std::string::npos) << screen;
  screen = session({"shell", "--at", "build"}, "build[0]");
  EXPECT_NE(screen.find("== " + source().native() + " 1"), std::string::npos) << screen;
  EXPECT_TRUE(std::filesystem::is_empty(home_ / "tmp"));
  buildspec(
      "version: 0.2\nphases: {build: {steps: [{run: 'echo E=env >> $GITHUB_ENV'}, {run: 'exit 1'}]}}\n");
  EXPECT_EQ(run({}).exit, 1);
  test::Start how = start({"shell"});
  how.on_terminal = true;
  RunningProgram program(how);
  ASSERT_TRUE(test::eventually([&] { return program.screen().find("(build[1])") != std::string::npos; }))
      << program.screen();
  program.type("echo =$E=; exit\n");
  EXPECT_EQ(program.wait(), 0);
  EXPECT_NE(program.screen().find("=env="), std::string::npos) << program.screen();
}

// 200 commands, each of which needs what the one before it left: a variable, and a file.
std::string chain() {
  std::string text =
      "version: 0.2\nenv: {exported-variables: [X, LAST]}\nphases:\n  install:\n    commands: ['X=1; mkdir "
      "-p f']\n  build:\n"
      "    commands:\n";
  for (int i = 1; i <= 199; ++i)
    text += "      - echo " + std::to_string(i) + " >> trace; X=$(( (X * 31 + " + std::to_string(i) +
            ") % 1000003 )); LAST=" + std::to_string(i) + "; echo $X > f/" + std::to_string(i) + "\n";
  return text;
}

std::string all_files(const std::filesystem::path& directory) {
  std::string all;
  for (int i = 1; i <= 199; ++i) all += test::contents(directory / std::to_string(i));
  return all;
}

int last_number(const std::string& trace) {
  if (trace.size() < 2) return 0;
  const std::size_t before = trace.rfind('\n', trace.size() - 2);
  return std::stoi(trace.substr(before == std::string::npos ? 0 : before + 1));
}

TEST_F(Resume, GoesOnAfterFiftyKillsAsIfNothingHadBeen) {
  buildspec(chain());
  ASSERT_EQ(run({"--export-file", (home_ / "undisturbed").native()}).exit, 0);
  const std::string files = all_files(source() / "f");
  std::filesystem::remove_all(source() / "f");
  std::filesystem::remove(source() / "trace");
  std::filesystem::remove_all(state());

  std::mt19937 random(20261128);
  const auto trace = [&] { return test::contents(source() / "trace"); };
  for (int kill = 0; kill < 50; ++kill) {
    SCOPED_TRACE("kill " + std::to_string(kill));
    const std::string before = trace();
    int finished = 0;  // the last command that had ended
    if (kill > 0) {
      const std::optional<KeptStates> kept = last_states();
      if (kept && !kept->states.empty() && kept->states.back().label.starts_with("build["))
        finished = std::stoi(kept->states.back().label.substr(6)) + 1;
      // What the kill broke off may have done its part, and is done again.
      ASSERT_GE(last_number(before), finished);
      ASSERT_LE(last_number(before), finished + 1);
    }
    const bool is_begun = last_states().has_value();
    RunningProgram program(
        start(is_begun ? std::vector<std::string>{"resume"}
                       : std::vector<std::string>{"--export-file", (home_ / "disturbed").native()}));
    const std::size_t lines = random() % 6;
    const auto pause = std::chrono::microseconds(random() % (lines == 0 ? 20000 : 2000));
    const auto grown = [&] {
      const std::string now = trace();
      return static_cast<std::size_t>(std::count(now.begin() + static_cast<std::ptrdiff_t>(before.size()),
                                                 now.end(), '\n')) >= lines;
    };
    ASSERT_TRUE(test::eventually(grown)) << test::contents(home_ / "err");
    std::this_thread::sleep_for(pause);
    program.send(SIGKILL);
    program.wait();
    // The supervisor ends the command in its own time.
    const std::string after = trace();
    if (after.size() > before.size() && is_begun) {
      const int first = std::stoi(after.substr(before.size()));
      EXPECT_EQ(first, finished + 1) << "it goes on behind the last command that had ended";
    }
  }
  const Ran end = run({"resume"});
  ASSERT_EQ(end.exit, 0) << end.err;
  EXPECT_EQ(all_files(source() / "f"), files);
  EXPECT_EQ(test::contents(home_ / "disturbed"), test::contents(home_ / "undisturbed"));
  // Each command once, but for those that were broken off.
  std::istringstream lines(trace());
  int last = 0, count = 0;
  for (int number = 0; lines >> number; last = number, ++count)
    EXPECT_TRUE(number == last + 1 || number == last) << number;
  EXPECT_EQ(last, 199);
  EXPECT_LE(count, 199 + 50);
  // What a kill left at a bad moment is removed by the supervisors, a second later for the last time, or by the next run.
  buildspec("version: 0.2\nphases: {}\n");
  EXPECT_TRUE(test::eventually([&] { return run({}).exit == 0 && std::filesystem::is_empty(home_ / "tmp"); },
                               std::chrono::seconds(10)))
      << "nothing stays";
}

}  // namespace
}  // namespace buildspec_run
