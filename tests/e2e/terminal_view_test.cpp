// What somebody at a terminal sees while a build runs, and what is left of it: the real program on a pseudo-terminal, whose
// bytes a small terminal takes.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/terminal_emulator.h"

namespace buildspec_run {
namespace {

using test::eventually;
using test::RunningProgram;
using test::Start;
using test::TerminalEmulator;
using Lines = std::vector<std::string>;

const std::string kProgram = PROJECT_BINARY_DIR "/bin/buildspec-run";
constexpr std::string_view kDrawn = "\x1b[?7h";  // a live block ends with it

std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

/// A program and the window that it is in.
class Window {
 public:
  explicit Window(const Start& start)
      : program_(start), screen_(start.columns, TerminalEmulator::Resize::wraps, start.rows) {}

  [[nodiscard]] RunningProgram& program() { return program_; }
  [[nodiscard]] TerminalEmulator& screen() {
    const std::string& bytes = program_.screen();
    screen_.write(std::string_view(bytes).substr(shown_));
    shown_ = bytes.size();
    return screen_;
  }
  [[nodiscard]] std::string text() { return joined(screen().lines()); }
  /// Waits for the window to show `text`.
  void await(std::string_view text) {
    ASSERT_TRUE(eventually([&] { return this->text().find(text) != std::string::npos; })) << text << "\nin\n"
                                                                                          << this->text();
  }
  void resize(unsigned short columns, unsigned short rows) {
    screen().resize(columns);
    program_.resize(columns, rows);
  }
  [[nodiscard]] std::size_t blocks_drawn() {
    const std::string& bytes = program_.screen();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = bytes.find(kDrawn, at)) != std::string::npos; ++at) ++count;
    return count;
  }

 private:
  RunningProgram program_;
  TerminalEmulator screen_;
  std::size_t shown_ = 0;
};

class TerminalView : public testing::Test {
 protected:
  Start start(std::vector<std::string> arguments, unsigned short columns = 80, unsigned short rows = 24) {
    arguments.insert(arguments.begin(), kProgram);
    Start start;
    start.argv = std::move(arguments);
    start.env = env_;
    start.cwd = files_.path();
    start.on_terminal = true;
    start.columns = columns;
    start.rows = rows;
    return start;
  }
  /// Commands of the phase build; `await NAME` waits for `let(NAME)`.
  void buildspec(const std::vector<std::string>& commands) {
    std::string text = "version: 0.2\nphases:\n  build:\n    commands:\n";
    for (const std::string& command : commands) text += "      - " + command + "\n";
    test::put(files_ / "buildspec.yml", text);
    test::put(files_ / "await.sh", "while [ ! -e \"$1\" ]; do sleep 0.02; done\n");
  }
  void let(const std::string& name) { test::put(files_ / name, ""); }
  /// What `show` prints of the last run in such a window.
  std::string shown_again(unsigned short columns) {
    Window window(start({"show"}, columns));
    EXPECT_EQ(window.program().wait(), 0);
    EXPECT_EQ(window.blocks_drawn(), 0u);
    return window.text();
  }

  test::TemporaryDirectory files_;
  std::map<std::string, std::string> env_ = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                             {"HOME", files_.path().native()},
                                             {"LC_ALL", "C.UTF-8"},
                                             {"TERM", "xterm-256color"}};
};

struct Room {
  unsigned short columns, rows;
  Lines block;  // how its rows begin
};

TEST_F(TerminalView, ABlockSaysWhatGoesOnAndNothingOfItIsLeft) {
  const Room kRooms[] = {
      {100, 24, {"▸ BUILD 2/3  ", "  build[1]  ", "  │ all 日本語 of it"}},
      {40, 20, {"▸ BUILD 2/3  ", "  build[1]  ", "  │ all 日本語 of it"}},
      {39, 20, {"▸ BUILD 2/3 build[1] "}},
      {100, 9, {"▸ BUILD 2/3 build[1] "}},
  };
  for (const Room& room : kRooms) {
    SCOPED_TRACE(std::to_string(room.columns) + " by " + std::to_string(room.rows));
    buildspec(
        {"echo before", R"("printf '\\033[5Aall 日本語 of it\\n'\nsh await.sh go")", "ls nothing-here"});
    Window window(start({"run"}, room.columns, room.rows));
    const auto shows_block = [&] {
      const std::string text = window.text();
      return window.screen().cursor_line().empty() && std::ranges::all_of(room.block, [&](const auto& row) {
               return text.find("\n" + row) != std::string::npos;
             });
    };
    ASSERT_TRUE(eventually(shows_block)) << window.text();
    // It prints no more, and time goes on.
    const std::string before = window.text();
    ASSERT_TRUE(eventually([&] { return shows_block() && window.text() != before; })) << window.text();
    let("go");
    EXPECT_EQ(window.program().wait(), 1);
    EXPECT_EQ(window.screen().surprises(), "");
    EXPECT_GT(window.blocks_drawn(), 0u);
    EXPECT_EQ(window.text(), shown_again(room.columns));
    std::filesystem::remove(files_ / "go");
  }
}

