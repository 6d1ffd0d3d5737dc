// Kept runs shown again: what `show` prints is what `run` printed, byte for byte, in every format.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::Ran;
using test::TemporaryDirectory;

// A sanitized program takes its time to start.
#if defined(BUILDSPEC_RUN_ADDRESS_SANITIZER) || defined(BUILDSPEC_RUN_THREAD_SANITIZER)
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

struct Case {
  std::string_view name, buildspec;
};
const Case kCases[] = {
    {"success",
     "version: 0.2\nenv: {exported-variables: [A, B]}\nphases:\n  build:\n    commands:\n      - A=1; B=\"x "
     "y\"\n"
     "      - echo out; echo err >&2\n      - printf 'no end'\n      - printf "
     "'a\\033[31mred\\033[0m\\r\\n\\377\\000\\n'\n"},
    {"failure",
     "version: 0.2\nphases:\n  build:\n    commands:\n      - seq 100\n      - |\n        echo one\n        "
     "exit 3\n"
     "      - echo never\n    finally:\n      - echo last\n  post_build:\n    commands:\n      - echo post; "
     "exit 4\n"},
    {"warnings",
     "version: 0.2\nphase: {}\nphases:\n  build:\n    on-failure: CONTINUE\n    comands: [x]\n    commands: "
     "['exit 1']\n"
     "artifacts: {files: ['*']}\n"},
    {"refused", "version: 0.2\nphases:\n  build:\n    commands:\n      - a: b\n"},
    {"retry",
     "version: 0.2\nphases:\n  build:\n    on-failure: RETRY-1\n    commands:\n      - echo try; test -e "
     "mark || { touch "
     "mark; exit 1; }\n"},
    {"steps",
     "version: 0.2\nphases:\n  build:\n    steps:\n      - run: echo hello\n      - run: echo "
     "\"::error file=a.c,line=3::bad\"; exit 1\n        continue-on-error: true\n      - run: echo '# s' >> "
     "$GITHUB_STEP_SUMMARY\n      - run: echo no\n        if: false\n      - run: exit 7\n"},
    {"background",
     "version: 0.2\nphases:\n  build:\n    commands:\n      - (sleep 0.2; echo late) & echo started\n      - "
     "sleep 0.5\n"},
    {"long", "version: 0.2\nphases:\n  build:\n    commands:\n      - echo a; sleep 2.01\n"},
};

class Show : public testing::TestWithParam<Case> {
 protected:
  Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), PROJECT_BINARY_DIR "/bin/buildspec-run");
    return test::run_program(arguments,
                             {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                              {"HOME", (home_ / "my home").string()},
                              {"TMPDIR", home_.path().string()},
                              {"LC_ALL", "C.UTF-8"}},
                             home_ / "the source");
  }
  void SetUp() override { std::filesystem::create_directories(home_ / "the source"); }

  TemporaryDirectory home_;
};

