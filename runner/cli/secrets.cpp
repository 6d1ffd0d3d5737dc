#include "runner/cli/secrets.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "runner/base/text.h"
#include "runner/cli/env_file.h"
#include "runner/cli/input.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{16} << 20;

std::variant<std::string, Refused> read_text(const Invocation& invocation, std::string_view option,
                                             const std::string& name) {
  Result<std::string> text =
      name == "-" ? read_descriptor(invocation.in)
                  : read_named_file(absolute_path(name, invocation.working_directory), kLargestFile);
  if (text) return std::move(*text);
  return Refused{ExitCode::invalid, fmt::format("{} {}: {}", option, name, text.error().message)};
}

std::variant<Variables, Refused> read_env_files(const Invocation& invocation, std::string_view option,
                                                EnvFileNames names,
                                                std::vector<std::unique_ptr<SourceText>>& sources,
                                                Diagnostics& found) {
  Variables variables;
  for (const std::string& name : invocation.arguments.values(option)) {
    auto text = read_text(invocation, option, name);
    if (Refused* refused = std::get_if<Refused>(&text)) return std::move(*refused);
    sources.push_back(
        std::make_unique<SourceText>(name == "-" ? "<stdin>" : name, std::move(std::get<std::string>(text))));
    for (auto& [key, value] : parse_env_file(*sources.back(), names, found)) variables[key] = value;
  }
  return variables;
}

Refused bad_name(std::string_view option, std::string_view name) {
  return {ExitCode::invalid,
          fmt::format("{} \"{}\": not a variable name; letters, digits and _ are, not beginning with a digit",
                      option, name)};
}

/// Puts the terminal back, also when we are left early.
class QuietTerminal {
 public:
  explicit QuietTerminal(int fd) : fd_(fd) {
    ::tcgetattr(fd_, &before_);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  ~QuietTerminal() { ::tcsetattr(fd_, TCSAFLUSH, &before_); }

 private:
  int fd_;
  termios before_{};
};

/// Holds back the signals that would end us with the terminal still quiet, until it is whole again.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : {SIGTERM, SIGHUP, SIGTSTP}) sigaddset(&held, signal);
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] static bool should_end() {
    sigset_t waiting;
    return sigpending(&waiting) == 0 &&
           (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGHUP) == 1);
  }

 private:
  sigset_t before_{};
};

}  // namespace

Result<std::string> ask_secret(std::string_view prompt) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return system_error("no terminal to ask on", errno);
  const HeldSignals held;
  std::string secret;
  int failed = 0;
  {
    const QuietTerminal quiet(terminal);
    if (::write(terminal, prompt.data(), prompt.size()) < 0) failed = errno;
    while (failed == 0) {
      pollfd waiting{terminal, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, 100);
      if (HeldSignals::should_end()) failed = ECANCELED;
      if (ready <= 0) continue;
      char c = 0;
      const ssize_t got = ::read(terminal, &c, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || c == 3 || c == 4)
        failed = ECANCELED;  // Ctrl-C, Ctrl-D
      else if (c == '\n' || c == '\r')
        break;
      else if (c == 21)
        secret.clear();               // Ctrl-U
      else if (c == 127 || c == 8) {  // erase: a whole character
        while (!secret.empty() && (static_cast<unsigned char>(secret.back()) & 0xC0) == 0x80)
          secret.pop_back();
        if (!secret.empty()) secret.pop_back();
      } else
        secret += c;
    }
  }
  if (::write(terminal, "\n", 1) < 0) failed = failed == 0 ? errno : failed;
  ::close(terminal);
  if (failed != 0) return system_error("ask for a secret", failed);
  return secret;
}

std::variant<Variables, Refused> read_variables(const Invocation& invocation, std::string_view option,
                                                std::string_view file_option,
                                                std::vector<std::unique_ptr<SourceText>>& sources,
                                                Diagnostics& found) {
  auto files = read_env_files(invocation, file_option, EnvFileNames::variables, sources, found);
  if (Refused* refused = std::get_if<Refused>(&files)) return std::move(*refused);
  Variables variables = std::move(std::get<Variables>(files));
  for (const std::string& given : invocation.arguments.values(option)) {
    const std::size_t equals = given.find('=');
    const std::string name = given.substr(0, equals);
    if (!is_variable_name(name)) return bad_name(option, name);
    if (equals != std::string::npos) {
      variables[name] = given.substr(equals + 1);
      continue;
    }
    const auto host = invocation.environment.find(name);
    if (host == invocation.environment.end())
      return Refused{
          ExitCode::invalid,
          fmt::format("{0} {1}: the environment has no {1}; give a value by {0} {1}=VALUE", option, name)};
    variables[name] = host->second;
  }
  return variables;
}

std::variant<Secrets, Refused> read_secrets(const Invocation& invocation,
                                            std::vector<std::unique_ptr<SourceText>>& sources,
                                            Diagnostics& found) {
  auto files = read_env_files(invocation, "--secrets-file", EnvFileNames::any, sources, found);
  if (Refused* refused = std::get_if<Refused>(&files)) return std::move(*refused);
  Secrets secrets;
  secrets.lookup = std::move(std::get<Variables>(files));
  for (const auto& [name, value] : secrets.lookup)
    if (is_variable_name(name)) secrets.variables[name] = value;
  for (const std::string& given : invocation.arguments.values("--secret")) {
    const std::size_t sign = given.find_first_of("=@");
    const std::string name = given.substr(0, sign);
    if (!is_variable_name(name)) return bad_name("--secret", name);
    std::string value;
    if (sign == std::string::npos) {
      if (const auto host = invocation.environment.find(name); host != invocation.environment.end()) {
        value = host->second;
      } else {
        Result<std::string> answer = ask_secret(fmt::format("{}: ", name));
        if (!answer && answer.error().code == std::errc::operation_canceled)
          return Refused{ExitCode::interrupted, fmt::format("--secret {}: cancelled", name)};
        if (!answer)
          return Refused{ExitCode::invalid,
                         fmt::format("--secret {0}: the environment has no {0}, and there is {1}; give it "
                                     "by --secret {0}@FILE",
                                     name, answer.error().message)};
        value = std::move(*answer);
      }
    } else if (given[sign] == '@' || given.substr(sign, 2) == "=@") {
      auto text = read_text(invocation, "--secret", given.substr(sign + (given[sign] == '@' ? 1 : 2)));
      if (Refused* refused = std::get_if<Refused>(&text)) return std::move(*refused);
      value = std::move(std::get<std::string>(text));
      if (value.ends_with('\n')) value.pop_back();
      if (value.ends_with('\r')) value.pop_back();
    } else {
      value = given.substr(sign + 1);
    }
    secrets.variables[name] = value;
    secrets.lookup[name] = std::move(value);
  }
  return secrets;
}

}  // namespace buildspec_run
