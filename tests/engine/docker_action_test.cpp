// Docker actions as their user meets them: the program, a real engine, real containers. Source: actions.md section 8.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/engine.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::ask_docker;
using test::contents;
using test::engine_image;
using test::eventually;
using test::put;
using test::Ran;
using Words = std::vector<std::string>;

constexpr const char* kProgram = PROJECT_BINARY_DIR "/bin/buildspec-run";

class DockerAction : public testing::Test {
 protected:
  void SetUp() override {
    if (engine_image().empty()) GTEST_SKIP() << "no container engine; tests/support/engine.sh starts one";
    for (const char* name : {"home", "tmp", "src"}) std::filesystem::create_directories(directory_ / name);
  }

  /// A buildspec with these steps in its build phase.
  void put_steps(const std::string& steps, const std::string& head = "", const std::string& tail = "") {
    put(directory_ / "src/buildspec.yml",
        "version: 0.2\n" + head + "phases:\n  build:\n    steps:\n" + steps + tail);
  }
  /// A local action of the base image: `runs` are more keys of its runs.
  void put_action(const std::string& runs, const std::string& more = "") {
    put(directory_ / "src/act/Dockerfile",
        "FROM " + engine_image() + "\nCOPY *.sh /\nENTRYPOINT [\"sh\", \"/main.sh\"]\n");
    put(directory_ / "src/act/action.yml",
        "name: act\n" + more + "runs:\n  using: docker\n  image: Dockerfile\n" + runs);
  }

  [[nodiscard]] std::map<std::string, std::string> environment() const {
    std::map<std::string, std::string> all = test::engine_environment((directory_ / "home").native());
    all["TMPDIR"] = (directory_ / "tmp").native();
    return all;
  }
  [[nodiscard]] Words command(Words options = {}) const {
    Words argv = {kProgram, "run", "-C", (directory_ / "src").native(), "--no-keep", "--format", "plain"};
    argv.insert(argv.end(), options.begin(), options.end());
    return argv;
  }
  [[nodiscard]] test::Start on_terminal(Words options) const {
    test::Start start;
    start.argv = command(std::move(options));
    start.env = environment();
    start.env["TERM"] = "dumb";
    start.on_terminal = true;
    return start;
  }
  Ran run(Words options = {}) { return test::run_program(command(std::move(options)), environment()); }

  test::TemporaryDirectory directory_;
};

