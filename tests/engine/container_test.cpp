// Containers and images with a real engine and its real client.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "runner/container/container_run.h"
#include "runner/container/image.h"
#include "runner/supervisor/process_table.h"
#include "tests/support/engine.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;
using test::ask_docker;
using test::contents;
using test::eventually;
using test::has_container;
using test::is_running;
using test::put;
using Words = std::vector<std::string>;

const Path kSupervisor = PROJECT_BINARY_DIR "/libexec/buildspec-run/buildspec-run-supervisor";

class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (test::engine_image().empty())
      GTEST_SKIP() << "no container engine; tests/support/engine.sh starts one";
    for (const char* name :
         {"temp/_github_home", "temp/_github_workflow", "temp/_runner_file_commands", "work", "run"})
      std::filesystem::create_directories(directory_ / name);
    engine_.emplace(make_engine({}));
    runner_ = make_runner();
  }

  static ContainerEngine make_engine(EngineOptions options) {
    if (options.environment.empty()) options.environment = test::engine_environment();
    options.program = test::engine_program();
    Result<ContainerEngine> engine = ContainerEngine::find(options);
    check(static_cast<bool>(engine), "the client is there");
    return std::move(*engine);
  }
  static std::unique_ptr<ProcessRunner> make_runner(std::stop_token kill_now = {}) {
    auto runner = make_process_runner(kSupervisor, std::move(kill_now));
    check(static_cast<bool>(runner), "the supervisor starts");
    return std::move(*runner);
  }

  /// A container that runs `script` as an action's would.
  [[nodiscard]] ContainerSpec sh(const std::string& script) const {
    ContainerSpec spec;
    spec.image = test::engine_image();
    spec.name = name_;
    spec.entrypoint = "/bin/sh";
    spec.args = {"-c", script};
    spec.mounts = action_directories((directory_ / "temp").native(), (directory_ / "work").native()).mounts;
    spec.workdir = kContainerWorkspace;
    spec.cwd = (directory_ / "work").native();
    return spec;
  }

  ProcessEnd run(const ContainerSpec& spec, std::stop_token stop = {}, const ContainerLimits& limits = {}) {
    output_.clear();
    const Result<ProcessEnd> end = run_container(
        *engine_, spec, directory_ / "run", *runner_, [&](std::string_view chunk) { output_ += chunk; },
        std::move(stop), limits);
    EXPECT_TRUE(end) << (end ? "" : end.error().message);
    return end ? *end : ProcessEnd{{-1, 0}, false, false};
  }

  ImageOutcome prepare(const ImageNeed& need, std::stop_token stop = {}) {
    lines_.clear();
    output_.clear();
    const ImageListener listener = {
        [&](std::string_view line) { lines_ += std::string(line) + "\n"; },
        [&](std::string_view text) { lines_ += "warning: " + std::string(text) + "\n"; },
        [&](std::string_view chunk) { output_ += chunk; }};
    const Result<ImageOutcome> outcome =
        prepare_image(*engine_, need, *runner_, listener, std::move(stop), [] { return 25ms; });
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
    return outcome ? *outcome : ImageOutcome{};
  }

  /// Runs what ends neither by itself nor by a signal in another process, `begun` when it does.
  pid_t run_elsewhere(const std::function<void(ProcessRunner&)>& with = {}) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto runner = make_runner();
      if (with) with(*runner);
      (void)run_container(*engine_, sh(kStubborn), directory_ / "run", *runner, {}, {});
      ::_exit(1);
    }
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ / "work/begun"); }));
    return child;
  }

  static constexpr const char* kStubborn = "trap '' INT TERM; : >begun; while :; do sleep 1000; done";

  test::TemporaryDirectory directory_;
  const std::string name_ = "brtest_" + directory_.path().filename().string().substr(19);
  std::optional<ContainerEngine> engine_;
  std::unique_ptr<ProcessRunner> runner_;
  std::string output_, lines_;
};

// 8.3, 8.5

