// hashFiles, as actions.md 7.7 has it.
#include "runner/exec/hash_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

const Path kModules = Path(PROJECT_BINARY_DIR) / "libexec/buildspec-run";

class HashFiles_7_7 : public testing::Test {
 protected:
  HashFiles_7_7() {
    Result<std::unique_ptr<Sha256>> made = make_sha256(kModules);
    if (made) sha256_ = std::move(*made);
  }
  void SetUp() override { ASSERT_NE(sha256_, nullptr); }

  void put(const std::string& name, std::string_view text = "") {
    test::put(directory_ / name, text.empty() ? std::string_view(name) : text);
  }

  HashFilesRequest request(std::span<const std::string> patterns) {
    HashFilesRequest made;
    made.workspace = directory_.path();
    made.home = home_;
    made.patterns = patterns;
    made.trace = [&](std::string_view line) { lines_.emplace_back(line); };
    return made;
  }

  /// The sum, or `error: ` and the message.
  std::string sum(const std::vector<std::string>& patterns) {
    lines_.clear();
    const Result<std::string> result = hash_files(request(patterns), *sha256_);
    return result ? *result : "error: " + result.error().message;
  }

  /// The files that were hashed, in their order, below the workspace; the sum is checked against them.
  template <class... Patterns>
  std::string files(const Patterns&... patterns) {
    const std::string got = sum({patterns...});
    if (got.starts_with("error: ")) return "failed";
    std::string names, sums;
    const std::string inside = directory_.path().native() + "/";
    for (const std::string& line : lines_) {
      if (!line.starts_with(inside) || std::filesystem::is_directory(line)) continue;
      const Result<Sha256Digest> digest = sha256_of_file(*sha256_, line);
      sums.append(digest->begin(), digest->end());
      names += (names.empty() ? "" : " ") + line.substr(inside.size());
    }
    if (names.empty()) {
      EXPECT_EQ(got, "");
      return "";
    }
    sha256_->update(sums);
    EXPECT_EQ(got, to_hex(sha256_->finish()));
    return names;
  }

  std::string failed(std::string_view shown) {
    return fmt::format("error: hashFiles('{}') failed. Fail to hash files under directory '{}'", shown,
                       directory_.path().native());
  }

  test::TemporaryDirectory directory_;
  std::string home_ = "/nonexistent";
  std::unique_ptr<Sha256> sha256_;
  std::vector<std::string> lines_;
};

TEST_F(HashFiles_7_7, SumsTheSumsNotTheNames) {
  put("hello.txt", "hello\n");
  put("other/hello.txt", "hello\n");
  put("x/1", "a");
  put("x/2", "b");
  // printf 'hello\n' | openssl dgst -sha256 -binary | openssl dgst -sha256
  EXPECT_EQ(sum({"hello.txt"}), "ecb65bb98f9d905b70458986c39fcbad7715e5f2fcc3b1f07767d7c83e2438cc");
  EXPECT_EQ(sum({"other/*"}), "ecb65bb98f9d905b70458986c39fcbad7715e5f2fcc3b1f07767d7c83e2438cc");
  // (printf a | openssl dgst -sha256 -binary; printf b | openssl dgst -sha256 -binary) | openssl dgst -sha256
  EXPECT_EQ(sum({"x/*"}), "e5a01fee14e0ed5c48714f22180f25ad8365b53f9779f79dc4a3d7e93963f94a");
  EXPECT_EQ(sum({"nothing"}), "");
  EXPECT_EQ(sum({""}), "");
}

