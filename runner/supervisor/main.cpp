// The supervisor: starts every process of a build, and sees to it that none of them outlives the build.
//
// It is two processes, a guard and its child, the worker, both subreapers: what escapes by setsid or a double
// fork becomes a child of the worker, and if that dies, of the guard. Whoever of the three (runner, worker,
// guard) is killed, by SIGKILL too, one is left that notices and ends everything the build has started:
//
//   the runner dies   the worker reads end-of-file on its socket, ends all its descendants, and exits; the
//   guard follows the worker dies   the guard has inherited the descendants and ends them. It holds the
//   socket as well, so the runner
//                     learns of it when it is done
//   the guard dies    the worker reads end-of-file on a pipe that only the guard could write to, and does the
//   same
//
// What a build has started that is no process of ours, a container of an engine, does not die with us. Its clean-up
// commands lie in memory that worker and guard share, so that whichever of them is left can run them.
//
// A process that is started directly dies with the worker in any case (parent-death signal), which is what is
// left when both are killed in one instant. The two bear different names, so that whoever kills by name does
// not hit both. Without Linux's subreapers and /proc only what stays in the process group of a command is
// found.
//
// One thread, no locks. It never waits for the runner: what it writes fits the socket's buffer.

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "runner/supervisor/message.h"
#include "runner/supervisor/ownership.h"
#include "runner/supervisor/process_table.h"

