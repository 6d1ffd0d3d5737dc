#include "runner/cli/cloud_log.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

constexpr std::string_view kLog =
    "[Container] 2026/11/24 06:04:44.012345 Waiting for agent ping\n"
    "[Container] 2026/11/24 06:04:44.012345 Phase is DOWNLOAD_SOURCE\n"
    "[Container] 2026/11/24 06:04:44.012345 Running command echo \"Installing Corretto\"\n"
    "Installing Corretto\n"
    "\n"
    "[Container] 2026/11/24 06:04:44.012345 Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED\n"
    "[Container] 2026/11/24 06:04:44.012345 Phase context status code:  Message: \n"
    "[Container] 2026/11/24 06:04:44.012345 Entering phase BUILD\n"
    "[Container] 2026/11/24 06:04:44.012345 Running command echo a\n"
    "  exit 2\n"
    "\n"
    "a\n"
    "[Container] no line of the agent's\n"
    "\n"
    "[Container] 2026/11/24 06:04:44.012345 Command did not exit successfully echo a\n"
    "  exit 2\n"
    " exit status 2\n"
    "[Container] 2026/11/24 06:04:44.012345 Phase complete: BUILD State: FAILED\n"
    "[Container] 2026/11/24 06:04:44.012345 Phase context status code: COMMAND_EXECUTION_ERROR Message: "
    "Error while "
    "executing command: echo a\n"
    "  exit 2\n"
    ". Reason: exit status 2\n";
constexpr std::string_view kWant =
    "\"DOWNLOAD_SOURCE\" \"SUCCEEDED\"\n"
    "\"BUILD\" \"FAILED\"\n"
    "  \"echo a\\n  exit 2\\n\\na\\n[Container] no line of the agent's\\n\" \"exit status 2\"\n"
    "  context \"COMMAND_EXECUTION_ERROR\" \"Error while executing command: echo a\\n  exit 2\\n. Reason: "
    "exit status 2\"\n";

std::string read(std::string_view text) {
  const std::optional<CloudLog> log = parse_cloud_log(text);
  return log ? dump(*log) : "none";
}

/// Each line of `text` between `head` and `tail`.
std::string lines_with(std::string_view head, std::string_view text, std::string_view tail = "") {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out.append(head).append(text.substr(0, end)).append(tail).append("\n");
    text.remove_prefix(end + 1);
  }
  return out;
}

TEST(CloudLog, ReadsPhasesAndCommands) { EXPECT_EQ(read(kLog), kWant); }

TEST(CloudLog, ReadsItHoweverItWasDownloaded) {
  EXPECT_EQ(read(lines_with("2026-11-24T06:04:44.012000+00:00 ", kLog)), kWant);
  EXPECT_EQ(read(lines_with("2026-11-24T06:04:44 ", kLog)), kWant);  // --format short
  EXPECT_EQ(read(lines_with("2026-11-24T06:04:44.012000+00:00 shop/1f2e-3d4c ", kLog)), kWant);  // detailed
  EXPECT_EQ(read(lines_with("1795500284012\t", kLog)), kWant);  // milliseconds
  EXPECT_EQ(read(lines_with("agent_1  | ", kLog)), kWant);      // the local agent
  EXPECT_EQ(read(lines_with("", kLog, "\r")), kWant);
  EXPECT_EQ(read("\xEF\xBB\xBF" + std::string(kLog)), kWant);
  EXPECT_EQ(read("what stands before\n" + std::string(kLog)), kWant);
  // The last LF may be missing.
  EXPECT_EQ(read(kLog.substr(0, kLog.size() - 1)), kWant);
}

TEST(CloudLog, ReadsWhatWasCopiedFromTheConsole) {
  std::string numbered;
  std::size_t number = 8;
  for (std::string_view rest = kLog; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    numbered += fmt::format("{}{}\n", number == 8 ? "" : fmt::format("{} | ", number), rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  EXPECT_EQ(read(numbered), kWant);
}

TEST(CloudLog, ReadsLogsOfBefore2019) {
  EXPECT_EQ(read("[Container] 2018/05/01 12:00:00 Entering phase INSTALL\n"
                 "[Container] 2018/05/01 12:00:00 Phase complete: INSTALL Success: true\n"
                 "[Container] 2018/05/01 12:00:00 Phase complete: BUILD Success: false\n"),
            "\"INSTALL\" \"SUCCEEDED\"\n\"BUILD\" \"FAILED\"\n");
}

TEST(CloudLog, OfSeveralBuildsTheLastCounts) {
  const std::string twice = std::string(kLog) + "[Container] 2026/11/24 06:05:44 Phase is DOWNLOAD_SOURCE\n";
  EXPECT_EQ(read(twice), "\"DOWNLOAD_SOURCE\" -\n");
}

// Found by the fuzzer: the context of a phase of the build before was kept for a phase of the new one.
TEST(CloudLog, ANewBuildForgetsThePhaseThatHasEnded) {
  EXPECT_EQ(read("[Container] 2026/11/24 06:04:44 Phase complete: BUILD State: FAILED\n"
                 "[Container] 2026/11/24 06:04:44 Phase is DOWNLOAD_SOURCE\n"
                 "[Container] 2026/11/24 06:04:44 Phase context status code: A Message: b\n"),
            "\"DOWNLOAD_SOURCE\" -\n");
}

TEST(CloudLog, WhatIsNone) {
  for (const std::string_view text :
       {"", "\n", "[Container] ", "[Container] 2026/11/24", "hello\n[Container] now x\n"})
    EXPECT_EQ(read(text), "none") << text;
}

TEST(CloudLog, KnowsACommandByItsBeginning) {
  const CloudCommand command{"echo a\n  exit 2\n\na\n", ""};
  EXPECT_TRUE(command.is("echo a\n  exit 2\n"));
  EXPECT_TRUE(command.is("echo a\n  exit 2"));
  EXPECT_TRUE(command.is("echo a"));  // its output could be the rest
  EXPECT_FALSE(command.is("echo"));
  EXPECT_FALSE(command.is("echo b"));
}

}  // namespace
}  // namespace buildspec_run
