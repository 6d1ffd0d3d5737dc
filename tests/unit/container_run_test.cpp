// What is asked of an engine, call by call, with a docker that writes down how it was called (tests/support/bin/docker).
// tests/engine has the same with a real one.
#include "runner/container/container_run.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "runner/container/image.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;
using test::contents;
using test::eventually;
using test::put;

const Path kSupervisor = PROJECT_BINARY_DIR "/libexec/buildspec-run/buildspec-run-supervisor";
const std::string kDocker = TEST_SOURCE_DIR "/support/bin/docker";

class ContainerRun : public testing::Test {
 protected:
  ContainerRun() {
    EngineOptions options;
    options.program = kDocker;
    options.environment = {
        {"PATH", "/usr/bin:/bin"}, {"HOME", "/home/me"}, {"FAKE_DOCKER", directory_.path().native()}};
    options.label = "abc123";
    Result<ContainerEngine> engine = ContainerEngine::find(options);
    check(static_cast<bool>(engine), "the program is there");
    engine_.emplace(std::move(*engine));
    runner_ = make_runner();
    put(directory_ / "names", "");
  }
  static std::unique_ptr<ProcessRunner> make_runner(std::stop_token kill_now = {}) {
    auto runner = make_process_runner(kSupervisor, std::move(kill_now));
    check(static_cast<bool>(runner), "the supervisor starts");
    return std::move(*runner);
  }

  [[nodiscard]] ContainerSpec spec() const {
    ContainerSpec spec;
    spec.image = "alpine:3";
    spec.name = "alpine3_0f1e2d";
    spec.args = {"a  b", "c"};
    spec.workdir = kContainerWorkspace;
    spec.cwd = "/";
    return spec;
  }
  Result<ProcessEnd> run(const ContainerSpec& what, std::stop_token stop = {},
                         const ContainerLimits& limits = {}) {
    return run_container(
        *engine_, what, directory_ / "run", *runner_, [&](std::string_view chunk) { output_ += chunk; },
        std::move(stop), limits);
  }
  ImageOutcome prepare(const ImageNeed& need) {
    const ImageListener listener = {
        [&](std::string_view line) { lines_ += std::string(line) + "\n"; },
        [&](std::string_view text) { lines_ += "warning: " + std::string(text) + "\n"; },
        [&](std::string_view chunk) { output_ += chunk; }};
    Result<ImageOutcome> outcome = prepare_image(*engine_, need, *runner_, listener, {}, [&] {
      ++waits_;
      return 1ms;
    });
    EXPECT_TRUE(outcome);
    return outcome ? *outcome : ImageOutcome{};
  }
  /// Each call on a line, its arguments with a blank between, and forgets them.
  std::string calls() {
    std::string text = contents(directory_ / "calls"), lines;
    std::filesystem::remove(directory_ / "calls");
    for (std::size_t end = 0; (end = text.find("--\n", end)) != text.npos;) {
      if (end != 0 && text[end - 1] != '\n') {
        end += 3;
        continue;
      }
      std::string call = text.substr(0, end);
      if (!call.empty()) call.pop_back();
      for (char& c : call)
        if (c == '\n') c = ' ';
      lines += call + "\n";
      text.erase(0, end + 3);
      end = 0;
    }
    return lines;
  }

  test::TemporaryDirectory directory_;
  std::optional<ContainerEngine> engine_;
  std::unique_ptr<ProcessRunner> runner_;
  std::string output_, lines_;
  int waits_ = 0;
};

constexpr const char* kRun =
    "run --name alpine3_0f1e2d --label abc123 --workdir /github/workspace --rm -e GITHUB_ACTIONS=true -e "
    "CI=true"
    " alpine:3 a  b c\n";
constexpr const char* kRemove = "rm --force --volumes alpine3_0f1e2d\n";

TEST_F(ContainerRun, AsksForOneContainerAndNoMoreWhenItEndsByItself) {
  put(directory_ / "run.out", "said\n");
  put(directory_ / "run.exit", "3\n");
  const Result<ProcessEnd> end = run(spec());
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit.code, 3);
  EXPECT_EQ(output_, "said\n");
  EXPECT_EQ(calls(), kRun);
  runner_.reset();
  EXPECT_EQ(calls(), "") << "nothing is left to be done in the end";
}

