// Facts about real repositories, made by the real git, with a HOME and a configuration of its own.
#include "runner/sys/git.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef BUILDSPEC_RUN_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

#include <thread>

#include "runner/sys/url.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::contents;
using test::put;

std::string dump(const GitFacts& facts, const std::string& why) {
  return fmt::format("root={} commit={} branch={} tag={} url={} why={}", facts.root, facts.commit,
                     facts.branch, facts.tag, facts.remote_url, why);
}

class GitTest : public testing::Test {
 protected:
  GitTest() {
    Result<std::unique_ptr<Git>> made = make_git(Path(PROJECT_BINARY_DIR) / "libexec/buildspec-run");
    check(static_cast<bool>(made), "the git module loads");
    git_ = std::move(*made);
    std::filesystem::create_directories(home_ / "user");
  }

  /// Runs git, which must succeed, and gives the first line it prints.
  std::string git(const Path& cwd, std::vector<std::string> arguments) {
    const test::Ran ran = try_git(cwd, std::move(arguments));
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran.out.substr(0, ran.out.find('\n'));
  }
  test::Ran try_git(const Path& cwd, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"});
    return test::run_program(arguments,
                             {{"HOME", (home_ / "user").native()},
                              {"GIT_CONFIG_NOSYSTEM", "1"},
                              {"GIT_AUTHOR_NAME", "A"},
                              {"GIT_AUTHOR_EMAIL", "a@example.com"},
                              {"GIT_COMMITTER_NAME", "A"},
                              {"GIT_COMMITTER_EMAIL", "a@example.com"},
                              {"GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"},
                              {"GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"},
                              {"PATH", ::getenv("PATH")}},
                             cwd);
  }
  /// A new repository with one commit, whose id it returns.
  std::string repository(const Path& where) {
    std::filesystem::create_directories(where);
    git(where, {"init", "-q", "."});
    return commit(where, "one");
  }
  std::string commit(const Path& where, const std::string& message) {
    git(where, {"commit", "-q", "--allow-empty", "-m", message});
    return git(where, {"rev-parse", "HEAD"});
  }
  std::string facts(const Path& directory) {
    std::string why = "not said";
    const GitFacts found = git_->facts(directory, &why);
    return dump(found, why);
  }
  std::string want(const Path& root, std::string commit, std::string branch, std::string tag = "",
                   std::string url = "") {
    return dump({root.native(), std::move(commit), std::move(branch), std::move(tag), std::move(url)}, "");
  }
  static std::string nothing(const std::string& why = "") { return dump({}, why); }

  test::TemporaryDirectory home_;
  std::unique_ptr<Git> git_;
};

// Nobody may ever write into it: neither what git says of the source nor a copy of it waits.
TEST_F(GitTest, DoesNotWaitForAPipe) {
  const Path where = home_ / "r";
  repository(where);
  for (const char* name : {".git/config", ".git/HEAD", ".git/index", ".gitignore"}) {
    std::filesystem::remove(where / name);
    ASSERT_EQ(::mkfifo((where / name).c_str(), 0600), 0);
    std::string why;
    EXPECT_EQ(git_->facts(where, &why).commit, "");
    EXPECT_EQ(why, (where / name).native() + " is no regular file");
    const Result<GitFiles> files = git_->files(where, false);
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().message, "list the files of " + where.native() + ": " + why);
    std::filesystem::remove(where / name);
  }
}

TEST_F(GitTest, SaysNothingOutsideOfARepository) {
  EXPECT_EQ(facts(home_.path()), nothing());
  EXPECT_EQ(facts(home_ / "not there"), nothing());
  EXPECT_EQ(find_git_root(home_.path()), std::nullopt);
  EXPECT_EQ(find_git_root(home_ / "not there"), std::nullopt);
  EXPECT_EQ(git_->facts(home_.path(), nullptr).root, "");
}

TEST_F(GitTest, KnowsAPlainRepository) {
  const Path root = home_ / "with a space/\xC3\xA9t\xC3\xA9";
  const std::string id = repository(root);
  EXPECT_EQ(id.size(), 40u);
  std::filesystem::create_directories(root / "a/b");
  EXPECT_EQ(facts(root), want(root, id, "main"));
  EXPECT_EQ(facts(root / "a/b"), want(root, id, "main"));
  EXPECT_EQ(facts(root / ".git/refs"), want(root, id, "main"));
  EXPECT_EQ(find_git_root(root / "a/b"), root);
  std::filesystem::create_directory_symlink(root / "a", home_ / "link");
  EXPECT_EQ(facts(home_ / "link"), want(root, id, "main"));
  EXPECT_EQ(find_git_root(home_ / "link"), root);
}

