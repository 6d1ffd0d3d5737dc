// Processes by way of the real supervisor and a real sh. Nothing sleeps to wait for something: conditions are
// polled for, with a deadline.
#include "runner/sys/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <set>
#include <thread>

#include "runner/supervisor/process_table.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Clock = std::chrono::steady_clock;
using test::contents;
using test::put;
using test::TemporaryDirectory;

const Path kSupervisor = PROJECT_BINARY_DIR "/libexec/buildspec-run/buildspec-run-supervisor";
constexpr std::chrono::seconds kPatience{20};

std::unique_ptr<ProcessRunner> make_runner(std::stop_token kill_now = {}) {
  auto runner = make_process_runner(kSupervisor, std::move(kill_now));
  check(static_cast<bool>(runner), "the supervisor starts");
  return std::move(*runner);
}

ProcessSpec sh(std::string script, std::map<std::string, std::string> env = {}) {
  env.try_emplace("PATH", "/usr/bin:/bin");
  return {.argv = {"sh", "-c", std::move(script)}, .env = std::move(env), .cwd = "/"};
}

struct Ran {
  ProcessEnd end;
  std::string output;
};
Ran run(ProcessRunner& runner, const ProcessSpec& spec, std::stop_token stop = {}) {
  Ran ran;
  auto end = runner.run(
      spec, [&](std::string_view chunk) { ran.output += chunk; }, std::move(stop));
  EXPECT_TRUE(end) << (end ? "" : end.error().message);
  if (end) ran.end = *end;
  return ran;
}
Ran run(ProcessRunner& runner, std::string script) { return run(runner, sh(std::move(script))); }

Error run_error(ProcessRunner& runner, const ProcessSpec& spec) {
  auto end = runner.run(spec, {}, {});
  EXPECT_FALSE(end);
  return end ? Error{} : end.error();
}

template <class Condition>
bool eventually(Condition condition) {
  const auto give_up = Clock::now() + kPatience;
  while (Clock::now() < give_up) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return condition();
}

/// A process that has ended, if only as a zombie nobody has looked at yet.
bool is_gone(pid_t pid) {
  for (const ProcessEntry& entry : read_process_table())
    if (entry.pid == pid) return !entry.alive;
  return true;
}

/// The number in a file that holds it on a line; waits until the line is whole.
pid_t pid_in(const Path& file) {
  std::string text;
  EXPECT_TRUE(eventually([&] { return (text = contents(file)).ends_with("\n"); })) << file;
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  EXPECT_GT(pid, 1) << file << ": " << text;
  return pid;
}

/// A shell script that leaves behind what is hardest to end: a grandchild in a session of its own, twice
/// forked, that ignores what can be ignored and has closed its streams. Its number is in `file`.
std::string escape_to(const Path& file) {
  return "(setsid sh -c 'trap \"\" TERM INT HUP QUIT; exec >/dev/null 2>&1; (echo $$ >" + file.string() +
         ".new; mv " + file.string() + ".new " + file.string() + "; while :; do sleep 1000; done)' &) ";
}

std::set<pid_t> children_of(pid_t parent) {
  std::set<pid_t> found;
  for (const ProcessEntry& entry : read_process_table())
    if (entry.parent == parent && entry.alive) found.insert(entry.pid);
  return found;
}
/// The two halves of the one supervisor this process has started.
struct Halves {
  pid_t guard = 0, worker = 0;
};
Halves halves() {
  Halves found;
  EXPECT_TRUE(eventually([&] {
    const std::set<pid_t> guards = children_of(getpid());
    if (guards.size() != 1) return false;
    found.guard = *guards.begin();
    const std::set<pid_t> workers = children_of(found.guard);
    if (workers.size() != 1) return false;
    found.worker = *workers.begin();
    return true;
  }));
  return found;
}

TEST(Process, GivesBothStreamsInTheOrderWritten) {
  const auto runner = make_runner();
  std::string script, want;
  for (int i = 0; i < 200; ++i) {
    script += fmt::format("echo {}{}\n", i, i % 3 == 0 ? " >&2" : "");
    want += fmt::format("{}\n", i);
  }
  EXPECT_EQ(run(*runner, script).output, want);
}

TEST(Process, TellsHowItEnded) {
  const auto runner = make_runner();
  EXPECT_EQ(run(*runner, "exit 0").end.exit, (ExitStatus{0, 0}));
  EXPECT_EQ(run(*runner, "exit 1").end.exit, (ExitStatus{1, 0}));
  EXPECT_EQ(run(*runner, "exit 255").end.exit, (ExitStatus{255, 0}));
  EXPECT_EQ(run(*runner, "kill -TERM $$").end.exit, (ExitStatus{143, SIGTERM}));
  EXPECT_EQ(run(*runner, "kill -KILL $$").end.exit, (ExitStatus{137, SIGKILL}));
  const ProcessEnd end = run(*runner, "kill -INT $$").end;
  EXPECT_EQ(end.exit, (ExitStatus{130, SIGINT}));
  EXPECT_FALSE(end.stopped);
  EXPECT_FALSE(end.timed_out);
}

