#include "runner/store/run_store.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <thread>

#include "runner/base/json.h"
#include "runner/base/text.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;
using test::contents;
using test::put;
using test::TemporaryDirectory;

const auto kNow = std::chrono::system_clock::from_time_t(1795500284);  // 2026-11-24 06:04:44 UTC
constexpr std::string_view kId = "20261124T060444Z-1f2e3d4c";

mode_t mode_of(const Path& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

/// Tells a sink events as the runner would: numbered, on a clock of the test's.
class Teller {
 public:
  explicit Teller(EventSink& sink) : sink_(sink) {}
  void tell(EventBody body) {
    Event event;
    event.sequence = ++sequence_;
    event.run_id = kId;
    event.build_id = "local:1";
    event.monotonic = clock;
    event.body = std::move(body);
    sink_.on(event);
  }
  void output(std::string_view text) { tell(Output{text, text.ends_with('\n'), false}); }
  void start() { tell(TaskStarted{"BUILD", "build[0]", "make", {"buildspec.yml", 4, 9}}); }
  void finish(Status status = Status::succeeded, int code = 0) {
    tell(TaskFinished{"BUILD", "build[0]", "make", {"buildspec.yml", 4, 9}, status, {code, 0}, 1ms, ""});
  }
  std::chrono::nanoseconds clock{0};

 private:
  EventSink& sink_;
  std::uint64_t sequence_ = 0;
};

std::vector<Value> events_in(const Path& run) {
  std::vector<Value> events;
  const std::string text = contents(run / "events.jsonl");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const Result<Value> event = parse_json(text.substr(begin, end - begin));
    EXPECT_TRUE(event) << text.substr(begin, end - begin);
    if (event) events.push_back(*event);
    begin = end + 1;
  }
  return events;
}

std::string type_of(const Value& event) { return *event.find("type")->string(); }

/// The output the kept events point to, in order.
std::string output_in(const Path& run) {
  const std::string log = contents(run / "log");
  std::string output;
  for (const Value& event : events_in(run)) {
    if (type_of(event) != "output") continue;
    const auto offset = static_cast<std::size_t>(*event.find("offset")->integer());
    const auto bytes = static_cast<std::size_t>(*event.find("bytes")->integer());
    EXPECT_LE(offset + bytes, log.size());
    if (offset <= log.size()) output += log.substr(offset, bytes);
  }
  return output;
}

/// A finished run as it lies on disk, `bytes` large.
void put_run(const Path& state, const std::string& id, std::size_t bytes = 10) {
  put(state / "runs" / id / "log", std::string(bytes, 'x'));
  put(state / "runs" / id / "events.jsonl", "");
  put(state / "runs" / id / "lock", "");
}

std::string runs_in(const Path& state) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(state / "runs"))
    if (entry.path().filename() != ".sizes") names.insert(entry.path().filename());
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : " ") + name;
  return all;
}

TEST(RunStore, RunIdsSortByTimeAndDiffer) {
  const std::string id = make_run_id(kNow);
  EXPECT_EQ(id.size(), kId.size());
  EXPECT_TRUE(id.starts_with("20261124T060444Z-")) << id;
  EXPECT_LT(id, make_run_id(kNow + 1s));
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(make_run_id(kNow));
  EXPECT_EQ(ids.size(), 100u);
}

TEST(RunStore, StateDirectoryFollowsXdg) {
  struct Case {
    std::string xdg, home, want;
  };
  const Case cases[] = {
      {"/x/state", "/home/me", "/x/state/buildspec-run"},
      {"", "/home/me", "/home/me/.local/state/buildspec-run"},
      {"relative", "/home/me", "/home/me/.local/state/buildspec-run"},
      {"", "", ""},
      {"relative", "me", ""},
      {"/x", "", "/x/buildspec-run"},
  };
  for (const auto& [xdg, home, want] : cases)
    EXPECT_EQ(state_directory(xdg, home), want) << xdg << " " << home;
}