TEST_F(GitTest, KnowsBranchesWithSlashesAndADetachedHead) {
  const Path root = home_ / "r";
  const std::string first = repository(root);
  git(root, {"checkout", "-q", "-b", "feature/x.y"});
  const std::string second = commit(root, "two");
  EXPECT_EQ(facts(root), want(root, second, "feature/x.y"));
  git(root, {"checkout", "-q", "--detach", first});
  EXPECT_EQ(facts(root), want(root, first, ""));
  git(root, {"pack-refs", "--all"});
  git(root, {"checkout", "-q", "feature/x.y"});
  EXPECT_EQ(facts(root), want(root, second, "feature/x.y"));
}

TEST_F(GitTest, BeforeTheFirstCommitThereIsABranch) {
  const Path root = home_ / "r";
  std::filesystem::create_directories(root);
  git(root, {"init", "-q", "-b", "trunk", "."});
  git(root, {"remote", "add", "origin", "https://example.com/x.git"});
  EXPECT_EQ(facts(root), want(root, "", "trunk", "", "https://example.com/x.git"));
}

TEST_F(GitTest, NamesTheFirstTagAtHead) {
  const Path root = home_ / "r";
  repository(root);
  git(root, {"tag", "a-older"});
  const std::string id = commit(root, "two");
  EXPECT_EQ(facts(root), want(root, id, "main"));
  git(root, {"tag", "v1.0"});
  EXPECT_EQ(facts(root), want(root, id, "main", "v1.0"));
  git(root, {"tag", "-a", "-m", "annotated", "release/1"});
  EXPECT_EQ(facts(root), want(root, id, "main", "release/1"));
  git(root, {"tag", "-a", "-m", "a tag of a tag", "nested", "release/1"});
  EXPECT_EQ(facts(root), want(root, id, "main", "nested"));
  git(root, {"pack-refs", "--all"});
  EXPECT_EQ(facts(root), want(root, id, "main", "nested"));
  // A tag that is damaged, or of something else, is passed over.
  git(root, {"tag", "blob", git(root, {"hash-object", "-w", "--stdin"})});
  put(root / ".git/refs/tags/broken", "nonsense\n");
  EXPECT_EQ(facts(root), want(root, id, "main", "nested"));
}

TEST_F(GitTest, ChoosesTheRemote) {
  const Path root = home_ / "r";
  const std::string id = repository(root);
  git(root, {"remote", "add", "elsewhere", "https://example.com/only.git"});
  EXPECT_EQ(facts(root), want(root, id, "main", "", "https://example.com/only.git"));
  git(root, {"remote", "add", "third", "https://example.com/third.git"});
  EXPECT_EQ(facts(root), want(root, id, "main"));  // two, and none is "origin"
  git(root, {"remote", "add", "origin", "https://user:t0ken@example.com/origin.git"});
  EXPECT_EQ(facts(root), want(root, id, "main", "", "https://example.com/origin.git"));
  git(root, {"config", "branch.main.remote", "third"});
  EXPECT_EQ(facts(root), want(root, id, "main", "", "https://example.com/third.git"));
  git(root, {"config", "branch.main.remote", "."});
  EXPECT_EQ(facts(root), want(root, id, "main", "", "https://example.com/origin.git"));
  git(root, {"config", "branch.main.remote", "ssh://git:pw@example.com/direct.git"});
  EXPECT_EQ(facts(root), want(root, id, "main", "", "ssh://git@example.com/direct.git"));
  git(root, {"config", "branch.main.remote", "gone"});
  EXPECT_EQ(facts(root), want(root, id, "main", "", "https://example.com/origin.git"));
  git(root, {"remote", "set-url", "--add", "origin", "https://example.com/second.git"});
  EXPECT_EQ(facts(root),
            want(root, id, "main", "", "https://example.com/origin.git"));  // git fetches from the first
}

TEST_F(GitTest, KnowsLinkedWorktrees) {
  const Path root = home_ / "r", linked = home_ / "linked tree";
  const std::string first = repository(root);
  git(root, {"remote", "add", "origin", "git@example.com:x/y.git"});
  git(root, {"worktree", "add", "-q", "-b", "other", linked.native()});
  ASSERT_TRUE(std::filesystem::is_regular_file(linked / ".git"));
  const std::string second = commit(linked, "two");
  git(linked, {"tag", "here"});
  std::filesystem::create_directories(linked / "below");
  EXPECT_EQ(facts(linked / "below"), want(linked, second, "other", "here", "git@example.com:x/y.git"));
  EXPECT_EQ(facts(root), want(root, first, "main", "", "git@example.com:x/y.git"));
  EXPECT_EQ(find_git_root(linked / "below"), linked);
  std::filesystem::remove_all(root);
  const std::string broken = facts(linked);
  EXPECT_TRUE(broken.starts_with("root= commit= branch= tag= url= why=")) << broken;
  EXPECT_FALSE(broken.ends_with("why=")) << broken;
}

