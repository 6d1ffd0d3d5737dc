// GETs of a server on loopback.
#include "runner/sys/http.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/http_server.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::HttpServer;
using test::HttpServerAnswer;
using test::HttpServerRequest;

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";

struct Got {
  std::string error;
  std::error_code code;
  HttpResponse response;
  std::string body;
};

Got get(const HttpRequest& request, const HttpSettings& settings = {}, std::stop_token stop = {}) {
  Result<std::unique_ptr<Http>> http = make_http(kModules, settings);
  check(static_cast<bool>(http), "the http module loads");
  Got got;
  Result<HttpResponse> response = (*http)->get(
      request,
      [&](std::string_view bytes) {
        got.body += bytes;
        return Result<void>();
      },
      std::move(stop));
  if (response)
    got.response = std::move(*response);
  else
    got.error = response.error().message, got.code = response.error().code;
  return got;
}

HttpRequest request_of(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  return request;
}

TEST(Http, GetsABody) {
  const std::string body(3'000'000, 'x');
  HttpServer server([&](const HttpServerRequest&) {
    return HttpServerAnswer{200, {{"X-One", "two"}}, body};
  });
  HttpRequest request = request_of(server.url() + "/a?b=c");
  request.headers = {"Accept: application/vnd.github.sha"};
  request.authorization = "Basic eA==";
  request.limit_bytes = body.size();
  const Got got = get(request);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.response.status, 200);
  EXPECT_EQ(got.response.headers.at("x-one"), "two");
  EXPECT_TRUE(got.body == body);
  ASSERT_EQ(server.requests().size(), 1u);
  const HttpServerRequest seen = server.requests()[0];
  EXPECT_EQ(seen.method + " " + seen.target, "GET /a?b=c");
  EXPECT_EQ(seen.header("accept"), "application/vnd.github.sha");
  EXPECT_EQ(seen.header("authorization"), "Basic eA==");
  EXPECT_TRUE(seen.header("user-agent").starts_with("buildspec-run/"));
}

TEST(Http, AStatusIsAResultAndItsBodyIsKept) {
  HttpServer server([](const HttpServerRequest&) {
    return HttpServerAnswer{404, {}, "{\"message\":\"Not Found\"}" + std::string(10'000, ' ')};
  });
  const Got got = get(request_of(server.url() + "/x"));
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.response.status, 404);
  EXPECT_EQ(got.body, "");
  EXPECT_TRUE(got.response.error_body.starts_with("{\"message\":\"Not Found\"}"));
  EXPECT_EQ(got.response.error_body.size(), 4096u);
}

TEST(Http, ARedirectLosesTheAuthorizationUnlessItsOriginMayHaveIt) {
  HttpServer other([](const HttpServerRequest&) { return HttpServerAnswer{200, {}, "there"}; });
  HttpServer server([&](const HttpServerRequest& request) -> HttpServerAnswer {
    if (request.path == "/same") return {302, {{"Location", "/end"}}};
    if (request.path == "/end") return {200, {}, "here"};
    return {302, {{"Location", other.url() + "/x"}}};
  });
  HttpRequest request = request_of(server.url() + "/same");
  request.authorization = "Bearer s3cret";
  EXPECT_EQ(get(request).body, "here");
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[1].header("authorization"), "Bearer s3cret");

  request.url = server.url() + "/other";
  EXPECT_EQ(get(request).body, "there");
  ASSERT_EQ(other.requests().size(), 1u);
  EXPECT_EQ(other.requests()[0].headers.count("authorization"), 0u);

  request.authorized_origins = {other.url()};
  EXPECT_EQ(get(request).body, "there");
  ASSERT_EQ(other.requests().size(), 2u);
  EXPECT_EQ(other.requests()[1].header("authorization"), "Bearer s3cret");
}

TEST(Http, RedirectsEnd) {
  HttpServer server([&](const HttpServerRequest&) {
    return HttpServerAnswer{302, {{"Location", "/again"}}};
  });
  EXPECT_EQ(get(request_of(server.url() + "/")).error, "more than 10 redirects");
  EXPECT_EQ(server.requests().size(), 11u);
  HttpServer strange([&](const HttpServerRequest&) {
    return HttpServerAnswer{302, {{"Location", "file:///etc/passwd"}}};
  });
  EXPECT_EQ(get(request_of(strange.url() + "/")).error,
            "a redirect from " + strange.url() + " to no http address is not followed");
  EXPECT_NE(get(request_of("file:///etc/passwd")).error, "");
}

