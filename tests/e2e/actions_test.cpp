// `buildspec-run actions` as its user meets it: against a server with GitHub's API on loopback, killed, without room, several
// at once.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/support/action_server.h"
#include "tests/support/run_program.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

namespace fs = std::filesystem;
using test::ActionServer;
using test::contents;
using test::eventually;
using test::put;
using test::Ran;
using test::RunningProgram;
using test::Start;

const std::string kProgram = PROJECT_BINARY_DIR "/bin/buildspec-run";
constexpr const char* kPlain = "name: plain\nruns: {using: node20, main: dist/index.js}\n";

class Actions : public testing::Test {
 protected:
  void SetUp() override {
    leaf_ = server_.add("acme/leaf", kPlain, "v1");
    top_ = server_.add("acme/top", "runs:\n  using: composite\n  steps:\n    - uses: acme/leaf@v1\n", "v2");
    put(project_ / "buildspec.yml",
        "version: 0.2\nphases:\n  build:\n    steps:\n      - uses: acme/top/sub@v2\n"
        "      - uses: acme/leaf@" +
            leaf_ + "\n      - uses: acme/top@v2\n");
  }

  std::map<std::string, std::string> environment() const {
    return {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
            {"HOME", (files_ / "home").native()},
            {"http_proxy", server_.proxy()},
            {"_GITHUB_ACTION_DOWNLOAD_NO_BACKOFF", "1"}};
  }
  std::vector<std::string> command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {kProgram, "actions"});
    arguments.insert(arguments.end(), {"--github-url", ActionServer::github_url(), "--color=never"});
    return arguments;
  }
  Ran run(std::vector<std::string> arguments) const {
    return test::run_program(command(std::move(arguments)), environment(), project_.path());
  }
  /// Exit code, stdout and stderr as one text.
  std::string seen(std::vector<std::string> arguments) const {
    const Ran ran = run(std::move(arguments));
    return std::to_string(ran.exit) + "\n" + ran.out + (ran.err.empty() ? "" : "[stderr]\n" + ran.err);
  }
  fs::path cache() const { return files_ / "home/.cache/buildspec-run/actions/@github.test"; }

  test::TemporaryDirectory files_, project_;
  ActionServer server_;
  std::string leaf_, top_;
};

TEST_F(Actions, AreLockedVerifiedAndUpdated) {
  EXPECT_EQ(
      seen({"verify"}),
      "2\n[stderr]\nbuildspec-run: there is no buildspec.lock; \"buildspec-run actions lock\" writes it\n");
  EXPECT_EQ(seen({"list"}),
            "0\n" + fmt::format("{:<40} {:<40} {}\n", "acme/leaf@" + leaf_, leaf_, "pinned, not fetched") +
                fmt::format("{:<40} {:<40} {}\n", "acme/top@v2", "-", "not pinned, not fetched"));
  const Ran locked = run({"lock"});
  EXPECT_EQ(locked.exit, 0) << locked.err;
  EXPECT_EQ(locked.out, "buildspec.lock: 3 actions\n  acme/leaf@" + leaf_ + " is " + leaf_ +
                            "\n  acme/leaf@v1 is " + leaf_ + "\n  acme/top@v2 is " + top_ + "\n");
  EXPECT_EQ(locked.err.substr(0, 60), "Prepare all required actions\nGetting action download info\nDo");
  const std::string first = contents(project_ / "buildspec.lock");
  EXPECT_EQ(seen({"verify"}),
            "0\n3 actions are as buildspec.lock says\n[stderr]\nPrepare all required actions\n"
            "Getting action download info\nGetting action download info\n");
  EXPECT_EQ(seen({"list"}).substr(0, 2 + 98),
            "0\n" + fmt::format("{:<40} {:<40} {}\n", "acme/leaf@" + leaf_, leaf_, "locked").substr(0, 98));

  // A tag moves: the lock holds, `verify` says so, `update` takes it.
  const std::string moved =
      server_.add("acme/leaf", "name: moved\nruns: {using: node20, main: x.js}\n", "v1");
  Ran verified = run({"verify"});
  EXPECT_EQ(verified.exit, 0);
  EXPECT_NE(verified.err.find("buildspec-run: acme/leaf@v1 is " + moved + " now, locked is " + leaf_),
            std::string::npos)
      << verified.err;
  EXPECT_EQ(run({"lock"}).out, "buildspec.lock: 3 actions\n");
  EXPECT_EQ(contents(project_ / "buildspec.lock"), first);
  EXPECT_EQ(run({"verify", "--offline"}).exit, 0);
  EXPECT_EQ(run({"update"}).out,
            "buildspec.lock: 3 actions\n  acme/leaf@v1 is " + moved + ", was " + leaf_ + "\n");
  EXPECT_NE(contents(project_ / "buildspec.lock"), first);

  // A buildspec that has moved on.
  put(project_ / "buildspec.yml", "version: 0.2\nphases: {build: {steps: [{uses: acme/leaf@v9}]}}\n");
  verified = run({"verify"});
  EXPECT_EQ(verified.exit, 2);
  EXPECT_NE(verified.err.find("buildspec.yml:2:33: error: 'acme/leaf@v9' is not in buildspec.lock"),
            std::string::npos)
      << verified.err;
  EXPECT_NE(verified.err.find("acme/top@v2 is in buildspec.lock, but nothing uses it"), std::string::npos)
      << verified.err;
  // A lock file that is none.
  put(project_ / "buildspec.lock", "version: 1\nactions: {x: 1}\n");
  EXPECT_EQ(seen({"fetch"}).substr(0, 2), "2\n");
}

