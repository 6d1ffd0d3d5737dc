#include "runner/sys/url.h"

namespace buildspec_run {

UrlAuthority authority_of(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  const bool has_scheme = scheme_end != std::string_view::npos;
  const std::size_t begin = has_scheme ? scheme_end + 3 : 0;
  std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  UrlAuthority found;
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    found.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  found.host = has_scheme ? authority : authority.substr(0, authority.find(':'));
  return found;
}

std::string without_credentials(std::string_view url) {
  const std::optional<std::string_view> user = authority_of(url).user;
  if (!user) return std::string(url);
  const std::size_t scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  const auto begin = static_cast<std::size_t>(user->data() - url.data());
  // Without a scheme it is scp's form, user@host:path, for ssh.
  const bool ssh = scheme.empty() || scheme.find("ssh") != std::string_view::npos;
  std::string clean(url.substr(0, begin));
  if (ssh) {
    const std::string_view name = user->substr(0, user->find(':'));
    if (!name.empty()) clean.append(name).append("@");
  }
  return clean.append(url.substr(begin + user->size() + 1));
}

std::string_view secret_of_url(std::string_view url) {
  const std::optional<std::string_view> user = authority_of(url).user;
  if (!user || url.find("://") == std::string_view::npos || url.starts_with("ssh")) return {};
  // Behind the colon, or all of it: substr(npos + 1) is substr(0).
  return user->substr(user->find(':') + 1);
}

std::string with_hidden_credentials(std::string_view text) {
  constexpr std::string_view kOfScheme = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
  std::string shown;
  std::size_t done = 0;
  for (std::size_t at = 0; (at = text.find("://", at)) != std::string_view::npos;) {
    const std::size_t before = text.substr(0, at).find_last_not_of(kOfScheme);
    const bool ssh = text.substr(before + 1, at - before - 1).find("ssh") != std::string_view::npos;
    const std::size_t begin = at += 3;
    const std::string_view authority = text.substr(begin, text.find_first_of("/?#\n", begin) - begin);
    const std::size_t end = authority.rfind('@');
    if (end == std::string_view::npos) continue;
    const std::size_t colon = authority.substr(0, end).find(':');
    if ((ssh && colon == std::string_view::npos) || end == 0) continue;
    const std::size_t secret = begin + (colon == std::string_view::npos ? 0 : colon + 1);
    shown.append(text.substr(done, secret - done)).append("***");
    done = at = begin + end;
  }
  return shown.append(text.substr(done));
}

}  // namespace buildspec_run
