// Whole builds through the library's face: real supervisor, real shells.

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "tests/support/run_build.h"
#include "tests/support/run_program.h"

namespace buildspec_run {
namespace {

using test::BuildToRun;

class RunBuild : public testing::Test, protected BuildToRun {};

TEST_F(RunBuild, GivesTheBuildTheAgentsVariables) {
  request.project = "demo";
  request.initiator = "me";
  EXPECT_EQ(run("version: 0.2\nphases:\n  build:\n    commands:\n      - env | grep ^CODEBUILD_ | sort\n     "
                " - echo $AWS_REGION $AWS_DEFAULT_REGION\n"),
            Outcome::succeeded);
  for (const std::string line :
       {"CODEBUILD_BUILD_NUMBER=1", "CODEBUILD_BUILD_SUCCEEDING=1", "CODEBUILD_CI=false",
        "CODEBUILD_INITIATOR=me", "CODEBUILD_LOCAL_BUILD=true", "CODEBUILD_KMS_KEY_ID=alias/aws/s3",
        "CODEBUILD_PROJECT_ARN=arn:aws:codebuild:us-east-1:000000000000:project/demo", "us-east-1 us-east-1"})
    EXPECT_NE(seen.output.find(line + "\n"), std::string::npos) << line << " in\n" << seen.output;
  EXPECT_NE(seen.output.find("CODEBUILD_SRC_DIR=" + source().native() + "\n"), std::string::npos);
  EXPECT_NE(seen.output.find("CODEBUILD_BUILD_ID=" + seen.builds.at(0).build_id + "\n"), std::string::npos);
  EXPECT_TRUE(seen.builds.at(0).build_id.starts_with("demo:"));
  EXPECT_EQ(seen.builds.at(0).build_id.size(), 5u + 36u);
  EXPECT_EQ(seen.started.repository_root, "");
}

TEST_F(RunBuild, GathersGitFacts) {
  const std::map<std::string, std::string> env = {
      {"PATH", "/usr/bin:/bin"},   {"HOME", "/nonexistent"},    {"GIT_AUTHOR_NAME", "a"},
      {"GIT_AUTHOR_EMAIL", "a@b"}, {"GIT_COMMITTER_NAME", "a"}, {"GIT_COMMITTER_EMAIL", "a@b"}};
  const auto git = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "git");
    const test::Ran ran = test::run_program(arguments, env, source());
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out;
  };
  git({"init", "-q", "-b", "topic"});
  git({"commit", "-q", "--allow-empty", "-m", "one"});
  git({"remote", "add", "origin", "https://example.com/owner/repo.git"});
  const std::string commit = git({"rev-parse", "HEAD"});
  EXPECT_EQ(
      run("version: 0.2\nphases:\n  build:\n    commands:\n      - echo $CODEBUILD_RESOLVED_SOURCE_VERSION\n"
          "      - echo $CODEBUILD_SOURCE_VERSION $CODEBUILD_SOURCE_REPO_URL\n"),
      Outcome::succeeded);
  EXPECT_EQ(seen.output, commit + "topic https://example.com/owner/repo.git\n");
  EXPECT_EQ(seen.started.repository_root, source().native());
}

TEST_F(RunBuild, ABrokenRepositoryFailsNoBuild) {
  test::put(source() / ".git/HEAD", "nonsense");
  EXPECT_EQ(run("version: 0.2\nphases: {build: {commands: ['echo [$CODEBUILD_RESOLVED_SOURCE_VERSION]']}}\n"),
            Outcome::succeeded);
  EXPECT_EQ(seen.output, "[]\n");
}

TEST_F(RunBuild, MasksASecretEverywhere) {
  request.secret_variables = {{"TOKEN", "hunter22"}};
  EXPECT_EQ(run("version: 0.2\nphases: {build: {commands: ['echo a $TOKEN b', 'printf \"hun\"; printf "
                "ter22', 'exit 1 # hunter22']}}\n"),
            Outcome::failed);
  EXPECT_EQ(seen.output, "a *** b\n***");
  EXPECT_EQ(seen.finished.failed_text, "exit 1 # ***");
  EXPECT_EQ(seen.finished.message.find("hunter22"), std::string::npos);
}

TEST_F(RunBuild, ABackgroundServerLivesAcrossCommandsAndDiesWithTheBuild) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  pre_build:\n    commands:\n      - sleep 300 & echo $! > pid\n"
                "  build:\n    commands:\n      - kill -0 $(cat pid)\n"),
            Outcome::succeeded);
  const pid_t pid = std::stoi(test::contents(source() / "pid"));
  EXPECT_NE(::kill(pid, 0), 0) << "it is gone";
}

TEST_F(RunBuild, ExportsTheLastValues) {
  EXPECT_EQ(run("version: 0.2\nenv:\n  variables: {GIVEN: g}\n  exported-variables: [A, B, NEVER, GIVEN, "
                "LOST, MANY]\nphases:\n  build:\n    commands:\n"
                "      - A=1; B='two words'\n      - A=3; MANY=\"a\n\n        b=c\"\n      - LOST=1; exit "
                "0\n  post_build:\n    commands:\n      - export A=4\n"),
            Outcome::succeeded);
  const std::vector<std::pair<std::string, std::string>> want = {
      {"A", "4"}, {"B", "two words"}, {"GIVEN", "g"}, {"MANY", "a\nb=c"}};
  EXPECT_EQ(exported, want);
}

