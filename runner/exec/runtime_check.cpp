#include "runner/exec/runtime_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <vector>

namespace buildspec_run {
namespace {

struct Question {
  std::string_view runtime;
  std::vector<std::vector<std::string>> commands;  // the first one that can be started answers
};

const std::vector<Question>& questions() {
  static const std::vector<Question> kQuestions = {
      {"docker", {{"docker", "--version"}}},
      {"dotnet", {{"dotnet", "--version"}}},
      {"golang", {{"go", "version"}}},
      {"java", {{"java", "-version"}}},
      {"nodejs", {{"node", "--version"}}},
      {"php", {{"php", "--version"}}},
      {"python", {{"python3", "--version"}, {"python", "--version"}}},
      {"ruby", {{"ruby", "--version"}}},
      {"rust", {{"rustc", "--version"}}},
  };
  return kQuestions;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_vendor(std::string_view version) {
  for (const std::string_view vendor : {"corretto", "openjdk"})
    if (version.starts_with(vendor)) version.remove_prefix(vendor.size());
  return version;
}

/// `$NAME` and `${NAME}` stand for a variable of the build; everything else for itself.
std::string expand(const std::string& version, const std::map<std::string, std::string>& environment) {
  if (!version.starts_with('$')) return version;
  std::string name = version.substr(1);
  if (name.starts_with('{') && name.ends_with('}')) name = name.substr(1, name.size() - 2);
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

}  // namespace

std::optional<std::string> find_version(std::string_view runtime, std::string_view printed) {
  std::size_t begin = 0;
  while (begin < printed.size() && !is_digit(printed[begin])) ++begin;
  std::size_t end = begin;
  while (end < printed.size() &&
         (is_digit(printed[end]) ||
          (printed[end] == '.' && end + 1 < printed.size() && is_digit(printed[end + 1]))))
    ++end;
  if (begin == end) return std::nullopt;
  std::string version(printed.substr(begin, end - begin));
  if (runtime == "java" && version.starts_with("1.")) version.erase(0, 2);  // Java up to 8 calls itself 1.8
  return version;
}

bool version_satisfies(std::string_view wanted, std::string_view have) {
  wanted = without_vendor(wanted);
  if (wanted == "latest") return true;
  while (!wanted.empty()) {
    const std::string_view want = wanted.substr(0, wanted.find('.'));
    const std::string_view has = have.substr(0, have.find('.'));
    if (want == "x" || want == "X") return true;
    if (want != has) return false;
    wanted.remove_prefix(std::min(want.size() + 1, wanted.size()));
    have.remove_prefix(std::min(has.size() + 1, have.size()));
  }
  return true;
}

Result<void> check_runtimes(const Plan& plan, const std::map<std::string, std::string>& environment,
                            const Path& directory, ProcessRunner& processes, std::stop_token stop,
                            Diagnostics& found) {
  for (const WantedRuntime& runtime : plan.runtimes) {
    const auto warn = [&](std::string message) {
      found.warning(*plan.source, runtime.where, "runtime-version", std::move(message));
    };
    const std::string wanted = expand(runtime.version, environment);
    if (wanted.empty()) {
      warn(fmt::format("runtime {} is wanted in version \"{}\", a variable that is not set", runtime.name,
                       runtime.version));
      continue;
    }
    const auto question = std::find_if(questions().begin(), questions().end(),
                                       [&](const Question& known) { return known.runtime == runtime.name; });
    if (question == questions().end()) {
      warn(fmt::format(
          "runtime {} is wanted in version {}; this program does not know how to find its version, and the "
          "cloud's images have no such runtime",
          runtime.name, wanted));
      continue;
    }
    std::string printed;
    bool answered = false;
    for (const std::vector<std::string>& command : question->commands) {
      printed.clear();
      ProcessSpec spec;
      spec.argv = command;
      spec.env = environment;
      spec.cwd = directory;
      spec.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      const Result<ProcessEnd> end = processes.run(
          spec,
          [&](std::string_view chunk) {
            printed.append(chunk.substr(0, 4096 - std::min<std::size_t>(printed.size(), 4096)));
          },
          stop);
      if (!end && end.error().code == std::errc::connection_reset) return end.error();
      answered = end && end->exit.success();
      if (answered) break;
    }
    const std::optional<std::string> have = answered ? find_version(runtime.name, printed) : std::nullopt;
    if (!have)
      warn(fmt::format("runtime {} is wanted in version {}, and PATH has none", runtime.name, wanted));
    else if (!version_satisfies(wanted, *have))
      warn(fmt::format("runtime {} is wanted in version {}, and PATH has {}", runtime.name, wanted, *have));
  }
  return {};
}

}  // namespace buildspec_run
