#include "actions/service/service.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <mutex>

#include "actions/service/caches.h"
#include "actions/service/legacy_artifacts.h"
#include "actions/service/protobuf.h"
#include "runner/base/encoding.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kBodyBytes = 1 << 20;
constexpr std::int64_t kTokenSeconds = 24 * 60 * 60;
constexpr std::string_view kTwirp = "/twirp/github.actions.results.api.v1.";
constexpr std::string_view kCacheV1 = "/_apis/artifactcache/";

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// What requests need.
struct Parts {
  Parts(const ServiceOptions& options, std::unique_ptr<BlobSigner> signer, std::int64_t expires,
        Path cache_path, ArtifactDirectory& directory)
      : signer_(std::move(signer)),
        blobs(*signer_, expires),
        artifacts(directory, blobs, options.modules, options.run),
        legacy(directory),
        caches(std::move(cache_path), options.repository, blobs, options.limits) {}
  Parts(const Parts&) = delete;

 private:
  const std::unique_ptr<BlobSigner> signer_;

 public:
  BlobTable blobs;
  ArtifactService artifacts;
  LegacyArtifacts legacy;
  CacheDirectory caches;
};

class LocalService final : public ActionService, private ServerHandler {
 public:
  explicit LocalService(ServiceOptions options)
      : options_(std::move(options)),
        expires_(now_seconds() + kTokenSeconds),
        directory_(options_.artifacts) {}

  LocalService(const LocalService&) = delete;
  LocalService& operator=(const LocalService&) = delete;
  ~LocalService() override {
    if (const std::lock_guard guard(mutex_); parts_ != nullptr) parts_->blobs.abandon_uploads();
  }

  Result<void> listen() {
    Result<std::unique_ptr<HttpServer>> server = make_http_server(options_.modules, *this);
    if (!server) return std::move(server.error());
    server_ = std::move(*server);
    port_ = server_->port();
    return {};
  }

  Result<std::string> begin_job(std::string_view job, std::vector<CacheScope> scopes) override {
    constexpr std::int64_t kSkew = 60;
    TokenClaims claims = {options_.run, std::string(job), std::move(scopes), now_seconds() - kSkew, expires_};
    Result<std::string> token = make_runtime_token(claims);
    if (!token) return token;
    const std::lock_guard guard(mutex_);
    jobs_.push_back({*token, std::move(claims)});
    return token;
  }

  void end_job(std::string_view job) override {
    {
      const std::lock_guard guard(mutex_);
      std::erase_if(jobs_, [&](const Job& one) { return one.claims.job == job; });
      if (parts_ == nullptr) return;
    }
    parts_->artifacts.end_job(job);
    parts_->caches.end_job(job);
  }

  [[nodiscard]] ServiceVariables variables(std::string_view token, bool is_container) const override {
    const std::string base = fmt::format("http://127.0.0.1:{}/", port_.load());
    ServiceVariables all;
    all.host = "127.0.0.1";
    all.variables = {{"ACTIONS_RUNTIME_URL", base},
                     {"ACTIONS_RUNTIME_TOKEN", std::string(token)},
                     {"ACTIONS_CACHE_URL", base},
                     {"ACTIONS_RESULTS_URL", base}};
    if (!is_container) all.variables.emplace_back("ACTIONS_CACHE_SERVICE_V2", "True");
    return all;
  }

  [[nodiscard]] std::vector<UploadedArtifact> artifacts() const override { return directory_.all(); }
  [[nodiscard]] std::optional<Error> failure() const override { return server_->failure(); }

 private:
  struct Job {
    std::string token;
    TokenClaims claims;
  };

  Result<void> prepare() override {
    Result<std::unique_ptr<BlobSigner>> signer = BlobSigner::make(options_.modules);
    if (!signer) return std::move(signer.error());
    Result<Path> caches = cache_path(options_.modules, options_.caches, options_.repository);
    if (!caches) return std::move(caches.error());
    const std::lock_guard guard(mutex_);
    parts_ = std::make_unique<Parts>(options_, std::move(*signer), expires_, std::move(*caches), directory_);
    return {};
  }

