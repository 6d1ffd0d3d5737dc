// The command lines of actions.md section 8. Nothing is started: programs are empty files.
#include "runner/container/engine.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::put;
using test::TemporaryDirectory;
using Words = std::vector<std::string>;

void put_program(const Path& path) {
  std::filesystem::create_directories(path.parent_path());
  put(path, "");
  ::chmod(path.c_str(), 0755);
}

/// An engine whose client is `<directory>/bin/<program>`.
ContainerEngine engine_in(const TemporaryDirectory& directory, EngineOptions options = {},
                          const std::string& program = "docker") {
  put_program(directory / "bin" / program);
  options.environment.try_emplace("PATH", (directory / "bin").native());
  options.environment.try_emplace("HOME", "/home/me");
  if (options.label.empty()) options.label = "abc123";
  Result<ContainerEngine> engine = ContainerEngine::find(options);
  check(static_cast<bool>(engine), "the engine is found");
  return std::move(*engine);
}

std::string client_of(const TemporaryDirectory& directory) { return (directory / "bin/docker").native(); }

/// A container as a step's: with the mounts of 8.3.
ContainerSpec action_spec() {
  ContainerSpec spec;
  spec.image = "alpine:3";
  spec.name = "alpine_0f1e2d";
  spec.env = {{"INPUT_WHO", "me"}, {"GITHUB_ENV", "/github/file_commands/set_env_1"}, {"", "no name"}};
  spec.mounts = action_directories("/t", "/w").mounts;
  spec.workdir = kContainerWorkspace;
  spec.cwd = "/w";
  return spec;
}

const Words kMounts = {"-v", "/t:/github/runner_temp",
                       "-v", "/t/_github_home:/github/home",
                       "-v", "/t/_github_workflow:/github/workflow",
                       "-v", "/t/_runner_file_commands:/github/file_commands",
                       "-v", "/w:/github/workspace"};

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// 8.1

TEST(ContainerEngine, IsDockerThenPodmanOnThePath) {
  const TemporaryDirectory directory;
  EngineOptions options;
  options.environment["PATH"] = (directory / "a").native() + ":" + (directory / "b").native();
  put_program(directory / "a/podman");
  Result<ContainerEngine> found = ContainerEngine::find(options);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->program(), (directory / "a/podman").native());
  put_program(directory / "b/docker");
  found = ContainerEngine::find(options);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->program(), (directory / "b/docker").native());
  options.program = "podman";
  found = ContainerEngine::find(options);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->program(), (directory / "a/podman").native());
}

TEST(ContainerEngine, SaysWhatItLookedForAndHowToGetOne) {
  const TemporaryDirectory directory;
  EngineOptions options;
  options.environment["PATH"] = directory.path().native();
  const Result<ContainerEngine> none = ContainerEngine::find(options);
  ASSERT_FALSE(none);
  for (const std::string& part : {std::string("docker"), std::string("podman"), directory.path().native(),
                                  std::string("--container-engine")})
    EXPECT_NE(none.error().message.find(part), std::string::npos) << none.error().message;

  options.program = (directory / "engine").native();
  Result<ContainerEngine> bad = ContainerEngine::find(options);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, std::errc::no_such_file_or_directory) << bad.error().message;
  put(directory / "engine", "");
  bad = ContainerEngine::find(options);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, std::errc::permission_denied) << bad.error().message;
  ::chmod((directory / "engine").c_str(), 0755);
  EXPECT_TRUE(ContainerEngine::find(options));
}

TEST(ContainerEngine, HasALabelOfSixHexDigitsThatStays) {
  const TemporaryDirectory directory;
  put_program(directory / "docker");
  EngineOptions options;
  options.environment = {{"PATH", directory.path().native()}, {"HOME", "/home/me"}};
  const std::string label = ContainerEngine::find(options)->label();
  EXPECT_EQ(label.size(), 6u);
  EXPECT_EQ(label.find_first_not_of("0123456789abcdef"), std::string::npos) << label;
  EXPECT_EQ(ContainerEngine::find(options)->label(), label);
  options.environment["HOME"] = "/home/you";
  EXPECT_NE(ContainerEngine::find(options)->label(), label);
}

// 8.2

