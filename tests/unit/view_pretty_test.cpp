#include "runner/cli/view_pretty.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>

#include <csignal>

#include "runner/cli/terminal_text.h"
#include "tests/support/terminal_emulator.h"
#include "tests/support/view_fixture.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;

class PrettyViewTest : public test::ViewFixture {
 protected:
  void open(ConsoleTraits traits, bool quiet = false, bool show_output = false) {
    ViewOptions made = options();
    made.quiet = quiet;
    made.show_output = show_output;
    open(std::move(traits), made);
  }
  void open(ConsoleTraits traits, const ViewOptions& made) {
    if (!traits.width) traits.width = [this] { return columns_; };
    if (!traits.height) traits.height = [this] { return rows_; };
    traits.now = [this] { return now_; };
    view_.reset();  // it writes to its console to the end
    out_ = std::make_unique<Console>(out_file_.fd(), std::move(traits));
    err_ = std::make_unique<Console>(out_file_.fd());
    view_ = make_pretty_view(*out_, *err_, made);
  }
  void a_failing_build() {
    run_started();
    tell(BuildStarted{"local:1", 1});
    phase_started("DOWNLOAD_SOURCE", 0);
    tell(Diagnosed{
        "warning", "unknown-key", "unknown key \"x\"", Place{"buildspec.yml", 3, 5},
        "buildspec.yml:3:5: warning: unknown key \"x\" [unknown-key]\n    3 |     x: 1\n      |     ^\n"});
    phase_finished("DOWNLOAD_SOURCE", 1ms);
    phase_started("INSTALL", 0);
    phase_finished("INSTALL", 0ms);
    phase_started("BUILD", 3);
    task_started("build[0]", "npm run build -- --everything");
    output("folded\n");
    task_succeeded(12ms);
    task_started("build[1]", "cd sub\nmake test\n");
    output("first\nsecond\n");
    output("third");
    task_failed(2, 125s, "is make there?");
    phase_failed("BUILD", "COMMAND_EXECUTION_ERROR", "Error while executing command: …", 126s);
    phase_started("POST_BUILD", 1);
    task_started("post_build[0]", "echo done");
    task_succeeded(3ms);
    phase_finished("POST_BUILD", 4ms);
    tell(VariablesExported{{{"VERSION", "1.2.3"}}});
    tell(BuildFinished{"local:1", Status::failed, false, 127s});
    run_failed("BUILD", "build[1]", "cd sub\nmake test\n", 127s);
  }
  /// What a window shows in which these bytes are all that was written.
  [[nodiscard]] std::string seen(std::string_view bytes) const {
    test::TerminalEmulator screen(columns_);
    screen.write(bytes);
    EXPECT_EQ(screen.surprises(), "");
    std::string text;
    for (const std::string& line : screen.lines()) text += line + "\n";
    return text;
  }
  std::size_t columns_ = 40, rows_ = 24;
};

TEST_F(PrettyViewTest, TellsAFailingBuildInFortyColumns) {
  open({});
  a_failing_build();
  EXPECT_EQ(out_file_.take(),
            "buildspec.yml in /home/me/app\n"
            "shell /bin/sh, buildspec-run 0.1.0\n"
            "buildspec.yml:3:5: warning: unknown key\n"
            "    \"x\" [unknown-key]\n"
            "    3 |     x: 1\n"
            "      |     ^\n"
            "\n"
            "▸ BUILD\n"
            "  ✓ build[0]  npm run build -- --… 12ms\n"
            "  ✗ build[1]  cd sub …           2m 05s\n"
            "    $ cd sub\n"
            "      make test\n"
            "    │ first\n"
            "    │ second\n"
            "    │ third\n"
            "    exit status 2 at buildspec.yml:12:9\n"
            "    hint: is make there?\n"
            "✗ BUILD failed                   2m 06s\n"
            "\n"
            "▸ POST_BUILD\n"
            "  ✓ post_build[0]  echo done        3ms\n"
            "✓ POST_BUILD succeeded              4ms\n"
            "\n"
            "build[1]  cd sub …\n"
            "    │ first\n"
            "    │ second\n"
            "    │ third\n"
            "1 warning\n"
            "  buildspec.yml:3:5: unknown key \"x\"\n"
            "    [unknown-key]\n"
            "exported\n"
            "  VERSION=1.2.3\n"
            "log: /state/log\n"
            "FAILED in BUILD, build[1] `cd sub …` (exit status 2) at buildspec.yml:12:9\n");
}

