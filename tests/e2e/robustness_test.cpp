// What a build survives, and what it never leaves behind: the real program, killed, interrupted, without
// room, without rights, without a reader. After every test nothing that it started is running.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runner/supervisor/process_table.h"
#include "tests/support/descendants.h"
#include "tests/support/run_program.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/terminal_emulator.h"

namespace buildspec_run {
namespace {

namespace fs = std::filesystem;
using test::contents;
using test::eventually;
using test::put;
using test::RunningProgram;
using test::Start;

// The address sanitizer's own memory is not ours to measure.
#if defined(BUILDSPEC_RUN_ADDRESS_SANITIZER) || defined(BUILDSPEC_RUN_THREAD_SANITIZER)
constexpr bool kMemoryIsOurs = false;
#else
constexpr bool kMemoryIsOurs = true;
#endif

const std::string kProgram = PROJECT_BINARY_DIR "/bin/buildspec-run";

class Robustness : public testing::Test {
 protected:
  void SetUp() override {
    // Whatever loses its parent becomes our child: nothing can leave unseen.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    use_directories(files_.path());
  }

  void TearDown() override {
    test::expect_no_descendants(std::chrono::seconds(5));
    EXPECT_TRUE(may_leave_files_ || fs::is_empty(temporary_)) << "nothing stays in the temporary directory";
  }

  void use_directories(const fs::path& below) {
    source_ = below / "src";
    home_ = below / "home";
    temporary_ = below / "tmp";
    for (const fs::path& each : {source_, home_, temporary_}) fs::create_directories(each);
    env_ = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
            {"HOME", home_.native()},
            {"TMPDIR", temporary_.native()},
            {"LC_ALL", "C.UTF-8"}};
  }

  void buildspec(std::string_view text) { put(source_ / "buildspec.yml", text); }

  Start start(const std::vector<std::string>& options = {}) {
    Start start;
    start.argv = {kProgram, "run", "--env", "FILES=" + files_.path().native()};
    start.argv.insert(start.argv.end(), options.begin(), options.end());
    start.env = env_;
    start.cwd = source_;
    const std::string number = std::to_string(++started_);
    start.out = files_ / ("out" + number);
    start.err = files_ / ("err" + number);
    return start;
  }

  int run(const Start& how) {
    RunningProgram program(how);
    const int exit = program.wait();
    out_ = fs::is_regular_file(how.out) ? contents(how.out) : std::string();  // no end to /dev/full
    err_ = contents(how.err);
    return exit;
  }
  int run(const std::vector<std::string>& options = {}) { return run(start(options)); }

  /// Waits until a command has made `name` in the test's directory.
  void await(const std::string& name) {
    ASSERT_TRUE(eventually([&] { return fs::exists(files_ / name); }))
        << name << " never came; stderr: " << contents(files_ / "err1") << contents(files_ / "out1");
  }

  /// The directories of the kept runs below a state directory, the oldest first.
  static std::vector<fs::path> kept_below(const fs::path& state) {
    std::vector<fs::path> runs;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(state / "buildspec-run/runs", none))
      if (entry.path().filename().native().front() != '.') runs.push_back(entry.path());
    std::sort(runs.begin(), runs.end());
    return runs;
  }
  [[nodiscard]] std::vector<fs::path> kept() const { return kept_below(home_ / ".local/state"); }
  /// The log of the only run there is.
  [[nodiscard]] std::string log() const {
    const auto runs = kept();
    EXPECT_EQ(runs.size(), 1u);
    return runs.empty() ? std::string() : contents(runs.front() / "log");
  }

  test::TemporaryDirectory files_;
  fs::path source_, home_, temporary_;
  std::map<std::string, std::string> env_;
  std::string out_, err_;
  int started_ = 0;
  bool may_leave_files_ = false;
};

// A process that nobody gets by group, session, parent or SIGTERM, and a command that waits: `ready` says
// that both are there.
constexpr std::string_view kEscapes = R"(version: 0.2
phases:
  build:
    commands:
      - |
        cat > "$FILES/escape.sh" <<'END'
        trap '' TERM INT HUP
        if [ "$1" = twice ]; then echo $$ > "$FILES/escaped.new"; mv "$FILES/escaped.new" "$FILES/escaped"; exec sleep 1000; fi
        setsid sh "$0" twice &
        END
        setsid sh "$FILES/escape.sh"
        while [ ! -e "$FILES/escaped" ]; do sleep 0.01; done
        echo before the end
        touch "$FILES/ready"
        sleep 1000
    finally:
      - echo "finally"-ran
  post_build:
    commands:
      - echo "later"-phase
)";

