#include "runner/sys/copy_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

namespace fs = std::filesystem;

class CopyTree : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(from_);
    fs::create_directories(to_);
  }
  test::TemporaryDirectory directory_;
  Path from_ = directory_.path() / "from here", to_ = directory_.path() / "to";
};

TEST_F(CopyTree, KeepsModesTimesAndLinks) {
  test::put(from_ / "a/run.sh", "#!/bin/sh\n");
  fs::permissions(from_ / "a/run.sh", fs::perms(0751));
  test::put(from_ / "secret", std::string(1 << 20, 's'));
  fs::permissions(from_ / "secret", fs::perms(0400));
  fs::create_directories(from_ / "empty");
  fs::permissions(from_ / "empty", fs::perms(0555));
  fs::create_symlink("../nowhere", from_ / "a/dangling");
  fs::create_directory_symlink("a", from_ / "to a");
  const timespec times[] = {{1'000'000'000, 5}, {1'100'000'000, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (from_ / "a/run.sh").c_str(), times, 0), 0);

  Result<std::vector<std::string>> paths = list_tree(from_, {});
  ASSERT_TRUE(paths);
  Result<CopiedTree> copied = copy_tree(from_, to_, *paths, {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(copied->files, 2u);
  EXPECT_EQ(copied->links, 2u);
  EXPECT_EQ(copied->directories, 2u);
  EXPECT_EQ(copied->bytes, (1u << 20) + 10);
  EXPECT_EQ(test::contents(to_ / "a/run.sh"), "#!/bin/sh\n");
  EXPECT_EQ(test::contents(to_ / "secret"), std::string(1 << 20, 's'));
  struct stat status {};
  ASSERT_EQ(::stat((to_ / "a/run.sh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0751u);
  EXPECT_EQ(status.st_mtime, 1'100'000'000);
  ASSERT_EQ(::stat((to_ / "secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0400u);
  ASSERT_EQ(::stat((to_ / "empty").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u) << "a directory that we could not write into is of no use";
  EXPECT_EQ(fs::read_symlink(to_ / "a/dangling"), "../nowhere");
  EXPECT_EQ(fs::read_symlink(to_ / "to a"), "a");
}

TEST_F(CopyTree, ReadsNothingBehindALink) {
  test::put(directory_.path() / "outside/secret", "hush");
  fs::create_directory_symlink(directory_.path() / "outside", from_ / "dir");
  Result<CopiedTree> copied = copy_tree(from_, to_, {"dir/secret", "gone", "gone/too"}, {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(copied->files, 0u);
  EXPECT_TRUE(fs::is_empty(to_));
}

TEST_F(CopyTree, RefusesPathsThatLead) {
  for (const char* path : {"../x", "/etc/passwd", "a/../../x", "a//b", "./a", ""})
    EXPECT_FALSE(copy_tree(from_, to_, {path}, {})) << path;
}

TEST_F(CopyTree, LeavesOutWhatIsNeitherFileNorLink) {
  ASSERT_EQ(::mkfifo((from_ / "pipe").c_str(), 0600), 0);
  Result<std::vector<std::string>> paths = list_tree(from_, {});
  Result<CopiedTree> copied = copy_tree(from_, to_, *paths, {});
  ASSERT_TRUE(copied);
  EXPECT_EQ(copied->left_out, std::vector<std::string>{"pipe"});
  EXPECT_FALSE(fs::exists(to_ / "pipe"));
}

TEST_F(CopyTree, SaysWhatCannotBeReadOrWritten) {
  if (::geteuid() == 0) {
    // For root every file can be read; a directory that is in the way cannot be written.
    test::put(from_ / "x", "1");
    fs::create_directories(to_ / "x");
    Result<CopiedTree> copied = copy_tree(from_, to_, {"x"}, {});
    ASSERT_FALSE(copied);
    EXPECT_NE(copied.error().message.find("/to/x"), std::string::npos) << copied.error().message;
    return;
  }
  test::put(from_ / "x", "1");
  fs::permissions(from_ / "x", fs::perms(0));
  Result<CopiedTree> copied = copy_tree(from_, to_, {"x"}, {});
  ASSERT_FALSE(copied);
  EXPECT_NE(copied.error().message.find("from here/x"), std::string::npos) << copied.error().message;
}

TEST_F(CopyTree, StopsWhenAsked) {
  for (int i = 0; i < 300; ++i) test::put(from_ / std::to_string(i), "x");
  std::stop_source stop;
  stop.request_stop();
  Result<std::vector<std::string>> paths = list_tree(from_, {});
  Result<CopiedTree> copied = copy_tree(from_, to_, *paths, stop.get_token());
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, std::errc::operation_canceled);
}

TEST_F(CopyTree, CopiesManyOnSeveralThreads) {
  for (int i = 0; i < 3000; ++i)
    test::put(from_ / std::to_string(i % 37) / std::to_string(i), std::to_string(i));
  Result<std::vector<std::string>> paths = list_tree(from_, {"36"});
  ASSERT_TRUE(paths);
  Result<CopiedTree> copied = copy_tree(from_, to_, *paths, {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(copied->files, 3000u - 3000 / 37);
  for (int i = 0; i < 3000; ++i) {
    if (i % 37 == 36) continue;
    ASSERT_EQ(test::contents(to_ / std::to_string(i % 37) / std::to_string(i)), std::to_string(i));
  }
}

}  // namespace
}  // namespace buildspec_run
