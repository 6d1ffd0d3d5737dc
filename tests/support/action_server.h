// A server with GitHub's API for actions, on loopback: commits, tarballs that redirect to a codeload host, and failures on
// demand. Its repositories are real ones.
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/git_repository.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run::test {

/// It is reached as a proxy is, so that its hosts have names: set `http_proxy` to `proxy()`, and --github-url to
/// "http://github.test". Its API is below /api/v3, as a GitHub Enterprise Server's.
class ActionServer {
 public:
  ActionServer() : server_([this](const HttpServerRequest& request) { return answer(request); }) {}

  [[nodiscard]] std::string proxy() const { return server_.url(); }
  [[nodiscard]] static std::string github_url() { return "http://github.test"; }

  /// A new repository "owner/repo", empty; its work tree.
  GitRepository& add(const std::string& name) {
    const std::lock_guard guard(mutex_);
    return repositories_.try_emplace(name, files_ / name).first->second;
  }
  /// One of "owner/repo" with this action.yml, committed and tagged; its commit.
  std::string add(const std::string& name, const std::string& action_yml, const std::string& tag) {
    GitRepository& repository = add(name);
    repository.write("action.yml", action_yml);
    repository.write("dist/index.js", "console.log('" + name + "')\n");
    const std::string commit = repository.commit();
    repository.git({"tag", "-f", tag});
    return commit;
  }
  [[nodiscard]] std::filesystem::path root() const { return files_.path(); }

  /// The next requests whose target contains `part` are answered like this, once each.
  void answer_next(const std::string& part, HttpServerAnswer answer) {
    const std::lock_guard guard(mutex_);
    canned_.emplace_back(part, std::move(answer));
  }
  /// From now on nobody is answered without this token.
  void require_token(const std::string& token) {
    const std::lock_guard guard(mutex_);
    token_ = token;
  }

  /// "GET http://host/path" of each request so far, with " (auth)" when it had credentials.
  [[nodiscard]] std::vector<std::string> requests() const {
    std::vector<std::string> all;
    for (const HttpServerRequest& request : server_.requests())
      all.push_back(request.method + " " + request.target +
                    (request.header("authorization").empty() ? "" : " (auth)"));
    return all;
  }
  void forget_requests() { server_.forget_requests(); }

 private:
  GitRepository* find(const std::string& name) {
    const std::lock_guard guard(mutex_);
    const auto found = repositories_.find(name);
    return found == repositories_.end() ? nullptr : &found->second;
  }

  HttpServerAnswer answer(const HttpServerRequest& request) {
    {
      const std::lock_guard guard(mutex_);
      for (auto at = canned_.begin(); at != canned_.end(); ++at)
        if (request.target.find(at->first) != std::string::npos) {
          HttpServerAnswer canned = std::move(at->second);
          canned_.erase(at);
          return canned;
        }
      // "x-access-token:s3cret" in base64 is all a test needs.
      if (!token_.empty() && request.header("authorization") != token_)
        return {404, {}, R"({"message":"Not Found"})"};
    }
    const std::vector<std::string> parts = split(request.path);
    if (request.host == "codeload.github.test" && parts.size() == 4)
      return archive(parts[0] + "/" + parts[1], parts[3]);
    if (request.host != "github.test" || parts.size() < 7 || parts[2] != "repos") return {404};
    const std::string name = parts[3] + "/" + parts[4];
    GitRepository* found = find(name);
    if (found == nullptr) return {404, {}, R"({"message":"Not Found"})"};
    std::string rest = parts[6];
    for (std::size_t i = 7; i < parts.size(); ++i) rest += "/" + parts[i];
    if (parts[5] == "commits") {
      const Ran ran = found->run({"rev-parse", "--verify", "--quiet", rest + "^{commit}"});
      if (ran.exit != 0) return {422, {}, R"({"message":"No commit found for SHA: )" + rest + "\"}"};
      return {200, {}, ran.out.substr(0, 40)};
    }
    if (parts[5] != "tarball") return {404};
    return {302, {{"Location", "http://codeload.github.test/" + name + "/legacy.tar.gz/" + rest}}};
  }

  HttpServerAnswer archive(const std::string& name, const std::string& commit) {
    GitRepository* found = find(name);
    if (found == nullptr || found->run({"cat-file", "-e", commit}).exit != 0) return {404};
    std::string top = name + "-" + commit.substr(0, 7);
    std::replace(top.begin(), top.end(), '/', '-');
    return {200, {{"Content-Type", "application/x-gzip"}}, found->archive(commit, top)};
  }

  static std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> parts;
    for (std::size_t at = 1; at <= path.size();) {
      const std::size_t slash = std::min(path.find('/', at), path.size());
      parts.push_back(path.substr(at, slash - at));
      at = slash + 1;
    }
    return parts;
  }

  TemporaryDirectory files_;
  std::map<std::string, GitRepository> repositories_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, HttpServerAnswer>> canned_;
  std::string token_;
  HttpServer server_;  // the last member: it goes before what it answers from
};

}  // namespace buildspec_run::test