TEST_F(EngineTest, RunsAContainerAsAnActionIsRun) {
  ContainerSpec spec =
      sh("echo out; echo err >&2; pwd; echo \"$HOME|$PATH|$MULTI|$EMPTY|$CI|$GITHUB_ACTIONS|${HOST-unset}\";"
         "echo \"$0 $1\"; echo made >made; cat /github/file_commands/f; exit 3");
  spec.args.insert(spec.args.end(), {"zero", "a  \"b\""});
  spec.env = {{"HOME", "/github/home"}, {"PATH", "/bin:/x"}, {"MULTI", "a\nb"}, {"EMPTY", ""}};
  put(directory_ / "temp/_runner_file_commands/f", "from the host\n");
  engine_.emplace(make_engine([] {
    EngineOptions options;
    options.environment = test::engine_environment();
    options.environment["HOST"] = "the host's";
    return options;
  }()));
  const ProcessEnd end = run(spec);
  EXPECT_EQ(end.exit.code, 3);
  // Two streams come from the client, in an order that is the engine's.
  const std::size_t error = output_.find("err\n");
  ASSERT_NE(error, std::string::npos) << output_;
  output_.erase(error, 4);
  EXPECT_EQ(output_,
            "out\n/github/workspace\n/github/home|/bin:/x|a\nb||true|true|unset\nzero a  \"b\"\nfrom "
            "the host\n");
  EXPECT_EQ(contents(directory_ / "work/made"), "made\n");
  EXPECT_FALSE(has_container(name_));
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "run")) << "the file of variables is gone";
}

TEST_F(EngineTest, ShowsItsFileOfVariablesToNobodyElse) {
  ContainerSpec spec = sh("echo begun >/github/workspace/begun; while [ ! -e go ]; do sleep 0.01; done");
  spec.env = {{"HTTPS_PROXY", "http://user:secret@proxy"}};
  std::thread looker([&] {
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ / "work/begun"); }));
    struct stat status {};
    EXPECT_EQ(::stat((directory_ / "run" / (name_ + ".env")).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    for (const ProcessEntry& entry : read_process_table()) {
      const std::string line = contents("/proc/" + std::to_string(entry.pid) + "/cmdline");
      EXPECT_EQ(line.find("user:secret"), std::string::npos) << line;
    }
    put(directory_ / "work/go", "");
  });
  EXPECT_EQ(run(spec).exit.code, 0);
  looker.join();
}

TEST_F(EngineTest, HasAnExitCodeAboveWhenItCannotBeStarted) {
  ContainerSpec spec = sh("");
  spec.entrypoint = "/nowhere";
  EXPECT_EQ(run(spec).exit.code, 127);
  EXPECT_NE(output_.find("/nowhere"), std::string::npos) << output_;
  spec.image = "buildspec-run-test/nowhere:0";
  EXPECT_EQ(run(spec).exit.code, 125);
  EXPECT_FALSE(has_container(name_));
}

TEST_F(EngineTest, MountsAWorkspaceWithAColon) {
  std::filesystem::create_directories(directory_ / "a:b,c");
  ContainerSpec spec = sh("echo made >made");
  spec.mounts = {{(directory_ / "a:b,c").native(), "/github/workspace", false}};
  EXPECT_EQ(run(spec).exit.code, 0) << output_;
  EXPECT_EQ(contents(directory_ / "a:b,c/made"), "made\n");
}

TEST_F(EngineTest, ReachesALoopbackServiceByTheHostsNetwork) {
  if (test::engine_registry().empty()) GTEST_SKIP() << "no registry";
  ContainerSpec spec = sh("wget -q -O - http://" + test::engine_registry() + "/v2/");
  spec.network = "host";
  EXPECT_EQ(run(spec).exit.code, 0);
  EXPECT_EQ(output_, "{}");
  EngineOptions options;
  options.network = "none";
  engine_.emplace(make_engine(options));
  spec.network.clear();
  EXPECT_NE(run(spec).exit.code, 0) << "--container-network none";
}

TEST_F(EngineTest, SeesTheEnginesSocketOnlyWhenAsked) {
  EXPECT_EQ(run(sh("test ! -e /var/run/docker.sock")).exit.code, 0);
  EngineOptions options;
  options.docker_socket = true;
  engine_.emplace(make_engine(options));
  ASSERT_TRUE(reach_engine(*engine_, *runner_, {}));
  EXPECT_EQ(run(sh("test -S /var/run/docker.sock")).exit.code, 0) << output_;
}

