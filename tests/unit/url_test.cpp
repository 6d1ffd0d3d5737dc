#include "runner/sys/url.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

TEST(Url, KnowsWhomItLeadsTo) {
  struct Case {
    std::string_view url, user, host;  // user "-": there is none
  };
  constexpr Case kCases[] = {
      {"https://host.example/x", "-", "host.example"},
      {"https://Host.example:8443?x@y", "-", "Host.example:8443"},
      {"https://user:pw@host.example#x", "user:pw", "host.example"},
      {"https://a@b@host.example/", "a@b", "host.example"},
      {"https://@host.example/", "", "host.example"},
      {"https://host.example/x@y", "-", "host.example"},
      {"https://good\\@evil.example/", "good\\", "evil.example"},  // as libcurl reads it
      {"ssh://git@[::1]:22/x", "git", "[::1]:22"},
      {"git@host.example:owner/repo.git", "git", "host.example"},
      {"host.example:owner/repo.git", "-", "host.example"},
      {"host.example", "-", "host.example"},
      {"https:///x", "-", ""},
      {"", "-", ""},
  };
  for (const auto& [url, user, host] : kCases) {
    const UrlAuthority found = authority_of(url);
    EXPECT_EQ(found.user.value_or("-"), user) << url;
    EXPECT_EQ(found.host, host) << url;
  }
}

}  // namespace
}  // namespace buildspec_run
