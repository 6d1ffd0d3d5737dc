// Builds in a copy of their source: what is in it, that the source stays as it was, and what becomes of the copy.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>

#include "tests/support/git_repository.h"
#include "tests/support/http_server.h"
#include "tests/support/run_build.h"
#include "tests/support/running_program.h"

namespace buildspec_run {
namespace {

namespace fs = std::filesystem;
using test::GitRepository;
using test::put;

class Workspaces : public testing::Test {
 protected:
  test::Ran run(const fs::path& directory, std::vector<std::string> options = {}) {
    options.insert(options.begin(),
                   {PROJECT_BINARY_DIR "/bin/buildspec-run", "--workspace", "copy", "--format", "plain"});
    return test::run_program(options,
                             {{"HOME", home_.native()},
                              {"PATH", ::getenv("PATH")},
                              {"TMPDIR", directory_.path().native()},
                              {"_GITHUB_ACTION_DOWNLOAD_NO_BACKOFF", "1"}},
                             directory);
  }
  static void buildspec(const fs::path& directory, const std::string& commands) {
    put(directory / "buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n" + commands);
  }
  // The trees of copies that are still there.
  std::vector<fs::path> copies() const {
    std::vector<fs::path> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(home_ / ".local/state/buildspec-run/workspaces", none))
      found.push_back(entry.path());
    return found;
  }
  // Every file with its text, every link with its target, but for .git.
  static std::string listed(const fs::path& root) {
    std::map<std::string, std::string> all;
    for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator(); ++at) {
      if (at->path().filename() == ".git") {
        at.disable_recursion_pending();
        continue;
      }
      const std::string name = at->path().lexically_relative(root).native();
      if (at->is_symlink())
        all[name] = "-> " + fs::read_symlink(at->path()).native();
      else if (at->is_regular_file())
        all[name] = test::contents(at->path());
    }
    std::string out;
    for (const auto& [name, text] : all) out += name + ": " + text + "\n";
    return out;
  }

  test::TemporaryDirectory directory_;
  fs::path home_ = directory_.path() / "home", source_ = directory_.path() / "my source";
};

TEST_F(Workspaces, HaveWhatGitTracksAndDoesNotIgnore) {
  const GitRepository repository(source_);
  buildspec(source_,
            "      - find . -name .git -prune -o ! -type d -print | sort\n      - cat changed\n      - ls -l "
            "run.sh\n");
  put(source_ / ".gitignore", "*.o\nout/\n");
  put(source_ / "run.sh", "x");
  fs::permissions(source_ / "run.sh", fs::perms(0755));
  put(source_ / "changed", "old");
  put(source_ / "deleted", "x");
  fs::create_symlink("run.sh", source_ / "link");
  repository.commit();
  put(source_ / "changed", "new\n");
  fs::remove(source_ / "deleted");
  put(source_ / "untracked/file", "x");
  put(source_ / "a.o", "x");
  put(source_ / "out/b", "x");
  test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("./.gitignore\n./buildspec.yml\n./changed\n./link\n./run.sh\n./untracked/file\n"),
            std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find("\nnew\n"), std::string::npos);
  EXPECT_NE(ran.out.find("-rwxr-xr-x"), std::string::npos);
  EXPECT_TRUE(copies().empty());

  ran = run(source_, {"--include-ignored"});
  EXPECT_EQ(ran.exit, 0);
  EXPECT_NE(ran.out.find("./a.o\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("./out/b\n"), std::string::npos);
}

TEST_F(Workspaces, LeaveTheSourceAlone) {
  const GitRepository repository(source_);
  put(source_ / "file", "mine\n");
  put(source_ / "gone", "x");
  buildspec(source_,
            "      - echo spoiled > file; rm gone; mkdir made; touch made/x\n"
            "      - git config user.email a@b; git config user.name a\n"
            "      - git add -A; git commit -qm spoiled; git tag spoiled; git checkout -q -b other; git gc "
            "-q --prune=now\n"
            "      - git log --format=%s\n      - pwd\n");
  repository.commit("first");
  put(source_ / "staged", "x");
  repository.git({"add", "staged"});
  const std::string before = listed(source_),
                    status = repository.git({"status", "--porcelain=v2", "--branch"});
  const std::string refs = repository.git({"for-each-ref"}), config = test::contents(source_ / ".git/config");
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\nspoiled\nfirst\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("/workspaces/"), std::string::npos);
  EXPECT_EQ(listed(source_), before);
  EXPECT_EQ(repository.git({"status", "--porcelain=v2", "--branch"}), status);
  EXPECT_EQ(repository.git({"for-each-ref"}), refs);
  EXPECT_EQ(test::contents(source_ / ".git/config"), config);
  EXPECT_EQ(repository.run({"fsck", "--strict"}).exit, 0);
}

