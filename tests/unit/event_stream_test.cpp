#include "runner/exec/event_stream.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "runner/base/json.h"

namespace buildspec_run {
namespace {

// Writes down what was told: "type:text" for output, with what Output says of its end; the JSON line for the
// rest.
class Record : public EventSink {
 public:
  void on(const Event& event) override {
    EXPECT_EQ(event.sequence, ++sequence_);
    EXPECT_EQ(event.run_id, "run-1");
    EXPECT_GE(event.monotonic, last_);
    last_ = event.monotonic;
    if (const Output* output = std::get_if<Output>(&event.body)) {
      EXPECT_LE(output->text.size(), 65536u);
      EXPECT_FALSE(output->text.empty());
      EXPECT_EQ(output->ends_line, output->text.ends_with('\n'));
      data_ = output->text.data();
      outputs.emplace_back(output->text);
      lines.push_back(fmt::format("{}{}<{}>", output->background ? "background " : "", event.task,
                                  output->text.substr(0, 40)));
    } else {
      lines.push_back(to_json_line(event));
    }
  }
  void tick() override { lines.emplace_back("tick"); }

  std::vector<std::string> lines, outputs;
  const char* data_ = nullptr;

 private:
  std::uint64_t sequence_ = 0;
  std::chrono::nanoseconds last_{0};
};

using Lines = std::vector<std::string>;

TEST(EventStream, TellsOutputAtOnce) {
  Record record;
  EventStream events(record, "run-1");
  events.set_task("build[0]");
  events.output("Continue? ");
  EXPECT_EQ(record.lines, Lines({"build[0]<Continue? >"}));
  events.output("yes\nand");
  events.output("");
  events.output(" on\n");
  EXPECT_EQ(record.lines, Lines({"build[0]<Continue? >", "build[0]<yes\nand>", "build[0]< on\n>"}));
  events.flush_output();
  EXPECT_EQ(record.lines.size(), 3u);
}

TEST(EventStream, CopiesNothingWithoutSecrets) {
  Record record;
  EventStream events(record, "run-1");
  const std::string_view chunk = "a chunk\n";
  events.output(chunk);
  EXPECT_EQ(record.data_, chunk.data());
}

TEST(EventStream, KeepsCharactersAndLineEndsTogether) {
  for (const bool secrets : {false, true}) {
    SCOPED_TRACE(secrets);
    Record record;
    EventStream events(record, "run-1");
    if (secrets) events.masker().add("s3cret");
    events.output("50%\r");
    events.output("100%\r");
    events.output("\nna\xC3");
    events.output("\xAFve \xF0\x9F");
    events.output("\x9A");
    events.output("\x80");
    events.output("\xE6\x97");
    EXPECT_EQ(record.lines, Lines({"<50%>", "<\r100%>", "<\r\nna>", "<\xC3\xAFve >", "<\xF0\x9F\x9A\x80>"}));
    events.flush_output();  // nothing more comes
    EXPECT_EQ(record.lines.back(), "<\xE6\x97>");
    events.output("\xAF\xAF\xAF\xAF");  // ends no character, so waits for nothing
    EXPECT_EQ(record.lines.back(), "<\xAF\xAF\xAF\xAF>");
  }
}

TEST(EventStream, CutsLongOutputAtLines) {
  Record record;
  EventStream events(record, "run-1");
  // 70,000 bytes: a line of 50,000, one of 20,000.
  const std::string lines = std::string(49'999, 'a') + '\n' + std::string(19'999, 'b') + '\n';
  events.output(lines);
  ASSERT_EQ(record.outputs.size(), 2u);
  EXPECT_EQ(record.outputs[0].size(), 50'000u);
  EXPECT_EQ(record.outputs[1].size(), 20'000u);

  // One line of three-byte characters: 65,536 is no multiple of three.
  record.outputs.clear();
  std::string wide;
  for (int i = 0; i < 50'000; ++i) wide += "\xE6\x97\xA5";
  events.output(wide);
  ASSERT_EQ(record.outputs.size(), 3u);
  EXPECT_EQ(record.outputs[0].size(), 65'535u);
  EXPECT_EQ(record.outputs[1].size(), 65'535u);
  EXPECT_EQ(record.outputs[2].size(), 150'000u - 2 * 65'535u);

  // A CR LF at the border.
  record.outputs.clear();
  events.output(std::string(65'535, 'x') + "\r\n");
  ASSERT_EQ(record.outputs.size(), 2u);
  EXPECT_EQ(record.outputs[0].size(), 65'535u);
  EXPECT_EQ(record.outputs[1], "\r\n");
}

TEST(EventStream, MasksOutputOverChunks) {
  Record record;
  EventStream events(record, "run-1");
  events.masker().add("s3cret");
  events.set_task("build[0]");
  events.output("a s3c");
  events.output("ret b s3c");
  EXPECT_EQ(record.lines, Lines({"build[0]<a >", "build[0]<*** b >"}));
  events.flush_output();
  EXPECT_EQ(record.lines.back(), "build[0]<s3c>");
  events.output("ret s3");
  events.output("x", true);  // other processes: what came before them is told first
  EXPECT_EQ(record.lines, Lines({"build[0]<a >", "build[0]<*** b >", "build[0]<s3c>", "build[0]<ret >",
                                 "build[0]<s3>", "background build[0]<x>"}));
  events.tick();
  EXPECT_EQ(record.lines.back(), "tick");
}

TEST(EventStream, TellsHeldOutputBeforeAnEvent) {
  Record record;
  EventStream events(record, "run-1");
  events.masker().add("s3cret");
  events.output("s3c");
  EXPECT_TRUE(record.lines.empty());
  events.tell(PhaseStarted{"BUILD", true, 2});
  ASSERT_EQ(record.lines.size(), 2u);
  EXPECT_EQ(record.lines[0], "<s3c>");
}

// Every text of every event is masked, and no word of ours is.
TEST(EventStream, MasksEveryText) {
  const std::string s = "a s3cret b";
  const Place place{"dir/s3cret.yml", 4, 9};
  const std::vector<EventBody> bodies = {
      RunStarted{"1.0", s, s, s, s, s, "20261124T060444Z-1f2e3d4c"},
      PlanMade{{{"BUILD", true, 1, 0, 0, "ABORT"}}, s, {{s, s}}, {{"BUILD", s}}, false, false, false, false},
      TasksSelected{{"s3cret"}, true},
      BuildStarted{"local:s3cret", 1, s, {{s, s}}},
      Diagnosed{"error", "an-id", s, place, s},
      ActionFetch{s, ActionFetch::State::running, 1},
      PhaseStarted{"BUILD", true, 1},
      TaskStarted{"BUILD", "build[0]", s, place, StepStage{s, "main"}},
      TaskFinished{"BUILD",
                   "build[0]",
                   s,
                   place,
                   Status::failed,
                   {1, 0},
                   {},
                   s,
                   StepResult{s, "main", "failure", "failure"}},
      StepAnnotated{"build[0]", "error", s, s, s, 1, 1, 1, 1},
      StepSummarized{"build[0]", s, s},
      ShellOpened{"build[0]", "before", s, s},
      ShellClosed{"build[0]", "before", false, s, {}},
      StopAnswered{"build[0]", "before", "continue"},
      PhaseFinished{"BUILD", Status::failed, "COMMAND_EXECUTION_ERROR", s, {}},
      VariablesExported{{{s, s}, {"NAME", s}}},
      EnvironmentPlanned{{{s, s}}},
      TaskPlanned{"BUILD", "build[0]", s, place, s, s, s, s, s, {{s, s}}, {{s, s}}},
      BuildFinished{"local:1", Status::failed, false, {}},
      RunFinished{Status::failed, "BUILD", "build[0]", s, place, s, {}},
  };
  ASSERT_EQ(bodies.size() + 1, std::variant_size_v<EventBody>);  // all but Output
  const std::vector<std::size_t> masks = {5, 4, 0, 3, 3, 1, 0, 3, 4, 3, 2, 2, 1, 0, 1, 3, 2, 11, 0, 3};
  Record record;
  EventStream events(record, "run-1");
  events.masker().add("s3cret");
  events.set_build("local:1");
  for (const EventBody& body : bodies) events.tell(body);
  ASSERT_EQ(record.lines.size(), bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const std::string& line = record.lines[i];
    SCOPED_TRACE(line);
    std::size_t count = 0;
    for (std::size_t at = line.find("***"); at != std::string::npos; at = line.find("***", at + 3)) ++count;
    EXPECT_EQ(count, masks[i]);
    EXPECT_EQ(line.find("a s3cret b"), std::string::npos);
    EXPECT_EQ(line.find("dir/s3cret"), std::string::npos);
  }
  // A secret of one letter leaves labels, phases and codes as they are.
  events.masker().add("B");
  events.tell(PhaseStarted{"BUILD", true, 1});
  EXPECT_NE(record.lines.back().find("\"phase\":\"BUILD\""), std::string::npos);
}

TEST(EventStreamDeathTest, WantsOutputThroughOutput) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Record record;
        EventStream events(record, "run-1");
        events.tell(Output{"text"});
      },
      "output");
}

}  // namespace
}  // namespace buildspec_run