namespace buildspec_run {
namespace {

using Clock = std::chrono::steady_clock;

/// How long to go on killing when nothing dies of it (what sleeps in the kernel; what belongs to another
/// user).
constexpr std::chrono::seconds kUnkillable{2};

/// What the clean-up commands get, all of them together.
constexpr std::chrono::seconds kCleanUpTime{10};
/// They are run twice, with this between: an engine whose client was killed while it asked for a container may make that
/// container after the first round, and says the same of one that is gone and of one that is to come.
constexpr std::chrono::milliseconds kBetweenRounds{1000};

#ifdef MSG_NOSIGNAL
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;  // SIGPIPE is handled, by doing nothing
#endif

/// A pipe that is closed on exec.
bool make_pipe(int (&ends)[2]) {
#ifdef __linux__
  return pipe2(ends, O_CLOEXEC) == 0;
#else
  return pipe(ends) == 0 && fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 &&
         fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
#endif
}

void nap() {
  const timespec time{0, 500'000};
  nanosleep(&time, nullptr);
}

bool become_subreaper() {
#ifdef __linux__
  return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
#else
  return true;
#endif
}

// Where there is no process table: the groups of all that has been started.
std::vector<pid_t> started_groups;

/// Everything alive that descends from this process.
std::vector<ProcessEntry> living_descendants() {
  std::vector<ProcessEntry> found;
#ifdef __linux__
  const pid_t self = getpid();
  found = closure(read_process_table(), [&](const ProcessEntry& entry) { return entry.parent == self; });
  std::erase_if(found, [](const ProcessEntry& entry) { return !entry.alive; });
#else
  std::erase_if(started_groups, [](pid_t group) { return kill(-group, 0) != 0 && errno == ESRCH; });
  for (const pid_t group : started_groups) {
    ProcessEntry entry;
    entry.pid = -group;
    found.push_back(entry);
  }
#endif
  return found;
}

/// SIGKILL to all descendants until none is left. `on_end` is told of each child that ends.
template <class OnEnd>
void kill_descendants(OnEnd on_end) {
  Clock::time_point progress = Clock::now();
  for (;;) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
      on_end(ended, status);
      progress = Clock::now();
    }
    if (ended < 0 && errno == ECHILD) return;
    const std::vector<ProcessEntry> left = living_descendants();
    for (const ProcessEntry& entry : left) {
      kill(entry.pid, SIGKILL);
      // Its group at one stroke, so that a chain of processes, each forking the next and exiting, does not
      // outrun us. Who descends from us left our session when it was started, so no group of theirs holds
      // anybody else.
      if (entry.group > 1 && entry.group != getpgrp()) kill(-entry.group, SIGKILL);
    }
    if (Clock::now() - progress > kUnkillable) return;
    nap();
  }
}

ExitedReply to_reply(int status) {
  if (WIFSIGNALED(status)) {
    const auto signal = static_cast<std::uint32_t>(WTERMSIG(status));
    return {128 + signal, signal};
  }
  return {static_cast<std::uint32_t>(WEXITSTATUS(status)), 0};
}

/// All that the new process needs, made before it is there: between vfork and exec nothing is allocated.
struct Launch {
  std::vector<char*> argv, env;
  std::vector<std::string> programs;  // to be tried in this order
  const StartRequest* start = nullptr;
  std::string oom_score_adj;  // digits; empty: as ours
  int output = -1;
  pid_t worker = 0;
};

/// Where execvp would look for `name`: as it is when it holds a slash, else in each part of `search_path`, an
/// empty one being the current directory.
std::vector<std::string> find_programs(std::string_view name, std::string_view search_path) {
  if (name.empty()) return {};
  if (name.find('/') != name.npos) return {std::string(name)};
  std::vector<std::string> programs;
  for (;;) {
    const std::size_t colon = search_path.find(':');
    std::string program(search_path.substr(0, colon));
    if (!program.empty()) program += '/';
    programs.push_back(program += name);
    if (colon == search_path.npos) return programs;
    search_path.remove_prefix(colon + 1);
  }
}

Launch prepare(const StartRequest& start, int output) {
  // The texts end in NUL (message.h), and exec does not write to them.
  const auto c_string = [](std::string_view text) { return const_cast<char*>(text.data()); };
  Launch launch;
  launch.start = &start;
  if (start.oom_score_adj) launch.oom_score_adj = std::to_string(*start.oom_score_adj);
  launch.output = output;
  launch.worker = getpid();
  std::string_view search_path = "/usr/local/bin:/usr/bin:/bin";  // execvp's, when there is no PATH at all
  for (const std::string_view text : start.argv) launch.argv.push_back(c_string(text));
  for (const std::string_view text : start.env) {
    launch.env.push_back(c_string(text));
    if (text.substr(0, 5) == "PATH=") search_path = text.substr(5);
  }
  launch.argv.push_back(nullptr);
  launch.env.push_back(nullptr);
  launch.programs = find_programs(start.argv.front(), search_path);
  return launch;
}

int set_user(const StartRequest& start, StartStage& stage) {
  static_assert(sizeof(gid_t) == sizeof(std::uint32_t) && sizeof(uid_t) == sizeof(std::uint32_t));
  stage = StartStage::groups;
  if (setgroups(start.groups.size(), start.groups.data()) != 0) return -1;
  stage = StartStage::group;
  if (setgid(start.gid) != 0) return -1;
  stage = StartStage::user;
  return setuid(start.uid);
}

/// Where we may not, it stays as it is.
void set_oom_score(const Launch& launch) {
  if (launch.oom_score_adj.empty()) return;
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written =
      write(file, launch.oom_score_adj.data(), launch.oom_score_adj.size());
  close(file);
}

/// A group of its own, the terminal as its streams, and its foreground. Until then that is the runner's, which waits.
bool take_terminal(const char* path, StartStage& stage) {
  if (setpgid(0, 0) != 0) return false;
  stage = StartStage::streams;
  const int terminal = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return false;
  // Whoever takes the foreground from the background is stopped, unless it holds this back.
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGTTOU);
  sigprocmask(SIG_BLOCK, &held, nullptr);
  if (tcsetpgrp(terminal, getpid()) != 0) return false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (dup2(terminal, stream) < 0) return false;
  return true;
}

/// In the new process, which shares our memory: becomes the program, or tells `failure` why not.
[[noreturn]] void become(const Launch& launch, int failure) {
  StartStage stage = StartStage::session;
  int error = 0;
  do {
    if (!launch.start->terminal.empty()) {
      if (!take_terminal(launch.start->terminal.data(), stage)) break;
    } else {
      if (setsid() < 0) break;
      stage = StartStage::streams;  // standard input is /dev/null already
      if (dup2(launch.output, STDOUT_FILENO) < 0 || dup2(launch.output, STDERR_FILENO) < 0) break;
    }
    set_oom_score(launch);
    if (launch.start->as_user && set_user(*launch.start, stage) != 0) break;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // after setuid, which takes it back
    if (getppid() != launch.worker) _exit(127);
#endif
    stage = StartStage::cwd;
    if (chdir(launch.start->cwd.data()) != 0) break;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    stage = StartStage::exec;
    error = ENOENT;
    for (const std::string& program : launch.programs) {
      execve(program.c_str(), launch.argv.data(), launch.env.data());
      if (errno == EACCES)
        error = EACCES;  // as execvp: remembered, while another directory may still have it
      else if (errno != ENOENT && errno != ENOTDIR) {
        error = errno;
        break;
      }
    }
    errno = error;
  } while (false);
  const int report[2] = {static_cast<int>(stage), errno};
  // A pipe takes so little at once; were it to fail, the runner would see the exit code instead.
  [[maybe_unused]] const ssize_t written = write(failure, report, sizeof report);
  _exit(127);
}

