#include "runner/cli/console.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

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
  EXPECT_TRUE(use_live_lines(true, "xterm"));
  EXPECT_FALSE(use_live_lines(true, "dumb"));
  EXPECT_FALSE(use_live_lines(false, "xterm"));
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
  console.show_live("nothing is live here");
  EXPECT_EQ(file.take(), "half\nnext\nmore\n");
}

TEST(Console, ShowsALiveLineAndTakesItAway) {
  test::Capture file;
  std::size_t columns = 11;
  {
    Console console(file.fd(), {.live = true, .width = [&] { return columns; }});
    console.show_live("0123456789");
    EXPECT_EQ(file.take(), "\n0123456789");
    console.show_live("0123456789");
    EXPECT_EQ(file.take(), "");  // nothing has changed
    console.show_live("0123456789x");
    EXPECT_EQ(file.take(), "\r\x1b[K012345678…");
    console.write("text\n");
    EXPECT_EQ(file.take(), "\r\x1b[A\x1b[Jtext\n");
    console.write("open");
    console.show_live("not behind an open line");
    EXPECT_EQ(file.take(), "open");
    console.write("\n");
    console.show_live("again");
    EXPECT_EQ(file.take(), "\n\nagain");
  }
  EXPECT_EQ(file.take(), "\r\x1b[A\x1b[J");  // gone when the console goes
}

// From any width to one of 40 in one step, and to a bit more than half of a narrower one.
TEST(Console, AJumpLeavesNoGarbage) {
  for (const auto kind : {test::TerminalEmulator::Resize::wraps, test::TerminalEmulator::Resize::cuts}) {
    std::size_t columns = 200;
    test::Capture file;
    test::TerminalEmulator screen(columns, kind);
    Console console(file.fd(), {.live = true, .width = [&] { return columns; }});
    console.write("kept\n");
    for (const std::size_t next : {200u, 40u, 300u, 100u, 40u, 21u}) {
      columns = next;
      screen.resize(columns);
      for (int i = 0; i < 3; ++i) console.show_live(fmt::format("{} {:x>300}", i, ""));
      screen.write(file.take());
    }
    console.write("end\n");
    screen.write(file.take());
    std::vector<std::string> seen = screen.lines();
    std::erase(seen, "");
    EXPECT_EQ(seen, (std::vector<std::string>{"kept", "end"}));
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

// A window is dragged while a live line is shown and lines are printed: every printed line is still there,
// once, and of the live lines nothing is left but empty lines.
TEST(Console, AResizeLeavesNoGarbage) {
  using test::TerminalEmulator;
  for (const auto kind : {TerminalEmulator::Resize::wraps, TerminalEmulator::Resize::cuts}) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
      std::uint32_t random = seed * 2654435761u;
      const auto below = [&](std::uint32_t n) {
        return (random = random * 1664525 + 1013904223, (random >> 16) % n);
      };
      std::size_t columns = 80;
      test::Capture file;
      TerminalEmulator screen(columns, kind);
      std::vector<std::string> printed;
      {
        Console console(file.fd(), {.live = true, .width = [&] { return columns; }});
        for (int i = 0; i < 60; ++i) {
          switch (below(4)) {
            case 0:
              printed.push_back("kept" + std::to_string(i));
              console.write(printed.back() + "\n");
              break;
            case 1:
              // At most to a bit more than half at once, and never so that "kept" is cut.
              columns = below(2) == 0 ? columns + below(40)
                                      : std::max<std::size_t>(
                                            20, columns - below(static_cast<std::uint32_t>(columns * 2 / 5)));
              screen.resize(columns);
              console.show_live("live " + std::string(60 + below(40), 'x'));
              screen.write(file.take());
              [[fallthrough]];  // it rests
            default:
              console.show_live("live " + std::string(60 + below(40), 'x'));
          }
          screen.write(file.take());
        }
      }
      screen.write(file.take());
      std::vector<std::string> seen;
      for (std::string& line : screen.lines())
        if (!line.empty()) seen.push_back(std::move(line));
      ASSERT_EQ(seen, printed) << "seed " << seed
                               << (kind == TerminalEmulator::Resize::wraps ? ", wraps" : ", cuts");
      ASSERT_EQ(screen.surprises(), "");
    }
  }
}

}  // namespace
}  // namespace buildspec_run