TEST_F(ContainerRun, KeepsTheClientsVariablesAndHandsOverTheContainersByAFile) {
  std::filesystem::create_directories(directory_ / "run");
  put(directory_ / "names", "HOME\nSECRET\nDOCKER_HOST\n");
  ContainerSpec what = spec();
  what.env = {{"HOME", "/github/home"}, {"SECRET", "s3cret"}, {"DOCKER_HOST", "tcp://x"}};
  ASSERT_TRUE(run(what));
  const std::string file = env_file_of(what, directory_ / "run");
  EXPECT_EQ(calls(), "run --name alpine3_0f1e2d --label abc123 --workdir /github/workspace --rm --env-file " +
                         file +
                         " -e SECRET -e GITHUB_ACTIONS=true -e CI=true alpine:3 a  b c"
                         " = DOCKER_HOST=tcp://x HOME=/github/home"
                         " HOME=/home/me SECRET=s3cret DOCKER_HOST=unset\n");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(ContainerRun, IsAnErrorWhenTheVariablesCannotBeHandedOver) {
  ContainerSpec what = spec();
  what.env = {{"HOME", "/github/home"}};
  const Result<ProcessEnd> end = run(what);  // there is no such directory
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, std::errc::no_such_file_or_directory);
  EXPECT_EQ(calls(), "");
}

TEST_F(ContainerRun, RemovesWhatTheClientCouldNotStart) {
  put(directory_ / "run.exit", "125\n");
  ASSERT_TRUE(run(spec()));
  EXPECT_EQ(calls(), std::string(kRun) + kRemove);
}

TEST_F(ContainerRun, RemovesWhatAStoppedClientLeaves) {
  put(directory_ / "run.sh", "trap '' INT TERM; : >\"$FAKE_DOCKER/begun\"; while :; do sleep 1000; done\n");
  std::stop_source stop;
  std::thread stopper([&] {
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ / "begun"); }));
    stop.request_stop();
  });
  ContainerLimits limits;
  limits.sigint_grace = limits.sigterm_grace = 10ms;
  const Result<ProcessEnd> end = run(spec(), stop.get_token(), limits);
  stopper.join();
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->stopped);
  EXPECT_EQ(end->exit.signal, SIGKILL);
  EXPECT_EQ(calls(), std::string(kRun) + kRemove);
}

TEST_F(ContainerRun, IsRemovedWhenTheRunnerIsKilled) {
  put(directory_ / "run.sh", "trap '' INT TERM; : >\"$FAKE_DOCKER/begun\"; while :; do sleep 1000; done\n");
  const pid_t child = ::fork();
  if (child == 0) {
    runner_.release();  // it is the parent's
    runner_ = make_runner();
    (void)run(spec());
    ::_exit(1);
  }
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ / "begun"); }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const std::string rounds =
      "--\nrm\n--force\n--volumes\nalpine3_0f1e2d\n--\nrm\n--force\n--volumes\nalpine3_0f1e2d\n--\n";
  EXPECT_TRUE(eventually([&] { return contents(directory_ / "calls").ends_with(rounds); }))
      << contents(directory_ / "calls");
}

TEST_F(ContainerRun, TellsWhyTheEngineIsNotReached) {
  put(directory_ / "version.out", "Client:\n Version: 1\nCannot connect to the daemon at x.\n");
  put(directory_ / "version.exit", "1\n0\n");
  const Result<void> none = reach_engine(*engine_, *runner_, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, kDocker + " does not reach its engine: Cannot connect to the daemon at x.");
  EXPECT_TRUE(reach_engine(*engine_, *runner_, {}));
}