TEST(ContainerEngine, PullsAndBuilds) {
  const TemporaryDirectory directory;
  const ContainerEngine engine = engine_in(directory);
  const std::string docker = client_of(directory);
  EXPECT_EQ(engine.pull("alpine:3", "/w").argv, (Words{docker, "pull", "alpine:3"}));
  EXPECT_EQ(engine.pull("alpine:3", "/w").cwd, "/w");
  const ProcessSpec build = engine.build("abc123:0123", "/a/docker/Dockerfile", "/a/docker", "/a");
  EXPECT_EQ(build.argv,
            (Words{docker, "build", "-t", "abc123:0123", "-f", "/a/docker/Dockerfile", "/a/docker"}));
  EXPECT_EQ(build.cwd, "/a");
  EXPECT_EQ(build.env.at("HOME"), "/home/me") << "the client's own environment, whole";
}

TEST(ContainerEngine, NamesTheRegistryThatDockerTakesForGrantedToPodman) {
  const TemporaryDirectory directory;
  const ContainerEngine podman = engine_in(directory, {}, "podman");
  const std::pair<const char*, const char*> cases[] = {
      {"alpine", "docker.io/library/alpine"},
      {"alpine:3", "docker.io/library/alpine:3"},
      {"owner/image@sha256:12", "docker.io/owner/image@sha256:12"},
      {"ghcr.io/owner/image:1", "ghcr.io/owner/image:1"},
      {"localhost/mine", "localhost/mine"},
      {"host:5000/mine", "host:5000/mine"},
  };
  for (const auto& [image, want] : cases) EXPECT_EQ(podman.pull(image, "/").argv.back(), want);
}

// 8.7

TEST(ContainerEngine, RemovesAtOnce) {
  const TemporaryDirectory directory, other;
  EXPECT_EQ(engine_in(directory).remove("a_1").argv,
            (Words{client_of(directory), "rm", "--force", "--volumes", "a_1"}));
  EXPECT_EQ(engine_in(other, {}, "podman").remove("a_1").argv,
            (Words{(other / "bin/podman").native(), "rm", "--force", "--volumes", "--time", "0", "a_1"}));
}

// 8.3

TEST(ContainerEngine, RunsWithTheOptionsOfTheRunnerInItsOrder) {
  const TemporaryDirectory directory;
  const ContainerEngine engine = engine_in(directory);
  ContainerSpec spec = action_spec();
  const Words head = {
      client_of(directory), "run",  "--name", "alpine_0f1e2d", "--label", "abc123",   "--workdir",
      "/github/workspace",  "--rm", "-e",     "GITHUB_ENV",    "-e",      "INPUT_WHO"};
  ContainerStart start = engine.run(spec, "/r/env");
  EXPECT_EQ(start.process.argv,
            (head + Words{"-e", "GITHUB_ACTIONS=true", "-e", "CI=true"} + kMounts + Words{"alpine:3"}));
  EXPECT_EQ(start.process.cwd, "/w");
  EXPECT_EQ(start.env_file, "");
  EXPECT_EQ(start.process.env.at("INPUT_WHO"), "me");
  EXPECT_EQ(start.process.env.at("GITHUB_ENV"), "/github/file_commands/set_env_1");
  EXPECT_EQ(start.process.env.at("PATH"), (directory / "bin").native());
  EXPECT_FALSE(start.process.env.contains(""));

  spec.entrypoint = "/bin/sh";
  spec.args = {"-c", "echo \"$A\"", "", "-v"};
  spec.network = "host";
  spec.env = {{"CI", ""}};
  start = engine.run(spec, "/r/env");
  EXPECT_EQ(start.process.argv,
            (Words(head.begin(), head.begin() + 9) +
             Words{"-e", "CI", "-e", "GITHUB_ACTIONS=true", "--entrypoint", "/bin/sh", "--network", "host"} +
             kMounts + Words{"alpine:3", "-c", "echo \"$A\"", "", "-v"}));
}

TEST(ContainerEngine, MountsTheEnginesSocketOnlyWhenAsked) {
  const auto socket_of = [&](EngineOptions options, std::string_view endpoint,
                             const char* program = "docker") {
    const TemporaryDirectory directory;
    ContainerEngine engine = engine_in(directory, std::move(options), program);
    if (engine.ask_endpoint()) engine.set_endpoint(endpoint);
    const Words argv = engine.run(action_spec(), "/r/env").process.argv;
    for (std::size_t i = 0; i + 1 < argv.size(); ++i)
      if (argv[i] == "-v" && argv[i + 1].ends_with(":/var/run/docker.sock")) {
        EXPECT_EQ(argv[i + 2], "-v") << "first of the mounts";
        EXPECT_EQ(argv[i + 3], kMounts[1]);
        EXPECT_EQ(argv[i + 1], engine.mounted_socket() + ":/var/run/docker.sock");
        return engine.mounted_socket();
      }
    return std::string("none");
  };
  EXPECT_EQ(socket_of({}, ""), "none");
  EngineOptions asked;
  asked.docker_socket = true;
  EXPECT_EQ(socket_of(asked, ""), "/var/run/docker.sock");
  EXPECT_EQ(socket_of(asked, "unix:///run/user/1000/docker.sock"), "/run/user/1000/docker.sock")
      << "a context's";
  EXPECT_EQ(socket_of(asked, "tcp://elsewhere:2376"), "none");
  asked.environment["DOCKER_HOST"] = "unix:///tmp/d.sock";
  EXPECT_EQ(socket_of(asked, "unix:///not/asked"), "/tmp/d.sock");
  asked.environment["DOCKER_HOST"] = "ssh://elsewhere";
  EXPECT_EQ(socket_of(asked, ""), "none");
  EngineOptions podman;
  podman.docker_socket = true;
  podman.environment["CONTAINER_HOST"] = "unix:///tmp/p.sock";
  EXPECT_EQ(socket_of(podman, "", "podman"), "/tmp/p.sock");
}