TEST_F(PrettyViewTest, ASuccessInEightyColumns) {
  columns_ = 80;
  open({});
  run_started();
  phase_started("BUILD", 2);
  task_started("build[0]",
               "docker build -t registry.example.com/team/service:latest --build-arg A=B --no-cache .");
  task_succeeded(61s);
  task_started("build[1]", "echo 日本語のテキスト、とても長いので行の終わりを越えてしまいます、そうですよね");
  task_succeeded(4100ms);
  phase_finished("BUILD", 65100ms);
  run_succeeded(65200ms);
  EXPECT_EQ(out_file_.take(),
            "buildspec.yml in /home/me/app\n"
            "shell /bin/sh, buildspec-run 0.1.0\n"
            "\n"
            "▸ BUILD\n"
            "  ✓ build[0]  docker build -t registry.example.com/team/service:latest … 1m 01s\n"
            "  ✓ build[1]  echo 日本語のテキスト、とても長いので行の終わりを越えてしま… 4.1s\n"
            "✓ BUILD succeeded                                                        1m 05s\n"
            "\n"
            "log: /state/log\n"
            "SUCCEEDED in 1m 05s, 2 commands\n");
}

TEST_F(PrettyViewTest, SaysHowMuchOfTheOutputIsLeftOut) {
  open({});
  run_started();
  phase_started("BUILD", 1);
  task_started("build[0]", "make");
  std::string all;
  for (int i = 1; i <= 42; ++i) all += "line " + std::to_string(i) + "\n";
  output(all);
  task_failed(1, 1s);
  const std::string text = out_file_.take();
  EXPECT_NE(text.find("    │ [2 earlier lines are in the log]\n    │ line 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    │ line 42\n    exit status 1 at"), std::string::npos) << text;
}

TEST_F(PrettyViewTest, SaysWhatShowsAllOfTheOutputOfAKeptRun) {
  open({});
  RunStarted started;
  started.log_file = "/state/runs/20261124T060444Z-1f2e3d4c/log";
  tell(started);
  phase_started("BUILD", 1);
  task_started("build[0]", "make");
  std::string all;
  for (int i = 1; i <= 42; ++i) all += "line " + std::to_string(i) + "\n";
  output(all);
  task_failed(1, 1s);
  const std::string text = out_file_.take();
  EXPECT_NE(text.find("[2 earlier lines: buildspec-run show 1f2e3d4c --failed]\n"), std::string::npos)
      << text;
}

TEST_F(PrettyViewTest, ColorsAreOursAndTheirs) {
  open({.color = true});
  phase_started("BUILD", 1);
  task_started("build[0]", "make");
  output("\x1b[31mbad\n\x1b]0;title\astill red\x1b[2J\n");
  task_failed(1, 1s);
  EXPECT_EQ(out_file_.take(),
            "\n\x1b[1m▸ BUILD\x1b[0m\n"
            "  \x1b[1;31m✗\x1b[0m build[0]  make                 \x1b[2m1.0s\x1b[0m\n"
            "    \x1b[2m│\x1b[0m \x1b[31mbad\x1b[0m\n"
            "    \x1b[2m│\x1b[0m \x1b[31mstill red\x1b[0m\n"
            "    \x1b[1;31mexit status 1\x1b[0m at buildspec.yml:12:9\n");
}

TEST_F(PrettyViewTest, CommandsStandBelowOneAnother) {
  open({});
  phase_started("BUILD", 11);
  task_started("build[9]", "nine");
  task_succeeded(1ms);
  task_started("build[10]", "ten");
  task_succeeded(1ms);
  task_started("build.finally[0]", "after all");
  task_succeeded(1ms);
  EXPECT_EQ(out_file_.take(),
            "\n▸ BUILD\n"
            "  ✓ build[9]   nine                 1ms\n"
            "  ✓ build[10]  ten                  1ms\n"
            "  ✓ build.finally[0]  after all     1ms\n");
}

