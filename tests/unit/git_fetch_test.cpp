// Fetching from real git servers: a directory, and git's own server over HTTP and HTTPS on loopback.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "runner/sys/git.h"
#include "tests/support/git_repository.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::contents;
using test::git_http_backend;
using test::HttpServer;
using test::HttpServerAnswer;
using test::HttpServerRequest;

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";

class GitFetchTest : public testing::Test {
 protected:
  GitFetchTest() : repository_(files_ / "remote/x") {
    Result<std::unique_ptr<GitFetcher>> made = make_git_fetcher(kModules);
    check(static_cast<bool>(made), "the git module loads");
    fetcher_ = std::move(*made);
    repository_.write("action.yml", "name: one\n");
    first_ = repository_.commit();
    repository_.git({"tag", "-a", "-m", "annotated", "v1"});
    repository_.write("action.yml", "name: two\n");
    repository_.write("lib/run.sh", "#!/bin/sh\n");
    std::filesystem::permissions(files_ / "remote/x/lib/run.sh", std::filesystem::perms::owner_exec,
                                 std::filesystem::perm_options::add);
    std::filesystem::create_symlink("lib/run.sh", files_ / "remote/x/link");
    second_ = repository_.commit();
    repository_.git({"branch", "feature/x"});
  }

  static GitRemote remote(std::string url) {
    GitRemote made;
    made.url = std::move(url);
    made.stall_timeout = std::chrono::seconds(10);
    return made;
  }
  /// Fetches `source` and gives the files of `commit`: "path=content …".
  std::string fetched(const GitRemote& from, const std::string& source, const std::string& commit) {
    const Path bare = files_ / fmt::format("bare{}", ++count_), tree = files_ / fmt::format("tree{}", count_);
    std::filesystem::create_directories(bare);
    std::filesystem::create_directories(tree);
    if (Result<void> done = fetcher_->fetch(from, source, bare, {}, {}); !done) return done.error().message;
    return written(bare, commit, tree);
  }
  std::string written(const Path& bare, const std::string& commit, const Path& tree) {
    std::unique_ptr<TreeWriter> writer =
        std::move(*make_tree_writer(tree, std::move(*make_sha256(kModules))));
    if (Result<void> done = fetcher_->write_tree(bare, commit, *writer); !done) return done.error().message;
    std::map<std::string, std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(tree))
      if (entry.is_regular_file() && !entry.is_symlink())
        found[entry.path().lexically_relative(tree).native()] = contents(entry.path());
      else if (entry.is_symlink())
        found[entry.path().lexically_relative(tree).native()] =
            "->" + std::filesystem::read_symlink(entry).native();
    std::string text;
    for (const auto& [path, content] : found)
      text += path + "=" + content.substr(0, content.find('\n')) + " ";
    return text;
  }

  test::TemporaryDirectory files_;
  test::GitRepository repository_;
  std::string first_, second_;
  std::unique_ptr<GitFetcher> fetcher_;
  int count_ = 0;
};

constexpr const char* kOne = "action.yml=name: one ";
constexpr const char* kTwo = "action.yml=name: two lib/run.sh=#!/bin/sh link=->lib/run.sh ";

TEST_F(GitFetchTest, ClonesABranchATagACommitOrWhatTheRemoteHasCheckedOut) {
  const std::string url = "file://" + repository_.directory().native();
  const auto cloned = [&](const std::string& version) -> std::string {
    const Path to = files_ / fmt::format("clone{}", ++count_);
    std::filesystem::create_directories(to);
    const Result<std::string> commit = fetcher_->clone(remote(url), version, to, {}, {});
    if (!commit) return commit.error().message;
    // What the real git says of it.
    const auto git = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), {"git", "-C", to.native()});
      std::string out = test::run_program(arguments, {{"PATH", ::getenv("PATH")}, {"HOME", "/"}}).out;
      return out.substr(0, out.find_last_not_of('\n') + 1);
    };
    return fmt::format("{} {} [{}] {} {}", *commit == git({"rev-parse", "HEAD"}) ? *commit : "another commit",
                       git({"rev-parse", "--abbrev-ref", "HEAD"}), git({"status", "--porcelain"}),
                       git({"remote", "get-url", "origin"}), git({"tag"}));
  };
  EXPECT_EQ(cloned(""), second_ + " main [] " + url + " v1");
  EXPECT_EQ(cloned("feature/x"), second_ + " feature/x [] " + url + " v1");
  EXPECT_EQ(cloned("v1"), first_ + " HEAD [] " + url + " v1");
  EXPECT_EQ(cloned(first_), first_ + " HEAD [] " + url + " v1");
  EXPECT_EQ(cloned(first_.substr(0, 8)), first_ + " HEAD [] " + url + " v1");
  EXPECT_EQ(cloned("nope"), url + ": it has no version nope");
}

