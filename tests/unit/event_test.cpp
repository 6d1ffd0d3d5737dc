#include "runner/event/event.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "runner/base/json.h"
#include "tests/support/event_bodies.h"
#include "tests/support/json_schema.h"

namespace buildspec_run {
namespace {

using test::bodies;
using test::event_with;

Value event_schema() {
  std::ifstream file(PROJECT_SOURCE_DIR "/schema/event.schema.json");
  std::ostringstream text;
  text << file.rdbuf();
  Result<Value> schema = parse_json(text.str());
  return schema ? *schema : Value(schema.error().message);
}

TEST(Event, PrintsAnEnvelopeAndABody) {
  // date -u -d @1795500284: 2026-11-24 06:04:44.
  const std::string envelope =
      R"({"v":1,"seq":7,"run":"20261124T060444Z-1f2e3d4c","build":"local:1","task":"build[0]",)"
      R"("time":"2026-11-24T06:04:44.012345Z","elapsed_ns":1500000042,)";
  struct Case {
    EventBody body;
    std::string_view want;
  };
  const Case cases[] = {
      {Output{"a \"b\"\t\xC3\xA9\n", true, false},
       "\"type\":\"output\",\"text\":\"a \\\"b\\\"\\t\xC3\xA9\\n\",\"ends_line\":true,\"background\":false}"},
      {Output{"\xC3(", false, true},
       "\"type\":\"output\",\"text\":\"\xEF\xBF\xBD(\",\"lossy\":true,\"ends_line\":false,\"background\":"
       "true}"},
      {PhaseStarted{"BUILD", true, 3},
       R"("type":"phase-started","phase":"BUILD","in_file":true,"tasks":3,"steps":0})"},
      {TaskStarted{"BUILD", "build[1]", "x", {"b.yml", 4, 9}, StepStage{"Run x", "main"}},
       R"("type":"task-started","phase":"BUILD","label":"build[1]","text":"x","place":{"file":"b.yml","line":4,"column":9},)"
       R"("step":"Run x","stage":"main"})"},
      {StepAnnotated{"build[0]", "notice", "m", "", "", 0, 0, 0, 0},
       R"("type":"step-annotated","label":"build[0]","level":"notice","message":"m","title":"","file":"","line":0,)"
       R"("end_line":0,"column":0,"end_column":0})"},
      {TaskFinished{"BUILD",
                    "build[0]",
                    "x",
                    {"b.yml", 4, 9},
                    Status::stopped,
                    {137, 9},
                    std::chrono::nanoseconds(5),
                    ""},
       R"("type":"task-finished","phase":"BUILD","label":"build[0]","text":"x","place":{"file":"b.yml","line":4,"column":9},)"
       R"("status":"STOPPED","exit":{"code":137,"signal":9},"took_ns":5,"hint":""})"},
      {Diagnosed{"note", "an-id", "m", std::nullopt, "t"},
       R"("type":"diagnosed","severity":"note","id":"an-id","message":"m","place":null,"text":"t"})"},
      {VariablesExported{{{"A", "1"}, {"B", "2"}}},
       R"("type":"variables-exported","variables":[{"name":"A","value":"1"},{"name":"B","value":"2"}]})"},
  };
  for (const auto& [body, want] : cases)
    EXPECT_EQ(to_json_line(event_with(body)), envelope + std::string(want));
  EXPECT_EQ(to_json_line(event_with(Output{"four", false, false}), 4096),
            envelope + R"("type":"output","offset":4096,"bytes":4,"ends_line":false,"background":false})");
}

// 1 s before 1970, and the last microsecond of a leap day.
TEST(Event, PrintsTimes) {
  using std::chrono::microseconds;
  Event event = event_with(PhaseStarted{"BUILD", true, 1});
  event.wall = std::chrono::system_clock::time_point(microseconds(-1'000'000));
  EXPECT_NE(to_json_line(event).find("\"1969-12-31T23:59:59.000000Z\""), std::string::npos);
  event.wall = std::chrono::system_clock::time_point(
      microseconds(1'709'251'199'999'999));  // date -ud 2024-02-29T23:59:59Z +%s
  EXPECT_NE(to_json_line(event).find("\"2024-02-29T23:59:59.999999Z\""), std::string::npos);
}

TEST(Event, IsAsTheSchemaSays) {
  const Value schema = event_schema();
  ASSERT_NE(schema.object(), nullptr) << *schema.string();
  std::vector<std::string_view> types;
  const auto expect_valid = [&](const std::string& line) {
    SCOPED_TRACE(line);
    const Result<Value> value = parse_json(line);
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(schema_violations(schema, *value, UnknownMembers::refused), std::vector<std::string>());
    EXPECT_EQ(line.find('\n'), std::string::npos);
  };
  for (const EventBody& body : bodies()) {
    expect_valid(to_json_line(event_with(body)));
    expect_valid(to_json_line(event_with(body), 12));
    const std::string_view type = type_of(body);
    if (types.empty() || types.back() != type) types.push_back(type);
  }
  // Every kind of event was there, and the schema names no other.
  EXPECT_EQ(types.size(), std::variant_size_v<EventBody>);
  Value::Array named;
  for (const std::string_view type : types) named.emplace_back(type);
  EXPECT_EQ(*schema.find("properties")->find("type")->find("enum"), Value(named));
}

// The schema would notice.
TEST(Event, SchemaRefusesOthers) {
  const Value schema = event_schema();
  const std::string line = to_json_line(event_with(PhaseStarted{"BUILD", true, 3}));
  struct Case {
    std::string_view from, to;
  };
  constexpr Case kCases[] = {
      {"\"v\":1", "\"v\":2"},         {"\"seq\":7", "\"seq\":0"},       {"\"tasks\":3", "\"tasks\":\"3\""},
      {"\"tasks\":3", "\"tusks\":3"}, {"phase-started", "phase-begun"}, {"phase-started", "phase-finished"}};
  for (const auto& [from, to] : kCases) {
    std::string other = line;
    other.replace(other.find(from), from.size(), to);
    const Result<Value> value = parse_json(other);
    ASSERT_TRUE(value);
    EXPECT_FALSE(schema_violations(schema, *value).empty()) << other;
  }
}

TEST(Event, NamesThings) {
  EXPECT_EQ(to_string(Place{"buildspec.yml", 4, 9}), "buildspec.yml:4:9");
  EXPECT_EQ(to_string(Place{"buildspec.yml", 0, 0}), "buildspec.yml");
  EXPECT_EQ(to_string(Status::in_progress), "IN_PROGRESS");
  EXPECT_EQ(to_string(Status::timed_out), "TIMED_OUT");
}

TEST(Fanout, TellsAllInOrder) {
  struct Sink : EventSink {
    Sink(std::string& to, char as) : told(to), name(as) {}
    void on(const Event&) override { told += name; }
    void tick() override { told += '.', told += name; }
    std::string& told;
    char name;
  };
  std::string told;
  Sink a(told, 'a'), b(told, 'b');
  Fanout both({&a, &b});
  both.on(event_with(Output{"x"}));
  both.tick();
  EXPECT_EQ(told, "ab.a.b");
}

}  // namespace
}  // namespace buildspec_run
