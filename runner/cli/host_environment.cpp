#include "runner/cli/host_environment.h"

#include <algorithm>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kInherited[] = {
    // Who and where
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    // Locale and terminal
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    // Proxies and certificates
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "ftp_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "GIT_SSH_COMMAND",
    // The ssh agent, container engines
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "DOCKER_*",
    "BUILDKIT_*",
    "CONTAINER_HOST",
    "CONTAINERS_CONF",
    "CONTAINERS_REGISTRIES_CONF",
    "CONTAINERS_STORAGE_CONF",
    "REGISTRY_AUTH_FILE",
    // The Region; credentials do not pass unasked
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    // Homes of languages and their tools
    "JAVA_HOME",
    "JAVA_*_HOME",
    "JDK_HOME",
    "JRE_HOME",
    "M2_HOME",
    "MAVEN_HOME",
    "GRADLE_HOME",
    "GRADLE_USER_HOME",
    "SBT_HOME",
    "SCALA_HOME",
    "KOTLIN_HOME",
    "ANDROID_HOME",
    "ANDROID_SDK_ROOT",
    "ANDROID_NDK_HOME",
    "GOROOT",
    "GOPATH",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOPRIVATE",
    "GOTOOLCHAIN",
    "GOMODCACHE",
    "GOCACHE",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "NVM_DIR",
    "NVM_BIN",
    "FNM_DIR",
    "VOLTA_HOME",
    "N_PREFIX",
    "NPM_CONFIG_*",
    "npm_config_*",
    "PNPM_HOME",
    "BUN_INSTALL",
    "DENO_DIR",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "POETRY_HOME",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_CONFIG_FILE",
    "PIP_CACHE_DIR",
    "UV_INDEX_URL",
    "UV_CACHE_DIR",
    "RBENV_ROOT",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_PATH",
    "PHPENV_ROOT",
    "COMPOSER_HOME",
    "DOTNET_ROOT",
    "DOTNET_CLI_HOME",
    "NUGET_PACKAGES",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "SDKMAN_DIR",
    "CCACHE_DIR",
    "VCPKG_ROOT",
    "CONAN_HOME",
    "NIX_PATH",
    "NIX_PROFILES",
    "HOMEBREW_PREFIX",
};

}  // namespace

std::span<const std::string_view> inherited_names() { return kInherited; }

bool matches_name(std::string_view pattern, std::string_view name) {
  // The classic walk with one point of return: linear in practice, quadratic at worst, never exponential.
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::map<std::string, std::string> inherited_environment(const std::map<std::string, std::string>& host,
                                                         const std::vector<std::string>& more) {
  std::map<std::string, std::string> passed;
  for (const auto& [name, value] : host) {
    if (!is_variable_name(name)) continue;
    const auto matches = [&name = name](std::string_view pattern) { return matches_name(pattern, name); };
    if (std::any_of(std::begin(kInherited), std::end(kInherited), matches) ||
        std::any_of(more.begin(), more.end(), matches))
      passed.emplace(name, value);
  }
  return passed;
}

}  // namespace buildspec_run
