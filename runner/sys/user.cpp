#include "runner/sys/user.h"

#include <fmt/core.h>
#include <pwd.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace buildspec_run {
namespace {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::string home, name;
};

/// `look_up` is getpwnam_r or getpwuid_r with its key bound.
template <class LookUp>
std::optional<Account> find_account(LookUp look_up) {
  std::vector<char> buffer(4096);
  passwd entry = {};
  passwd* found = nullptr;
  while (true) {
    const int error = look_up(&entry, buffer.data(), buffer.size(), &found);
    if (error == EINTR) continue;
    if (error == ERANGE && buffer.size() < (1u << 20)) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (error != 0 || found == nullptr) return std::nullopt;
    return Account{found->pw_uid, found->pw_gid, found->pw_dir != nullptr ? found->pw_dir : "",
                   found->pw_name != nullptr ? found->pw_name : ""};
  }
}

std::optional<Account> account_named(const std::string& name) {
  return find_account([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
  });
}

}  // namespace

bool may_switch_user() noexcept { return ::geteuid() == 0; }

bool user_exists(const std::string& name) { return account_named(name).has_value(); }

bool is_caller(const std::string& name) {
  const std::optional<Account> account = account_named(name);
  return account && account->user == ::geteuid();
}

Result<void> give_to_user(const Path& path, const std::string& name) {
  const std::optional<Account> account = account_named(name);
  if (!account)
    return Error{fmt::format("unknown user {}", name), std::error_code(ENOENT, std::system_category())};
  if (::lchown(path.c_str(), account->user, account->group) != 0)
    return system_error(fmt::format("give {} to {}", path.native(), name), errno);
  return {};
}

namespace {

std::optional<Account> account_of_caller() {
  return find_account([](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwuid_r(::getuid(), entry, buffer, size, found);
  });
}

}  // namespace

std::string home_of_caller() {
  const std::optional<Account> account = account_of_caller();
  return account ? account->home : std::string();
}

std::string name_of_caller() {
  const std::optional<Account> account = account_of_caller();
  return account ? account->name : std::string();
}

}  // namespace buildspec_run
