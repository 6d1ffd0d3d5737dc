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

TEST(Url, HidesCredentialsWhereverTheyStand) {
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"", ""},
      {"://", "://"},
      {"https://host/x@y", "https://host/x@y"},
      {"https://user:pw@host/x", "https://user:***@host/x"},
      {"https://t0ken@host", "https://***@host"},
      {"https://@host", "https://@host"},
      {"https://user:@host", "https://user:***@host"},
      {"lib=https://u:p@q@host/x#v1", "lib=https://u:***@host/x#v1"},
      {"ssh://git@host/x", "ssh://git@host/x"},
      {"git+ssh://git:pw@host/x", "git+ssh://git:***@host/x"},
      {"git@host:x", "git@host:x"},
      {"\"a/*=http://t@h/{repo}\" and http://u:p@h2: refused",
       "\"a/*=http://***@h/{repo}\" and http://u:***@h2: refused"},
      {"no http://h\nmail me@host", "no http://h\nmail me@host"},
  };
  for (const auto& [text, shown] : kCases) EXPECT_EQ(with_hidden_credentials(text), shown);
}

}  // namespace
}  // namespace buildspec_run