TEST_F(PrettyViewTest, BreaksSentencesBetweenWords) {
  open({});
  tell(RunStarted{"0.1.0", "/home/me/app/sub", "/home/me/app", "b.yml", "/bin/sh", ""});
  phase_started("BUILD", 1);
  task_started("build[0]", "make");
  task_failed(1, 1s, "a hint that does not fit into one line of forty");
  EXPECT_EQ(out_file_.take(),
            "b.yml in /home/me/app/sub\n"
            "shell /bin/sh, buildspec-run 0.1.0\n"
            "note: the root of the repository is\n"
            "  /home/me/app; the cloud would start\n"
            "  there\n"
            "\n▸ BUILD\n"
            "  ✗ build[0]  make                 1.0s\n"
            "    exit status 1 at buildspec.yml:12:9\n"
            "    hint: a hint that does not fit into\n"
            "      one line of forty\n");
}

TEST_F(PrettyViewTest, AsciiWhereUnicodeIsNotShown) {
  open({.unicode = false});
  phase_started("BUILD", 1);
  task_started("build[0]", "make a very long thing of it, indeed");
  output("bad\n");
  task_failed(1, 1s);
  EXPECT_EQ(out_file_.take(),
            "\n> BUILD\n"
            "  x build[0]  make a very long ... 1.0s\n"
            "    $ make a very long thing of it, indeed\n"
            "    | bad\n"
            "    exit status 1 at buildspec.yml:12:9\n");
}

TEST_F(PrettyViewTest, QuietlyTellsWhatFailed) {
  open({.live = true}, /*quiet=*/true);
  a_failing_build();
  EXPECT_EQ(out_file_.take(),
            "  ✗ build[1]  cd sub …           2m 05s\n"
            "    $ cd sub\n"
            "      make test\n"
            "    │ first\n"
            "    │ second\n"
            "    │ third\n"
            "    exit status 2 at buildspec.yml:12:9\n"
            "    hint: is make there?\n"
            "1 warning\n"
            "  buildspec.yml:3:5: unknown key \"x\"\n"
            "    [unknown-key]\n"
            "log: /state/log\n"
            "FAILED in BUILD, build[1] `cd sub …` (exit status 2) at buildspec.yml:12:9\n");
}

TEST_F(PrettyViewTest, ShowsOutputWhenAsked) {
  open({.live = true}, /*quiet=*/false, /*show_output=*/true);
  phase_started("BUILD", 1);
  task_started("build[0]", "cd sub\nmake");
  output("raw\t");
  pass(10s);
  view_->tick();
  output("output");
  task_failed(1, 1s);
  EXPECT_EQ(out_file_.take(),
            "\n▸ BUILD\n"
            "  ▸ build[0]  \n"
            "      cd sub\n"
            "      make\n"
            "raw\toutput\n"
            "  ✗ build[0]  cd sub …             1.0s\n"
            "    exit status 1 at buildspec.yml:12:9\n");
}

TEST_F(PrettyViewTest, ShownOutputColorsAndDoesNothingElseToTheTerminal) {
  // Up and erase would take our own lines away, the string set the title, the query have the terminal type.
  const std::string_view said =
      "\x1b[31mr\x1b[2A\x1b[2Ked\x1b]0;title\a\x1b[6n\x1b[?1049h\x1b"
      "c\rone\x1b[";
  for (const bool color : {true, false}) {
    SCOPED_TRACE(color);
    open({.color = color}, /*quiet=*/false, /*show_output=*/true);
    phase_started("BUILD", 1);
    task_started("build[0]", "make");
    output(said);
    output("2J");  // the rest of a sequence
    task_failed(1, 1s);
    const std::string shown = out_file_.take();
    EXPECT_NE(shown.find(color ? "\x1b[31mred\rone\n\x1b[0m  " : "red\rone\n  "), std::string::npos) << shown;
  }
}