TEST(Process, SaysWhyItCouldNotStart) {
  const TemporaryDirectory directory;
  put(directory / "plain.sh", "#!/bin/sh\n");
  put(directory / "nonsense", "\x01\x02\x03");
  std::filesystem::permissions(directory / "nonsense", std::filesystem::perms::owner_all);
  const auto runner = make_runner();
  ProcessSpec spec = sh("");
  spec.argv = {"no-such-program"};
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::no_such_file_or_directory);
  EXPECT_NE(run_error(*runner, spec).message.find("start no-such-program: "), std::string::npos);
  spec.argv = {""};
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::no_such_file_or_directory);
  spec.argv = {(directory / "plain.sh").string()};
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::permission_denied);
  spec.argv = {directory.path().string()};
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::permission_denied);
  spec.argv = {(directory / "nonsense").string()};
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::executable_format_error);
  spec = sh("true");
  spec.cwd = directory / "not there";
  const Error error = run_error(*runner, spec);
  EXPECT_EQ(error.code, std::errc::no_such_file_or_directory);
  EXPECT_NE(error.message.find("enter directory '" + spec.cwd.string() + "'"), std::string::npos)
      << error.message;
  spec = sh("true");
  spec.argv.push_back(std::string("a\0b", 3));
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::invalid_argument);
  spec.argv.back() = std::string(200u << 10, 'x');  // Linux: MAX_ARG_STRLEN is 128 KiB
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::argument_list_too_long);
  spec.argv.back() = std::string(20u << 20, 'x');
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::argument_list_too_long);
  EXPECT_EQ(run(*runner, "echo still there").output, "still there\n");
}

TEST(Process, LooksItsProgramUpInThePathOfItsEnvironment) {
  const TemporaryDirectory directory;
  put(directory / "unusable/tool", "#!/bin/sh\necho unusable\n");
  put(directory / "first/tool", "#!/bin/sh\necho first\n");
  put(directory / "second/tool", "#!/bin/sh\necho second\n");
  for (const char* name : {"first/tool", "second/tool"})
    std::filesystem::permissions(directory / name, std::filesystem::perms::owner_all);
  const auto runner = make_runner();
  const auto output_with = [&](const std::string& path) {
    ProcessSpec spec;
    spec.argv = {"tool"};
    spec.env = {{"PATH", path}};
    spec.cwd = directory.path();
    return run(*runner, spec).output;
  };
  const std::string here = directory.path().string();
  EXPECT_EQ(output_with(here + "/missing:" + here + "/unusable:" + here + "/first:" + here + "/second"),
            "first\n");
  EXPECT_EQ(output_with("second:first"), "second\n");  // relative to its directory, not to ours
  std::filesystem::copy(directory / "first/tool", directory / "tool");
  EXPECT_EQ(output_with("/nowhere:"), "first\n");  // an empty part is the current directory
}

TEST(Process, GetsExactlyItsEnvironmentAndDirectory) {
  const TemporaryDirectory directory("a name with blanks \xC3\xA9 ");
  ::setenv("BUILDSPEC_RUN_TEST_LEAK", "1", 1);
  const auto runner = make_runner();
  ProcessSpec spec;
  spec.argv = {"/usr/bin/env", "-0"};
  spec.env = {{"A", "1"}, {"B", ""}, {"C", "two\nlines=x \xFF"}};
  spec.cwd = directory.path();
  EXPECT_EQ(run(*runner, spec).output, "A=1\0B=\0C=two\nlines=x \xFF\0"s);
  spec = sh("pwd -P; printf '[%s]' \"$@\"");
  spec.argv.insert(spec.argv.end(), {"sh", "a b", "", "*"});
  spec.cwd = directory.path();
  EXPECT_EQ(run(*runner, spec).output, directory.path().string() + "\n[a b][][*]");
  spec.cwd.clear();
  EXPECT_EQ(run(*runner, spec).output, std::filesystem::current_path().string() + "\n[a b][][*]");
}