TEST_F(Workspaces, OfALinkedWorkTreeStandAlone) {
  const GitRepository repository(directory_.path() / "main");
  put(repository.directory() / "f", "x");
  repository.commit("first");
  repository.git({"worktree", "add", "-q", "-b", "topic", source_.native()});
  buildspec(source_,
            "      - git rev-parse --abbrev-ref HEAD; git status --short; git branch -D main; git rev-parse "
            "--git-dir\n");
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\ntopic\n?? buildspec.yml\nDeleted branch main"), std::string::npos) << ran.out;
  EXPECT_EQ(repository.git({"rev-parse", "--abbrev-ref", "HEAD"}), "main") << "the branch is still there";
}

TEST_F(Workspaces, OfAWorkTreeOfABareRepositoryAreWorkTrees) {
  const GitRepository origin(directory_.path() / "origin");
  buildspec(origin.directory(), "      - git status --short; touch new; git status --short\n");
  origin.commit("first");
  origin.git({"clone", "-q", "--bare", ".", "../bare.git"});
  origin.git({"--git-dir=../bare.git", "worktree", "add", "-q", "-b", "topic", source_.native()});
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\n?? new\n"), std::string::npos) << ran.out;
}

TEST_F(Workspaces, OfASparseWorkTreeAreSparse) {
  const GitRepository repository(source_);
  put(source_ / "wanted/file", "x");
  put(source_ / "not/file", "x");
  buildspec(source_, "      - git sparse-checkout list; git status --short; git checkout -q -f HEAD; ls\n");
  repository.commit();
  repository.git({"sparse-checkout", "set", "wanted"});
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\nwanted\nbuildspec.yml\nwanted\n"), std::string::npos) << ran.out;
}

TEST_F(Workspaces, HaveSubmodulesAndRepositoriesInside) {
  const GitRepository inner(directory_.path() / "inner");
  put(inner.directory() / "deep", "submodule\n");
  inner.commit();
  const GitRepository repository(source_);
  repository.git(
      {"-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.directory().native(), "sub"});
  put(source_ / "sub/new", "untracked in it\n");
  buildspec(
      source_,
      "      - cat sub/deep sub/new vendored/v\n      - git -C sub log --format=%s; git submodule status\n"
      "      - git -C sub rev-parse --git-dir\n");
  repository.commit();
  const GitRepository vendored(source_ / "vendored");
  put(vendored.directory() / "v", "repository\n");
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\nsubmodule\nuntracked in it\nrepository\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("\na commit\n "), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("\n.git\n"), std::string::npos) << "a repository of its own";
}

TEST_F(Workspaces, BelowTheRootHaveTheWholeRepository) {
  const GitRepository repository(source_);
  put(source_ / "shared/x", "from above\n");
  buildspec(source_ / "service", "      - cat ../shared/x; pwd; git rev-parse --show-prefix\n");
  repository.commit();
  const test::Ran ran = run(source_ / "service");
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\nfrom above\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("/my source/service\nservice/\n"), std::string::npos);
}

TEST_F(Workspaces, WithoutARepositoryHaveEverything) {
  put(source_ / "a/b", "x");
  put(source_ / ".gitignore", "a\n");
  buildspec(source_, "      - ls -A . a; echo new > made\n");
  ASSERT_EQ(::mkfifo((source_ / "a\npipe").c_str(), 0600), 0);
  const test::Ran ran = run(source_);
  EXPECT_NE(ran.err.find("the copy lacks a\uFFFDpipe: neither file, link nor directory"), std::string::npos)
      << ran.err;
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("a:\nb\n"), std::string::npos) << ran.out;
  EXPECT_FALSE(fs::exists(source_ / "made"));
}

