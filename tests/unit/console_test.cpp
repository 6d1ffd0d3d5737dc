#include "runner/cli/console.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/terminal_emulator.h"
#include "tests/support/view_fixture.h"

namespace buildspec_run {
namespace {

TEST(Console, DecidesOnColor) {
  struct Case {
    ColorMode mode;
    bool terminal;
    std::string_view term, no_color;
    bool want;
  };
  constexpr Case kCases[] = {
      {ColorMode::automatic, true, "xterm", "", true}, {ColorMode::automatic, false, "xterm", "", false},
      {ColorMode::automatic, true, "dumb", "", false}, {ColorMode::automatic, true, "xterm", "1", false},
      {ColorMode::automatic, true, "", "", true},      {ColorMode::always, false, "dumb", "1", true},
      {ColorMode::never, true, "xterm", "", false},
  };
  for (const auto& [mode, terminal, term, no_color, want] : kCases)
    EXPECT_EQ(use_color(mode, terminal, term, no_color), want) << term << no_color;
  EXPECT_TRUE(use_live_lines(true, "xterm", "", ""));
  EXPECT_TRUE(use_live_lines(true, "xterm", "", "false"));
  EXPECT_FALSE(use_live_lines(true, "dumb", "", ""));
  EXPECT_FALSE(use_live_lines(true, "xterm", "1", ""));
  EXPECT_FALSE(use_live_lines(true, "xterm", "", "true"));
  EXPECT_FALSE(use_live_lines(false, "xterm", "", ""));
}

TEST(Console, DecidesOnUnicode) {
  EXPECT_TRUE(use_unicode("", "", ""));
  EXPECT_TRUE(use_unicode("", "", "de_DE.UTF-8"));
  EXPECT_TRUE(use_unicode("", "C.utf8", "C"));
  EXPECT_TRUE(use_unicode("", "", "de_DE.UTF-8@euro"));
  EXPECT_TRUE(use_unicode("", "", "en_US"));
  EXPECT_FALSE(use_unicode("C", "", "en_US.UTF-8"));
  EXPECT_FALSE(use_unicode("", "", "POSIX"));
  EXPECT_FALSE(use_unicode("", "", "de_DE.ISO-8859-1"));
}

TEST(Console, WritesAndStartsLines) {
  test::Capture file;
  Console console(file.fd());
  console.write("half");
  console.write_line_start("next\n");
  console.write_line_start("more\n");
  console.show_live({"nothing is live here"});
  EXPECT_EQ(file.take(), "half\nnext\nmore\n");
}

// What is drawn, from the row that the cursor waits in and back to it.
std::string drawn(const std::vector<std::string>& rows) {
  std::string frame = "\r\x1b[?7l\x1b[K";
  for (const std::string& row : rows) frame += "\n" + row + "\x1b[K";
  return frame + fmt::format(
                     "\x1b[J\x1b[{}A\r\x1b"
                     "7\x1b[?7h",
                     rows.size());
}
constexpr std::string_view kErased = "\r\x1b[K\n\x1b[J\x1b[A";

class LiveConsole : public testing::Test {
 protected:
  ConsoleTraits live() {
    return {.live = true,
            .width = [this] { return columns_; },
            .height = [this] { return rows_; },
            .now = [this] { return now_; }};
  }
  /// As `show_live`, long enough after the last time.
  void show(Console& console, const std::vector<std::string>& rows) {
    now_ += Console::kFrame;
    console.show_live(rows);
  }

