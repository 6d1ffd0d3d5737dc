// Repositories made by the real git, with a configuration of their own.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run::test {

/// A work tree with its repository.
class GitRepository {
 public:
  explicit GitRepository(std::filesystem::path directory) : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_);
    git({"init", "-q", "."});
    git({"config", "uploadpack.allowAnySHA1InWant", "true"});  // as GitHub's
  }

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  /// Runs git, which must succeed, and gives what it prints, without a last line end.
  std::string git(std::vector<std::string> arguments) const {
    Ran ran = run(std::move(arguments));
    EXPECT_EQ(ran.exit, 0) << ran.err;
    if (ran.out.ends_with('\n')) ran.out.pop_back();
    return ran.out;
  }
  [[nodiscard]] Ran run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"git", "-c", "init.defaultBranch=main"});
    return run_program(arguments,
                       {{"HOME", directory_.native()},
                        {"GIT_CONFIG_NOSYSTEM", "1"},
                        {"GIT_AUTHOR_NAME", "A"},
                        {"GIT_AUTHOR_EMAIL", "a@example.com"},
                        {"GIT_COMMITTER_NAME", "A"},
                        {"GIT_COMMITTER_EMAIL", "a@example.com"},
                        {"GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"},
                        {"GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"},
                        {"PATH", ::getenv("PATH")}},
                       directory_);
  }
  void write(const std::string& path, std::string_view text) const { put(directory_ / path, text); }
  /// Commits all there is; its id.
  std::string commit(const std::string& message = "a commit") const {
    git({"add", "-A"});
    git({"commit", "-q", "--allow-empty", "-m", message});
    return git({"rev-parse", "HEAD"});
  }
  /// The archive that GitHub would make of a commit: one directory "<top>" in a tar.gz.
  [[nodiscard]] std::string archive(const std::string& commit, const std::string& top) const {
    return git_bytes({"archive", "--format=tar.gz", "--prefix=" + top + "/", commit});
  }

 private:
  [[nodiscard]] std::string git_bytes(std::vector<std::string> arguments) const {
    Ran ran = run(std::move(arguments));
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return std::move(ran.out);
  }

  std::filesystem::path directory_;
};

}  // namespace buildspec_run::test
