#include <fmt/format.h>
#include <sys/stat.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "actions/store/action_source.h"
#include "actions/store/remote_name.h"
#include "runner/archive/unpack.h"
#include "runner/base/encoding.h"
#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/sys/digest.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kArchiveBytes = std::uint64_t{2} << 30;

Error canceled() { return Error{"stopped", std::make_error_code(std::errc::operation_canceled)}; }

/// What the server says in words: the "message" of its JSON.
std::string words_of(const HttpResponse& response) {
  const Result<Value> body = parse_json(response.error_body);
  const Value* message = body ? body->find("message") : nullptr;
  const std::string text =
      message != nullptr && message->string() != nullptr ? ": " + *message->string() : "";
  return fmt::format("the server answered {}{}", response.status, text);
}

std::string request_id(const HttpResponse& response) {
  const auto found = response.headers.find("x-github-request-id");
  return found == response.headers.end() ? "" : found->second;
}

/// "a b", without a blank when there is no b.
std::string joined(std::string text, const std::string& more) {
  return more.empty() ? text : text + " " + more;
}

/// "https://api.github.com" for github.com, "<server>/api/v3" for others (GitHub Enterprise Server).
std::string api_of(const std::string& server) {
  return origin_of(server) == "https://github.com" ? "https://api.github.com" : server + "/api/v3";
}

/// Where archives are served from: a host of its own.
std::string codeload_of(const std::string& server) {
  std::string origin = origin_of(server);
  const std::size_t host = origin.find("://");
  return host == std::string::npos ? origin : origin.insert(host + 3, "codeload.");
}

class ArchiveSource : public ActionSource {
 public:
  ArchiveSource(Path modules, std::string server, std::string token, std::string archive_cache,
                HttpSettings settings, RetryPolicy policy, TreeLimits limits)
      : modules_(std::move(modules)),
        server_(std::move(server)),
        token_(std::move(token)),
        archive_cache_(std::move(archive_cache)),
        settings_(std::move(settings)),
        policy_(policy),
        limits_(limits) {
    while (server_.ends_with('/')) server_.pop_back();
  }

  Result<std::string> resolve(const WantedRepository& wanted, const Tell& tell,
                              std::stop_token stop) override {
    for (int attempt = 1;; ++attempt) {
      std::string commit;
      HttpRequest request =
          request_for(repository_url(wanted) + "/commits/" + percent_encoded(wanted.ref, "/"));
      request.headers.emplace_back("Accept: application/vnd.github.sha");
      request.timeout = policy_.resolve_timeout;
      Result<HttpResponse> response = get(
          std::move(request), [&commit](std::string_view bytes) { return commit += bytes, Result<void>(); },
          stop);
      if (stop.stop_requested()) return canceled();
      bool again = true;
      Error why{"", std::make_error_code(std::errc::io_error)};
      if (response) {
        while (!commit.empty() && (commit.back() == '\n' || commit.back() == '\r')) commit.pop_back();
        const int status = response->status;
        if (status == 200 && is_full_commit(commit)) return checked(wanted, to_lower(commit));
        if (status == 404) return no_repository(wanted);
        if (status == 422 || status == 409) return no_version(wanted);  // 409: an empty repository
        why.message = status == 200 ? "the server answered with no commit" : words_of(*response);
        // A limit of requests lasts longer than we would wait.
        again = status >= 500 || status == 429 || status == 408;
        if ((status == 403 || status == 429) && token_.empty()) why.message += " (GITHUB_TOKEN is not set)";
      } else {
        why = std::move(response.error());
      }
      if (!again || attempt >= policy_.attempts)
        return Error{why.message + "\nFailed to resolve action download info.", why.code};
      tell({StoreEvent::Kind::line, wanted.key(),
            fmt::format("Failed to resolve action download info. Error: {}", why.message)});
      if (!back_off(
              policy_,
              [&](long seconds) {
                tell({StoreEvent::Kind::line, wanted.key(), fmt::format("Retrying in {} seconds", seconds)});
              },
              stop))
        return canceled();
    }
  }