TEST_F(GitTest, KnowsSubmodules) {
  const Path inner = home_ / "inner", outer = home_ / "outer";
  const std::string inner_id = repository(inner);
  repository(outer);
  git(outer, {"submodule", "--quiet", "add", inner.native(), "lib/inner"});
  const std::string outer_id = commit(outer, "with a submodule");
  EXPECT_EQ(facts(outer / "lib/inner"), want(outer / "lib/inner", inner_id, "main", "", inner.native()));
  EXPECT_EQ(facts(outer / "lib"), want(outer, outer_id, "main"));
  EXPECT_EQ(find_git_root(outer / "lib/inner"), outer / "lib/inner");
}

TEST_F(GitTest, TheNearestRepositoryCounts) {
  const Path outer = home_ / "outer", inner = outer / "a/inner";
  const std::string outer_id = repository(outer);
  repository(inner);
  const std::string inner_id = commit(inner, "another");
  EXPECT_EQ(facts(inner), want(inner, inner_id, "main"));
  EXPECT_EQ(facts(outer / "a"), want(outer, outer_id, "main"));
}

TEST_F(GitTest, KnowsABareRepository) {
  const Path root = home_ / "r", bare = home_ / "bare.git";
  const std::string id = repository(root);
  git(home_.path(), {"clone", "-q", "--bare", root.native(), bare.native()});
  EXPECT_EQ(facts(bare), want("", id, "main", "", root.native()));
}

TEST_F(GitTest, KnowsAShallowClone) {
  const Path root = home_ / "r", clone = home_ / "clone";
  repository(root);
  const std::string id = commit(root, "two");
  git(home_.path(), {"clone", "-q", "--depth", "1", "file://" + root.native(), clone.native()});
  EXPECT_EQ(facts(clone), want(clone, id, "main", "", "file://" + root.native()));
}

TEST_F(GitTest, NeedsNeitherOwnerNorConfigurationNorEnvironment) {
  const Path root = home_ / "r", other = home_ / "other";
  const std::string id = repository(root);
  repository(other);
  if (::geteuid() == 0) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
      ASSERT_EQ(::lchown(entry.path().c_str(), 12345, 12345), 0);
    ASSERT_EQ(::lchown(root.c_str(), 12345, 12345), 0);
    EXPECT_NE(try_git(root, {"rev-parse", "HEAD"}).exit, 0);  // git itself refuses: dubious ownership
  }
  put(home_ / "user/.gitconfig", "[this is no configuration\n");
  ::setenv("GIT_DIR", (other / ".git").c_str(), 1);
  ::setenv("GIT_WORK_TREE", other.c_str(), 1);
  const std::string found = facts(root);
  ::unsetenv("GIT_DIR");
  ::unsetenv("GIT_WORK_TREE");
  EXPECT_EQ(found, want(root, id, "main"));
}

TEST_F(GitTest, WritesNothing) {
  const Path root = home_ / "r";
  repository(root);
  git(root, {"tag", "-a", "-m", "x", "t"});
  const auto listing = [&] {
    const test::Ran ran =
        test::run_program({"find", ".", "-printf", "%p %s %T@ %C@\n"}, {{"PATH", ::getenv("PATH")}}, root);
    EXPECT_EQ(ran.exit, 0);
    return ran.out;
  };
  const std::string before = listing();
  facts(root);
  EXPECT_EQ(listing(), before);
}

TEST_F(GitTest, WhatIsBrokenIsSaidAndFailsNothing) {
  const auto broken = [&](std::string_view name, auto breaks) {
    const Path root = home_ / name;
    const std::string id = repository(root);
    breaks(root);
    std::string why;
    const GitFacts found = git_->facts(root, &why);
    EXPECT_EQ(dump(found, ""), nothing()) << name;
    EXPECT_EQ(find_git_root(root), root) << name;
    return why;
  };
  EXPECT_EQ(broken("no head", [](const Path& root) { std::filesystem::remove(root / ".git/HEAD"); }),
            (home_ / "no head/.git").native() + " is not a git repository");
  EXPECT_EQ(broken("empty",
                   [](const Path& root) {
                     std::filesystem::remove_all(root / ".git");
                     std::filesystem::create_directories(root / ".git");
                   }),
            (home_ / "empty/.git").native() + " is not a git repository");
  EXPECT_TRUE(broken("head", [](const Path& root) {
                put(root / ".git/HEAD", "\x01\x02nonsense");
              }).starts_with("read HEAD: "));
  EXPECT_TRUE(broken("ref", [](const Path& root) {
                put(root / ".git/refs/heads/main", "short\n");
              }).starts_with("read HEAD: "));
  EXPECT_TRUE(broken("loop", [](const Path& root) {
                put(root / ".git/refs/heads/main", "ref: refs/heads/main\n");
              }).starts_with("read HEAD: "));
  EXPECT_TRUE(broken("config", [](const Path& root) {
                put(root / ".git/config", "[core\nnonsense");
              }).starts_with("open the repository: "));
  EXPECT_TRUE(broken("gitfile", [](const Path& root) {
                std::filesystem::remove_all(root / ".git");
                put(root / ".git", "gitdir: /no/such/place\n");
              }) != "");
  EXPECT_TRUE(broken("not a gitfile", [](const Path& root) {
                std::filesystem::remove_all(root / ".git");
                put(root / ".git", "hello\n");
              }) != "");
}

