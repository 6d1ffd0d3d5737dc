// Matcher files and expressions of anybody: they are refused or they work, in time, and a find is whole.
//
// Input: up to the first 0xFF byte a matcher file, or (when it begins with '/') an expression after the '/', which is put
// into files of one and of two patterns; then lines.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "actions/dotnet_text.h"
#include "actions/problem_matcher.h"
#include "actions/regular_expression.h"
#include "runner/base/check.h"
#include "runner/base/text.h"

namespace {

using namespace buildspec_run;

// Half of the files are there; every directory with an 'r' in its name is a repository.
class Files : public MatcherFiles {
 public:
  bool is_file(const std::string& path) override {
    check(path.starts_with('/'), "asked by absolute paths");
    return path.size() % 2 == 0 || path.ends_with("r/.git/config");
  }
  std::optional<std::string> read(const std::string& path) override {
    check(path.ends_with("/.git/config"), "only a configuration is read");
    return path.size() % 3 == 0 ? std::optional<std::string>("url = https://github.com/o/r") : std::nullopt;
  }
};

void match_lines(const std::vector<MatcherSpec>& specs, std::string_view lines) {
  ProblemMatchers matchers;
  const Result<void> added = matchers.add(specs);
  check(added || matchers.empty(), "a file with a mistake adds nothing");
  if (!added) {
    check(!added.error().message.empty(), "a refusal says why");
    return;
  }
  Files files;
  MatcherRun::Options options;
  options.workspace = "/w/or";
  options.identity.repository = "o/r";
  options.files = &files;
  options.time_limit = std::chrono::milliseconds(5);
  MatcherRun process(matchers, std::move(options));
  while (!lines.empty() && process.active()) {
    const std::size_t end = lines.find('\n');
    const std::string line = decode_utf8(lines.substr(0, end));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    const MatcherRun::Match match = process.match(line);
    if (!match.consumed) continue;
    check(!match.log.empty(), "a find is told");
    const Annotation& annotation = std::get<Annotation>(match.log.back());
    check(!is_blank(annotation.message), "a find has a message");
    check(log_lines(annotation).ends_with(line), "the line is printed as it was");
    check(!annotation.file.starts_with('/'), "files are relative");
    check(!find_invalid_utf8(annotation.message), "a message is valid UTF-8");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 2048) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\xFF'), input.size());
  const std::string_view lines = input.substr(std::min(end + 1, input.size()));
  if (input.front() == '/') {
    MatcherPattern pattern;
    pattern.regexp = decode_utf8(input.substr(1, end - 1));
    pattern.message = 0;
    pattern.file = size % 2 == 0 ? std::optional(1) : std::nullopt;
    MatcherPattern other;
    other.regexp = "b|(c)";
    MatcherPattern loop = pattern;
    loop.loop = true;
    match_lines({{"one", "", "", {pattern}}, {"two", "warning", "r/x", {other, loop}}}, lines);
    return 0;
  }
  const Result<std::vector<MatcherSpec>> specs = parse_problem_matchers(input.substr(0, end));
  if (specs) match_lines(*specs, lines);
  return 0;
}
