// Archives, as GitHub and its like serve them, and as nobody should.
#include "runner/archive/unpack.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/git_repository.h"
#include "tests/support/tar.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::contents;
using test::put;
using test::tar_end;
using test::tar_entry;

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";

class UnpackTest : public testing::Test {
 protected:
  Result<TreeSummary> unpack_bytes(std::string_view bytes, const TreeLimits& limits = {},
                                   std::stop_token stop = {}) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    put(archive_, bytes);
    return unpack(kModules, archive_, root_, limits, std::move(stop));
  }
  std::string error_of(std::string_view bytes) {
    const Result<TreeSummary> done = unpack_bytes(bytes);
    return done ? "" : done.error().message;
  }

  test::TemporaryDirectory files_;
  Path root_ = files_ / "root", archive_ = files_ / "archive";
};

TEST_F(UnpackTest, TakesWhatGitPacks) {
  const test::GitRepository repository(files_ / "repository");
  repository.write("action.yml", "name: x\n");
  repository.write("dist/\xC3\xA9t\xC3\xA9.js", "1");
  repository.write(std::string(120, 'n') + "/" + std::string(120, 'm'), "long");
  repository.write("run.sh", "#!/bin/sh\n");
  std::filesystem::permissions(files_ / "repository/run.sh", std::filesystem::perms::owner_exec,
                               std::filesystem::perm_options::add);
  std::filesystem::create_symlink("dist", files_ / "repository/link");
  const std::string commit = repository.commit();
  std::string digest;
  for (const char* format : {"tar", "tar.gz", "zip"}) {
    SCOPED_TRACE(format);
    const test::Ran packed =
        repository.run({"archive", std::string("--format=") + format, "--prefix=top-1/", commit});
    const Result<TreeSummary> done = unpack_bytes(packed.out);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(contents(root_ / "action.yml"), "name: x\n");
    EXPECT_EQ(contents(root_ / "link/\xC3\xA9t\xC3\xA9.js"), "1");
    EXPECT_EQ(contents(root_ / std::string(120, 'n') / std::string(120, 'm')), "long");
    struct stat status;
    ASSERT_EQ(::stat((root_ / "run.sh").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755u);
    EXPECT_EQ(done->files, 5u);
    if (digest.empty()) digest = done->digest;
    EXPECT_EQ(done->digest, digest) << "the same files have the same digest, however they come";
  }
}

TEST_F(UnpackTest, TakesZstd) {
  if (test::run_program({"zstd", "--version"}, {{"PATH", "/usr/local/bin:/usr/bin:/bin"}}).exit != 0)
    GTEST_SKIP() << "zstd is not installed";
  put(files_ / "x.tar", tar_entry("top/a", '0', "text") + tar_end());
  ASSERT_EQ(test::run_program({"zstd", "-q", (files_ / "x.tar").native()},
                              {{"PATH", "/usr/local/bin:/usr/bin:/bin"}})
                .exit,
            0);
  EXPECT_EQ(error_of(contents(files_ / "x.tar.zst")), "");
  EXPECT_EQ(contents(root_ / "a"), "text");
}

TEST_F(UnpackTest, ThereIsOneTopLevelDirectory) {
  EXPECT_EQ(
      error_of(tar_entry("./", '5') + tar_entry("./top/", '5') + tar_entry("./top/a", '0', "x") + tar_end()),
      "");
  EXPECT_EQ(contents(root_ / "a"), "x");
  EXPECT_EQ(error_of(tar_entry("one/a", '0') + tar_entry("two/a", '0') + tar_entry("two/b", '0') + tar_end()),
            "'" + archive_.native() + "' contains '2' directories");
  EXPECT_EQ(error_of(tar_end()), "'" + archive_.native() + "' contains '0' directories");
  EXPECT_EQ(error_of(tar_entry("file", '0', "x") + tar_end()),
            "entry \"file\" lies outside of the one directory there should be");
}

TEST_F(UnpackTest, NoEntryLeavesItsRoot) {
  struct Case {
    std::string entries, want;
  };
  const Case kCases[] = {
      {tar_entry("../x", '0', "x"), "entry \"../x\" leads out of the archive"},
      {tar_entry("/etc/x", '0', "x"), "entry \"/etc/x\" leads out of the archive"},
      {tar_entry("top/../../x", '0', "x"), "entry \"../../x\" leads out of the tree"},
      {tar_entry("top/..", '5'), "entry \"..\" leads out of the tree"},
      {tar_entry("top/l", '2', "", "/etc"), "entry \"l\" is a link that leads out of the tree: \"/etc\""},
      {tar_entry("top/l", '2', "", "../x"), "entry \"l\" is a link that leads out of the tree: \"../x\""},
      {tar_entry("top/l", '2', "", "d") + tar_entry("top/l/x", '0', "x"),
       "write entry \"l/x\": Not a directory"},
      {tar_entry("top/a", '0', "x") + tar_entry("top/b", '1', "", "top/a"), "entry \"b\" is a hard link"},
      {tar_entry("top/b", '1', "", "/etc/passwd"), "entry \"b\" is a hard link"},
      {tar_entry("top/d", '3'), "entry \"d\" is a device"},
      {tar_entry("top/d", '4'), "entry \"d\" is a device"},
      {tar_entry("top/p", '6'), "entry \"p\" is a named pipe"},
      {tar_entry("top/a", '0', "x") + tar_entry("top/a", '0', "y"), "write entry \"a\": File exists"},
  };
  for (const auto& [entries, want] : kCases) {
    EXPECT_EQ(error_of(entries + tar_end()), want);
    // Nothing is beside the root but the archive.
    for (const auto& entry : std::filesystem::directory_iterator(files_.path()))
      EXPECT_TRUE(entry.path() == root_ || entry.path() == archive_) << entry.path();
  }
}

TEST_F(UnpackTest, SetuidAndItsKinAreLost) {
  ASSERT_EQ(error_of(tar_entry("top/x", '0', "x", "", 06755) + tar_end()), "");
  struct stat status;
  ASSERT_EQ(::stat((root_ / "x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
}

TEST_F(UnpackTest, WhatIsDamagedIsAnError) {
  const test::GitRepository repository(files_ / "repository");
  repository.write("action.yml", std::string(100'000, 'x') + "name: x\n");
  for (int i = 0; i < 50; ++i) repository.write("f" + std::to_string(i), std::to_string(i * 7919));
  const std::string whole = repository.archive(repository.commit(), "top");
  EXPECT_EQ(error_of(whole), "");
  for (const double part : {0.0, 0.1, 0.5, 0.9}) {
    const auto size = static_cast<std::size_t>(static_cast<double>(whole.size()) * part);
    EXPECT_NE(error_of(std::string_view(whole).substr(0, size)), "") << size << " bytes of " << whole.size();
  }
  EXPECT_NE(error_of("<html>not an archive</html>"), "");
  EXPECT_NE(error_of(std::string(100'000, 'x')), "");
  EXPECT_FALSE(unpack(kModules, files_ / "none", root_));
}

TEST_F(UnpackTest, HasLimits) {
  TreeLimits limits;
  limits.bytes = 1000;
  const Result<TreeSummary> big =
      unpack_bytes(tar_entry("top/a", '0', std::string(2000, 'x')) + tar_end(), limits);
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().message, "entry \"a\": the files have more than 1000 bytes");
  // What is small as an archive may be big as a tree.
  const test::GitRepository repository(files_ / "repository");
  repository.write("bomb", std::string(20'000'000, '\0'));
  const std::string bomb = repository.archive(repository.commit(), "top");
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_FALSE(unpack_bytes(bomb, limits));
  EXPECT_LE(std::filesystem::file_size(root_ / "bomb"), 1000u);
}

TEST_F(UnpackTest, CanBeStopped) {
  std::stop_source stop;
  stop.request_stop();
  const Result<TreeSummary> done =
      unpack_bytes(tar_entry("top/a", '0', "x") + tar_end(), {}, stop.get_token());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, std::errc::operation_canceled);
}

}  // namespace
}  // namespace buildspec_run