TEST(RunStore, KeepsLogAndEvents) {
  const TemporaryDirectory home;
  const Path state = home / "a b/state";
  Path run;
  {
    const mode_t old = ::umask(0);
    Result<std::unique_ptr<KeptRun>> kept = keep_run(state, kId);
    ::umask(old);
    ASSERT_TRUE(kept) << kept.error().message;
    run = (*kept)->directory();
    EXPECT_EQ(run, state / "runs" / kId);
    EXPECT_EQ((*kept)->log_file(), run / "log");
    Teller teller(**kept);
    teller.tell(RunStarted{"0.1.0", "/src", "", "buildspec.yml", "/bin/sh", ""});
    teller.tell(Diagnosed{"warning", "unknown-key", "m", std::nullopt,
                          "buildspec.yml:1:1: warning: m [unknown-key]\n"});
    teller.tell(PhaseStarted{"BUILD", true, 2});
    teller.tell(TaskStarted{"BUILD", "build[0]", "echo a\necho b\n", {"buildspec.yml", 4, 9}});
    teller.output("a\n");
    teller.output("b, and no end");
    teller.finish(Status::failed, 2);
    teller.tell(PhaseFinished{"BUILD", Status::failed, "COMMAND_EXECUTION_ERROR", "it broke", 1500ms});
    teller.tell(RunFinished{Status::failed, "BUILD", "build[0]", "echo a", Place{"buildspec.yml", 4, 9},
                            "it broke", 2s});
    EXPECT_EQ((*kept)->problem(), "");
  }
  EXPECT_EQ(contents(run / "log"),
            "[run] buildspec-run 0.1.0: buildspec.yml in /src\n"
            "buildspec.yml:1:1: warning: m [unknown-key]\n"
            "[BUILD build[0]] $ echo a\n"
            "[BUILD build[0]] > echo b\n"
            "a\n"
            "b, and no end\n"
            "[BUILD build[0]] FAILED: exit status 2 (buildspec.yml:4:9)\n"
            "[BUILD] FAILED in 1.50 s: COMMAND_EXECUTION_ERROR: it broke\n"
            "[run] FAILED in 2.00 s: buildspec.yml:4:9: it broke\n");
  EXPECT_EQ(output_in(run), "a\nb, and no end");
  std::string types;
  for (const Value& event : events_in(run)) types += type_of(event) + " ";
  EXPECT_EQ(types,
            "run-started diagnosed phase-started task-started output output task-finished phase-finished "
            "run-finished ");
  for (const Path& directory : {state, state / "runs", run})
    EXPECT_EQ(mode_of(directory), 0700u) << directory;
  for (const char* file : {"log", "events.jsonl", "lock"}) EXPECT_EQ(mode_of(run / file), 0600u) << file;
}

// What steps write is one Markdown file, and counts when runs are pruned by size.
TEST(RunStore, JoinsTheSummariesOfSteps) {
  TemporaryDirectory files;
  Result<std::unique_ptr<KeptRun>> kept = keep_run(files / "state", kId);
  ASSERT_TRUE(kept) << kept.error().message;
  const auto tell = [&](std::string text) {
    Event event;
    event.body = StepSummarized{"build[0]", "Run x", std::move(text)};
    (*kept)->on(event);
  };
  EXPECT_FALSE(std::filesystem::exists((*kept)->directory() / "summary.md"));
  tell("");
  EXPECT_FALSE(std::filesystem::exists((*kept)->directory() / "summary.md"));
  tell("# One\n");
  tell("two");
  EXPECT_EQ(contents((*kept)->directory() / "summary.md"), "# One\n\ntwo\n\n");
}

