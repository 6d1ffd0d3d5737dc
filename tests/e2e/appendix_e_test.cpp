// The conformance test ideas of buildspec.md, Appendix E, each by its number. What nothing executes yet is
// held to say so.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/run_build.h"

namespace buildspec_run {
namespace {

using test::BuildToRun;

class AppendixE : public testing::Test, protected BuildToRun {
 protected:
  /// A buildspec with one phase `build` of these commands (each a line of YAML behind its `- `).
  static std::string build_of(std::initializer_list<std::string> commands, const std::string& top = "") {
    std::string text = "version: 0.2\n" + top + "phases:\n  build:\n    commands:\n";
    for (const std::string& command : commands) text += "      - " + command + "\n";
    return text;
  }
  /// The context of DOWNLOAD_SOURCE, where every mistake in a file shows.
  [[nodiscard]] std::string source_context() const {
    const PhaseFinished* phase = seen.find_phase("DOWNLOAD_SOURCE");
    return phase == nullptr ? "" : phase->code + ": " + phase->message;
  }
  void directory(const std::string& name) { std::filesystem::create_directories(source() / name); }
};

TEST_F(AppendixE, E01DirectoryReachesTheNextCommandAndPhase) {
  directory("sub");
  EXPECT_EQ(
      run("version: 0.2\nphases:\n  build: {commands: [cd sub, pwd]}\n  post_build: {commands: [pwd]}\n"),
      Outcome::succeeded);
  EXPECT_EQ(seen.output, (source() / "sub").native() + "\n" + (source() / "sub").native() + "\n");
}

TEST_F(AppendixE, E02AssignmentsAreExported) {
  EXPECT_EQ(run(build_of({"X=1", "sh -c 'echo $X'"})), Outcome::succeeded);
  EXPECT_EQ(seen.output, "1\n");
}

TEST_F(AppendixE, E03FunctionsAreLost) {
  EXPECT_EQ(run(build_of({"'f() { echo f; }'", "f"})), Outcome::failed);
  EXPECT_EQ(seen.phases.at(3).message, "Error while executing command: f. Reason: exit status 127");
}

TEST_F(AppendixE, E04AFailingLineInABlockIsNoFailure) {
  EXPECT_EQ(run(build_of({"|\n        false\n        true"})), Outcome::succeeded);
}

TEST_F(AppendixE, E05OptionsAreLost) {
  EXPECT_EQ(run(build_of({"set -e", "false; true"})), Outcome::succeeded);
}

TEST_F(AppendixE, E06DiagnosticsNameLineFour) {
  EXPECT_EQ(run(build_of({"no-such-command-here"})), Outcome::failed);
  EXPECT_NE(seen.output.find("4: no-such-command-here"), std::string::npos) << seen.output;
}

// UPLOAD_ARTIFACTS: entered when something is uploaded, which nothing does yet.
TEST_F(AppendixE, E07AFailedBuildStillEntersPostBuild) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  build: {commands: [\"false\"]}\n  post_build: {commands: [echo "
                "$CODEBUILD_BUILD_SUCCEEDING]}\n"),
            Outcome::failed);
  EXPECT_EQ(seen.output, "0\n");
  EXPECT_EQ(seen.phase_line(),
            "DOWNLOAD_SOURCE SUCCEEDED, INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD FAILED, POST_BUILD "
            "SUCCEEDED");
}

TEST_F(AppendixE, E08AFailedPreBuildEndsTheBuild) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  pre_build: {commands: [\"false\"]}\n  build: {commands: [echo "
                "b]}\n  post_build: {commands: [echo o]}\n"),
            Outcome::failed);
  EXPECT_EQ(seen.output, "");
  EXPECT_EQ(seen.phase_line(), "DOWNLOAD_SOURCE SUCCEEDED, INSTALL SUCCEEDED, PRE_BUILD FAILED");
}

TEST_F(AppendixE, E09FinallyRunsAfterAFailure) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  build:\n    commands: [exit 3, echo two, echo three]\n    finally: "
                "[echo cleaned]\n"),
            Outcome::failed);
  EXPECT_EQ(seen.output, "cleaned\n");
  EXPECT_EQ(seen.find_phase("BUILD")->message,
            "Error while executing command: exit 3. Reason: exit status 3");
}

