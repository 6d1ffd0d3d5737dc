// The services for caches and artifacts over real HTTP. Section numbers are those of services.md; its section 20 lists what is
// tried here.
#include "actions/service/blob.h"
#include "actions/service/service.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "actions/service/protobuf.h"
#include "actions/service/request_text.h"
#include "runner/base/encoding.h"
#include "runner/base/json.h"
#include "tests/support/files.h"
#include "tests/support/http_client.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::HttpClient;
using test::HttpClientAnswer;
namespace fs = std::filesystem;

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";
constexpr const char* kRun = "11111111-2222-3333-4444-555555555555";
constexpr const char* kJob = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
constexpr const char* kOtherJob = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee";
const std::string kVersion(64, 'a');

/// One server, as the steps of a job see it.
struct Server {
  Server(const Path& directory, const std::string& run = kRun, CacheLimits limits = {}) {
    ServiceOptions options;
    options.modules = kModules;
    options.run = run;
    options.artifacts = directory / "artifacts";
    options.caches = directory / "caches";
    options.repository = "owner/repo";
    options.limits = limits;
    Result<std::unique_ptr<ActionService>> made = make_action_service(std::move(options));
    check(static_cast<bool>(made), "the services start");
    service = std::move(*made);
    token = *service->begin_job(kJob, {{"refs/heads/x", true}, {"refs/heads/main", false}});
    const std::string url = service->variables(token, false).variables.front().second;
    port = std::stoi(url.substr(url.rfind(':') + 1));
    base = "http://127.0.0.1:" + std::to_string(port);
  }

  HttpClientAnswer ask(const std::string& method, const std::string& url, HttpClient::Headers headers = {},
                       const std::string& body = {}, bool chunked = false) const {
    HttpClient client(port);
    return client.ask(method, url.starts_with(base) ? url.substr(base.size()) : url, headers, body, chunked);
  }
  [[nodiscard]] HttpClient::Headers bearer(const std::string& of = {}) const {
    return {{"Authorization", "Bearer " + (of.empty() ? token : of)}, {"Content-Type", "application/json"}};
  }
  HttpClientAnswer twirp(const std::string& method, const std::string& body,
                         const std::string& as = {}) const {
    const bool is_cache = method.find("Cache") != std::string::npos;
    return ask("POST",
               std::string("/twirp/github.actions.results.api.v1.") +
                   (is_cache ? "CacheService/" : "ArtifactService/") + method,
               bearer(as), body);
  }
  /// The same of an artifact, with the ids of the job.
  HttpClientAnswer artifact(const std::string& method, const std::string& rest, const std::string& as = {},
                            const std::string& job = kJob) const {
    return twirp(method,
                 std::string("{\"workflow_run_backend_id\":\"") + kRun +
                     "\",\"workflow_job_run_backend_id\":\"" + job + "\"" + rest + "}",
                 as);
  }
  HttpClientAnswer put(const std::string& url, const std::string& bytes) const {
    return ask("PUT", url, {{"x-ms-blob-type", "BlockBlob"}}, bytes);
  }
  HttpClientAnswer block(const std::string& url, const std::string& name, const std::string& bytes) const {
    return ask("PUT", url + "&comp=block&blockid=" + percent_encoded(to_base64(name)), {}, bytes);
  }
  HttpClientAnswer list(const std::string& url, const std::vector<std::string>& names) const {
    std::string xml = R"(<?xml version="1.0" encoding="UTF-8" standalone="yes"?><BlockList>)";
    for (const std::string& name : names) xml += "<Latest>" + to_base64(name) + "</Latest>";
    return ask("PUT", url + "&comp=blocklist", {{"Content-Type", "application/xml"}}, xml + "</BlockList>");
  }
  /// Saves a cache, whole; says the answer to its end.
  std::string save(const std::string& key, const std::string& bytes, const std::string& version = kVersion,
                   const std::string& as = {}) const {
    const HttpClientAnswer created =
        twirp("CreateCacheEntry", R"({"key":")" + key + R"(","version":")" + version + "\"}", as);
    if (created.status != 200) return std::to_string(created.status) + " " + created.body;
    put(member(created, "signed_upload_url"), bytes);
    return twirp("FinalizeCacheEntryUpload",
                 R"({"key":")" + key + R"(","version":")" + version + R"(","size_bytes":")" +
                     std::to_string(bytes.size()) + "\"}",
                 as)
        .body;
  }
  HttpClientAnswer look(const std::string& key, const std::string& restore_keys = "",
                        const std::string& as = {}, const std::string& version = kVersion) const {
    return twirp(
        "GetCacheEntryDownloadURL",
        R"({"key":")" + key + R"(","restore_keys":[)" + restore_keys + R"(],"version":")" + version + "\"}",
        as);
  }
  std::string found(const std::string& key, const std::string& restore_keys = "",
                    const std::string& as = {}) const {
    return member(look(key, restore_keys, as), "matched_key");
  }
  static std::string member(const HttpClientAnswer& answer, std::string_view name) {
    const Result<Value> value = parse_json(answer.body);
    const Value* found = value ? value->find(name) : nullptr;
    return found == nullptr || found->string() == nullptr ? std::string() : *found->string();
  }
  /// Uploads an artifact in one block and finishes it.
  HttpClientAnswer upload(const std::string& name, const std::string& bytes,
                          const std::string& more = "") const {
    const HttpClientAnswer created =
        artifact("CreateArtifact", R"(,"name":")" + name + R"(","version":4)" + more);
    if (created.status != 200) return created;
    const std::string url = member(created, "signed_upload_url");
    block(url, "one", bytes);
    list(url, {"one"});
    return artifact("FinalizeArtifact",
                    R"(,"name":")" + name + R"(","size":")" + std::to_string(bytes.size()) + "\"");
  }
  HttpClientAnswer download(const std::string& name) const {
    return ask("GET", member(artifact("GetSignedArtifactURL", R"(,"name":")" + name + "\""), "signed_url"));
  }

  std::unique_ptr<ActionService> service;
  std::string token, base;
  int port = 0;
};