TEST_F(Workspaces, ARetryStartsFromAFreshOne) {
  put(source_ / "buildspec.yml",
      "version: 0.2\nphases:\n  build:\n    on-failure: RETRY-1\n    commands:\n"
      "      - ls -A\n      - echo $PWD >> \"$COUNT\"; touch dirty; test $(wc -l < \"$COUNT\") = 2\n");
  const fs::path count = directory_.path() / "count";
  const test::Ran ran = run(source_, {"--env", "COUNT=" + count.native()});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_EQ(ran.out.find("dirty\n"), std::string::npos) << ran.out;
  EXPECT_EQ((ran.out + ran.err).find("retry-dirty-tree"), std::string::npos);
  const std::string where = test::contents(count);
  EXPECT_NE(where.substr(0, where.find('\n')), where.substr(where.find('\n') + 1, where.find('\n')));
}

TEST_F(Workspaces, StayWhenTheyAreKeptAndAreSweptAfterAKill) {
  put(source_ / "buildspec.yml",
      "version: 0.2\nphases: {build: {commands: ['echo kept > made', 'sleep $LONG']}}\n");
  EXPECT_EQ(run(source_, {"--keep-workspace", "--env", "LONG=0"}).exit, 0);
  ASSERT_EQ(copies().size(), 1u);
  EXPECT_EQ(test::contents(copies()[0] / "my source/made"), "kept\n");
  struct stat status {};
  ASSERT_EQ(::stat(copies()[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);

  test::Start how;
  how.argv = {
      PROJECT_BINARY_DIR "/bin/buildspec-run", "--workspace", "copy", "--env", "LONG=300", "--no-keep-state"};
  how.env = {{"HOME", home_.native()}, {"PATH", ::getenv("PATH")}, {"TMPDIR", directory_.path().native()}};
  how.cwd = source_;
  how.out = directory_.path() / "out";
  how.err = directory_.path() / "err";
  {
    test::RunningProgram killed(how);
    ASSERT_TRUE(test::eventually([&] { return copies().size() == 2; }));
    EXPECT_EQ(run(source_, {"--env", "LONG=0"}).exit, 0);
    EXPECT_EQ(copies().size(), 2u) << "one is kept, one in use";
    killed.send(SIGKILL);
    killed.wait();
  }
  EXPECT_EQ(run(source_, {"--env", "LONG=0"}).exit, 0);
  ASSERT_EQ(copies().size(), 1u);
  EXPECT_TRUE(fs::exists(copies()[0] / "my source/made"));
}

TEST_F(Workspaces, AStopWhileTheyAreMadeIsAStop) {
  put(source_ / "buildspec.yml", "version: 0.2\nphases: {build: {commands: ['sleep 30']}}\n");
  // Takes a while, as a rule.
  for (int i = 0; i < 4; ++i) put(source_ / std::to_string(i), std::string(1 << 26, 'x'));
  test::Start how;
  how.argv = {
      PROJECT_BINARY_DIR "/bin/buildspec-run", "--workspace", "copy", "--format", "plain", "--no-keep-state"};
  how.env = {{"HOME", home_.native()}, {"PATH", ::getenv("PATH")}, {"TMPDIR", directory_.path().native()}};
  how.cwd = source_;
  how.out = directory_.path() / "out";
  how.err = directory_.path() / "err";
  test::RunningProgram program(how);
  ASSERT_TRUE(test::eventually([&] { return !copies().empty(); }));
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
  EXPECT_NE(test::contents(how.out).find("STOPPED"), std::string::npos) << test::contents(how.out);
  EXPECT_TRUE(copies().empty());
}

TEST_F(Workspaces, AreOneWordOfWrongUsageAway) {
  buildspec(source_, "      - 'true'\n");
  const auto refused = [&](std::vector<std::string> options) {
    options.insert(options.begin(), PROJECT_BINARY_DIR "/bin/buildspec-run");
    const test::Ran ran =
        test::run_program(options, {{"HOME", home_.native()}, {"PATH", ::getenv("PATH")}}, source_);
    EXPECT_EQ(ran.exit, 2) << ran.out;
    return ran.err;
  };
  EXPECT_NE(refused({"--keep-workspace"}).find("--keep-workspace has no meaning without --workspace copy"),
            std::string::npos);
  EXPECT_NE(refused({"--include-ignored"}).find("--include-ignored has no meaning"), std::string::npos);
  EXPECT_NE(refused({"--secondary-source", "a-b=."}).find("ID=DIR is expected"), std::string::npos);
  EXPECT_NE(refused({"--secondary-source", "a=nowhere"}).find("no such directory"), std::string::npos);
  EXPECT_NE(refused({"--secondary-source", "a=.", "--secondary-source", "a=."}).find("given twice"),
            std::string::npos);
}

TEST_F(Workspaces, NoLinkInThemLeadsToTheSource) {
  const GitRepository inner(directory_.path() / "inner");
  put(inner.directory() / "f", "x");
  inner.commit();
  const GitRepository repository(source_);
  repository.git(
      {"-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.directory().native(), "sub"});
  put(source_ / "file", "mine\n");
  put(source_ / "dir/file", "mine\n");
  put(directory_.path() / "neighbour/file", "its own\n");
  fs::create_symlink(source_ / "file", source_ / "absolute");
  fs::create_directory_symlink(source_ / "dir", source_ / "sub/into the other");
  fs::create_symlink("../../" + directory_.path().filename().native() + "/my source/file",
                     source_ / "around");
  fs::create_symlink(source_ / "new", source_ / "not there");
  fs::create_symlink("../neighbour/file", source_ / "neighbour");
  buildspec(source_,
            "      - cat neighbour; for f in absolute 'sub/into the other/file' around 'not there'; do echo "
            "spoiled > \"$f\"; done\n"
            "      - cat file dir/file new\n");
  repository.commit();
  const std::string before = listed(source_);
  for (const std::vector<std::string>& more : {std::vector<std::string>(), {"--include-ignored"}}) {
    const test::Ran ran = run(source_, more);
    EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
    EXPECT_EQ(listed(source_), before);
    EXPECT_NE(ran.out.find("\nits own\n"), std::string::npos) << ran.out;
    EXPECT_NE(ran.out.find("\nspoiled\nspoiled\nspoiled\n"), std::string::npos) << ran.out;
    EXPECT_NE(ran.err.find("5 links (5 with a target of the copy's own)"), std::string::npos) << ran.err;
  }
}

TEST_F(Workspaces, WithWhatIsIgnoredHaveRepositoriesThatStandAlone) {
  const GitRepository repository(source_);
  put(source_ / ".gitignore", "topic/\n");
  buildspec(source_, "      - cd topic; git rev-parse --git-dir; git tag spoiled; git status --short\n");
  repository.commit();
  repository.git({"worktree", "add", "-q", "-b", "topic", (source_ / "topic").native()});
  const test::Ran ran = run(source_, {"--include-ignored"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\n.git\n"), std::string::npos) << ran.out;
  EXPECT_EQ(repository.git({"tag"}), "");
}

TEST_F(Workspaces, HaveAGitThatWorksInThemWhateverTheConfigurationSays) {
  source_ = directory_.path() / "a \"source\"\nof two lines";
  const GitRepository repository(source_);
  buildspec(source_, "      - git log --format=%s; git clean -qfd; git status --short; ls\n");
  repository.commit("first");
  put(source_ / "precious", "not committed");
  put(directory_.path() / "included", "[core]\n\tworktree = " + source_.parent_path().native() + "\n");
  const std::string config = test::contents(source_ / ".git/config");
  for (const std::string& more :
       {std::string("[core] worktree = \"..\"\n"),
        "[CORE]\n\tWorkTree = " + directory_.path().native() + "\n",
        "[include]\n\tpath = " + (directory_.path() / "included").native() + "\n"}) {
    // Only in the copy: libgit2 and git would look there for the source as well.
    put(source_ / ".git/config", config + more);
    const test::Ran ran = run(source_, {"--include-ignored"});
    EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
    EXPECT_NE(ran.out.find("\nfirst\nbuildspec.yml\n"), std::string::npos) << more << ran.out;
    EXPECT_TRUE(fs::exists(source_ / "precious")) << more;
  }
}

TEST_F(Workspaces, AreNotForAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may run as another user";
  put(source_ / "buildspec.yml",
      "version: 0.2\nphases:\n  build: {run-as: nobody, commands: ['rm -rf ./*']}\n");
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 3) << ran.out << ran.err;
  EXPECT_NE(
      ran.err.find("buildspec.yml:3:19: error: phase BUILD runs as user nobody, and copies of the source "
                   "lie where the caller alone can enter; run it without --workspace copy "
                   "[run-as-in-copy]"),
      std::string::npos)
      << ran.err;
  EXPECT_TRUE(copies().empty());
}

TEST_F(Workspaces, HaveWhatOnlyLooksLikeARepository) {
  const GitRepository repository(source_);
  buildspec(source_, "      - cat moved/file half/file; ls -A moved\n");
  repository.commit();
  put(source_ / "moved/.git", "gitdir: /not/there/any/more\n");
  put(source_ / "moved/file", "one\n");
  fs::create_directories(source_ / "half/.git");
  put(source_ / "half/file", "two\n");
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\none\ntwo\nfile\n"), std::string::npos) << ran.out;
}

TEST_F(Workspaces, SayHowAnIndexCanBeRead) {
  const GitRepository repository(source_);
  buildspec(source_, "      - 'true'\n");
  repository.commit();
  repository.git({"update-index", "--split-index"});
  const test::Ran ran = run(source_);
  EXPECT_EQ(ran.exit, 3);
  EXPECT_NE(ran.err.find("git update-index --no-split-index"), std::string::npos) << ran.err;
}

TEST_F(Workspaces, KeepModesAndTimesOfDirectoriesAndGoAllTheSame) {
  put(source_ / "closed/below/file", "x");
  put(source_ / "private/file", "x");
  buildspec(source_,
            "      - stat -c '%n %a %Y' . closed closed/below closed/below/file private\n"
            "      - test -w closed || test $(id -u) = 0\n");
  // Whoever runs the tests must be able to make the directories go, which is what TemporaryDirectory does.
  const timespec times[] = {{1'000'000'000, 0}, {1'100'000'000, 0}};
  for (const char* path : {"closed/below/file", "closed/below", "closed", "private", ""})
    ASSERT_EQ(::utimensat(AT_FDCWD, (source_ / path).c_str(), times, 0), 0);
  fs::permissions(source_ / "closed/below", fs::perms(0555));
  fs::permissions(source_ / "closed", fs::perms(0555));
  fs::permissions(source_ / "private", fs::perms(0700));
  const test::Ran ran = run(source_);
  EXPECT_NE(ran.out.find("\n. 755 1100000000\nclosed 555 1100000000\nclosed/below 555 1100000000\n"
                         "closed/below/file 644 1100000000\nprivate 700 1100000000\n"),
            std::string::npos)
      << ran.out << ran.err;
  // A failed build's copy is for resume; one more run than may wait sweeps the first.
  for (int i = 0; i < 4; ++i) run(source_);
  EXPECT_LE(copies().size(), 4u);
  fs::permissions(source_ / "closed", fs::perms(0755));
  fs::permissions(source_ / "closed/below", fs::perms(0755));
}

TEST_F(Workspaces, OfASourceThatHoldsThemLackThem) {
  put(home_ / "file", "x");
  put(home_ / "buildspec.yml",
      "version: 0.2\nphases: {build: {commands: ['find . -name file | wc -l', 'false']}}\n");
  for (int i = 0; i < 2; ++i) {
    const test::Ran ran = run(home_);
    EXPECT_EQ(ran.exit, 1) << ran.out << ran.err;
    EXPECT_NE(ran.out.find("\n1\n"), std::string::npos) << ran.out;
    EXPECT_EQ(copies().size(), static_cast<std::size_t>(i + 1)) << "for resume";
  }
}

TEST_F(Workspaces, SecondarySourcesAndACleanHome) {
  put(directory_.path() / "second one/x", "from it\n");
  put(home_ / ".profile-of-mine", "x");
  buildspec(
      source_,
      "      - cat \"$CODEBUILD_SRC_DIR_second/x\"\n      - ls -A \"$HOME\" | wc -l; touch \"$HOME/mine\"\n"
      "      - cd; pwd; ls\n");
  const test::Ran ran = run(source_, {"--secondary-source", "second=../second one", "--clean-home"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\nfrom it\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("\n0\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("/home\nmine\n"), std::string::npos) << ran.out;
  EXPECT_FALSE(fs::exists(home_ / "mine"));
}

TEST_F(Workspaces, ASecondarySourceIsCloned) {
  const test::GitRepository lib(directory_.path() / "a lib");
  lib.write("x", "one\n");
  const std::string first = lib.commit();
  lib.git({"tag", "v1"});
  lib.write("x", "two\n");
  const std::string second = lib.commit();
  buildspec(
      source_,
      "      - cat \"$CODEBUILD_SRC_DIR_lib/x\"; git -C \"$CODEBUILD_SRC_DIR_lib\" status -sb\n"
      "      - echo \"[$CODEBUILD_SOURCE_VERSION_lib] [$CODEBUILD_RESOLVED_SOURCE_VERSION_lib]\"\n"
      "      - echo \"[$CODEBUILD_SOURCE_REPO_URL_lib]\"; echo changed > \"$CODEBUILD_SRC_DIR_lib/x\"\n");
  const std::string url = "file://" + lib.directory().native();
  test::Ran ran = run(source_, {"--secondary-source", "lib=" + url});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\ntwo\n## main\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find(fmt::format("\n[{}] [{}]\n", second, second)), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("\n[" + url + "]\n"), std::string::npos) << ran.out;
  EXPECT_EQ(test::contents(lib.directory() / "x"), "two\n");
  ran = run(source_, {"--secondary-source", "lib=" + url + "#v1"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("\none\n## HEAD (no branch)\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find(fmt::format("\n[v1] [{}]\n", first)), std::string::npos) << ran.out;

  ran = run(source_, {"--secondary-source", "lib=" + url + "#nope"});
  EXPECT_EQ(ran.exit, 3);
  EXPECT_NE(ran.err.find("clone secondary source lib: " + url + ": it has no version nope"),
            std::string::npos)
      << ran.err;
  ran = run(source_, {"--secondary-source", "lib=" + url, "--offline"});
  EXPECT_EQ(ran.exit, 3);
  EXPECT_NE(ran.err.find("--offline asks nobody"), std::string::npos) << ran.err;
  // A password is not repeated, whatever libgit2 thinks of the address.
  ran = run(source_, {"--secondary-source", "lib=https://u:p4ssw0rdX@h:99999999/x"});
  EXPECT_EQ(ran.exit, 3);
  EXPECT_EQ((ran.out + ran.err).find("p4ssw0rdX"), std::string::npos) << ran.err;
}

// What may pass is tried again, and it is said; what will not is told at once.
TEST_F(Workspaces, ASecondarySourceIsTriedAgainWhereThatMayHelp) {
  buildspec(source_, "      - 'true'\n");
  std::atomic<int> status = 503;  // read on the server's threads
  test::HttpServer server([&](const test::HttpServerRequest&) { return test::HttpServerAnswer{status}; });
  const auto told = [&](const std::string& url) {
    const test::Ran ran = run(source_, {"--secondary-source", "lib=" + url});
    EXPECT_EQ(ran.exit, 3) << ran.out << ran.err;
    EXPECT_NE(ran.err.find("clone secondary source lib: "), std::string::npos) << ran.err;
    int count = 0;
    for (std::size_t at = 0; (at = ran.err.find("; it is tried again in 0 seconds [secondary-source-retried]",
                                                at)) != std::string::npos;
         ++at)
      ++count;
    return count;
  };
  EXPECT_EQ(told(server.url() + "/x"), 2);
  EXPECT_EQ(server.requests().size(), 3u);
  status = 403;
  EXPECT_EQ(told(server.url() + "/x"), 0);
  EXPECT_EQ(server.requests().size(), 4u);
  EXPECT_EQ(told("http://no host/x"), 0);
}

}  // namespace
}  // namespace buildspec_run