/// vfork costs the same whatever our size, and we are stopped until the program runs or has failed.
[[gnu::noinline]] pid_t fork_into(const Launch& launch, int failure) {
#ifdef __linux__
  const pid_t pid = vfork();
#else
  const pid_t pid = fork();
#endif
  if (pid == 0) become(launch, failure);
  return pid;
}

/// The clean-up commands, where worker and guard both find them. Written by the worker alone, one half after the other, so
/// that the half that is in force is whole at every instant. Pages that nobody touches cost nothing.
class CleanUps {
 public:
  bool make() {
    int flags = MAP_SHARED | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
    flags |= MAP_NORESERVE;
#endif
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) return false;
    shared_ = static_cast<Shared*>(memory);  // all zero: half 0, which is empty
    return true;
  }

  void set(const OnDeathRequest& request) {
    std::string bytes;
    if (!request.commands.empty() && !encode(Request(request), bytes)) return;  // it has come as such a frame
    const unsigned other = 1 - shared_->half.load();
    std::memcpy(shared_->frame[other], bytes.data(), bytes.size());
    shared_->bytes[other] = bytes.size();
    shared_->half.store(other);
  }

  /// Runs them and waits for them, for a time. Descendants of ours must all have ended. Afterwards there are none.
  void run() {
    const unsigned half = shared_->half.load();
    const Frame frame = find_frame({shared_->frame[half], shared_->bytes[half]});
    if (frame.state != Frame::State::whole) return;
    const std::optional<Request> request = decode_request(frame.payload);
    const auto* commands = request ? std::get_if<OnDeathRequest>(&*request) : nullptr;
    if (commands == nullptr) return;
    const Clock::time_point give_up = Clock::now() + kCleanUpTime;
    start_all(*commands, give_up);
    const Clock::time_point again = Clock::now() + kBetweenRounds;
    while (Clock::now() < std::min(again, give_up)) nap();
    start_all(*commands, give_up);
    set({});
  }

 private:
  struct Shared {
    std::atomic<unsigned> half;
    std::size_t bytes[2];
    char frame[2][kMaxMessageBytes + sizeof(std::uint32_t)];
  };
  static_assert(std::atomic<unsigned>::is_always_lock_free, "two processes share it");

  static void start_all(const OnDeathRequest& request, Clock::time_point give_up) {
    for (const StartRequest& command : request.commands) {
      const Launch launch = prepare(command, STDIN_FILENO);  // which is /dev/null, for writing as well
      fork_into(launch, -1);
    }
    while (Clock::now() < give_up) {
      const pid_t ended = waitpid(-1, nullptr, WNOHANG);
      if (ended < 0 && errno == ECHILD) return;
      if (ended <= 0) nap();
    }
    kill_descendants([](pid_t, int) {});
  }

  Shared* shared_ = nullptr;
};

class Worker {
 public:
  Worker(int socket, int lifeline, bool on_terminal, CleanUps& clean_ups)
      : socket_(socket), lifeline_(lifeline), on_terminal_(on_terminal), clean_ups_(clean_ups) {}

  /// Serves the runner until it is gone, then ends all descendants.
  void serve() {
    sigset_t none;
    sigemptyset(&none);
    while (serving_) {
      reap();
      if (ending_ && Clock::now() >= *end_at_) finish_ending();
      if (!serving_) break;
      fd_set readable;
      FD_ZERO(&readable);
      FD_SET(socket_, &readable);
      FD_SET(lifeline_, &readable);
      const timespec wait = until_end();
      // SIGCHLD is let in only here, so none is missed between reaping and waiting.
      if (pselect(std::max(socket_, lifeline_) + 1, &readable, nullptr, nullptr, ending_ ? &wait : nullptr,
                  &none) <= 0)
        continue;
      if (FD_ISSET(lifeline_, &readable)) break;  // nobody writes there: the guard is gone
      if (FD_ISSET(socket_, &readable)) receive();
    }
    kill_descendants([](pid_t, int) {});
    clean_ups_.run();
  }