TEST_F(HashFiles_7_7, MatchesSegments) {
  for (const char* name :
       {"a.txt", "b.txt", "ab.md", ".hidden", "d/a.txt", "d/e/a.txt", "d/e/f/b.txt", "[x]", "z/-"})
    put(name);
  struct Case {
    std::string pattern, want;
  };
  const Case cases[] = {
      {"*.txt", "a.txt b.txt"},
      {"?.txt", "a.txt b.txt"},
      {"??.md", "ab.md"},
      {"[ab].txt", "a.txt b.txt"},
      {"[a-b].txt", "a.txt b.txt"},
      {"[!a].txt", "b.txt"},
      {"[^a].txt", "b.txt"},
      {"[]x]", ""},
      {"[[]x]", "[x]"},
      {"\\[x\\]", "[x]"},
      {"z/[a-]", "z/-"},
      {"z/[z-a]", ""},
      {"*", ".hidden [x] a.txt ab.md b.txt d/a.txt d/e/a.txt d/e/f/b.txt z/-"},
      {".*", ".hidden"},
      {"**/a.txt", "a.txt d/a.txt d/e/a.txt"},
      {"d/**/a.txt", "d/a.txt d/e/a.txt"},
      {"d/**/f/**", "d/e/f/b.txt"},
      {"**/e/*/b.txt", "d/e/f/b.txt"},
      {"d/*/a.txt", "d/e/a.txt"},
      {"d", "d/a.txt d/e/a.txt d/e/f/b.txt"},
      {"d/", "d/a.txt d/e/a.txt d/e/f/b.txt"},
      {"d/**", "d/a.txt d/e/a.txt d/e/f/b.txt"},
      {"d/*", "d/a.txt d/e/a.txt d/e/f/b.txt"},
      {"a.txt/", ""},  // directories only
      {"*.txt/", ""},
      {"./a.txt", "a.txt"},
      {".", ".hidden [x] a.txt ab.md b.txt d/a.txt d/e/a.txt d/e/f/b.txt z/-"},
      {"A.TXT", ""},
      {"{a,b}.txt", ""},
      {"+(a).txt", ""},
      {"a.txt # no comment", ""},
      {"  a.txt  ", "a.txt"},
      {"d//e///a.txt", "d/e/a.txt"},
      {"**b.txt", "b.txt"},
      {"/a.txt", ""},  // the root of the file system
  };
  for (const auto& [pattern, want] : cases) {
    SCOPED_TRACE(pattern);
    EXPECT_EQ(files(pattern), want);
  }
}

TEST_F(HashFiles_7_7, ReadsLinesAndArguments) {
  for (const char* name : {"a", "b", "c", "#d"}) put(name);
  EXPECT_EQ(files("a", "b"), "a b");
  EXPECT_EQ(files("b", "a"), "b a");  // the order of the roots
  EXPECT_EQ(files("b\n\n# a comment\r\n  a  \n"), "b a");
  EXPECT_EQ(files("\\#d"), "#d");
  EXPECT_EQ(files("[ab]", "b"), "a b");  // once
}

TEST_F(HashFiles_7_7, TheLastDecisionWins) {
  for (const char* name : {"a.txt", "b.txt", "d/a.txt", "d/b.txt"}) put(name);
  EXPECT_EQ(files("**", "!b.txt"), "a.txt d/a.txt d/b.txt");
  EXPECT_EQ(files("!b.txt", "**"), "a.txt b.txt d/a.txt d/b.txt");
  EXPECT_EQ(files("**", "!**/b.txt", "d/b.txt"), "a.txt d/a.txt d/b.txt");
  EXPECT_EQ(files("**", "!d"), "a.txt b.txt");  // a directory with all below it
  EXPECT_EQ(files("**", "!d/"), "a.txt b.txt");
  EXPECT_EQ(files("**", "! ! a.txt"), "a.txt b.txt d/a.txt d/b.txt");
  EXPECT_EQ(files("!!a.txt"), "a.txt");
  EXPECT_EQ(files("!a.txt"), "");
  EXPECT_EQ(files("*.txt", "!!!a.txt"), "b.txt");
}

TEST_F(HashFiles_7_7, WalksDepthFirstInOrder) {
  for (const char* name : {"b/2", "b/10", "a", "b.c", "B", "c/x/1", "c/a", "\xC3\xA4"}) put(name);
  EXPECT_EQ(files("**"), "B a b/10 b/2 b.c c/a c/x/1 \xC3\xA4");
  EXPECT_EQ(files("c/**", "b"), "c/a c/x/1 b/10 b/2");
  EXPECT_EQ(files("c/x", "c"), "c/a c/x/1");  // a root below another is left out
}

TEST_F(HashFiles_7_7, RefusesRelativeSegmentsAndEmptyPatterns) {
  put("a");
  put("d/a");
  for (const std::string pattern : {"../a", "d/../a", "d/./a", "..", "d/..", "!", "! !", "/../a"}) {
    SCOPED_TRACE(pattern);
    EXPECT_EQ(sum({pattern}), failed(pattern));
  }
  EXPECT_EQ(
      lines_,
      (std::vector<std::string>{"Invalid pattern '/../a'. Relative pathing '.' and '..' is not allowed."}));
  EXPECT_EQ(sum({"it's", "../b"}), failed("it''s, ../b"));
  EXPECT_EQ(files("..."), "");
}

