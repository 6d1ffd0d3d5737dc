// libgit2 prepares itself for what few runs do: at its start it reads the machine's certificates (9 ms of its 9.5 ms) and
// starts libssh2. As this module comes before libgit2's libraries in the order in which libgit2's symbols are looked up,
// the functions at the end of this file take the place of those. They do nothing until something is fetched over https or
// ssh; from then on they call the real ones.

#include "runner/sys/git_start.h"

#include <dlfcn.h>
#include <git2.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

namespace buildspec_run {
namespace {

// The one state that is global here belongs to libgit2's own: whether its libraries are the real ones.
std::atomic<bool> network_wanted = false;

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

std::string last_git_error() {
  const git_error* error = git_error_last();
  return error != nullptr && error->message != nullptr ? error->message : "libgit2 does not say why";
}

bool start_libgit2() {
  static const bool started = [] {
    if (git_libgit2_init() <= 0) return false;
    for (const int level : {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                            GIT_CONFIG_LEVEL_GLOBAL})
      git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    return true;
  }();
  return started;
}

std::string prepare_https(const std::string& file, const std::string& directory) {
  static std::mutex once;
  static std::optional<std::pair<std::string, std::string>> prepared;
  const std::lock_guard guard(once);
  if (prepared == std::pair(file, directory)) return {};
  std::string from = file;
  if (from.empty() && directory.empty())
    for (const char* usual : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                              "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"})
      if (::access(usual, R_OK) == 0) {
        from = usual;
        break;
      }
  if (from.empty() && directory.empty()) return "no file with trusted certificates is where systems keep it";
  network_wanted = true;
  if (git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, from.empty() ? nullptr : from.c_str(),
                       directory.empty() ? nullptr : directory.c_str()) < 0)
    return "read the trusted certificates: " + last_git_error();
  prepared.emplace(file, directory);
  return {};
}

std::string prepare_ssh(const std::string& home) {
  static const std::string failed = [&]() -> std::string {
    network_wanted = true;
    auto* start = real<int(int)>("libssh2_init");
    if (start == nullptr || start(0) != 0) return "libssh2 does not start";
    // libgit2 looks for .ssh/known_hosts where it would look for .gitconfig.
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_GLOBAL, home.c_str());
    return {};
  }();
  return failed;
}

}  // namespace buildspec_run

// In the place of libmbedtls's and libssh2's: see above. What is asked for is "done", so libgit2 goes on.
extern "C" {
__attribute__((visibility("default"))) int mbedtls_x509_crt_parse_file(void* chain, const char* file) {
  if (!buildspec_run::network_wanted) return 0;
  auto* parse = buildspec_run::real<int(void*, const char*)>("mbedtls_x509_crt_parse_file");
  return parse == nullptr ? -1 : parse(chain, file);
}
__attribute__((visibility("default"))) int mbedtls_x509_crt_parse_path(void* chain, const char* directory) {
  if (!buildspec_run::network_wanted) return 0;
  auto* parse = buildspec_run::real<int(void*, const char*)>("mbedtls_x509_crt_parse_path");
  return parse == nullptr ? -1 : parse(chain, directory);
}
__attribute__((visibility("default"))) int libssh2_init(int flags) {
  if (!buildspec_run::network_wanted) return 0;
  auto* start = buildspec_run::real<int(int)>("libssh2_init");
  return start == nullptr ? -1 : start(flags);
}
}