TEST(RunStore, KeepsAnyBytesInPiecesOfAnySize) {
  const TemporaryDirectory home;
  std::string all;
  Path run;
  {
    auto kept = keep_run(home.path(), kId);
    ASSERT_TRUE(kept);
    run = (*kept)->directory();
    Teller teller(**kept);
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < 400; ++i) {
      std::string piece(i % 7 == 0 ? 65536 : i * 37 % 5000, '\0');
      for (char& c : piece) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
      if (i % 50 == 0) teller.start();
      teller.output(piece);
      all += piece;
      if (i % 50 == 49) teller.finish();
    }
  }
  EXPECT_TRUE(output_in(run) == all);
}

TEST(RunStore, WritesAtTaskEndsAndWithTime) {
  const TemporaryDirectory home;
  auto kept = keep_run(home.path(), kId);
  ASSERT_TRUE(kept);
  const Path run = (*kept)->directory();
  Teller teller(**kept);
  teller.output("one\n");
  EXPECT_EQ(contents(run / "log"), "");  // held back, or each small line would cost two system calls
  teller.finish();
  EXPECT_EQ(output_in(run), "one\n");
  teller.output("two\n");
  (*kept)->tick();
  EXPECT_EQ(output_in(run), "one\ntwo\n");
  teller.output("three\n");
  EXPECT_EQ(output_in(run), "one\ntwo\n");
  teller.clock += 101ms;
  teller.output("four\n");
  EXPECT_EQ(output_in(run), "one\ntwo\nthree\nfour\n");
}