TEST_F(HashFiles_7_7, TakesOneOption) {
  put("d/a");
  std::filesystem::create_directory_symlink("d", directory_ / "link");
  EXPECT_EQ(files("**"), "d/a");  // the link to a directory is matched, and skipped
  EXPECT_EQ(files("--follow-symbolic-links", "**"), "d/a link/a");
  EXPECT_EQ(files("--FOLLOW-Symbolic-Links", "**"), "d/a link/a");
  EXPECT_EQ(sum({"--x", "**"}),
            "error: Specified argument was out of the range of valid values. (Parameter 'Invalid glob option "
            "--x, avaliable option: "
            "'--follow-symbolic-links'.')");
  EXPECT_EQ(files("**", "--x"), "d/a");
  EXPECT_EQ(sum({"--follow-symbolic-links"}), "");
}

TEST_F(HashFiles_7_7, FollowsLinksOnlyWhenTold) {
  put("d/a", "text");
  put("e/b");
  std::filesystem::create_symlink("d/a", directory_ / "file");
  EXPECT_EQ(files("*"), "d/a e/b file");  // a link to a file is read through
  std::filesystem::create_directory_symlink("..", directory_ / "d/up");
  EXPECT_EQ(files("d"), "d/a");
  EXPECT_EQ(files("--follow-symbolic-links", "d"), "d/a d/up/e/b d/up/file");  // d is on the way already
  std::filesystem::create_symlink("nowhere", directory_ / "e/dangling");
  EXPECT_EQ(sum({"e"}), failed("e"));
  EXPECT_EQ(files("--follow-symbolic-links", "e"), "e/b");
  EXPECT_EQ(files("e", "!**/dangling"), "e/b");
}

TEST_F(HashFiles_7_7, IgnoresWhatIsOutsideOfTheWorkspace) {
  test::TemporaryDirectory outside;
  test::put(outside / "a", "a");
  put("b");
  EXPECT_EQ(sum({outside.path().native() + "/**"}), "");
  EXPECT_EQ(files(outside.path().native() + "/**", "b"), "b");
  EXPECT_EQ(files(directory_.path().native() + "/b"), "b");
  home_ = directory_.path().native();
  EXPECT_EQ(files("~/b"), "b");
  EXPECT_EQ(files("~"), "b");
  EXPECT_EQ(files("~b"), "");
  home_ = "";
  EXPECT_EQ(sum({"~/b"}), failed("~/b"));
}

TEST_F(HashFiles_7_7, ResolvesTheWorkspaceAlone) {
  put("w/a");
  std::filesystem::create_directory_symlink("w", directory_ / "link");
  std::vector<std::string> patterns = {"a"};
  HashFilesRequest through = request(patterns);
  through.workspace = directory_ / "link";
  const Result<std::string> found = hash_files(through, *sha256_);
  EXPECT_EQ(*found, sum({"w/a"}));
  patterns = {(directory_ / "link/a").native()};
  through.patterns = patterns;
  EXPECT_EQ(*hash_files(through, *sha256_), "");  // an absolute pattern through the link is outside
}

TEST_F(HashFiles_7_7, EscapesTheWorkspace) {
  put("a[b]*?/x");
  put("a[b]*?/[y]");
  put("ab/x");
  std::vector<std::string> patterns = {"*"};
  HashFilesRequest inside = request(patterns);
  inside.workspace = directory_ / "a[b]*?";
  const Result<std::string> found = hash_files(inside, *sha256_);
  ASSERT_TRUE(bool{found});
  EXPECT_EQ(*found, sum({"a\\[b\\]\\*\\?/*"}));
  EXPECT_NE(*found, "");
}

TEST_F(HashFiles_7_7, FailsWhenAFileCannotBeRead) {
  put("a");
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(sum({"*"}), failed("*"));  // at once, though nobody writes into it
  EXPECT_EQ(files("a"), "a");
  EXPECT_EQ(sum({"a/b"}), failed("a/b"));  // "a" is no directory
  HashFilesRequest gone = request({});
  const std::vector<std::string> patterns = {"*"};
  gone.patterns = patterns;
  gone.workspace = directory_ / "gone";
  EXPECT_FALSE(bool{hash_files(gone, *sha256_)});
}

TEST_F(HashFiles_7_7, EndsInTimeAndWhenStopped) {
  put("a");
  const std::vector<std::string> patterns = {"**", "b"};
  HashFilesRequest late = request(patterns);
  late.limit = std::chrono::milliseconds(-1);
  EXPECT_EQ(hash_files(late, *sha256_).error().message,
            "hashFiles('**, b') couldn't finish within 0 seconds.");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(hash_files(request(patterns), *sha256_, stop.get_token()).error().message,
            "hashFiles('**, b') was cancelled");
  EXPECT_EQ(HashFilesRequest().limit, std::chrono::seconds(120));
}

}  // namespace
}  // namespace buildspec_run