TEST(ContainerEngine, KeepsItsClientsOwnVariables) {
  // Uncertain list 15: with the container's HOME the client would lose its contexts and logins.
  const TemporaryDirectory directory;
  EngineOptions options;
  options.environment = {{"DOCKER_HOST", "unix:///tmp/d.sock"}, {"EDITOR", "vi"}, {"NO_PROXY", "a"}};
  const ContainerEngine engine = engine_in(directory, options);
  ContainerSpec spec = action_spec();
  spec.env = {{"HOME", "/github/home"},
              {"PATH", "/bin: #/\"x\""},
              {"DOCKER_CONFIG", "/elsewhere"},
              {"DOCKER_HOST", "tcp://action"},
              {"HTTPS_PROXY", "http://user:secret@proxy"},
              {"EDITOR", "ed"},
              {"NO_PROXY", "a"},
              {"GOOGLE_CLOUD", "1"},
              {"GODEBUG", "x=1"},
              {"LD_PRELOAD", "/x.so"},
              {"PLAIN", "1"}};
  const ContainerStart start = engine.run(spec, "/r/env");
  EXPECT_EQ(start.env_file,
            "DOCKER_CONFIG=/elsewhere\nDOCKER_HOST=tcp://action\nGODEBUG=x=1\nHOME=/github/home\n"
            "HTTPS_PROXY=http://user:secret@proxy\nLD_PRELOAD=/x.so\nPATH=/bin: #/\"x\"\n");
  const Words& argv = start.process.argv;
  const Words want = {"--rm",
                      "--env-file",
                      "/r/env",
                      "-e",
                      "EDITOR",
                      "-e",
                      "GOOGLE_CLOUD",
                      "-e",
                      "NO_PROXY",
                      "-e",
                      "PLAIN",
                      "-e",
                      "GITHUB_ACTIONS=true"};
  EXPECT_EQ(Words(argv.begin() + 8, argv.begin() + 8 + static_cast<long>(want.size())), want);
  const std::map<std::string, std::string>& client = start.process.env;
  EXPECT_EQ(client.at("HOME"), "/home/me");
  EXPECT_EQ(client.at("PATH"), (directory / "bin").native());
  EXPECT_EQ(client.at("DOCKER_HOST"), "unix:///tmp/d.sock");
  EXPECT_EQ(client.at("EDITOR"), "ed") << "no client heeds it";
  EXPECT_FALSE(client.contains("LD_PRELOAD"));
  for (const std::string& word : argv) EXPECT_EQ(word.find("secret"), std::string::npos);
}