struct ActionServices : testing::Test {
  test::TemporaryDirectory files;
  Server server{files.path()};
  /// The directory of the one repository's caches.
  [[nodiscard]] Path caches() const { return fs::directory_iterator(files / "caches")->path(); }
};

// 20.1: create, one PUT, finalize, look up, GET.
TEST_F(ActionServices, KeepsACache) {
  const std::string bytes(300'000, 'c');
  EXPECT_EQ(server.found("Linux-npm-1"), "");
  EXPECT_FALSE(fs::exists(files / "caches")) << "to look for nothing makes nothing";
  EXPECT_EQ(server.save("Linux-npm-1", bytes), R"({"ok":true,"entry_id":"1","message":""})");
  const HttpClientAnswer hit = server.look("Linux-npm-1");
  EXPECT_EQ(Server::member(hit, "matched_key"), "Linux-npm-1");
  const HttpClientAnswer got = server.ask("GET", Server::member(hit, "signed_download_url"));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, bytes);
  EXPECT_EQ(got.header("content-length"), "300000");
  EXPECT_NE(got.header("x-ms-request-id"), "");
  EXPECT_EQ(fs::status(caches()).permissions(), fs::perms(0700));
  for (const auto& entry : fs::recursive_directory_iterator(files / "caches"))
    EXPECT_EQ(entry.status().permissions(), fs::perms(entry.is_directory() ? 0700 : 0600)) << entry.path();
}

// The run after it finds it, and one that has another key does not.
TEST_F(ActionServices, ACacheIsThereForTheNextRun) {
  server.save("key", "bytes");
  server.service.reset();
  const Server next(files.path(), "22222222-2222-3333-4444-555555555555");
  EXPECT_EQ(next.found("key"), "key");
  EXPECT_EQ(next.ask("GET", Server::member(next.look("key"), "signed_download_url")).body, "bytes");
}

// 20.2 to 20.4: the list decides, not the order of arrival; what is sent again is taken again.
TEST_F(ActionServices, PutsBlocksTogether) {
  const std::string url =
      Server::member(server.twirp("CreateCacheEntry", R"({"key":"blocks","version":")" + kVersion + "\"}"),
                     "signed_upload_url");
  const std::string binary = std::string("\xfb\xff\xfe") + '\0';
  EXPECT_EQ(server.block(url, "c", "three").status, 201);
  EXPECT_EQ(server.block(url, binary, "WRONG").status, 201);
  EXPECT_EQ(server.block(url, binary, "one,").status, 201) << "sent again";
  EXPECT_EQ(server.ask("PUT", url + "&comp=block&blockid=+/+/", {}, "two,").status, 201)
      << "a + that is not escaped";
  EXPECT_EQ(server.list(url, {"nobody"}).status, 400);
  const std::vector<std::string> names = {binary, *from_base64("+/+/"), "c"};
  EXPECT_EQ(server.list(url, names).status, 201);
  EXPECT_EQ(server.list(url, names).status, 201) << "its answer was lost";
  EXPECT_EQ(server.list(url, {"c", binary}).status, 400) << "but the blocks are gone";
  EXPECT_EQ(server
                .twirp("FinalizeCacheEntryUpload",
                       R"({"key":"blocks","version":")" + kVersion + R"(","size_bytes":13})")
                .body,
            R"({"ok":true,"entry_id":"1","message":""})");
  EXPECT_EQ(server.ask("GET", Server::member(server.look("blocks"), "signed_download_url")).body,
            "one,two,three");
  EXPECT_EQ(server.block(url, "d", "late").status, 409) << "sealed";
}

// 20.5: addresses bind what they are for.
TEST_F(ActionServices, SignedAddresses) {
  server.save("key", "0123456789");
  const std::string url = Server::member(server.look("key"), "signed_download_url");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = url;
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos);
    return server.ask("GET", changed.replace(at, from.size(), to)).status;
  };
  EXPECT_EQ(with("sp=r", "sp=cw"), 403);
  EXPECT_EQ(with("se=2", "se=3"), 403);
  const std::string id = url.substr(url.find("/cache/") + 7, 24);
  EXPECT_EQ(with(id, std::string(24, '0')), 403);
  EXPECT_EQ(server.ask("PUT", url, {{"x-ms-blob-type", "BlockBlob"}}, "x").status, 403)
      << "to be read, not written";
  EXPECT_EQ(server.ask("DELETE", url).status, 405);
  // In any order.
  const std::size_t question = url.find('?');
  std::string turned = url.substr(0, question + 1);
  const std::string query = url.substr(question + 1);
  const std::size_t sig = query.find("sig=");
  turned += query.substr(sig) + "&" + query.substr(0, sig - 1);
  EXPECT_EQ(server.ask("GET", turned).body, "0123456789");
  EXPECT_NE(server.ask("GET", "/_blob/cache/" + id).header("x-ms-request-id"), "") << "errors, too";
  const std::string upload = Server::member(
      server.twirp("CreateCacheEntry", R"({"key":"w","version":")" + kVersion + "\"}"), "signed_upload_url");
  EXPECT_EQ(server.ask("GET", upload).status, 403) << "to be written, not read";
  EXPECT_EQ(server.ask("PUT", upload, {{"x-ms-blob-type", "PageBlob"}}, "x").status, 400);
}

