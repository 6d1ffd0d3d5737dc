#include "runner/sys/run_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::contents;
using test::put;
using test::TemporaryDirectory;

Path around(const TemporaryDirectory& home) {
  return home / ("buildspec-run-" + std::to_string(::geteuid()));
}

mode_t mode_of(const Path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

RunDirectory made_in(const Path& temporary) {
  Result<RunDirectory> made = RunDirectory::make(temporary);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

// The directory of a run that was killed, with a secret in it.
Path left_by_a_killed_run(const Path& temporary) {
  const Path told = temporary / "told";
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<RunDirectory> made = RunDirectory::make(temporary);
    if (!made) ::_exit(1);
    put(made->path() / "0/env.sh", "export S='s3cret'\n");
    put(told, made->path().native());
    ::raise(SIGKILL);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  const Path left = contents(told);
  std::filesystem::remove(told);
  EXPECT_EQ(contents(left / "0/env.sh"), "export S='s3cret'\n");
  return left;
}

TEST(RunDirectory, IsOursAloneAndGoesWithTheRun) {
  const TemporaryDirectory home;
  const mode_t before = ::umask(0777);
  {
    const RunDirectory one = made_in(home.path());
    ::umask(before);
    EXPECT_EQ(one.path().parent_path(), around(home));
    EXPECT_EQ(mode_of(one.path()), 0700u);
    EXPECT_EQ(mode_of(around(home)), 0711u);
    put(one.path() / "a/b", "x");
  }
  EXPECT_TRUE(std::filesystem::is_empty(home.path()));
}

TEST(RunDirectory, RemovesWhatAKilledRunHasLeft) {
  const TemporaryDirectory home;
  const Path left = left_by_a_killed_run(home.path());
  {
    const RunDirectory next = made_in(home.path());
    EXPECT_FALSE(std::filesystem::exists(left));
    EXPECT_NE(next.path(), left);
  }
  EXPECT_TRUE(std::filesystem::is_empty(home.path()));
}

TEST(RunDirectory, LeavesRunsAloneThatAreAlive) {
  const TemporaryDirectory home;
  std::optional<RunDirectory> one(made_in(home.path()));
  put(one->path() / "0/env.sh", "one");
  std::optional<RunDirectory> two(made_in(home.path()));
  put(two->path() / "0/env.sh", "two");
  const RunDirectory three = made_in(home.path());
  EXPECT_EQ(contents(one->path() / "0/env.sh"), "one");
  EXPECT_EQ(contents(two->path() / "0/env.sh"), "two");
  const Path first = one->path();
  one.reset();
  EXPECT_FALSE(std::filesystem::exists(first));
  EXPECT_EQ(contents(two->path() / "0/env.sh"), "two");
  EXPECT_TRUE(std::filesystem::exists(three.path()));
}

// Many at once, each the other's sweeper: nobody loses a directory that is in use.
TEST(RunDirectory, RunsThatBeginAndEndTogetherDoNotDisturbOneAnother) {
  const TemporaryDirectory home;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int round = 0; round < 25; ++round) {
        Result<RunDirectory> made = RunDirectory::make(home.path());
        if (!made) ::_exit(1);
        if (made->path().parent_path() != around(home)) ::_exit(3);
        put(made->path() / "x", "x");
        if (contents(made->path() / "x") != "x") ::_exit(2);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  EXPECT_TRUE(std::filesystem::is_empty(home.path()));
}

// Nobody can lead a sweep astray: not by a link in place of our directory, nor in it.
TEST(RunDirectory, FollowsNoLink) {
  const TemporaryDirectory home, other;
  put(other / "run-abcdef/mine", "mine");
  std::filesystem::create_directory_symlink(other.path(), around(home));
  {
    const RunDirectory one = made_in(home.path());
    EXPECT_EQ(one.path().parent_path(), home.path());
    EXPECT_EQ(mode_of(one.path()), 0700u);
  }
  EXPECT_EQ(contents(other / "run-abcdef/mine"), "mine");
  std::filesystem::remove(around(home));

  std::filesystem::create_directory(around(home));
  std::filesystem::permissions(around(home), std::filesystem::perms(0711));
  std::filesystem::create_directory_symlink(other / "run-abcdef", around(home) / "run-link");
  { const RunDirectory one = made_in(home.path()); }
  EXPECT_EQ(contents(other / "run-abcdef/mine"), "mine");
}

// A directory that others can write to is not ours alone.
TEST(RunDirectory, TrustsNoDirectoryThatOthersCanWriteTo) {
  const TemporaryDirectory home;
  put(around(home) / "run-abcdef/theirs", "theirs");
  std::filesystem::permissions(around(home), std::filesystem::perms(0777));
  { EXPECT_EQ(made_in(home.path()).path().parent_path(), home.path()); }
  EXPECT_EQ(contents(around(home) / "run-abcdef/theirs"), "theirs");
}

TEST(RunDirectory, SaysWhereItCannotBeMade) {
  const TemporaryDirectory home;
  const Result<RunDirectory> made = RunDirectory::make(home / "no");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code.value(), ENOENT);
  EXPECT_NE(made.error().message.find("no"), std::string::npos);
}

}  // namespace
}  // namespace buildspec_run
