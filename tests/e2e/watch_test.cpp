// `run --watch`: again when a file changes, never over itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/git_repository.h"
#include "tests/support/run_program.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::RunningProgram;

class Watch : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(source()); }
  [[nodiscard]] std::filesystem::path source() const { return home_ / "src"; }
  [[nodiscard]] test::Start start(std::vector<std::string> more = {}) const {
    test::Start start;
    start.argv = {PROJECT_BINARY_DIR "/bin/buildspec-run", "--watch", "--debounce", "20", "--no-keep"};
    start.argv.insert(start.argv.end(), more.begin(), more.end());
    start.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", home_.path().native()}};
    start.cwd = source();
    start.out = home_ / "out";
    start.err = home_ / "err";
    return start;
  }
  [[nodiscard]] std::string err() const { return test::contents(home_ / "err"); }
  [[nodiscard]] std::ptrdiff_t lines_of(const char* file) const {
    const std::string text = test::contents(home_ / file);
    return std::count(text.begin(), text.end(), '\n');
  }
  [[nodiscard]] std::size_t times(std::string_view text) const {
    std::size_t count = 0;
    const std::string all = err();
    for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++count;
    return count;
  }

  test::TemporaryDirectory home_;
};

TEST_F(Watch, RunsAgainWhenAFileChangesUntilItIsInterrupted) {
  test::put(source() / "buildspec.yml",
            "version: 0.2\nphases: {build: {commands: ['cat dir/a >> ../ran']}}\n");
  test::put(source() / ".gitignore", "ignored\n");
  test::put(source() / "dir/a", "one\n");
  test::GitRepository repository(source());
  RunningProgram program(start());
  ASSERT_TRUE(test::eventually([&] { return times("watching 3 files") == 1; })) << err();
  test::put(source() / "dir/a", "two\n");
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 2; })) << err();
  EXPECT_NE(err().find("dir/a has changed; running again"), std::string::npos) << err();
  test::put(source() / "new/deep/file", "x");  // a directory that nobody knew
  ASSERT_TRUE(test::eventually([&] { return times("watching 4 files") == 1; })) << err();
  test::put(source() / "new/deep/file", "more");
  ASSERT_TRUE(test::eventually([&] { return times("watching 4 files") == 2; })) << err();
  test::put(source() / "ignored", "x");
  std::filesystem::remove(source() / "new/deep/file");
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 5; })) << err();
  EXPECT_EQ(err().find("ignored"), std::string::npos) << err();
  EXPECT_EQ(test::contents(home_ / "ran"), "one\ntwo\ntwo\ntwo\ntwo\n");
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
}

TEST_F(Watch, LooksIntoSubmodulesAndOtherRepositories) {
  const test::GitRepository inner(home_ / "inner");
  test::put(inner.directory() / "f", "one\n");
  inner.commit();
  const test::GitRepository repository(source());
  test::put(source() / "buildspec.yml",
            "version: 0.2\nphases: {build: {commands: ['cat sub/f own/g >> ../ran']}}\n");
  repository.git(
      {"-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.directory().native(), "sub"});
  repository.commit();
  const test::GitRepository own(source() / "own");
  test::put(own.directory() / "g", "uno\n");
  // The work tree of a repository that was moved is none.
  test::put(source() / "stale/.git", "gitdir: /not/there/any/more\n");
  test::put(source() / "stale/h", "x");
  RunningProgram program(start());
  ASSERT_TRUE(test::eventually([&] { return times("watching 5 files") == 1; })) << err();
  test::put(source() / "sub/f", "two\n");
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 2; })) << err();
  EXPECT_NE(err().find("sub/f has changed; running again"), std::string::npos) << err();
  test::put(source() / "own/g", "due\n");
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 3; })) << err();
  EXPECT_NE(err().find("own/g has changed; running again"), std::string::npos) << err();
  EXPECT_EQ(test::contents(home_ / "ran"), "one\nuno\ntwo\nuno\ntwo\ndue\n");
  test::put(source() / "stale/h", "y");
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 4; })) << err();
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
}