TEST(Process, StartsClean) {
  // As bad a parent as can be: signals blocked and ignored, a descriptor that is not closed on exec.
  const int stray = ::open("/dev/zero", O_RDONLY);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD}) sigaddset(&blocked, number);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  struct sigaction ignore {
  }, pipe_before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &pipe_before);
  const auto runner = make_runner();
  const std::string status = run(*runner, "exec cat /proc/self/status").output;
  EXPECT_NE(status.find("SigBlk:\t0000000000000000\n"), std::string::npos) << status;
  EXPECT_NE(status.find("SigIgn:\t0000000000000000\n"), std::string::npos) << status;
  EXPECT_NE(status.find("SigCgt:\t0000000000000000\n"), std::string::npos) << status;
  // The 3 is the directory that ls itself reads.
  EXPECT_EQ(run(*runner, "exec ls /proc/self/fd").output, "0\n1\n2\n3\n");
  EXPECT_EQ(run(*runner, "readlink /proc/self/fd/0; cat; test -t 1 || echo no terminal").output,
            "/dev/null\nno terminal\n");
  EXPECT_EQ(
      run(*runner,
          "set -- $(cat /proc/$$/stat); test $1 = $5 && test $1 = $6 && test $7 = 0 && echo own session")
          .output,
      "own session\n");
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(run(*runner, "umask").output, fmt::format("{:04o}\n", mask));
  ::sigaction(SIGPIPE, &pipe_before, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(stray);
}

TEST(Process, DoesSomethingElseMeanwhile) {
  const TemporaryDirectory directory;
  const auto runner = make_runner();
  ProcessSpec spec =
      sh("while ! [ -e '" + (directory / "go").string() + "' ]; do sleep 0.01; done; echo gone on");
  spec.meanwhile = [&] { put(directory / "go", ""); };  // were it called too late, this would never end
  spec.deadline = Clock::now() + kPatience;
  const Ran ran = run(*runner, spec);
  EXPECT_EQ(ran.output, "gone on\n");
  EXPECT_FALSE(ran.end.timed_out);
}

TEST(Process, RunsAThousandOneAfterTheOther) {
  const auto runner = make_runner();
  for (int i = 0; i < 1000; ++i) {
    const Ran ran = run(*runner, fmt::format("echo {}; exit {}", i, i % 7));
    ASSERT_EQ(ran.output, fmt::format("{}\n", i));
    ASSERT_EQ(ran.end.exit.code, i % 7);
  }
}