TEST_F(TerminalView, IsDrawnTwentyTimesASecondAtMost) {
  buildspec({"\"i=0\\nwhile [ $i -lt 300000 ]; do i=$((i+1)); echo $i; done\"", "sleep 0.3"});
  const auto began = std::chrono::steady_clock::now();
  Window window(start({"run"}));
  EXPECT_EQ(window.program().wait(), 0);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  EXPECT_GT(window.blocks_drawn(), 2u);
  EXPECT_LE(static_cast<double>(window.blocks_drawn()), 20 * took.count() + 1);
}

TEST_F(TerminalView, AWindowMayBeResizedAndTypedInto) {
  buildspec(
      {"echo a line that is long enough to reach far to the right of it all, and then some; sh await.sh one",
       "sh await.sh two"});
  Window window(start({"run"}, 100));
  window.await("  │ a line");
  for (const auto& [columns, rows] : std::vector<std::pair<unsigned short, unsigned short>>{
           {60, 24}, {140, 24}, {30, 24}, {41, 8}, {100, 24}, {80, 24}}) {
    window.resize(columns, rows);
    const std::size_t drawn = window.blocks_drawn();
    ASSERT_TRUE(eventually([&] { return window.blocks_drawn() > drawn; }));
  }
  for (const std::string_view typed : {"type-ahead\n", "\n\n\n"}) {
    const std::size_t drawn = window.blocks_drawn();
    window.program().type(typed);
    ASSERT_TRUE(eventually([&] { return window.blocks_drawn() > drawn; }));
  }
  let("one");
  window.await("build[1]");
  let("two");
  EXPECT_EQ(window.program().wait(), 0);
  const std::string text = window.text();
  EXPECT_EQ(text.find("│"), std::string::npos) << text;
  EXPECT_EQ(text.find("BUILD 1/2"), std::string::npos) << text;
  EXPECT_EQ(window.screen().surprises(), "");
}

TEST_F(TerminalView, NothingIsLiveWhereNobodyLooks) {
  buildspec({"sleep 0.4"});
  for (const auto& [name, value] :
       {std::pair("TERM", "dumb"), std::pair("CI", "true"), std::pair("NO_COLOR", "1")}) {
    const auto before = env_;
    env_[name] = value;
    Window window(start({"run", "--color", "never"}));
    EXPECT_EQ(window.program().wait(), 0);
    EXPECT_EQ(window.program().screen().find('\x1b'), std::string::npos) << name << window.text();
    env_ = before;
  }
}

/// A shell with jobs, as a user has it.
class JobControl : public TerminalView {
 protected:
  Start shell() {
    Start how = start({});
    env_["PS1"] = "prompt> ";
    how.env = env_;
    how.argv = {"/bin/bash", "--norc", "--noediting", "-i"};
    return how;
  }
};

TEST_F(JobControl, ASuspendedBuildLeavesTheWindowToItsShell) {
  buildspec({"echo something; sh await.sh go"});
  Window window(shell());
  window.await("prompt>");
  window.program().type("'" + kProgram + "' run\n");
  window.await("  │ something");
  window.program().type("\x1a");
  window.await("Stopped");
  window.await("run\nprompt>");
  const std::string stopped = window.text();
  EXPECT_EQ(stopped.find("│"), std::string::npos) << stopped;
  EXPECT_EQ(stopped.find("BUILD 1/1"), std::string::npos) << stopped;
  window.program().type("fg\n");
  window.await("  │ something");
  let("go");
  window.await("SUCCEEDED");
  window.program().type("exit\n");
  EXPECT_EQ(window.program().wait(), 0);
  const std::string text = window.text();
  EXPECT_EQ(text.find("│"), std::string::npos) << text;
}

TEST_F(JobControl, ABuildThatQuitsLeavesTheWindowToItsShell) {
  buildspec({"echo something; sh await.sh go"});
  Window window(shell());
  window.await("prompt>");
  window.program().type("ulimit -c 0\n'" + kProgram + "' run\n");
  window.await("  │ something");
  window.program().type("\x1c");
  window.await("Quit");
  window.await("\nprompt>");
  const std::string text = window.text();
  EXPECT_EQ(text.find("│"), std::string::npos) << text;
  window.program().type("exit $?\n");
  EXPECT_EQ(window.program().wait(), 128 + SIGQUIT);
}

TEST_F(JobControl, ABuildInTheBackgroundLeavesThePromptAlone) {
  buildspec({"sleep 2.2"});
  Window window(shell());
  window.await("prompt>");
  window.program().type("'" + kProgram + "' run &\n");
  window.await("SUCCEEDED");
  EXPECT_NE(window.text().find("  ▸ build[0]  sleep 2.2"), std::string::npos)
      << "named, as where nothing is live";
  EXPECT_EQ(window.blocks_drawn(), 0u);
  window.program().type("exit\n");
  EXPECT_EQ(window.program().wait(), 0);
}

}  // namespace
}  // namespace buildspec_run