  test::Capture file_;
  std::size_t columns_ = 40, rows_ = 24;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(LiveConsole, ShowsABlockAndTakesItAway) {
  {
    Console console(file_.fd(), live());
    show(console, {"one", "two", "three", "and no more"});
    EXPECT_EQ(file_.take(), drawn({"one", "two", "three"}));
    show(console, {"one", "two", "three"});
    EXPECT_EQ(file_.take(), "");  // nothing has changed
    show(console, {std::string(39, 'x'), std::string(40, 'y'), "日本語日本語日本語日本語日本語日本語日本語"});
    EXPECT_EQ(file_.take(), drawn({std::string(39, 'x'), std::string(38, 'y') + "…",
                                   "日本語日本語日本語日本語日本語日本語日…"}));
    show(console, {"one"});
    EXPECT_EQ(file_.take(), drawn({"one"}));
    now_ += Console::kFrame;
    console.write("text\n");
    EXPECT_EQ(file_.take(), std::string(kErased) + "text\n" + drawn({"one"}));
    console.write("text\n");
    EXPECT_EQ(file_.take(), std::string(kErased) + "text\n");  // it comes too fast
    EXPECT_FALSE(console.shows_live());
    show(console, {"one"});
    EXPECT_EQ(file_.take(), drawn({"one"}));
    now_ += Console::kFrame;
    console.write("open");
    EXPECT_EQ(file_.take(), std::string(kErased) + "open");
    show(console, {"not behind an open line"});
    EXPECT_EQ(file_.take(), "");
    console.write("\n");
    show(console, {"again"});
    EXPECT_EQ(file_.take(), "\n" + drawn({"again"}));
  }
  EXPECT_EQ(file_.take(), kErased);  // gone when the console goes
}

TEST_F(LiveConsole, IsDrawnTwentyTimesASecond) {
  Console console(file_.fd(), live());
  int frames = 0;
  for (int milliseconds = 0; milliseconds < 10'000; ++milliseconds, now_ += std::chrono::milliseconds(1)) {
    console.show_live({std::to_string(milliseconds)});
    if (milliseconds % 7 == 0) console.write("a line\n");
    const std::string bytes = file_.take();
    for (std::size_t at = 0; (at = bytes.find("\x1b[?7l", at)) != std::string::npos; ++at) ++frames;
  }
  EXPECT_LE(frames, 200);
  EXPECT_GT(frames, 150);
}

TEST_F(LiveConsole, TakesWhatTheWindowHasRoomFor) {
  Console console(file_.fd(), live());
  const std::vector<std::string> block = {"one of twenty-four columns", "two", "three"};
  show(console, block);
  EXPECT_EQ(file_.take(), drawn(block));
  // While it changes: little that could wrap. Then what there is room for.
  columns_ = 39;
  EXPECT_EQ(console.live_rows(), 1u);
  show(console, block);
  EXPECT_EQ(file_.take(), std::string(kErased) + drawn({"one of twenty-four colu…"}));
  now_ += Console::kRest;
  show(console, block);
  EXPECT_EQ(file_.take(), drawn({block[0]}));
  columns_ = 40;
  rows_ = 9;
  EXPECT_EQ(console.live_rows(), 1u);
  rows_ = 10;
  EXPECT_EQ(console.live_rows(), 3u);
  show(console, block);
  EXPECT_EQ(file_.take(), std::string(kErased) + drawn({"one of twenty-four colu…"}));
  now_ += Console::kRest;
  show(console, block);
  EXPECT_EQ(file_.take(), drawn(block));
  rows_ = 3;
  EXPECT_EQ(console.live_rows(), 0u);
  show(console, block);
  EXPECT_EQ(file_.take(), kErased);
  show(console, block);
  EXPECT_EQ(file_.take(), "");
}

TEST_F(LiveConsole, LeavesATerminalAloneThatIsSomebodyElses) {
  ConsoleTraits traits = live();
  bool background = true;
  traits.background = [&] { return background; };
  Console console(file_.fd(), std::move(traits));
  show(console, {"one"});
  EXPECT_EQ(file_.take(), "");
  background = false;
  show(console, {"one"});
  EXPECT_EQ(file_.take(), drawn({"one"}));
}

TEST_F(LiveConsole, StandsNowhereWhileTheProcessIsStopped) {
  Console console(file_.fd(), live());
  show(console, {"one"});
  file_.take();
  std::thread([&] { console.suspend([&] { EXPECT_EQ(file_.take(), kErased); }); }).join();
  EXPECT_FALSE(console.shows_live());
  show(console, {"one"});
  EXPECT_EQ(file_.take(), drawn({"one"}));
}

// Lines are typed while a block is shown, and echoed where the cursor waits.
TEST_F(LiveConsole, WhatIsTypedMovesNothing) {
  for (const std::size_t printed : {3u, 60u}) {
    test::TerminalEmulator screen(columns_, test::TerminalEmulator::Resize::wraps, rows_);
    std::size_t typed = 0;
    ConsoleTraits traits = live();
    traits.typed = [&] { return typed; };
    std::vector<std::string> want;
    {
      Console console(file_.fd(), std::move(traits));
      for (std::size_t i = 0; i < printed; ++i) want.push_back(std::to_string(i));
      for (const std::string& line : want) console.write(line + "\n");
      for (int i = 0; i < 4; ++i) {
        show(console, {"one", "two", "three"});
        screen.write(file_.take());
        const std::string_view echoed = i % 2 == 0 ? "\n\n\n" : "make\n";
        screen.write(echoed);
        typed += echoed.size();
        if (i == 2) console.write("printed\n");
      }
      want.push_back("printed");
    }
    screen.write(file_.take());
    EXPECT_EQ(screen.lines(), want);
    EXPECT_EQ(screen.surprises(), "");
  }
}

// From any width to any other in one step.
TEST_F(LiveConsole, AJumpLeavesNothingBehind) {
  for (const auto kind : {test::TerminalEmulator::Resize::wraps, test::TerminalEmulator::Resize::cuts}) {
    columns_ = 200;
    test::TerminalEmulator screen(columns_, kind);
    Console console(file_.fd(), live());
    console.write("kept\n");
    for (const std::size_t next : {200u, 40u, 300u, 100u, 40u, 7u, 50u}) {
      columns_ = next;
      screen.resize(columns_);
      for (int i = 0; i < 3; ++i, now_ += Console::kRest)
        show(console, std::vector(3, fmt::format("{} {:x>300}", i, "")));
      screen.write(file_.take());
    }
    console.write("end\n");
    console.clear_live();
    screen.write(file_.take());
    EXPECT_EQ(screen.lines(), (std::vector<std::string>{"kept", "end"}));
  }
}

TEST(Console, AReaderWhoLeavesIsNoError) {
  ASSERT_NE(signal(SIGPIPE, SIG_IGN), SIG_ERR);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Console console(ends[1]);
  console.write("one\n");
  EXPECT_FALSE(console.closed());
  close(ends[0]);
  console.write("two\n");
  EXPECT_TRUE(console.closed());
  EXPECT_EQ(console.problem(), "");
  console.write("three\n");
  close(ends[1]);
}

TEST(Console, AFullDiskIsRemembered) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  Console console(full);
  console.write("one\n");
  EXPECT_TRUE(console.closed());
  EXPECT_EQ(console.problem(), "No space left on device");
  close(full);
}

TEST(Console, WaitsForASlowReaderOfANonBlockingPipe) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i) + "\n";  // several times what a pipe holds
  std::string got;
  std::thread reader([&] {
    char piece[1000];
    for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;)
      got.append(piece, static_cast<std::size_t>(n));
  });
  {
    Console console(ends[1]);
    console.write(text);
    EXPECT_FALSE(console.closed());
  }
  close(ends[1]);
  reader.join();
  close(ends[0]);
  EXPECT_EQ(got, text);
}