TEST_F(ContainerRun, PullsUpToThreeTimes) {
  // 8.2. On this machine is none: `image inspect` fails.
  put(directory_ / "pull.exit", "1\n18\n0\n");
  EXPECT_TRUE(prepare({.image = "alpine:3", .build = {}, .cwd = "/"}).ready);
  EXPECT_EQ(calls(), "pull alpine:3\npull alpine:3\npull alpine:3\n");
  EXPECT_EQ(waits_, 2);
  const std::string command = "##[command]" + kDocker + " pull alpine:3\n";
  EXPECT_EQ(lines_,
            "##[group]Pull down action image 'alpine:3'\n" + command +
                "warning: Docker pull failed with exit code 1, back off 0.001 seconds before retry.\n" +
                command +
                "warning: Docker pull failed with exit code 18, back off 0.001 seconds before retry.\n" +
                command + "##[endgroup]\n");

  put(directory_ / "pull.exit", "1\n1\n1\n1\n");
  put(directory_ / "image.exit", "1\n");
  const ImageOutcome outcome = prepare({.image = "alpine:3", .build = {}, .cwd = "/"});
  EXPECT_FALSE(outcome.ready);
  EXPECT_EQ(outcome.failure, "Docker pull failed with exit code 1");
  EXPECT_EQ(calls(),
            "pull alpine:3\npull alpine:3\npull alpine:3\nimage inspect --format {{.Id}} alpine:3\n");
}

TEST_F(ContainerRun, BuildsALocalImageOnce) {
  put(directory_ / "build.exit", "2\n");
  ImageNeed need = {.image = "abc123:01", .build = ImageNeed::Build{"/a/Dockerfile", "/a"}, .cwd = "/"};
  need.is_local = true;
  const ImageOutcome outcome = prepare(need);
  EXPECT_FALSE(outcome.ready);
  EXPECT_EQ(outcome.failure, "Docker build failed with exit code 2");
  EXPECT_EQ(calls(), "image inspect --format {{.Id}} abc123:01\nbuild -t abc123:01 -f /a/Dockerfile /a\n");
}

TEST_F(ContainerRun, RemovesTheImageThatABuildHasReplaced) {
  put(directory_ / "image.sh",
      "[ -e \"$FAKE_DOCKER/built\" ] && echo sha256:new || echo sha256:old; exit 0\n");
  put(directory_ / "build.sh", ": >\"$FAKE_DOCKER/built\"; exit 0\n");
  const ImageNeed need = {.image = "abc123:01", .build = ImageNeed::Build{"/a/Dockerfile", "/a"}, .cwd = "/"};
  EXPECT_TRUE(prepare(need).ready);
  const std::string inspect = "image inspect --format {{.Id}} abc123:01\n",
                    build = "build -t abc123:01 -f /a/Dockerfile /a\n";
  EXPECT_EQ(calls(), inspect + build + inspect + "image rm sha256:old\n");
  EXPECT_TRUE(prepare(need).ready);
  EXPECT_EQ(calls(), inspect + build + inspect) << "the same image again";
}

TEST_F(ContainerRun, GivesFilesBackByTheSupervisorsProgram) {
  const unsigned nobody = 54321;
  GiveBack what = {{(directory_ / "w").native(), (directory_ / "t").native(), (directory_ / "own").native()},
                   nobody,
                   nobody,
                   std::chrono::system_clock::time_point()};
  put(directory_ / "w/file", "");
  put(directory_ / "t/file", "");
  std::filesystem::create_directories(directory_ / "own");
  if (::geteuid() == 0)
    ASSERT_EQ(::chown((directory_ / "own").c_str(), nobody, nobody), 0);
  else
    what.directories.pop_back();
  ASSERT_TRUE(give_back(*engine_, "alpine:3", "back_1", what, kSupervisor, *runner_, {}));
  EXPECT_EQ(
      calls(),
      "run --name back_1 --label abc123 --workdir / --rm --user 0:0 --entrypoint /buildspec-run-supervisor"
      " --network none -v " +
          kSupervisor.native() + ":/buildspec-run-supervisor:ro -v " + (directory_ / "w").native() +
          ":/give-back/1 -v " + (directory_ / "t").native() +
          ":/give-back/2 alpine:3 give-back 54321 54321 -20000000 /give-back/1 /give-back/2\n");
  what.since = std::chrono::system_clock::now() + 1h;
  ASSERT_TRUE(give_back(*engine_, "alpine:3", "back_1", what, kSupervisor, *runner_, {}));
  EXPECT_EQ(calls(), "") << "nothing has changed since";
  what.since = {};
  what.user = 0;
  ASSERT_TRUE(give_back(*engine_, "alpine:3", "back_1", what, kSupervisor, *runner_, {}));
  EXPECT_EQ(calls(), "") << "root needs nothing back";
}

}  // namespace
}  // namespace buildspec_run