  Result<TreeSummary> fill(const WantedRepository& wanted, const std::string& commit, const Path& partial,
                           const Path& files, const Tell& tell, std::stop_token stop) override {
    std::optional<Path> archive = cached_archive(wanted, commit);
    if (!archive) {
      archive = partial / (commit + ".tar.gz");
      if (Result<void> done = download(wanted, commit, *archive, tell, stop); !done)
        return std::move(done.error());
    }
    Result<TreeSummary> tree = unpack(modules_, *archive, files, limits_, stop);
    if (tree) return tree;
    if (stop.stop_requested()) return canceled();
    const std::string& why = tree.error().message;
    if (why.starts_with("'")) return std::move(tree.error());  // "'<file>' contains '<n>' directories"
    std::string sum;
    if (Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules_))
      if (const Result<Sha256Digest> digest = sha256_of_file(**sha256, *archive)) sum = to_hex(*digest);
    struct stat status;
    const long long size =
        ::stat(archive->c_str(), &status) == 0 ? static_cast<long long>(status.st_size) : 0;
    return Error{
        fmt::format(
            "Can't use 'tar -xzf' extract archive file: {} (SHA256 '{}', size '{}' bytes, tar outputs "
            "'{}'). Action being checked out: {}. return code: 2.",
            archive->native(), sum, size, why, wanted.key()),
        tree.error().code};
  }

  std::string address(const WantedRepository& wanted, const std::string& commit) const override {
    return repository_url(wanted) + "/tarball/" + commit;
  }

 private:
  [[nodiscard]] std::string repository_url(const WantedRepository& wanted) const {
    return fmt::format("{}/repos/{}/{}", api_of(server_), wanted.owner, wanted.repository);
  }

  [[nodiscard]] HttpRequest request_for(std::string url) const {
    HttpRequest request;
    request.url = std::move(url);
    request.authorized_origins = {codeload_of(server_), origin_of(server_)};
    return request;
  }

  Result<Http*> http() {
    const std::lock_guard guard(mutex_);
    if (!http_) {
      Result<std::unique_ptr<Http>> made = make_http(modules_, settings_);
      if (!made) return std::move(made.error());
      http_ = std::move(*made);
    }
    return http_.get();
  }

  /// Anonymous first, then with the token.
  Result<HttpResponse> get(HttpRequest request, const Http::OnBody& on_body, const std::stop_token& stop) {
    Result<Http*> client = http();
    if (!client) return std::move(client.error());
    Result<HttpResponse> response = (*client)->get(request, on_body, stop);
    if (!response || token_.empty()) return response;
    const int status = response->status;
    if (status != 401 && status != 403 && status != 404 && status != 429) return response;
    request.authorization = "Basic " + basic_credential(token_);
    return (*client)->get(request, on_body, stop);
  }

  [[nodiscard]] Error no_repository(const WantedRepository& wanted) const {
    return Error{fmt::format("Unable to resolve action '{}', repository not found{}", wanted.action,
                             token_.empty() ? " (a private one needs GITHUB_TOKEN)" : "")};
  }
  static Error no_version(const WantedRepository& wanted) {
    return Error{
        fmt::format("Unable to resolve action '{}', unable to find version '{}'", wanted.key(), wanted.ref)};
  }
  /// The commit, unless the ref was only the beginning of its id.
  static Result<std::string> checked(const WantedRepository& wanted, std::string commit) {
    if (is_short_commit(wanted.ref) && commit.starts_with(to_lower(wanted.ref)))
      return Error{
          fmt::format("Unable to resolve action '{}', the provided ref '{}' is the shortened version of a "
                      "commit SHA, which is not supported. Please use the full commit SHA '{}' instead.",
                      wanted.key(), wanted.ref, commit)};
    return commit;
  }

  /// The runner's own cache of archives (actions.md 1.6).
  [[nodiscard]] std::optional<Path> cached_archive(const WantedRepository& wanted,
                                                   const std::string& commit) const {
    if (archive_cache_.empty()) return std::nullopt;
    const Path directory = Path(archive_cache_) / fmt::format("{}_{}", wanted.owner, wanted.repository);
    for (const char* ending : {".tar.gz", ".zip"}) {
      Path archive = directory / (commit + ending);
      std::error_code failed;
      if (std::filesystem::is_regular_file(archive, failed)) return archive;
    }
    return std::nullopt;
  }

  Result<void> download(const WantedRepository& wanted, const std::string& commit, const Path& to,
                        const Tell& tell, const std::stop_token& stop) {
    const std::string url = address(wanted, commit);
    const auto finally = [&](const std::string& why, int attempts, std::error_code code) {
      return Error{fmt::format("{}. Failed to download archive '{}' after {} attempts.", why, url, attempts),
                   code};
    };
    const auto warn = [&](std::string text) {
      tell({StoreEvent::Kind::warning, wanted.key(), std::move(text)});
    };
    for (int attempt = 1;; ++attempt) {
      std::optional<Error> local;  // what was in the way on this machine, which no second attempt mends
      Result<HttpResponse> response = download_once(wanted, url, to, tell, local, stop);
      if (stop.stop_requested()) return canceled();
      if (local) return std::move(*local);
      if (response && response->status == 200) return {};
      const std::string id = response ? request_id(*response) : "";
      if (response && response->status == 404)
        return finally(fmt::format("An action could not be found at the URI '{}' ({})", url, id), attempt,
                       {});
      if (response && response->status == 403)
        return Error{fmt::format("Access denied to '{}' ({})", url, id),
                     std::make_error_code(std::errc::permission_denied)};
      const bool timed_out = !response && response.error().code == std::errc::timed_out;
      const std::string why = response ? words_of(*response) : response.error().message;
      if (attempt >= policy_.attempts)
        return finally(
            timed_out ? joined(fmt::format("Action '{}' download has timed out. Error: {}", url, why), id)
                      : why,
            attempt, std::make_error_code(timed_out ? std::errc::timed_out : std::errc::io_error));
      if (timed_out)
        warn(fmt::format("Action '{}' didn't finish download within {} seconds.", url,
                         std::chrono::duration_cast<std::chrono::seconds>(policy_.download_timeout).count()));
      else
        warn(joined(fmt::format("Failed to download action '{}'. Error: {}", url, why), id));
      if (!back_off(
              policy_, [&](long seconds) { warn(fmt::format("Back off {} seconds before retry.", seconds)); },
              stop))
        return canceled();
    }
  }

  Result<HttpResponse> download_once(const WantedRepository& wanted, const std::string& url, const Path& to,
                                     const Tell& tell, std::optional<Error>& local,
                                     const std::stop_token& stop) {
    Result<AppendFile> file = AppendFile::open(to);
    if (file)
      if (Result<void> emptied = file->cut(0); !emptied) file = std::move(emptied.error());
    if (!file) {
      local = std::move(file.error());
      return Error{local->message};
    }
    HttpRequest request = request_for(url);
    request.timeout = policy_.download_timeout;
    request.limit_bytes = kArchiveBytes;
    std::uint64_t done = 0;
    return get(
        std::move(request),
        [&](std::string_view bytes) -> Result<void> {
          Result<void> written = file->write(bytes);
          if (!written) {
            local = written.error();
            return written;
          }
          done += bytes.size();
          tell({StoreEvent::Kind::progress, wanted.key(), "", done});
          return {};
        },
        stop);
  }

  const Path modules_;
  std::string server_;
  const std::string token_, archive_cache_;
  const HttpSettings settings_;
  const RetryPolicy policy_;
  const TreeLimits limits_;
  std::mutex mutex_;
  std::unique_ptr<Http> http_;
};

}  // namespace

std::unique_ptr<ActionSource> make_archive_source(Path modules, std::string server_url, std::string token,
                                                  std::string archive_cache, HttpSettings settings,
                                                  RetryPolicy policy, TreeLimits limits) {
  return std::make_unique<ArchiveSource>(std::move(modules), std::move(server_url), std::move(token),
                                         std::move(archive_cache), std::move(settings), policy, limits);
}

bool back_off(const RetryPolicy& policy, const std::function<void(long seconds)>& say,
              const std::stop_token& stop) {
  std::random_device random;
  std::uniform_int_distribution<std::int64_t> between(policy.wait_least.count(), policy.wait_most.count());
  const std::chrono::milliseconds wait(between(random));
  say(std::chrono::duration_cast<std::chrono::seconds>(wait).count());
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any over;
  over.wait_for(lock, stop, wait, [] { return false; });
  return !stop.stop_requested();
}

std::string basic_credential(std::string_view token) {
  return to_base64(fmt::format("x-access-token:{}", token));
}

}  // namespace buildspec_run