TEST_F(EngineTest, SaysWhyTheEngineDoesNotAnswer) {
  EXPECT_TRUE(reach_engine(*engine_, *runner_, {}));
  EngineOptions options;
  options.environment = test::engine_environment();
  options.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock";
  ContainerEngine none = make_engine(options);
  const Result<void> reached = reach_engine(none, *runner_, {});
  ASSERT_FALSE(reached);
  EXPECT_NE(reached.error().message.find("unix:///nowhere/docker.sock"), std::string::npos)
      << reached.error().message;
}

// 8.7, 10.2

TEST_F(EngineTest, HandsAStopOnToTheContainer) {
  std::stop_source stop;
  std::thread stopper([&] {
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ / "work/begun"); }));
    stop.request_stop();
  });
  const ProcessEnd end = run(
      sh("trap 'echo interrupted; exit 42' INT; : >begun; while :; do sleep 0.1; done"), stop.get_token());
  stopper.join();
  EXPECT_TRUE(end.stopped);
  EXPECT_EQ(output_, "interrupted\n");
  EXPECT_FALSE(has_container(name_));
}

TEST_F(EngineTest, RemovesAContainerThatHeedsNoSignalAtItsDeadline) {
  ContainerLimits limits;
  limits.sigint_grace = limits.sigterm_grace = 100ms;
  limits.deadline = std::chrono::steady_clock::now() + 2s;
  const ProcessEnd end = run(sh(kStubborn), {}, limits);
  EXPECT_TRUE(end.timed_out);
  EXPECT_TRUE(std::filesystem::exists(directory_ / "work/begun"));
  EXPECT_FALSE(has_container(name_));
  const auto begun = std::chrono::steady_clock::now();
  runner_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 500ms) << "nothing is left to be done in the end";
}

TEST_F(EngineTest, RemovesAContainerAfterASecondCtrlC) {
  std::stop_source kill_now;
  runner_ = make_runner(kill_now.get_token());
  std::thread killer([&] {
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ / "work/begun"); }));
    kill_now.request_stop();
  });
  EXPECT_TRUE(run(sh(kStubborn)).stopped);
  killer.join();
  runner_.reset();
  EXPECT_FALSE(has_container(name_));
}

TEST_F(EngineTest, LeavesNoContainerWhenTheRunnerIsKilled) {
  const pid_t child = run_elsewhere();
  EXPECT_TRUE(eventually([&] { return is_running(name_); }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return !has_container(name_); }));
}

TEST_F(EngineTest, LeavesNoContainerWhenTheSupervisorIsKilledWithTheRunner) {
  const pid_t child = run_elsewhere();
  pid_t guard = 0, worker = 0;
  for (const ProcessEntry& entry : read_process_table())
    if (entry.parent == child) guard = entry.pid;
  for (const ProcessEntry& entry : read_process_table())
    if (entry.parent == guard) worker = entry.pid;
  ASSERT_GT(guard, 1);
  ASSERT_GT(worker, 1);
  // As `pkill -9 buildspec-run` does. The guard goes by another name.
  ::kill(worker, SIGSTOP);
  ::kill(child, SIGKILL);
  ::kill(worker, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return !has_container(name_); }));
}

TEST_F(EngineTest, LeavesNoContainerWhenTheClientIsKilled) {
  std::thread killer([&] {
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(directory_ / "work/begun"); }));
    for (const ProcessEntry& entry : read_process_table()) {
      std::string line = contents("/proc/" + std::to_string(entry.pid) + "/cmdline");
      if (entry.alive && line.find("run" + std::string(1, '\0') + "--name" + std::string(1, '\0') + name_) !=
                             std::string::npos)
        ::kill(entry.pid, SIGKILL);
    }
  });
  const ProcessEnd end = run(sh(kStubborn));
  killer.join();
  EXPECT_EQ(end.exit.signal, SIGKILL);
  EXPECT_FALSE(has_container(name_));
}

// 8.2

TEST_F(EngineTest, PullsAnImage) {
  if (test::engine_registry().empty()) GTEST_SKIP() << "no registry";
  const std::string image = test::engine_registry() + "/busybox:1";
  EXPECT_TRUE(prepare({.image = image, .build = {}, .cwd = "/"}).ready) << output_;
  EXPECT_EQ(lines_, "##[group]Pull down action image '" + image + "'\n##[command]" + engine_->program() +
                        " pull " + image + "\n##[endgroup]\n");
  EXPECT_NE(output_.find("Status: "), std::string::npos) << output_;
  ContainerSpec spec = sh("echo pulled");
  spec.image = image;
  EXPECT_EQ(run(spec).exit.code, 0);
  EXPECT_EQ(output_, "pulled\n");
  ask_docker({"image", "rm", image});
}

