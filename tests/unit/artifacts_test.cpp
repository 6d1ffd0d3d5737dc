// What artifacts select: the worked examples and the algorithm of buildspec.md 2.10.
#include "runner/exec/artifacts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::put;

class Artifacts : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"my-build-1/my-file-1.txt", "my-build-2/my-file-2.txt",
                             "my-build-2/my-subdirectory/my-file-3.txt", "top.txt", ".hidden", ".dir/inside"})
      put(directory_ / name, "");
    std::filesystem::create_directory(directory_ / "empty");
  }
  // "base: directory(missing missing) directory; files N[; problem]"
  std::string selected(std::vector<std::string> files, std::string base = "",
                       std::vector<std::string> excluded = {}) {
    const ArtifactOutline found =
        select_artifacts({"", std::move(base), std::move(files), std::move(excluded), {}},
                         directory_.path().native(), variables_, {});
    std::string text = found.base_directory + ":";
    for (const ArtifactRoot& one : found.directories)
      text += fmt::format(" {}({})", one.path, fmt::join(one.missing, " "));
    text += fmt::format("; files {}", found.files);
    return found.problem.empty() ? text : text + "; " + found.problem;
  }

  test::TemporaryDirectory directory_;
  std::map<std::string, std::string> variables_;
};

TEST_F(Artifacts, TheWorkedExamples) {
  EXPECT_EQ(selected({"*/my-file-3.txt"}, "my-build-2"), "my-build-2: my-build-2(); files 1");
  EXPECT_EQ(selected({"**/*"}, "my-build*"), "my-build*: my-build-1() my-build-2(); files 3");
}

TEST_F(Artifacts, WildcardsStayInAComponentAndTakeDotFiles) {
  EXPECT_EQ(selected({"**/*"}), ".: .(); files 6");
  EXPECT_EQ(selected({"**"}), ".: .(); files 6");
  EXPECT_EQ(selected({"*"}), ".: .(); files 2");
  EXPECT_EQ(selected({"./top.txt", "top.txt", "*.txt"}), ".: .(); files 1") << "each file once";
  EXPECT_EQ(selected({"my-build-?/*.txt"}), ".: .(); files 2");
  EXPECT_EQ(selected({"my-build-[2-9]/**/*"}), ".: .(); files 2");
  EXPECT_EQ(selected({"**/my-subdirectory/**/*"}), ".: .(); files 1");
  EXPECT_EQ(selected({"**.txt"}), ".: .(); files 4") << "U30";
}

TEST_F(Artifacts, WhatIsMissing) {
  EXPECT_EQ(selected({"gone.txt", "top.txt", "*.gone", "empty"}), ".: .(gone.txt); files 1");
  EXPECT_EQ(selected({"gone.txt"}), ".: .(gone.txt); files 0; no matching artifact paths found");
  EXPECT_EQ(selected({"**/*"}, "empty"), "empty: empty(); files 0; no matching artifact paths found");
  EXPECT_EQ(selected({"**/*"}, "dist"), "dist:; files 0; no matching base directory path found for dist");
  EXPECT_EQ(selected({"**/*"}, "top*"), "top*:; files 0; no matching base directory path found for top*");
}

TEST_F(Artifacts, WhatIsExcluded) {
  EXPECT_EQ(selected({"**/*"}, "", {"**/my-subdirectory/**/*"}), ".: .(); files 5");
  EXPECT_EQ(selected({"**/*"}, "", {"**/.*"}), ".: .(); files 5");
  EXPECT_EQ(selected({"**/*"}, "", {"**/.*/**/*", "**/.*"}), ".: .(); files 4");
  EXPECT_EQ(selected({"**/*"}, "my-build-2", {"my-file-2.txt"}), "my-build-2: my-build-2(); files 1")
      << "relative to the base directory";
  EXPECT_EQ(selected({"top.txt"}, "", {"**/*"}), ".: .(); files 0; no matching artifact paths found");
}

TEST_F(Artifacts, VariablesAndAbsolutePaths) {
  const std::string here = directory_.path().native();
  variables_ = {{"CODEBUILD_SRC_DIR_x", here + "/my-build-2"}, {"N", "1"}};
  EXPECT_EQ(selected({"**/*"}, "$CODEBUILD_SRC_DIR_x"),
            fmt::format("{0}/my-build-2: {0}/my-build-2(); files 2", here));
  EXPECT_EQ(selected({"my-build-${N}/*", here + "/top.txt", here + "/my-build-2/*"}), ".: .(); files 3");
  EXPECT_EQ(selected({"$", "${", "${N", "$UNSET"}),
            ".: .($ ${ ${N); files 0; no matching artifact paths found");
}

TEST_F(Artifacts, LinksToDirectoriesAreNotEntered) {
  std::filesystem::create_directory_symlink(".", directory_ / "loop");
  std::filesystem::create_symlink("top.txt", directory_ / "link");
  std::filesystem::create_symlink("nowhere", directory_ / "broken");
  EXPECT_EQ(selected({"**/*"}), ".: .(); files 7");
}

}  // namespace
}  // namespace buildspec_run
