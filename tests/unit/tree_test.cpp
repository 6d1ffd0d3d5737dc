// Trees of files that others made.
#include "runner/sys/tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::contents;

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";

std::unique_ptr<Sha256> sha256() {
  Result<std::unique_ptr<Sha256>> made = make_sha256(kModules);
  check(static_cast<bool>(made), "the digest module loads");
  return std::move(*made);
}

class TreeTest : public testing::Test {
 protected:
  std::unique_ptr<TreeWriter> writer(const TreeLimits& limits = {}) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    Result<std::unique_ptr<TreeWriter>> made = make_tree_writer(root_, sha256(), limits);
    check(static_cast<bool>(made), "a tree writer is made");
    return std::move(*made);
  }
  /// "" or the error.
  static std::string add(TreeWriter& tree, std::string_view path, std::string_view text,
                         bool executable = false) {
    Result<void> done = tree.begin_file(path, executable);
    if (done) done = tree.write(text);
    if (done) done = tree.end_file();
    return done ? "" : done.error().message;
  }
  static std::string said(const Result<void>& done) { return done ? "" : done.error().message; }

  test::TemporaryDirectory files_;
  Path root_ = files_ / "tree";
};

TEST_F(TreeTest, WritesFilesDirectoriesAndLinks) {
  const auto tree = writer();
  EXPECT_EQ(add(*tree, "a/b/main.js", "x = 1"), "");
  EXPECT_EQ(add(*tree, "run.sh", "#!/bin/sh", true), "");
  EXPECT_EQ(said(tree->directory("empty")), "");
  EXPECT_EQ(said(tree->directory("empty")), "") << "a directory may come twice";
  EXPECT_EQ(said(tree->link("a/link", "b/main.js")), "");
  EXPECT_EQ(said(tree->link("a/b/up", "../../run.sh")), "");
  EXPECT_EQ(said(tree->link("gone", "not-there")), "");
  const TreeSummary summary = tree->finish();
  EXPECT_EQ(contents(root_ / "a/link"), "x = 1");
  EXPECT_EQ(contents(root_ / "a/b/up"), "#!/bin/sh");
  EXPECT_TRUE(std::filesystem::is_directory(root_ / "empty"));
  struct stat status;
  ASSERT_EQ(::stat((root_ / "run.sh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  ASSERT_EQ(::stat((root_ / "a/b/main.js").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644u);
  EXPECT_EQ(summary.files, 5u);
  EXPECT_EQ(summary.bytes, 14u);
}

TEST_F(TreeTest, TheDigestIsThatOfThePathsModesAndContents) {
  const auto tree = writer();
  EXPECT_EQ(add(*tree, "b", "abc", true), "");
  EXPECT_EQ(add(*tree, "a", ""), "");
  EXPECT_EQ(said(tree->link("c", "a")), "");
  EXPECT_EQ(said(tree->directory("d")), "");
  const TreeSummary summary = tree->finish();
  // By the definition in tree.h, with sums of the standard's examples.
  const auto sum = sha256();
  const auto of = [&](std::string_view text) {
    sum->update(text);
    return to_hex(sum->finish());
  };
  std::string records = "100644 " + of("") + "\ta";
  records += '\0';
  records += "100755 " + of("abc") + "\tb";
  records += '\0';
  records += "120000 " + of("a") + "\tc";
  records += '\0';
  EXPECT_EQ(summary.digest, "sha256:" + of(records));

  const Result<TreeSummary> on_disk = sum_up_tree(root_, *sum);
  ASSERT_TRUE(on_disk) << on_disk.error().message;
  EXPECT_EQ(on_disk->digest, summary.digest);
  EXPECT_EQ(on_disk->files, summary.files);
  EXPECT_EQ(on_disk->bytes, summary.bytes);
  test::put(root_ / "a", "changed");
  EXPECT_NE(sum_up_tree(root_, *sum)->digest, summary.digest);
  test::put(root_ / "a", "");
  std::filesystem::create_directory(root_ / "another");
  EXPECT_EQ(sum_up_tree(root_, *sum)->digest, summary.digest) << "directories do not count";
  std::filesystem::permissions(root_ / "a", std::filesystem::perms::owner_exec,
                               std::filesystem::perm_options::add);
  EXPECT_NE(sum_up_tree(root_, *sum)->digest, summary.digest);
}

TEST_F(TreeTest, NoEntryLeavesIt) {
  struct Case {
    std::string_view path, want;
  };
  constexpr Case kCases[] = {
      {"../x", "entry \"../x\" leads out of the tree"},
      {"a/../../x", "entry \"a/../../x\" leads out of the tree"},
      {"a/..", "entry \"a/..\" leads out of the tree"},
      {"/etc/x", "entry \"/etc/x\" has an absolute path"},
      {"", "entry \"\" has no name"},
      {"a//b", "entry \"a//b\" has a part without a name in its path"},
      {"./a", "entry \"./a\" has a part without a name in its path"},
      {"a/", "entry \"a/\" has a part without a name in its path"},
  };
  const auto tree = writer();
  for (const auto& [path, want] : kCases) {
    EXPECT_EQ(add(*tree, path, "x"), want);
    EXPECT_EQ(said(tree->directory(path)), want);
    EXPECT_EQ(said(tree->link(path, "x")), want);
  }
  EXPECT_TRUE(add(*tree, std::string_view("a\0b", 3), "x").ends_with("has a NUL in its path"));
  EXPECT_TRUE(add(*tree, std::string(256, 'a'), "x").ends_with("has a name of more than 255 bytes"));
  EXPECT_TRUE(add(*tree, std::string(5000, 'a'), "x").ends_with("has a path of more than 4096 bytes"));
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "d/";
  EXPECT_TRUE(add(*tree, deep + "x", "x").ends_with("lies more than 200 directories deep"));
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(TreeTest, NoLinkLeavesItOrIsFollowed) {
  struct Case {
    std::string_view path, target;
    bool fine;
  };
  constexpr Case kCases[] = {
      {"l1", "/etc/passwd", false}, {"l2", "..", false},      {"l3", "../x", false},
      {"d/l4", "..", true},         {"d/l5", "../..", false}, {"l6", "d/../..", false},
      {"l7", "d/..", false},        {"l8", "", false},        {"l9", ".", true},
      {"d/l10", "./../d/", true},   {"l11", "a/./b", true},
  };
  const auto tree = writer();
  for (const auto& [path, target, fine] : kCases) {
    const std::string got = said(tree->link(path, target));
    EXPECT_EQ(
        got,
        fine ? "" : fmt::format("entry \"{}\" is a link that leads out of the tree: \"{}\"", path, target));
  }
  // "l9" is a directory by its link only.
  EXPECT_EQ(add(*tree, "l9/x", "x"), "write entry \"l9/x\": Not a directory");
  EXPECT_EQ(add(*tree, "l11", "x"), "write entry \"l11\": File exists");
  test::put(files_ / "outside", "mine");
  std::filesystem::create_symlink(files_ / "outside", root_ / "planted");
  EXPECT_EQ(add(*tree, "planted", "x"), "write entry \"planted\": File exists");
  EXPECT_EQ(contents(files_ / "outside"), "mine");
}

TEST_F(TreeTest, HasLimits) {
  TreeLimits limits;
  limits.bytes = 10;
  limits.entries = 3;
  const auto tree = writer(limits);
  EXPECT_EQ(add(*tree, "a", "123456"), "");
  Result<void> done = tree->begin_file("b", false);
  ASSERT_TRUE(done);
  done = tree->write("12345");
  EXPECT_EQ(said(done), "entry \"b\": the files have more than 10 bytes");
  EXPECT_EQ(done.error().code, std::errc::file_too_large);
  const auto many = writer(limits);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(said(many->directory(name)), "");
  EXPECT_EQ(said(many->directory("d")), "entry \"d\": the tree has more than 3 entries");
}

TEST_F(TreeTest, WhatIsNoTreeIsNotSummedUp) {
  const auto sum = sha256();
  EXPECT_FALSE(sum_up_tree(files_ / "none", *sum));
  std::filesystem::create_directories(root_);
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  const Result<TreeSummary> pipe = sum_up_tree(root_, *sum);
  ASSERT_FALSE(pipe);
  EXPECT_EQ(pipe.error().message,
            "sum up " + root_.native() + ": pipe is neither a file, a link nor a directory");
}

}  // namespace
}  // namespace buildspec_run