TEST_F(RunBuild, TimesOutWithoutFinally) {
  request.command_timeout = std::chrono::milliseconds(200);
  request.sigint_grace = request.sigterm_grace = std::chrono::milliseconds(100);
  EXPECT_EQ(run("version: 0.2\nphases:\n  build:\n    commands: [sleep 300]\n    finally: [echo cleaned]\n  "
                "post_build: {commands: [echo post]}\n"),
            Outcome::failed);
  EXPECT_EQ(seen.output, "");
  EXPECT_EQ(seen.find_phase("BUILD")->code, "BUILD_TIMED_OUT");
  EXPECT_EQ(seen.finished.status, Status::timed_out);
}

TEST_F(RunBuild, RunsFinallyWhenItIsStopped) {
  request.sigint_grace = request.sigterm_grace = std::chrono::milliseconds(200);
  const std::filesystem::path ready = source() / "ready";
  std::jthread stopper([&] {
    while (!std::filesystem::exists(ready)) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_EQ(run("version: 0.2\nphases:\n  build:\n    commands: [': > ready; exec sleep 300']\n    finally: "
                "[echo cleaned $CODEBUILD_BUILD_SUCCEEDING]\n"
                "  post_build: {commands: [echo post]}\n"),
            Outcome::interrupted);
  EXPECT_EQ(seen.output, "cleaned 0\n");
  EXPECT_EQ(seen.find_phase("BUILD")->status, Status::stopped);
}

TEST_F(RunBuild, RunsVersionZeroOneInShellsThatShareNothing) {
  std::filesystem::create_directories(source() / "sub");
  EXPECT_EQ(run("version: 0.1\nenvironment_variables:\n  plaintext:\n    A: file\nphases:\n  build:\n    "
                "commands:\n      - cd sub; A=2\n"
                "      - basename \"$PWD\"; echo $A\n"),
            Outcome::succeeded);
  EXPECT_EQ(seen.output, "src\nfile\n");
}

TEST_F(RunBuild, NamesTheFlagWhenTheShellIsDash) {
  request.sh = "/bin/dash";
  EXPECT_EQ(run("version: 0.2\nphases: {build: {commands: ['[[ a == a ]]']}}\n"), Outcome::failed);
  EXPECT_NE(seen.tasks.at(0).hint.find("--sh bash"), std::string::npos) << seen.tasks.at(0).hint;
  request.sh = "bash";
  EXPECT_EQ(run("version: 0.2\nphases: {build: {commands: ['[[ a == a ]]']}}\n"), Outcome::succeeded);
}

TEST_F(RunBuild, FailsTheFirstCommandWithoutTheShellOfTheFile) {
  EXPECT_EQ(run("version: 0.2\nenv: {shell: no-such-shell}\nphases: {build: {commands: [echo a, echo b]}}\n"),
            Outcome::failed);
  EXPECT_EQ(seen.find_phase("BUILD")->message,
            "Error while executing command: echo a. Reason: exec: \"no-such-shell\": executable file not "
            "found in $PATH");
}

TEST_F(RunBuild, RunsAPhaseAsAnotherUserWithItsState) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  // The user has to get through to the scripts and to the source.
  for (const auto& path : {files.path(), files / "tmp", source()})
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  EXPECT_EQ(run("version: 0.2\nphases:\n  pre_build:\n    commands: [A=1]\n  build:\n    run-as: nobody\n    "
                "commands: [id -un, 'echo $A; A=2', 'echo $A']\n"
                "  post_build:\n    commands: [id -un, echo $A]\n"),
            Outcome::succeeded);
  EXPECT_EQ(seen.output, "nobody\n1\n2\nroot\n2\n");
  EXPECT_EQ(run("version: 0.2\nrun-as: no-such-user\nphases: {build: {commands: [id]}}\n"), Outcome::failed);
  EXPECT_EQ(seen.find_phase("BUILD")->message,
            "Error while executing command: id. Reason: user: unknown user no-such-user");
}

TEST_F(RunBuild, SaysWhatTheMachineCouldNot) {
  request.temporary_directory = (files / "not-there").native();
  EXPECT_EQ(run("version: 0.2\nphases: {build: {commands: [\"true\"]}}\n"), Outcome::machine_error);
  EXPECT_NE(error.find("not-there"), std::string::npos) << error;
  EXPECT_EQ(seen.finished.status, Status::fault);
}

TEST_F(RunBuild, RunsInADirectoryWithBlanksAndUtf8) {
  const std::filesystem::path odd = source() / "a b/h\xC3\xA4 'x'";
  std::filesystem::create_directories(odd);
  request.source_dir = odd.native();
  EXPECT_EQ(run("version: 0.2\nphases: {build: {commands: ['test \"$PWD\" = \"$CODEBUILD_SRC_DIR\"', touch "
                "made]}}\n"),
            Outcome::succeeded);
  EXPECT_TRUE(std::filesystem::exists(odd / "made"));
}

}  // namespace
}  // namespace buildspec_run
