// Steps and actions that mean harm: the runner neither hangs nor falls, nothing leaves its place, no secret is shown.
// Section numbers are those of actions.md.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runner/supervisor/process_table.h"
#include "tests/support/action_server.h"
#include "tests/support/running_program.h"
#include "tests/support/steps_fixture.h"
#include "tests/support/tar.h"

namespace buildspec_run {
namespace {

namespace fs = std::filesystem;
using test::kNode;

class HostileSteps : public test::StepsFixture {
 protected:
  /// The process whose number is in the file, as soon as it has ended.
  bool is_gone(const std::string& file) const {
    const int pid = std::stoi(test::contents(source() / file));
    return test::eventually([&] {
      const std::string stat = test::contents("/proc/" + std::to_string(pid) + "/stat");
      const auto process = parse_process_stat(stat);
      return !process || !process->alive;
    });
  }
};

/// Actions that come from a server on loopback.
class HostileActions : public HostileSteps {
 protected:
  HostileActions() {
    const std::map<std::string, std::string> environment = {{"http_proxy", server.proxy()},
                                                            {"_GITHUB_ACTION_DOWNLOAD_NO_BACKOFF", "1"}};
    request.actions = action_store_options(environment);
    request.actions.github_url = test::ActionServer::github_url();
    request.actions.cache = (files / "cache").native();
  }
  /// What is in the cache, and beside the places that a build may write to.
  std::string strays() const {
    std::string names;
    for (const auto& entry : fs::recursive_directory_iterator(files.path()))
      if (entry.path().filename().native().find("evil") != std::string::npos)
        names += entry.path().native() + "\n";
    return names;
  }