TEST(ContainerEngine, HandsOverAsTheRunnerDoesWhatNoFileOfVariablesCanHold) {
  const TemporaryDirectory directory;
  const ContainerEngine engine = engine_in(directory);
  for (const std::string& value :
       {std::string("a\nb"), std::string("a\r"), std::string("\xff"), std::string(70'000, 'x')}) {
    ContainerSpec spec = action_spec();
    spec.env = {{"HTTPS_PROXY", value}};
    const ContainerStart start = engine.run(spec, "/r/env");
    EXPECT_EQ(start.env_file, "");
    EXPECT_EQ(start.process.env.at("HTTPS_PROXY"), value);
    EXPECT_NE(std::find(start.process.argv.begin(), start.process.argv.end(), "HTTPS_PROXY"),
              start.process.argv.end());
  }
}

TEST(ContainerEngine, MountsPathsThatHoldAColon) {
  const TemporaryDirectory directory;
  const ContainerEngine engine = engine_in(directory);
  ContainerSpec spec = action_spec();
  spec.mounts = {{"/w/a:b,\"c\"", "/github/workspace", false}, {"/x:y", "/z", true}, {"/p q", "/p", true}};
  const Words argv = engine.run(spec, "/r/env").process.argv;
  EXPECT_EQ(Words(argv.end() - 7, argv.end()),
            (Words{"--mount", "type=bind,\"source=/w/a:b,\"\"c\"\"\",\"target=/github/workspace\"", "--mount",
                   "type=bind,\"source=/x:y\",\"target=/z\",readonly", "-v", "/p q:/p:ro", "alpine:3"}));
}

TEST(ContainerEngine, ReadsNoImageAsAnOption) {
  const TemporaryDirectory directory;
  const ContainerEngine engine = engine_in(directory);
  ContainerSpec spec = action_spec();
  spec.image = "--privileged";
  const Words argv = engine.run(spec, "/r/env").process.argv;
  EXPECT_EQ(Words(argv.end() - 2, argv.end()), (Words{"--", "--privileged"}));
  EXPECT_EQ(engine.pull("-a", "/").argv, (Words{client_of(directory), "pull", "--", "-a"}));
}

TEST(ContainerEngine, NamesContainers) {
  // 8.3: letters, `_`, and digits except as the first character; everything else is dropped.
  const std::pair<const char*, const char*> cases[] = {
      {"alpine:3.18", "alpine318_0f1e2d"},
      {"9abc1f:0123abc", "abc1f0123abc_0f1e2d"},
      {"ghcr.io/o-o/i_i@sha256:1",
       "ghcriooo"
       "i_isha2561_0f1e2d"},
      {"123456:789", "image_0f1e2d"},
      {"", "image_0f1e2d"},
  };
  for (const auto& [image, want] : cases) EXPECT_EQ(container_name(image, "0f1e2d"), want) << image;
}

TEST(ContainerEngine, ShowsACommandAsTheRunnerQuotesIt) {
  const TemporaryDirectory directory;
  const ContainerEngine engine = engine_in(directory);
  const std::string docker = client_of(directory);
  EXPECT_EQ(ContainerEngine::shown(engine.pull("alpine:3", "/w")), docker + " pull alpine:3");
  EXPECT_EQ(ContainerEngine::shown(engine.build("abc123:01", "/a/Docker file", "/a", "/a")),
            docker + " build -t abc123:01 -f \"/a/Docker file\" \"/a\"");
  ContainerSpec spec = action_spec();
  spec.env = {{"A", "1"}, {"a\"b\\", "2"}};
  spec.entrypoint = "/e p";
  spec.args = {"-e", "say \"hi\"", ""};
  EXPECT_EQ(ContainerEngine::shown(engine.run(spec, "/r/env").process),
            docker +
                " run --name alpine_0f1e2d --label abc123 --workdir /github/workspace --rm -e \"A\" -e "
                "\"a\\\"b\\\\\""
                " -e GITHUB_ACTIONS=true -e CI=true --entrypoint \"/e p\""
                " -v \"/t\":\"/github/runner_temp\" -v \"/t/_github_home\":\"/github/home\""
                " -v \"/t/_github_workflow\":\"/github/workflow\""
                " -v \"/t/_runner_file_commands\":\"/github/file_commands\" -v \"/w\":\"/github/workspace\""
                " alpine:3 \"-e\" \"say \\\"hi\\\"\" \"\"");
}

// 8.6

TEST(ContainerEngine, TranslatesTheDirectoriesOfAJob) {
  // The workspace first: here it lies below the temporary directory.
  const PathMap paths = action_directories("/t", "/t/w").paths;
  const std::pair<const char*, const char*> cases[] = {
      {"/t/w", "/github/workspace"},
      {"/t/w/a", "/github/workspace/a"},
      {"/t/wa", "/github/runner_temp/wa"},
      {"/t/_runner_file_commands/set_env_1", "/github/file_commands/set_env_1"},
      {"/t/_github_workflow/event.json", "/github/workflow/event.json"},
      {"/t/_github_home", "/github/home"},
      {"/t", "/github/runner_temp"},
      {"a:/t/w", "a:/t/w"},
      {"/T/w", "/T/w"},
  };
  for (const auto& [host, container] : cases) {
    EXPECT_EQ(paths.to_container(host), container);
  }
  EXPECT_EQ(paths.to_host("/github/workspace/src/a.c"), "/t/w/src/a.c");
  EXPECT_EQ(paths.to_host("/github/home/x"), "/t/_github_home/x");
}

}  // namespace
}  // namespace buildspec_run