TEST_F(Robustness, KillingTheRunnerEndsTheBuild) {
  buildspec(kEscapes);
  RunningProgram program(start({"--secret", "TOKEN=s3cret-value"}));
  await("ready");
  // The log is written ten times a second.
  EXPECT_TRUE(eventually([&] { return log().find("\nbefore the end\n") != std::string::npos; }));
  program.send(SIGKILL);
  EXPECT_EQ(program.wait(), 128 + SIGKILL);
  EXPECT_NE(log().find("\nbefore the end\n"), std::string::npos) << log();
  // Its files, secrets among them, go as well; only the directory around them is left.
  std::error_code gone;
  EXPECT_TRUE(eventually([&] {
    for (const fs::directory_entry& around : fs::directory_iterator(temporary_, gone))
      if (!fs::is_empty(around, gone)) return false;
    return true;
  }));
  buildspec("version: 0.2\nphases: {build: {commands: [\"true\"]}}\n");
  EXPECT_EQ(run({"--no-keep"}), 0);
  // TearDown: nothing is left.
}

/// The children of `parent`.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const ProcessEntry& entry : read_process_table())
    if (entry.parent == parent && entry.alive) found.push_back(entry.pid);
  return found;
}

// The supervisor is a guard and its worker (runner/supervisor).
class KilledSupervisor : public Robustness, public testing::WithParamInterface<bool> {};

TEST_P(KilledSupervisor, EndsTheBuildWithAnError) {
  buildspec(kEscapes);
  const Start how = start();
  RunningProgram program(how);
  await("ready");
  const std::vector<pid_t> guard = children_of(program.pid());
  ASSERT_EQ(guard.size(), 1u);
  pid_t victim = guard.front();
  if (GetParam()) {
    const std::vector<pid_t> worker = children_of(victim);
    ASSERT_EQ(worker.size(), 1u);
    victim = worker.front();
  }
  ASSERT_EQ(::kill(victim, SIGKILL), 0);
  EXPECT_EQ(program.wait(), 3);
  const std::string said = contents(how.err);
  EXPECT_NE(said.find("supervisor"), std::string::npos) << said;
  EXPECT_NE(log().find("before the end"), std::string::npos) << log();
  EXPECT_EQ(contents(how.out).find("later-phase"), std::string::npos);
  EXPECT_NE(contents(how.out).find("buildspec.yml:5:9"), std::string::npos)
      << "the place that was reached: " << contents(how.out);
}

INSTANTIATE_TEST_SUITE_P(Each, KilledSupervisor, testing::Bool(),
                         [](const auto& each) { return each.param ? "Worker" : "Guard"; });

// A command knows the number of its parent.
TEST_F(Robustness, AStoppedSupervisorHoldsUpNoTimeOut) {
  buildspec(R"(version: 0.2
phases:
  build:
    commands:
      - kill -STOP $PPID; echo "went"-on; sleep 100
)");
  EXPECT_EQ(run({"--command-timeout", "300ms", "--grace", "200ms"}), 1);
  EXPECT_NE(out_.find("went-on"), std::string::npos) << out_;
  EXPECT_NE(out_.find("TIMED OUT in BUILD"), std::string::npos) << out_;
}

TEST_F(Robustness, AStoppedSupervisorHoldsUpNoInterrupt) {
  buildspec(
      "version: 0.2\nphases: {build: {commands: ['kill -STOP $PPID; touch \"$FILES/ready\"; sleep 100']}}\n");
  RunningProgram program(start({"--grace", "200ms"}));
  await("ready");
  program.send(SIGINT);
  EXPECT_EQ(program.wait(), 130);
}

// What cannot be written in the end is said before the first command.
TEST_F(Robustness, RefusesAnExportFileThatCannotBeWritten) {
  buildspec("version: 0.2\nphases: {build: {commands: ['mkdir -p made; touch \"$FILES/ran\"']}}\n");
  fs::create_directories(source_ / "is-a-directory");
  EXPECT_EQ(run({"--export-file", "is-a-directory"}), 3);
  EXPECT_NE(err_.find("--export-file is-a-directory: Is a directory"), std::string::npos) << err_;
  EXPECT_EQ(run({"--export-file", "buildspec.yml/x"}), 3);
  EXPECT_NE(err_.find("--export-file buildspec.yml/x: Not a directory"), std::string::npos) << err_;
  EXPECT_FALSE(fs::exists(files_ / "ran"));
  // The build may make the directory, or not.
  EXPECT_EQ(run({"--export-file", "made/x.env"}), 0) << err_;
  EXPECT_TRUE(fs::exists(source_ / "made/x.env"));
  EXPECT_EQ(run({"--export-file", "never/x.env"}), 3);
  EXPECT_NE(err_.find("the exported variables are not written"), std::string::npos) << err_;
}