TEST_F(AppendixE, E10ARuntimeVersionKeepsItsText) {
  request.host_environment["PATH"] = (files / "bin").native() + ":/usr/bin:/bin";
  test::put(files / "bin/python3", "#!/bin/sh\necho Python 3.1.5\n");
  std::filesystem::permissions(files / "bin/python3", std::filesystem::perms(0755));
  EXPECT_EQ(run("version: 0.2\nphases:\n  install:\n    runtime-versions:\n      python: 3.10\n  build: "
                "{commands: [\"true\"]}\n"),
            Outcome::succeeded);
  ASSERT_TRUE(seen.has("runtime-version"));
  EXPECT_EQ(seen.diagnosed.at(0).message, "runtime python is wanted in version 3.10, and PATH has 3.1.5");
}

TEST_F(AppendixE, E11AMappingIsNoCommand) {
  EXPECT_EQ(run(build_of({"echo a: b"})), Outcome::invalid);
  EXPECT_TRUE(source_context().starts_with("YAML_FILE_ERROR: Expected Commands[0] to be of string type"))
      << source_context();
  EXPECT_EQ(seen.phase_line(), "DOWNLOAD_SOURCE FAILED");
}

// 12 to 16, 34, 35: artifacts; 20: the cache. The build runs, and says what is left out, and where the cloud would fail.
TEST_F(AppendixE, E12To16And34And35ArtifactsAreNotCollectedYet) {
  EXPECT_EQ(run(build_of({"true"}) + "artifacts:\n  files: [missing.txt, 'none/*']\n  name: x-$(date +%Y)\n"),
            Outcome::succeeded);
  EXPECT_TRUE(seen.has("not-supported-artifacts"));
  EXPECT_TRUE(seen.has("artifacts-not-found"));
}

TEST_F(AppendixE, E20TheCacheIsNotKeptYet) {
  EXPECT_EQ(run(build_of({"true"}) + "cache:\n  key: k\n  paths: ['x/**/*']\n"), Outcome::succeeded);
  EXPECT_TRUE(seen.has("not-supported-cache"));
}

TEST_F(AppendixE, E17AStartOverrideWins) {
  const std::string text = build_of({"echo $A $B $C"}, "env: {variables: {A: file, B: file, C: file}}\n");
  request.project_variables = {{"B", "project"}, {"C", "project"}};
  request.override_variables = {{"C", "override"}};
  EXPECT_EQ(run(text), Outcome::succeeded);
  EXPECT_EQ(seen.output, "file project override\n");
}

TEST_F(AppendixE, E18VariablesAreLiteral) {
  EXPECT_EQ(run(build_of({"echo \"$PATH\"", "ls"}, "env: {variables: {PATH: '$PATH:/x'}}\n")),
            Outcome::failed);
  EXPECT_EQ(seen.output.substr(0, 9), "$PATH:/x\n");
  EXPECT_EQ(seen.tasks.at(1).exit.code, 127);
}

TEST_F(AppendixE, E19AnArnIsKeptWhole) {
  const std::string arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
  request.secret_lookup = {{arn, R"({"password": "correct-horse", "port": 5432})"}};
  EXPECT_EQ(
      run(build_of({"test \"$P\" = correct-horse && echo \"$P $N\""},
                   "env:\n  secrets-manager:\n    P: " + arn + ":password\n    N: '" + arn + ":port::'\n")),
      Outcome::succeeded);
  EXPECT_EQ(seen.output, "*** ***\n");
}

// 21, 22: batch builds; 24: their shards. An ordinary build does not look at `batch`.
TEST_F(AppendixE, E21And22And24AnOrdinaryBuildIgnoresBatch) {
  EXPECT_EQ(
      run(build_of({"echo one"},
                   "batch:\n  build-matrix:\n    dynamic:\n      env:\n        variables: {A: [a, b]}\n")),
      Outcome::succeeded);
  EXPECT_EQ(seen.output, "one\n");
  EXPECT_TRUE(seen.has("ignored-batch"));
}

TEST_F(AppendixE, E23CommandsAndStepsExcludeEachOther) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  build:\n    commands: [\"true\"]\n    steps: [{run: 'true'}]\n"),
            Outcome::invalid);
  EXPECT_TRUE(seen.has("commands-and-steps"));
  EXPECT_TRUE(source_context().starts_with("YAML_FILE_ERROR: ")) << source_context();
}

TEST_F(AppendixE, E25ExitZeroLosesTheState) {
  directory("sub");
  EXPECT_EQ(run(build_of({"|\n        cd sub\n        exit 0\n        echo never", "pwd"})),
            Outcome::succeeded);
  EXPECT_EQ(seen.output, source().native() + "\n");
}

