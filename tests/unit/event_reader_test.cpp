#include "runner/event/event_reader.h"

#include <gtest/gtest.h>

#include "runner/base/text.h"
#include "tests/support/event_bodies.h"

namespace buildspec_run {
namespace {

using test::bodies;
using test::event_with;
using Found = EventReader::Found;

TEST(EventReader, ReadsEveryTypeAsItWasWritten) {
  EventReader reader;
  for (const EventBody& body : bodies()) {
    const std::string line = to_json_line(event_with(body));
    SCOPED_TRACE(line);
    ASSERT_EQ(reader.read(line), Found::event) << reader.problem();
    EXPECT_EQ(type_of(reader.event().body), type_of(body));
    EXPECT_FALSE(reader.log_range());
    // Bytes that are no UTF-8 were replaced when it was written, and "lossy" said so.
    const Output* output = std::get_if<Output>(&body);
    if (output != nullptr && find_invalid_utf8(output->text)) continue;
    EXPECT_EQ(to_json_line(reader.event()), line);
  }
}

TEST(EventReader, ReadsTheEnvelope) {
  const Event want = event_with(PhaseStarted{"BUILD", true, 3, 1});
  EventReader reader;
  ASSERT_EQ(reader.read(to_json_line(want)), Found::event);
  const Event& got = reader.event();
  EXPECT_EQ(got.sequence, want.sequence);
  EXPECT_EQ(got.run_id, want.run_id);
  EXPECT_EQ(got.build_id, want.build_id);
  EXPECT_EQ(got.task, want.task);
  EXPECT_EQ(got.wall, want.wall);
  EXPECT_EQ(got.monotonic, want.monotonic);
  EXPECT_EQ(std::get<PhaseStarted>(got.body).steps, 1u);
}

TEST(EventReader, KnowsWhereOutputIsInTheLog) {
  EventReader reader;
  ASSERT_EQ(reader.read(to_json_line(event_with(Output{"four", false, true}), 4096)), Found::event);
  ASSERT_TRUE(reader.log_range());
  EXPECT_EQ(reader.log_range()->offset, 4096u);
  EXPECT_EQ(reader.log_range()->bytes, 4u);
  Output& output = std::get<Output>(reader.event().body);
  EXPECT_EQ(output.text, "");
  EXPECT_TRUE(output.background);
  // With the text from the log it is the event that was told.
  output.text = "four";
  EXPECT_EQ(to_json_line(reader.event()), to_json_line(event_with(Output{"four", false, true})));
}

TEST(EventReader, ReadsTimesBeforeTheEpoch) {
  Event event = event_with(PhaseStarted{"BUILD", true, 1});
  event.wall = std::chrono::system_clock::time_point(std::chrono::microseconds(-1));
  EventReader reader;
  ASSERT_EQ(reader.read(to_json_line(event)), Found::event);
  EXPECT_EQ(reader.event().wall, event.wall);
}

TEST(EventReader, SkipsWhatALaterProgramAdds) {
  const std::string line = to_json_line(event_with(PhaseStarted{"BUILD", true, 3}));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string other = line;
    other.replace(other.find(from), from.size(), to);
    return other;
  };
  EventReader reader;
  EXPECT_EQ(reader.read(with("\"tasks\":3", "\"tasks\":3,\"new\":[1]")), Found::event);
  EXPECT_EQ(reader.read(with("phase-started", "phase-paused")), Found::unknown_type);
  EXPECT_EQ(reader.read(with("\"v\":1", "\"v\":2")), Found::other_version);
  // "steps" was added within version 1.
  EXPECT_EQ(reader.read(with(",\"steps\":0", "")), Found::event);
}

TEST(EventReader, RefusesWhatIsNoEvent) {
  const std::string line = to_json_line(event_with(TaskFinished{
      "BUILD", "build[0]", "x", {"b.yml", 4, 9}, Status::failed, {1, 0}, std::chrono::nanoseconds(5), ""}));
  struct Case {
    std::string_view from, to, why;
  };
  constexpr Case kCases[] = {
      {"{\"v\"", "[\"v\"", "JSON: "},
      {"\"v\":1", "\"v\":\"1\"", "no \"v\" of the right kind"},
      {"\"seq\":7", "\"seq\":-7", "no \"seq\" of the right kind"},
      {"\"seq\":7,", "", "no \"seq\" of the right kind"},
      {"2026-11-24T", "2026-13-24T", "no \"time\" of the right kind"},
      {"2026-11-24T", "2026-11-31T", "no \"time\" of the right kind"},
      {"2026-11-24T", "9999-11-24T", "no \"time\" of the right kind"},
      {"\"time\":\"2026", "\"time\":\"x026", "no \"time\" of the right kind"},
      {"\"FAILED\"", "\"LOST\"", "no \"status\" of the right kind"},
      {"\"code\":1", "\"code\":99999999999", "no \"exit\" of the right kind"},
      {"\"line\":4", "\"line\":-4", "no \"place\" of the right kind"},
      {"\"label\":\"build[0]\"", "\"label\":0", "no \"label\" of the right kind"},
      {"\"hint\":\"\"", "\"hint\":\"\",\"step\":\"x\",\"stage\":\"\\\"\"", "no \"stage\" of the right kind"},
  };
  EventReader reader;
  for (const auto& [from, to, why] : kCases) {
    std::string other = line;
    other.replace(other.find(from), from.size(), to);
    SCOPED_TRACE(other);
    EXPECT_EQ(reader.read(other), Found::damaged);
    EXPECT_TRUE(reader.problem().starts_with(why)) << reader.problem();
  }
  for (std::size_t cut = 0; cut < line.size(); ++cut)
    EXPECT_EQ(reader.read(line.substr(0, cut)), Found::damaged) << cut;
  // What was wrong with one line is not told of the next.
  EXPECT_EQ(reader.read(line), Found::event);
  EXPECT_EQ(reader.problem(), "");
}

}  // namespace
}  // namespace buildspec_run
