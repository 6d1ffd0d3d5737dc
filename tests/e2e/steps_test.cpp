// Phases of steps, with real shells (steps_fixture.h); real nodes are in the transcripts. Section numbers are those of
// actions.md. What is done against the runner is in hostile_steps_test.cpp.

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "tests/support/steps_fixture.h"

namespace buildspec_run {
namespace {

using test::kNode;
namespace fs = std::filesystem;

class Steps : public test::StepsFixture {};

// 3.1, 13.5: the order of stages, and who gets a post.
TEST_F(Steps, S13_5_OrderOfStages) {
  for (const std::string name : {"A", "B", "C"}) {
    const std::string pre = name == "B" ? "" : ", pre: pre.sh";
    action(remote("o/" + name), std::string(kNode) + pre + ", post: post.sh}\n",
           {{"main.sh", "echo main " + name + "\n"},
            {"pre.sh", "echo pre " + name + "\n"},
            {"post.sh", "echo post " + name + "\n"}});
  }
  EXPECT_EQ(steps("- uses: o/A@v1\n- uses: o/B@v1\n- run: exit 1\n- uses: o/C@v1\n"), Outcome::failed);
  EXPECT_EQ(said(),
            "pre A\npre C\nmain A\nmain B\n##[error]Process completed with exit code 1.\n"
            "Post job cleanup.\npost B\nPost job cleanup.\npost C\nPost job cleanup.\npost A\n");
  EXPECT_EQ(
      outcomes(),
      "build[0].pre success, build[3].pre success, build[0] success, build[1] success, build[2] failure, "
      "build[3] skipped, build[1].post success, build[3].post success, build[0].post success");
  EXPECT_EQ(seen.finished.failed_label, "build[2]");
  EXPECT_EQ(seen.find_phase("BUILD")->code, "COMMAND_EXECUTION_ERROR");
  EXPECT_EQ(seen.find_phase("BUILD")->message,
            "Error while executing command: Run exit 1. Reason: exit status 1");
}

// What the step itself says is not why it failed.
TEST_F(Steps, S9_5_TheReasonIsTheCommandThatWasRefused) {
  EXPECT_EQ(steps("- run: |\n    echo '::error::bad thing'\n    echo '::set-env name=A::b'\n"),
            Outcome::failed);
  EXPECT_EQ(seen.find_phase("BUILD")->message,
            "Error while executing command: Run echo '::error::bad thing'. Reason: Unable to process command "
            "'::set-env name=A::b' successfully.");
}
TEST_F(Steps, S9_5_TheReasonIsTheFileThatWasRefused) {
  EXPECT_EQ(steps("- run: |\n    echo '::error::bad thing'\n    echo 'no equals' >> $GITHUB_ENV\n"),
            Outcome::failed);
  EXPECT_EQ(
      seen.find_phase("BUILD")->message,
      "Error while executing command: Run echo '::error::bad thing'. Reason: Unable to process file command "
      "'env' successfully.");
}

// 3.3: names, the conditions of pre and post, and what `with` sees in each stage.
TEST_F(Steps, S3_3_Stages) {
  action(remote("o/A"),
         std::string(kNode) +
             ", pre: main.sh, post: main.sh, pre-if: 'runner.os == ''Linux''', post-if: failure()}\ninputs: "
             "{x: {}}\n",
         {{"main.sh", "echo \"x=$INPUT_X n=$STATE_n\"; echo n=1$STATE_n >> \"$GITHUB_STATE\"\n"}});
  EXPECT_EQ(steps("- {id: one, run: 'echo o=1 >> $GITHUB_OUTPUT'}\n"
                  "- {uses: o/A@v1, with: {x: '${{ steps.one.outputs.o }}'}}\n"
                  "- {name: Fails, run: 'false'}\n"),
            Outcome::failed);
  EXPECT_EQ(said(),
            "x= n=\nx=1 n=1\n##[error]Process completed with exit code 1.\nPost job cleanup.\nx=1 n=11\n");
  ASSERT_EQ(seen.tasks.size(), 5u);
  EXPECT_EQ(seen.tasks[0].step->name, "Pre Run o/A@v1");
  EXPECT_EQ(seen.tasks[1].step->name, "Run echo o=1 >> $GITHUB_OUTPUT");
  EXPECT_EQ(seen.tasks[3].step->name, "Fails");
  EXPECT_EQ(seen.tasks[4].step->name, "Post Run o/A@v1");
}

// 3.3: a local action has no pre, and says so.
TEST_F(Steps, S3_3_LocalPreIsNotRun) {
  action(local("a"), std::string(kNode) + ", pre: main.sh, post: main.sh}\n", {{"main.sh", "echo ran\n"}});
  EXPECT_EQ(steps("- uses: ./a\n"), Outcome::succeeded);
  EXPECT_EQ(said(),
            "##[warning]`pre` execution is not supported for local action from './a'\nran\nPost job "
            "cleanup.\nran\n");
  ASSERT_EQ(seen.annotations.size(), 1u);
  EXPECT_EQ(seen.annotations[0].level, "warning");
}

// 3.1: an env that cannot be evaluated fails the step whatever its continue-on-error.
TEST_F(Steps, S3_1_EnvErrorFailsTheStep) {
  EXPECT_EQ(
      steps("- {run: echo x, continue-on-error: true, env: {A: '${{ fromJSON(''x'') }}'}}\n- run: echo y\n"),
      Outcome::failed);
  EXPECT_EQ(outcomes(), "build[0] failure, build[1] skipped");
}

// 13.8: what the template of a step's env comes to.
TEST_F(Steps, S13_8_Values) {
  request.steps.event_json = R"({"a": "A"})";
  EXPECT_EQ(steps("- env:\n"
                  "    V1: ${{ 1.10 }}\n"
                  "    V2: ${{ null }}\n"
                  "    V3: ${{ 1e21 }}\n"
                  "    V4: a${{ 'b' }}c{d}'e'\n"
                  "    V5: x${{ fromJSON('[1]') }}y\n"
                  "    V6: a ${{ '}}' }} b ${{ 'x''}}' }}\n"
                  "    V7: ${{ github.event.a }}}\n"
                  "    V8: $${{ 1 }}$\n"
                  "  run: for i in 1 2 3 4 5 6 7 8; do v=V$i; echo \"${!v}\"; done\n"),
            Outcome::succeeded);
  EXPECT_EQ(said(), "1.1\n\n1E+21\nabc{d}'e'\nxArrayy\na }} b x'}}\nA}\n$1$\n");
}

// 13.8: an env that is wrong fails its step.
TEST_F(Steps, S13_8_WrongEnv) {
  const std::pair<const char*, const char*> kCases[] = {
      {"{A: \"${{ fromJSON('[1]') }}\"}", "A sequence was not expected"},
      {"\"${{ null }}\"", "Unexpected value ''"},
      {"\"${{ format('x') }}\"", "Unexpected value 'x'"},
      {"{A: 1, \"${{ insert }}\": \"${{ fromJSON('{\\\"a\\\":2}') }}\"}", "'a' is already defined"},
  };
  for (const auto& [env, why] : kCases) {
    SCOPED_TRACE(env);
    EXPECT_EQ(steps(std::string("- run: echo not\n  env: ") + env + "\n"), Outcome::failed);
    EXPECT_NE(said().find(why), std::string::npos) << said();
    EXPECT_EQ(said().find("\nnot\n"), std::string::npos);
  }
}

// 13.8: what stands elsewhere than in env.
TEST_F(Steps, S13_8_OtherKeys) {
  EXPECT_EQ(steps("- {run: 'false', continue-on-error: '${{ 1 }}'}\n"
                  "- {run: echo ran, if: always(), timeout-minutes: '${{ 5.9 }}'}\n"
                  "- {run: echo ran, if: always(), timeout-minutes: 0.5}\n"
                  "- {run: echo ran, if: always(), timeout-minutes: \"${{ format('5') }}\"}\n"),
            Outcome::failed);
  EXPECT_NE(said().find("Unexpected value '1'\nran\nran\n##[error]An error occurred when attempting to "
                        "determine the step timeout.\n"),
            std::string::npos)
      << said();
  EXPECT_NE(said().find("Unexpected value '5'\nran\n"), std::string::npos) << said();

  // What is wrong as a text has a place, and nothing runs.
  EXPECT_EQ(steps("- run: echo ${{ 1 }} " + std::string(21000, 'x') + "\n"), Outcome::invalid);
  EXPECT_EQ(steps("- run: echo ${{}}\n"), Outcome::invalid);
}

// 3.6: the one test that takes its minute, for there is no shorter one.
TEST_F(Steps, S3_6_TimeoutMinutes) {
  request.sigint_grace = request.sigterm_grace = std::chrono::milliseconds(200);
  EXPECT_EQ(steps("- {name: Wait, run: exec sleep 300, timeout-minutes: 1}\n"
                  "- {if: failure(), run: echo failed}\n"),
            Outcome::failed);
  EXPECT_EQ(said(), "##[error]The action 'Wait' has timed out after 1 minutes.\nfailed\n");
  EXPECT_EQ(outcomes(), "build[0] failure, build[1] success");
}

// 3.4, 1.2: a local action that is not there.
TEST_F(Steps, S1_2_MissingLocalAction) {
  EXPECT_EQ(steps("- uses: ./nothing\n"), Outcome::failed);
  EXPECT_EQ(said(),
            "##[error]Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '" + source().native() +
                "/./nothing'. Did you forget to run actions/checkout before running your local action?\n");
}

// 3.5: a composite action goes on behind a failing step, and success() is about itself.
TEST_F(Steps, S3_5_Composite) {
  action(local("c"),
         "inputs: {v: {default: d}, flag: {}}\n"
         "outputs: {sum: {value: '${{ steps.a.outputs.r }}-${{ inputs.v }}'}}\n"
         "runs:\n  using: composite\n  steps:\n"
         "    - {id: a, shell: bash, run: 'echo r=1 >> $GITHUB_OUTPUT; echo E=env >> $GITHUB_ENV; echo "
         "\"<$INPUT_V>\"'}\n"
         "    - {shell: bash, run: 'echo \"$E $GITHUB_ACTION ${{ github.action_path }} "
         "[$GITHUB_ACTION_REPOSITORY]\"'}\n"
         "    - {shell: bash, run: 'exit 3'}\n"
         "    - {shell: bash, run: 'echo not'}\n"
         "    - {shell: bash, if: failure(), run: 'echo failed'}\n"
         "    - {shell: bash, if: always(), run: 'echo always ${{ job.status }}'}\n");
  EXPECT_EQ(
      steps("- run: 'false'\n"
            "- {id: c, uses: ./c, if: always(), with: {v: w}}\n"
            "- {if: always(), run: 'echo \"[${{ steps.c.outputs.sum }}] [${{ steps.a.outputs.r }}] $E\"'}\n"),
      Outcome::failed);
  EXPECT_EQ(said(),
            "##[error]Process completed with exit code 1.\n<>\nenv c " + local("./c") +
                " []\n##[error]Process completed with exit code 3.\nfailed\nalways failure\n[1-w] [] env\n");
  EXPECT_EQ(outcomes(), "build[0] failure, build[1] failure, build[2] success");
}

TEST_F(Steps, S3_5_ContinueOnErrorInside) {
  action(local("c"),
         "runs:\n  using: composite\n  steps:\n"
         "    - {id: a, shell: bash, run: 'exit 3', continue-on-error: true}\n"
         "    - {shell: bash, run: 'echo ${{ steps.a.outcome }} ${{ steps.a.conclusion }}'}\n"
         "    - {shell: bash, env: {X: '${{ fromJSON(''x'') }}'}, run: 'echo runs all the same'}\n"
         "    - {shell: bash, run: 'echo not'}\n"
         "    - {shell: bash, if: 'always() && fromJSON(''x'')', run: 'echo not'}\n"
         "    - {shell: bash, if: always(), run: 'echo not, the loop has ended'}\n");
  EXPECT_EQ(steps("- uses: ./c\n"), Outcome::failed);
  const std::string lines = said();
  EXPECT_NE(lines.find("failure success\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("runs all the same\n"), std::string::npos) << lines;
  EXPECT_EQ(lines.find("echo not"), std::string::npos) << lines;
  EXPECT_EQ(lines.find("\nnot"), std::string::npos) << lines;
}

// 3.5, 3.8: keys that a composite's own step sets reach its steps; what GITHUB_ENV set does not lose to them elsewhere.
TEST_F(Steps, S3_5_EnvOfTheOuterStep) {
  action(local("inner"), std::string(kNode) + "}\ninputs: {i: {default: dflt}}\n",
         {{"main.sh", "echo \"inner $A $B $INPUT_I\"; echo s=$A >> \"$GITHUB_STATE\"\n"}});
  action(local("c"),
         "runs:\n  using: composite\n  steps:\n"
         "    - {shell: sh, run: 'echo \"$A $B\"; echo A=changed >> $GITHUB_ENV'}\n"
         "    - {shell: sh, env: {B: b2}, run: 'echo \"$A $B\"'}\n"
         "    - {uses: ./inner, env: {B: b3}, with: {i: given}}\n");
  EXPECT_EQ(
      steps("- {uses: ./c, env: {A: a}}\n- run: 'echo \"$A $B\"'\n", "env: {variables: {A: top, B: btop}}\n"),
      Outcome::succeeded);
  // A composite with a local action in it counts as having a post stage.
  EXPECT_EQ(said(), "a btop\na b2\ninner a b3 given\nchanged btop\nPost job cleanup.\n");
}

// 3.5: nested pre and post, in one stage of the outer step, with state of each nested step.
TEST_F(Steps, S3_5_NestedStages) {
  for (const std::string name : {"A", "B"})
    action(remote("o/" + name), std::string(kNode) + ", pre: pre.sh, post: post.sh}\n",
           {{"main.sh", "echo main " + name + " $STATE_s; echo s=2 >> $GITHUB_STATE\n"},
            {"pre.sh", "echo pre " + name + "; echo s=1 >> $GITHUB_STATE\n"},
            {"post.sh", "echo post " + name + " $STATE_s\n"}});
  action(remote("o/C"), "runs:\n  using: composite\n  steps:\n    - uses: o/A@v1\n    - uses: o/B@v1\n");
  EXPECT_EQ(steps("- run: echo first\n- uses: o/C@v1\n"), Outcome::succeeded);
  EXPECT_EQ(outcomes(), "build[1].pre success, build[0] success, build[1] success, build[1].post success");
  EXPECT_EQ(said(),
            "pre A\npre B\nfirst\nmain A 1\nmain B 1\nPost job cleanup.\nPost job cleanup.\npost B 2\n"
            "Post job cleanup.\npost A 2\n");
}

// 3.6, 13.2: what runs behind a failed step.
TEST_F(Steps, S13_2_Conditions) {
  struct Case {
    std::string condition;
    bool runs;
  };
  const std::vector<Case> cases = {{"", false},
                                   {"true", false},
                                   {"always()", true},
                                   {"failure()", true},
                                   {"${{ failure() }}", true},
                                   {"\"!cancelled()\"", true},
                                   {"\"'always()'\"", false},
                                   {"steps.x.outcome == 'failure'", false},
                                   {"steps.x.outcome == 'failure' && failure()", true},
                                   {"${{ false }} && true", false},
                                   {"false", false},
                                   {"${{ 'always()' }}", true},
                                   {"contains('always()', 'a')", false},
                                   {"ALWAYS( ) && true", true}};
  std::string items = "- {id: x, run: exit 1}\n";
  std::string want = "build[0] failure";
  for (std::size_t i = 0; i < cases.size(); ++i) {
    items += "- run: echo x\n";
    if (!cases[i].condition.empty()) items += "  if: " + cases[i].condition + "\n";
    want += ", build[" + std::to_string(i + 1) + "] " + (cases[i].runs ? "success" : "skipped");
  }
  EXPECT_EQ(steps(items), Outcome::failed);
  EXPECT_EQ(outcomes(), want);
}

// 3.7
TEST_F(Steps, S3_7_ContinueOnError) {
  EXPECT_EQ(steps("- {id: a, run: exit 7, continue-on-error: true}\n"
                  "- run: echo ${{ steps.a.outcome }} ${{ steps.a.conclusion }} ${{ job.status }}\n"
                  "- {id: s, if: false, run: echo}\n"
                  "- run: echo ${{ steps.s.outcome }} ${{ steps.s.conclusion }}\n"
                  "- {run: exit 8, continue-on-error: '${{ format(''true'') }}'}\n"),
            Outcome::failed);
  EXPECT_EQ(
      outcomes(),
      "build[0] failure/success, build[1] success, build[2] skipped, build[3] success, build[4] failure");
  EXPECT_EQ(
      said(),
      "##[error]Process completed with exit code 7.\nfailure success success\nskipped skipped\n"
      "##[error]Process completed with exit code 8.\n"
      "##[error]The step failed and an error occurred when attempting to determine whether to continue on "
      "error.\n##[error]The template is not valid. buildspec.yml (Line: 9, Col: 9): Unexpected value "
      "'true'\n");
  EXPECT_EQ(seen.tasks[0].status, Status::succeeded);
  EXPECT_EQ(seen.tasks[0].exit.code, 7);
}

// 3.8: who wins.
TEST_F(Steps, S3_8_Layers) {
  request.host_environment["HOSTED"] = "host";
  EXPECT_EQ(steps("- run: |\n"
                  "    echo \"A=file\" >> $GITHUB_ENV\n"
                  "    echo \"GITHUB_SHA=mine\" >> $GITHUB_ENV\n"
                  "    printf 'X=$%s\\n' '{{ github.job }}' >> $GITHUB_ENV\n"
                  "    echo \"CI=no\" >> $GITHUB_ENV\n"
                  "    echo \"[$A] $CI $HOSTED [${{ env.HOSTED }}]\"\n"
                  "- run: echo \"$A $CI [$GITHUB_SHA] ${{ env.GITHUB_SHA }} $X\"\n"
                  "- {env: {A: step}, run: 'echo \"$A ${{ env.A }}\"'}\n"
                  "- run: echo \"$A\"\n",
                  "env: {variables: {A: top}}\n"),
            Outcome::succeeded);
  EXPECT_EQ(said(), "[top] true host []\nfile no [] mine ${{ github.job }}\nstep step\nfile\n");
}

// 3.9, 2.2
TEST_F(Steps, S3_9_Inputs) {
  action(local("a"),
         std::string(kNode) +
             "}\ninputs: {my-in: {default: d}, Old: {deprecationMessage: use new}, n: {default: 1.10}, e: "
             "{default: x}}\n",
         {{"main.sh", "tr '\\0' '\\n' < /proc/$$/environ | grep ^INPUT_ | sort\n"}});
  EXPECT_EQ(steps("- {uses: ./a, with: {Old: 1, 'a b': true, e: ''}}\n"), Outcome::succeeded);
  EXPECT_EQ(said(),
            "##[warning]Input 'Old' has been deprecated with message: use new\n"
            "##[warning]Unexpected input(s) 'a b', valid inputs are ['my-in', 'Old', 'n', 'e']\n"
            "INPUT_A_B=true\nINPUT_E=\nINPUT_MY-IN=d\nINPUT_N=1.1\nINPUT_OLD=1\n");
}

// 3.10, 5.5: outputs and their names; the file wins against the command.
TEST_F(Steps, S3_10_Outputs) {
  EXPECT_EQ(steps("- id: a\n"
                  "  run: |\n"
                  "    echo Name=1 >> $GITHUB_OUTPUT\n"
                  "    echo '::set-output name=name::2'\n"
                  "    printf 'many<<E\\na\\nb\\nE\\n' >> $GITHUB_OUTPUT\n"
                  "- run: echo \"${{ steps.A.outputs.NAME }} ${{ steps.a.outputs.many }} [${{ "
                  "steps.a.outputs.no }}]\"\n"
                  "- run: echo '${{ toJSON(steps.a) }}'\n"),
            Outcome::succeeded);
  EXPECT_NE(seen.output.find("1 a\nb []\n"), std::string::npos) << seen.output;
  EXPECT_NE(seen.output.find("\"outcome\": \"success\""), std::string::npos) << seen.output;
}

// 3.12
TEST_F(Steps, S3_12_Path) {
  test::put(source() / "bin1/tool", "#!/bin/sh\necho one\n");
  test::put(source() / "bin2/tool", "#!/bin/sh\necho two\n");
  for (const char* name : {"bin1/tool", "bin2/tool"}) fs::permissions(source() / name, fs::perms(0755));
  EXPECT_EQ(steps("- run: |\n    echo $PWD/bin1 >> $GITHUB_PATH\n    echo $PWD/bin2 >> $GITHUB_PATH\n"
                  "- run: tool; echo $PWD/bin1 >> $GITHUB_PATH\n"
                  "- run: tool; echo \"${PATH%%:*}\"\n",
                  "", "  post_build:\n    commands: [tool]\n"),
            Outcome::succeeded);
  EXPECT_EQ(said(), "two\none\n" + local("bin1") + "\none\n");
}

// 3.13, 3.14: the header, and the shells.
TEST_F(Steps, S3_14_Shells) {
  EXPECT_EQ(steps("- run: |\n    false | true\n    echo \"${BASH_VERSION:+bash}\"\n  env: {K: v}\n"
                  "- {shell: bash, run: 'false | true', continue-on-error: true}\n"
                  "- {shell: sh, run: 'echo $0 | grep -c \"[.]sh$\"'}\n"
                  "- {shell: 'cat {0}', run: 'text as it is'}\n"
                  "- {shell: zork, run: x, continue-on-error: true}\n"
                  "- {shell: cat, run: x, continue-on-error: true}\n"),
            Outcome::succeeded);
  const std::string& out = seen.output;
  EXPECT_NE(out.find("##[group]Run false | true\n\x1b[36;1mfalse | true\x1b[0m\n"), std::string::npos) << out;
  EXPECT_NE(out.find("bash -e {0}\nenv:\n  K: v\n##[endgroup]\nbash\n"), std::string::npos) << out;
  EXPECT_NE(out.find("bash --noprofile --norc -e -o pipefail {0}\n"), std::string::npos) << out;
  EXPECT_NE(out.find("text as it is"), std::string::npos);
  EXPECT_NE(out.find("##[error]zork: command not found\n"), std::string::npos) << out;
  EXPECT_NE(
      out.find(
          "##[error]Invalid shell option. Shell must be a valid built-in (bash, sh, cmd, powershell, pwsh) "
          "or a format string containing '{0}'\n"),
      std::string::npos)
      << out;
  EXPECT_EQ(outcomes(),
            "build[0] success, build[1] failure/success, build[2] success, build[3] success, build[4] "
            "failure/success, build[5] failure/success");
}

// GitHub's temporary directory has no blanks; here it may have some.
TEST_F(Steps, ATemporaryDirectoryWithBlanks) {
  request.temporary_directory = (files / "tmp with 'blanks\"").native();
  fs::create_directories(request.temporary_directory);
  action(local("a"), std::string(kNode) + "}\n", {{"main.sh", "cat \"$GITHUB_EVENT_PATH\"; echo\n"}});
  EXPECT_EQ(
      steps(
          "- run: echo a=1 >> \"$GITHUB_ENV\"\n- {run: 'echo $a', shell: 'bash -e \"{0}\"'}\n- uses: ./a\n"),
      Outcome::succeeded);
  EXPECT_EQ(said(), "1\n{}\n");
}

TEST_F(Steps, S3_14_WorkingDirectory) {
  test::put(source() / "sub/file", "");
  EXPECT_EQ(steps("- {run: pwd, working-directory: sub}\n- {run: pwd, working-directory: /}\n- run: pwd\n"
                  "- {run: pwd, working-directory: none}\n"),
            Outcome::failed);
  EXPECT_TRUE(said().starts_with(local("sub") + "\n/\n" + source().native() +
                                 "\n##[error]An error occurred trying to start process '"))
      << said();
  EXPECT_NE(said().find("with working directory '" + local("none") + "'. No such file or directory\n"),
            std::string::npos)
      << said();
}

// 3.15
TEST_F(Steps, S3_15_JavaScript) {
  action(local("a"), "runs: {using: node24, main: gone.sh}\n");
  action(local("b"), std::string(kNode) + "}\n", {{"main.sh", "pwd; exit 5\n"}});
  EXPECT_EQ(steps("- {uses: ./a, continue-on-error: true}\n- uses: ./b\n"), Outcome::failed);
  EXPECT_EQ(said(), "##[error]File not found: '" + local("./a/gone.sh") + "'\n" + source().native() + "\n");
  EXPECT_EQ(seen.find_phase("BUILD")->message,
            "Error while executing command: Run ./b. Reason: exit status 5");
}

TEST_F(Steps, S2_4_NodeThatIsTooOldOrNotThere) {
  action(local("a"), std::string(kNode) + "}\n", {{"main.sh", ""}});
  node("#!/bin/sh\necho v16.20.0\n");
  EXPECT_EQ(steps("- uses: ./a\n"), Outcome::failed);
  EXPECT_NE(said().find("is node 16, and actions need 18 or newer; install one"), std::string::npos)
      << said();
  request.steps.node.clear();
  request.sh = "/bin/sh";
  request.host_environment["PATH"] = (files / "empty").native();
  EXPECT_EQ(steps("- uses: ./a\n"), Outcome::failed);
  EXPECT_NE(said().find("there is no node on PATH; install one"), std::string::npos) << said();
}

// Debian 12 has node 18.
TEST_F(Steps, S2_4_AnOlderNodeIsTriedWithAWarning) {
  action(local("a"), std::string(kNode) + "}\n", {{"main.sh", "echo ran\n"}});
  node("#!/bin/sh\n[ \"$1\" = --version ] && exec echo v18.20.4\nexec sh \"$@\"\n");
  EXPECT_EQ(steps("- uses: ./a\n"), Outcome::succeeded);
  EXPECT_EQ(said(), "ran\n");
  ASSERT_EQ(seen.diagnosed.size(), 1u);
  EXPECT_EQ(seen.diagnosed[0].id, "node-version");
  EXPECT_NE(seen.diagnosed[0].message.find("declares node20 and runs with node 18"), std::string::npos)
      << seen.diagnosed[0].message;
}

TEST_F(Steps, S2_4_AnotherNodeIsToldOnce) {
  action(local("a"), "runs: {using: node24, main: main.sh}\n", {{"main.sh", ""}});
  EXPECT_EQ(steps("- uses: ./a\n- uses: ./a\n"), Outcome::succeeded);
  EXPECT_EQ(std::count_if(seen.diagnosed.begin(), seen.diagnosed.end(),
                          [](const Diagnosed& each) { return each.id == "node-version"; }),
            1);
}

// 3.16
TEST_F(Steps, S3_16_ProblemMatchers) {
  test::put(
      source() / "m.json",
      R"({"problemMatcher":[{"owner":"cc","pattern":[{"regexp":"^(.+):(\\d+): (.*)$","file":1,"line":2,"message":3}]}]})");
  EXPECT_EQ(steps("- run: echo '::add-matcher::m.json'\n- run: 'echo \"a.c:3: bad\"'\n"
                  "- run: |\n    echo '::remove-matcher owner=cc::'\n    echo 'a.c:4: plain'\n"
                  "- run: echo '::add-matcher::none.json'\n"),
            Outcome::failed);
  EXPECT_NE(said().find("##[error]a.c:3: bad\na.c:4: plain\n##[error]Unable to process command "
                        "'::add-matcher::none.json' successfully.\n"),
            std::string::npos)
      << said();
  ASSERT_GE(seen.annotations.size(), 1u);
  EXPECT_EQ(seen.annotations[0].message, "bad");
  EXPECT_EQ(seen.annotations[0].line, 3u);
}

// 3.17: ten of a kind for each step.
TEST_F(Steps, S3_17_Annotations) {
  EXPECT_EQ(steps("- run: for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo \"::error "
                  "file=a.c,line=$i,col=2,title=t::m$i\"; "
                  "done; echo ::notice::n\n- run: echo ::error::again\n"),
            Outcome::succeeded);
  ASSERT_EQ(seen.annotations.size(), 12u);
  EXPECT_EQ(seen.annotations[9].message, "m10");
  EXPECT_EQ(seen.annotations[9].file, "a.c");
  EXPECT_EQ(seen.annotations[9].line, 10u);
  EXPECT_EQ(seen.annotations[9].column, 2u);
  EXPECT_EQ(seen.annotations[9].title, "t");
  EXPECT_EQ(seen.annotations[10].level, "notice");
  EXPECT_EQ(seen.annotations[11].label, "build[1]");
  EXPECT_NE(seen.output.find("##[error]m12\n"), std::string::npos);
}

// 4.5: off unless asked for, and never NODE_OPTIONS.
TEST_F(Steps, S4_5_SetEnv) {
  EXPECT_EQ(steps("- {run: 'echo ::set-env name=A::1', continue-on-error: true}\n"
                  "- {env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: true}, run: 'echo ::set-env name=B::2'}\n"
                  "- run: echo \"[$A] $B\"; echo NODE_OPTIONS=x >> $GITHUB_ENV\n"
                  "- run: echo \"[$NODE_OPTIONS]\"\n"),
            Outcome::succeeded);
  EXPECT_EQ(outcomes(), "build[0] failure/success, build[1] success, build[2] success, build[3] success");
  EXPECT_NE(
      said().find(
          "[] 2\n##[error]Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.\n[]\n"),
      std::string::npos)
      << said();
}

// 4.6, 9: from then on, in the whole build, and in every encoding.
TEST_F(Steps, S4_6_AddMask) {
  request.secret_variables = {{"TOKEN", "hunter22\"x"}};
  EXPECT_EQ(steps("- run: echo ::add-mask::s3cret; echo s3cret; echo '${{ secrets.TOKEN }}' | base64\n  if: "
                  "success()\n"
                  "- {name: of s3cret, run: 'echo \"$TOKEN\"; echo ::error::s3cret'}\n"
                  "- run: echo s3cret >> $GITHUB_STEP_SUMMARY\n",
                  "", "  post_build:\n    commands: [echo s3cret]\n"),
            Outcome::succeeded);
  EXPECT_EQ(seen.output.find("hunter"), std::string::npos) << seen.output;
  EXPECT_EQ(seen.output.find("echo s3cret\n***"), std::string::npos);
  EXPECT_EQ(seen.tasks.at(1).step->name, "of ***");
  EXPECT_EQ(seen.annotations.at(0).message, "***");
  EXPECT_EQ(seen.summaries.at(0).text, "***\n");
}

// 4.8
TEST_F(Steps, S4_8_StopCommands) {
  EXPECT_EQ(
      steps("- {id: a, run: 'echo ::stop-commands::tok; echo ::error::x; echo ::tok::; echo ::notice::y'}\n"),
      Outcome::succeeded);
  EXPECT_EQ(said(), "::stop-commands::tok\n::error::x\n::tok::\n##[notice]y\n");
  EXPECT_EQ(steps("- run: echo ::stop-commands::error; sleep 60\n"), Outcome::failed);
  EXPECT_NE(said().find("You cannot use a endToken"), std::string::npos) << said();
}

// 5.1, 5.2, 13.9
TEST_F(Steps, S5_FileCommands) {
  EXPECT_EQ(steps("- {run: 'printf \"A=1\\njunk\\nB=2\\n\" >> $GITHUB_ENV', continue-on-error: true}\n"
                  "- run: echo \"$A [$B]\"\n"
                  "- {run: 'echo C=3 >> $GITHUB_ENV; exit 1', continue-on-error: true}\n"
                  "- run: echo $C; rm $GITHUB_ENV $GITHUB_OUTPUT\n"),
            Outcome::succeeded);
  EXPECT_EQ(
      said(),
      "##[error]Unable to process file command 'env' successfully.\n##[error]Invalid format 'junk'\n1 []\n"
      "##[error]Process completed with exit code 1.\n3\n");
}

// 5.6
TEST_F(Steps, S5_6_Summary) {
  EXPECT_EQ(steps("- run: echo '# One' >> $GITHUB_STEP_SUMMARY\n"
                  "- run: head -c 1100000 /dev/zero | tr '\\0' x >> $GITHUB_STEP_SUMMARY\n"
                  "- {name: Last, run: 'printf two >> $GITHUB_STEP_SUMMARY'}\n"),
            Outcome::succeeded);
  ASSERT_EQ(seen.summaries.size(), 2u);
  EXPECT_EQ(seen.summaries[0].text, "# One\n");
  EXPECT_EQ(seen.summaries[1].name, "Last");
  EXPECT_NE(
      said().find("$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got 1074k."),
      std::string::npos);
}

// 13.6, 6.5: all of them, and no GITHUB_TOKEN.
TEST_F(Steps, S13_6_Environment) {
  request.initiator = "me";
  EXPECT_EQ(steps("- run: env | sort\n"), Outcome::succeeded);
  for (const std::string name : {"CI=true",
                                 "GITHUB_ACTIONS=true",
                                 "GITHUB_ACTION=__run",
                                 "GITHUB_ACTION_REF=\n",
                                 "GITHUB_ACTION_REPOSITORY=\n",
                                 "GITHUB_ACTOR=me",
                                 "GITHUB_ACTOR_ID=",
                                 "GITHUB_TRIGGERING_ACTOR=me",
                                 "GITHUB_API_URL=https://api.github.com\n",
                                 "GITHUB_GRAPHQL_URL=https://api.github.com/graphql\n",
                                 "GITHUB_SERVER_URL=https://github.com\n",
                                 "GITHUB_BASE_REF=",
                                 "GITHUB_HEAD_REF=",
                                 "GITHUB_REF=",
                                 "GITHUB_REF_NAME=",
                                 "GITHUB_REF_PROTECTED=false",
                                 "GITHUB_REF_TYPE=",
                                 "GITHUB_SHA=",
                                 "GITHUB_ENV=/",
                                 "GITHUB_OUTPUT=/",
                                 "GITHUB_PATH=/",
                                 "GITHUB_STATE=/",
                                 "GITHUB_STEP_SUMMARY=/",
                                 "GITHUB_EVENT_NAME=push",
                                 "GITHUB_EVENT_PATH=/",
                                 "GITHUB_JOB=build",
                                 "GITHUB_RETENTION_DAYS=",
                                 "GITHUB_RUN_ATTEMPT=1",
                                 "GITHUB_RUN_ID=1",
                                 "GITHUB_RUN_NUMBER=1",
                                 "GITHUB_REPOSITORY=local/",
                                 "GITHUB_REPOSITORY_ID=",
                                 "GITHUB_REPOSITORY_OWNER=local",
                                 "GITHUB_REPOSITORY_OWNER_ID=",
                                 "GITHUB_WORKFLOW=buildspec.yml",
                                 "GITHUB_WORKFLOW_REF=",
                                 "GITHUB_WORKFLOW_SHA=",
                                 "RUNNER_ARCH=",
                                 "RUNNER_ENVIRONMENT=self-hosted",
                                 "RUNNER_NAME=",
                                 "RUNNER_OS=",
                                 "RUNNER_TEMP=/",
                                 "RUNNER_TOOL_CACHE=/",
                                 "RUNNER_WORKSPACE=/",
                                 "RUNNER_TRACKING_ID=github_"})
    EXPECT_NE(("\n" + seen.output).find("\n" + name), std::string::npos) << name << " in\n" << seen.output;
  EXPECT_NE(seen.output.find("GITHUB_WORKSPACE=" + source().native() + "\n"), std::string::npos);
  for (const std::string name : {"GITHUB_TOKEN=", "GITHUB_EVENT=", "GITHUB_ACTION_PATH=", "RUNNER_DEBUG="})
    EXPECT_EQ(seen.output.find("\n" + name), std::string::npos) << name;
}

// 6.1: the event's payload.
TEST_F(Steps, S6_1_Event) {
  request.steps.event_json =
      R"({"pull_request":{"number":7,"base":{"ref":"main"},"head":{"ref":"topic"}},"repository":{"full_name":"o/r","id":12}})";
  request.steps.vars = {{"STAGE", "test"}};
  EXPECT_EQ(
      steps("- run: echo ${{ github.event_name }} ${{ github.event.pull_request.number }} $GITHUB_BASE_REF "
            "$GITHUB_HEAD_REF $GITHUB_REPOSITORY $GITHUB_REPOSITORY_ID ${{ vars.stage }}\n"
            "- run: grep -c '\"number\"' $GITHUB_EVENT_PATH\n"),
      Outcome::succeeded);
  EXPECT_EQ(said(), "pull_request 7 main topic o/r 12 test\n1\n");
}

TEST_F(Steps, S7_7_HashFiles) {
  test::put(source() / "f", "abc");
  EXPECT_EQ(steps("- run: echo \"${{ hashFiles('f') }} [${{ hashFiles('none') }}]\"\n"), Outcome::succeeded);
  // sha256(sha256("abc")), by openssl.
  EXPECT_EQ(said(), "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358 []\n");
}

// 7.10: what conditions come to, those in composite actions as well, and all other expressions.
TEST_F(Steps, S7_10_Traces) {
  request.steps.debug = true;
  request.secret_variables = {{"TOKEN", "hunter22"}};
  action(local("c"),
         "runs:\n  using: composite\n  steps:\n"
         "    - {name: Inner, shell: sh, if: github.event_name == 'pull_request', run: echo not}\n");
  EXPECT_EQ(
      steps(
          "- {name: First, if: \"github.event_name == 'push' && env.X\", env: {X: hunter22}, run: echo ran}\n"
          "- {uses: ./c}\n- {if: \"fromJSON('x')\", name: Wrong, run: echo not}\n"
          "- {if: always(), run: 'echo last ${{ github.event_name }}', env: {X: '${{ env.Y }}'}}\n"),
      Outcome::failed);
  EXPECT_NE(seen.output.find("##[debug]Evaluating: env.Y\n##[debug]Result: null\n"), std::string::npos)
      << seen.output;
  EXPECT_NE(seen.output.find("##[debug]Evaluating: format('echo last {0}', github.event_name)\n"),
            std::string::npos)
      << seen.output;
  EXPECT_NE(seen.output.find("##[debug]Evaluating condition for step: 'First'\n"
                             "##[debug]Evaluating: (success() && (github.event_name == 'push') && env.X)\n"
                             "##[debug]Expanded: (true && ('push' == 'push') && '***')\n"
                             "##[debug]Result: '***'\n"),
            std::string::npos)
      << seen.output;
  EXPECT_NE(seen.output.find("##[debug]Evaluating condition for step: 'Run ./c'\n"
                             "##[debug]Evaluating: success()\n##[debug]Result: true\n"),
            std::string::npos)
      << seen.output;
  EXPECT_NE(seen.output.find("##[debug]Evaluating condition for step: 'Inner'\n"
                             "##[debug]Evaluating: (success() && (github.event_name == 'pull_request'))\n"
                             "##[debug]Expanded: (true && ('push' == 'pull_request'))\n"
                             "##[debug]Result: false\n"),
            std::string::npos)
      << seen.output;
  EXPECT_NE(seen.output.find("##[debug]Evaluating: (success() && fromJSON('x'))\n##[error]"),
            std::string::npos)
      << seen.output;
}

TEST_F(Steps, Debug) {
  request.steps.debug = true;
  EXPECT_EQ(
      steps("- run: echo ::debug::hello; echo $RUNNER_DEBUG ${{ runner.debug }}\n- {if: false, run: x}\n"),
      Outcome::succeeded);
  EXPECT_NE(seen.output.find("##[debug]Evaluating condition for step: 'Run echo ::debug::hello"),
            std::string::npos);
  EXPECT_NE(seen.output.find("##[debug]hello\n"), std::string::npos) << seen.output;
  EXPECT_NE(seen.output.find("1 1\n"), std::string::npos);
  EXPECT_NE(seen.output.find("##[debug]Result: false\n"), std::string::npos);
}

// buildspec.md 5.3, 4.6: between commands and steps, both ways.
TEST_F(Steps, VariablesFlowBothWays) {
  EXPECT_EQ(run("version: 0.2\nenv:\n  exported-variables: [TAG, with-dash, NEVER]\nphases:\n"
                "  install:\n    commands: [\"export A='a b'; cd /\", 'export PATH=/opt/x:$PATH']\n"
                "  pre_build:\n    steps:\n"
                "      - run: echo \"$A ${{ env.A }} $PWD ${PATH%%:*}\"\n"
                "      - run: |\n          echo \"TAG=it's\" >> $GITHUB_ENV\n          echo with-dash=1 >> "
                "$GITHUB_ENV\n"
                "          printf 'L<<E\\n1\\n2\\nE\\n' >> $GITHUB_ENV\n"
                "  build:\n    commands: ['echo \"$TAG $L $PWD\"', TAG=changed]\n"
                "  post_build:\n    steps: [{run: 'echo \"$TAG ${{ env.with-dash }}\"'}]\n"),
            Outcome::succeeded);
  EXPECT_EQ(said(), "a b a b " + source().native() + " /opt/x\nit's 1\n2 /\nchanged 1\n");
  const std::vector<std::pair<std::string, std::string>> want = {{"TAG", "changed"}, {"with-dash", "1"}};
  EXPECT_EQ(exported, want);
}

// Version 0.1 carries nothing from command to command, and yet what GITHUB_ENV says is the build's.
TEST_F(Steps, FinallyAndOnFailure) {
  EXPECT_EQ(run("version: 0.2\nphases:\n  pre_build:\n    on-failure: CONTINUE\n    steps: [{run: exit 9}]\n"
                "    finally: ['echo finally $CODEBUILD_BUILD_SUCCEEDING']\n"
                "  build:\n    steps: [{run: 'echo build $CODEBUILD_BUILD_SUCCEEDING'}]\n"),
            Outcome::failed);
  EXPECT_EQ(said(), "##[error]Process completed with exit code 9.\nfinally 0\nbuild 0\n");
  EXPECT_EQ(seen.finished.failed_phase, "PRE_BUILD");
}

// 10.1, 10.2: what runs in a cancelled job.
TEST_F(Steps, S10_Cancellation) {
  request.sigint_grace = request.sigterm_grace = std::chrono::milliseconds(200);
  action(local("a"), std::string(kNode) + ", post: main.sh}\n", {{"main.sh", "echo action\n"}});
  const fs::path ready = source() / "ready";
  std::jthread stopper([&] {
    while (!fs::exists(ready)) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_EQ(steps("- uses: ./a\n- {id: s, run: ': > ready; exec sleep 300'}\n- run: echo not\n"
                  "- {if: failure(), run: echo not}\n- {if: cancelled(), run: 'echo cancelled ${{ "
                  "steps.s.outcome }}'}\n"
                  "- {if: always(), run: 'echo always ${{ job.status }}'}\n"),
            Outcome::interrupted);
  EXPECT_EQ(said(),
            "action\n##[error]The operation was canceled.\ncancelled cancelled\nalways cancelled\nPost job "
            "cleanup.\n"
            "action\n");
  EXPECT_EQ(seen.find_phase("BUILD")->status, Status::stopped);
}

// 3.5, 10.1, 10.2: the same in the middle of nested composite actions, of a process that heeds no signal.
TEST_F(Steps, S10_CancellationInAComposite) {
  request.sigint_grace = request.sigterm_grace = std::chrono::milliseconds(300);
  action(remote("o/P"), std::string(kNode) + ", post: post.sh}\n",
         {{"main.sh", "echo main\n"}, {"post.sh", "echo post\n"}});
  action(local("inner"),
         "runs:\n  using: composite\n  steps:\n"
         "    - {uses: o/P@v1}\n"
         "    - id: w\n      shell: bash\n      run: |\n"
         "        exec 2> /dev/null; trap 'echo int >> signals' INT; trap 'echo term >> signals' TERM\n"
         "        : > ready; while :; do sleep 0.02 || true; done\n"
         "    - {shell: bash, run: echo not}\n"
         "    - {shell: bash, if: failure(), run: echo not}\n"
         "    - {shell: bash, if: cancelled(), run: 'echo inner ${{ steps.w.outcome }} ${{ "
         "steps.w.conclusion }}'}\n");
  action(local("outer"),
         "runs:\n  using: composite\n  steps:\n    - {id: i, uses: ./inner}\n    - {shell: bash, run: echo "
         "not}\n"
         "    - {shell: bash, if: always(), run: 'echo outer ${{ steps.i.outcome }}'}\n");
  const fs::path ready = source() / "ready";
  std::jthread stopper([&] {
    while (!fs::exists(ready)) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_EQ(steps("- {id: c, uses: ./outer}\n- run: echo not\n"
                  "- {if: always(), run: 'echo job ${{ job.status }} ${{ steps.c.outcome }}'}\n"),
            Outcome::interrupted);
  EXPECT_EQ(said(),
            "main\n##[error]The operation was canceled.\ninner cancelled cancelled\nouter cancelled\n"
            "job cancelled cancelled\nPost job cleanup.\nPost job cleanup.\nPost job cleanup.\npost\n");
  EXPECT_EQ(outcomes(), "build[0] cancelled, build[1] skipped, build[2] success, build[0].post success");
  EXPECT_EQ(test::contents(source() / "signals"), "int\nterm\n");
}

// 3.5: the steps of a composite have what is left of its time. (Takes its minute, too.)
TEST_F(Steps, S3_5_TimeoutOfAComposite) {
  request.sigint_grace = request.sigterm_grace = std::chrono::milliseconds(200);
  action(local("c"),
         "runs:\n  using: composite\n  steps:\n    - {shell: bash, run: exec sleep 300}\n"
         "    - {shell: bash, run: echo not}\n    - {shell: bash, if: always(), run: echo too late}\n");
  EXPECT_EQ(steps("- {id: c, name: Wait, uses: ./c, timeout-minutes: 1}\n"
                  "- {if: failure(), run: 'echo ${{ steps.c.outcome }}'}\n"),
            Outcome::failed);
  EXPECT_EQ(said(), "##[error]The action has timed out.\n##[error]The action has timed out.\nfailure\n");
  EXPECT_EQ(outcomes(), "build[0] failure, build[1] success");
}

// 10.1: a running step whose condition holds in a cancelled job goes on.
TEST_F(Steps, S10_1_SurvivesCancel) {
  const fs::path ready = source() / "ready", go_on = source() / "go";
  std::jthread stopper([&] {
    while (!fs::exists(ready)) std::this_thread::yield();
    stop.request_stop();
    test::put(go_on, "");
  });
  EXPECT_EQ(steps("- {if: always(), run: ': > ready; while [ ! -e go ]; do sleep 0.01; done; sleep 0.2; echo "
                  "done'}\n"),
            Outcome::interrupted);
  EXPECT_EQ(said(), "done\n");
}

/// Says "retry" once, after the task of that label, when `mend` has been called.
/// Leaves steps out.
class LeavingOut : public UnattendedController {
 public:
  explicit LeavingOut(std::vector<std::string> skip) : skip_(std::move(skip)) {}
  Selection select(const PlanMade& plan) override { return select_tasks({{}, skip_, "", ""}, plan); }

 private:
  std::vector<std::string> skip_;
};

// A step that is left out has no stage, its action is not fetched, and to others it was skipped.
TEST_F(Steps, WhatIsLeftOutDoesNotRun) {
  action(remote("o/A"), std::string(kNode) + ", pre: main.sh, post: main.sh}\n", {{"main.sh", "echo ran\n"}});
  LeavingOut leaving({"build[0]", "build[1]"});
  controller = &leaving;
  EXPECT_EQ(steps("- {id: a, uses: o/A@v1}\n"
                  "- {uses: not/there@v1}\n"
                  "- run: echo ${{ steps.a.outcome }} ${{ steps.a.conclusion }}\n"
                  "- uses: o/A@v1\n"),
            Outcome::succeeded)
      << error;
  EXPECT_EQ(said(), "ran\nskipped skipped\nran\nPost job cleanup.\nran\n");
  EXPECT_EQ(outcomes(), "build[3].pre success, build[2] success, build[3] success, build[3].post success");
  ASSERT_TRUE(seen.selected.has_value());
  EXPECT_EQ(seen.selected->left_out, (std::vector<std::string>{"build[0]", "build[1]"}));
  EXPECT_EQ(seen.finished.left_out, 2u);

  LeavingOut all({"build"});
  controller = &all;
  EXPECT_EQ(steps("- run: echo no\n"), Outcome::invalid);
  EXPECT_TRUE(seen.has("nothing-selected"));
}

class RetryingController : public UnattendedController {
 public:
  RetryingController(std::string label, std::function<void()> mend)
      : label_(std::move(label)), mend_(std::move(mend)) {}
  Answer after(const TaskFinished& task) override {
    if (task.step) log += task.label + " " + task.step->outcome + "\n";
    if (retried_ || task.label != label_) return Answer::go_on;
    retried_ = true;
    mend_();
    return Answer::retry;
  }
  std::string log;

 private:
  std::string label_;
  std::function<void()> mend_;
  bool retried_ = false;
};

// A step that is run again starts from where it started before.
TEST_F(Steps, TheControllerHasAStepRunAgain) {
  RetryingController retrying("build[1]", [&] { test::put(source() / "mended", ""); });
  controller = &retrying;
  test::put(source() / "m.json",
            R"({"problemMatcher":[{"owner":"m","pattern":[{"regexp":"^bad: (.*)$","message":1}]}]})");
  EXPECT_EQ(
      steps("- run: echo A=before >> $GITHUB_ENV\n"
            "- id: a\n"
            "  run: |\n"
            "    echo \"A=$A PATH=${PATH%%:*} [${{ steps.a.outcome }}]\"\n"
            "    [ ! -e mended ] || exit 0\n"
            "    echo A=changed >> $GITHUB_ENV\n"
            "    echo B=new >> $GITHUB_ENV\n"
            "    echo o=1 >> $GITHUB_OUTPUT\n"
            "    echo /first >> $GITHUB_PATH\n"
            "    echo ::add-matcher::m.json\n"
            "    exit 3\n"
            "- run: |\n"
            "    echo \"A=$A B=$B PATH=${PATH%%:*} [${{ steps.a.outputs.o }}] ${{ steps.a.outcome }}\"\n"
            "    echo bad: one\n",
            "", "  post_build:\n    commands: ['echo \"A=$A B=$B\"']\n"),
      Outcome::succeeded);
  EXPECT_EQ(said(),
            "A=before PATH=/usr/local/bin []\n##[error]Process completed with exit code 3.\n"
            "A=before PATH=/usr/local/bin []\nA=before B= PATH=/usr/local/bin [] success\nbad: one\n"
            "A=before B=\n");
  EXPECT_EQ(outcomes(), "build[0] success, build[1] failure, build[1] success, build[2] success");
  EXPECT_EQ(retrying.log, "build[0] success\nbuild[1] failure\nbuild[1] success\nbuild[2] success\n");
}

// What began in both runs is cleaned up once, with what the last one saved; a local action is read again.
TEST_F(Steps, AnActionThatIsRunAgainHasOnePost) {
  action(remote("o/A"), std::string(kNode) + ", post: post.sh}\n",
         {{"main.sh", "echo main; echo \"s=$(cat of)\" >> \"$GITHUB_STATE\"; cat of; test $(cat of) = 2\n"},
          {"post.sh", "echo post $STATE_s\n"}});
  test::put(source() / "of", "1\n");
  RetryingController remote_again("build[0]", [&] { test::put(source() / "of", "2\n"); });
  controller = &remote_again;
  EXPECT_EQ(steps("- uses: o/A@v1\n"), Outcome::succeeded);
  EXPECT_EQ(said(), "main\n1\nmain\n2\nPost job cleanup.\npost 2\n");

  const std::string composite = "runs:\n  using: composite\n  steps:\n    - {id: x, shell: sh, run: ";
  action(local("c"), composite + "'echo r=1 >> $GITHUB_OUTPUT; exit 3'}\n");
  RetryingController local_again(
      "build[0]", [&] { action(local("c"), composite + "'echo \"[${{ steps.x.outputs.r }}]\"'}\n"); });
  controller = &local_again;
  EXPECT_EQ(steps("- uses: ./c\n"), Outcome::succeeded);
  EXPECT_EQ(said(), "##[error]Process completed with exit code 3.\n[]\n");
}

// The build's own limit ends everything, posts too (buildspec.md 3.10).
TEST_F(Steps, ABuildTimeOutEndsEverything) {
  request.sigint_grace = request.sigterm_grace = std::chrono::milliseconds(100);
  request.command_timeout = std::chrono::milliseconds(300);
  action(local("a"), std::string(kNode) + ", post: main.sh}\n", {{"main.sh", "echo action\n"}});
  EXPECT_EQ(steps("- uses: ./a\n- run: sleep 300\n- {if: always(), run: echo not}\n"), Outcome::failed);
  EXPECT_EQ(seen.finished.status, Status::timed_out);
  EXPECT_EQ(seen.find_phase("BUILD")->code, "BUILD_TIMED_OUT");
  EXPECT_EQ(said(), "action\n##[error]The operation was canceled.\n");
}

// 10.4: what a step leaves behind ends with the job, by SIGKILL; what commands leave behind does not, nor what has taken
// itself out.
TEST_F(Steps, S10_4_Orphans) {
  EXPECT_EQ(
      run("version: 0.2\nphases:\n"
          "  install:\n    commands: ['(setsid sleep 300 > /dev/null 2>&1 & echo $! > of_commands)']\n"
          "  pre_build:\n    steps:\n"
          "      - run: |\n"
          "          sleep 300 > /dev/null 2>&1 &\n"
          "          echo $! > orphan\n"
          "          setsid sh -c 'trap \"\" TERM INT; echo $$ > escaped; while :; do sleep 1; done' > "
          "/dev/null 2>&1 &\n"
          "          RUNNER_TRACKING_ID= setsid sleep 300 > /dev/null 2>&1 & echo $! > out\n"
          "          while [ ! -s escaped ]; do sleep 0.01; done\n"
          "          while tr '\\0' '\\n' < /proc/$(cat out)/environ | grep -q 'RUNNER_TRACKING_ID=.'; do "
          "sleep 0.01; done\n"
          "      - run: kill -0 $(cat orphan) && kill -0 $(cat escaped) && echo alive\n"
          "  post_build:\n    commands:\n"
          "      - for each in of_commands orphan escaped out; do kill -0 $(cat $each) 2> /dev/null && "
          "echo $each; done; true\n"),
      Outcome::succeeded);
  EXPECT_EQ(said(), "alive\nof_commands\nout\n");
  const std::string cleaned = "Cleaning up orphan processes\nTerminate orphan process: pid (";
  EXPECT_NE(seen.output.find(cleaned), std::string::npos) << seen.output;
  for (const auto& [file, name] : {std::pair("orphan", "sleep"), std::pair("escaped", "sh")}) {
    std::string pid = test::contents(source() / file);
    pid.pop_back();
    EXPECT_NE(seen.output.find("Terminate orphan process: pid (" + pid + ") (" + name + ")\n"),
              std::string::npos)
        << seen.output;
  }
  for (const char* file : {"of_commands", "out"})
    EXPECT_NE(::kill(std::stoi(test::contents(source() / file)), 0), 0) << "the build's end: " << file;
}

// 3.14
TEST_F(Steps, S3_14_OomScore) {
  EXPECT_EQ(steps("- run: cat /proc/self/oom_score_adj\n"
                  "- {run: cat /proc/self/oom_score_adj, env: {PIPELINE_JOB_OOMSCOREADJ: 812}}\n"
                  "- {run: cat /proc/self/oom_score_adj, env: {PIPELINE_JOB_OOMSCOREADJ: 5000}}\n"
                  "- {run: cat /proc/self/oom_score_adj, env: {PIPELINE_JOB_OOMSCOREADJ: much}}\n",
                  "", "  post_build:\n    commands: [cat /proc/self/oom_score_adj]\n"),
            Outcome::succeeded);
  EXPECT_EQ(said(), "500\n812\n1000\n500\n" + test::contents("/proc/self/oom_score_adj"));
}

// 3.15; services.md 3, 17: who gets the services' variables.
TEST_F(Steps, S3_15_ServicesAreForActions) {
  constexpr const char* kShow =
      "env | grep -E '^(ACTIONS_|no_proxy|NO_PROXY)' | sed 's/:[0-9]*.$/:PORT\\//' | sort\n";
  action(remote("o/A"), std::string(kNode) + ", post: main.sh}\n", {{"main.sh", kShow}});
  action(local("inner"),
         "name: x\ndescription: x\nruns:\n  using: composite\n  steps:\n    - run: env | grep -c '^ACTIONS_' "
         "|| true\n"
         "      shell: sh\n    - uses: o/A@v1\n");
  const std::string shown =
      "ACTIONS_CACHE_SERVICE_V2=True\nACTIONS_CACHE_URL=http://127.0.0.1:PORT/\nACTIONS_RESULTS_URL=http://"
      "127.0.0.1:PORT/\nACTIONS_RUNTIME_TOKEN=***\nACTIONS_RUNTIME_URL=http://127.0.0.1:PORT/\n";
  EXPECT_EQ(steps("- run: env | grep -c '^ACTIONS_' || true\n- uses: ./inner\n"), Outcome::succeeded);
  EXPECT_EQ(said(), "0\n0\n" + shown + "Post job cleanup.\nPost job cleanup.\n" + shown);

  EXPECT_EQ(steps("- uses: o/A@v1\n  env: {HTTPS_PROXY: 'http://p:1', no_proxy: a.b}\n"), Outcome::succeeded);
  EXPECT_EQ(said().substr(0, shown.size() + 53),
            shown + "NO_PROXY=a.b,127.0.0.1\nno_proxy=a.b,127.0.0.1\n" + "Post jo");

  request.steps.services = false;
  EXPECT_EQ(steps("- uses: o/A@v1\n"), Outcome::succeeded);
  EXPECT_EQ(said(), "Post job cleanup.\n");
}

}  // namespace
}  // namespace buildspec_run