// 20.6
TEST_F(ActionServices, Ranges) {
  server.save("key", "0123456789");
  const std::string url = Server::member(server.look("key"), "signed_download_url");
  struct Case {
    const char *name, *range;
    int status;
    const char *body, *content_range;
  };
  for (const Case& each : {Case{"Range", "bytes=0-0", 206, "0", "bytes 0-0/10"},
                           Case{"Range", "bytes=2-4", 206, "234", "bytes 2-4/10"},
                           Case{"x-ms-range", "bytes=3-", 206, "3456789", "bytes 3-9/10"},
                           Case{"Range", "bytes=8-99", 206, "89", "bytes 8-9/10"},
                           Case{"Range", "bytes=-3", 200, "0123456789", ""},
                           Case{"Range", "bytes=0-1,3-4", 200, "0123456789", ""}}) {
    SCOPED_TRACE(each.range);
    const HttpClientAnswer got = server.ask("GET", url, {{each.name, each.range}});
    EXPECT_EQ(got.status, each.status);
    EXPECT_EQ(got.body, each.body);
    EXPECT_EQ(got.header("content-range"), each.content_range);
  }
  const HttpClientAnswer behind = server.ask("GET", url, {{"Range", "bytes=10-"}});
  EXPECT_EQ(behind.status, 416);
  EXPECT_EQ(behind.header("content-range"), "bytes */10");
  EXPECT_EQ(server.ask("HEAD", url).header("content-length"), "10");
}