TEST(RunStore, AKilledRunnerLeavesWhatItWrote) {
  const TemporaryDirectory home;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto kept = keep_run(home.path(), kId);
    if (!kept) ::_exit(1);
    Teller teller(**kept);
    teller.start();
    teller.output(std::string(200'000, 'a'));
    teller.output("the end\n");
    (*kept)->tick();
    teller.output("not yet written");
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  prune_runs(home.path(), {0, 0h, 0}, kNow + 24h);
  EXPECT_EQ(runs_in(home.path()), kId);  // alive, in another process
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(output_in(home / "runs" / kId), std::string(200'000, 'a') + "the end\n");
  prune_runs(home.path(), {0, 0h, 0}, kNow + 24h);
  EXPECT_EQ(runs_in(home.path()), "");  // its lock went with it
}

/// Fills a disk (or meets the limit on a file's size) in `state`; returns what is wrong, "" for nothing.
std::string fill_up(const Path& state, std::string_view cause) {
  auto kept = keep_run(state, kId);
  if (!kept) return kept.error().message;
  const Path run = (*kept)->directory();
  Teller teller(**kept);
  teller.start();
  teller.output("early\n");
  teller.finish();
  const std::string big(50'000, 'x');
  teller.output(big);
  teller.output(big);
  teller.output(big);
  for (int i = 0; i < 100; ++i) teller.output("late\n");
  teller.finish();
  teller.tell(RunFinished{Status::succeeded, "", "", "", std::nullopt, "", 2s});
  const std::string problem = (*kept)->problem();
  if (problem.find(cause) == std::string::npos || problem.find((run / "log").native()) == std::string::npos)
    return "problem: " + problem;
  const std::string log = contents(run / "log");
  if (!log.starts_with("[BUILD build[0]] $ make\nearly\nxxxx") || log.size() < 20'000)
    return "log of " + std::to_string(log.size()) + " bytes: " + log.substr(0, 100);
  const std::string events = contents(run / "events.jsonl");
  if (!events.ends_with('\n')) return "events: " + events;
  if (problem.find(std::to_string(log.size()) + " of ") == std::string::npos) return "kept bytes: " + problem;
  return "";
}

TEST(RunStore, AFullDiskKeepsWhatWasWritten) {
  const TemporaryDirectory home;
  if (::mount("none", home.path().c_str(), "tmpfs", 0, "size=64k") == 0) {
    EXPECT_EQ(fill_up(home.path(), "No space left on device"), "");
    ::umount2(home.path().c_str(), MNT_DETACH);
    return;
  }
  // Not root: a limit on the size of files fails in the same place.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {65536, 65536};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string wrong = fill_up(home.path(), "File too large");
    fmt::print(stderr, "{}\n", wrong);
    ::_exit(wrong.empty() ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(RunStore, RoomThatComesBackKeepsTheVerdict) {
  const TemporaryDirectory home;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto kept = keep_run(home.path(), kId);
    if (!kept) ::_exit(1);
    Teller teller(**kept);
    teller.start();
    const rlimit little = {1000, RLIM_INFINITY}, plenty = {RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &little);
    teller.output(std::string(70'000, 'x'));
    for (int i = 0; i < 100; ++i) teller.output("late\n");
    ::setrlimit(RLIMIT_FSIZE, &plenty);
    teller.tell(RunFinished{Status::failed, "", "", "", std::nullopt, "", 2s});
    ::_exit((*kept)->problem().empty() ? 2 : 0);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  const std::vector<Value> events = events_in(home / "runs" / kId);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(type_of(events[0]), "task-started");
  EXPECT_EQ(type_of(events[1]), "run-finished");
  EXPECT_EQ(contents(home / "runs" / kId / "log").size(), 1000u);
}

TEST(RunStore, SaysWhyARunCannotBeKept) {
  const TemporaryDirectory home;
  put(home / "file", "");
  auto kept = keep_run(home / "file", kId);
  ASSERT_FALSE(kept);
  EXPECT_TRUE(kept.error().message.starts_with("keep run 20261124T060444Z-1f2e3d4c: make directory "))
      << kept.error().message;
  EXPECT_TRUE(kept.error().message.ends_with(": Not a directory")) << kept.error().message;
  ASSERT_TRUE(keep_run(home.path(), kId));
  kept = keep_run(home.path(), kId);
  ASSERT_FALSE(kept);  // there already, and finished
  EXPECT_EQ(runs_in(home.path()), kId);
  if (::mount("none", (home / "runs").c_str(), "tmpfs", MS_RDONLY, "size=64k") == 0) {
    kept = keep_run(home.path(), kId);
    ASSERT_FALSE(kept);
    EXPECT_TRUE(kept.error().message.ends_with(": Read-only file system")) << kept.error().message;
    ::umount((home / "runs").c_str());
  }
}

TEST(RunStore, PrunesTheOldestByCountAgeAndSize) {
  const std::string a = "20261101T000000Z-00000001", b = "20261110T000000Z-00000002",
                    c = "20261120T000000Z-00000003", d = "20261123T000000Z-00000004";
  struct Case {
    PruneLimits limits;
    std::string want;
  };
  const Case cases[] = {
      {{4, 24h * 30, 4000}, fmt::format("{} {} {} {}", a, b, c, d)},
      {{3, 24h * 30, 4000}, fmt::format("{} {} {}", b, c, d)},
      {{1, 24h * 30, 4000}, d},
      {{0, 24h * 30, 4000}, ""},
      {{4, 24h * 10, 4000}, fmt::format("{} {}", c, d)},
      {{4, 24h * 30, 3999}, fmt::format("{} {} {}", b, c, d)},
      {{4, 24h * 30, 1999}, d},
      {{4, 24h * 30, 999}, ""},
  };
  for (const auto& [limits, want] : cases) {
    const TemporaryDirectory home;
    for (const std::string& id : {a, b, c, d}) put_run(home.path(), id, 1000);
    prune_runs(home.path(), limits, kNow);
    EXPECT_EQ(runs_in(home.path()), want) << limits.runs << " " << limits.age.count() << " " << limits.bytes;
  }
}

TEST(RunStore, ArtifactsCountForTheSizeOfTheirRun) {
  const TemporaryDirectory home;
  const std::string old = "20261120T000000Z-00000003", last = "20261123T000000Z-00000004";
  for (const std::string& id : {old, last}) put_run(home.path(), id, 1000);
  std::filesystem::create_directories(home / "runs" / last / "artifacts/dist");
  put(home / "runs" / last / "artifacts/dist/a", std::string(500, 'x'));
  prune_runs(home.path(), {4, 24h * 30, 2500}, kNow);
  EXPECT_EQ(runs_in(home.path()), fmt::format("{} {}", old, last));
  prune_runs(home.path(), {4, 24h * 30, 2499}, kNow);
  EXPECT_EQ(runs_in(home.path()), last);
}

TEST(RunStore, RemembersSizesOfRunsThatHaveEnded) {
  const TemporaryDirectory home;
  const auto id = [](int i) { return fmt::format("20261120T000000Z-{:08x}", i); };
  for (int i = 0; i < 9; ++i) put_run(home.path(), id(i), 100);
  auto kept = keep_run(home.path(), kId);
  ASSERT_TRUE(kept);
  prune_runs(home.path(), {}, kNow);
  std::string want;
  for (int i = 0; i < 9; ++i) want += id(i) + " 100\n";
  EXPECT_EQ(contents(home / "runs/.sizes"), want);  // not that of the one that is alive
  // What is written down counts, and what is alive is asked: 900 + 200 bytes are 100 too many.
  put(home / "runs" / kId / "log", std::string(200, 'x'));
  prune_runs(home.path(), {100, 24h * 30, 1000}, kNow);
  EXPECT_FALSE(std::filesystem::exists(home / "runs" / id(0)));
  EXPECT_TRUE(std::filesystem::exists(home / "runs" / id(1)));
  // Damaged: asked anew.
  put(home / "runs/.sizes", id(1) + " x\n\n " + id(2) + "\n" + id(3));
  prune_runs(home.path(), {100, 24h * 30, 899}, kNow);
  EXPECT_FALSE(std::filesystem::exists(home / "runs" / id(2)));
  EXPECT_TRUE(std::filesystem::exists(home / "runs" / id(3)));
}

TEST(RunStore, PruneLeavesAloneWhatIsAliveOrNotARun) {
  const TemporaryDirectory home;
  prune_runs(home / "nothing here", {}, kNow);
  auto kept = keep_run(home.path(), kId);
  ASSERT_TRUE(kept);
  put_run(home.path(), "20261124T060445Z-00000001");
  put(home / "runs/20261124T060446Z-00000002/log", "half removed: without a lock");
  put(home / "runs/notes/log", "somebody's");
  put(home / "runs/20261124T060446Z-0000000g/log", "no id of ours");
  put(home / "runs/.new-20261124T060447Z-00000003/log", "being made right now");
  put(home / "runs/.new-20261120T060447Z-00000004/log", "left by a crash");
  prune_runs(home.path(), {0, 0h, 0}, kNow);
  EXPECT_EQ(runs_in(home.path()),
            ".new-20261124T060447Z-00000003 20261124T060444Z-1f2e3d4c 20261124T060446Z-0000000g notes");
  kept->reset();
  prune_runs(home.path(), {0, 0h, 0}, kNow);
  EXPECT_EQ(runs_in(home.path()), ".new-20261124T060447Z-00000003 20261124T060446Z-0000000g notes");
}

TEST(RunStore, ManyMayStartAndPruneAtOnce) {
  const TemporaryDirectory home;
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    for (int i = 0; i < 20; ++i) {
      auto kept = keep_run(home.path(), make_run_id(std::chrono::system_clock::now()));
      if (!kept) ::_exit(1);
      Teller teller(**kept);
      teller.start();
      prune_runs(home.path(), {0, 0h, 0}, std::chrono::system_clock::now());
      teller.output("mine\n");
      teller.finish();
      // Still there, whole, whatever the others have pruned meanwhile.
      if (contents((*kept)->log_file()) != "[BUILD build[0]] $ make\nmine\n") ::_exit(2);
    }
    ::_exit(0);
  }
  for (const pid_t child : children) {
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  prune_runs(home.path(), {0, 0h, 0}, std::chrono::system_clock::now());
  EXPECT_EQ(runs_in(home.path()), "");
}

}  // namespace
}  // namespace buildspec_run