/// What stands between `from` and the end of its line.
std::string after(const std::string& text, const std::string& from) {
  const std::size_t begin = text.find(from);
  if (begin == text.npos) return "(no " + from + ")";
  const std::size_t value = begin + from.size();
  return text.substr(value, text.find('\n', value) - value);
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

TEST_F(DockerAction, RunsItsStagesWithTheArgumentsOfTheMetadata) {
  // 8.4: all stages get the same arguments; a local action has no pre.
  put_action(
      "  pre-entrypoint: /pre.sh\n  entrypoint: /entry.sh\n  post-entrypoint: /post.sh\n"
      "  args: ['${{ inputs.who }}', 'two \"words\"', '']\n"
      "  env: {OWN: of the action, GIVEN: of the action}\n",
      "inputs: {who: {default: world}}\n");
  put(directory_ / "src/act/main.sh", "");
  const auto script = [&](const std::string& name, const std::string& text) {
    put(directory_ / "src/act" / name, "#!/bin/sh\n" + text);
    ::chmod((directory_ / "src/act" / name).c_str(), 0755);
  };
  script("pre.sh", "echo pre\n");
  script("entry.sh",
         "echo \"main: $# <$1> <$2> <$3> $OWN, $GIVEN, $INPUT_WHO\"; echo kept=from main >>$GITHUB_STATE\n");
  script("post.sh", "echo \"post: $# <$1> $STATE_kept\"\n");
  put_steps(
      "      - uses: ./act\n        with: {who: there, args: not these}\n        env: {GIVEN: of the step}\n"
      "      - run: echo between\n");
  const Ran ran = run();
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_EQ(after(ran.out, "main: "), "3 <there> <two \"words\"> <> of the action, of the step, there");
  EXPECT_EQ(after(ran.out, "post: "), "3 <there> from main");
  EXPECT_FALSE(has(ran.out, "\npre\n"));
  EXPECT_LT(ran.out.find("\nbetween\n"), ran.out.find("\npost: "));
}

TEST_F(DockerAction, RunsAnImageWithTheStepsEntrypointAndArguments) {
  if (test::engine_registry().empty()) GTEST_SKIP() << "no registry";
  const std::string image = test::engine_registry() + "/busybox:1";
  put_steps("      - uses: docker://" + image +
            "\n        with: {entryPoint: /bin/echo, args: 'one \"two three\" ''four'}\n"
            "      - uses: docker://" +
            image + "\n        with: {entrypoint: /bin/echo, args: again}\n");
  const Ran ran = run();
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "\n##[group]Pull down action image '" + image + "'\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "\none two three 'four\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "\nagain\n")) << ran.out;
  const std::string pull = " pull " + image + "\n";
  EXPECT_EQ(ran.out.find(pull), ran.out.rfind(pull)) << "once for both";
  ask_docker({"image", "rm", image});
}

// 3.1, 8.2: pulls, then builds, each once and before the first step, whatever the conditions of those that use them; a
// local action's is built when it starts.
TEST_F(DockerAction, ImagesAreReadyBeforeTheFirstStep) {
  if (test::engine_registry().empty()) GTEST_SKIP() << "no registry";
  const std::string image = test::engine_registry() + "/busybox:1", base = "FROM " + engine_image() + "\n";
  put_action("");
  put(directory_ / "src/act/main.sh", "echo local\n");
  put(directory_ / "built/Dockerfile", base + "ENTRYPOINT [\"echo\", \"built ran\"]\n");
  put(directory_ / "built/action.yml", "runs: {using: docker, image: Dockerfile}\n");
  put(directory_ / "outer/action.yml",
      "runs:\n  using: composite\n  steps: [{uses: o/built@v1}, {uses: 'docker://" + image +
          "', with: {args: echo inner}}]\n");
  put_steps(
      "      - run: echo first\n      - uses: o/outer@v1\n      - {uses: o/built@v1, if: false}\n"
      "      - uses: ./act\n      - {uses: 'docker://" +
      image + "', with: {args: echo pulled}}\n");
  const Ran ran = run({"--replace", "o/built=" + (directory_ / "built").native(), "--replace",
                       "o/outer=" + (directory_ / "outer").native()});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  std::size_t before = 0;
  for (const std::string& line : Words{
           "[build.image[0]] step: Pull " + image, "##[group]Pull down action image '" + image + "'",
           "[build.image[1]] step: Build o/built@v1", "##[group]Build container for action use: '", "first\n",
           "built ran\n", "inner\n", "##[group]Building docker image\n", "local\n", "pulled\n"}) {
    const std::size_t at = ran.out.find("\n" + line);
    EXPECT_TRUE(at != ran.out.npos && at > before) << line << " in\n" << ran.out;
    before = at;
  }
  for (const char* line : {"\n##[group]Pull down", "\n##[group]Build container"})
    EXPECT_EQ(ran.out.find(line), ran.out.rfind(line)) << "once for all";
  ask_docker({"image", "rm", image});
}

// 1.3: what a local composite action uses is known when that starts, and no earlier.
TEST_F(DockerAction, ImagesOfALocalCompositeAreReadyWhenItStarts) {
  put(directory_ / "built/Dockerfile", "FROM " + engine_image() + "\nENTRYPOINT [\"echo\", \"built ran\"]\n");
  put(directory_ / "built/action.yml", "runs: {using: docker, image: Dockerfile}\n");
  put(directory_ / "src/outer/action.yml",
      "runs:\n  using: composite\n  steps: [{shell: sh, run: echo inner}, {uses: o/built@v1}]\n");
  put_steps("      - run: echo first\n      - uses: ./outer\n");
  const Ran ran = run({"--replace", "o/built=" + (directory_ / "built").native()});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  std::size_t before = 0;
  for (const std::string& line :
       Words{"first\n", "[build[1]] step: Run ./outer\n", "##[group]Build container for action use: '",
             "inner\n", "built ran\n"}) {
    const std::size_t at = ran.out.find("\n" + line);
    EXPECT_TRUE(at != ran.out.npos && at > before) << line << " in\n" << ran.out;
    before = at;
  }
}

TEST_F(DockerAction, NoStepStartsWithoutItsImages) {
  put(directory_ / "built/Dockerfile", "FROM " + engine_image() + "\nRUN exit 9\n");
  put(directory_ / "built/action.yml", "runs: {using: docker, image: Dockerfile}\n");
  put_steps(
      "      - run: echo never\n      - {uses: o/built@v1, if: false}\n"
      "      - {run: 'echo \"always ${{ job.status }}\"', if: always()}\n");
  const Ran ran = run({"--replace", "o/built=" + (directory_ / "built").native()});
  EXPECT_EQ(ran.exit, 1) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "back off ")) << ran.out;
  EXPECT_TRUE(has(ran.out, "\n##[error]Docker build failed with exit code ")) << ran.out;
  EXPECT_FALSE(has(ran.out, "\nnever\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "\nalways failure\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "FAILED in BUILD, build.image[0] `Build o/built@v1`")) << ran.out;
}