TEST_F(Watch, LooksIntoDirectoriesThatWereEmpty) {
  test::put(source() / "buildspec.yml", "version: 0.2\nphases: {build: {commands: ['true']}}\n");
  test::put(source() / ".gitignore", "ignored/\n*.o\n");
  test::put(source() / "objects/a.o", "x");
  std::filesystem::create_directories(source() / "empty");
  std::filesystem::create_directories(source() / "ignored/deep");
  const test::GitRepository repository(source());
  RunningProgram program(start());
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 1; })) << err();
  std::filesystem::create_directories(source() / "made/later");
  // No change says when it has been seen. Longer than the debounce by far, also where the machine is busy.
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  std::size_t runs = 1;
  for (const char* file : {"made/later/file", "objects/b.c", "empty/file"}) {
    test::put(source() / file, "x");
    ++runs;
    ASSERT_TRUE(test::eventually([&] { return times("watching") == runs; })) << file << "\n" << err();
    EXPECT_NE(err().find(std::string(file) + " has changed; running again"), std::string::npos) << err();
  }
  test::put(source() / "ignored/deep/file", "x");
  test::put(source() / "objects/c.o", "x");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(times("running again"), 3U) << err();
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
}

TEST_F(Watch, AChangeDuringARunIsOneMoreRunAfterIt) {
  test::put(source() / "buildspec.yml",
            "version: 0.2\nphases: {build: {commands: ['echo begin >> ../ran; while ! test -e ../go; do "
            "sleep 0.01; done; echo end >> "
            "../ran']}}\n");
  test::put(source() / "a", "one\n");
  RunningProgram program(start());
  ASSERT_TRUE(test::eventually([&] { return lines_of("ran") == 1; })) << err();
  for (int i = 0; i < 3; ++i) test::put(source() / "a", "change " + std::to_string(i));
  test::put(home_ / "go", "");
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 1; })) << err();
  EXPECT_EQ(times("a has changed during the run; running again"), 1U) << err();
  EXPECT_EQ(test::contents(home_ / "ran"), "begin\nend\nbegin\nend\n");
  program.send(SIGTERM);
  EXPECT_EQ(program.wait(), 143);
}

TEST_F(Watch, WhatTheBuildWritesItselfIsNoReasonForAnother) {
  test::put(source() / "buildspec.yml",
            "version: 0.2\nphases: {build: {commands: ['date +%N > report; echo >> ../ran']}}\n");
  RunningProgram program(start());
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 1; })) << err();
  EXPECT_EQ(lines_of("ran"), 3);
  EXPECT_NE(err().find("report changes with every run, so that is no reason for another"), std::string::npos)
      << err();
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
}

TEST_F(Watch, AFileWithANewNameInEachRunIsNoReasonForEver) {
  test::put(source() / "buildspec.yml",
            "version: 0.2\nphases: {build: {commands: ['date > report-$(date +%s%N); echo >> ../ran']}}\n");
  RunningProgram program(start());
  ASSERT_TRUE(test::eventually([&] { return times("watching") == 1; })) << err();
  EXPECT_EQ(lines_of("ran"), 6);
  program.send(SIGTERM);
  EXPECT_EQ(program.wait(), 143);
}

TEST_F(Watch, CtrlCEndsARunAndTheWatching) {
  test::put(source() / "buildspec.yml",
            "version: 0.2\nphases: {build: {commands: ['echo >> ../ran; sleep 30']}}\n");
  RunningProgram program(start());
  ASSERT_TRUE(test::eventually([&] { return lines_of("ran") == 1; })) << err();
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
  EXPECT_EQ(times("watching"), 0U);
}

TEST_F(Watch, IsOneWordOfWrongUsageAway) {
  test::put(source() / "buildspec.yml", "version: 0.2\nphases: {}\n");
  const auto refused = [&](std::vector<std::string> options) {
    options.insert(options.begin(), PROJECT_BINARY_DIR "/bin/buildspec-run");
    const test::Ran ran =
        test::run_program(options, {{"HOME", home_.path().native()}, {"PATH", "/usr/bin:/bin"}}, source());
    EXPECT_EQ(ran.exit, 2) << ran.out;
    return ran.err;
  };
  EXPECT_NE(refused({"--debounce", "5"}).find("--debounce has no meaning without --watch"),
            std::string::npos);
  EXPECT_NE(refused({"--watch", "--debounce", "soon"}).find("a whole number"), std::string::npos);
  EXPECT_NE(refused({"--watch", "-"}).find("--watch cannot run standard input again"), std::string::npos);
  EXPECT_NE(refused({"--watch", "--dry-run"}).find("no meaning with --dry-run"), std::string::npos);
}

}  // namespace
}  // namespace buildspec_run