TEST_F(PrettyViewTest, APhaseThatFailsWithoutACommandSaysWhy) {
  open({});
  tell(Diagnosed{"error", "yaml", "bad", Place{"b.yml", 2, 1},
                 "b.yml:2:1: error: bad [yaml]\n    2 | x\n      | ^\n"});
  phase_started("DOWNLOAD_SOURCE", 0);
  phase_failed("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", "bad at line 1", 1ms);
  tell(RunFinished{Status::failed, "DOWNLOAD_SOURCE", "", "", std::nullopt, "bad at line 1", 1ms});
  EXPECT_EQ(out_file_.take(),
            "b.yml:2:1: error: bad [yaml]\n    2 | x\n      | ^\n"
            "\n"
            "✗ DOWNLOAD_SOURCE failed            1ms\n"
            "  YAML_FILE_ERROR: bad at line 1\n"
            "\n"
            "FAILED in DOWNLOAD_SOURCE: bad at line 1 at b.yml:2:1\n");
}

TEST_F(PrettyViewTest, ARetryBeginsAnew) {
  open({});
  tell(BuildStarted{"local:1", 1});
  phase_started("BUILD", 1);
  task_started("build[0]", "flaky");
  output("no\n");
  task_failed(1, 1s);
  phase_failed("BUILD", "COMMAND_EXECUTION_ERROR", "…", 1s);
  tell(BuildFinished{"local:1", Status::failed, true, 1s});
  tell(BuildStarted{"local:2", 2});
  phase_started("BUILD", 1);
  task_started("build[0]", "flaky");
  task_succeeded(1s);
  phase_finished("BUILD", 1s);
  run_succeeded(2s);
  EXPECT_EQ(out_file_.take(),
            "\n▸ BUILD\n"
            "  ✗ build[0]  flaky                1.0s\n"
            "    │ no\n"
            "    exit status 1 at buildspec.yml:12:9\n"
            "✗ BUILD failed                     1.0s\n"
            "\nretrying, attempt 2\n"
            "\n▸ BUILD\n"
            "  ✓ build[0]  flaky                1.0s\n"
            "✓ BUILD succeeded                  1.0s\n"
            "\nSUCCEEDED in 2.0s, 1 command\n");
}

TEST_F(PrettyViewTest, NamesALongCommandWhereNothingIsLive) {
  open({});  // as on TERM=dumb
  phase_started("BUILD", 1);
  task_started("build[0]", "sleep 60");
  out_file_.take();
  pass(1900ms);
  view_->tick();
  EXPECT_EQ(out_file_.take(), "");
  pass(100ms);
  view_->tick();
  view_->tick();
  EXPECT_EQ(out_file_.take(), "  ▸ build[0]  sleep 60\n");
}

TEST_F(PrettyViewTest, TheLiveBlockSaysWhatGoesOn) {
  columns_ = 60;
  open({.live = true});
  run_started();
  pass(4s);
  phase_started("BUILD", 7);
  task_started("build[0]", "true");
  task_succeeded(1ms);
  task_started("build[1]", "npm test");
  out_file_.take();
  pass(99ms);
  view_->tick();
  EXPECT_EQ(out_file_.take(), "");  // what is over at once does not flicker
  pass(1ms);
  view_->tick();
  EXPECT_EQ(seen(out_file_.take()),
            "\n"
            "▸ BUILD 2/7  4s\n"
            "  build[1]  0s  npm test\n");
  output("10%\r\x1b[32m42%\x1b[0m\tof it\r");
  EXPECT_EQ(out_file_.take(), "");  // not twice in a twentieth of a second
  pass(3s);
  output("");
  EXPECT_EQ(seen(out_file_.take()),
            "\n"
            "▸ BUILD 2/7  7s\n"
            "  build[1]  3s  npm test\n"
            "  │ 42% of it\n");
  // Nothing is printed, and time goes on.
  pass(1s);
  view_->tick();
  EXPECT_NE(seen(out_file_.take()).find("  4s  npm test\n  │ 42% of it\n"), std::string::npos);
  output("\n日本語 and something much longer than the block is wide, indeed\n");
  pass(61s);
  view_->tick();
  EXPECT_EQ(seen(out_file_.take()),
            "\n"
            "▸ BUILD 2/7  1m 09s\n"
            "  build[1]  1m 05s  npm test\n"
            "  │ 日本語 and something much longer than the block is wid…\n");
  task_succeeded(66s);
  EXPECT_EQ(out_file_.take(),
            "\r\x1b[K\n\x1b[J\x1b[A  ✓ build[1]  npm test                               1m 06s\n");
  // Not yet: this was the second time within a twentieth of a second. A command that goes on brings it back.
  task_started("build[2]", "echo\nmore");
  pass(100ms);
  view_->tick();
  const std::string again = out_file_.take();
  EXPECT_EQ(seen(again), "\n▸ BUILD 3/7  1m 09s\n  build[2]  0s  echo …\n");
  // Where lines come slowly the block stays, below them.
  pass(1s);
  task_succeeded(1s);
  const std::string printed = out_file_.take();
  EXPECT_EQ(seen(again + printed),
            "  ✓ build[2]  echo …                                   1.0s\n"
            "\n"
            "▸ BUILD 3/7  1m 09s\n"
            "  build[2]  0s  echo …\n");
  phase_finished("BUILD", 70s);
  EXPECT_EQ(seen(again + printed + out_file_.take()),
            "  ✓ build[2]  echo …                                   1.0s\n"
            "✓ BUILD succeeded                                    1m 10s\n");
}

