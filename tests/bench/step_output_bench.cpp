// How fast the output of a step is read: best of N in MB/s, in chunks of 64 KiB as a pipe gives them, for several kinds of
// output. What is told is thrown away, so this is splitting, looking for commands and problem matchers, nothing else.
//
// usage: step_output_bench [N [MEGABYTES]]

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "actions/step_output.h"

namespace {

using namespace buildspec_run;
using Clock = std::chrono::steady_clock;

class Counter : public StepOutput::Receiver {
 public:
  std::size_t bytes = 0, commands = 0;
  void text(std::string_view lines) override { bytes += lines.size(); }
  void effects(const CommandEffects&) override { ++commands; }
};

// What compilers and package managers print; every so manieth line by `special`.
std::string log_text(std::size_t bytes, unsigned every, const std::string& special,
                     std::string_view end = "\n") {
  std::mt19937 random(1);
  std::string text;
  for (unsigned line = 0; text.size() < bytes; ++line) {
    if (every != 0 && line % every == 0) {
      text += special;
    } else {
      switch (random() % 5) {
        case 0:
          text += fmt::format("[{}/1234] Building CXX object src/CMakeFiles/parser.dir/lexer{}.cpp.o",
                              random() % 1234, random() % 99);
          break;
        case 1:
          text += fmt::format("2026-11-24T06:04:{:02}Z INFO  std::vector<http::Client>::push_back took {} ms",
                              random() % 60, random() % 900);
          break;
        case 2:
          text += fmt::format("npm http fetch GET 200 https://registry.example.com/@scope/x/-/x-{}.tgz {}ms",
                              random() % 99, random() % 900);
          break;
        case 3:
          text += fmt::format("    PASS  tests/unit/session_test.py::test_storage_{} ({} ms)", random() % 999,
                              random() % 300);
          break;
        default:
          text += fmt::format("\x1b[32m+\x1b[0m added {} packages from {} contributors #{}", random() % 99,
                              random() % 99, random() % 99);
      }
    }
    text += end;
  }
  return text;
}

double megabytes_per_second(std::string_view text, bool with_matcher, int runs) {
  constexpr std::size_t kChunk = 64 * 1024;
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    ProblemMatchers matchers;
    if (with_matcher) {
      const auto specs = parse_problem_matchers(
          R"j({"problemMatcher":[{"owner":"gcc","pattern":[{"regexp":
              "^(.*):(\\d+):(\\d+):\\s+(?:fatal\\s+)?(warning|error):\\s+(.*)$",
              "file":1,"line":2,"column":3,"severity":4,"message":5}]}]})j");
      if (!specs || !matchers.add(*specs)) std::abort();
    }
    Counter counter;
    const Clock::time_point begun = Clock::now();
    StepOutput output({}, matchers, {}, counter);
    for (std::size_t at = 0; at < text.size(); at += kChunk) output.write(text.substr(at, kChunk));
    output.finish();
    const std::chrono::duration<double> took = Clock::now() - begun;
    best = std::max(best, static_cast<double>(text.size()) / 1e6 / took.count());
    if (counter.bytes == 0) std::abort();
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  const std::size_t bytes =
      (argc > 2 ? static_cast<std::size_t>(std::max(1, std::atoi(argv[2]))) : 100) * 1'000'000;
  struct Kind {
    std::string_view name;
    std::string text;
    bool with_matcher = false;
  };
  const auto print = [&](const Kind& kind) {
    fmt::print("{:44} {:8.0f}\n", kind.name, megabytes_per_second(kind.text, kind.with_matcher, runs));
  };
  fmt::print("{:44} {:>8}\n", fmt::format("{} MB, best of {}", bytes / 1'000'000, runs), "MB/s");
  print({"a log without commands", log_text(bytes, 0, {})});
  print({"the same, lines ending in CR LF", log_text(bytes, 0, {}, "\r\n")});
  print({"the same, every tenth line beyond ASCII", log_text(bytes, 10, "\xE2\x9C\x93 caf\xC3\xA9")});
  print({"every tenth line a command", log_text(bytes, 10, "::warning file=a.c,line=3::unused variable")});
  print(
      {"every tenth line almost one", log_text(bytes, 10, "  ::warn file=a.c,line=3::unused ##[x]variable")});
  print({"one line", log_text(bytes, 0, {}, " ")});
  print({"a problem matcher, nothing to find", log_text(bytes, 0, {}), true});
  print({"the same, every tenth line a find",
         log_text(bytes, 10, "src/a.c:12:3: warning: unused variable 'x'"), true});
}
