#include "actions/service/service.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>

#include "actions/service/caches.h"
#include "actions/service/legacy_artifacts.h"
#include "actions/service/protobuf.h"
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

class LocalService final : public ActionService, private ServerHandler {
 public:
  LocalService(ServiceOptions options, std::unique_ptr<TokenSigner> signer, Path caches)
      : modules_(options.modules),
        run_(options.run),
        signer_(std::move(signer)),
        expires_(now_seconds() + kTokenSeconds),
        blobs_(*signer_, expires_),
        directory_(std::move(options.artifacts)),
        artifacts_(directory_, blobs_, modules_, run_),
        legacy_(directory_),
        caches_(std::move(caches), std::move(options.repository), blobs_, options.limits) {}

  LocalService(const LocalService&) = delete;
  LocalService& operator=(const LocalService&) = delete;
  ~LocalService() override { blobs_.abandon_uploads(); }

  Result<void> listen() {
    Result<std::unique_ptr<HttpServer>> server = make_http_server(modules_, *this);
    if (!server) return std::move(server.error());
    server_ = std::move(*server);
    port_ = server_->port();
    return {};
  }

  std::string begin_job(std::string_view job, std::vector<CacheScope> scopes) override {
    constexpr std::int64_t kSkew = 60;
    const std::lock_guard guard(mutex_);
    jobs_.emplace(job);
    return signer_->sign({run_, std::string(job), std::move(scopes), now_seconds() - kSkew, expires_});
  }

  void end_job(std::string_view job) override {
    {
      const std::lock_guard guard(mutex_);
      jobs_.erase(std::string(job));
    }
    artifacts_.end_job(job);
    caches_.end_job(job);
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

 private:
  std::unique_ptr<ServerExchange> begin(const ServerRequest& request) override {
    const std::string host = to_lower(request.header("host"));
    // A page that has had a name of its own lead here, and anything else in a browser, is no client of ours.
    if (request.headers.contains("origin")) return answer_with(rest_error(403, "not for browsers"));
    if (!is_own_name(host)) return answer_with(rest_error(421, "this server has another name"));
    const std::optional<RequestTarget> target = parse_target(request.target);
    if (!target) return answer_with(rest_error(400, "no such address"));
    if (target->path.starts_with("/_blob/")) return blobs_.begin(request, *target, now_seconds());
    const bool is_twirp = target->path.starts_with(kTwirp);
    const std::optional<TokenClaims> claims = claims_of(request);
    if (!claims)
      return answer_with(
          is_twirp ? twirp_error("unauthenticated", "the token is missing, wrong or no longer valid")
                   : rest_error(401, "the token is missing, wrong or no longer valid"));
    const std::string base = "http://" + host;
    if (is_twirp) return twirp(request, target->path.substr(kTwirp.size()), *claims, base);
    if (target->path.starts_with(kCacheV1))
      return begin_cache_v1(caches_, blobs_, target->path.substr(kCacheV1.size()), request, *target, *claims,
                            base);
    if (Exchange legacy = legacy_.begin(request, *target, base)) return legacy;
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
    std::optional<TokenClaims> claims = signer_->verify(header.substr(blank + 1), now_seconds());
    const std::lock_guard guard(mutex_);
    if (!claims || claims->run != run_ || !jobs_.contains(claims->job)) return std::nullopt;
    return claims;
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
          ServerAnswer answer = is_cache ? call_cache_service(caches_, blobs_, method, *fields, claims, base)
                                         : artifacts_.call(method, *fields, claims, base);
          if (!is_protobuf || answer.status != 200) return answer;  // errors are JSON always
          const Result<Value> value = parse_json(answer.body);
          answer.body = value ? answer_to_protobuf(method, *value) : std::string();
          answer.headers = {{"Content-Type", "application/protobuf"}};
          return answer;
        });
  }

  const Path modules_;
  const std::string run_;
  const std::unique_ptr<TokenSigner> signer_;
  const std::int64_t expires_;
  BlobTable blobs_;
  ArtifactDirectory directory_;
  ArtifactService artifacts_;
  LegacyArtifacts legacy_;
  CacheDirectory caches_;
  std::mutex mutex_;  // of jobs_
  std::set<std::string> jobs_;
  std::atomic<int> port_{0};            // nobody has been told of it before it is set
  std::unique_ptr<HttpServer> server_;  // the last member: its threads end before what they work on goes
};

}  // namespace

Result<std::unique_ptr<ActionService>> make_action_service(ServiceOptions options) {
  Result<std::unique_ptr<TokenSigner>> signer = TokenSigner::make(options.modules);
  if (!signer) return std::move(signer.error());
  Result<Path> caches = cache_path(options.modules, options.caches, options.repository);
  if (!caches) return std::move(caches.error());
  auto service = std::make_unique<LocalService>(std::move(options), std::move(*signer), std::move(*caches));
  if (Result<void> listening = service->listen(); !listening) return std::move(listening.error());
  return std::unique_ptr<ActionService>(std::move(service));
}

void preload_action_service(const Path& modules) {
  [[maybe_unused]] const Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules);
  preload_http_server(modules);
}

}  // namespace buildspec_run
