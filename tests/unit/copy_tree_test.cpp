#include "runner/sys/copy_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "runner/sys/descriptor.h"
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
  EXPECT_EQ(fs::status(to_ / "empty").permissions(), fs::perms(0700)) << "until all is in it";
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

TEST_F(CopyTree, DirectoriesGetTheirModesAndTimesWhenAllIsInThem) {
  test::put(from_ / "open/closed/below/file", "x");
  fs::create_directories(from_ / "open/private");
  const timespec times[] = {{1'000'000'000, 5}, {1'100'000'000, 7}};
  for (const auto& [path, mode] : {std::pair("open/closed/below", 0555), std::pair("open/closed", 0511),
                                   std::pair("open/private", 0700), std::pair("open", 02755)}) {
    ASSERT_EQ(::utimensat(AT_FDCWD, (from_ / path).c_str(), times, 0), 0);
    ASSERT_EQ(::chmod((from_ / path).c_str(), static_cast<mode_t>(mode)), 0);
  }
  ASSERT_EQ(::chmod(from_.c_str(), 0750), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, from_.c_str(), times, 0), 0);
  Result<std::vector<std::string>> paths = list_tree(from_, {});
  Result<CopiedTree> copied = copy_tree(from_, to_, *paths, {});
  ASSERT_TRUE(copied) << copied.error().message;
  ASSERT_TRUE(finish_directories(*copied));
  for (const char* path : {"", "open", "open/closed", "open/closed/below", "open/private"}) {
    SCOPED_TRACE(path);
    struct stat want {
    }, got{};
    ASSERT_EQ(::stat((from_ / path).c_str(), &want), 0);
    ASSERT_EQ(::stat((to_ / path).c_str(), &got), 0);
    EXPECT_EQ(got.st_mode, want.st_mode);
    EXPECT_EQ(got.st_mtim.tv_sec, want.st_mtim.tv_sec);
    EXPECT_EQ(got.st_mtim.tv_nsec, want.st_mtim.tv_nsec);
  }
  EXPECT_TRUE(remove_tree(to_)) << "what is closed to us goes, too";
  EXPECT_TRUE(remove_tree(from_));
}

TEST_F(CopyTree, KeepsHolesAndSecondNames) {
  test::put(from_ / "first", "one file");
  fs::create_directories(from_ / "dir");
  fs::create_hard_link(from_ / "first", from_ / "dir/second");
  fs::create_hard_link(from_ / "first", directory_.path() / "third, outside");
  constexpr off_t kSize = off_t{1} << 30, kPlace = (off_t{1} << 29) + 4096;
  {
    const Descriptor file = open_at(AT_FDCWD, (from_ / "sparse").c_str(), O_WRONLY | O_CREAT, 0644);
    ASSERT_EQ(::pwrite(file.get(), "here", 4, kPlace), 4);
    ASSERT_EQ(::ftruncate(file.get(), kSize), 0);
  }
  Result<std::vector<std::string>> paths = list_tree(from_, {});
  Result<CopiedTree> copied = copy_tree(from_, to_, *paths, {});
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(copied->files, 3u);
  struct stat first {
  }, second{}, sparse{};
  ASSERT_EQ(::stat((to_ / "first").c_str(), &first), 0);
  ASSERT_EQ(::stat((to_ / "dir/second").c_str(), &second), 0);
  EXPECT_EQ(first.st_ino, second.st_ino);
  EXPECT_EQ(first.st_nlink, 2u);
  ASSERT_EQ(::stat((to_ / "sparse").c_str(), &sparse), 0);
  EXPECT_EQ(sparse.st_size, kSize);
  EXPECT_LT(sparse.st_blocks, 4096) << "512 bytes each";
  const Descriptor file = open_at(AT_FDCWD, (to_ / "sparse").c_str(), O_RDONLY);
  char text[5] = "";
  ASSERT_EQ(::pread(file.get(), text, 4, kPlace), 4);
  EXPECT_STREQ(text, "here");
}