TEST_P(Show, PrintsWhatWasSeen) {
  test::put(home_ / "the source/buildspec.yml", std::string(GetParam().buildspec));
  const std::vector<std::string> kFormats[] = {{"--format", "plain"},
                                               {"--format", "json"},
                                               {"--format", "codebuild"},
                                               {"--format", "pretty"},
                                               {"--format", "pretty", "--verbose"},
                                               {"--format", "pretty", "--color", "always"},
                                               {"--format", "plain", "--quiet"}};
  for (std::vector<std::string> format : kFormats) {
    SCOPED_TRACE(format[1] + " " + format.back());
    if (GetParam().name == "long" && format.back() != "pretty")
      continue;  // the one that says what takes long
    std::filesystem::remove(home_ / "the source/mark");
    const Ran live = run(format);
    format.insert(format.begin(), "show");
    const Ran shown = run(format);
    EXPECT_EQ(shown.exit, 0) << shown.err;
    EXPECT_EQ(shown.out, live.out);
    EXPECT_EQ(shown.err, live.err);
    EXPECT_FALSE(live.out.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Show, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

class KeptRunsTest : public testing::Test {
 protected:
  Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), PROJECT_BINARY_DIR "/bin/buildspec-run");
    return test::run_program(
        arguments, {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", home_.path().string()}}, home_.path());
  }
  void buildspec(const std::string& command) {
    test::put(home_ / "buildspec.yml",
              "version: 0.2\nphases:\n  build:\n    commands:\n      - " + command + "\n");
  }
  [[nodiscard]] std::filesystem::path runs() const { return home_ / ".local/state/buildspec-run/runs"; }
  [[nodiscard]] std::filesystem::path only_run() const {
    for (const auto& entry : std::filesystem::directory_iterator(runs()))
      if (entry.path().filename().string().find('-') != std::string::npos) return entry.path();
    return {};
  }

  TemporaryDirectory home_;
};

TEST_F(KeptRunsTest, ShowSaysOnceWhatIsDamaged) {
  buildspec("echo hello");
  run({"--format", "plain"});
  const std::filesystem::path events = only_run() / "events.jsonl";
  std::string text = test::contents(events);
  const std::size_t first_end = text.find('\n') + 1;
  text.insert(first_end, "nonsense\n{\"v\":1}\n");
  text.resize(text.size() - 5);  // the last event is cut
  test::put(events, text);
  const Ran shown = run({"show"});
  EXPECT_EQ(shown.exit, 0);
  EXPECT_NE(shown.out.find("hello\n"), std::string::npos);
  EXPECT_NE(shown.err.find("is damaged: 2 lines of its events cannot be read, the first in line 2: JSON: "),
            std::string::npos)
      << shown.err;
  EXPECT_NE(shown.err.find("has no end: its process was killed"), std::string::npos) << shown.err;
  const Ran history = run({"history"});
  EXPECT_NE(history.out.find("broken off"), std::string::npos) << history.out;
}

TEST_F(KeptRunsTest, ShowGoesOnWithoutALog) {
  buildspec("echo hello");
  run({"--format", "plain"});
  std::filesystem::remove(only_run() / "log");
  const Ran shown = run({"show", "--format", "plain"});
  EXPECT_EQ(shown.exit, 0);
  EXPECT_NE(shown.out.find("[build[0]] $ echo hello\n"), std::string::npos);
  EXPECT_NE(shown.err.find("its log lacks some of the output"), std::string::npos) << shown.err;
}

TEST_F(KeptRunsTest, HistoryKnowsExitCodes) {
  buildspec("exit 3");
  EXPECT_EQ(run({"--format", "plain"}).exit, 1);
  EXPECT_EQ(test::contents(only_run() / "exit"), "1\n");
  test::put(home_ / "buildspec.yml", "version: 0.2\nphases: {build: {commands: [{a: b}]}}\n");
  EXPECT_EQ(run({"--format", "plain"}).exit, 2);
  const Ran history = run({"history", "--format", "json"});
  EXPECT_NE(history.out.find("\"exit\": 1,"), std::string::npos) << history.out;
  EXPECT_NE(history.out.find("\"exit\": 2,"), std::string::npos) << history.out;
  EXPECT_LT(history.out.find("\"exit\": 2,"), history.out.find("\"exit\": 1,")) << "the newest first";
}

TEST_F(KeptRunsTest, ARunIsMeantByItsBeginning) {
  buildspec("echo hello");
  run({"--format", "plain"});
  const std::string id = only_run().filename();
  for (const std::string& given :
       {id, id.substr(0, 4), id.substr(id.find('-') + 1), id.substr(id.find('-') + 1, 3)})
    EXPECT_EQ(run({"show", given}).exit, 0) << given;
  EXPECT_EQ(run({"show", "x"}).exit, 2);
  EXPECT_NE(run({"show", "../x"}).err.find("no kept run begins with \"../x\""), std::string::npos);
  run({"--format", "plain"});
  EXPECT_NE(run({"show", id.substr(0, 4)}).err.find("2 kept runs begin with"), std::string::npos);
}

TEST_F(KeptRunsTest, PruneSaysWhatItRemoves) {
  buildspec("echo hello");
  for (int i = 0; i < 3; ++i) run({"--format", "plain"});
  const Ran two = run({"prune", "--keep-runs", "2"});
  EXPECT_TRUE(two.out.starts_with("removed 2")) << two.out;
  EXPECT_NE(two.out.find("1 run removed, "), std::string::npos) << two.out;
  EXPECT_NE(two.out.find("; 2 kept\n"), std::string::npos) << two.out;
  EXPECT_EQ(run({"prune"}).out, "0 runs removed, 0 B; 2 kept\n");
  EXPECT_NE(run({"prune", "--all"}).out.find("2 runs removed, "), std::string::npos);
  EXPECT_EQ(run({"prune", "--all", "--keep-runs", "1"}).exit, 2);
  EXPECT_EQ(run({"show"}).exit, 2);
}

TEST_F(KeptRunsTest, DiffFindsTheFirstLineThatDiffers) {
  const auto id_of = [&] {
    return run({"history", "--format", "json", "-n", "1"})
        .out.substr(std::string_view("[\n  {\n    \"run\": \"").size(), 25);
  };
  buildspec("seq 100000; echo same; echo left; echo more; export A=1");
  run({"--format", "plain"});
  const std::string a = id_of();
  run({"--format", "plain"});
  const std::string same = id_of();
  buildspec("seq 100000; echo same; echo right; echo more; exit 5");
  run({"--format", "plain"});
  const std::string b = id_of();
  const Ran equal = run({"diff", a, same});
  EXPECT_EQ(equal.exit, 0) << equal.out << equal.err;
  EXPECT_NE(equal.out.find("the same, but for durations"), std::string::npos);
  const Ran different = run({"diff", a, b});
  EXPECT_EQ(different.exit, 1) << different.err;
  EXPECT_NE(different.out.find("exit status 0 in a, exit status 5 in b"), std::string::npos) << different.out;
  EXPECT_NE(different.out.find("output, line 100002\n      a: left\n      b: right\n"), std::string::npos)
      << different.out;
  EXPECT_EQ(run({"diff", a, "zzz"}).exit, 2);
  EXPECT_EQ(run({"diff", a}).exit, 2);
  const Ran json = run({"diff", a, b, "--format", "json"});
  EXPECT_NE(json.out.find("\"line\": 100002"), std::string::npos) << json.out;
}

TEST_F(KeptRunsTest, ShowFailedLeavesOutTheRest) {
  test::put(
      home_ / "buildspec.yml",
      "version: 0.2\nphases:\n  build:\n    commands:\n      - echo fine\n      - echo broken; exit 3\n  "
      "post_build:\n    commands: [echo after]\n");
  run({"--format", "plain"});
  const Ran shown = run({"show", "--failed", "--format", "plain"});
  EXPECT_EQ(shown.out.find("fine"), std::string::npos) << shown.out;
  EXPECT_EQ(shown.out.find("after\n"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("$ echo broken; exit 3\nbroken\n[build[1]] failed after"), std::string::npos)
      << shown.out;
  buildspec("echo fine");
  run({"--format", "plain"});
  const Ran nothing = run({"show", "--failed"});
  EXPECT_EQ(nothing.out, "");
  EXPECT_NE(nothing.err.find("nothing has failed in run"), std::string::npos);
}

TEST_F(KeptRunsTest, ComparesWithTheCloud) {
  test::put(
      home_ / "buildspec.yml",
      "version: 0.2\nphases:\n  install:\n    commands: [echo i]\n  build:\n    commands:\n      - echo one\n"
      "      - |\n        echo two\n        echo three\n      - exit 3\n");
  const Ran live = run({"--format", "codebuild"});
  EXPECT_EQ(live.exit, 1);
  std::string log = live.out;
  const auto compared = [&](const std::string& text, std::vector<std::string> more = {}) {
    test::put(home_ / "cloud.txt", text);
    more.insert(more.begin(), {"compare", "cloud.txt"});
    return run(more);
  };
  const Ran same = compared(log);
  EXPECT_EQ(same.exit, 0) << same.out << same.err;
  EXPECT_NE(
      same.out.find("  INSTALL  SUCCEEDED, 1 command\n  PRE_BUILD  SUCCEEDED\n  BUILD  FAILED, 3 commands\n"),
      std::string::npos)
      << same.out;
  EXPECT_TRUE(same.out.ends_with("\nthe same way\n"));
  // With the times of CloudWatch, and the stream's name.
  std::string stamped;
  for (std::size_t begin = 0; begin < log.size();) {
    const std::size_t end = log.find('\n', begin) + 1;
    stamped += "2026-11-24T06:04:44.012000+00:00 shop/1f2e " + log.substr(begin, end - begin);
    begin = end;
  }
  EXPECT_EQ(compared(stamped).exit, 0) << compared(stamped).out;

  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string text = log;
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
    return text;
  };
  const Ran exit = compared(replaced("exit status 3", "exit status 4"));
  EXPECT_EQ(exit.exit, 1);
  EXPECT_NE(exit.out.find("! BUILD\n    build[2]  exit status 4 in the cloud, exit status 3 here\n"),
            std::string::npos)
      << exit.out;
  const Ran command = compared(replaced("Running command echo one", "Running command echo uno"));
  EXPECT_EQ(command.exit, 1);
  EXPECT_NE(command.out.find("    in the cloud only: echo uno\n    build[0]  here only: echo one\n"),
            std::string::npos)
      << command.out;
  const Ran status = compared(replaced("INSTALL State: SUCCEEDED", "INSTALL State: FAILED"));
  EXPECT_NE(status.out.find("! INSTALL\n    FAILED in the cloud, SUCCEEDED here\n"), std::string::npos)
      << status.out;
  // An excerpt says nothing of what was before it.
  const Ran excerpt = compared(log.substr(log.rfind("[Container]", log.find("Entering phase BUILD"))));
  EXPECT_EQ(excerpt.exit, 0) << excerpt.out;
  EXPECT_EQ(excerpt.out.find("INSTALL"), std::string::npos) << excerpt.out;
  const Ran json = compared(replaced("exit status 3", "exit status 4"), {"--format", "json"});
  EXPECT_NE(json.out.find("\"differs\": true"), std::string::npos) << json.out;
  EXPECT_EQ(compared("nothing of the cloud's\n").exit, 2);
  const Ran nothing = compared("[Container] 2024/01/01 00:00:00.000000 Running command echo one\n");
  EXPECT_EQ(nothing.exit, 2) << nothing.out;
  EXPECT_NE(nothing.err.find("no phase of a build is in it"), std::string::npos) << nothing.err;
  EXPECT_EQ(run({"compare", "not there"}).exit, 2);
  EXPECT_EQ(run({"compare"}).exit, 2);
  EXPECT_EQ(compared(log, {"no-such-run"}).exit, 2);
}

// Whoever pipes it into head gets no complaint.
TEST_F(KeptRunsTest, ShowEndsWithItsReader) {
  buildspec("seq 1000000");
  run({"--format", "plain"});
  const Ran ran = test::run_program(
      {"bash", "-c", "'" PROJECT_BINARY_DIR "/bin/buildspec-run' show --format plain | head -n 3 | wc -l"},
      {{"PATH", "/usr/bin:/bin"}, {"HOME", home_.path().string()}}, home_.path());
  EXPECT_EQ(ran.out, "3\n");
  EXPECT_EQ(ran.err, "");
}

// A power cut: of what was not yet on the disk, each file may be gone, empty, short, or have zeros where its last blocks
// were. The kept run is a file system's that was cut at such a point; others must not suffer.
TEST_F(KeptRunsTest, APowerCutHarmsOnlyTheRunItHit) {
  buildspec("seq 300; echo first");
  ASSERT_EQ(run({"--format", "plain"}).exit, 0);
  const std::filesystem::path whole = only_run();
  const std::string id = whole.filename();
  const std::string seen = run({"show", id, "--format", "plain"}).out;
  buildspec("seq 2000; echo '::x'; exit 3");
  ASSERT_EQ(run({"--format", "plain"}).exit, 1);
  std::filesystem::path hit;
  for (const auto& entry : std::filesystem::directory_iterator(runs()))
    if (entry.path().filename() != id && entry.path().filename().string().find('-') != std::string::npos)
      hit = entry.path();
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(hit))
    files[entry.path().filename()] = test::contents(entry.path());
  ASSERT_TRUE(files.contains("log") && files.contains("events.jsonl") && files.contains("exit"));

  std::mt19937 random(20261128);
  const auto pick = [&](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  const int rounds = kSlow ? 15 : 60;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    std::filesystem::remove_all(hit);
    std::filesystem::create_directories(hit);
    for (const auto& [name, text] : files) {
      const std::size_t size = text.empty() ? 0 : pick(text.size() + 1);
      switch (pick(5)) {
        case 0:
          break;
        case 1:
          test::put(hit / name, "");
          break;
        case 2:
          test::put(hit / name, text.substr(0, size));
          break;
        case 3:  // the size was written, the blocks were not
          test::put(hit / name, text.substr(0, size) + std::string(text.size() - size, '\0'));
          break;
        default:
          test::put(hit / name, text);
      }
    }
    for (const std::vector<std::string>& look :
         {std::vector<std::string>{"show", hit.filename(), "--format", "plain"},
          {"show", hit.filename(), "--format", "html"},
          {"show", hit.filename(), "--format", "codebuild"},
          {"diff", id, hit.filename()}}) {
      const Ran looked = run(look);
      EXPECT_TRUE(looked.exit >= 0 && looked.exit <= 3)
          << look[0] << " " << look.back() << ": " << looked.exit;
      EXPECT_TRUE(look[0] == "diff" || !looked.out.empty() || !looked.err.empty()) << look.back();
    }
    const Ran history = run({"history"});
    EXPECT_EQ(history.exit, 0) << history.err;
    EXPECT_NE(history.out.find(id), std::string::npos) << history.out;
    EXPECT_EQ(run({"show", id, "--format", "plain"}).out, seen);
  }
  // The next run starts, is kept, and makes room for itself where it is asked to.
  buildspec("echo third");
  EXPECT_EQ(run({"--format", "plain", "--keep-runs", "1"}).exit, 0);
  EXPECT_NE(run({"show", "--format", "plain"}).out.find("\nthird\n"), std::string::npos);
  EXPECT_NE(run({"prune", "--all"}).out.find(" removed, "), std::string::npos);
  EXPECT_EQ(run({"history", "--format", "json"}).out.find("\"id\""), std::string::npos);
}

// Two hundred builds of any shape, each shown as it was seen.
TEST_F(KeptRunsTest, TwoHundredRunsAreShownAsTheyWereSeen) {
  std::mt19937 random(4711);
  const auto pick = [&](int count) { return std::uniform_int_distribution<int>(0, count - 1)(random); };
  const std::string_view kCommands[] = {"echo hello",
                                        "printf 'no end'",
                                        "seq 60",
                                        "exit 4",
                                        "echo err >&2",
                                        "true \\",
                                        "A=$((1+1))",
                                        "printf 'tab\\tred\\033[31m\\rback\\n'",
                                        "cd /",
                                        "kill $$",
                                        "echo caf\u00e9 \u65e5\u672c"};
  const std::vector<std::string> kViews[] = {{"--format", "plain"},
                                             {"--format", "json"},
                                             {"--format", "codebuild"},
                                             {"--format", "pretty"},
                                             {"--format", "pretty", "--verbose"},
                                             {"--format", "plain", "--quiet"}};
  const int runs = kSlow ? 30 : 200;
  for (int i = 0; i < runs; ++i) {
    std::string text = "version: 0.2\nenv: {exported-variables: [A]}\nphases:\n";
    for (const std::string_view phase : {"install", "pre_build", "build", "post_build"}) {
      if (pick(3) == 0) continue;
      text += fmt::format("  {}:\n", phase);
      if (pick(4) == 0) text += "    on-failure: CONTINUE\n";
      const bool steps = pick(4) == 0;
      text += steps ? "    steps:\n" : "    commands:\n";
      for (int n = pick(4) + 1; n > 0; --n) {
        const std::string_view command = kCommands[pick(std::size(kCommands))];
        text += fmt::format("      - {}|\n          {}\n", steps ? "run: " : "", command);
      }
      if (!steps && pick(3) == 0) text += "    finally:\n      - echo finally\n";
    }
    test::put(home_ / "buildspec.yml", text);
    std::vector<std::string> view = kViews[pick(std::size(kViews))];
    const Ran live = run(view);
    view.insert(view.begin(), "show");
    const Ran shown = run(view);
    ASSERT_EQ(shown.exit, 0) << shown.err << text;
    ASSERT_EQ(shown.out, live.out) << text;
    ASSERT_EQ(shown.err, live.err) << text;
  }
}

}  // namespace
}  // namespace buildspec_run