TEST_F(EngineTest, TriesToPullThreeTimes) {
  const std::string image = "127.0.0.1:1/nowhere:0";
  const ImageOutcome outcome = prepare({.image = image, .build = {}, .cwd = "/"});
  EXPECT_FALSE(outcome.ready);
  EXPECT_EQ(outcome.failure, "Docker pull failed with exit code 1");
  const std::string command = "##[command]" + engine_->program() + " pull " + image + "\n";
  const std::string warning =
      "warning: Docker pull failed with exit code 1, back off 0.025 seconds before retry.\n";
  EXPECT_EQ(lines_, "##[group]Pull down action image '" + image + "'\n" + command + warning + command +
                        warning + command + "##[endgroup]\n");
}

TEST_F(EngineTest, UsesAnImageThatIsHereWhenItCannotBePulled) {
  const std::string image = "127.0.0.1:1/here:0";
  ask_docker({"tag", test::engine_image(), image});
  EXPECT_TRUE(prepare({.image = image, .build = {}, .cwd = "/"}).ready);
  EXPECT_NE(lines_.find("warning: Docker pull failed with exit code 1. The image '" + image +
                        "' that is on this machine"),
            std::string::npos)
      << lines_;
  ImageNeed offline = {.image = image, .build = {}, .cwd = "/"};
  offline.offline = true;
  EXPECT_TRUE(prepare(offline).ready);
  EXPECT_EQ(lines_, "");
  ask_docker({"image", "rm", image});
  const ImageOutcome gone = prepare(offline);
  EXPECT_FALSE(gone.ready);
  EXPECT_NE(gone.failure.find(image), std::string::npos);
}

TEST_F(EngineTest, StopsBetweenTwoAttempts) {
  std::stop_source stop;
  const ImageListener listener = {
      [](std::string_view) {}, [&](std::string_view) { stop.request_stop(); }, {}};
  const Result<ImageOutcome> outcome =
      prepare_image(*engine_, {.image = "127.0.0.1:1/nowhere:0", .build = {}, .cwd = "/"}, *runner_, listener,
                    stop.get_token(), [] { return std::chrono::milliseconds(1h); });
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->stopped);
  EXPECT_EQ(outcome->failure, "");
}

TEST_F(EngineTest, BuildsInTheDirectoryOfTheDockerfileAndReplacesWhatItBuiltBefore) {
  const std::string tag = "brtest:" + name_.substr(7);
  const Path context = directory_ / "action/docker";
  const auto write = [&](const std::string& text) {
    put(context / "text", text);
    put(context / "Dockerfile", "FROM " + test::engine_image() + "\nCOPY text /text\n");
  };
  write("one\n");
  put(directory_ / "action/text", "not this one\n");
  ImageNeed need = {.image = tag,
                    .build = ImageNeed::Build{(context / "Dockerfile").native(), context.native()},
                    .cwd = (directory_ / "action").native()};
  EXPECT_TRUE(prepare(need).ready) << output_;
  const std::string dockerfile = (context / "Dockerfile").native();
  EXPECT_EQ(lines_, "##[group]Build container for action use: '" + dockerfile + "'.\n##[command]" +
                        engine_->program() + " build -t " + tag + " -f \"" + dockerfile + "\" \"" +
                        context.native() + "\"\n##[endgroup]\n");
  const std::string first = ask_docker({"image", "inspect", "--format", "{{.Id}}", tag});
  ContainerSpec spec = sh("cat /text");
  spec.image = tag;
  run(spec);
  EXPECT_EQ(output_, "one\n");

  write("two\n");
  need.is_local = true;
  EXPECT_TRUE(prepare(need).ready) << output_;
  EXPECT_TRUE(lines_.starts_with("##[group]Building docker image\nDockerfile for action: '" + dockerfile +
                                 "'.\n##[command]"))
      << lines_;
  run(spec);
  EXPECT_EQ(output_, "two\n");
  EXPECT_EQ(ask_docker({"image", "inspect", "--format", "{{.Id}}", first}), "")
      << "the image that was replaced is gone";

  put(context / "Dockerfile", "FROM " + test::engine_image() + "\nRUN exit 7\n");
  const ImageOutcome outcome = prepare(need);
  EXPECT_FALSE(outcome.ready);
  EXPECT_TRUE(outcome.failure.starts_with("Docker build failed with exit code ")) << outcome.failure;
  EXPECT_EQ(lines_.find("warning"), std::string::npos) << "a local action's is tried once";
  ask_docker({"image", "rm", tag});
}