// 20.7, 20.8: the older interface, over the same store.
TEST_F(ActionServices, CacheV1) {
  const std::string path = "/_apis/artifactcache/";
  const HttpClient::Headers bearer = server.bearer();
  const std::string bytes = std::string(40'000, 'a') + std::string(40'000, 'b') + "c";
  EXPECT_EQ(server.ask("GET", path + "cache?keys=old%2Col&version=" + kVersion, bearer).status, 204);
  const HttpClientAnswer reserved = server.ask(
      "POST", path + "caches", bearer, R"({"key":"old","version":")" + kVersion + R"(","cacheSize":80001})");
  EXPECT_EQ(reserved.status, 201);
  EXPECT_EQ(reserved.body, R"({"cacheId":1})");
  const auto patch = [&](std::size_t begin, std::size_t end) {
    return server
        .ask("PATCH", path + "caches/1",
             {bearer[0],
              {"Content-Range", "bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) + "/*"}},
             bytes.substr(begin, end - begin), true)
        .status;
  };
  EXPECT_EQ(patch(60'000, 80'001), 204);
  EXPECT_EQ(patch(0, 30'000), 204);
  EXPECT_EQ(patch(30'000, 60'000), 204);
  EXPECT_EQ(patch(0, 30'000), 204) << "sent again";
  EXPECT_EQ(
      server.ask("PATCH", path + "caches/1", {bearer[0], {"Content-Range", "bytes 0-9/*"}}, "short").status,
      400);
  EXPECT_EQ(server.ask("POST", path + "caches/1", bearer, R"({"size":80001})").status, 204);
  EXPECT_EQ(server.ask("POST", path + "caches/1", bearer, R"({"size":80001})").status, 204)
      << "its answer was lost";
  const HttpClientAnswer hit = server.ask("GET", path + "cache?keys=none%2Col&version=" + kVersion, bearer);
  EXPECT_EQ(hit.status, 200);
  EXPECT_EQ(Server::member(hit, "cacheKey"), "old");
  EXPECT_EQ(server.ask("GET", Server::member(hit, "archiveLocation")).body, bytes);
  EXPECT_EQ(server.found("old"), "old") << "v2 finds it";
  server.save("new", "bytes");
  EXPECT_EQ(
      Server::member(server.ask("GET", path + "cache?keys=new&version=" + kVersion, bearer), "cacheKey"),
      "new");
  const HttpClientAnswer again =
      server.ask("POST", path + "caches", bearer, R"({"key":"old","version":")" + kVersion + "\"}");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(Server::member(again, "typeKey"), "ArtifactCacheItemAlreadyExistsException");
  // A hole.
  EXPECT_EQ(server.ask("POST", path + "caches", bearer, R"({"key":"hole","version":"v"})").body,
            R"({"cacheId":3})");
  EXPECT_EQ(
      server.ask("PATCH", path + "caches/3", {bearer[0], {"Content-Range", "bytes 2-3/*"}}, "xx").status,
      204);
  EXPECT_EQ(server.ask("POST", path + "caches/3", bearer, R"({"size":4})").status, 400);
}

// 20.9
TEST_F(ActionServices, FindsAsGithubDoes) {
  for (const char* key : {"Linux-A-1", "Linux-A-2", "linux-b"}) server.save(key, key);
  EXPECT_EQ(server.found("linux-a-1"), "Linux-A-1")
      << "case counts for nothing; the answer has that of the entry";
  EXPECT_EQ(server.found("Linux-A-"), "Linux-A-2")
      << "of those that begin so the newest, also for the first key";
  EXPECT_EQ(server.found("none", R"("nothing","Linux-A")"), "Linux-A-2");
  EXPECT_EQ(server.found("none", R"("linux-b","Linux-A")"), "linux-b") << "in the order given";
  EXPECT_EQ(server.found("Linux-A-10"), "");
  EXPECT_EQ(Server::member(server.look("Linux-A-1", "", "", "other"), "matched_key"), "")
      << "another version";
  // Another branch's are not seen; those of the default branch are, after one's own.
  const std::string main = *server.service->begin_job(kOtherJob, {{"refs/heads/main", true}});
  EXPECT_EQ(server.found("Linux-A-1", "", main), "");
  server.save("Linux-A-1-exact", "main", kVersion, main);
  EXPECT_EQ(server.found("Linux-A-1-exact", R"("Linux-A-")"), "Linux-A-2") << "one's own scope comes first";
  server.save("only-main", "main", kVersion, main);
  EXPECT_EQ(server.found("only-main"), "only-main");
}

// 20.10
TEST_F(ActionServices, RefusesWhatIsThereAndWhatMayNotBe) {
  server.save("key", "bytes");
  const HttpClientAnswer again =
      server.twirp("CreateCacheEntry", R"({"key":"KEY","version":")" + kVersion + "\"}");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(Server::member(again, "code"), "already_exists");
  server.twirp("CreateCacheEntry", R"({"key":"pending","version":"v"})");
  EXPECT_EQ(server.twirp("CreateCacheEntry", R"({"key":"pending","version":"v"})").status, 409);
  EXPECT_EQ(Server::member(server.look("pending", "", "", "v"), "matched_key"), "")
      << "nobody finds half a cache";
  const std::string reader = *server.service->begin_job(kOtherJob, {{"refs/heads/x", false}});
  EXPECT_EQ(
      server.twirp("CreateCacheEntry", R"({"key":"k","version":"v"})", reader).body,
      R"({"ok":false,"signed_upload_url":"","message":"cache write denied: token has no writable scope"})");
  const std::string nobody = *server.service->begin_job("cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee", {});
  EXPECT_EQ(server.look("key", "", nobody).status, 403);
  for (const std::string& key : {std::string(), std::string("a,b"), std::string(513, 'k')})
    EXPECT_EQ(server.twirp("CreateCacheEntry", R"({"key":")" + key + R"(","version":"v"})").status, 400)
        << key;
  EXPECT_EQ(server.twirp("FinalizeCacheEntryUpload", R"({"key":"x","version":"v","size_bytes":1})").status,
            404);
  // Another size than was said: not kept, and the key is free again.
  EXPECT_EQ(Server::member(
                server.twirp("FinalizeCacheEntryUpload", R"({"key":"pending","version":"v","size_bytes":1})"),
                "entry_id"),
            "0");
  EXPECT_EQ(server.twirp("CreateCacheEntry", R"({"key":"pending","version":"v"})").status, 200);
  EXPECT_EQ(server.twirp("CreateCacheEntry", "{").status, 400);
  EXPECT_EQ(Server::member(server.twirp("CreateCacheEntry", "[]"), "code"), "malformed");
  EXPECT_EQ(server.twirp("LookupCacheEntry", "{}").status, 404);
  EXPECT_EQ(server.twirp("CreateCacheEntry", std::string(2 << 20, ' ')).status, 400) << "2 MiB";
}

// 20.11
TEST_F(ActionServices, Protobuf) {
  const auto call = [&](const std::string& method, const std::string& body) {
    return server.ask("POST", "/twirp/github.actions.results.api.v1.CacheService/" + method,
                      {server.bearer()[0], {"Content-Type", "application/protobuf"}}, body);
  };
  const std::string key = std::string("\x12\x01k", 3);
  EXPECT_EQ(call("GetCacheEntryDownloadURL", key + "\x1a\x02r1\x22\x01v").body, "")
      << "all is empty or false";
  const HttpClientAnswer created = call("CreateCacheEntry", key + "\x1a\x01v");
  EXPECT_EQ(created.header("content-type"), "application/protobuf");
  ASSERT_TRUE(created.body.starts_with("\x08\x01\x12")) << created.body;
  const std::string url = created.body.substr(created.body.find("http"));
  EXPECT_EQ(server.put(url, "bytes").status, 201);
  EXPECT_EQ(call("FinalizeCacheEntryUpload", key + "\x18\x05\x22\x01v").body, "\x08\x01\x10\x01");
  EXPECT_TRUE(call("GetCacheEntryDownloadURL", key + "\x22\x01v").body.ends_with("\x1a\x01k"));
  EXPECT_EQ(Server::member(call("CreateCacheEntry", key + "\x1a\x01v"), "code"), "already_exists")
      << "in JSON";
  EXPECT_EQ(call("CreateCacheEntry", "\x12\x7f").status, 400);
}

// 20.12, 20.13
TEST_F(ActionServices, KeepsArtifacts) {
  const std::string bytes(300'000, 'z');
  EXPECT_FALSE(fs::exists(files / "artifacts"));
  EXPECT_EQ(server.upload("art x", bytes).body, R"({"ok":true,"artifact_id":"1"})");
  EXPECT_EQ(server.upload("page.html", "<p>", R"(,"mime_type":"text/html")").body,
            R"({"ok":true,"artifact_id":"2"})");
  EXPECT_EQ(server.upload("l\xc3\xbc.txt", "", R"(,"mime_type":"text/plain")").status, 200);
  EXPECT_EQ(server.artifact("FinalizeArtifact", R"(,"name":"art x","size":"300000")").body,
            R"({"ok":true,"artifact_id":"1"})")
      << "its answer was lost";
  EXPECT_EQ(read_test_file(files / "artifacts/art x.zip"), bytes);
  EXPECT_EQ(fs::status(files / "artifacts/art x.zip").permissions(), fs::perms(0600));
  EXPECT_EQ(fs::status(files / "artifacts").permissions(), fs::perms(0700));
  EXPECT_EQ(read_test_file(files / "artifacts/page.html"), "<p>");

  const HttpClientAnswer zip = server.download("art x");
  EXPECT_EQ(zip.status, 200);
  EXPECT_EQ(zip.body, bytes);
  EXPECT_EQ(zip.header("content-type"), "application/zip");
  EXPECT_EQ(zip.header("content-disposition"), "attachment; filename=\"art x.zip\"");
  const HttpClientAnswer page = server.download("page.html");
  EXPECT_EQ(page.header("content-type"), "text/html");
  EXPECT_EQ(page.header("content-disposition"), "attachment; filename=\"page.html\"");
  EXPECT_EQ(server.download("l\xc3\xbc.txt").header("content-disposition"),
            "attachment; filename=\"l__.txt\"; filename*=UTF-8''l%C3%BC.txt");

  const Result<Value> listed = parse_json(server.artifact("ListArtifacts", "").body);
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->find("artifacts")->array()->size(), 3U);
  const std::string one = server.artifact("ListArtifacts", R"(,"id_filter":"1")").body;
  EXPECT_NE(one.find(R"("database_id":"1","name":"art x","size":"300000","created_at":"20)"),
            std::string::npos)
      << one;
  EXPECT_NE(one.find(R"("digest":"sha256:)"), std::string::npos);
  EXPECT_EQ(one.find("page.html"), std::string::npos);
  EXPECT_EQ(server.artifact("ListArtifacts", R"(,"name_filter":"nobody")").body, R"({"artifacts":[]})");

  EXPECT_EQ(server.upload("art x", "again").status, 409);
  // Another job of the run reads and deletes it.
  const std::string other = *server.service->begin_job(kOtherJob, {});
  EXPECT_EQ(server.artifact("DeleteArtifact", R"(,"name":"art x")", other).body,
            R"({"ok":true,"artifact_id":"1"})");
  EXPECT_FALSE(fs::exists(files / "artifacts/art x.zip"));
  EXPECT_EQ(server.upload("art x", "again").body, R"({"ok":true,"artifact_id":"4"})");
  EXPECT_EQ(server.download("art x").body, "again");
  std::vector<std::string> told;
  for (const UploadedArtifact& each : server.service->artifacts()) told.push_back(each.name);
  EXPECT_EQ(told, (std::vector<std::string>{"page.html", "l\xc3\xbc.txt", "art x"}));
  server.service.reset();
  for (const auto& entry : fs::directory_iterator(files / "artifacts"))
    EXPECT_FALSE(entry.path().filename().native().starts_with("."))
        << "nothing is left that was not finished";
}

// Two that want one file, and one that is not whole.
TEST_F(ActionServices, ArtifactsDoNotMeet) {
  server.upload("a", "packed");
  server.upload("a.zip", "raw", R"(,"mime_type":"text/plain")");
  EXPECT_EQ(read_test_file(files / "artifacts/a.zip"), "packed");
  EXPECT_EQ(read_test_file(files / "artifacts/a-2.zip"), "raw");
  EXPECT_EQ(server.download("a.zip").body, "raw");
  EXPECT_EQ(server.artifact("CreateArtifact", R"(,"name":"half")").status, 200);
  EXPECT_EQ(server.artifact("FinalizeArtifact", R"(,"name":"half")").status, 400) << "nothing was uploaded";
  EXPECT_EQ(server.upload("half", "whole").status, 200) << "a step that died does not block the next";
  // What arrives must be what was sent.
  const std::string url =
      Server::member(server.artifact("CreateArtifact", R"(,"name":"bad")"), "signed_upload_url");
  server.block(url, "one", "bytes");
  server.list(url, {"one"});
  EXPECT_EQ(
      Server::member(server.artifact("FinalizeArtifact", R"(,"name":"bad","hash":"sha256:00")"), "code"),
      "data_loss");
  EXPECT_EQ(server.artifact("GetSignedArtifactURL", R"(,"name":"bad")").status, 404);
  EXPECT_EQ(server.list(url, {}).status, 404) << "dropped";
}

// An empty file that was not packed: no block, no size. A.4
TEST_F(ActionServices, AnEmptyArtifact) {
  const std::string url = Server::member(
      server.artifact("CreateArtifact", R"(,"name":"zero.dat","mime_type":"application/octet-stream")"),
      "signed_upload_url");
  EXPECT_EQ(server.ask("PUT", url + "&comp=blocklist", {}, "<BlockList/>").status, 201);
  EXPECT_EQ(
      server
          .artifact(
              "FinalizeArtifact",
              R"(,"name":"zero.dat","hash":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")")
          .status,
      200);
  const HttpClientAnswer got = server.download("zero.dat");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.header("content-length"), "0");
}

// No name of a client leads out of the directory. 16.6
TEST_F(ActionServices, NamesLeadNowhere) {
  for (const char* name :
       {"", ".", "..", "../x", "a/b", "a\\\\b", "a\\u0000b", "a\\nb", "c:", "a*", ".staging-x"})
    EXPECT_EQ(server.artifact("CreateArtifact", std::string(R"(,"name":")") + name + "\"").status, 400)
        << name;
  EXPECT_EQ(server.artifact("CreateArtifact", R"(,"name":")" + std::string(252, 'n') + "\"").status, 400);
  server.save("../../../../tmp/x", "cache");
  server.save("/etc/passwd", "cache");
  for (const auto& entry : fs::directory_iterator(caches() / "blobs"))
    EXPECT_EQ(entry.path().filename().native().size(), 24U);
}

// Artifacts belong to their run; what a job creates is its own. 10
TEST_F(ActionServices, OtherRunsAndJobs) {
  EXPECT_EQ(server.twirp("ListArtifacts", R"({"workflow_run_backend_id":"other"})").status, 403);
  EXPECT_EQ(server.artifact("CreateArtifact", R"(,"name":"a")", "", kOtherJob).status, 403);
  const std::string other = *server.service->begin_job(kOtherJob, {});
  server.artifact("CreateArtifact", R"(,"name":"mine")");
  EXPECT_EQ(server.artifact("CreateArtifact", R"(,"name":"mine")", other, kOtherJob).status, 409);
  server.service->end_job(kJob);
  EXPECT_EQ(server.artifact("CreateArtifact", R"(,"name":"mine")", other, kOtherJob).status, 200)
      << "what an ended job has left is dropped";
  EXPECT_EQ(server.artifact("ListArtifacts", "").status, 401) << "and its token with it";
}

// 20.14
TEST_F(ActionServices, LegacyArtifacts) {
  const HttpClient::Headers bearer = server.bearer();
  const std::string run = "/_apis/pipelines/workflows/1/artifacts?api-version=6.0-preview";
  const HttpClientAnswer created =
      server.ask("POST", run, bearer, R"({"Type":"actions_storage","Name":"leg"})");
  EXPECT_EQ(created.status, 201);
  const std::string container = Server::member(created, "fileContainerResourceUrl");
  EXPECT_EQ(container, server.base + "/_apis/resources/Containers/1");
  const auto put = [&](const std::string& item, const std::string& range, const std::string& bytes,
                       const HttpClient::Headers& more = {}) {
    HttpClient::Headers headers = {bearer[0], {"Content-Range", "bytes " + range}};
    headers.insert(headers.end(), more.begin(), more.end());
    return server.ask("PUT", container + "?itemPath=" + item, headers, bytes).status;
  };
  EXPECT_EQ(put("leg%2Fa.txt", "0-4/5", "hello"), 201);
  EXPECT_EQ(put("leg%2Fempty.txt", "0--1/0", ""), 201);
  EXPECT_EQ(put("leg%2Fsp+ace%2F%C3%BC%26%2B.txt", "0-2/3", "abc"), 201);
  EXPECT_EQ(put("leg%5Cwin.txt", "0-2/3", "win"), 201);
  const HttpClient::Headers gzip = {{"Content-Encoding", "gzip"}, {"x-tfs-filelength", "1000"}};
  EXPECT_EQ(put("leg%2Frep", "0-3/6", "1234", gzip), 201);
  EXPECT_EQ(put("leg%2Frep", "4-5/6", "56", gzip), 201);
  for (const char* item :
       {"leg%2F..%2Fx", "leg%2F", "leg", "other%2Fx", "leg%2F%2Fx", "leg%2Fa%00", "%2Fleg%2Fx"})
    EXPECT_EQ(put(item, "0-0/1", "x"), 400) << item;
  EXPECT_EQ(put("leg%2Flate", "4-5/6", "56"), 400) << "no first piece";
  EXPECT_EQ(put("leg%2Fwrong", "0-4/5", "four"), 400);
  EXPECT_EQ(server.ask("GET", run, bearer).body, R"({"count":0,"value":[]})");
  EXPECT_EQ(server.ask("PATCH", run + "&artifactName=leg", bearer, R"({"Size":1017})").status, 200);
  EXPECT_NE(server.ask("GET", run, bearer).body.find(R"("name":"leg")"), std::string::npos);
  const Result<Value> items = parse_json(server.ask("GET", container + "?itemPath=leg", bearer).body);
  ASSERT_TRUE(items);
  ASSERT_EQ(items->find("value")->array()->size(), 5U);
  std::string paths;
  for (const Value& item : *items->find("value")->array()) {
    const std::string path = *item.find("path")->string();
    paths += path + " " + std::to_string(*item.find("fileLength")->integer()) + "\n";
    if (path == "leg/rep") {
      const HttpClientAnswer got = server.ask("GET", *item.find("contentLocation")->string(), bearer);
      EXPECT_EQ(got.header("content-encoding"), "gzip");
      EXPECT_EQ(got.body, "123456");
    }
  }
  EXPECT_EQ(paths,
            "leg/a.txt 5\nleg/empty.txt 0\nleg/rep 1000\nleg/sp ace/\xc3\xbc&+.txt 3\nleg/win.txt 3\n");
  EXPECT_EQ(read_test_file(files / "artifacts/leg/sp ace/\xc3\xbc&+.txt"), "abc");
  EXPECT_EQ(read_test_file(files / "artifacts/leg/rep.gz"), "123456");
  EXPECT_EQ(server.ask("POST", run, bearer, R"({"Name":"leg"})").status, 201) << "again: the same";
  EXPECT_EQ(server.ask("POST", run, bearer, R"({"Name":"../x"})").status, 400);
}

// 20.15, 20.16
TEST_F(ActionServices, Strangers) {
  const std::string list = "/twirp/github.actions.results.api.v1.ArtifactService/ListArtifacts";
  const std::string body = std::string(R"({"workflow_run_backend_id":")") + kRun + "\"}";
  const auto as = [&](const std::string& token) {
    return server.ask("POST", list, {{"Authorization", "Bearer " + token}}, body).status;
  };
  EXPECT_EQ(as(server.token), 200);
  EXPECT_EQ(server.ask("POST", list, {{"authorization", "bearer " + server.token}}, body).status, 200);
  EXPECT_EQ(server.ask("POST", list, {}, body).status, 401);
  EXPECT_EQ(as("x"), 401);
  std::string other = server.token;
  other[other.size() - 3] = other[other.size() - 3] == 'A' ? 'B' : 'A';
  EXPECT_EQ(as(other), 401) << "another signature";
  const std::string payload =
      server.token.substr(server.token.find('.') + 1, server.token.rfind('.') - server.token.find('.') - 1);
  EXPECT_EQ(as(to_base64_url(R"({"alg":"none"})") + "." + payload + "."), 401);
  const Server stranger(files / "other");
  EXPECT_EQ(as(stranger.token), 401) << "of another server";
  EXPECT_EQ(server.ask("POST", list, {server.bearer()[0], {"Origin", "http://evil.example"}}, body).status,
            403);
  EXPECT_EQ(server.ask("POST", list, {server.bearer()[0], {"Host", "evil.example"}}, body).status, 421);
  EXPECT_EQ(server.ask("POST", list, {server.bearer()[0], {"Host", "127.0.0.1:1"}}, body).status, 421);
  EXPECT_EQ(
      server
          .ask("POST", list, {server.bearer()[0], {"Host", "localhost:" + std::to_string(server.port)}}, body)
          .status,
      200);
  for (const char* target : {"/../etc/passwd", "/_blob/..%2f..", "//x", "/a/./b", "nothing"})
    EXPECT_EQ(server.ask("GET", target, server.bearer()).status, 400) << target;
  EXPECT_EQ(server.ask("GET", "/other", server.bearer()).status, 404);
  EXPECT_EQ(server.ask("GET", "/other").status, 401);
}

// 4: what a token says, and 20.15: what is none.
TEST(RuntimeToken, IsAJwtOfGithubsForm) {
  const auto from_base64_url = [](std::string text) {
    std::ranges::replace(text, '-', '+');
    std::ranges::replace(text, '_', '/');
    return from_base64(text);
  };
  const TokenClaims claims = {kRun, kJob, {{"refs/heads/x", true}, {"refs/heads/main", false}}, 100, 200};
  const Result<std::string> token = make_runtime_token(claims);
  ASSERT_TRUE(token);
  const std::size_t dot = token->find('.'), last = token->rfind('.');
  EXPECT_EQ(from_base64_url(token->substr(0, dot)), R"({"alg":"HS256","typ":"JWT"})");
  EXPECT_EQ(
      from_base64_url(token->substr(dot + 1, last - dot - 1)),
      R"({"iss":"buildspec-run","nbf":100,"iat":100,"exp":200,)"
      R"("scp":"Actions.Results:11111111-2222-3333-4444-555555555555:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",)"
      R"("ac":"[{\"Scope\":\"refs/heads/x\",\"Permission\":3},{\"Scope\":\"refs/heads/main\",\"Permission\":1}]"})");
  EXPECT_EQ(from_base64_url(token->substr(last + 1))->size(), 32U);
  EXPECT_NE(*make_runtime_token(claims), *token) << "nobody can guess it from its claims";
}

// Source: RFC 4231, test cases 1 and 2.
TEST(RuntimeToken, Hmac) {
  Result<std::unique_ptr<Sha256>> sha256 = make_sha256(kModules);
  ASSERT_TRUE(sha256);
  const auto hmac = [&](const std::string& key, const std::string& text) {
    const std::string mac = hmac_sha256(**sha256, key, text);
    return to_hex({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()});
  };
  EXPECT_EQ(hmac(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

// 20.17: what was not finished leaves nothing.
TEST_F(ActionServices, AKilledUploadLeavesNothing) {
  const std::string url =
      Server::member(server.twirp("CreateCacheEntry", R"({"key":"cut","version":"v"})"), "signed_upload_url");
  {
    HttpClient client(server.port);
    client.send("PUT " + url.substr(server.base.size()) +
                " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port) +
                "\r\nx-ms-blob-type: BlockBlob\r\nContent-Length: 100000\r\n\r\n" + std::string(50'000, 'x'));
  }
  server.block(url, "one", "bytes");
  server.service->end_job(kJob);
  const auto left = [&] {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(caches()))
      count +=
          entry.is_regular_file() && entry.path().parent_path().filename().native().starts_with(".staging-");
    return count;
  };
  for (int i = 0; i < 1000 && left() != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(left(), 0U);
  server.token = *server.service->begin_job(kOtherJob, {{"refs/heads/x", true}});
  EXPECT_EQ(server.save("cut", "bytes", "v"), R"({"ok":true,"entry_id":"2","message":""})");
}

// 20.18: two runs, one directory.
TEST_F(ActionServices, TwoRunsShareTheCaches) {
  const Server other(files.path(), "22222222-2222-3333-4444-555555555555");
  int won = 0;
  const std::string wanted = R"({"key":"same","version":"v"})";
  won += server.twirp("CreateCacheEntry", wanted).status == 200;
  won += other.twirp("CreateCacheEntry", wanted).status == 200;
  EXPECT_EQ(won, 1);
  server.service.reset();
  EXPECT_EQ(other.save("same", "bytes", "v"), R"({"ok":true,"entry_id":"2","message":""})")
      << "the run that had reserved it is gone";
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  const Server third(files.path(), "33333333-2222-3333-4444-555555555555");
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      const Server& mine = i % 2 == 0 ? other : third;
      good += mine.save("key-" + std::to_string(i), std::string(1000, 'x'), "v").starts_with(R"({"ok":true)");
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(Server::member(third.look("key-6", "", "", "v"), "matched_key"), "key-6");
}

// A damaged index, and a file that is gone, are a miss. 9.2
TEST_F(ActionServices, DamageIsAMiss) {
  server.save("key", "bytes");
  for (const auto& entry : fs::directory_iterator(caches() / "blobs")) fs::remove(entry.path());
  EXPECT_EQ(server.found("key"), "");
  EXPECT_EQ(server.save("key", "again").substr(0, 10), R"({"ok":true)");
  EXPECT_EQ(server.found("key"), "key");
  write_test_file(caches() / "index.json", "{\"format\":1,");
  EXPECT_EQ(server.found("key"), "");
  EXPECT_EQ(server.save("key", "again").substr(0, 10), R"({"ok":true)");
}

// What a run has left that was killed when it had moved the bytes and not yet listed them, and what a damaged index listed.
TEST_F(ActionServices, BytesOfNoEntryGo) {
  server.save("key", "bytes");
  write_test_file(caches() / "blobs/bbbbbbbbbbbbbbbbbbbbbbbb", "left");
  EXPECT_EQ(read_test_file(caches() / "repository"), "owner/repo\n");
  const auto blobs = [&] {
    return std::distance(fs::directory_iterator(caches() / "blobs"), fs::directory_iterator());
  };
  EXPECT_EQ(blobs(), 2);
  const Server next(files.path());
  EXPECT_EQ(next.found("key"), "key");
  EXPECT_EQ(blobs(), 1);
  write_test_file(caches() / "index.json", "{");
  next.save("other", "bytes");
  EXPECT_EQ(blobs(), 1);
  EXPECT_EQ(next.found("other"), "other");
}

// 15.3
// The server's threads end with the build, however much one of them has to copy.
TEST(Blob, AnAbandonedUploadIsNotPutTogether) {
  const test::TemporaryDirectory directory;
  Blob blob("x", directory.path(), 1 << 20, nullptr);
  for (const char* name : {"a", "b"}) {
    Result<PartFile> part = blob.make_part();
    ASSERT_TRUE(part && part->write("bytes"));
    ASSERT_EQ(blob.put_block(name, std::move(*part)), BlobEnd::done);
  }
  blob.abandon();
  EXPECT_EQ(blob.commit({"a", "b"}), BlobEnd::failed);
  EXPECT_FALSE(blob.size());
}

TEST(CacheIndex, EvictsWhatWasUsedLeastRecently) {
  constexpr std::int64_t kHour = 3'600'000, kNow = 10'000 * kHour;
  CacheIndex index;
  const auto add = [&](std::int64_t used, std::uint64_t bytes, const std::string& owner = {}) {
    const std::int64_t id = ++index.last_id;
    index.entries.push_back(
        {id, "k" + std::to_string(id), "v", "s", std::string(24, 'a'), bytes, 0, used, owner});
  };
  add(kNow - 800 * kHour, 1);          // 1: too old
  add(kNow - 800 * kHour, 1, "busy");  // 2: being uploaded
  add(kNow - 3 * kHour, 40);           // 3
  add(kNow - 5 * kHour, 40);           // 4: goes first
  add(kNow - 1000, 40);                // 5: has just been used
  EXPECT_EQ(parse_cache_index(to_text(index)), index);
  CacheIndex small = index;
  std::vector<std::int64_t> gone;
  for (const CacheEntry& entry : evict(small, {100, 720 * kHour}, kNow)) gone.push_back(entry.id);
  EXPECT_EQ(gone, (std::vector<std::int64_t>{1, 4}));
  gone.clear();
  for (const CacheEntry& entry : evict(index, {10, 720 * kHour}, kNow)) gone.push_back(entry.id);
  EXPECT_EQ(gone, (std::vector<std::int64_t>{1, 3, 4}));
  for (const char* text : {"", "[]", R"({"format":2,"last_id":0,"entries":[]})",
                           R"({"format":1,"last_id":0,"entries":[{"id":1}]})"})
    EXPECT_EQ(parse_cache_index(text), std::nullopt) << text;
}

TEST(RequestText, Targets) {
  const auto target = parse_target("/a/b%20c?x=1%2B&y=a+b&&z&x=2");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b%20c");
  EXPECT_EQ(*target->find("x"), "1+");
  EXPECT_EQ(*target->find("y"), "a b");
  EXPECT_EQ(*target->find("z"), "");
  EXPECT_EQ(target->find("none"), nullptr);
  EXPECT_TRUE(parse_target("/"));
  for (const char* wrong :
       {"", "a", "http://x/", "/a//b", "/a/", "/..", "/%2e%2E/x", "/a/%2e", "/a%2fb", "/a\\b"})
    EXPECT_FALSE(parse_target(wrong)) << wrong;
}

TEST(RequestText, RangesAndLists) {
  EXPECT_EQ(parse_range("bytes=0-0"), (ByteRange{0, 0}));
  EXPECT_EQ(parse_range(" bytes=5- "), (ByteRange{5, std::nullopt}));
  for (const char* wrong :
       {"", "bytes=", "bytes=-5", "bytes=5-4", "bytes=1-2,3-4", "lines=1-2", "bytes=99999999999999999999-"})
    EXPECT_EQ(parse_range(wrong), std::nullopt) << wrong;
  EXPECT_EQ(parse_content_range("bytes 0-4/5"), (ContentRange{0, 5, 5}));
  EXPECT_EQ(parse_content_range("bytes 2-4/*"), (ContentRange{2, 3, std::nullopt}));
  EXPECT_EQ(parse_content_range("bytes 0--1/0"), (ContentRange{0, 0, 0}));
  for (const char* wrong :
       {"", "bytes 0-4", "bytes 4-0/5", "bytes 0-5/5", "bytes */5", "bytes 0-4611686018427387905/*"})
    EXPECT_EQ(parse_content_range(wrong), std::nullopt) << wrong;
  using Names = std::vector<std::string>;
  EXPECT_EQ(parse_block_list("<BlockList/>"), Names());
  EXPECT_EQ(parse_block_list("<?xml version='1.0'?>\n<BlockList>\n <Latest>YQ==</Latest><Uncommitted> Yg "
                             "</Uncommitted></BlockList>"),
            (Names{"a", "b"}));
  for (const char* wrong : {"", "<a/>", "<Latest>YQ==</Latest>", "<BlockList><Latest>!</Latest></BlockList>",
                            "<BlockList><Latest>", "<!DOCTYPE x><BlockList/>",
                            "<BlockList><Latest></Latest></BlockList>", "<BlockList"})
    EXPECT_EQ(parse_block_list(wrong), std::nullopt) << wrong;
}

TEST(RequestText, Base64) {
  for (const std::string text : {"", "a", "ab", "abc", "\xff\xfe\xfd\xfc"})
    EXPECT_EQ(from_base64(to_base64(text)), text);
  EXPECT_EQ(to_base64("\xfb\xff"), "+/8=");
  EXPECT_EQ(to_base64_url("\xfb\xff"), "-_8");
  for (const char* wrong : {"a", "ab=", "a===", "YR==", "Y Q=", "YQ==YQ=="})
    EXPECT_EQ(from_base64(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace buildspec_run