TEST_F(Actions, WhatWasChangedOnDiskIsFoundAndFetchedAgain) {
  ASSERT_EQ(run({"lock"}).exit, 0);
  put(cache() / "acme/leaf" / leaf_ / "dist/index.js", "evil()");
  const Ran verified = run({"verify"});
  EXPECT_EQ(verified.exit, 2);
  EXPECT_NE(verified.err.find("acme/leaf@v1: the files in " + (cache() / "acme/leaf" / leaf_).native() +
                              " have been changed"),
            std::string::npos)
      << verified.err;
  const Ran refused = test::run_program({kProgram, "--offline", "--github-url", ActionServer::github_url()},
                                        environment(), project_.path());
  EXPECT_EQ(refused.exit, 2) << refused.out;
  EXPECT_NE(refused.err.find("'acme/leaf@v1' is not what buildspec.lock says: the files in " +
                             (cache() / "acme/leaf" / leaf_).native() + " have been changed"),
            std::string::npos)
      << refused.err;
  EXPECT_EQ(run({"fetch"}).exit, 0);
  EXPECT_EQ(run({"verify"}).exit, 0);
  EXPECT_EQ(contents(cache() / "acme/leaf" / leaf_ / "dist/index.js"), "console.log('acme/leaf')\n");
}

// What is not on this machine does not come by waiting: no attempt is made twice.
TEST_F(Actions, AMissingLocalRepositoryIsSaidAtOnce) {
  std::map<std::string, std::string> waiting = environment();
  waiting.erase("_GITHUB_ACTION_DOWNLOAD_NO_BACKOFF");
  const auto began = std::chrono::steady_clock::now();
  const Ran ran = test::run_program(command({"fetch", "--actions-url-template",
                                             "file://" + (files_ / "none").native() + "/{owner}/{repo}"}),
                                    waiting, project_.path());
  EXPECT_EQ(ran.exit, 2);
  EXPECT_NE(ran.err.find("Unable to resolve action 'acme/top', repository not found (file://" +
                         (files_ / "none").native() + "/acme/top)"),
            std::string::npos)
      << ran.err;
  EXPECT_EQ(ran.err.find("Retrying"), std::string::npos) << ran.err;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10)) << "the shortest wait";
}

TEST_F(Actions, OfflineHasWhatWasFetched) {
  const Ran none = run({"fetch", "--offline"});
  EXPECT_EQ(none.exit, 2);
  EXPECT_NE(none.err.find("buildspec.yml:5:15: error: Unable to resolve action 'acme/top@v2': it has not "
                          "been fetched before"),
            std::string::npos)
      << none.err;
  EXPECT_EQ(run({"fetch"}).out, "3 actions in " + cache().parent_path().native() + "\n");
  server_.forget_requests();
  EXPECT_EQ(run({"fetch", "--offline"}).exit, 0);
  EXPECT_EQ(run({"lock", "--offline"}).exit, 0);
  EXPECT_EQ(server_.requests(), std::vector<std::string>());
}

TEST_F(Actions, WhatCannotBeHadIsSaidAtItsPlace) {
  put(project_ / "buildspec.yml",
      "version: 0.2\nphases:\n  build:\n    steps:\n      - uses: acme/none@v1\n"
      "      - uses: acme/top@v2\n      - uses: no/ref\n");
  const Ran wrong = run({"fetch"});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_NE(
      wrong.err.find("buildspec.yml:7:15: error: Expected format {org}/{repo}[/path]@ref. Actual 'no/ref'"),
      std::string::npos)
      << wrong.err;
  put(project_ / "buildspec.yml",
      "version: 0.2\nphases:\n  build:\n    steps:\n      - uses: acme/none@v1\n"
      "      - uses: acme/other@v1\n");
  server_.add("acme/other", "runs:\n  using: composite\n  steps:\n    - uses: acme/gone@v1\n", "v1");
  const Ran none = run({"lock"});
  EXPECT_EQ(none.exit, 2);
  EXPECT_NE(
      none.err.find("buildspec.yml:5:15: error: Unable to resolve action 'acme/none', repository not found"),
      std::string::npos)
      << none.err;
  EXPECT_NE(none.err.find("error: acme/gone@v1, which an action uses: Unable to resolve action 'acme/gone'"),
            std::string::npos)
      << none.err;
  EXPECT_FALSE(fs::exists(project_ / "buildspec.lock"));
  // The server's fault, not the reference's.
  put(project_ / "buildspec.yml", "version: 0.2\nphases: {build: {steps: [{uses: acme/leaf@v1}]}}\n");
  for (int i = 0; i < 3; ++i) server_.answer_next("codeload", {500});
  EXPECT_EQ(run({"fetch"}).exit, 3);
  server_.answer_next("/commits/", {403});
  EXPECT_EQ(run({"fetch"}).exit, 3);
}