TEST(Console, ATerminalIsAskedForItsWidth) {
  winsize size{24, 63, 0, 0};
  int controller = -1, terminal = -1;
  ASSERT_EQ(openpty(&controller, &terminal, nullptr, nullptr, &size), 0);
  EXPECT_TRUE(is_terminal(terminal));
  EXPECT_EQ(terminal_width(terminal), 63u);
  size.ws_col = 31;
  ASSERT_EQ(ioctl(controller, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(terminal_width(terminal), 31u);
  size.ws_col = 0;
  ASSERT_EQ(ioctl(controller, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(terminal_width(terminal), 80u);
  const int again = dup(terminal);
  EXPECT_TRUE(same_destination(terminal, again));
  test::Capture file;
  EXPECT_FALSE(same_destination(terminal, file.fd()));
  EXPECT_FALSE(is_terminal(file.fd()));
  close(again);
  close(terminal);
  close(controller);
}

// A window is dragged while a live block is shown and lines are printed, and we learn of its new width a moment
// after the terminal has put its lines in order: every printed line is still there, once, and of the block nothing.
TEST_F(LiveConsole, AResizeLeavesNothingBehind) {
  using test::TerminalEmulator;
  for (const auto kind : {TerminalEmulator::Resize::wraps, TerminalEmulator::Resize::cuts}) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
      std::uint32_t random = seed * 2654435761u;
      const auto below = [&](std::uint32_t n) {
        return (random = random * 1664525 + 1013904223, (random >> 16) % n);
      };
      std::size_t columns = 80;  // of the window; columns_: what we are told
      columns_ = columns;
      TerminalEmulator screen(columns, kind, 24);
      std::vector<std::string> printed;
      {
        Console console(file_.fd(), live());
        const auto show_some = [&] {
          if (below(2) == 0) now_ += Console::kRest;
          std::vector<std::string> block;
          for (std::uint32_t i = 0; i <= below(3); ++i)
            block.push_back("live " + std::string(below(160), 'x'));
          show(console, block);
          screen.write(file_.take());
        };
        for (int i = 0; i < 60; ++i) {
          switch (below(4)) {
            case 0:
              printed.push_back("kept" + std::to_string(i));
              console.write(printed.back() + "\n");
              break;
            case 1:
              columns = 10 + below(140);  // never so that "kept" is cut
              screen.resize(columns);
              if (below(2) == 0) show_some();
              columns_ = columns;
              break;
            default:
              show_some();
          }
          screen.write(file_.take());
        }
      }
      screen.write(file_.take());
      ASSERT_EQ(screen.lines(), printed)
          << "seed " << seed << (kind == TerminalEmulator::Resize::wraps ? ", wraps" : ", cuts");
      ASSERT_EQ(screen.surprises(), "");
      ASSERT_EQ(screen.wraps(), 0u);
    }
  }
}

}  // namespace
}  // namespace buildspec_run