TEST_F(PrettyViewTest, ASmallWindowHasOneRowOfIt) {
  for (const bool narrow : {true, false}) {
    columns_ = narrow ? 39 : 60;
    rows_ = narrow ? 24 : 9;
    open({.live = true});
    phase_started("BUILD", 7);
    task_started("build[0]", "npm test");
    output("42% of it\n");
    out_file_.take();
    pass(3s);
    view_->tick();
    EXPECT_EQ(seen(out_file_.take()), narrow ? "\n▸ BUILD 1/7 build[0] 3s npm … │ 42% o…\n"
                                             : "\n▸ BUILD 1/7 build[0] 3s npm test │ 42% of it\n");
    rows_ = 3;
    pass(1s);
    view_->tick();
    EXPECT_EQ(out_file_.take(), "\r\x1b[K\n\x1b[J\x1b[A");
    rows_ = 24;
    columns_ = 60;
  }
}

TEST_F(PrettyViewTest, NothingIsLiveWhileTheUserHasTheTerminal) {
  open({.live = true});
  phase_started("BUILD", 1);
  task_started("build[0]", "make");
  pass(1s);
  view_->tick();
  EXPECT_NE(out_file_.take(), "");
  const auto nothing_is_drawn = [&] {
    const std::string bytes = out_file_.take();
    EXPECT_EQ(bytes.find("\x1b[?7l"), std::string::npos) << bytes;
    pass(1s);
    view_->tick();
    output("in the background\n");
    EXPECT_EQ(out_file_.take(), "");
  };
  tell(ShellOpened{"build[0]", "inside", "/bin/bash", "/src"});
  nothing_is_drawn();
  tell(ShellClosed{"build[0]", "inside", false, "", 1s});
  nothing_is_drawn();
  tell(StopAnswered{"build[0]", "inside", "continue"});
  out_file_.take();
  pass(1s);
  view_->tick();
  EXPECT_NE(out_file_.take().find("\x1b[?7l"), std::string::npos);
}

