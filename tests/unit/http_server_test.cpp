// The HTTP server, by a client that says what it likes.
#include "runner/sys/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/http_client.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";

/// Says what it was asked, and counts who is there.
class Echo : public ServerHandler {
 public:
  class One : public ServerExchange {
   public:
    One(Echo& echo, ServerRequest request) : echo_(echo), request_(std::move(request)) { ++echo_.alive; }
    ~One() override { --echo_.alive; }
    bool on_body(std::string_view bytes) override {
      body_ += bytes;
      return body_.size() < echo_.wanted;
    }
    ServerAnswer answer() override {
      ServerAnswer answer;
      ++echo_.answered;
      if (request_.target == "/file") {
        answer.file = open_at(AT_FDCWD, echo_.file.c_str(), O_RDONLY);
        answer.file_offset = 1;
        answer.file_length = echo_.file_bytes;
        return answer;
      }
      answer.status = request_.target == "/nothing" ? 204 : 200;
      answer.headers = {{"X-Split", "a\r\nSet-Cookie: b"}};
      answer.body = request_.method + " " + request_.target + " " + std::string(request_.header("x-one")) +
                    " " + std::to_string(body_.size());
      return answer;
    }

   private:
    Echo& echo_;
    const ServerRequest request_;
    std::string body_;
  };
  std::unique_ptr<ServerExchange> begin(const ServerRequest& request) override {
    return std::make_unique<One>(*this, request);
  }
  Result<void> prepare() override {
    ++prepared;
    if (!not_ready.empty()) return Error{not_ready};
    return {};
  }
  std::atomic<int> alive{0}, answered{0}, prepared{0};
  std::string not_ready;
  std::size_t wanted = 1 << 30;
  Path file;
  std::uint64_t file_bytes = 0;
};

struct HttpServing : testing::Test {
  HttpServing() {
    Result<std::unique_ptr<HttpServer>> made = make_http_server(kModules, echo);
    check(static_cast<bool>(made), "the server starts");
    server = std::move(*made);
  }
  test::TemporaryDirectory files;
  Echo echo;
  std::unique_ptr<HttpServer> server;
};

TEST_F(HttpServing, AnswersOneRequestAfterTheOther) {
  test::HttpClient client(server->port());
  EXPECT_EQ(client.ask("GET", "/a?b=c", {{"X-One", "two"}}).body, "GET /a?b=c two 0");
  EXPECT_EQ(client.ask("PUT", "/p", {}, std::string(300'000, 'x')).body, "PUT /p  300000");
  EXPECT_EQ(client.ask("PATCH", "/c", {}, std::string(12'345, 'x'), true).body, "PATCH /c  12345")
      << "in chunks";
  const test::HttpClientAnswer empty = client.ask("GET", "/nothing");
  EXPECT_EQ(empty.status, 204);
  EXPECT_EQ(empty.body, "");
  const test::HttpClientAnswer head = client.ask("HEAD", "/h");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "10");
  EXPECT_EQ(head.header("set-cookie"), "") << "a value is one line";
  EXPECT_EQ(client.ask("POST", "/e", {{"Expect", "100-continue"}}, "four").body, "POST /e  4");
}

TEST_F(HttpServing, SendsAFile) {
  const std::string content = std::string(3'000'000, 'f') + "end";
  echo.file = files / "content";
  write_test_file(echo.file, content);
  echo.file_bytes = content.size() - 1;
  test::HttpClient client(server->port());
  EXPECT_EQ(client.ask("GET", "/file").body, content.substr(1));
  EXPECT_EQ(client.ask("HEAD", "/file").header("content-length"), std::to_string(content.size() - 1));
  // More than it has: the client sees that bytes are missing.
  echo.file_bytes = content.size() + 10;
  EXPECT_EQ(client.ask("GET", "/file").body, content.substr(1));
  EXPECT_EQ(client.ask("GET", "/file").status, 0);
}

TEST_F(HttpServing, AnswersWhatItDoesNotReadToItsEnd) {
  echo.wanted = 1;
  test::HttpClient client(server->port());
  EXPECT_EQ(client.ask("PUT", "/big", {}, std::string(20'000'000, 'x')).status, 200);
  EXPECT_EQ(client.ask("GET", "/next").status, 200) << "and the connection goes on";
}

TEST_F(HttpServing, RefusesWhatIsNoHttp) {
  test::HttpClient nonsense(server->port());
  nonsense.send("what is this\r\n\r\n");
  EXPECT_EQ(nonsense.read().status, 400);
  test::HttpClient long_headers(server->port());
  EXPECT_EQ(long_headers.ask("GET", "/", {{"X-Long", std::string(40'000, 'x')}}).status, 431);
  test::HttpClient both(server->port());
  both.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_EQ(both.read().status, 400) << "two lengths: nobody knows where it ends";
  EXPECT_EQ(echo.answered, 0);
}

TEST_F(HttpServing, EndsTheExchangeOfAConnectionThatBreaks) {
  {
    test::HttpClient client(server->port());
    client.send("PUT /half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
    while (echo.alive == 0) std::this_thread::yield();
  }
  while (echo.alive != 0) std::this_thread::yield();
  EXPECT_EQ(echo.answered, 0) << "half a body is none";
}

TEST_F(HttpServing, GoesWithAllThatIsInIt) {
  test::HttpClient client(server->port());
  client.send("PUT /half HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
  while (echo.alive == 0) std::this_thread::yield();
  const int port = server->port();
  server.reset();
  EXPECT_EQ(echo.alive, 0);
  EXPECT_EQ(client.read().status, 0);
  EXPECT_FALSE(test::HttpClient(port).connected());
}

// Nothing is loaded or made ready for a build that nobody asks.
TEST_F(HttpServing, IsMadeReadyForTheFirstClient) {
  EXPECT_EQ(echo.prepared, 0);
  test::HttpClient first(server->port()), second(server->port());
  EXPECT_EQ(first.ask("GET", "/").status, 200);
  EXPECT_EQ(second.ask("GET", "/").status, 200);
  EXPECT_EQ(echo.prepared, 1);
  EXPECT_FALSE(server->failure());
}

TEST_F(HttpServing, SaysWhyNobodyIsServed) {
  const auto failure_of = [&](const Path& modules) {
    Result<std::unique_ptr<HttpServer>> made = make_http_server(modules, echo);
    check(static_cast<bool>(made), "the server listens");
    EXPECT_FALSE((*made)->failure());
    EXPECT_EQ(test::HttpClient((*made)->port()).read().status, 0) << "the connection ends";
    std::optional<Error> failure = (*made)->failure();
    EXPECT_FALSE(test::HttpClient((*made)->port()).connected());
    return failure ? failure->message : std::string();
  };
  EXPECT_NE(failure_of(files.path()).find("load the http-server module: "), std::string::npos);
  echo.not_ready = "no room";
  EXPECT_EQ(failure_of(kModules), "no room");
}

TEST_F(HttpServing, ServesManyAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&, i] {
      test::HttpClient client(server->port());
      for (int j = 0; j < 20; ++j)
        good += client.ask("PUT", "/" + std::to_string(i), {}, std::string(10'000, 'x')).body ==
                "PUT /" + std::to_string(i) + "  10000";
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 16 * 20);
}

}  // namespace
}  // namespace buildspec_run