  test::ActionServer server;
};

// 1.1: nobody is asked for a reference that would lead elsewhere.
TEST_F(HostileActions, RefsThatLeadElsewhere) {
  for (const std::string uses :
       {"o/r@../../../evil", "o/r@v1/../../evil", "../r@v1", "o/..@v1", "o/r@v1?evil", "o/r@-evil",
        "o/r@evil..v1", "o/r@evil~1", "o/r@refs/heads/evil.lock"}) {
    SCOPED_TRACE(uses);
    EXPECT_NE(steps("- uses: '" + uses + "'\n- run: echo ran\n"), Outcome::succeeded);
    EXPECT_EQ(seen.output.find("ran\n"), std::string::npos) << seen.output;
  }
  EXPECT_EQ(server.requests(), std::vector<std::string>());
  EXPECT_EQ(strays(), "");
}

// 1.6: no entry of an archive leaves its root, and nothing of one that tries is kept.
TEST_F(HostileActions, ArchivesThatLeadElsewhere) {
  server.add("o/r", "runs: {using: node20, main: main.sh}\n", "v1");
  const std::string good = test::tar_entry("top/action.yml", '0', "runs: {using: node20, main: evil.sh}\n") +
                           test::tar_entry("top/evil.sh", '0', "echo ran\n");
  const std::string evil[] = {
      test::tar_entry("../evil", '0', "x"),
      test::tar_entry("/tmp/evil-of-a-test", '0', "x"),
      test::tar_entry("top/../../evil", '0', "x"),
      test::tar_entry("top/l", '2', "", files.path().native()) + test::tar_entry("top/l/evil", '0', "x"),
      test::tar_entry("top/l", '2', "", "../../../..") + test::tar_entry("top/l/evil", '0', "x"),
      test::tar_entry("top/evil", '1', "", "/etc/passwd"),
      test::tar_entry("top/evil", '6'),
      test::tar_entry("evil/evil", '0', "a second directory"),
  };
  for (const std::string& entries : evil) {
    SCOPED_TRACE(entries.substr(0, 90));
    server.answer_next("codeload", {200, {}, good + entries + test::tar_end()});
    EXPECT_NE(steps("- uses: o/r@v1\n- run: echo ran\n"), Outcome::succeeded);
    EXPECT_EQ(seen.output.find("\nran\n"), std::string::npos) << seen.output;
    EXPECT_EQ(strays(), "");
    EXPECT_FALSE(fs::exists("/tmp/evil-of-a-test"));
  }
  // It was not for the rest of the archive.
  server.answer_next("codeload", {200, {}, good + test::tar_end()});
  EXPECT_EQ(steps("- uses: o/r@v1\n"), Outcome::succeeded);
  EXPECT_NE(said().find("\nran\n"), std::string::npos) << said();
}

// 1.7, 2.4: an action's files are in its repository, links included.
TEST_F(HostileActions, FilesThatLieElsewhere) {
  test::put(files / "outside/main.sh", "echo ran\n");
  test::put(files / "outside/action.yml", "runs: {using: node20, main: main.sh}\n");
  const std::string outside = (files / "outside").native();
  for (const std::string& metadata :
       {std::string("runs: {using: node20, main: ../../../../../../../..") + outside + "/main.sh}\n",
        "runs: {using: node20, main: " + outside + "/main.sh}\n",
        std::string("runs: {using: docker, image: ../../Dockerfile}\n")}) {
    SCOPED_TRACE(metadata);
    action(remote("o/r"), metadata);
    EXPECT_NE(steps("- uses: o/r@v1\n"), Outcome::succeeded);
    EXPECT_EQ(seen.output.find("\nran\n"), std::string::npos) << seen.output;
  }
  action(remote("o/good"), std::string(kNode) + "}\n", {{"main.sh", "echo ran\n"}});
  EXPECT_EQ(steps("- uses: o/good@v1\n"), Outcome::succeeded);
  EXPECT_NE(steps("- uses: o/good/../../../outside@v1\n"), Outcome::succeeded);
  EXPECT_EQ(seen.output.find("\nran\n"), std::string::npos) << seen.output;
  // The metadata itself is a link that leads out.
  const std::string linked = remote("o/linked");
  fs::create_directories(linked);
  fs::create_symlink(outside + "/action.yml", linked + "/action.yml");
  EXPECT_NE(steps("- uses: o/linked@v1\n"), Outcome::succeeded);
  EXPECT_EQ(seen.output.find("\nran\n"), std::string::npos) << seen.output;
}

TEST_F(HostileSteps, PipesInPlaceOfFiles) {
  EXPECT_EQ(
      steps("- {run: 'rm $GITHUB_ENV $GITHUB_OUTPUT $GITHUB_PATH; mkfifo $GITHUB_ENV; mkdir $GITHUB_OUTPUT; "
            "ln -s /dev/zero $GITHUB_PATH', continue-on-error: true}\n"
            "- {run: 'rm -rf \"$RUNNER_TEMP\"', continue-on-error: true}\n"
            "- run: echo fine\n"
            "- run: 'rm $GITHUB_EVENT_PATH; mkdir $GITHUB_EVENT_PATH; : > $GITHUB_EVENT_PATH/x'\n"
            "- run: echo fine\n"),
      Outcome::succeeded);
  EXPECT_EQ(
      outcomes(),
      "build[0] failure/success, build[1] success, build[2] success, build[3] success, build[4] success");
}

TEST_F(HostileSteps, KillsItsGroup) {
  EXPECT_EQ(steps("- {run: 'kill -9 0', continue-on-error: true}\n- run: echo fine\n"), Outcome::succeeded);
  EXPECT_EQ(outcomes(), "build[0] failure/success, build[1] success");
}

// What a step leaves behind lives on in the job, and ends with the build, even one that has opted out.
// What started the step is killed as well: the build ends at once, and nothing of it is left.
TEST_F(HostileSteps, KillsItsParentsGroup) {
  EXPECT_EQ(
      steps("- run: (setsid sleep 300 > /dev/null 2>&1 & echo $! > left); sleep 300 & echo $! > child;\n"
            "    echo $$ > self; kill -9 -$(cut -d ' ' -f 5 /proc/$PPID/stat); sleep 300\n"
            "- {if: always(), run: echo not}\n"),
      Outcome::machine_error);
  EXPECT_NE(error.find("the supervisor has ended"), std::string::npos) << error;
  EXPECT_EQ(said().find("\nnot\n"), std::string::npos);
  for (const char* file : {"left", "child", "self"}) EXPECT_TRUE(is_gone(file)) << file;
}

TEST_F(HostileSteps, KillsTheOneThatStartedIt) {
  EXPECT_EQ(steps("- run: (setsid sleep 300 > /dev/null 2>&1 & echo $! > left); kill -9 $PPID; sleep 300\n"),
            Outcome::machine_error);
  EXPECT_TRUE(is_gone("left"));
}

TEST_F(HostileSteps, Orphans) {
  EXPECT_EQ(steps("- run: (setsid sleep 300 > /dev/null 2>&1 & echo $! > pid1); "
                  "(RUNNER_TRACKING_ID= setsid sh -c 'sleep 300 & echo $! > pid2; wait' > /dev/null 2>&1 &)\n"
                  "- run: while [ ! -s pid2 ]; do sleep 0.01; done; kill -0 $(cat pid1) && kill -0 $(cat "
                  "pid2) && echo alive\n"),
            Outcome::succeeded);
  EXPECT_EQ(said(), "alive\n");
  for (const char* name : {"pid1", "pid2"})
    EXPECT_NE(::kill(std::stoi(test::contents(source() / name)), 0), 0) << name;
}

TEST_F(HostileSteps, EnvironmentFile) {
  EXPECT_EQ(steps("- run: |\n"
                  "    printf 'PATH=/nowhere\\n' >> $GITHUB_ENV\n"
                  "    printf 'node_options=--require ./x\\n' >> $GITHUB_ENV\n"
                  "    printf 'BASH_FUNC_echo%%%%=() { :; }\\n' >> $GITHUB_ENV\n"
                  "    printf 'A<<E\\n%%s\\nE\\n' >> $GITHUB_ENV\n"
                  "    printf 'NUL=a\\0b\\nGITHUB_WORKSPACE=/x\\n' >> $GITHUB_ENV\n"
                  "- run: 'test \"$GITHUB_WORKSPACE\" = \"${{ github.workspace }}\"'\n"
                  "- run: printf '%s\\n' \"[$node_options] $NUL\"\n",
                  "", "  post_build:\n    commands: ['printf \"%s\\n\" \"$NUL\"']\n"),
            Outcome::succeeded);
  EXPECT_NE(said().find("[] a\n"), std::string::npos) << said();
}

// 5.2, 13.9: a value that holds the end of its own text says no more than its delimiter lets it; what is behind it, is what
// the step wrote. What has no end changes nothing.
TEST_F(HostileSteps, Heredocs) {
  EXPECT_EQ(steps("- id: a\n"
                  "  continue-on-error: true\n"
                  "  env: {TEXT: \"x\\nEOF\\nINJECTED=1\\nPATH=/nowhere\\ny<<EOF\"}\n"
                  "  run: |\n"
                  "    printf 'safe<<e89f\\n%s\\ne89f\\n' \"$TEXT\" >> $GITHUB_ENV\n"
                  "    printf 'none<<EOF\\nnever ends\\nEOF \\n eof\\n' >> $GITHUB_OUTPUT\n"
                  "- run: |\n"
                  "    printf '%s\\n' \"$safe\"\n"
                  "    echo \"[$INJECTED] [${{ steps.a.outputs.none }}] ${{ steps.a.outcome }}\"\n"
                  "- continue-on-error: true\n"
                  "  run: printf 'A<<\\nx\\n\\nB=1\\n' >> $GITHUB_ENV\n"
                  "- run: echo \"[$A] [$B]\"\n"),
            Outcome::succeeded);
  EXPECT_NE(said().find("x\nEOF\nINJECTED=1\nPATH=/nowhere\ny<<EOF\n[] [] failure\n"), std::string::npos)
      << said();
}

// 4.5, 5.3: what node would run before an action is set by no step, whichever way it tries.
TEST_F(HostileSteps, NodeOptions) {
  action(local("a"), std::string(kNode) + "}\n", {{"main.sh", "echo \"options [$NODE_OPTIONS] [$A]\"\n"}});
  EXPECT_EQ(
      steps("- {run: 'echo NODE_OPTIONS=--require=./x >> $GITHUB_ENV', continue-on-error: true}\n"
            "- {run: 'printf \"NODE_OPTIONS<<E\\n--require=./x\\nE\\n\" >> $GITHUB_ENV', continue-on-error: "
            "true}\n"
            "- {run: 'echo ::set-env name=NODE_OPTIONS::--require=./x', continue-on-error: true}\n"
            "- {run: 'echo ::set-env name=NODE_OPTIONS::--require=./x', continue-on-error: true, env: "
            "{ACTIONS_ALLOW_UNSECURE_COMMANDS: true}}\n"
            "- {run: 'echo \"text ::set-env name=A::1\"; echo \"::SET-ENV name=A::1\"', continue-on-error: "
            "true}\n"
            "- uses: ./a\n"),
      Outcome::succeeded);
  EXPECT_NE(said().find("options [] []\n"), std::string::npos) << said();
}

// 9.2: each way in which a secret may be written, in pieces as well, and wherever a step can say something.
TEST_F(HostileSteps, SecretsInAllEncodings) {
  const std::string secret = "pa\"ss'wo<r>d&9/+ x";
  request.secret_variables = {{"S", secret}};
  test::put(source() / "m.json",
            R"({"problemMatcher":[{"owner":"m","pattern":[{"regexp":"^bad: (.*)$","message":1}]}]})");
  test::put(
      source() / "print.sh",
      "p() { printf '%s\\n' \"$1\"; }\n"
      "p \"$S\"\n"
      "printf %s \"$S\" | base64\n"
      "printf %s \"${S#?}\" | base64\n"
      "printf %s \"${S#??}\" | base64\n"
      "p \"$S\" | sed 's/\"/\\\\\"/g'\n"
      "p \"$S\" | sed \"s/'/''/g\"\n"
      "p \"$S\" | sed \"s,\\\",%22,g; s,',%27,g; s,<,%3C,g; s,>,%3E,g; s,&,%26,g; s,/,%2F,g; s,[+],%2B,g; s, "
      ",%20,g\"\n"
      "p \"$S\" | sed \"s/&/\\&amp;/g; s/</\\&lt;/g; s/>/\\&gt;/g; s/\\\"/\\&quot;/g; s/'/\\&apos;/g\"\n"
      "p \"x${S}y\"\n"
      "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do printf %s \"$S\" | cut -c $i | tr -d "
      "'\\n'; sleep 0.01; done; echo\n"
      "p \"::error title=$S::$S\"\n"
      "p \"::group::$S\"\n"
      "p \"::debug::$S\"\n"
      "p \"::notice file=$S::n\"\n"
      "p \"bad: $S\"\n"
      "p \"$S\" >> \"$GITHUB_STEP_SUMMARY\"\n");
  request.steps.debug = true;
  EXPECT_EQ(steps("- run: echo ::add-matcher::m.json\n"
                  "- {name: 'with ${{ secrets.S }}', run: sh print.sh}\n"
                  "- {run: 'echo \"o=$S\" >> $GITHUB_OUTPUT; echo \"E=$S\" >> $GITHUB_ENV', id: o}\n"
                  "- {run: 'echo \"$O $E\"', env: {O: '${{ steps.o.outputs.o }}'}}\n"
                  "- {run: 'exit 3', name: '${{ env.E }}'}\n"),
            Outcome::failed);
  std::string all = seen.output + seen.finished.message + seen.finished.failed_text;
  for (const StepAnnotated& each : seen.annotations) all += each.message + each.title + each.file + "\n";
  for (const StepSummarized& each : seen.summaries) all += each.text + each.name;
  for (const TaskFinished& each : seen.tasks) all += each.text + each.step->name + "\n";
  for (const PhaseFinished& each : seen.phases) all += each.message;
  for (const char* part : {"ss'wo", "ss''wo", "r>d&9", "r&gt;d", "9/+ x", "r%3Ed", "cGEic3Mn", "YSJzcyd3",
                           "InNzJ3dv", "pa\"ss", "pa\\\"ss"})
    EXPECT_EQ(all.find(part), std::string::npos) << part << " in\n" << all;
  EXPECT_NE(all.find("x***y\n"), std::string::npos) << all;
}

// 5.1: a process that a step has left behind keeps its own files of commands.
TEST_F(HostileSteps, WriterThatStays) {
  EXPECT_EQ(
      steps("- run: |\n"
            "    (exec 8>> $GITHUB_ENV 9>> $GITHUB_OUTPUT > /dev/null 2>&1\n"
            "     while [ ! -e next ]; do sleep 0.01; done\n"
            "     echo LEFT=behind >&8; echo left=behind >&9; : > written; exec sleep 20) &\n"
            "    while [ ! -e /proc/$!/fd/9 ]; do sleep 0.01; done\n"
            "- id: next\n"
            "  run: ': > next; while [ ! -e written ]; do sleep 0.01; done; echo \"OWN=$(cat next)own\" >> "
            "$GITHUB_ENV'\n"
            "- run: echo \"$OWN [$LEFT] [${{ steps.next.outputs.left }}]\"\n"),
      Outcome::succeeded);
  EXPECT_EQ(said(), "own [] []\n");
}

// 6.1: the payload is there as it was, whatever a step makes of it.
TEST_F(HostileSteps, ThePayloadStaysWhatItIs) {
  request.steps.event_json = R"({"a": 1})";
  EXPECT_EQ(
      steps("- run: cat $GITHUB_EVENT_PATH; echo; echo more >> $GITHUB_EVENT_PATH\n"
            "- run: cat $GITHUB_EVENT_PATH; echo; rm $GITHUB_EVENT_PATH; ln -s /dev/null $GITHUB_EVENT_PATH\n"
            "- run: cat $GITHUB_EVENT_PATH; echo\n"),
      Outcome::succeeded);
  const std::string payload = "{\n  \"a\": 1\n}\n";
  EXPECT_EQ(said(), payload + payload + payload);
}

TEST_F(HostileSteps, Output) {
  EXPECT_EQ(steps("- run: head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; head -c 3000000 /dev/urandom\n"
                  "- run: echo fine\n"),
            Outcome::succeeded);
  EXPECT_TRUE(said().ends_with("fine\n"));
}

}  // namespace
}  // namespace buildspec_run
