// The laws of reading a step's output: a cut changes nothing, and what comes out is what the lines say one by one.
//
// Input: a byte of options, a byte with the length of the chunks, a byte with the length from which a line is long, then
// the output.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "actions/dotnet_text.h"
#include "actions/step_output.h"
#include "runner/base/check.h"
#include "runner/base/text.h"

namespace {

using namespace buildspec_run;

// Does what the output asks for, and writes it down.
class Recorder : public StepOutput::Receiver {
 public:
  std::string seen;
  ProblemMatchers matchers;

  void text(std::string_view lines) override {
    check(!find_invalid_utf8(lines), "what is printed is valid UTF-8");
    seen += lines;
  }
  void effects(const CommandEffects& effects) override {
    check(effects.handled || !effects.log.empty(), "something is to be done");
    check(!effects.aborts || effects.fails_step, "what aborts a step fails it");
    seen += "<" + dump(effects) + ">\n";
    if (!effects.matcher) return;
    if (effects.matcher->add) {
      const auto specs = parse_problem_matchers(
          R"j({"problemMatcher":[{"owner":"x","pattern":[{"regexp":"(a+)b","message":1}]},
                                {"owner":"y","pattern":[{"regexp":"^c(.*)$","code":1},{"regexp":"^(.*)d$","message":1}]}]})j");
      check(static_cast<bool>(specs) && static_cast<bool>(matchers.add(*specs)), "good matchers");
    } else {
      matchers.remove({effects.matcher->owner});
    }
  }
};

CommandOptions options_of(unsigned bits) {
  CommandOptions options;
  options.debug = (bits & 1) != 0;
  options.allow_unsecure_commands = (bits & 2) != 0;
  options.allow_unsecure_stop_tokens = (bits & 4) != 0;
  return options;
}

std::string read(std::string_view text, std::size_t chunk, unsigned bits, LineLimits limits) {
  Recorder recorder;
  if ((bits & 8) != 0) {
    CommandEffects add;
    add.handled = true;
    add.matcher = MatcherRequest{};
    recorder.effects(add);
  }
  StepOutput output(options_of(bits), recorder.matchers, {}, recorder, limits);
  for (std::size_t at = 0; at < text.size(); at += chunk) output.write(text.substr(at, chunk));
  output.finish();
  return recorder.seen;
}

// The same, one line after the other, as actions.md 4.1 says it; without problem matchers.
std::string read_plainly(std::string_view text, unsigned bits) {
  Recorder recorder;
  CommandProcessor commands(options_of(bits));
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\r\n");
    std::string line = decode_utf8(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos          ? text.size()
                       : text.substr(end).starts_with("\r\n") ? end + 2
                                                              : end + 1);
    const CommandEffects effects = commands.process(line);
    if (effects.handled || !effects.log.empty()) recorder.effects(effects);
    if (effects.aborts) break;
    if (effects.handled) continue;
    for (const std::string_view marker : {"##[start-action", "##[end-action"})
      for (std::size_t at = 0; (at = line.find(marker, at)) != std::string::npos; at += 4)
        line.insert(at + 3, 1, '\\');
    recorder.seen += line + "\n";
  }
  return recorder.seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const unsigned bits = data[0];
  const std::size_t chunk = data[1] + std::size_t{1};
  const LineLimits limits{data[2] + std::size_t{1}, 4 * (data[2] + std::size_t{1})};
  check(read(text, chunk, bits, limits) == read(text, text.size() + 1, bits, limits),
        "a cut changes nothing");
  const std::string whole = read(text, text.size() + 1, bits, {});
  check(read(text, chunk, bits, {}) == whole, "a cut changes nothing");
  if ((bits & 8) == 0 && whole.find("add-matcher") == std::string::npos)
    check(whole == read_plainly(text, bits), "what the lines say one by one");
  return 0;
}
