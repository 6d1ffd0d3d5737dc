#include "runner/store/run_reader.h"

#include <gtest/gtest.h>

#include "runner/store/run_record.h"
#include "runner/store/run_store.h"
#include "tests/support/event_bodies.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;
using test::contents;
using test::put;
using test::TemporaryDirectory;

constexpr const char* kId = "20261124T060444Z-1f2e3d4c";

/// What a sink was told, as JSON lines.
class Lines : public EventSink {
 public:
  void on(const Event& event) override { text += to_json_line(event) + "\n"; }
  std::string text;
};

class RunReaderTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path run() const { return state_ / "runs" / kId; }
  /// Keeps one event of each kind, as a run would; what a view was told meanwhile.
  std::string keep() {
    Result<std::unique_ptr<KeptRun>> kept = keep_run(state_.path(), kId);
    EXPECT_TRUE(kept);
    Lines live;
    std::uint64_t sequence = 0;
    for (const EventBody& body : test::bodies()) {
      Event event = test::event_with(body);
      event.sequence = ++sequence;
      (*kept)->on(event);
      live.on(event);
    }
    return live.text;
  }

  TemporaryDirectory state_;
};

TEST_F(RunReaderTest, TellsEveryKindOfEventAgain) {
  const std::string live = keep();
  Lines again;
  const Result<Replayed> replayed = replay_run(run(), again);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(again.text, live);
  EXPECT_TRUE(replayed->has_end);
  EXPECT_EQ(replayed->damaged, 0u);
  EXPECT_EQ(replayed->events, test::bodies().size());
}

TEST_F(RunReaderTest, ReadsAsFarAsItGoes) {
  keep();
  const std::string whole = contents(run() / "events.jsonl");
  // Wherever the runner was killed: whole events, and no complaint but that the end is missing.
  for (std::size_t cut = 0; cut < whole.size(); cut += 37) {
    put(run() / "events.jsonl", whole.substr(0, cut));
    Lines again;
    const Result<Replayed> replayed = replay_run(run(), again);
    ASSERT_TRUE(replayed);
    EXPECT_EQ(replayed->damaged, 0u) << cut;
    EXPECT_EQ(replayed->is_cut, cut > 0 && whole[cut - 1] != '\n') << cut;
    EXPECT_TRUE(sketch_run(state_.path(), kId)) << cut;
    EXPECT_TRUE(record_run(run())) << cut;
  }
  put(run() / "events.jsonl", whole + "{\"v\":1}\n{\"v\":9}\n\n");
  Lines again;
  const Result<Replayed> replayed = replay_run(run(), again);
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->damaged, 2u);
  EXPECT_EQ(replayed->unknown, 1u);
  const auto lines = std::count(whole.begin(), whole.end(), '\n');
  EXPECT_TRUE(replayed->first_problem.starts_with(fmt::format("line {}: ", lines + 1)))
      << replayed->first_problem;
}

TEST_F(RunReaderTest, ALogThatIsShorterIsSaid) {
  keep();
  put(run() / "log", "");
  Lines again;
  const Result<Replayed> replayed = replay_run(run(), again);
  ASSERT_TRUE(replayed);
  EXPECT_TRUE(replayed->lacks_output);
  EXPECT_EQ(again.text.find("\"type\":\"output\""), std::string::npos);
}

TEST_F(RunReaderTest, KnowsARunThatIsAlive) {
  Result<std::unique_ptr<KeptRun>> kept = keep_run(state_.path(), kId);
  ASSERT_TRUE(kept);
  (*kept)->on(test::event_with(RunStarted{"0.1.0", "/src", "", "b.yml", "/bin/sh", ""}));
  (*kept)->tick();
  Result<RunSketch> sketch = sketch_run(state_.path(), kId);
  ASSERT_TRUE(sketch);
  EXPECT_EQ(sketch->state, RunSketch::State::running);
  ASSERT_TRUE(sketch->started);
  EXPECT_EQ(sketch->started->buildspec, "b.yml");
  kept->reset();  // as when it was killed
  sketch = sketch_run(state_.path(), kId);
  EXPECT_EQ(sketch->state, RunSketch::State::broken_off);
}

TEST_F(RunReaderTest, SketchesWithoutReadingAll) {
  Result<std::unique_ptr<KeptRun>> kept = keep_run(state_.path(), kId);
  ASSERT_TRUE(kept);
  (*kept)->on(test::event_with(RunStarted{"0.1.0", "/src", "", "b.yml", "/bin/sh", ""}));
  // The last event is longer than what is looked at first.
  (*kept)->on(test::event_with(
      RunFinished{Status::failed, "BUILD", "build[0]", std::string(100'000, 'x'), std::nullopt, "m", 3s}));
  (*kept)->keep_exit_code(143);
  kept->reset();
  const Result<RunSketch> sketch = sketch_run(state_.path(), kId);
  ASSERT_TRUE(sketch);
  EXPECT_EQ(sketch->state, RunSketch::State::ended);
  EXPECT_EQ(sketch->finished->took, 3s);
  EXPECT_EQ(sketch->exit_code, 143);
}

TEST_F(RunReaderTest, RecordsARunAsATree) {
  Result<std::unique_ptr<KeptRun>> kept = keep_run(state_.path(), kId);
  ASSERT_TRUE(kept);
  const auto tell = [&](EventBody body) { (*kept)->on(test::event_with(std::move(body))); };
  const Place place{"b.yml", 1, 1};
  tell(BuildStarted{"local:1", 1});
  tell(PhaseStarted{"BUILD", true, 2});
  for (const std::string label : {"build[0]", "build[1]"}) {
    tell(TaskStarted{"BUILD", label, "x", place});
    tell(Output{"one\n", true});
    tell(Output{"two\n", true});
    tell(TaskFinished{"BUILD", label, "x", place, Status::succeeded, {0, 0}, 1ms, ""});
  }
  tell(Output{"late\n", true, true});
  tell(PhaseFinished{"BUILD", Status::succeeded, "", "", 2ms});
  kept->reset();
  const Result<RunRecord> record = record_run(run());
  ASSERT_TRUE(record);
  ASSERT_EQ(record->builds.size(), 1u);
  const PhaseRecord& phase = record->builds[0].phases.at(0);
  ASSERT_EQ(phase.tasks.size(), 2u);
  ASSERT_EQ(phase.tasks[1].output.size(), 1u) << "pieces that lie together are one";
  EXPECT_EQ(bytes_in(phase.output), 5u);
  const Result<InputFile> log = InputFile::open(run() / "log");
  ASSERT_TRUE(log);
  OutputStream stream(*log, phase.tasks[1].output);
  std::string text(100, '\0');
  const Result<std::size_t> got = stream.read(text);
  ASSERT_TRUE(got);
  EXPECT_EQ(text.substr(0, *got), "one\ntwo\n");
}

}  // namespace
}  // namespace buildspec_run