TEST(Process, LeavesABackgroundServerAlive) {
  const TemporaryDirectory directory;
  const std::string here = directory.path().string();
  ASSERT_EQ(::mkfifo((here + "/say").c_str(), 0600), 0);
  std::string background;
  const auto runner = make_runner();
  runner->on_background([&](std::string_view chunk) { background += chunk; });
  // The server says each line that it is told, and confirms in a file.
  const Ran started =
      run(*runner, "cd " + here +
                       "; (exec 3<>say; echo $(exec sh -c 'echo $PPID') >pid; n=0; while read -r line <&3; "
                       "do echo \"server: $line\"; n=$((n + 1)); echo $n >said; done) & "
                       "echo started");
  EXPECT_EQ(started.output, "started\n");
  const pid_t server = pid_in(directory / "pid");
  const auto tell = [&](const std::string& line, const std::string& count) {
    const int fifo = ::open((here + "/say").c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(::write(fifo, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    ::close(fifo);
    ASSERT_TRUE(eventually([&] { return contents(directory / "said") == count; }));
  };
  tell("one\n", "1\n");
  EXPECT_EQ(background, "");
  EXPECT_EQ(run(*runner, "echo second").output, "second\n");
  EXPECT_EQ(background, "server: one\n");
  EXPECT_FALSE(is_gone(server));
  tell("two\n", "2\n");
  const auto ended = runner->end_all(10s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, 1);
  EXPECT_EQ(background, "server: one\nserver: two\n");
  EXPECT_TRUE(is_gone(server));
  EXPECT_EQ(run(*runner, "echo third").output, "third\n");
}

TEST(Process, EndsWhenABackgroundJobFloodsItsOutput) {
  const auto runner = make_runner();
  std::size_t background = 0;
  runner->on_background([&](std::string_view chunk) { background += chunk.size(); });
  EXPECT_EQ(run(*runner, "yes >&2 & exit 3").end.exit.code, 3);
  EXPECT_TRUE(eventually([&] { return run(*runner, "exit 4").end.exit.code == 4 && background > 0; }));
  const auto ended = runner->end_all(10s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, 1);
}

TEST(Process, EndsWhatEscaped) {
  const TemporaryDirectory directory;
  const auto runner = make_runner();
  run(*runner, escape_to(directory / "one"));
  const pid_t one = pid_in(directory / "one");
  const auto begin = Clock::now();
  const auto ended = runner->end_all(50ms);
  ASSERT_TRUE(ended);
  EXPECT_GE(*ended, 1);  // it and its sleep, if that has been there yet
  EXPECT_GE(Clock::now() - begin, 50ms);
  EXPECT_TRUE(is_gone(one));
  const auto again = runner->end_all(10s);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, 0);
}

// By what it was started with: the environment of a process that has gone on to another program is that of the latter.
TEST(Process, EndsWhatIsMarkedAndNothingElse) {
  const TemporaryDirectory files;
  const auto runner = make_runner();
  EXPECT_TRUE(runner->end_marked("MARK=it")->empty());
  ProcessSpec spec =
      sh(escape_to(files / "escaped") + "; sleep 1000 & echo $! > " + (files / "left").string() +
             "; MARK=other sleep 1000 & echo $! > " + (files / "other").string() +
             "; MARK=it2 sleep 1000 & echo $! > " + (files / "longer").string() +
             "; env -u MARK sleep 1000 & echo $! > " + (files / "without").string(),
         {{"MARK", "it"}});
  run(*runner, spec);
  const pid_t escaped = pid_in(files / "escaped"), left = pid_in(files / "left");
  const pid_t kept[] = {pid_in(files / "other"), pid_in(files / "longer"), pid_in(files / "without")};
  // A shell that forks a command has its own environment until it is that command.
  ASSERT_TRUE(eventually([&] {
    return std::none_of(std::begin(kept), std::end(kept),
                        [](pid_t pid) { return has_variable(pid, "MARK=it"); });
  }));
  const auto ended = runner->end_marked("MARK=it");
  ASSERT_TRUE(ended);
  std::map<pid_t, std::string> names;
  for (const ProcessRunner::EndedProcess& process : *ended) names[process.pid] = process.name;
  EXPECT_EQ(names[left], "sleep");
  EXPECT_EQ(names[escaped], "sh");
  EXPECT_GE(names.size(), 3u) << "what the one that has escaped waits for is the third";
  EXPECT_TRUE(is_gone(left));
  EXPECT_TRUE(is_gone(escaped));
  for (const pid_t pid : kept) EXPECT_FALSE(is_gone(pid));
  EXPECT_TRUE(runner->end_marked("MARK=it")->empty());
  EXPECT_EQ(run(*runner, "echo on").output, "on\n");
}

TEST(Process, SetsHowReadyTheKernelIsToKillIt) {
  const auto runner = make_runner();
  const std::string ours = contents("/proc/self/oom_score_adj");
  ProcessSpec spec = sh("cat /proc/self/oom_score_adj");
  EXPECT_EQ(run(*runner, spec).output, ours);
  spec.oom_score_adj = 700;
  EXPECT_EQ(run(*runner, spec).output, "700\n");
  spec.oom_score_adj = 5000;
  EXPECT_EQ(run(*runner, spec).output, "1000\n");
}

TEST(Process, EndsAllWhenTheRunnerIsDestroyed) {
  const TemporaryDirectory directory;
  auto runner = make_runner();
  run(*runner, escape_to(directory / "one"));
  const pid_t one = pid_in(directory / "one");
  EXPECT_FALSE(is_gone(one));
  runner.reset();
  EXPECT_TRUE(is_gone(one));
  EXPECT_TRUE(children_of(getpid()).empty());
}

TEST(Process, LeavesNothingWhenTheRunnerIsKilled) {
  const TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto runner = make_runner();
    (void)runner->run(sh(escape_to(directory / "escaped") + "; echo $$ >" + (directory / "leader").string() +
                         "; trap '' INT TERM; while :; do sleep 1000; done"),
                      {}, {});
    ::_exit(1);
  }
  const pid_t escaped = pid_in(directory / "escaped");
  const pid_t leader = pid_in(directory / "leader");
  std::set<pid_t> supervisors = children_of(child);
  ASSERT_EQ(supervisors.size(), 1u);
  supervisors.merge(children_of(*supervisors.begin()));
  ASSERT_EQ(supervisors.size(), 2u);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const pid_t pid : {escaped, leader}) EXPECT_TRUE(eventually([&] { return is_gone(pid); }));
  for (const pid_t pid : supervisors) EXPECT_TRUE(eventually([&] { return is_gone(pid); }));
}

