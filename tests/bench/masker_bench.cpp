// How fast output is masked: best of N in MB/s, in chunks of 64 KiB as a pipe gives them, for several kinds
// of text and of secrets. Also what it costs to make the finder. A run is short, so that the best of many is
// one that nobody disturbed.
//
// usage: masker_bench [N [MEGABYTES]]

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "runner/event/masker.h"

namespace {

using buildspec_run::Masker;
using Clock = std::chrono::steady_clock;

class Words {
 public:
  explicit Words(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  std::string word(std::size_t length, std::string_view letters) {
    std::string text;
    while (text.size() < length) text += letters[below(letters.size())];
    return text;
  }
  std::string_view pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

 private:
  std::mt19937 random_;
};

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kToken = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kPassword =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!\"#$%&'()*+,-./:;<=>?@[]^_{}~";

// What compilers, package managers and test runners print.
std::string log_text(std::size_t bytes) {
  Words words(1);
  const std::vector<std::string> names = {"parser",  "lexer",  "http_client", "index",   "router",
                                          "session", "util",   "storage",     "cache",   "worker",
                                          "main",    "render", "config",      "metrics", "scheduler"};
  std::string text;
  while (text.size() < bytes) {
    const std::string name(words.pick(names)), other(words.pick(names));
    switch (words.below(9)) {
      case 0:
        text += fmt::format("[{}/1234] Building CXX object src/CMakeFiles/{}.dir/{}.cpp.o\n",
                            words.below(1234), name, other);
        break;
      case 1:
        text += fmt::format(
            "2026-11-24T06:04:{:02}.{:06}Z INFO  [{}] request handled in {} ms status=200 "
            "path=/api/v1/{}/{}\n",
            words.below(60), words.below(1000000), name, words.below(900), other, words.below(100000));
        break;
      case 2:
        text += fmt::format(
            "npm http fetch GET 200 https://registry.example.com/@scope/{}/-/{}-{}.{}.{}.tgz {}ms\n", name,
            name, words.below(9), words.below(20), words.below(20), words.below(900));
        break;
      case 3:
        text += fmt::format(
            "/usr/bin/c++ -DNDEBUG -I/src/include -O2 -g -std=gnu++20 -MD -MT src/{}.cpp.o -c /src/{}.cpp\n",
            name, name);
        break;
      case 4:
        text +=
            fmt::format("    PASS  tests/unit/{}_test.py::test_{} ({} ms)\n", name, other, words.below(300));
        break;
      case 5:
        text += fmt::format("{}: digest: sha256:{} size: {}\n", words.below(100), words.word(64, kHex),
                            words.below(100000));
        break;
      case 6:
        text += fmt::format("src/{}.cpp:{}:{}: warning: unused parameter '{}' [-Wunused-parameter]\n", name,
                            words.below(2000), words.below(80), other);
        break;
      case 7:
        text += fmt::format(
            "{{\"level\":\"info\",\"ts\":{},\"caller\":\"{}/{}.go:{}\",\"msg\":\"started {}\"}}\n",
            words.below(1u << 31), name, other, words.below(900), name);
        break;
      default:
        text += fmt::format("+ added {} packages from {} contributors\n", words.below(99), words.below(99));
    }
  }
  text.resize(bytes);
  return text;
}

std::string base64_text(std::size_t bytes) {
  Words words(2);
  std::string text;
  while (text.size() < bytes)
    text += words.word(76, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") + '\n';
  text.resize(bytes);
  return text;
}

// A log with sequences: one at every `nth` blank, and one at the end of every `nth` line.
std::string coloured(std::string_view log, std::size_t nth) {
  Words words(5);
  std::string text;
  while (text.size() < log.size()) {
    for (const char c : log) {
      if (c == ' ' && words.below(nth) == 0)
        text += fmt::format(" \x1b[{}m", 30 + words.below(8));
      else if (c == '\n' && words.below(nth) == 0)
        text += "\x1b[0m\n";
      else
        text += c;
    }
  }
  text.resize(log.size());
  return text;
}

// Nothing but beginnings of secrets.
std::string beginnings(const std::vector<std::string>& secrets, std::size_t bytes) {
  if (secrets.empty()) return std::string(bytes, '-');
  Words words(3);
  std::string text;
  while (text.size() < bytes) {
    const std::string_view secret = words.pick(secrets);
    text += secret.substr(0, 1 + words.below(secret.size() - 1));
  }
  text.resize(bytes);
  return text;
}

// The same cut by sequences.
std::string cut(std::string_view text) {
  Words words(6);
  std::string result;
  while (result.size() < text.size()) {
    result += text.substr(result.size(), 1 + words.below(30));
    result += "\x1b[1m";
  }
  result.resize(text.size());
  return result;
}

double megabytes_per_second(const std::vector<std::string>& secrets, std::string_view text, int runs) {
  constexpr std::size_t kChunk = 64 * 1024;
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    Masker masker;
    for (const std::string& secret : secrets) masker.add(secret);
    Masker::Stream stream(masker);
    std::string out;
    stream.write("warm", out);
    const Clock::time_point begun = Clock::now();
    for (std::size_t at = 0; at < text.size(); at += kChunk) {
      out.clear();
      stream.write(text.substr(at, kChunk), out);
    }
    stream.finish(out);
    const std::chrono::duration<double> took = Clock::now() - begun;
    best = std::max(best, static_cast<double>(text.size()) / 1e6 / took.count());
  }
  return best;
}

double milliseconds_to_make(const std::vector<std::string>& secrets, int runs) {
  double best = 1e9;
  for (int run = 0; run < runs; ++run) {
    const Clock::time_point begun = Clock::now();
    Masker masker;
    for (const std::string& secret : secrets) masker.add(secret);
    static_cast<void>(masker.contains_secret("a"));
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 60;
  const std::size_t bytes =
      (argc > 2 ? static_cast<std::size_t>(std::max(1, std::atoi(argv[2]))) : 1) * 1'000'000;
  struct Set {
    std::string name;
    std::vector<std::string> secrets;
  };
  std::vector<Set> sets = {{"none", {}}};
  for (const std::size_t count : {1, 10, 100}) {
    Words words(4);
    Set tokens{fmt::format("{} tokens of 40", count), {}},
        passwords{fmt::format("{} passwords of 8-32", count), {}};
    for (std::size_t i = 0; i < count; ++i) {
      tokens.secrets.push_back("ghp_" + words.word(36, kToken));
      passwords.secrets.push_back(words.word(8 + words.below(25), kPassword));
    }
    sets.push_back(tokens);
    sets.push_back(passwords);
  }
  Set with_short = sets.back();
  with_short.name += ", one of 4";
  with_short.secrets.push_back("k9Q#");
  sets.push_back(with_short);
  with_short.name = "100 passwords, a JSON key";
  with_short.secrets.back() =
      "{\n  \"type\": \"service_account\",\n  \"key\": \"" + std::string(1600, 'k') + "\"\n}";
  sets.push_back(with_short);

  const std::string log = log_text(bytes), few = coloured(log, 100), many = coloured(log, 3),
                    base64 = base64_text(bytes);
  fmt::print("{:36} {:>8} {:>8} {:>8} {:>8} {:>10} {:>13} {:>9}\n", "MB/s, best of " + std::to_string(runs),
             "log", "few seq", "many seq", "base64", "beginnings", "the same, seq", "make ms");
  for (const auto& [name, secrets] : sets) {
    const std::string worst = beginnings(secrets, bytes);
    const auto measure = [&, &of = secrets](std::string_view text) {
      return megabytes_per_second(of, text, runs);
    };
    fmt::print("{:36} {:8.0f} {:8.0f} {:8.0f} {:8.0f} {:10.0f} {:13.0f} {:9.3f}\n", name, measure(log),
               measure(few), measure(many), measure(base64), measure(worst), measure(cut(worst)),
               milliseconds_to_make(secrets, runs));
  }
  return 0;
}