TEST_F(Actions, LocalOnesAreLookedInto) {
  put(project_ / "buildspec.yml", "version: 0.2\nphases: {build: {steps: [{uses: ./ci/mine}]}}\n");
  put(project_ / "ci/mine/action.yml", "runs:\n  using: composite\n  steps:\n    - uses: acme/leaf@v1\n");
  EXPECT_EQ(run({"lock"}).out, "buildspec.lock: 1 action\n  acme/leaf@v1 is " + leaf_ + "\n");
}

TEST_F(Actions, ADirectoryStandsForOne) {
  put(files_ / "mine/action.yml", kPlain);
  EXPECT_EQ(run({"lock", "--replace", "acme/top=" + (files_ / "mine").native()}).out,
            "buildspec.lock: 1 action\n  acme/leaf@" + leaf_ + " is " + leaf_ + "\n");
}

TEST_F(Actions, WrongUsage) {
  EXPECT_EQ(seen({}).substr(0, 2), "2\n");
  EXPECT_EQ(seen({"lokc"}), "2\n[stderr]\nbuildspec-run: unknown action \"lokc\"; did you mean \"lock\"?\n");
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"fetch", "--actions-rewrite", "x"},
                                                {"fetch", "--replace", "a/b=/no/such"},
                                                {"fetch", "--actions-url-template", "https://mirror/"},
                                                {"prune", "--unused", "soon"},
                                                {"prune", "x.yml"},
                                                {"fetch", "no-such-file.yml"},
                                                {"fetch", "--actions-rewrite", "@no-such-file"}})
    EXPECT_EQ(run(wrong).exit, 2) << wrong[1];
}

TEST_F(Actions, ArePruned) {
  ASSERT_EQ(run({"fetch"}).exit, 0);
  EXPECT_EQ(run({"prune"}).out, "removed 0 actions, 0.0 MB\n");
  EXPECT_EQ(run({"prune", "--all"}).out, "removed 2 actions, 0.0 MB\n");
  EXPECT_FALSE(fs::exists(cache() / "acme/leaf" / leaf_));
  EXPECT_EQ(run({"fetch", "--offline"}).exit, 2);
}

TEST_F(Actions, AKilledRunnerLeavesNoHalf) {
  // Killed while it waits for the rest of an archive, while it is unpacked, and anywhere.
  const std::string whole = server_.add("acme/leaf").archive(leaf_, "top");
  for (int round = 0; round < 12; ++round) {
    server_.forget_requests();
    if (round == 0) server_.answer_next("codeload", {200, {}, "", {}, true});
    Start start;
    start.argv = command({"fetch"});
    start.env = environment();
    start.cwd = project_.path();
    start.out = files_ / "out";
    start.err = files_ / "err";
    {
      RunningProgram program(start);
      if (round == 0)
        EXPECT_TRUE(eventually([&] { return server_.requests().size() >= 3; }));
      else
        std::this_thread::sleep_for(std::chrono::milliseconds(round * 15));
      program.send(SIGKILL);
      static_cast<void>(program.wait());
    }
    // Whatever has the name of an entry is whole.
    for (const auto& [name, commit] : {std::pair(std::string("acme/leaf"), leaf_), {"acme/top", top_}})
      if (fs::exists(cache() / name / commit)) {
        EXPECT_TRUE(fs::exists(cache() / name / commit / "action.yml"));
        EXPECT_TRUE(fs::exists(cache() / name / commit / "dist/index.js"));
      }
    const Ran after = run({"fetch"});
    EXPECT_EQ(after.exit, 0) << after.err;
    for (const auto& entry : fs::recursive_directory_iterator(cache()))
      EXPECT_FALSE(entry.path().native().ends_with(".partial") && !fs::is_empty(entry)) << entry.path();
    fs::remove_all(files_ / "home/.cache");
  }
}