/// Runs what escapes and does not end by itself, lets `kill_it` loose on the supervisor, and expects nothing
/// to be left.
void expect_end_after(const std::function<void(Halves)>& kill_it) {
  const TemporaryDirectory directory;
  auto runner = make_runner();
  pid_t escaped = 0, leader = 0;
  std::thread killer([&] {
    escaped = pid_in(directory / "escaped");
    leader = pid_in(directory / "leader");
    kill_it(halves());
  });
  std::string output;
  const auto end =
      runner->run(sh("echo before; " + escape_to(directory / "escaped") + "; echo $$ >" +
                     (directory / "leader").string() + "; trap '' INT TERM; while :; do sleep 1000; done"),
                  [&](std::string_view chunk) { output += chunk; }, {});
  killer.join();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, std::errc::connection_reset) << end.error().message;
  EXPECT_EQ(output, "before\n");
  EXPECT_TRUE(is_gone(escaped));
  EXPECT_TRUE(is_gone(leader));
  EXPECT_EQ(run_error(*runner, sh("true")).code, std::errc::connection_reset);
  const auto ended = runner->end_all(1s);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, std::errc::connection_reset);
}

TEST(Process, LeavesNothingWhenTheWorkerIsKilled) {
  expect_end_after([](Halves of) { ::kill(of.worker, SIGKILL); });
}
TEST(Process, LeavesNothingWhenTheGuardIsKilled) {
  expect_end_after([](Halves of) { ::kill(of.guard, SIGKILL); });
}
TEST(Process, LeavesNothingWhenABuildTerminatesTheSupervisor) {
  expect_end_after([](Halves of) { ::kill(of.worker, SIGTERM); });
}

TEST(Process, LeavesNothingThatHoldsItsOutputWhenBothHalvesAreKilledAtOnce) {
  const TemporaryDirectory directory;
  auto runner = make_runner();
  pid_t escaped = 0, leader = 0;
  std::thread killer([&] {
    escaped = pid_in(directory / "escaped");
    leader = pid_in(directory / "leader");
    const Halves of = halves();
    // Stopped, neither can do anything about the other.
    ::kill(of.guard, SIGSTOP);
    ::kill(of.worker, SIGSTOP);
    ::kill(of.guard, SIGKILL);
    ::kill(of.worker, SIGKILL);
  });
  const std::string here = directory.path().string();
  const auto end = runner->run(sh("(setsid sh -c 'trap \"\" TERM INT; echo $$ >" + here +
                                  "/escaped; while :; do sleep 1000; done' &); echo $$ >" + here +
                                  "/leader; trap '' INT TERM; while :; do sleep 1000; done"),
                               {}, {});
  killer.join();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, std::errc::connection_reset);
  EXPECT_TRUE(eventually([&] { return is_gone(escaped); }));
  EXPECT_TRUE(eventually([&] { return is_gone(leader); }));
}

// What is to be run in the end. Each run of it adds a line to a file; two rounds are two lines.

/// A command that adds the line `text` to `file`.
ProcessSpec note(const std::string& text, const Path& file) {
  return sh("echo " + text + " >>" + file.string());
}
bool has_two_lines(const Path& file) { return contents(file).ends_with("x\nx\n"); }

TEST(ProcessOnDeath, RunsWhatWasNotTakenBackWhenTheRunnerIsDestroyed) {
  const TemporaryDirectory directory;
  auto runner = make_runner();
  const auto first = runner->on_death(note("x", directory / "first"));
  const auto second = runner->on_death(note("x", directory / "second"));
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  run(*runner, "true");
  runner->take_back(*first);
  run(*runner, "true");
  EXPECT_FALSE(std::filesystem::exists(directory / "second")) << "not before the end";
  runner.reset();  // waits for it
  EXPECT_EQ(contents(directory / "second"), "x\nx\n");
  EXPECT_FALSE(std::filesystem::exists(directory / "first"));
  EXPECT_TRUE(children_of(getpid()).empty());
}

TEST(ProcessOnDeath, CostsNothingWhenAllIsTakenBack) {
  auto runner = make_runner();
  for (int i = 0; i < 3; ++i) {
    const auto number = runner->on_death(sh("sleep 1000"));
    ASSERT_TRUE(number);
    runner->take_back(*number);
  }
  const auto begun = Clock::now();
  runner.reset();
  EXPECT_LT(Clock::now() - begun, 500ms) << "a round that is run takes a second";
}

TEST(ProcessOnDeath, RunsWithItsEnvironmentAndDirectoryAfterTheBuildHasEnded) {
  const TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto runner = make_runner();
    ProcessSpec command = sh("kill -0 $(cat leader) 2>/dev/null && echo too early >>said; echo \"$A\" >>said",
                             {{"A", "value of A"}});
    command.cwd = directory.path();
    (void)runner->on_death(command);
    (void)runner->run(sh("trap '' INT TERM; echo $$ >" + (directory / "leader").string() +
                         "; while :; do sleep 1000; done"),
                      {}, {});
    ::_exit(1);
  }
  (void)pid_in(directory / "leader");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return contents(directory / "said") == "value of A\nvalue of A\n"; }))
      << contents(directory / "said");
}