TEST_F(DockerAction, PassesOnWhatItWritesIntoTheFilesOfCommands) {
  put_action("");
  put(directory_ / "src/act/main.sh",
      "echo VALUE=from the container >>$GITHUB_ENV\necho out=put >>$GITHUB_OUTPUT\n"
      "echo /prepended >>$GITHUB_PATH\necho '## Done' >>$GITHUB_STEP_SUMMARY\necho \"path: $PATH\"\n");
  put_steps(
      "      - id: one\n        uses: ./act\n      - uses: ./act\n"
      "      - run: echo \"got $VALUE, ${{ steps.one.outputs.out }}, ${PATH%%:*}\"\n",
      "env: {exported-variables: [VALUE]}\n", "  post_build: {commands: ['echo \"command got $VALUE\"']}\n");
  const Ran ran = run();
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_EQ(after(ran.out, "\ngot "), "from the container, put, /prepended");
  EXPECT_EQ(after(ran.out, "\ncommand got "), "from the container");
  EXPECT_EQ(after(ran.out, "\npath: "), "/bin") << "the image's";
  EXPECT_EQ(after(ran.out.substr(ran.out.rfind("\npath: ")), "\npath: "), "/bin")
      << "3.12: no prepends in a container";
}

TEST_F(DockerAction, SeesItsDirectoriesUnderTheirNamesInTheContainer) {
  put_action("");
  put(directory_ / "src/act/main.sh",
      "echo \"ws $GITHUB_WORKSPACE, home $HOME, temp $RUNNER_TEMP, event $GITHUB_EVENT_PATH, cwd $(pwd)\"\n"
      "echo \"env ${GITHUB_ENV%/*}, here $INPUT_HERE, list $INPUT_LIST\"\n"
      "ls -d $HOME $RUNNER_TEMP $GITHUB_EVENT_PATH $GITHUB_ENV >/dev/null && echo all there\n"
      "echo '::error file=/github/workspace/src/a.c,line=3::wrong'\n"
      "echo '::add-matcher::/github/workspace/matcher.json'\necho 'BAD /github/workspace/src/b.c:7: "
      "awful'\n");
  put(directory_ / "src/matcher.json",
      R"({"problemMatcher": [{"owner": "x", "pattern": [{"regexp": "^BAD (.+):(\\d+): (.*)$", "file": 1, "line": 2, "message": 3}]}]})");
  put(directory_ / "src/src/b.c", "");
  const std::string here = (directory_ / "src").native();
  // 3.16: a matcher's file counts in a repository that is the workflow's.
  for (const Words& git :
       {Words{"git", "init", "-q", here},
        Words{"git", "-C", here, "remote", "add", "origin", "https://github.com/owner/repo"}})
    ASSERT_EQ(test::run_program(git, environment()).exit, 0);
  put_steps("      - uses: ./act\n        with: {here: '" + here + "/x', list: 'a:" + here + "'}\n");
  const Ran ran = run();
  EXPECT_EQ(after(ran.out, "\nws "),
            "/github/workspace, home /github/home, temp /github/runner_temp, event "
            "/github/workflow/event.json, cwd "
            "/github/workspace");
  EXPECT_EQ(after(ran.out, "\nenv "), "/github/file_commands, here /github/workspace/x, list a:" + here)
      << "8.6: the prefix of the whole value only";
  EXPECT_TRUE(has(ran.out, "\nall there\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "src/a.c:3: error: wrong")) << ran.out;
  EXPECT_TRUE(has(ran.out, "src/b.c:7: error: awful")) << ran.out;
}

TEST_F(DockerAction, FailsWithItsContainer) {
  put_action("");
  put(directory_ / "src/act/main.sh", "exit 3\n");
  put_steps(
      "      - id: a\n        uses: ./act\n        continue-on-error: true\n"
      "      - run: echo \"was ${{ steps.a.outcome }}\"\n      - uses: ./act\n      - run: echo never\n");
  const Ran ran = run();
  EXPECT_EQ(ran.exit, 1) << ran.out << ran.err;
  EXPECT_EQ(after(ran.out, "\nwas "), "failure");
  EXPECT_FALSE(has(ran.out, "\nnever\n"));
}

TEST_F(DockerAction, FailsWithTheEnginesReasonWhenItsImageCannotBeBuilt) {
  put_action("");
  put(directory_ / "src/act/Dockerfile", "FROM " + engine_image() + "\nRUN echo this is why; exit 9\n");
  put_steps("      - uses: ./act\n");
  const Ran ran = run();
  EXPECT_EQ(ran.exit, 1) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "\nthis is why\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "Docker build failed with exit code ")) << ran.out;
}

TEST_F(DockerAction, NeedsAnEngineOnlyWhenItIsReached) {
  put_action("");
  put(directory_ / "src/act/main.sh", "");
  put_steps("      - uses: ./act\n        if: env.WANTED == 'yes'\n      - run: echo went on\n");
  std::map<std::string, std::string> without = environment();
  std::filesystem::create_directories(directory_ / "bin");
  for (const char* name : {"sh", "bash", "env", "cat", "mkdir", "rm"})
    std::filesystem::create_symlink("/bin/" + std::string(name), directory_ / "bin" / name);
  without["PATH"] = (directory_ / "bin").native();
  Ran ran = test::run_program(command(), without);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  ran = test::run_program(command({"--env", "WANTED=yes"}), without);
  EXPECT_EQ(ran.exit, 1) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "neither docker nor podman is on the path")) << ran.out;
}