TEST_F(GitFetchTest, ACloneDoesNotKeepCredentials) {
  HttpServer server(
      [&](const HttpServerRequest& request) { return git_http_backend(files_ / "remote", request); });
  const Path to = files_ / "clone";
  std::filesystem::create_directories(to);
  const std::string authority = server.url().substr(server.url().find("//") + 2);
  const Result<std::string> commit =
      fetcher_->clone(remote("http://me:s3cret@" + authority + "/x"), "", to, {}, {});
  ASSERT_TRUE(commit) << commit.error().message;
  EXPECT_EQ(*commit, second_);
  const std::string settings = contents(to / ".git/config");
  EXPECT_NE(settings.find("url = http://" + authority + "/x"), std::string::npos) << settings;
  EXPECT_EQ(settings.find("s3cret"), std::string::npos) << settings;
}

TEST_F(GitFetchTest, FromADirectory) {
  for (const std::string& url :
       {"file://" + (files_ / "remote/x").native(), (files_ / "remote/x").native()}) {
    const Result<std::map<std::string, std::string>> references = fetcher_->references(remote(url), {});
    ASSERT_TRUE(references) << references.error().message;
    EXPECT_EQ(references->at("refs/heads/main"), second_);
    EXPECT_EQ(references->at("refs/heads/feature/x"), second_);
    EXPECT_EQ(references->at("refs/tags/v1^{}"), first_);
    EXPECT_EQ(fetched(remote(url), "refs/tags/v1", first_), kOne);
    EXPECT_EQ(fetched(remote(url), "refs/heads/feature/x", second_), kTwo);
    EXPECT_EQ(fetched(remote(url), first_, first_), kOne) << "by id";
  }
}