TEST_F(GitTest, DamageToWhatItDoesNotReadIsNotInTheWay) {
  const Path root = home_ / "r";
  const std::string id = repository(root);
  put(root / ".git/index", "DIRC nonsense");
  put(root / ".git/packed-refs", "# pack-refs with: peeled\n");
  std::filesystem::remove_all(root / ".git/objects");
  std::filesystem::create_directories(root / ".git/objects");
  EXPECT_EQ(facts(root), want(root, id, "main"));  // the commit itself is gone; its id is known
}

TEST_F(GitTest, ASha256RepositoryIsRefusedOrKnown) {
  const Path root = home_ / "r";
  std::filesystem::create_directories(root);
  git(root, {"init", "-q", "--object-format=sha256", "."});
  const std::string id = commit(root, "one");
  EXPECT_EQ(id.size(), 64u);
  std::string why;
#ifdef BUILDSPEC_RUN_ADDRESS_SANITIZER
  const __lsan::ScopedDisabler
      leaks;  // libgit2 1.5 loses what it matches each `extensions.*` of a repository with
#endif
  const GitFacts found = git_->facts(root, &why);
  if (why.empty())
    EXPECT_EQ(found.commit, id);  // a libgit2 that can
  else
    EXPECT_EQ(dump(found, ""), nothing()) << why;
}

TEST_F(GitTest, MayBeAskedFromSeveralThreads) {
  const Path root = home_ / "r";
  const std::string id = repository(root);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) EXPECT_EQ(git_->facts(root, nullptr).commit, id);
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(GitModule, SaysWhyItCannotBeLoaded) {
  const Result<std::unique_ptr<Git>> none = make_git("/no/such/directory");
  ASSERT_FALSE(none);
  EXPECT_TRUE(
      none.error().message.starts_with("load the git module: /no/such/directory/libbuildspec-run-git.so: "))
      << none.error().message;
  const test::TemporaryDirectory other;
  std::filesystem::create_symlink(PROJECT_BINARY_DIR "/libexec/buildspec-run/libbuildspec-run-digest.so",
                                  other / "libbuildspec-run-git.so");
  const Result<std::unique_ptr<Git>> old = make_git(other.path());  // a library, but not ours
  ASSERT_FALSE(old);
  EXPECT_TRUE(old.error().message.ends_with(" is of another version")) << old.error().message;
}

TEST(GitUrl, LosesItsCredentials) {
  struct Case {
    std::string_view url, want;
  };
  constexpr Case kCases[] = {
      {"https://example.com/a/b.git", "https://example.com/a/b.git"},
      {"https://user:token@example.com/a", "https://example.com/a"},
      {"https://token@example.com:8443/a", "https://example.com:8443/a"},
      {"https://x-access-token:a@b@example.com/a", "https://example.com/a"},
      {"http://user:@example.com", "http://example.com"},
      {"https://user:p@example.com?x=1", "https://example.com?x=1"},
      {"https://example.com/a@b", "https://example.com/a@b"},
      {"https://codecommit.eu-west-1.amazonaws.com/v1/repos/x",
       "https://codecommit.eu-west-1.amazonaws.com/v1/repos/x"},
      {"ssh://git@example.com:22/a", "ssh://git@example.com:22/a"},
      {"ssh://git:secret@example.com/a", "ssh://git@example.com/a"},
      {"git+ssh://me:secret@example.com/a", "git+ssh://me@example.com/a"},
      {"ssh://:secret@example.com/a", "ssh://example.com/a"},
      {"git@github.com:a/b.git", "git@github.com:a/b.git"},
      {"user:secret@example.com:a/b.git", "user@example.com:a/b.git"},
      {"example.com:a/b@c", "example.com:a/b@c"},
      {"/srv/a:b@c/d.git", "/srv/a:b@c/d.git"},
      {"../a@b", "../a@b"},
      {"codecommit://profile@repository", "codecommit://repository"},
      {"file:///srv/a@b", "file:///srv/a@b"},
      {"", ""},
  };
  for (const auto& [url, want] : kCases) EXPECT_EQ(without_credentials(url), want) << url;
}

}  // namespace
}  // namespace buildspec_run