// Files belong to the caller afterwards.

class EngineGiveBackTest : public EngineTest {
 protected:
  static constexpr unsigned kUser = 12345, kGroup = 12346;

  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped()) return;
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of two users";
    put(directory_ / "work/before", "");
    ASSERT_EQ(::chown((directory_ / "work/before").c_str(), 777, 777), 0);
    ASSERT_EQ(::chown((directory_ / "work").c_str(), kUser, kGroup), 0);
    // Change times have the resolution of the kernel's tick.
    std::this_thread::sleep_for(50ms);
    since_ = std::chrono::system_clock::now();
  }

  Result<void> give(const std::string& image) {
    const GiveBack what = {
        {(directory_ / "work").native(), (directory_ / "temp").native()}, kUser, kGroup, since_};
    return give_back(*engine_, image, name_ + "_back", what, kSupervisor, *runner_, {});
  }
  [[nodiscard]] std::string owner(const char* name) const {
    struct stat status {};
    if (::lstat((directory_ / "work" / name).c_str(), &status) != 0) return "none";
    return std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid);
  }

  std::chrono::system_clock::time_point since_;
};

TEST_F(EngineGiveBackTest, GivesWhatAContainerMadeToTheCaller) {
  EXPECT_EQ(run(sh("mkdir -p closed/deep; echo 1 >closed/deep/file; ln -s /etc/passwd link; chmod 0 closed; "
                   "echo 2 >plain;"
                   "chmod 4755 plain; echo 3 >/github/home/config"))
                .exit.code,
            0)
      << output_;
  EXPECT_EQ(owner("plain"), "0:0");
  const Result<void> given = give(test::engine_image());
  ASSERT_TRUE(given) << given.error().message;
  for (const char* name : {".", "closed", "closed/deep", "closed/deep/file", "link", "plain"})
    EXPECT_EQ(owner(name), "12345:12346") << name;
  EXPECT_EQ(owner("../temp/_github_home/config"), "12345:12346");
  EXPECT_EQ(owner("before"), "777:777") << "it was another's before";
  struct stat status {};
  ASSERT_EQ(::stat("/etc/passwd", &status), 0);
  EXPECT_EQ(status.st_uid, 0u) << "links are not followed";
  EXPECT_FALSE(has_container(name_ + "_back"));
}

TEST_F(EngineGiveBackTest, NeedsNothingInTheImage) {
  put(directory_ / "context/Dockerfile", "FROM scratch\nCOPY busybox /busybox\nENTRYPOINT [\"/busybox\"]\n");
  std::filesystem::copy_file("/bin/busybox", directory_ / "context/busybox");
  const std::string tag = "brtest:" + name_.substr(7);
  ASSERT_TRUE(prepare({.image = tag,
                       .build = ImageNeed::Build{(directory_ / "context/Dockerfile").native(),
                                                 (directory_ / "context").native()},
                       .cwd = "/"})
                  .ready)
      << output_;
  ContainerSpec spec = sh("");
  spec.image = tag;
  spec.entrypoint.clear();
  spec.args = {"touch", "made"};
  EXPECT_EQ(run(spec).exit.code, 0) << output_;
  const Result<void> given = give(tag);
  EXPECT_TRUE(given) << given.error().message;
  EXPECT_EQ(owner("made"), "12345:12346");
  ask_docker({"image", "rm", tag});
}

TEST_F(EngineGiveBackTest, StartsNoContainerWhenAllIsTheCallers) {
  EXPECT_TRUE(give("no-such-image:0"));
  put(directory_ / "work/mine", "");
  ASSERT_EQ(::chown((directory_ / "work/mine").c_str(), kUser, kGroup), 0);
  EXPECT_TRUE(give("no-such-image:0"));
  put(directory_ / "work/roots", "");
  EXPECT_FALSE(give("no-such-image:0")) << "there it would";
}

}  // namespace
}  // namespace buildspec_run