TEST_F(AppendixE, E26UnknownPhasesAreRefused) {
  for (const std::string name : {"deploy", "artifacts"}) {
    EXPECT_EQ(run("version: 0.2\nphases:\n  build: {commands: [\"true\"]}\n  " + name +
                  ": {commands: [\"true\"]}\n"),
              Outcome::invalid);
    EXPECT_EQ(source_context(), "YAML_FILE_ERROR: Invalid buildspec phase name: " + name +
                                    ". Expecting: build,install,post_build,pre_build");
  }
}

TEST_F(AppendixE, E27UnknownKeysAreIgnoredWithAWarning) {
  EXPECT_EQ(run("version: 0.2\nenv:\n  compute-type: x\nphases:\n  build:\n    env: {variables: {A: set}}\n  "
                "  commands: ['echo [$A]']\n"
                "artifacts:\n  type: zip\n  files: [x]\n"),
            Outcome::succeeded);
  EXPECT_EQ(seen.output, "[]\n");
  EXPECT_EQ(std::count_if(
                seen.diagnosed.begin(), seen.diagnosed.end(),
                [](const Diagnosed& each) { return each.id == "unknown-key" && each.severity == "warning"; }),
            3);
}

TEST_F(AppendixE, E28OtherVersionsAreRefused) {
  EXPECT_EQ(run("version: 1.0\nphases: {build: {commands: [\"true\"]}}\n"), Outcome::invalid);
  EXPECT_EQ(source_context(),
            "YAML_FILE_ERROR: invalid buildspec `version` specified: 1.0, see documentation");
}

TEST_F(AppendixE, E29TheCloudsLinesOfACommandThatIsNone) {
  EXPECT_EQ(run("version: 0.2\n\nphases:\n  build:\n    commands:\n      - echo \"Hello: world\"\n"),
            Outcome::invalid);
  EXPECT_EQ(source_context(),
            "YAML_FILE_ERROR: Expected Commands[0] to be of string type: found subkeys instead at line 6, "
            "value of the key tag on line "
            "5 might be empty");
}

TEST_F(AppendixE, E30ATabIsRefusedAtAZeroBasedLine) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  build:\n\tcommands: [\"true\"]\n"), Outcome::invalid);
  EXPECT_EQ(source_context(), "YAML_FILE_ERROR: found character that cannot start any token at line 3");
}

TEST_F(AppendixE, E31EmptyListsAndEntriesAreFine) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  pre_build:\n    commands:\n  build:\n    commands:\n      - # "
                "note\n      - echo on\n"),
            Outcome::succeeded);
  EXPECT_EQ(seen.output, "on\n");
}

// The key is one that no bash takes as arithmetic: since 5.2 the "k" of the idea is accepted.
TEST_F(AppendixE, E32ArraysAreLost) {
  EXPECT_EQ(run(build_of({"declare -A p", "'p[\"7.4\"]=k'"}, "env: {shell: bash}\n")), Outcome::failed);
  EXPECT_EQ(seen.tasks.at(0).exit.code, 0);
  EXPECT_EQ(seen.tasks.at(1).exit.code, 1);
}

TEST_F(AppendixE, E33AContinuationTakesTheStatusOfTheEntryBefore) {
  for (const std::string top : {"", "env: {shell: bash}\n"})
    EXPECT_EQ(run(build_of({"true", "false \\"}, top)), Outcome::succeeded);
}

TEST_F(AppendixE, E36SetEOfAnotherEntryHasNoEffect) {
  EXPECT_EQ(run(build_of({"set -e", "|\n        false\n        true"})), Outcome::succeeded);
}

// What GITHUB_ENV says can be exported; more of steps is in steps_test.cpp.
TEST_F(AppendixE, E37StepsExportByGithubEnv) {
  EXPECT_EQ(run("version: 0.2\nenv: {exported-variables: [TEST_VARIABLE]}\nphases:\n  build:\n    steps:\n"
                "      - run: echo \"TEST_VARIABLE=test-value\" >> $GITHUB_ENV\n"),
            Outcome::succeeded);
  const std::vector<std::pair<std::string, std::string>> want = {{"TEST_VARIABLE", "test-value"}};
  EXPECT_EQ(exported, want);
}

TEST_F(AppendixE, E38UnsetReachesTheNextCommand) {
  EXPECT_EQ(run(build_of({"export V=1", "unset V", "test -z \"$V\""})), Outcome::succeeded);
}

}  // namespace
}  // namespace buildspec_run