TEST_F(DockerAction, KeepsSecretsOffCommandLinesAndOutOfTheLog) {
  put_action("");
  put(directory_ / "src/act/main.sh",
      "echo \"length ${#TOKEN}, value $TOKEN\"; cat /proc/*/cmdline | tr '\\0' ' '\n");
  put_steps("      - uses: ./act\n        env: {HTTPS_PROXY: 'http://me:${{ secrets.TOKEN }}@proxy'}\n");
  const Ran ran = run({"--secret", "TOKEN=hunter2-hunter2"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_EQ(after(ran.out, "\nlength "), "15, value ***");
  EXPECT_FALSE(has(ran.out + ran.err, "hunter2"));
  EXPECT_TRUE(has(ran.out, " -e \"TOKEN\" ")) << "by its name alone";
  const std::string shown = after(ran.out, "run --name ");
  EXPECT_TRUE(has(shown, "/" + shown.substr(0, shown.find(' ')) + ".env ")) << shown;
}

TEST_F(DockerAction, ReachesTheEnginesSocketAndTheHostsNetworkOnlyWhenAsked) {
  if (test::engine_registry().empty()) GTEST_SKIP() << "no registry";
  put_action("");
  put(directory_ / "src/act/main.sh",
      "test -S /var/run/docker.sock && echo socket\n"
      "wget -q -O - http://" +
          test::engine_registry() + "/v2/ && echo loopback\necho end\n");
  put_steps("      - uses: ./act\n");
  Ran ran = run();
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_FALSE(has(ran.out, "\nsocket\n"));
  EXPECT_FALSE(has(ran.out, "loopback\n"));
  ran = run({"--docker-socket", "--container-network", "host"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "\nsocket\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "{}loopback\n")) << ran.out;
}

// services.md 3.1, 19: on a network of its own a container could not reach them.
TEST_F(DockerAction, FindsTheServicesOnTheHostsNetwork) {
  put_action("");
  put(directory_ / "src/act/main.sh",
      "echo \"switch '$ACTIONS_CACHE_SERVICE_V2', token '$ACTIONS_RUNTIME_TOKEN'\"\n"
      "[ -z \"$ACTIONS_CACHE_URL\" ] || wget -q -S -O - "
      "\"${ACTIONS_CACHE_URL}_apis/artifactcache/cache?keys=k&version=v\" "
      "--header \"Authorization: Bearer $ACTIONS_RUNTIME_TOKEN\" 2>&1\necho end\n");
  put_steps("      - uses: ./act\n");
  Ran ran = run({"--debug"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "\nswitch '', token ''\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "are for containers with --container-network host")) << ran.out;
  ran = run({"--container-network", "host"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_TRUE(has(ran.out, "\nswitch '', token '***'\n")) << ran.out;
  EXPECT_TRUE(has(ran.out, "HTTP/1.1 204 No Content")) << ran.out;
}

TEST_F(DockerAction, LeavesFilesThatBelongToTheCaller) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  constexpr unsigned kUser = 12345;
  put_action("");
  put(directory_ / "src/act/main.sh",
      "mkdir -p out/deep; echo 1 >out/deep/file; chmod 700 out; echo 2 >/github/home/x\n");
  put_steps("      - uses: ./act\n", "", "  post_build: {commands: ['rm -r out', 'touch gone']}\n");
  // Where the other user may read it, wherever it was built.
  const std::filesystem::path program(kProgram), there = directory_ / "program";
  std::filesystem::create_directories(there / "bin");
  std::filesystem::copy(program.parent_path().parent_path() / "libexec", there / "libexec",
                        std::filesystem::copy_options::recursive);
  std::filesystem::copy(program, there / "bin/buildspec-run");
  ::chmod(directory_.path().c_str(), 0755);
  for (const char* name : {"src", "tmp", "home"}) {
    ASSERT_EQ(::chown((directory_ / name).c_str(), kUser, kUser), 0);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ / name))
      ASSERT_EQ(::chown(entry.path().c_str(), kUser, kUser), 0);
  }
  Words argv = command();
  argv.front() = (there / "bin/buildspec-run").native();
  // The engine's socket is for its group, which here is root's.
  for (const char* word : {"--clear-groups", "0", "--regid", "12345", "--reuid", "setpriv"})
    argv.insert(argv.begin(), word);
  const Ran ran = test::run_program(argv, environment());
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_TRUE(std::filesystem::exists(directory_ / "src/gone"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "tmp") || !has(ran.err, "cannot")) << ran.err;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ / "tmp"))
    EXPECT_NE(entry.path().filename().string().substr(0, 4), "run-")
        << "the run's directory could be removed";
}

/// A build whose container neither ends by itself nor heeds a signal, begun.
class DockerActionStopped : public DockerAction {
 protected:
  void SetUp() override {
    DockerAction::SetUp();
    if (IsSkipped()) return;
    put_action("");
    put(directory_ / "src/act/main.sh", "trap '' INT TERM\n: >begun\nwhile :; do sleep 1000; done\n");
    put_steps("      - uses: ./act\n");
  }
  /// Containers that have our workspace.
  [[nodiscard]] std::string containers() const {
    return ask_docker({"ps", "--all", "--quiet", "--filter", "volume=" + (directory_ / "src").native()});
  }
  test::RunningProgram start(Words options = {}) {
    test::Start start;
    start.argv = command(std::move(options));
    start.env = environment();
    start.out = directory_ / "out";
    start.err = directory_ / "err";
    return test::RunningProgram(start);
  }
  bool begun() {
    return eventually([&] { return std::filesystem::exists(directory_ / "src/begun"); }) &&
           !containers().empty();
  }
};

TEST_F(DockerActionStopped, LeavesNoContainerAfterKill9) {
  test::RunningProgram program = start();
  ASSERT_TRUE(begun()) << contents(directory_ / "out");
  ::kill(program.pid(), SIGKILL);
  program.wait();
  EXPECT_TRUE(eventually([&] { return containers().empty(); })) << containers();
}

TEST_F(DockerActionStopped, LeavesNoContainerAfterTwoCtrlC) {
  test::RunningProgram program = start();
  ASSERT_TRUE(begun()) << contents(directory_ / "out");
  // Two at once may arrive as one.
  EXPECT_TRUE(eventually([&] {
    ::kill(program.pid(), SIGINT);
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(program.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == program.pid();
  }));
  EXPECT_EQ(program.wait(), 130) << contents(directory_ / "err");
  EXPECT_EQ(containers(), "");
}

TEST_F(DockerActionStopped, HandsCtrlCOnToTheContainer) {
  put(directory_ / "src/act/main.sh",
      "trap 'echo heard; exit 42' INT\n: >begun\nwhile :; do sleep 0.1; done\n");
  test::RunningProgram program = start();
  ASSERT_TRUE(begun()) << contents(directory_ / "out");
  ::kill(program.pid(), SIGINT);
  EXPECT_EQ(program.wait(), 130) << contents(directory_ / "err");
  EXPECT_TRUE(has(contents(directory_ / "out"), "\nheard\n")) << contents(directory_ / "out");
  EXPECT_EQ(containers(), "");
}

// A shell after a step that has failed is in a new container of its image, with what the step's own was given.
TEST_F(DockerAction, AShellAfterAFailureIsInAContainer) {
  put_action("", "inputs: {x: {}}\n");
  put(directory_ / "src/act/main.sh", "test -e /github/workspace/mended\n");
  put_steps("      - {uses: ./act, with: {x: value}, env: {MINE: here}}\n");
  test::RunningProgram program(on_terminal({"--shell-on-failure"}));
  const auto sees = [&](const std::string& text) {
    return eventually([&] { return program.screen().find(text) != std::string::npos; });
  };
  ASSERT_TRUE(sees("after it has failed: sh in a container of ")) << program.screen();
  program.type("echo \"<$MINE|$INPUT_X|$PWD>\"; touch mended; exit\n");
  EXPECT_TRUE(sees("<here|value|/github/workspace>")) << program.screen();
  ASSERT_TRUE(sees("[r]etry")) << program.screen();
  program.type("r\n");
  EXPECT_EQ(program.wait(), 0) << program.screen();
}

TEST_F(DockerAction, AShellInAContainerIsLeftByResuming) {
  put_action("");
  put(directory_ / "src/act/main.sh", "false\n");
  put_steps("      - {uses: ./act, env: {ENV: production}}\n");
  test::RunningProgram program(on_terminal({"--shell-on-failure"}));
  const auto sees = [&](const std::string& text) {
    return eventually([&] { return program.screen().find(text) != std::string::npos; });
  };
  ASSERT_TRUE(sees("(build[0])")) << program.screen();
  program.type("echo \"<$ENV>\"; codebuild-resume\n");
  EXPECT_TRUE(sees("<production>")) << program.screen();
  EXPECT_TRUE(sees("by codebuild-resume")) << program.screen();
  EXPECT_EQ(program.wait(), 1) << program.screen();
}

// One that is open when the program is killed goes with it.
TEST_F(DockerAction, AShellInAContainerEndsWithTheRun) {
  put_action("");
  put(directory_ / "src/act/main.sh", "false\n");
  put_steps("      - uses: ./act\n");
  test::RunningProgram program(on_terminal({"--shell-on-failure"}));
  ASSERT_TRUE(eventually([&] { return program.screen().find("a container of ") != std::string::npos; }));
  program.type("echo in$((1+1))side\n");
  ASSERT_TRUE(eventually([&] { return program.screen().find("in2side") != std::string::npos; }))
      << program.screen();
  EXPECT_NE(ask_docker({"ps", "--quiet", "--filter", "volume=" + (directory_ / "src").native()}), "");
  program.send(SIGKILL);
  program.wait();
  // Of this test's: those of builds that failed stay.
  const std::string mine = "volume=" + (directory_ / "src").native();
  EXPECT_TRUE(eventually([&] { return ask_docker({"ps", "--quiet", "--all", "--filter", mine}).empty(); }));
}

}  // namespace
}  // namespace buildspec_run
