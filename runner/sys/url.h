// Whom a URL leads to, read as those read it who go there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace buildspec_run {

/// Views the URL.
struct UrlAuthority {
  std::optional<std::string_view> user;  // a user, "user:password", a token; nullopt: there is no "@"
  std::string_view host;                 // as written, with the port
};

/// What stands between "://" and the path, or in scp's form, user@host:path, before the colon. As git and libcurl read it,
/// it ends at the first '/', '?' or '#', and the user's part at its last '@': a backslash ends nothing, and what a browser
/// would take for the host of "https://good\@evil" is a user.
[[nodiscard]] UrlAuthority authority_of(std::string_view url);

/// `url` without what may be secret in it: `https://user:token@host/x` becomes `https://host/x`. The user of
/// an ssh address (`git@host:x`, `ssh://git@host/x`) stays, its password does not.
[[nodiscard]] std::string without_credentials(std::string_view url);

/// What must never be shown of `url`: the password of "https://user:password@host/…", the token of
/// "https://token@host/…". Empty: there is nothing. Views the URL.
[[nodiscard]] std::string_view secret_of_url(std::string_view url);

/// `text` with *** in place of what must not be shown of the URLs in it, wherever they stand: the password of
/// "https://user:password@host" and "ssh://user:password@host", the token of "https://token@host".
[[nodiscard]] std::string with_hidden_credentials(std::string_view text);

}  // namespace buildspec_run
