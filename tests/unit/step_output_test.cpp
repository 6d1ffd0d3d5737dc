#include "actions/step_output.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

class Recorder : public StepOutput::Receiver {
 public:
  explicit Recorder(ProblemMatchers* matchers = nullptr) : matchers_(matchers) {}
  std::string seen;
  std::size_t longest_text = 0;
  void text(std::string_view lines) override {
    longest_text = std::max(longest_text, lines.size());
    seen += lines;
  }
  void effects(const CommandEffects& effects) override {
    seen += "<" + dump(effects) + ">\n";
    if (effects.matcher && matchers_ != nullptr) {
      const auto specs = parse_problem_matchers(
          R"({"problemMatcher":[{"owner":"x","pattern":[{"regexp":"^bad (.*)$","message":1}]}]})");
      if (effects.matcher->add)
        EXPECT_TRUE(matchers_->add(*specs));
      else
        matchers_->remove({effects.matcher->owner});
    }
  }

 private:
  ProblemMatchers* matchers_;
};

// What `text` turns into, given in pieces of `cut` bytes.
std::string read(std::string_view text, std::size_t cut = std::string_view::npos) {
  ProblemMatchers matchers;
  Recorder recorder(&matchers);
  StepOutput output({}, matchers, {}, recorder);
  for (std::size_t at = 0; at < text.size(); at += std::min(cut, text.size() - at))
    output.write(text.substr(at, cut));
  output.finish();
  return recorder.seen;
}

struct Case {
  std::string_view text, want;
};