/// Lets `kill_it` loose on the supervisor while a process runs, and expects what was to be run in the end to be run.
void expect_clean_up_after(const std::function<void(Halves)>& kill_it) {
  const TemporaryDirectory directory;
  auto runner = make_runner();
  const auto taken_back = runner->on_death(note("x", directory / "taken-back"));
  ASSERT_TRUE(runner->on_death(note("x", directory / "end")));
  ASSERT_TRUE(taken_back);
  runner->take_back(*taken_back);
  std::thread killer([&] {
    (void)pid_in(directory / "leader");
    kill_it(halves());
  });
  EXPECT_FALSE(runner->run(
      sh("trap '' INT TERM; echo $$ >" + (directory / "leader").string() + "; while :; do sleep 1000; done"),
      {}, {}));
  killer.join();
  EXPECT_TRUE(has_two_lines(directory / "end")) << contents(directory / "end");
  EXPECT_FALSE(std::filesystem::exists(directory / "taken-back"));
  EXPECT_FALSE(runner->on_death(note("x", directory / "late")));
}
TEST(ProcessOnDeath, RunsWhenTheWorkerIsKilled) {
  expect_clean_up_after([](Halves of) { ::kill(of.worker, SIGKILL); });
}
TEST(ProcessOnDeath, RunsWhenTheGuardIsKilled) {
  expect_clean_up_after([](Halves of) { ::kill(of.guard, SIGKILL); });
}
TEST(ProcessOnDeath, RunsWhenBothHalvesAreKilledAtOnce) {
  expect_clean_up_after([](Halves of) {
    ::kill(of.guard, SIGSTOP);
    ::kill(of.worker, SIGSTOP);
    ::kill(of.guard, SIGKILL);
    ::kill(of.worker, SIGKILL);
  });
}

TEST(ProcessOnDeath, RefusesWhatCannotBeHandedOver) {
  auto runner = make_runner();
  const auto number = runner->on_death({.argv = {"a\0b"s}, .env = {}, .cwd = "/"});
  ASSERT_FALSE(number);
  EXPECT_EQ(number.error().code, std::errc::invalid_argument);
  run(*runner, "true");  // and nothing is broken by it
}

/// Requests a stop on another thread as soon as `file` is there.
std::thread stop_when(Path file, std::stop_source source) {
  return std::thread([file = std::move(file), source = std::move(source)]() mutable {
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(file); }));
    source.request_stop();
  });
}

TEST(Process, IsStoppedByInterrupt) {
  const TemporaryDirectory directory;
  const auto runner = make_runner();
  std::stop_source source;
  std::thread stopper = stop_when(directory / "ready", source);
  // The trap runs in the shell while its child is interrupted with it: the signal goes to the group.
  const Ran ran = run(*runner,
                      sh("trap 'echo interrupted; exit 9' INT; echo on >" + (directory / "ready").string() +
                         "; while :; do sleep 0.01; done"),
                      source.get_token());
  stopper.join();
  EXPECT_EQ(ran.output, "interrupted\n");
  EXPECT_EQ(ran.end.exit, (ExitStatus{9, 0}));
  EXPECT_TRUE(ran.end.stopped);
  EXPECT_FALSE(ran.end.timed_out);
}

TEST(Process, IsStoppedByOneSignalAfterTheOther) {
  const TemporaryDirectory directory;
  const auto runner = make_runner();
  std::stop_source source;
  std::thread stopper = stop_when(directory / "ready", source);
  // Output goes on being read; what escaped goes with it, what an earlier command left stays.
  run(*runner, escape_to(directory / "earlier"));
  const pid_t earlier = pid_in(directory / "earlier");
  ProcessSpec spec = sh("trap 'echo INT' INT; trap 'echo TERM' TERM; " + escape_to(directory / "escaped") +
                        "; while ! test -e " + (directory / "escaped").string() + "; do :; done; echo on >" +
                        (directory / "ready").string() + "; while :; do :; done");
  spec.sigint_grace = 300ms;
  spec.sigterm_grace = 300ms;
  const Ran ran = run(*runner, spec, source.get_token());
  stopper.join();
  EXPECT_EQ(ran.output, "INT\nTERM\n");
  EXPECT_EQ(ran.end.exit, (ExitStatus{137, SIGKILL}));
  EXPECT_TRUE(ran.end.stopped);
  EXPECT_TRUE(is_gone(pid_in(directory / "escaped")));
  EXPECT_FALSE(is_gone(earlier));
  ASSERT_TRUE(runner->end_all(0ms));
  EXPECT_TRUE(is_gone(earlier));
}