TEST_F(Actions, AnInterruptEndsAFetchThatHangs) {
  server_.answer_next("codeload", {200, {}, "", {}, true});
  Start start;
  start.argv = command({"fetch"});
  start.env = environment();
  start.cwd = project_.path();
  start.out = files_ / "out";
  start.err = files_ / "err";
  RunningProgram program(start);
  EXPECT_TRUE(eventually([&] {
    const std::vector<std::string> requests = server_.requests();
    return std::any_of(requests.begin(), requests.end(),
                       [](const std::string& one) { return one.find("codeload") != std::string::npos; });
  }));
  program.send(SIGINT);
  EXPECT_EQ(program.wait(std::chrono::seconds(10)), 130) << contents(files_ / "err");
}

TEST_F(Actions, TwoRunnersAtOnceFetchOnce) {
  std::vector<std::unique_ptr<RunningProgram>> programs;
  for (int i = 0; i < 3; ++i) {
    Start start;
    start.argv = command({"fetch"});
    start.env = environment();
    start.cwd = project_.path();
    start.out = files_ / fmt::format("out{}", i);
    start.err = files_ / fmt::format("err{}", i);
    programs.push_back(std::make_unique<RunningProgram>(start));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(programs[i]->wait(), 0) << contents(files_ / fmt::format("err{}", i));
  std::size_t archives = 0;
  for (const std::string& request : server_.requests())
    archives += request.find("codeload") != std::string::npos;
  EXPECT_EQ(archives, 2u) << "one a repository";
}

// A run says which actions came, and how much that was; what it has, it does not speak of.
TEST_F(Actions, ARunTellsWhatItFetches) {
  const auto build = [&](const char* format) {
    return test::run_program({kProgram, "run", "--no-keep", "--github-url", ActionServer::github_url(),
                              "--color=never", "--format", format},
                             environment(), project_.path());
  };
  put(project_ / "buildspec.yml",
      "version: 0.2\nphases: {build: {steps: [{if: false, uses: acme/top@v2}, {run: echo ran}]}}\n");
  const Ran plain = build("plain");
  EXPECT_EQ(plain.exit, 0) << plain.err;
  for (const char* line : {"[run] fetched acme/top@v2, ", "[run] fetched acme/leaf@v1, "})
    EXPECT_NE(plain.out.find(line), std::string::npos) << plain.out;
  EXPECT_EQ(build("plain").out.find("fetched"), std::string::npos);

  fs::remove_all(files_ / "home");
  const std::string json = build("json").out;
  EXPECT_NE(json.find(R"("type":"action-fetch","action":"acme/leaf@v1","state":"running","bytes":)"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("type":"action-fetch","action":"acme/leaf@v1","state":"done","bytes":)"),
            std::string::npos)
      << json;
}

TEST_F(Actions, AFullDiskIsSaidAndLeavesNothing) {
  std::string big;
  for (std::mt19937 random; big.size() < 400'000;)
    big += static_cast<char>(random());  // what gzip leaves as it is
  server_.add("acme/leaf").write("big", big);
  const std::string commit = server_.add("acme/leaf", kPlain, "v1");
  put(project_ / "buildspec.yml", "version: 0.2\nphases: {build: {steps: [{uses: acme/leaf@v1}]}}\n");
  std::vector<std::string> mounting;
  for (const std::vector<std::string>& way :
       {std::vector<std::string>{"unshare", "-m"}, {"unshare", "-Urm"}}) {
    std::vector<std::string> trial = way;
    for (const char* word : {"mount", "-t", "tmpfs", "none", "/tmp"}) trial.emplace_back(word);
    if (test::run_program(trial, environment()).exit == 0) {
      mounting = way;
      break;
    }
  }
  if (mounting.empty()) GTEST_SKIP() << "this user may not mount a small file system";
  fs::create_directories(files_ / "disk");
  // Room for nothing, for the archive but not for its files, and for both.
  for (const auto& [kilobytes, exit] : {std::pair(64, 3), {600, 3}, {8192, 0}}) {
    SCOPED_TRACE(kilobytes);
    std::vector<std::string> argv = mounting;
    const std::string script = fmt::format(
        "mount -t tmpfs -o size={}k none '{}' || exit 99; \"$@\"; code=$?; find '{}' -name '*.partial'; exit "
        "$code",
        kilobytes, (files_ / "disk").native(), (files_ / "disk").native());
    argv.insert(argv.end(), {"sh", "-c", script, "sh"});
    for (const std::string& word : command({"fetch", "--action-cache", (files_ / "disk/actions").native()}))
      argv.push_back(word);
    const Ran ran = test::run_program(argv, environment(), project_.path());
    EXPECT_EQ(ran.exit, exit) << ran.err;
    if (exit != 0) {
      EXPECT_NE(ran.err.find("No space left on device"), std::string::npos) << ran.err;
      EXPECT_EQ(ran.out, "");
    }
  }
}

}  // namespace
}  // namespace buildspec_run