struct Signal {
  int number, exit;
  const char* name;
};
class Signalled : public Robustness, public testing::WithParamInterface<Signal> {};

TEST_P(Signalled, StopsTheCommandAndRunsFinally) {
  buildspec(kEscapes);
  const Start how = start({"--grace", "800ms"});
  RunningProgram program(how);
  await("ready");
  program.send(GetParam().number);
  EXPECT_EQ(program.wait(), GetParam().exit);
  const std::string said = contents(how.out);
  EXPECT_NE(said.find("\nfinally-ran\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("later-phase"), std::string::npos) << said;
  EXPECT_NE(log().find("finally-ran"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Each, Signalled,
                         testing::Values(Signal{SIGINT, 130, "Int"}, Signal{SIGTERM, 143, "Term"},
                                         Signal{SIGHUP, 143, "Hup"}),
                         [](const auto& each) { return each.param.name; });

// `heeded` appears when the command has got a SIGINT, and goes on.
constexpr std::string_view kIgnores = R"(version: 0.2
phases:
  build:
    commands:
      - |
        trap '' TERM
        trap 'touch "$FILES/heeded"' INT
        touch "$FILES/ready"
        while :; do sleep 0.02; done
    finally:
      - echo "finally"-ran
)";

TEST_F(Robustness, ASecondInterruptEndsAtOnce) {
  buildspec(kIgnores);
  const Start how = start({"--grace", "1000s"});
  RunningProgram program(how);
  await("ready");
  program.send(SIGINT);
  await("heeded");
  program.send(SIGINT);
  EXPECT_EQ(program.wait(std::chrono::seconds(20)), 130);
  EXPECT_EQ(contents(how.out).find("\nfinally-ran\n"), std::string::npos) << contents(how.out);
}

TEST_F(Robustness, WhatIgnoresEverySignalIsKilledAfterTheGrace) {
  buildspec(kIgnores);
  const Start how = start({"--grace", "200ms"});
  RunningProgram program(how);
  await("ready");
  program.send(SIGINT);
  EXPECT_EQ(program.wait(std::chrono::seconds(20)), 130);
  EXPECT_TRUE(fs::exists(files_ / "heeded")) << "SIGINT came first";
  EXPECT_NE(contents(how.out).find("\nfinally-ran\n"), std::string::npos) << contents(how.out);
}

TEST_F(Robustness, SaysThatNothingIsKeptWithoutAHome) {
  buildspec("version: 0.2\nphases: {build: {commands: ['echo runs']}}\n");
  env_.erase("HOME");
  EXPECT_EQ(run(), 0);
  EXPECT_NE(out_.find("\nruns\n"), std::string::npos);
  EXPECT_NE(err_.find("not kept"), std::string::npos) << err_;
  EXPECT_NE(err_.find("HOME"), std::string::npos) << err_;
}

TEST_F(Robustness, TakesPathsWithBlanksAndUtf8) {
  use_directories(files_ / "so \"ein\" Pfad $HOME 'ü' 漢字");
  const fs::path below = source_ / "unter halb";
  fs::create_directories(below);
  buildspec(
      "version: 0.2\nphases:\n  build:\n    commands:\n      - cd 'unter halb' && X='a  b'\n"
      "      - pwd; echo \"$X\"; printf '%s\\n' \"$CODEBUILD_SRC_DIR\" \"$HOME\" \"$TMPDIR\"\n");
  EXPECT_EQ(run(), 0) << err_;
  const std::string want = below.native() + "\na  b\n" + source_.native() + "\n" + home_.native() + "\n" +
                           temporary_.native() + "\n";
  EXPECT_NE(out_.find(want), std::string::npos) << out_;
  EXPECT_NE(log().find(want), std::string::npos);
}

TEST_F(Robustness, StartsInAnotherDirectory) {
  fs::create_directories(files_ / "elsewhere");
  buildspec("version: 0.2\nphases: {build: {commands: ['pwd; touch made']}}\n");
  Start how = start({"-C", "../src"});
  how.cwd = files_ / "elsewhere";
  EXPECT_EQ(run(how), 0) << err_;
  EXPECT_NE(out_.find("\n" + source_.native() + "\n"), std::string::npos) << out_;
  EXPECT_TRUE(fs::exists(source_ / "made"));
}

TEST_F(Robustness, RefusesNonsense) {
  buildspec("version: 0.2\nphases: {build: {commands: ['touch ran']}}\n");
  const std::vector<std::vector<std::string>> kNonsense = {
      {"--no-such-option"},
      {"--grace"},
      {"--grace", "-1s"},
      {"--timeout", "soon"},
      {"--timeout", "1e400s"},
      {"--format", "xml"},
      {"--keep-runs", "-1"},
      {"--keep-runs", "1x"},
      {"--env", "1A=x"},
      {"--env", "=x"},
      {"--env", "NOT_SET_AT_ALL"},
      {"--env-file", "/no/such"},
      {"-C", "/no/such"},
      {"-C", "buildspec.yml"},
      {"no-such-file.yml"},
      {"one.yml", "two.yml"},
      {"--color=purple"},
      {"--secret", "x y=1"},
      {"--no-keep=yes"},
      {"--sh"},
      {""},
      {"--", "--nothing"},
      {"--secrets-file", "."},
      {std::string("--env=A=\xff\xfe") + std::string(3 << 10, 'x'), "--unknown\x1b[31m"},
  };
  for (const auto& options : kNonsense) {
    SCOPED_TRACE(testing::PrintToString(options));
    EXPECT_EQ(run(options), 2) << out_;
    EXPECT_FALSE(err_.empty());
    EXPECT_EQ(err_.find('\x1b'), std::string::npos) << err_;
    EXPECT_FALSE(fs::exists(source_ / "ran"));
  }
}

TEST_F(Robustness, TwoRunnersShareSourceAndState) {
  // Each waits for the other.
  buildspec(R"(version: 0.2
phases:
  build:
    commands:
      - touch "$FILES/$ME"; while [ ! -e "$FILES/$OTHER" ]; do sleep 0.01; done
      - echo "$ME"-met-"$OTHER"
)");
  const Start one = start({"--env", "ME=one", "--env", "OTHER=two"}),
              two = start({"--env", "ME=two", "--env", "OTHER=one"});
  {
    RunningProgram first(one), second(two);
    EXPECT_EQ(first.wait(), 0) << contents(one.err);
    EXPECT_EQ(second.wait(), 0) << contents(two.err);
  }
  EXPECT_NE(contents(one.out).find("\none-met-two\n"), std::string::npos) << contents(one.out);
  EXPECT_NE(contents(two.out).find("\ntwo-met-one\n"), std::string::npos) << contents(two.out);
  const auto runs = kept();
  ASSERT_EQ(runs.size(), 2u);
  const std::string logs[] = {contents(runs[0] / "log"), contents(runs[1] / "log")};
  for (const std::string said : {"\none-met-two\n", "\ntwo-met-one\n"})
    EXPECT_NE(logs[0].find(said) != std::string::npos, logs[1].find(said) != std::string::npos) << said;
}

TEST_F(Robustness, ABackgroundServerLivesAsLongAsTheBuild) {
  put(source_ / "server.py", R"(import http.server, os
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
with open("port.new", "w") as port: port.write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
)");
  put(source_ / "page", "what it serves\n");
  buildspec(R"yaml(version: 0.2
phases:
  pre_build:
    commands:
      - python3 server.py &
      - while [ ! -e port ]; do sleep 0.02; done
  build:
    commands:
      - python3 -c "import urllib.request as r; print(r.urlopen('http://127.0.0.1:$(cat port)/page').read())"
)yaml");
  EXPECT_EQ(run(), 0) << out_;
  EXPECT_NE(out_.find("what it serves"), std::string::npos) << out_;
}

TEST_F(Robustness, BinaryOutputIsKeptByteByByte) {
  std::string blob;
  std::uint32_t state = 1;
  for (int i = 0; i < 300'000; ++i) blob += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  put(source_ / "blob", blob);
  buildspec("version: 0.2\nphases: {build: {commands: ['cat blob']}}\n");
  EXPECT_EQ(run(), 0);
  EXPECT_NE(log().find("cat blob\n" + blob), std::string::npos);
  EXPECT_NE(out_.find("cat blob\n" + blob), std::string::npos) << "plain passes it on as it is";
}

class LongLine : public Robustness, public testing::WithParamInterface<const char*> {};

TEST_P(LongLine, OfAHundredMegabytesTakesLittleMemory) {
  constexpr std::size_t kBytes = 100'000'000;
  buildspec("version: 0.2\nphases: {build: {commands: ['head -c 100000000 /dev/zero | tr \"\\0\" x']}}\n");
  Start how = start({"--format", GetParam(), "--secret", "S=xyz"});
  how.out = "/dev/null";
  RunningProgram program(how);
  EXPECT_EQ(program.wait(), 0) << contents(how.err);
  if (kMemoryIsOurs) {
    EXPECT_LT(program.peak_kilobytes(), 64 << 10);
  }
  const std::string text = log();
  const std::size_t begin = text.find("\nxxx") + 1;
  EXPECT_EQ(text.find_first_not_of('x', begin) - begin, kBytes);
}

INSTANTIATE_TEST_SUITE_P(Each, LongLine, testing::Values("plain", "json", "pretty"),
                         [](const auto& each) { return std::string(each.param); });

TEST_F(Robustness, AReaderWhoLeavesDoesNotStopTheBuild) {
  buildspec(R"(version: 0.2
phases:
  build:
    commands:
      - touch "$FILES/ready"; while [ ! -e "$FILES/left" ]; do sleep 0.01; done
      - seq 1 30000
      - exit 7
)");
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Start how = start();
  how.out_descriptor = ends[1];
  RunningProgram program(how);
  ::close(ends[1]);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  await("ready");
  ::close(ends[0]);
  put(files_ / "left", "");
  EXPECT_EQ(program.wait(), 1);
  EXPECT_NE(log().find("\n29999\n30000\n"), std::string::npos);
}

TEST_F(Robustness, ClosedDescriptorsDoNotMixUpFiles) {
  buildspec(
      "version: 0.2\nenv: {exported-variables: [X]}\nphases:\n  build:\n    commands:\n"
      "      - echo \"it\" is 'said'; echo \"bad\" >&2; X=1\n      - exit 7\n");
  for (const std::vector<int>& closed :
       std::vector<std::vector<int>>{{1}, {2}, {0}, {1, 2}, {0, 1}, {0, 1, 2}}) {
    SCOPED_TRACE(testing::PrintToString(closed));
    Start how = start();
    how.closed = closed;
    EXPECT_EQ(run(how), 1) << err_;
    const std::string text = log();
    EXPECT_NE(text.find("\nit is said\nbad\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("buildspec: "), std::string::npos) << "the view writes into the log: " << text;
    const std::string events = contents(kept().front() / "events.jsonl");
    EXPECT_EQ(events.substr(0, 2), "{\"") << events;
    EXPECT_EQ(events.find("[run]"), std::string::npos) << events;
    fs::remove_all(home_ / ".local");
  }
}

// Where a disk without room comes from: a tiny file system of our own, mounted for the one program, as root
// or in a user namespace; where neither is permitted, and in a case of its own anyway, a limit to the size of
// files: what fails and when is the same, but for the name of the error.
enum class Small { disk, files };

std::vector<std::string> way_to_mount() {
  for (const std::vector<std::string>& way :
       std::vector<std::vector<std::string>>{{"unshare", "-m"}, {"unshare", "-Urm"}}) {
    std::vector<std::string> trial = way;
    for (const char* word : {"mount", "-t", "tmpfs", "none", "/tmp"}) trial.emplace_back(word);
    if (test::run_program(trial, {{"PATH", "/usr/bin:/bin"}}).exit == 0) return way;
  }
  return {};
}

class WithoutRoom : public Robustness, public testing::WithParamInterface<Small> {
 protected:
  /// Has `script` run by bash, where "$@" is our program and its options, to be run by `tight`. $DISK is a
  /// directory with so little room; what is in it at the end is in `disk_` afterwards.
  int run_with_room(int kilobytes, const std::string& script, const std::vector<std::string>& options = {}) {
    disk_ = files_ / "disk";
    fs::create_directories(disk_);
    Start how = start(options);
    std::vector<std::string> argv = GetParam() == Small::disk ? way_to_mount() : std::vector<std::string>();
    std::string before;
    if (argv.empty()) {
      out_of_room_ = "File too large";
      before = fmt::format("tight() {{ (ulimit -f {}; exec \"$@\"); }}; ", kilobytes);
    } else {
      out_of_room_ = "No space left on device";
      before = fmt::format("mount -t tmpfs -o size={}k none \"$DISK\" || exit 99; tight() {{ \"$@\"; }}; ",
                           kilobytes);
      how.env["COPY"] = files_ / "copy";
    }
    how.env["DISK"] = disk_;
    const std::string after =
        argv.empty() ? "" : "; code=$?; cp -a \"$DISK\" \"$COPY\" || exit 98; exit $code";
    argv.insert(argv.end(), {"bash", "-c", before + script + after, "bash"});
    if (argv.front() == "unshare") argv.front() = "/usr/bin/unshare";
    if (argv.front() == "bash") argv.front() = "/bin/bash";
    how.argv.insert(how.argv.begin(), argv.begin(), argv.end());
    const int exit = run(how);
    if (argv.front() == "/usr/bin/unshare") disk_ = files_ / "copy";
    return exit;
  }

  fs::path disk_;
  std::string out_of_room_;
};

TEST_P(WithoutRoom, ForTheLogTheVerdictAndWhatWasKeptSurvive) {
  buildspec(R"(version: 0.2
phases:
  build:
    commands:
      - echo "say" "$MODE"
      - if [ "$MODE" = long ]; then seq 1 200000; fi
      - echo "end" "$MODE"; test "$MODE" != failing
)");
  const std::string out = files_ / "said";
  env_["OUT"] = out;
  EXPECT_EQ(run_with_room(400, R"(export XDG_STATE_HOME="$DISK"; set -o pipefail
tight "$@" --env MODE=short 2>&1 | cat > "$OUT.short" || exit 90
tight "$@" --env MODE=long 2>&1 | cat > "$OUT.long" || exit 91
tight "$@" --env MODE=failing 2>&1 | cat > "$OUT.failing"; test $? = 1)"),
            0)
      << err_ << contents(out + ".short") << contents(out + ".failing");
  const std::string said = contents(out + ".long");
  EXPECT_NE(said.find("\n200000\n"), std::string::npos);
  EXPECT_NE(said.find("\nend long\n"), std::string::npos);
  const std::string end = said.substr(said.rfind("\nend long\n"));
  EXPECT_NE(end.find("kept only in part"), std::string::npos) << end;
  EXPECT_NE(end.find(out_of_room_), std::string::npos) << end;

  const auto runs = kept_below(disk_);
  ASSERT_GE(runs.size(), 2u);  // of the third there may be nothing
  std::map<std::string, std::string> logs;
  for (const fs::path& each : runs) {
    const std::string log = contents(each / "log");
    for (const std::string mode : {"short", "long", "failing"})
      if (log.find("\nsay " + mode + "\n") != std::string::npos) logs[mode] = log;
    const std::string events = contents(each / "events.jsonl");
    for (std::size_t at = 0, line_end = 0; at < events.size(); at = line_end + 1) {
      line_end = events.find('\n', at);
      ASSERT_NE(line_end, std::string::npos) << "a cut line in " << each;
      EXPECT_EQ(events[at], '{');
      EXPECT_EQ(events[line_end - 1], '}');
    }
  }
  EXPECT_NE(logs["short"].find("\nend short\n"), std::string::npos) << logs["short"];
  EXPECT_NE(logs["long"].find("\n1000\n1001\n"), std::string::npos) << "the part before is there";
  EXPECT_EQ(logs["long"].find("\n200000\n"), std::string::npos);
  const std::string failing = contents(out + ".failing");
  EXPECT_NE(failing.find("\nend failing\n"), std::string::npos) << failing;
  if (out_of_room_ == "No space left on device") {
    EXPECT_NE(failing.find("kept"), std::string::npos) << failing;
  }
}

TEST_P(WithoutRoom, ForTheStateOfTheShellTheBuildFails) {
  // What is lost of a state must never be missing in silence.
  buildspec(R"(version: 0.2
env: {exported-variables: [X]}
phases:
  build:
    commands:
      - X=first
      - X=$(head -c 300000 /dev/zero | tr '\0' y)
      - echo "X has ${#X}"
)");
  EXPECT_NE(run_with_room(64, "TMPDIR=\"$DISK\" tight \"$@\""), 0) << out_;
  EXPECT_EQ(out_.find("X has 5"), std::string::npos) << out_;
  if (out_of_room_ == "No space left on device") {  // else the shell has been killed for writing too much
    EXPECT_NE(err_.find(files_ / "disk"), std::string::npos) << err_;
    // Met while the state is begun, the disk is named by the system's error; met by the shell, by a message
    // of ours.
    EXPECT_TRUE(err_.find(out_of_room_) != std::string::npos ||
                err_.find("could not be written") != std::string::npos)
        << err_;
  }
}

TEST_P(WithoutRoom, ForAnyStateNothingIsRun) {
  buildspec("version: 0.2\nphases: {build: {commands: ['touch ran']}}\n");
  EXPECT_EQ(run_with_room(way_to_mount().empty() || GetParam() == Small::files ? 0 : 64,
                          "set -o pipefail; tight head -c 99999 /dev/zero 2>/dev/null > \"$DISK/fill\"; "
                          "TMPDIR=\"$DISK\" tight \"$@\" --no-keep 2>&1 | cat >&2"),
            3)
      << out_;
  EXPECT_NE(err_.find(out_of_room_), std::string::npos) << err_;
  EXPECT_NE(err_.find(files_ / "disk"), std::string::npos) << "where: " << err_;
  EXPECT_FALSE(fs::exists(source_ / "ran"));
}

INSTANTIATE_TEST_SUITE_P(Each, WithoutRoom, testing::Values(Small::disk, Small::files), [](const auto& each) {
  return each.param == Small::disk ? "OnTheDisk" : "InAFile";
});

TEST_F(Robustness, AStateThatCannotBeBegunIsMissed) {
  // Not one byte of the state can be written, and nobody is killed for trying.
  buildspec(R"(version: 0.2
phases:
  build:
    commands:
      - X=first
      - trap '' XFSZ; ulimit -f 0; X=second
      - echo "X is $X"
)");
  EXPECT_EQ(run(), 3) << out_;
  EXPECT_EQ(out_.find("\nX is first\n"), std::string::npos) << out_;
  EXPECT_NE(err_.find("could not be written"), std::string::npos) << err_;
  EXPECT_NE(out_.find("buildspec.yml:6:9"), std::string::npos) << "where: " << out_;
}

TEST_F(Robustness, AStreamWithoutRoomDoesNotStopTheBuild) {
  buildspec("version: 0.2\nphases: {build: {commands: ['seq 1 30000', 'exit 7']}}\n");
  Start how = start();
  how.out = "/dev/full";
  EXPECT_EQ(run(how), 1);
  EXPECT_NE(log().find("\n29999\n30000\n"), std::string::npos);
}

TEST_F(Robustness, RunsInAReadOnlyDirectory) {
  buildspec("version: 0.2\nphases: {build: {commands: [pwd, 'touch made']}}\n");
  fs::permissions(source_, fs::perms(0555));
  Start how = start();
  how.heeds_permissions = true;
  EXPECT_EQ(run(how), 1);
  EXPECT_NE(out_.find("\n" + source_.native() + "\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("Permission denied"), std::string::npos) << out_;
  fs::permissions(source_, fs::perms(0755));
}

TEST_F(Robustness, SaysThatAReadOnlyStateDirectoryKeepsNothing) {
  buildspec("version: 0.2\nphases: {build: {commands: ['echo runs']}}\n");
  const fs::path runs = home_ / ".local/state/buildspec-run/runs";
  fs::create_directories(runs);
  for (const fs::path& each : {runs, home_}) {
    fs::permissions(each, fs::perms(0555));
    Start how = start();
    how.heeds_permissions = true;
    EXPECT_EQ(run(how), 0);
    EXPECT_NE(out_.find("\nruns\n"), std::string::npos) << out_;
    EXPECT_NE(err_.find("not kept"), std::string::npos) << err_;
    EXPECT_NE(err_.find("ermission denied"), std::string::npos) << err_;
    fs::permissions(each, fs::perms(0755));
    fs::remove_all(home_ / ".local");
  }
}

TEST_F(Robustness, NamesATemporaryDirectoryThatCannotBeUsed) {
  buildspec("version: 0.2\nphases: {build: {commands: ['touch ran']}}\n");
  fs::permissions(temporary_, fs::perms(0555));
  Start how = start();
  how.heeds_permissions = true;
  EXPECT_EQ(run(how), 3);
  EXPECT_NE(err_.find(temporary_.native()), std::string::npos) << err_;
  EXPECT_FALSE(fs::exists(source_ / "ran"));
  env_["TMPDIR"] = files_ / "none";
  EXPECT_EQ(run(), 3);
  EXPECT_NE(err_.find(env_["TMPDIR"]), std::string::npos) << err_;
  EXPECT_FALSE(fs::exists(source_ / "ran"));
}

class OnATerminal : public Robustness {
 protected:
  Start start(const std::vector<std::string>& options = {}) {
    env_["TERM"] = "xterm-256color";
    Start how = Robustness::start(options);
    how.on_terminal = true;
    return how;
  }

  static bool same_settings(const termios& a, const termios& b) {
    return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag &&
           a.c_lflag == b.c_lflag && std::equal(std::begin(a.c_cc), std::end(a.c_cc), std::begin(b.c_cc));
  }

  /// Waits for the program to have shown `text`.
  static void await_screen(RunningProgram& program, const std::string& text) {
    ASSERT_TRUE(eventually([&] { return program.screen().find(text) != std::string::npos; }))
        << text << " in " << program.screen();
  }

  /// The lines that the program has left, on a terminal that is whole again.
  static std::vector<std::string> lines_left(RunningProgram& program) {
    test::TerminalEmulator screen(80);
    screen.write(program.screen());
    EXPECT_EQ(screen.surprises(), "");
    EXPECT_EQ(screen.cursor_line(), "") << "the prompt stands on a line of its own";
    const std::size_t colour = program.screen().rfind("\x1b[");
    if (colour != std::string::npos) {
      const std::string last =
          program.screen().substr(colour, program.screen().find_first_of("mKJA", colour) - colour + 1);
      EXPECT_TRUE(last.back() != 'm' || last == "\x1b[0m" || last == "\x1b[m")
          << "colours are off: " << last.substr(1);
    }
    return screen.lines();
  }
};

TEST_F(OnATerminal, ATypedInterruptReachesTheBuild) {
  buildspec(kEscapes);
  RunningProgram program(start({"--grace", "800ms"}));
  const termios& before = program.initial_settings();
  await("ready");
  await_screen(program, "build[0]");
  program.type("\x03");
  EXPECT_EQ(program.wait(), 130);
  EXPECT_TRUE(same_settings(before, program.settings()));
  const std::vector<std::string> lines = lines_left(program);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  EXPECT_NE(log().find("\nfinally-ran\n"), std::string::npos) << log();
  EXPECT_EQ(text.find("later-phase"), std::string::npos) << text;
  EXPECT_NE(text.find("buildspec.yml:5:9"), std::string::npos) << text;
}

TEST_F(OnATerminal, ASecondTypedInterruptLeavesItWhole) {
  buildspec(kIgnores);
  RunningProgram program(start({"--grace", "1000s"}));
  const termios& before = program.initial_settings();
  await("ready");
  program.type("\x03");
  await("heeded");
  program.type("\x03");
  EXPECT_EQ(program.wait(std::chrono::seconds(20)), 130);
  EXPECT_TRUE(same_settings(before, program.settings()));
  lines_left(program);
}

TEST_F(OnATerminal, ATerminalThatGoesAwayStopsTheBuild) {
  buildspec(kEscapes);
  RunningProgram program(start({"--grace", "800ms"}));
  await("ready");
  program.hang_up();
  EXPECT_EQ(program.wait(), 143);
  EXPECT_NE(log().find("\nfinally-ran\n"), std::string::npos) << log();
}

TEST_F(OnATerminal, AsksForASecretWithoutEcho) {
  buildspec(R"(version: 0.2
phases:
  build:
    commands:
      - test "$TOKEN" = 'open sesame' && echo "told $TOKEN"
)");
  RunningProgram program(start({"--secret", "TOKEN", "--verbose"}));
  const termios& before = program.initial_settings();
  await_screen(program, "TOKEN: ");
  EXPECT_EQ(program.settings().c_lflag & tcflag_t{ECHO}, 0u);
  program.type(
      "open sesamx\x7f"
      "e\r");
  EXPECT_EQ(program.wait(), 0) << program.screen();
  EXPECT_TRUE(same_settings(before, program.settings()));
  EXPECT_NE(program.screen().find("told ***"), std::string::npos) << program.screen();
  EXPECT_EQ(program.screen().find("open"), std::string::npos) << program.screen();
  EXPECT_EQ(log().find("open"), std::string::npos);
  lines_left(program);
}

TEST_F(OnATerminal, AnInterruptAtThePromptRunsNothing) {
  buildspec("version: 0.2\nphases: {build: {commands: ['touch ran']}}\n");
  for (const bool typed : {true, false}) {
    RunningProgram program(start({"--secret", "TOKEN"}));
    await_screen(program, "TOKEN: ");
    const termios quiet = program.settings();
    if (typed)
      program.type("half\x03");
    else
      program.send(SIGTERM);
    EXPECT_EQ(program.wait(), typed ? 130 : 143);
    EXPECT_FALSE(same_settings(quiet, program.settings()));
    EXPECT_NE(program.settings().c_lflag & tcflag_t{ECHO}, 0u);
    EXPECT_EQ(program.screen().find("half"), std::string::npos);
    EXPECT_FALSE(fs::exists(source_ / "ran"));
  }
}

}  // namespace
}  // namespace buildspec_run