 private:
  void reap() {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG | (on_terminal_ ? WUNTRACED : 0))) > 0)
      if (WIFSTOPPED(status))
        note_stop(ended);
      else
        note_end(ended, status);
    if (ending_ && ended < 0 && errno == ECHILD) finish_ending();
  }

  void note_end(pid_t ended, int status) {
    if (ended != leader_) return;
    leader_ = 0;
    send(to_reply(status));
  }

  void note_stop(pid_t stopped) {
    if (stopped == leader_) send(StoppedReply{static_cast<std::uint32_t>(stopped)});
  }

  void send(const Reply& reply) {
    std::string bytes;
    if (!encode(reply, bytes)) return;
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const ssize_t sent = ::send(socket_, rest.data(), rest.size(), kNoSignal);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) {
        serving_ = false;
        return;
      }
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void receive() {
    char bytes[64 << 10];
    iovec into{bytes, sizeof bytes};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &into;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(socket_, &message, MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size <= 0) {
      serving_ = false;
      return;
    }
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      if (received_descriptor_ >= 0) close(received_descriptor_);
      std::memcpy(&received_descriptor_, CMSG_DATA(header), sizeof received_descriptor_);
      fcntl(received_descriptor_, F_SETFD, FD_CLOEXEC);
    }
    received_.append(bytes, static_cast<std::size_t>(size));
    std::size_t done = 0;
    while (serving_) {
      const Frame frame = find_frame(std::string_view(received_).substr(done));
      if (frame.state == Frame::State::incomplete) break;
      const std::optional<Request> request = decode_request(frame.payload);
      if (!request) {
        serving_ = false;  // not our runner
        return;
      }
      std::visit([this](const auto& what) { handle(what); }, *request);
      done += frame.bytes;
    }
    received_.erase(0, done);
  }

  void handle(const AttachRequest&) {
    if (output_ >= 0) close(output_);
    output_ = received_descriptor_;
    received_descriptor_ = -1;
  }

  void handle(const StartRequest& start) {
    if (leader_ != 0 || output_ < 0) return send(FailedReply{StartStage::fork, EBUSY});
    const Launch launch = prepare(start, output_);
    int failure[2];
    if (!make_pipe(failure)) return send(FailedReply{StartStage::fork, static_cast<std::uint32_t>(errno)});
    const pid_t pid = fork_into(launch, failure[1]);
    const int fork_error = errno;
    close(failure[1]);
    int report[2] = {static_cast<int>(StartStage::fork), fork_error};
    // End-of-file: the program runs.
    const bool failed = pid < 0 || read(failure[0], report, sizeof report) == sizeof report;
    close(failure[0]);
    if (failed)
      return send(FailedReply{static_cast<StartStage>(report[0]), static_cast<std::uint32_t>(report[1])});
    leader_ = pid;
#ifndef __linux__
    started_groups.push_back(pid);
#endif
    send(StartedReply{static_cast<std::uint32_t>(pid)});
  }

  void handle(const SignalRequest& request) {
    if (leader_ == 0) return;  // it ended while the request was on its way
    const int number = static_cast<int>(request.number);
    if (number == SIGKILL) return kill_tree();
    kill(-leader_, number);
    kill(-leader_, SIGCONT);  // what is stopped (SIGSTOP, SIGTTOU) could not heed it
  }

  void handle(const EndAllRequest& request) {
    const Clock::time_point at = Clock::now() + std::chrono::milliseconds(request.grace_ms);
    if (ending_) {
      end_at_ = std::min(*end_at_, at);
      return;
    }
    const std::vector<ProcessEntry> all = has_children() ? living_descendants() : std::vector<ProcessEntry>{};
    ending_ = true;
    end_at_ = at;
    ending_count_ = static_cast<std::uint32_t>(all.size());
    for (const ProcessEntry& entry : all) {
      kill(entry.pid, SIGTERM);
      kill(entry.pid, SIGCONT);
    }
  }

  void handle(const OnDeathRequest& request) { clean_ups_.set(request); }

  void handle(const EndMarkedRequest& request) {
    MarkedEndedReply reply;
    std::vector<pid_t> killed;
    Clock::time_point progress = Clock::now();
    while (has_children()) {
      int status = 0;
      pid_t ended = 0;
      while ((ended = waitpid(-1, &status, WNOHANG)) > 0) note_end(ended, status);
      std::vector<ProcessEntry> marked = living_descendants();
      std::erase_if(marked,
                    [&](const ProcessEntry& entry) { return !has_variable(entry.pid, request.variable); });
      for (const ProcessEntry& entry : marked) {
        if (std::find(killed.begin(), killed.end(), entry.pid) == killed.end()) {
          killed.push_back(entry.pid);
          if (reply.processes.size() < MarkedEndedReply::kMost)
            reply.processes.push_back({static_cast<std::uint32_t>(entry.pid), name_of(entry.pid)});
          progress = Clock::now();
        }
        kill(entry.pid, SIGKILL);
      }
      if (marked.empty() || Clock::now() - progress > kUnkillable) break;
      nap();
    }
    send(reply);
  }

  static bool has_children() {
    siginfo_t info{};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  }

  /// Ends the process that runs and all that descends from it, but nothing that an earlier one left behind.
  /// What has escaped from it is a child of ours by now, like the leftovers, but younger than it: by its
  /// start, and within one clock tick by its number, since those are given out in order.
  void kill_tree() {
    const pid_t leader = leader_;
    kill(-leader, SIGKILL);
#ifdef __linux__
    const pid_t self = getpid();
    std::optional<ProcessEntry> born;
    std::optional<int> leader_status;
    Clock::time_point progress = Clock::now();
    for (;;) {
      const std::vector<ProcessEntry> table = read_process_table();
      if (!born)
        for (const ProcessEntry& entry : table)
          if (entry.pid == leader) born = entry;
      std::vector<ProcessEntry> tree = closure(table, [&](const ProcessEntry& entry) {
        if (entry.pid == leader || entry.group == leader || entry.session == leader) return true;
        if (!born || entry.parent != self) return false;
        if (entry.started != born->started) return entry.started > born->started;
        const pid_t ahead = entry.pid - leader;
        return ahead > 0 || ahead < -kHalfOfPids;  // the numbers have begun anew
      });
      std::erase_if(tree, [](const ProcessEntry& entry) { return !entry.alive; });
      for (const ProcessEntry& entry : tree) kill(entry.pid, SIGKILL);
      if (!leader_status) kill(-leader, SIGKILL);
      int status = 0;
      pid_t ended = 0;
      while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        if (ended == leader) leader_status = status;
        progress = Clock::now();
      }
      if ((tree.empty() && leader_status) || Clock::now() - progress > kUnkillable) break;
      nap();
    }
    // Told only now: who hears of the end finds nothing left.
    leader_ = 0;
    if (leader_status) return send(to_reply(*leader_status));
    send(FailedReply{StartStage::kill, static_cast<std::uint32_t>(kill(leader, 0) == 0 ? ETIMEDOUT : errno)});