TEST_F(PrettyViewTest, OneLiveLineSaysWhatIsBeingFetched) {
  using State = ActionFetch::State;
  columns_ = 60;
  open({.live = true});
  const auto shown = [&](ActionFetch fetch) {
    pass(50ms);
    tell(std::move(fetch));
    return seen(out_file_.take());
  };
  EXPECT_EQ(shown({"a/b@v1", State::running, 812}), "\n▸ fetching a/b@v1 812 B\n");
  EXPECT_EQ(shown({"c/d\x1b[2J@v1", State::running, 1'249'999}),
            "\n▸ fetching a/b@v1 812 B, c/d@v1 1.2 MB\n");
  EXPECT_EQ(shown({"a/b@v1", State::done, 999'600}), "\n▸ fetching c/d@v1 1.2 MB\n");
  tell(ActionFetch{"c/d\x1b[2J@v1", State::failed, 1'300'000});
  EXPECT_EQ(out_file_.take(), "\r\x1b[K\n\x1b[J\x1b[A");
  // Where nothing is live, each has a line when it is there; where nothing is wanted, none.
  open({});
  tell(ActionFetch{"a/b@v1", State::running, 812});
  tell(ActionFetch{"a/b@v1", State::done, 999'600});
  tell(ActionFetch{"c/d@v1", State::failed, 1'300'000});
  EXPECT_EQ(out_file_.take(), "  fetched a/b@v1, 1.0 MB\n");
  open({.live = true}, /*quiet=*/true);
  tell(ActionFetch{"a/b@v1", State::running, 812});
  tell(ActionFetch{"a/b@v1", State::done, 999'600});
  EXPECT_EQ(out_file_.take(), "");
}

TEST_F(PrettyViewTest, TheLiveBlockGoesWithTheView) {
  open({.live = true});
  phase_started("BUILD", 1);
  task_started("build[0]", "sleep 60");
  pass(1s);
  view_->tick();
  EXPECT_NE(out_file_.take(), "");
  view_.reset();
  EXPECT_EQ(out_file_.take(), "\r\x1b[K\n\x1b[J\x1b[A");
}

// The same build on a live terminal and without live lines: what stands there in the end is the same.
TEST_F(PrettyViewTest, LiveLinesLeaveNothingBehind) {
  for (const std::size_t columns : {20u, 40u, 80u, 200u}) {
    columns_ = columns;
    std::vector<std::string> screens[2];
    for (const bool live : {false, true}) {
      open({.color = true, .live = live});
      test::TerminalEmulator screen(columns, test::TerminalEmulator::Resize::wraps, rows_);
      bool drawn = false;
      std::uint32_t random = 7;
      const auto below = [&](std::uint32_t n) {
        return (random = random * 1664525 + 1013904223, (random >> 16) % n);
      };
      const std::string_view outputs[] = {"x\n",
                                          "日本語日本語日本語日本語日本語日本語日本語\n",
                                          "\x1b[5A\x1b[2Jboo\a\n",
                                          "no end",
                                          "\r50%",
                                          "\xFF\xFE\n",
                                          "\n\n"};
      run_started();
      for (int phase = 0; phase < 6; ++phase) {
        phase_started("BUILD", 5);
        for (int task = 0; task < 5; ++task) {
          task_started("build[" + std::to_string(task) + "]", "command " + std::string(below(90), 'y'));
          for (int i = 0; i < 12; ++i) {
            output(outputs[below(7)]);
            pass(std::chrono::milliseconds(below(160)));  // never two seconds
            const std::string before = out_file_.take();
            screen.write(before);
            view_->tick();
            const std::string frame = out_file_.take();
            const std::size_t wraps = screen.wraps();
            screen.write(frame);
            EXPECT_EQ(screen.wraps(), wraps) << frame;
            if (live && frame.ends_with("\x1b[?7h")) {
              drawn = true;
              EXPECT_EQ(screen.cursor_line(), "");
              EXPECT_LT(columns_of(screen.lines().back()), columns);
            }
          }
          if (below(4) == 0)
            task_failed(1, 1s);
          else
            task_succeeded(1s);
        }
        phase_finished("BUILD", 1s);
      }
      run_succeeded(1s);
      screen.write(out_file_.take());
      EXPECT_EQ(screen.surprises(), "");
      EXPECT_EQ(drawn, live);
      screens[live ? 1 : 0] = screen.lines();
      view_.reset();
      out_.reset();
      err_.reset();
      now_ = std::chrono::steady_clock::time_point(std::chrono::hours(1));
      out_file_.take();
    }
    EXPECT_EQ(screens[0], screens[1]);
    EXPECT_GT(screens[1].size(), 40u);
  }
}

// A real pseudo-terminal, made narrower in the middle.
TEST_F(PrettyViewTest, OnAPseudoTerminal) {
  winsize size{24, 80, 0, 0};
  int controller = -1, terminal = -1;
  ASSERT_EQ(openpty(&controller, &terminal, nullptr, nullptr, &size), 0);
  test::TerminalEmulator screen(80);
  const auto show = [&] {
    pollfd ready{controller, POLLIN, 0};
    char piece[4096];
    while (poll(&ready, 1, 20) == 1) {
      const ssize_t n = read(controller, piece, sizeof piece);
      if (n <= 0) break;
      screen.write({piece, static_cast<std::size_t>(n)});
    }
  };
  {
    Console out(terminal, {.live = true,
                           .width = [&] { return terminal_width(terminal); },
                           .height = [&] { return terminal_height(terminal); },
                           .now = [this] { return now_; }});
    view_ = make_pretty_view(out, out, options());
    run_started();
    phase_started("BUILD", 1);
    task_started("build[0]", "make all of it");
    output("an output line that is long enough to fill eighty columns, and then some more\n");
    pass(1s);
    view_->tick();
    show();
    EXPECT_EQ(screen.lines(),
              (std::vector<std::string>{
                  "buildspec.yml in /home/me/app", "shell /bin/sh, buildspec-run 0.1.0", "", "▸ BUILD", "",
                  "▸ BUILD 1/1  1s", "  build[0]  1s  make all of it",
                  "  │ an output line that is long enough to fill eighty columns, and then some m…"}));
    size.ws_col = 50;
    ASSERT_EQ(ioctl(controller, TIOCSWINSZ, &size), 0);
    screen.resize(50);
    for (int i = 0; i < 2; ++i) {
      pass(500ms);
      view_->tick();
    }
    show();
    EXPECT_EQ(screen.lines(), (std::vector<std::string>{
                                  "buildspec.yml in /home/me/app", "shell /bin/sh, buildspec-run 0.1.0", "",
                                  "▸ BUILD", "", "▸ BUILD 1/1  2s", "  build[0]  2s  make all of it",
                                  "  │ an output line that is long enough to fill e…"}));
    task_succeeded(3s);
    phase_finished("BUILD", 3s);
    show();
    view_.reset();
  }
  show();
  EXPECT_EQ(screen.lines(),
            (std::vector<std::string>{"buildspec.yml in /home/me/app", "shell /bin/sh, buildspec-run 0.1.0",
                                      "", "▸ BUILD", "  ✓ build[0]  make all of it                 3.0s",
                                      "✓ BUILD succeeded                            3.0s"}));
  EXPECT_EQ(screen.surprises(), "");
  close(terminal);
  close(controller);
}

TEST_F(PrettyViewTest, AClosedTerminalDoesNotStopTheBuild) {
  ASSERT_NE(signal(SIGPIPE, SIG_IGN), SIG_ERR);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[0]);
  {
    Console out(ends[1], {.color = true, .live = true});
    view_ = make_pretty_view(out, out, options());
    a_failing_build();
    EXPECT_TRUE(out.closed());
    view_.reset();
  }
  close(ends[1]);
}

TEST_F(PrettyViewTest, DiagnosticsGoToTheSecondConsoleWhenItIsElsewhere) {
  out_ = std::make_unique<Console>(out_file_.fd());
  err_ = std::make_unique<Console>(err_file_.fd());
  view_ = make_pretty_view(*out_, *err_, options());
  tell(Diagnosed{"note", "n", "so", std::nullopt, "buildspec-run: note: so [n]\n"});
  EXPECT_EQ(out_file_.take(), "");
  EXPECT_EQ(err_file_.take(), "buildspec-run: note: so [n]\n");
}

TEST_F(PrettyViewTest, TellsOfSteps) {
  open(ConsoleTraits{});
  columns_ = 0;
  a_build_of_steps();
  const std::string out = out_file_.take();
  EXPECT_EQ(out.find("endgroup"), std::string::npos) << "the header is folded away";
  EXPECT_NE(out.find("build[0]  One (it failed; continue-on-error)"), std::string::npos) << out;
  EXPECT_NE(out.find("\n  - build[1]  Two (skipped)\n"), std::string::npos) << out;
  EXPECT_NE(out.find("##[error]no\n    exit status 3 at buildspec.yml:12:9\n"), std::string::npos) << out;
}

}  // namespace
}  // namespace buildspec_run
