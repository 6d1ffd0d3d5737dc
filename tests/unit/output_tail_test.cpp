#include "runner/cli/output_tail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace buildspec_run {
namespace {

TEST(OutputTail, GivesTheLastLines) {
  OutputTail tail;
  EXPECT_TRUE(tail.last_lines(3).lines.empty());
  tail.append("one\ntwo\nthr");
  tail.append("ee\n\nfour");
  EXPECT_EQ(tail.line_count(), 5u);
  const OutputTail::Lines last = tail.last_lines(3);
  EXPECT_EQ(last.lines, (std::vector<std::string_view>{"three", "", "four"}));
  EXPECT_EQ(last.left_out, 2u);
  EXPECT_FALSE(last.first_is_cut);
  EXPECT_EQ(tail.last_line(), "four");
  EXPECT_EQ(tail.last_lines(9).lines.size(), 5u);
  EXPECT_EQ(tail.last_lines(9).left_out, 0u);
}

TEST(OutputTail, AnEmptyLineIsALine) {
  OutputTail tail;
  tail.append("\n");
  EXPECT_EQ(tail.line_count(), 1u);
  EXPECT_EQ(tail.last_lines(3).lines, std::vector<std::string_view>{""});
}

TEST(OutputTail, FindsTheLastLineWithInk) {
  OutputTail tail;
  tail.append("compiling\n\n  \r\n");
  EXPECT_EQ(tail.last_line(), "compiling");
}

TEST(OutputTail, ForgetsWholeLinesOfMuchOutput) {
  OutputTail tail;
  std::string all;
  for (int i = 0; i < 30000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    tail.append(line);
    all += line;
  }
  EXPECT_EQ(tail.line_count(), 30000u);
  const OutputTail::Lines last = tail.last_lines(100000);
  EXPECT_EQ(last.lines.back(), "line 29999");
  EXPECT_EQ(last.left_out + last.lines.size(), 30000u);
  EXPECT_EQ(last.lines.front(),
            "line " + std::to_string(last.left_out));  // whole, though the kept bytes begin within one
  // However it is cut, it is the same.
  OutputTail at_once;
  at_once.append(all);
  EXPECT_EQ(at_once.last_lines(40).lines, tail.last_lines(40).lines);
  EXPECT_EQ(at_once.last_lines(40).left_out, tail.last_lines(40).left_out);
}

TEST(OutputTail, OneEndlessLineStaysSmall) {
  OutputTail tail;
  const std::string chunk(10000, 'x');
  for (int i = 0; i < 1000; ++i) tail.append(chunk);
  const OutputTail::Lines last = tail.last_lines(40);
  ASSERT_EQ(last.lines.size(), 1u);
  EXPECT_EQ(last.lines[0].size(), OutputTail::kKeptBytes);
  EXPECT_TRUE(last.first_is_cut);
  EXPECT_EQ(last.left_out, 0u);
}

TEST(OutputTail, CountsLineEnds) {
  std::string text;
  std::uint32_t random = 1;
  for (int i = 0; i < 20000; ++i) {
    random = random * 1664525 + 1013904223;
    text += "\n\x0b\x8a\x00\xff\n\x09z"[(random >> 24) % 8];
  }
  for (const std::size_t begin : {0u, 1u, 3u, 7u})
    for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 2047u, 2048u, 2049u, 16000u}) {
      const std::string_view part = std::string_view(text).substr(begin, size);
      EXPECT_EQ(count_line_ends(part),
                static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n')));
    }
  EXPECT_EQ(count_line_ends(std::string(100000, '\n')), 100000u);
}

}  // namespace
}  // namespace buildspec_run