#endif
  }

  void finish_ending() {
    kill_descendants([this](pid_t ended, int status) { note_end(ended, status); });
    ending_ = false;
    end_at_.reset();
    send(EndedReply{ending_count_});
  }

  [[nodiscard]] timespec until_end() const {
    using namespace std::chrono;
    if (!ending_) return {};
    const nanoseconds left = std::max<nanoseconds>(*end_at_ - Clock::now(), nanoseconds{0});
    const seconds whole = duration_cast<seconds>(left);
    return {static_cast<time_t>(whole.count()), static_cast<long>((left - whole).count())};
  }

  static constexpr pid_t kHalfOfPids = 16384;  // of the smallest table a kernel may be set to by default

  const int socket_, lifeline_;
  const bool on_terminal_;
  CleanUps& clean_ups_;
  int output_ = -1, received_descriptor_ = -1;
  std::string received_;
  bool serving_ = true;
  pid_t leader_ = 0;  // the process that runs; 0: none
  bool ending_ = false;
  std::optional<Clock::time_point> end_at_;
  std::uint32_t ending_count_ = 0;
};

void close_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) == 0) return;
#endif
  const long limit = std::min(sysconf(_SC_OPEN_MAX), 65536L);
  for (int descriptor = first; descriptor < limit; ++descriptor) close(descriptor);
}