// actions.md 4.1.
TEST(StepOutput, KnowsThreeEndsOfALine) {
  constexpr Case kCases[] = {
      {"", ""},
      {"a", "a\n"},
      {"a\n", "a\n"},
      {"a\r", "a\n"},
      {"a\r\n", "a\n"},
      {"a\n\nb", "a\n\nb\n"},
      {"a\r\rb", "a\n\nb\n"},
      {"a\r\n\r\nb", "a\n\nb\n"},
      {"a\n\rb", "a\n\nb\n"},
      {"10%\r20%\r30%\n", "10%\n20%\n30%\n"},
      {"\xFF"
       "a\xE2\x82\n",
       "\xEF\xBF\xBD"
       "a\xEF\xBF\xBD\n"},
      {"\xC3\xA9\n", "\xC3\xA9\n"},
      {"::group::A\r::endgroup::\rx", "<print ##[group]A>\n<print ##[endgroup]>\nx\n"},
      {"a\n::error::b", "a\n<error b>\n"},
      {"a::error::b\n", "a::error::b\n"},
      {"  ::error::b\n", "<error b>\n"},
      {"\xC2\xA0::error::b\n", "<error b>\n"},
      {"x ##[error]b\ny", "<error b>\ny\n"},
      {"::error::\xFF\n", "<error \xEF\xBF\xBD>\n"},
      {"::nope::x\n##[nope]x\n", "::nope::x\n##[nope]x\n"},
  };
  for (const auto& [text, want] : kCases) {
    for (const std::size_t cut : {std::string_view::npos, std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
      SCOPED_TRACE(testing::PrintToString(text) + " cut by " + std::to_string(cut));
      EXPECT_EQ(read(text, cut), want);
    }
  }
}

// actions.md 3.5.
TEST(StepOutput, DefusesTheRunnersOwnMarkers) {
  EXPECT_EQ(read("x##[start-action a]##[end-action]\n##[start-actio]\n"),
            "x##[\\start-action a]##[\\end-action]\n##[start-actio]\n");
}

// actions.md 4.8.
TEST(StepOutput, PrintsCommandsWhileTheyAreStopped) {
  EXPECT_EQ(read("::stop-commands::tok\n::error::x\n::tok::\n::error::x\n"),
            "<print ::stop-commands::tok>\n::error::x\n<print ::tok::>\n<error x>\n");
}

TEST(StepOutput, EndsAtACommandThatAborts) {
  ProblemMatchers matchers;
  Recorder recorder;
  StepOutput output({}, matchers, {}, recorder);
  output.write("a\n::stop-commands::error\nb\n::error::c\n");
  output.write("d\n");
  output.finish();
  EXPECT_TRUE(output.aborted());
  EXPECT_TRUE(recorder.seen.starts_with("a\n<error You cannot use a endToken ")) << recorder.seen;
  EXPECT_TRUE(recorder.seen.ends_with("| fails | aborts>\n")) << recorder.seen;
}

// actions.md 3.16, 4.1: lines that are no commands are shown to problem matchers, from the one after add-matcher on.
TEST(StepOutput, ShowsLinesToProblemMatchers) {
  for (const std::size_t cut : {std::string_view::npos, std::size_t{1}, std::size_t{7}})
    EXPECT_EQ(
        read("bad a\n::add-matcher::m.json\nbad b\ngood\n::error::bad c\n::stop-commands::t1\nbad d\r\n"
             "::remove-matcher owner=x::\n::t1::\n::remove-matcher owner=x::\nbad e\n",
             cut),
        "bad a\n<add-matcher file=m.json owner=>\n<error b shown=bad b>\ngood\n<error bad c>\n"
        "<print ::stop-commands::t1>\n<error d shown=bad d>\n::remove-matcher owner=x::\n<print ::t1::>\n"
        "<remove-matcher file= owner=x>\nbad e\n");
}

TEST(StepOutput, TellsWholeLinesAtOnce) {
  ProblemMatchers matchers;
  Recorder recorder;
  StepOutput output({}, matchers, {}, recorder);
  output.write("a\nb\nc");
  EXPECT_EQ(recorder.seen, "a\nb\n");
  EXPECT_EQ(recorder.longest_text, 4u);
  output.write("d\r");
  EXPECT_EQ(recorder.seen, "a\nb\ncd\n");
  output.write("\n\n");
  EXPECT_EQ(recorder.seen, "a\nb\ncd\n\n");
}

// A line without end is passed on, and needs no memory; one that may be a command is kept for longer.
TEST(StepOutput, PassesVeryLongLinesOnInPieces) {
  const std::size_t kLong = LineLimits().long_line;
  const std::string fill(kLong, 'x');
  EXPECT_TRUE(read(fill) == fill + "\n");
  EXPECT_TRUE(read(fill + "::error::y\n") == fill + "::error::y\n");
  EXPECT_TRUE(read(fill + "##[error]y\n") == fill + "##[error]y\n");  // too late to be a command
  EXPECT_TRUE(read(fill.substr(9) + "##[error]y\n") == "<error y>\n");
  EXPECT_TRUE(read("::error::" + fill + fill + "y\n") == "<error " + fill + fill + "y>\n");
  EXPECT_TRUE(read("::nope::" + fill + "\nz") == "::nope::" + fill + "\nz\n");
  // Characters stay whole, wherever the pieces are cut.
  std::string euros;
  while (euros.size() < kLong + 100) euros += "\xE2\x82\xAC";
  for (const std::size_t cut : {std::string::npos, kLong / 2 + 1, std::size_t{65'537}}) {
    EXPECT_TRUE(read(euros + "\r\n", cut) == euros + "\n");
    EXPECT_TRUE(read(euros + "\xE2\x82", cut) == euros + "\xEF\xBF\xBD\n");
  }
  ProblemMatchers matchers;
  Recorder recorder;
  StepOutput output({}, matchers, {}, recorder);
  for (int i = 0; i < 100; ++i) output.write(std::string(65'536, 'x'));
  EXPECT_EQ(recorder.seen.size(), 100u * 65'536);
  output.write("\n::error::a\n");
  EXPECT_TRUE(recorder.seen.ends_with("x\n<error a>\n"));
}

TEST(StepOutput, GivesUpOnACommandWithoutEnd) {
  const std::string command = "::error::" + std::string(LineLimits().longest_command, 'x');
  EXPECT_TRUE(read(command + "\n::error::y\n", 1 << 20) == command + "\n<error y>\n");
}

}  // namespace
}  // namespace buildspec_run
