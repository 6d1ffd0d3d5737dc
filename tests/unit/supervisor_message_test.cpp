#include "runner/supervisor/message.h"

#include <gtest/gtest.h>

#include "runner/supervisor/process_table.h"

namespace buildspec_run {
namespace {

using namespace std::string_literals;

std::string frame_of(const Request& request) {
  std::string bytes;
  EXPECT_TRUE(encode(request, bytes));
  return bytes;
}
std::string frame_of(const Reply& reply) {
  std::string bytes;
  EXPECT_TRUE(encode(reply, bytes));
  return bytes;
}

const Request kRequests[] = {
    AttachRequest{},
    StartRequest{{"sh", "-c", ""}, {}, "/", false, 0, 0, {}},
    StartRequest{{"a"}, {"A=1", "B="}, "", true, 1000, 4'000'000'000, {1, 2, 3}},
    SignalRequest{1},
    SignalRequest{64},
    EndAllRequest{0},
    EndAllRequest{2'147'483'647},
    OnDeathRequest{},
    OnDeathRequest{{{{"a"}, {}, "", false, 0, 0, {}}, {{"docker", "rm", ""}, {"A=1"}, "/", false, 0, 0, {}}}},
    StartRequest{{"a"}, {}, "/", false, 0, 0, {}, -1000},
    StartRequest{{"a"}, {}, "/", false, 0, 0, {}, 1000},
    StartRequest{{"a"}, {}, "/", false, 0, 0, {}, std::nullopt, "/dev/pts/3"},
    EndMarkedRequest{"NAME=VALUE"},
};
const Reply kReplies[] = {
    StartedReply{123},
    FailedReply{StartStage::fork, 11},
    FailedReply{StartStage::kill, 1},
    ExitedReply{1, 0},
    ExitedReply{137, 9},
    EndedReply{7},
    StoppedReply{123},
    MarkedEndedReply{},
    MarkedEndedReply{{{1, "sleep"}, {4'000'000'000, ""}}},
};

TEST(SupervisorMessage, ReadsWhatItHasWritten) {
  for (const Request& request : kRequests) {
    const std::string bytes = frame_of(request);
    const Frame frame = find_frame(bytes);
    ASSERT_EQ(frame.state, Frame::State::whole);
    EXPECT_EQ(frame.bytes, bytes.size());
    EXPECT_EQ(decode_request(frame.payload), request);
    EXPECT_EQ(decode_reply(frame.payload), std::nullopt);
  }
  for (const Reply& reply : kReplies) {
    const std::string bytes = frame_of(reply);
    const Frame frame = find_frame(bytes);
    ASSERT_EQ(frame.state, Frame::State::whole);
    EXPECT_EQ(decode_reply(frame.payload), reply);
    EXPECT_EQ(decode_request(frame.payload), std::nullopt);
  }
}

TEST(SupervisorMessage, WaitsForAWholeFrameAndLeavesTheNext) {
  const std::string first = frame_of(kRequests[1]), second = frame_of(kRequests[3]);
  for (std::size_t size = 0; size < first.size(); ++size)
    EXPECT_EQ(find_frame(first.substr(0, size)).state, Frame::State::incomplete) << size;
  const std::string both = first + second;
  const Frame frame = find_frame(both);
  EXPECT_EQ(frame.bytes, first.size());
  EXPECT_EQ(decode_request(find_frame(both.substr(frame.bytes)).payload), kRequests[3]);
}

TEST(SupervisorMessage, RefusesWhatIsNone) {
  EXPECT_EQ(find_frame("\0\0\0\0"s).state, Frame::State::malformed);          // not even a kind
  EXPECT_EQ(find_frame("\xFF\xFF\xFF\xFF"s).state, Frame::State::malformed);  // four gigabytes
  EXPECT_EQ(decode_request(""), std::nullopt);
  EXPECT_EQ(decode_request("\x63"), std::nullopt);                   // no such kind
  EXPECT_EQ(decode_request("\x01 "), std::nullopt);                  // more than it should be
  EXPECT_EQ(decode_request("\x03\0\0\0\0"s), std::nullopt);          // signal 0
  EXPECT_EQ(decode_request("\x03\x41\0\0\0"s), std::nullopt);        // signal 65
  EXPECT_EQ(decode_request("\x02\xFF\xFF\xFF\xFF"s), std::nullopt);  // a list of nobody knows what
  EXPECT_EQ(decode_reply("\x42\x09\0\0\0\0"s), std::nullopt);        // a stage there is not
  EXPECT_EQ(decode_reply("\x45\xFF\xFF\xFF\xFF"s), std::nullopt);    // a list of nobody knows what
  std::string beyond = frame_of(kRequests[1]).substr(4);
  beyond.replace(beyond.size() - 4, 4, "\xD2\x07\0\0"s);  // 2002: a score of 1001
  EXPECT_EQ(decode_request(beyond), std::nullopt);
  // A prefix of a message is none, whatever its frame says.
  const std::string whole = frame_of(kRequests[2]).substr(4);
  ASSERT_TRUE(decode_request(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(decode_request(whole.substr(0, size)), std::nullopt);
  // A text ends where its length says and nowhere before: exec would see another one.
  std::string with_nul = whole;
  with_nul.replace(with_nul.find("A=1"), 3, "A\0001"s);
  EXPECT_EQ(decode_request(with_nul), std::nullopt);
}

TEST(SupervisorMessage, IsNotWrittenWhenItCannotBeRead) {
  std::string bytes = "kept";
  EXPECT_FALSE(encode(Request(StartRequest{{"a\0b"s}, {}, "/", false, 0, 0, {}}), bytes));
  const std::string large(kMaxMessageBytes / 2, 'x');
  EXPECT_FALSE(encode(Request(StartRequest{{large, large}, {}, "/", false, 0, 0, {}}), bytes));
  EXPECT_EQ(bytes, "kept");
}

TEST(ProcessTable, ReadsAProcessWhateverItsName) {
  const auto entry = parse_process_stat(
      "4711 (a) R 1 (b c) S 12 13 14 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654321 2 3 "
      "18446744073709551615\n");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->pid, 4711);
  EXPECT_EQ(entry->parent, 12);
  EXPECT_EQ(entry->group, 13);
  EXPECT_EQ(entry->session, 14);
  EXPECT_EQ(entry->started, 987654321u);
  EXPECT_TRUE(entry->alive);
  const auto zombie = parse_process_stat("1 (x) Z 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0");
  ASSERT_TRUE(zombie);
  EXPECT_FALSE(zombie->alive);
  for (const char* text :
       {"", "x", "1", "1 (x", "1 (x) ", "1 (x) S", "1 (x) S 1 1 1", "1 (x) S a 1 1 0 -1 0"})
    EXPECT_FALSE(parse_process_stat(text)) << text;
}

TEST(ProcessTable, FindsAllThatDescend) {
  const auto entry = [](pid_t pid, pid_t parent) {
    ProcessEntry made;
    made.pid = pid;
    made.parent = parent;
    return made;
  };
  // 5 comes before its parent 9; 3 and 4 are somebody else's.
  const std::vector<ProcessEntry> table = {entry(1, 0), entry(2, 1), entry(5, 9),
                                           entry(9, 2), entry(3, 1), entry(4, 3)};
  std::string found;
  for (const ProcessEntry& one : closure(table, [](const ProcessEntry& of) { return of.parent == 2; }))
    found += fmt::format("{} ", one.pid);
  EXPECT_EQ(found, "9 5 ");
}

}  // namespace
}  // namespace buildspec_run