TEST(Http, SaysWhyThereIsNoWholeResponse) {
  HttpServer server([](const HttpServerRequest& request) -> HttpServerAnswer {
    if (request.path == "/cut") return {200, {}, std::string(1000, 'x'), 10, false};
    if (request.path == "/hang") return {200, {}, "", {}, true};
    return {200, {}, std::string(1000, 'x'), {}, false};
  });
  const Got cut = get(request_of(server.url() + "/cut"));
  EXPECT_NE(cut.error, "");
  EXPECT_EQ(cut.code, std::errc::io_error);

  HttpRequest big = request_of(server.url() + "/big");
  big.limit_bytes = 999;
  EXPECT_EQ(get(big).code, std::errc::file_too_large);

  HttpRequest slow = request_of(server.url() + "/hang");
  slow.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(get(slow).code, std::errc::timed_out);

  std::stop_source stop;
  std::jthread stopper([&] {
    while (server.requests().size() < 4) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_EQ(get(request_of(server.url() + "/hang"), {}, stop.get_token()).code,
            std::errc::operation_canceled);

  const std::string gone = HttpServer([](const HttpServerRequest&) { return HttpServerAnswer{}; }).url();
  const Got refused = get(request_of(gone));
  EXPECT_EQ(refused.code, std::errc::io_error);
  EXPECT_NE(refused.error.find("onnect"), std::string::npos) << refused.error;
}

TEST(Http, TheReceiverMayEndIt) {
  HttpServer server([](const HttpServerRequest&) {
    return HttpServerAnswer{200, {}, std::string(1000, 'x')};
  });
  Result<std::unique_ptr<Http>> http = make_http(kModules, {});
  ASSERT_TRUE(http);
  Result<HttpResponse> response = (*http)->get(
      request_of(server.url()), [](std::string_view) { return Result<void>(Error{"the disk is full"}); }, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().message, "the disk is full");
}

TEST(Http, GoesThroughTheProxyOfTheEnvironment) {
  HttpServer proxy([](const HttpServerRequest& request) {
    return HttpServerAnswer{200, {}, request.target};
  });
  const HttpSettings settings = http_settings({{"http_proxy", proxy.url()}, {"no_proxy", "direct.test"}});
  EXPECT_EQ(get(request_of("http://somewhere.test/x"), settings).body, "http://somewhere.test/x");
  EXPECT_NE(get(request_of("http://direct.test/x"), settings).error, "");  // there is no such host
}

TEST(Http, ReadsTheEnvironmentAsCurlDoes) {
  const HttpSettings one = http_settings({{"HTTP_PROXY", "evil"}, {"HTTPS_PROXY", "b"}, {"NO_PROXY", "c"}});
  EXPECT_EQ(one.http_proxy + "," + one.https_proxy + "," + one.no_proxy, ",b,c");
  const HttpSettings all = http_settings({{"ALL_PROXY", "a"}, {"https_proxy", "b"}, {"SSL_CERT_FILE", "f"}});
  EXPECT_EQ(all.http_proxy + "," + all.https_proxy + "," + all.ca_file, "a,b,f");
  struct Case {
    std::string_view url, no_proxy, want;
  };
  constexpr Case kCases[] = {
      {"http://a.example.com/x", "", "P"},
      {"http://a.example.com/x", "example.com", ""},
      {"http://a.example.com/x", ".example.com", ""},
      {"http://badexample.com/x", "example.com", "P"},
      {"http://x:8080/", "y, x", ""},
      {"http://x/", "*", ""},
      {"http://[::1]:80/", "[::1]", ""},
      {"ssh://x/", "", ""},
  };
  for (const auto& [url, no_proxy, want] : kCases) {
    HttpSettings settings;
    settings.http_proxy = "P";
    settings.no_proxy = no_proxy;
    EXPECT_EQ(proxy_for(url, settings), want) << url << " " << no_proxy;
  }
}

TEST(Http, KnowsOrigins) {
  struct Case {
    std::string_view url, want;
  };
  constexpr Case kCases[] = {
      {"https://Example.com/x", "https://example.com"},
      {"HTTPS://user:pw@example.com:443/x@y", "https://example.com"},
      {"http://example.com:80?x", "http://example.com"},
      {"http://example.com:8080#x", "http://example.com:8080"},
      {"https://example.com:80", "https://example.com:80"},
      {"https://good.example\\@evil.example/", "https://evil.example"},  // whom libcurl asks
      {"ftp://example.com/", ""},
      {"example.com/x", ""},
      {"https:///x", ""},
  };
  for (const auto& [url, want] : kCases) EXPECT_EQ(origin_of(url), want) << url;
}

TEST(Http, TrustsNoCertificateButThoseItIsTold) {
  const test::TemporaryDirectory files;
  ASSERT_TRUE(test::make_certificate(files / "key.pem"));
  HttpServer server(
      [](const HttpServerRequest&) {
        return HttpServerAnswer{200, {}, "safe"};
      },
      files / "key.pem");
  EXPECT_NE(get(request_of(server.url())).error, "");
  EXPECT_TRUE(server.requests().empty());
  EXPECT_EQ(
      get(request_of(server.url()), http_settings({{"SSL_CERT_FILE", (files / "key.pem.crt").native()}}))
          .body,
      "safe");
  // Never from https to http.
  HttpServer down(
      [](const HttpServerRequest&) {
        return HttpServerAnswer{302, {{"Location", "http://127.0.0.1:1/"}}};
      },
      files / "key.pem");
  EXPECT_EQ(
      get(request_of(down.url()), http_settings({{"SSL_CERT_FILE", (files / "key.pem.crt").native()}})).error,
      "a redirect from " + down.url() + " to http://127.0.0.1:1 is not followed");
}

}  // namespace
}  // namespace buildspec_run
