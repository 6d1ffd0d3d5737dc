// Steps and actions that mean harm: the runner neither hangs nor falls, nothing leaves its place, no secret is shown.
// Section numbers are those of actions.md.

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "tests/support/steps_fixture.h"

namespace buildspec_run {
namespace {

class HostileSteps : public test::StepsFixture {};

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