TEST_F(GitFetchTest, OverHttp) {
  HttpServer server(
      [&](const HttpServerRequest& request) { return git_http_backend(files_ / "remote", request); });
  const GitRemote from = remote(server.url() + "/x/.git");
  const Result<std::map<std::string, std::string>> references = fetcher_->references(from, {});
  ASSERT_TRUE(references) << references.error().message;
  EXPECT_EQ(references->at("refs/tags/v1^{}"), first_);
  std::size_t objects = 0, total = 0;
  const Path bare = files_ / "bare", tree = files_ / "tree";
  std::filesystem::create_directories(bare);
  std::filesystem::create_directories(tree);
  const Result<void> done = fetcher_->fetch(from, "refs/heads/main", bare,
                                            [&](std::size_t some, std::size_t all, std::size_t bytes) {
                                              objects = some;
                                              total = all;
                                              EXPECT_GT(bytes, 0u);
                                            },
                                            {});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(objects, total);
  EXPECT_GE(objects, 4u);
  EXPECT_EQ(written(bare, second_, tree), kTwo);
  struct stat status;
  ASSERT_EQ(::stat((tree / "lib/run.sh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  EXPECT_EQ(fetched(from, first_, first_), kOne) << "by id";
  EXPECT_EQ(fetched(from, "refs/tags/v1", first_), kOne);
  const std::string not_there = fetched(from, "refs/tags/v1", second_);
  EXPECT_TRUE(not_there.starts_with("commit " + second_ + ": ")) << not_there;
}

TEST_F(GitFetchTest, SaysThatThereIsNoSuchRepository) {
  HttpServer server([&](const HttpServerRequest&) { return HttpServerAnswer{404}; });
  std::string with_password = server.url() + "/no";
  with_password.insert(7, "user:s3cret@");
  const Result<std::map<std::string, std::string>> none = fetcher_->references(remote(with_password), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, std::errc::no_such_file_or_directory) << none.error().message;
  EXPECT_TRUE(none.error().message.starts_with(server.url() + "/no: ")) << none.error().message;
  EXPECT_EQ(none.error().message.find("s3cret"), std::string::npos);
  const Result<std::map<std::string, std::string>> no_directory =
      fetcher_->references(remote((files_ / "none").native()), {});
  ASSERT_FALSE(no_directory);
  EXPECT_EQ(no_directory.error().code, std::errc::no_such_file_or_directory) << no_directory.error().message;
}

// Waiting mends a server that is broken or busy, and no answer in time; nothing else.
TEST_F(GitFetchTest, SaysWhatMayPass) {
  std::atomic<int> status = 0;  // read on the server's threads
  HttpServer server([&](const HttpServerRequest&) { return HttpServerAnswer{status}; });
  for (const auto& [answer, passes] : {std::pair(500, true),
                                       {502, true},
                                       {503, true},
                                       {429, true},
                                       {401, false},
                                       {403, false},
                                       {404, false}}) {
    status = answer;
    const Result<std::map<std::string, std::string>> none =
        fetcher_->references(remote(server.url() + "/x"), {});
    ASSERT_FALSE(none);
    EXPECT_EQ(may_pass(none.error()), passes) << answer << ": " << none.error().message;
  }
  std::string nobody;
  {
    HttpServer gone([&](const HttpServerRequest&) { return HttpServerAnswer{404}; });
    nobody = gone.url();
  }
  // The last port is none, and a blank is in no host's name: what no name server is asked for.
  for (const std::string& url :
       {nobody + "/x", "git" + nobody.substr(4) + "/x", std::string("http://127.0.0.1:99999999/x"),
        std::string("http://no host/x")}) {
    const Result<std::map<std::string, std::string>> none = fetcher_->references(remote(url), {});
    ASSERT_FALSE(none);
    EXPECT_FALSE(may_pass(none.error())) << none.error().message;
    EXPECT_EQ(none.error().code, std::errc::connection_refused) << none.error().message;
  }
}

TEST_F(GitFetchTest, GivesItsPasswordWhenAsked) {
  HttpServer server([&](const HttpServerRequest& request) -> HttpServerAnswer {
    if (request.header("authorization") != "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0")  // x-access-token:s3cret
      return {401, {{"WWW-Authenticate", "Basic realm=\"x\""}}};
    return git_http_backend(files_ / "remote", request);
  });
  GitRemote from = remote(server.url() + "/x/.git");
  EXPECT_FALSE(fetcher_->references(from, {}));
  from.user = "x-access-token";
  from.password = "wrong";
  EXPECT_FALSE(fetcher_->references(from, {}));
  from.password = "s3cret";
  EXPECT_EQ(fetched(from, "refs/heads/main", second_), kTwo);
}

TEST_F(GitFetchTest, TrustsNoCertificateButThoseItIsTold) {
  ASSERT_TRUE(test::make_certificate(files_ / "key.pem"));
  HttpServer server(
      [&](const HttpServerRequest& request) { return git_http_backend(files_ / "remote", request); },
      files_ / "key.pem");
  // By its name: mbedtls 2 finds no address in a certificate.
  GitRemote from = remote(fmt::format("https://localhost:{}/x/.git", server.port()));
  EXPECT_FALSE(fetcher_->references(from, {}));
  EXPECT_TRUE(server.requests().empty());
  from.settings = http_settings({{"SSL_CERT_FILE", (files_ / "key.pem.crt").native()}});
  EXPECT_EQ(fetched(from, "refs/heads/main", second_), kTwo);
}

TEST_F(GitFetchTest, CanBeStoppedAndTimesOut) {
  HttpServer server([&](const HttpServerRequest&) { return HttpServerAnswer{200, {}, "", {}, true}; });
  GitRemote from = remote(server.url() + "/x");
  std::stop_source stop;
  std::jthread stopper([&] {
    while (server.requests().empty()) std::this_thread::yield();
    stop.request_stop();
  });
  const Result<std::map<std::string, std::string>> stopped = fetcher_->references(from, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, std::errc::operation_canceled) << stopped.error().message;
  from.stall_timeout = std::chrono::milliseconds(150);
  const Result<std::map<std::string, std::string>> slow = fetcher_->references(from, {});
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, std::errc::timed_out) << slow.error().message;
}

TEST_F(GitFetchTest, LeavesOutWhatAnArchiveLeavesOut) {
  repository_.write(".gitattributes", "/tests export-ignore\n*.md export-ignore\n");
  repository_.write("tests/a", "x");
  repository_.write("doc/b.md", "x");
  repository_.write("doc/c", "x");
  repository_.write("sub/.gitattributes", "d export-ignore\n");
  repository_.write("sub/d", "x");
  repository_.write("sub/e", "x");
  const std::string third = repository_.commit();
  EXPECT_EQ(fetched(remote((files_ / "remote/x").native()), "refs/heads/main", third),
            ".gitattributes=/tests export-ignore action.yml=name: two doc/c=x lib/run.sh=#!/bin/sh "
            "link=->lib/run.sh "
            "sub/.gitattributes=d export-ignore sub/e=x ");
}

TEST_F(GitFetchTest, ATreeThatLeadsOutIsRefused) {
  for (const std::string target : {"/etc/passwd", "../outside"}) {
    std::filesystem::create_symlink(target, files_ / "remote/x/bad");
    const std::string bad = repository_.commit();
    EXPECT_EQ(fetched(remote((files_ / "remote/x").native()), "refs/heads/main", bad),
              "entry \"bad\" is a link that leads out of the tree: \"" + target + "\"");
    std::filesystem::remove(files_ / "remote/x/bad");
  }
}

TEST_F(GitFetchTest, ByManyThreads) {
  HttpServer server(
      [&](const HttpServerRequest& request) { return git_http_backend(files_ / "remote", request); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      const Path bare = files_ / fmt::format("many{}", i);
      std::filesystem::create_directories(bare);
      const Result<void> done =
          fetcher_->fetch(remote(server.url() + "/x/.git"), "refs/heads/main", bare, {}, {});
      EXPECT_TRUE(done) << done.error().message;
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace buildspec_run