/// Lets nothing of the runner through: descriptors, signal dispositions and mask, session, directory.
bool start_clean(bool on_terminal) {
  close_from(kSupervisorSocket + 1);
  if (fcntl(kSupervisorSocket, F_SETFD, FD_CLOEXEC) != 0) return false;
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (dup2(null, stream) < 0) return false;
  if (null > STDERR_FILENO) close(null);
  for (int number = 1; number < NSIG; ++number) {
#ifdef __linux__
    // Past the C library, which keeps two signals from us that we may have inherited as ignored. All zero:
    // the default.
    const unsigned char to_default[64] = {};
    syscall(SYS_rt_sigaction, number, to_default, nullptr, 8);
#else
    signal(number, SIG_DFL);
#endif
  }
  // Handlers that do nothing: that they are there wakes pselect, and lets a write to a dead runner fail. exec
  // puts the default back.
  struct sigaction on_child {};
  on_child.sa_handler = [](int) {};
  on_child.sa_flags = on_terminal ? 0 : SA_NOCLDSTOP;
  sigaction(SIGCHLD, &on_child, nullptr);
  sigaction(SIGPIPE, &on_child, nullptr);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  if (on_terminal)
    setpgid(0, 0);
  else
    setsid();  // fails when the runner has done it for us
  return chdir("/") == 0;
}

/// The guard shows under another name, in `ps` and to whoever kills by name.
void rename_guard(int argc, char** argv) {
  constexpr std::string_view kName = "build-guard";
  const std::size_t room = static_cast<std::size_t>(argv[argc - 1] + std::strlen(argv[argc - 1]) - argv[0]);
  std::memset(argv[0], 0, room);
  std::memcpy(argv[0], kName.data(), std::min(kName.size(), room));
#ifdef __linux__
  prctl(PR_SET_NAME, kName.data());
#endif
}

void guard(pid_t worker, CleanUps& clean_ups) {
  for (;;) {
    const pid_t ended = waitpid(-1, nullptr, 0);
    if (ended == worker || (ended < 0 && errno != EINTR)) break;
  }
  kill_descendants([](pid_t, int) {});
  clean_ups.run();
}

/// `give-back USER GROUP SINCE DIRECTORY…` inside a container, where we are root (runner/container/container_run.h).
int give_back(int count, char** words) {
  const auto number = [](const char* text) { return std::strtoll(text, nullptr, 10); };
  Owner owner;
  owner.user = id_inside("/proc/self/uid_map", static_cast<std::uint32_t>(number(words[0])));
  owner.group = id_inside("/proc/self/gid_map", static_cast<std::uint32_t>(number(words[1])));
  owner.since_ns = number(words[2]);
  int failed = 0;
  for (int i = 3; i < count; ++i)
    if (const int error = give_to(words[i], owner); error != 0) {
      std::fprintf(stderr, "%s: %s\n", words[i], std::strerror(error));
      failed = 1;
    }
  return failed;
}

int supervise(int argc, char** argv) {
  if (argc >= 6 && std::string_view(argv[1]) == "give-back") return give_back(argc - 2, argv + 2);
  struct stat socket {};
  if (argc < 1 || fstat(kSupervisorSocket, &socket) != 0 || !S_ISSOCK(socket.st_mode)) {
    std::fputs("buildspec-run-supervisor: buildspec-run starts this program, and nothing else does\n",
               stderr);
    return 2;
  }
  int lifeline[2];
  CleanUps clean_ups;
  const bool on_terminal = argc >= 2 && std::string_view(argv[1]) == kOnTerminal;
  if (!start_clean(on_terminal) || !become_subreaper() || !clean_ups.make() || !make_pipe(lifeline)) return 3;
  const pid_t worker = fork();
  if (worker < 0) return 3;
  if (worker > 0) {
    close(lifeline[0]);
    rename_guard(argc, argv);
    guard(worker, clean_ups);
    return 0;
  }
  close(lifeline[1]);
  if (!become_subreaper()) return 3;
  Worker(kSupervisorSocket, lifeline[0], on_terminal, clean_ups).serve();
  return 0;
}

}  // namespace
}  // namespace buildspec_run

int main(int argc, char** argv) { return buildspec_run::supervise(argc, argv); }