  std::unique_ptr<ServerExchange> begin(const ServerRequest& request) override {
    const std::string host = to_lower(request.header("host"));
    // A page that has had a name of its own lead here, and anything else in a browser, is no client of ours.
    if (request.headers.contains("origin")) return answer_with(rest_error(403, "not for browsers"));
    if (!is_own_name(host)) return answer_with(rest_error(421, "this server has another name"));
    const std::optional<RequestTarget> target = parse_target(request.target);
    if (!target) return answer_with(rest_error(400, "no such address"));
    if (target->path.starts_with("/_blob/")) return parts_->blobs.begin(request, *target, now_seconds());
    const bool is_twirp = target->path.starts_with(kTwirp);
    const std::optional<TokenClaims> claims = claims_of(request);
    if (!claims)
      return answer_with(
          is_twirp ? twirp_error("unauthenticated", "the token is missing, wrong or no longer valid")
                   : rest_error(401, "the token is missing, wrong or no longer valid"));
    const std::string base = "http://" + host;
    if (is_twirp) return twirp(request, target->path.substr(kTwirp.size()), *claims, base);
    if (target->path.starts_with(kCacheV1))
      return begin_cache_v1(parts_->caches, parts_->blobs, target->path.substr(kCacheV1.size()), request,
                            *target, *claims, base);
    if (Exchange legacy = parts_->legacy.begin(request, *target, base)) return legacy;
    return answer_with(rest_error(404, "no such address"));
  }

  [[nodiscard]] bool is_own_name(std::string_view host) const {
    const std::size_t colon = host.rfind(':');
    const std::string_view name = host.substr(0, colon);
    if (name != "127.0.0.1" && name != "localhost") return false;
    return colon != std::string_view::npos && host.substr(colon + 1) == std::to_string(port_.load());
  }

  std::optional<TokenClaims> claims_of(const ServerRequest& request) {
    const std::string_view header = request.header("authorization");
    const std::size_t blank = header.find(' ');
    if (blank == std::string_view::npos || to_lower(header.substr(0, blank)) != "bearer") return std::nullopt;
    const std::string_view token = header.substr(blank + 1);
    if (now_seconds() >= expires_) return std::nullopt;
    const std::lock_guard guard(mutex_);
    for (const Job& job : jobs_)
      if (equals_in_constant_time(job.token, token)) return job.claims;
    return std::nullopt;
  }

  /// "<Service>/<Method>", JSON or protobuf.
  Exchange twirp(const ServerRequest& request, const std::string& path, const TokenClaims& claims,
                 std::string base) {
    const std::size_t slash = path.find('/');
    const std::string service = path.substr(0, slash);
    const std::string method = slash == std::string::npos ? std::string() : path.substr(slash + 1);
    const bool is_cache = service == "CacheService";
    if (request.method != "POST" || (!is_cache && service != "ArtifactService"))
      return answer_with(twirp_error("bad_route", "no such service"));
    const bool is_protobuf = request.header("content-type").starts_with("application/protobuf");
    return take_text(
        kBodyBytes, twirp_error("malformed", "the body is too large"),
        [this, is_cache, is_protobuf, method, claims, base = std::move(base)](const std::string& body) {
          std::optional<RequestFields> fields;
          if (!is_protobuf)
            fields = parse_fields(body);
          else if (std::optional<Value> read = is_cache ? request_from_protobuf(method, body) : std::nullopt)
            fields = RequestFields(std::move(*read));
          if (!fields) return twirp_error("malformed", "the body cannot be read");
          ServerAnswer answer =
              is_cache ? call_cache_service(parts_->caches, parts_->blobs, method, *fields, claims, base)
                       : parts_->artifacts.call(method, *fields, claims, base);
          if (!is_protobuf || answer.status != 200) return answer;  // errors are JSON always
          const Result<Value> value = parse_json(answer.body);
          answer.body = value ? answer_to_protobuf(method, *value) : std::string();
          answer.headers = {{"Content-Type", "application/protobuf"}};
          return answer;
        });
  }

  const ServiceOptions options_;
  const std::int64_t expires_;
  ArtifactDirectory directory_;
  std::mutex mutex_;  // of jobs_, and of parts_ until there are any
  std::vector<Job> jobs_;
  std::unique_ptr<Parts> parts_;        // since the first client
  std::atomic<int> port_{0};            // nobody has been told of it before it is set
  std::unique_ptr<HttpServer> server_;  // the last member: its threads end before what they work on goes
};

}  // namespace

Result<std::unique_ptr<ActionService>> make_action_service(ServiceOptions options) {
  auto service = std::make_unique<LocalService>(std::move(options));
  if (Result<void> listening = service->listen(); !listening) return std::move(listening.error());
  return std::unique_ptr<ActionService>(std::move(service));
}

}  // namespace buildspec_run