TEST(Process, IsKilledWhenItIgnoresSignals) {
  const TemporaryDirectory directory;
  const auto runner = make_runner();
  std::stop_source source;
  std::thread stopper = stop_when(directory / "ready", source);
  ProcessSpec spec = sh("trap '' INT TERM; echo on >" + (directory / "ready").string() + "; exec sleep 1000");
  spec.sigint_grace = 20ms;
  spec.sigterm_grace = 20ms;
  const Ran ran = run(*runner, spec, source.get_token());
  stopper.join();
  EXPECT_EQ(ran.end.exit, (ExitStatus{137, SIGKILL}));
  EXPECT_TRUE(ran.end.stopped);
}

TEST(Process, IsEndedWhenItHasStoppedItself) {
  const auto runner = make_runner();
  ProcessSpec spec =
      sh("trap '' INT; kill -STOP $$; kill -STOP $$; kill -STOP $$; kill -STOP $$; echo not reached");
  spec.deadline = Clock::now() + 50ms;
  spec.sigint_grace = 20ms;
  spec.sigterm_grace = 20ms;
  const Ran ran = run(*runner, spec);
  EXPECT_TRUE(ran.end.timed_out);
  EXPECT_NE(ran.end.exit.signal, 0);
  EXPECT_EQ(ran.output, "");
}

TEST(Process, IsStoppedAtItsDeadline) {
  const auto runner = make_runner();
  ProcessSpec spec = sh("trap 'echo interrupted; exit 4' INT; echo begun; sleep 1000 & wait");
  const auto begin = Clock::now();
  spec.deadline = begin + 100ms;
  const Ran ran = run(*runner, spec);
  EXPECT_GE(Clock::now() - begin, 100ms);
  EXPECT_TRUE(ran.end.timed_out);
  EXPECT_FALSE(ran.end.stopped);
  EXPECT_EQ(ran.end.exit, (ExitStatus{4, 0}));
  EXPECT_EQ(ran.output, "begun\ninterrupted\n");
}

TEST(Process, IsKilledAtOnce) {
  for (const bool in_the_middle : {false, true}) {
    SCOPED_TRACE(in_the_middle);
    const TemporaryDirectory directory;
    std::stop_source stop, kill_now;
    const auto runner = make_runner(kill_now.get_token());
    std::thread stopper = stop_when(directory / "ready", in_the_middle ? stop : kill_now);
    std::thread killer = stop_when(directory / "interrupted", kill_now);
    const std::string here = directory.path().string();
    // The graces are those of the default, ten seconds in all.
    const auto begin = Clock::now();
    const Ran ran = run(*runner,
                        sh("trap 'echo on >" + here + "/interrupted' INT; trap '' TERM; echo on >" + here +
                           "/ready; while :; do sleep 0.01; done"),
                        stop.get_token());
    EXPECT_LT(Clock::now() - begin, 7500ms);
    stopper.join();
    if (!in_the_middle) put(directory / "interrupted", "");
    killer.join();
    EXPECT_EQ(ran.end.exit, (ExitStatus{137, SIGKILL}));
    EXPECT_TRUE(ran.end.stopped);
    EXPECT_FALSE(ran.end.timed_out);
    // And nothing is started any more.
    const Ran later = run(*runner, "echo started");
    EXPECT_EQ(later.output, "");
    EXPECT_TRUE(later.end.stopped);
    EXPECT_EQ(later.end.exit, (ExitStatus{137, SIGKILL}));
  }
}

TEST(Process, KillsAtOnceWhileEndingAll) {
  const TemporaryDirectory directory;
  std::stop_source kill_now;
  const auto runner = make_runner(kill_now.get_token());
  run(*runner, "(trap 'echo on >" + (directory / "terminated").string() + "' TERM; echo on >" +
                   (directory / "ready").string() + "; while :; do sleep 0.01; done) & while ! test -e " +
                   (directory / "ready").string() + "; do :; done");
  std::thread killer = stop_when(directory / "terminated", kill_now);
  const auto begin = Clock::now();
  const auto ended = runner->end_all(60s);
  killer.join();
  ASSERT_TRUE(ended);
  EXPECT_GE(*ended, 1);
  EXPECT_LT(Clock::now() - begin, 20s);
}

TEST(Process, IsNotStartedWhenItIsNotWantedAnyMore) {
  const auto runner = make_runner();
  std::stop_source source;
  source.request_stop();
  const Ran stopped = run(*runner, sh("echo started"), source.get_token());
  EXPECT_EQ(stopped.output, "");
  EXPECT_TRUE(stopped.end.stopped);
  EXPECT_FALSE(stopped.end.exit.success());
  ProcessSpec spec = sh("echo started");
  spec.deadline = Clock::now() - 1ms;
  const Ran late = run(*runner, spec);
  EXPECT_EQ(late.output, "");
  EXPECT_TRUE(late.end.timed_out);
  EXPECT_FALSE(late.end.exit.success());
}