TEST_F(CopyTree, KeepsNamesOfAnyBytes) {
  const std::string name = "a\nb \xff\xfe *?";
  test::put(from_ / name / name, "x");
  fs::create_symlink(name, from_ / "link");
  Result<std::vector<std::string>> paths = list_tree(from_, {});
  const MovedLinks links(from_, to_);
  Result<CopiedTree> copied = copy_tree(from_, to_, *paths, {}, &links);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(test::contents(to_ / name / name), "x");
  EXPECT_EQ(fs::read_symlink(to_ / "link"), name);
}

TEST_F(CopyTree, ListsWhichDirectoriesHoldWhatIsExcepted) {
  test::put(from_ / ".git/config", "x");
  test::put(from_ / "sub/.git", "gitdir: /elsewhere");
  test::put(from_ / "sub/file", "x");
  std::vector<std::string> around;
  Result<std::vector<std::string>> paths = list_tree(from_, {".git"}, &around);
  ASSERT_TRUE(paths);
  std::sort(paths->begin(), paths->end());
  std::sort(around.begin(), around.end());
  EXPECT_EQ(*paths, (std::vector<std::string>{"sub", "sub/file"}));
  EXPECT_EQ(around, (std::vector<std::string>{"", "sub"}));
}

// The source is <tmp>/home/src, its copy <tmp>/state/1/src; <tmp>/home/other is a neighbour.
TEST_F(CopyTree, NoLinkOfTheCopyLeadsToTheSource) {
  const Path base = fs::canonical(directory_.path());
  const Path source = base / "home/src", copy = base / "state/1/src";
  fs::create_directories(source / "dir/deep");
  fs::create_directories(base / "home/other");
  fs::create_directories(copy);
  fs::create_directory_symlink(base / "home", base / "alias");
  fs::create_directory_symlink(source / "dir", base / "into");
  fs::create_directory_symlink(source, base / "home/other/back");
  fs::create_directory_symlink("dir", source / "current");
  fs::create_directory_symlink("../other", source / "out");
  fs::create_directory_symlink("..", source / "up");
  fs::create_symlink("circle", source / "circle");
  const MovedLinks links(source, copy);
  const std::string from = source.native(), to = copy.native(), top = base.native();
  struct Case {
    std::string in, target, want;
  };
  const std::vector<Case> cases = {
      // Absolute.
      {"", from, to},
      {"", from + "/", to},
      {"", from + "/file", to + "/file"},
      {"dir", from + "/not/there/yet", to + "/not/there/yet"},
      {"", from + "/current/x", to + "/current/x"},  // through a link that is in the copy, too
      {"", from + "//dir/../dir/./x", to + "/dir/./x"},
      {"", top + "/alias/src/file", to + "/file"},
      {"", top + "/into/file", to + "/dir/file"},
      {"", top + "/home/other/../src/file", to + "/file"},
      {"", top + "/home/other/back/dir", to + "/dir"},
      {"", from + "/../src/file", to + "/file"},
      {"", from + "/out/back/file", to + "/file"},
      {"", from + "/../other/x", from + "/../other/x"},
      {"", from + "2/file", from + "2/file"},
      {"", "/etc/passwd", "/etc/passwd"},
      {"", from + "/circle/x", from + "/circle/x"},
      // Relative.
      {"", "file", "file"},
      {"dir/deep", "../../file", "../../file"},
      {"", "current/x", "current/x"},
      {"dir", "../../src/file", "../../src/file"},  // the copy has the same name
      {"dir", "../../../home/src/file", "../file"},
      {"", "../../home/src", "."},
      {"dir/deep", "../../../../home/src", "../.."},
      {"", "../../alias/src/dir/x", "dir/x"},
      {"", "../../into/x", "dir/x"},
      {"", "out/back/dir/x", "dir/x"},
      {"", "up/src/x", "x"},
      {"", "up/other", "up/other"},  // "up" leads to where it led
      {"", "out/x", "out/x"},
      {"", "../other", top + "/home/other"},
      {"dir", "../../other/x", "../../other/x"},  // not there: nothing is lost
      {"", "..", top + "/home"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(links.target_for(each.in.empty() ? source : source / each.in, each.target), each.want)
        << each.in << ": " << each.target;
}

}  // namespace
}  // namespace buildspec_run