TEST(Process, HandsOnAHundredMegabytesOnOneLineInLittleMemory) {
  const auto runner = make_runner();
  const auto peak_kib = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  run(*runner, "head -c 1000000 /dev/zero");
  const long before = peak_kib();
  std::size_t bytes = 0;
  const auto end = runner->run(sh("head -c 100000000 /dev/zero"),
                               [&](std::string_view chunk) { bytes += chunk.size(); }, {});
  ASSERT_TRUE(end);
  EXPECT_EQ(bytes, 100'000'000u);
  EXPECT_LT(peak_kib() - before, 16 << 10);
}

TEST(Process, MayCloseItsOutput) {
  const auto runner = make_runner();
  const Ran ran = run(*runner, "echo before; exec >&- 2>&-; sleep 0.01; exit 5");
  EXPECT_EQ(ran.output, "before\n");
  EXPECT_EQ(ran.end.exit.code, 5);
}

TEST(Process, TicksWhileItRuns) {
  const auto runner = make_runner();
  int ticks = 0;
  runner->on_tick([&] {
    ++ticks;
    return std::chrono::steady_clock::duration::zero();
  });
  const auto begin = Clock::now();
  run(*runner, "sleep 0.5");
  EXPECT_GE(ticks, 2);
  EXPECT_LE(ticks, (Clock::now() - begin) / 100ms);
}

TEST(Process, TimeInWhichItStoodStillDoesNotCount) {
  for (const bool stood_still : {true, false}) {
    const auto runner = make_runner();
    int ticks = 0;
    runner->on_tick([&]() -> Clock::duration { return ++ticks == 1 && stood_still ? 1h : 0h; });
    ProcessSpec spec = sh("sleep 2");
    pid_t started = 0;
    spec.on_started = [&](int pid) { started = pid; };
    spec.deadline = Clock::now() + 1s;
    const Ran ran = run(*runner, spec);
    EXPECT_EQ(ran.end.timed_out, !stood_still);
    EXPECT_GT(started, 1);
  }
}

TEST(Process, RunsAsAnotherUser) {
  const auto runner = make_runner();
  ProcessSpec spec = sh("id -un; id -G");
  spec.user = "no-such-user-here";
  const Error unknown = run_error(*runner, spec);
  EXPECT_NE(unknown.message.find("no-such-user-here"), std::string::npos) << unknown.message;
  spec.user = "nobody";
  if (::geteuid() != 0) {
    const Error refused = run_error(*runner, spec);
    EXPECT_EQ(refused.code, std::errc::operation_not_permitted);
    EXPECT_NE(refused.message.find("nobody"), std::string::npos) << refused.message;
    return;
  }
  const Ran ran = run(*runner, spec);
  EXPECT_TRUE(ran.output.starts_with("nobody\n")) << ran.output;
  EXPECT_EQ(ran.output.find("\n0\n"), std::string::npos) << ran.output;  // no group of ours
  EXPECT_EQ(ran.end.exit.code, 0);
  // It cannot be reached by its own directory's permissions alone: the user is set first.
  const TemporaryDirectory directory;
  spec.cwd = directory.path();
  EXPECT_EQ(run_error(*runner, spec).code, std::errc::permission_denied);
}

TEST(Process, NeedsItsSupervisor) {
  const auto runner = make_process_runner("/nowhere/supervisor");
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, std::errc::no_such_file_or_directory);
  EXPECT_NE(runner.error().message.find("/nowhere/supervisor"), std::string::npos);
}

TEST(Process, FailsWhenItsSupervisorIsNone) {
  const auto runner = make_process_runner("/bin/true");
  if (!runner) return;  // it had ended before it was spoken to
  const auto end = (*runner)->run(sh("true"), {}, {});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, std::errc::connection_reset);
}

TEST(Process, TwoRunnersDoNotSeeEachOther) {
  const TemporaryDirectory directory;
  auto one = make_runner();
  const auto two = make_runner();
  run(*one, escape_to(directory / "one"));
  run(*two, escape_to(directory / "two"));
  const pid_t first = pid_in(directory / "one"), second = pid_in(directory / "two");
  ASSERT_TRUE(one->end_all(0ms));
  EXPECT_TRUE(is_gone(first));
  EXPECT_FALSE(is_gone(second));
  one.reset();
  EXPECT_FALSE(is_gone(second));
  EXPECT_EQ(run(*two, "echo two").output, "two\n");
}

}  // namespace
}  // namespace buildspec_run
