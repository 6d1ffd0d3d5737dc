// Processes, by way of the supervisor (runner/supervisor).
//
// The supervisor is started with posix_spawn, not with Boost.Process 2: in 1.81 its vfork launcher calls
// exit() in the memory it shares with us when exec fails, and has the io_context recreate its descriptors
// there (notify_fork), which breaks ours; its default launcher forks, at a cost that grows with the program
// that embeds us, runs atexit handlers in the child, and closes descriptors by a list it reads wrongly. What
// is left of it for one process is eight seconds of compile time. For the same reason there is no io_context
// here: `run` waits for three descriptors until its one process has ended, on the thread of its caller, and
// nothing else could use the loop; poll says that in one call.

#include "runner/sys/process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "runner/base/text.h"
#include "runner/supervisor/message.h"
#include "runner/supervisor/process_table.h"

namespace buildspec_run {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kPipeBytes = 1 << 20;  // what an unprivileged user may ask for; less is slower, no more
// One read. Measured on 1 GiB of zeros: 0.17 to 0.34 s of our time; with 256 KiB, which fall out of the
// cache, 0.6 to 0.7.
constexpr std::size_t kChunkBytes = 64u << 10;
constexpr milliseconds kTickEvery{100};
constexpr std::chrono::seconds kFarewell{5};  // what the supervisor gets to end itself in
constexpr std::chrono::seconds kCleanUp{12};  // and on top of it, to run what is to be run then

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_ = -1;
};

struct Pair {
  Descriptor first, second;
};

/// Ends of a pipe: first to read, second to write.
Result<Pair> make_pipe(int flags) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | flags) != 0) return system_error("make a pipe", errno);
  return Pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<Pair> make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error("make a socket pair", errno);
  return Pair{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<pid_t> spawn_supervisor(const Path& supervisor, int socket, Session session) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_init(&actions);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  // A session of its own from its first instant on, so that no Ctrl-C of the terminal reaches it; a group of its own does
  // the same.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(
      &attributes, static_cast<short>((session == Session::own ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP) |
                                      POSIX_SPAWN_SETSIGMASK));
  posix_spawn_file_actions_adddup2(&actions, socket, kSupervisorSocket);
  std::string name = supervisor.string();
  std::string mode = kOnTerminal;
  char* const argv[] = {name.data(), session == Session::terminal ? mode.data() : nullptr, nullptr};
  char* const env[] = {nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, name.c_str(), &actions, &attributes, argv, env);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return system_error("start the supervisor " + name, error);
  return pid;
}

struct User {
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;
};

Result<User> find_user(const std::string& name) {
  std::vector<char> text(16u << 10);
  passwd entry{};
  passwd* found = nullptr;
  int error = 0;
  while ((error = ::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found)) == ERANGE)
    text.resize(text.size() * 2);
  const std::string doing = "run as user " + shell_quote(name);
  if (found == nullptr) {
    if (error != 0 && error != ENOENT && error != ESRCH) return system_error(doing, error);
    return Error{doing + ": there is no such user", std::make_error_code(std::errc::invalid_argument)};
  }
  if (::geteuid() != 0 && entry.pw_uid != ::geteuid()) return system_error(doing + " (only root can)", EPERM);
  User user{entry.pw_uid, entry.pw_gid, {}};
  int count = 64;
  user.groups.resize(static_cast<std::size_t>(count));
  while (::getgrouplist(name.c_str(), entry.pw_gid, user.groups.data(), &count) < 0) {
    if (static_cast<std::size_t>(count) <= user.groups.size())
      count = static_cast<int>(user.groups.size() * 2);
    user.groups.resize(static_cast<std::size_t>(count));
  }
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

std::string_view describe(StartStage stage) {
  switch (stage) {
    case StartStage::fork:
      return "make a process";
    case StartStage::session:
      return "make a session";
    case StartStage::streams:
      return "connect its output";
    case StartStage::groups:
      return "set its groups";
    case StartStage::group:
      return "set its group";
    case StartStage::user:
      return "set its user";
    case StartStage::cwd:
      return "enter directory";
    case StartStage::exec:
      return "execute";
    case StartStage::kill:
      return "end it";
  }
  return "start";
}

/// Ends what holds `pipe` open for writing, and what is in `session`, or a group of that number. For the one case in which no subreaper
/// is left to tell who descended from us: worker and guard were killed in the same instant. A process counts
/// by what it holds, so it misses what has left its session and closed its output as well.
void kill_holders(int pipe, pid_t session) {
  struct stat ours {};
  if (::fstat(pipe, &ours) != 0) return;
  const auto holds = [&](pid_t pid) {
    std::error_code error;
    for (std::filesystem::directory_iterator it("/proc/" + std::to_string(pid) + "/fd", error), end;
         !error && it != end; it.increment(error)) {
      struct stat link {
      }, target{};
      // The link's own permissions tell how it is open: for writing only. (Copies of our end are for
      // reading.)
      if (::lstat(it->path().c_str(), &link) == 0 && (link.st_mode & (S_IRUSR | S_IWUSR)) == S_IWUSR &&
          ::stat(it->path().c_str(), &target) == 0 && target.st_ino == ours.st_ino &&
          target.st_dev == ours.st_dev)
        return true;
    }
    return false;
  };
  const Clock::time_point give_up = Clock::now() + kFarewell;
  for (bool found = true; found && Clock::now() < give_up;) {
    found = false;
    for (const ProcessEntry& entry : read_process_table()) {
      if (!entry.alive || entry.pid == ::getpid()) continue;
      if (!(session != 0 && (entry.session == session || entry.group == session)) && !holds(entry.pid))
        continue;
      found |= ::kill(entry.pid, SIGKILL) == 0;
    }
    if (found) ::poll(nullptr, 0, 1);
  }
}

/// The same for what was started with `variable`, whatever it holds: where somebody had the foresight to mark it.
std::vector<ProcessRunner::EndedProcess> kill_marked(const std::string& variable) {
  std::vector<ProcessRunner::EndedProcess> ended;
  const Clock::time_point give_up = Clock::now() + kFarewell;
  for (bool found = true; found && Clock::now() < give_up;) {
    found = false;
    for (const ProcessEntry& entry : read_process_table()) {
      if (!entry.alive || entry.pid == ::getpid() || !has_variable(entry.pid, variable)) continue;
      ProcessRunner::EndedProcess process{entry.pid, name_of(entry.pid)};
      if (::kill(entry.pid, SIGKILL) != 0) continue;
      found = true;
      if (std::ranges::none_of(ended, [&](const auto& known) { return known.pid == entry.pid; }))
        ended.push_back(std::move(process));
    }
    if (found) ::poll(nullptr, 0, 1);
  }
  return ended;
}

class SupervisedRunner final : public ProcessRunner {
 public:
  SupervisedRunner(Path program, pid_t supervisor, Descriptor socket, Descriptor output, Pair wake,
                   std::stop_token kill_now)
      : program_(std::move(program)),
        supervisor_(supervisor),
        socket_(std::move(socket)),
        output_(std::move(output)),
        wake_(std::move(wake)),
        kill_now_(kill_now),
        on_kill_now_(std::move(kill_now), Waker{wake_.second.get()}) {}

  ~SupervisedRunner() override { part(); }

  Result<void> attach(const Descriptor& output) {
    std::string bytes;
    check(encode(Request(AttachRequest{}), bytes), "the message is small");
    iovec from{bytes.data(), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &from;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int descriptor = output.get();
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    ssize_t sent = 0;
    while ((sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
    }
    if (sent != static_cast<ssize_t>(bytes.size())) return system_error("reach the supervisor", errno);
    return {};
  }

  Result<ProcessEnd> run(const ProcessSpec& spec, const OnOutput& on_output, std::stop_token stop) override {
    check(!spec.argv.empty(), "a process has a name");
    check(!busy_, "processes run one after the other");
    if (lost_) return *lost_;
    // What is not wanted any more is not started.
    if (kill_now_.stop_requested()) return ProcessEnd{{128 + SIGKILL, SIGKILL}, true, false};
    if (stop.stop_requested()) return ProcessEnd{{128 + SIGINT, SIGINT}, true, false};
    if (spec.deadline && *spec.deadline <= Clock::now())
      return ProcessEnd{{128 + SIGINT, SIGINT}, false, true};
    Result<void> started = start(spec);
    if (!started) return std::move(started.error()).in("start " + shell_quote(spec.argv.front()));
    if (spec.meanwhile) spec.meanwhile();
    busy_ = true;
    Result<ProcessEnd> end = watch(spec, on_output, std::move(stop));
    busy_ = false;
    leader_ = 0;
    return end;
  }

  void on_background(OnOutput on_output) override { background_ = std::move(on_output); }
  void on_tick(Tick tick) override { tick_ = std::move(tick); }

  Result<int> on_death(const ProcessSpec& command) override {
    check(!command.argv.empty(), "a process has a name");
    if (lost_) return *lost_;
    const int number = ++last_clean_up_;
    clean_ups_.emplace(number, command);
    if (Result<void> sent = send_clean_ups(); !sent) {
      clean_ups_.erase(number);
      return std::move(sent.error());
    }
    return number;
  }

  void take_back(int number) override {
    // When this does not arrive, the supervisor has ended, and the next call says so.
    if (clean_ups_.erase(number) > 0 && !lost_) [[maybe_unused]]
      const Result<void> sent = send_clean_ups();
  }

  Result<int> end_all(milliseconds grace) override {
    check(!busy_, "end_all is not called from within run");
    if (lost_) return *lost_;
    wake_supervisor();
    const auto ask = [&](milliseconds time) {
      const auto clamped = std::clamp<std::int64_t>(time.count(), 0, INT_MAX);
      return send(EndAllRequest{static_cast<std::uint32_t>(clamped)});
    };
    bool at_once = kill_now_.stop_requested();
    bool reached = ask(at_once ? milliseconds{0} : grace);
    while (reached) {
      if (!at_once && kill_now_.stop_requested()) {
        at_once = true;
        if (!ask(milliseconds{0})) break;
      }
      const std::optional<Reply> reply = turn(Clock::time_point::max(), background_);
      if (lost_) return *lost_;
      if (!reply) continue;
      const auto* ended = std::get_if<EndedReply>(&*reply);
      if (ended == nullptr) continue;
      drain(background_);
      return static_cast<int>(ended->count);
    }
    return lose(background_, "the supervisor has ended", ECONNRESET);
  }

  Result<std::vector<EndedProcess>> end_marked(const std::string& variable) override {
    check(!busy_, "end_marked is not called from within run");
    if (lost_) return kill_marked(variable);
    if (!send(EndMarkedRequest{variable})) return lose(background_, "the supervisor has ended", ECONNRESET);
    for (;;) {
      const std::optional<Reply> reply = turn(Clock::time_point::max(), background_);
      if (lost_) return *lost_;
      const auto* marked = reply ? std::get_if<MarkedEndedReply>(&*reply) : nullptr;
      if (marked == nullptr) continue;
      drain(background_);
      std::vector<EndedProcess> ended;
      for (const MarkedEndedReply::Process& process : marked->processes)
        ended.push_back({static_cast<int>(process.pid), process.name});
      return ended;
    }
  }

 private:
  /// Makes a waiting `poll` return. Called on whatever thread requests the stop.
  struct Waker {
    int descriptor;
    void operator()() const noexcept {
      const char byte = 0;
      // A pipe that is full wakes as well.
      [[maybe_unused]] const ssize_t written = ::write(descriptor, &byte, 1);
    }
  };

  /// What a request is made of, which points into it.
  struct Texts {
    std::vector<std::string> env;
    Path cwd;
  };

  static Result<StartRequest> to_request(const ProcessSpec& spec, Texts& texts) {
    StartRequest request;
    request.argv.assign(spec.argv.begin(), spec.argv.end());
    texts.env.reserve(spec.env.size());
    for (const auto& [name, value] : spec.env) texts.env.push_back(name + "=" + value);
    request.env.assign(texts.env.begin(), texts.env.end());
    std::error_code error;
    // The supervisor has a current directory of its own.
    texts.cwd =
        spec.cwd.empty() ? std::filesystem::current_path(error) : std::filesystem::absolute(spec.cwd, error);
    if (error) return system_error("find the current directory", error.value());
    request.cwd = texts.cwd.native();
    request.terminal = spec.terminal;
    if (spec.oom_score_adj) request.oom_score_adj = std::clamp(*spec.oom_score_adj, -1000, 1000);
    return request;
  }

  /// Tells the supervisor what is to be run in the end.
  Result<void> send_clean_ups() {
    std::vector<Texts> texts(clean_ups_.size());
    OnDeathRequest all;
    std::size_t next = 0;
    for (const auto& [number, command] : clean_ups_) {
      Result<StartRequest> request = to_request(command, texts[next++]);
      if (!request) return std::move(request.error());
      all.commands.push_back(std::move(*request));
    }
    std::string bytes;
    if (!encode(Request(all), bytes))
      return system_error("hand over what is to be run in the end",
                          std::any_of(all.commands.begin(), all.commands.end(), holds_nul) ? EINVAL : E2BIG);
    if (!send_bytes(bytes)) return lose(background_, "the supervisor has ended", ECONNRESET);
    return {};
  }

  Result<void> start(const ProcessSpec& spec) {
    Texts texts;
    Result<StartRequest> made = to_request(spec, texts);
    if (!made) return std::move(made.error());
    StartRequest request = std::move(*made);
    if (!spec.user.empty()) {
      Result<User> user = find_user(spec.user);
      if (!user) return std::move(user.error());
      if (user->uid != ::geteuid() || ::geteuid() == 0) {
        request.as_user = true;
        request.uid = user->uid;
        request.gid = user->gid;
        request.groups = std::move(user->groups);
      }
    }
    std::string bytes;
    if (!encode(Request(request), bytes)) {
      const bool too_large = !holds_nul(request);
      return system_error(
          too_large ? "hand over arguments and environment" : "hand over a text with a NUL byte",
          too_large ? E2BIG : EINVAL);
    }
    drain(background_);  // what came before this process is not its output
    if (!send_bytes(bytes)) return lose(background_, "the supervisor has ended", ECONNRESET);
    return {};
  }

  static bool holds_nul(const StartRequest& request) {
    const auto has = [](std::string_view text) { return text.find('\0') != text.npos; };
    return std::any_of(request.argv.begin(), request.argv.end(), has) ||
           std::any_of(request.env.begin(), request.env.end(), has) || has(request.cwd);
  }

  Result<ProcessEnd> watch(const ProcessSpec& spec, const OnOutput& on_output, std::stop_token stop) {
    const std::stop_callback on_stop(stop, Waker{wake_.second.get()});
    enum class Stage { running, interrupted, terminated, killed } stage = Stage::running;
    ProcessEnd end;
    std::optional<Clock::time_point> deadline = spec.deadline;
    Clock::time_point next_stage = Clock::time_point::max();
    Clock::time_point next_tick = tick_ ? Clock::now() + kTickEvery : Clock::time_point::max();
    const auto go_on = [&](Stage to, int signal, Clock::time_point then) {
      stage = to;
      next_stage = then;
      wake_supervisor();
      // When this does not arrive, reading tells why.
      [[maybe_unused]] const bool sent = send(SignalRequest{static_cast<std::uint32_t>(signal)});
    };
    for (;;) {
      const Clock::time_point now = Clock::now();
      if (stage != Stage::killed && kill_now_.stop_requested()) {
        end.stopped = true;
        go_on(Stage::killed, SIGKILL, Clock::time_point::max());
      } else if (stage == Stage::running && (stop.stop_requested() || (deadline && *deadline <= now))) {
        (stop.stop_requested() ? end.stopped : end.timed_out) = true;
        go_on(Stage::interrupted, spec.terminal.empty() ? SIGINT : SIGHUP, now + spec.sigint_grace);
        continue;
      } else if (stage == Stage::interrupted && next_stage <= now) {
        go_on(Stage::terminated, SIGTERM, now + spec.sigterm_grace);
        continue;
      } else if (stage == Stage::terminated && next_stage <= now) {
        go_on(Stage::killed, SIGKILL, Clock::time_point::max());
      }
      if (next_tick <= now) {
        const Clock::duration stood_still = tick_();
        next_tick = Clock::now() + kTickEvery;
        if (deadline) *deadline += stood_still;
        if (next_stage != Clock::time_point::max()) next_stage += stood_still;
      }
      Clock::time_point wake_at = std::min(next_stage, next_tick);
      if (stage == Stage::running && deadline) wake_at = std::min(wake_at, *deadline);
      const std::optional<Reply> reply = turn(wake_at, on_output);
      if (lost_) return Error(*lost_).in("watch " + shell_quote(spec.argv.front()));
      if (!reply) continue;
      if (const auto* started = std::get_if<StartedReply>(&*reply)) {
        leader_ = static_cast<pid_t>(started->pid);
        if (spec.on_started) spec.on_started(leader_);
      }
      if (const auto* stopped = std::get_if<StoppedReply>(&*reply)) {
        if (spec.on_stopped) spec.on_stopped(static_cast<int>(stopped->pid));
        [[maybe_unused]] const bool sent = send(SignalRequest{SIGCONT});
      }
      if (const auto* exited = std::get_if<ExitedReply>(&*reply)) {
        drain(on_output);
        end.exit = {static_cast<int>(exited->code), static_cast<int>(exited->signal)};
        return end;
      }
      if (const auto* failed = std::get_if<FailedReply>(&*reply)) {
        drain(on_output);
        std::string doing(describe(failed->stage));
        if (failed->stage == StartStage::cwd) doing += " " + shell_quote(spec.cwd.native());
        const std::string_view what = failed->stage == StartStage::kill ? "stop " : "start ";
        return system_error(doing, static_cast<int>(failed->error_number))
            .in(std::string(what) + shell_quote(spec.argv.front()));
      }
    }
  }

  /// Waits until something happens or `wake_at` has come. Hands on one chunk of output at most; returns a
  /// message of the supervisor when there is one. Afterwards `lost_` may be set.
  std::optional<Reply> turn(Clock::time_point wake_at, const OnOutput& on_output) {
    if (std::optional<Reply> reply = next_reply(on_output); reply || lost_) return reply;
    pollfd ready[3] = {{socket_.get(), POLLIN, 0},
                       {hung_up_ ? -1 : output_.get(), POLLIN, 0},
                       {wake_.first.get(), POLLIN, 0}};
    if (::poll(ready, 3, timeout(wake_at)) <= 0) return std::nullopt;  // time, or EINTR
    if (ready[2].revents != 0) {
      char bytes[64];
      while (::read(wake_.first.get(), bytes, sizeof bytes) > 0) {
      }
    }
    if ((ready[1].revents & POLLIN) != 0) read_chunk(kChunkBytes, on_output);
    // No writer is left, so the worker is gone: the socket tells when the guard is done.
    else if (ready[1].revents != 0)
      hung_up_ = true;
    if (ready[0].revents == 0) return std::nullopt;
    char bytes[4096];
    const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return std::nullopt;
    if (size <= 0) {
      lose(on_output, "the supervisor has ended", ECONNRESET);
      return std::nullopt;
    }
    received_.append(bytes, static_cast<std::size_t>(size));
    return next_reply(on_output);
  }

  std::optional<Reply> next_reply(const OnOutput& on_output) {
    const Frame frame = find_frame(received_);
    if (frame.state == Frame::State::incomplete) return std::nullopt;
    std::optional<Reply> reply;
    if (frame.state == Frame::State::whole) reply = decode_reply(frame.payload);
    if (!reply) {
      lose(on_output, "the supervisor sends what is no message", EPROTO);
      return std::nullopt;
    }
    received_.erase(0, frame.bytes);
    return reply;
  }

  static int timeout(Clock::time_point wake_at) {
    if (wake_at == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<milliseconds>(wake_at - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }

  /// One read of at most `bytes`; how many there were.
  std::size_t read_chunk(std::size_t bytes, const OnOutput& on_output) {
    ssize_t size = 0;
    while ((size = ::read(output_.get(), chunk_.get(), std::min(bytes, kChunkBytes))) < 0 && errno == EINTR) {
    }
    if (size <= 0) return 0;
    if (on_output) on_output({chunk_.get(), static_cast<std::size_t>(size)});
    return static_cast<std::size_t>(size);
  }

  /// What the pipe holds at this moment, and no more: a job left behind may go on writing for ever.
  void drain(const OnOutput& on_output) {
    int held = 0;
    if (::ioctl(output_.get(), FIONREAD, &held) != 0) return;
    for (std::size_t left = held > 0 ? static_cast<std::size_t>(held) : 0; left > 0;) {
      const std::size_t size = read_chunk(left, on_output);
      if (size == 0) return;
      left -= size;
    }
  }

  /// A command may have stopped it (`kill -STOP $PPID`): it must not sleep through what is to end that command. Both its
  /// halves are in one group, and whoever runs does not notice.
  void wake_supervisor() const { ::kill(-supervisor_, SIGCONT); }

  bool send(const Request& request) {
    std::string bytes;
    check(encode(request, bytes), "the message is small");
    return send_bytes(bytes);
  }

  bool send_bytes(std::string_view rest) {
    while (!rest.empty()) {
      const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The supervisor is of no use any more. Returns why, and every later call does.
  Error lose(const OnOutput& on_output, std::string message, int code) {
    part();
    kill_holders(output_.get(), leader_);
    drain(on_output);
    lost_ = Error{std::move(message), std::error_code(code, std::system_category())};
    // It may have ended as a whole and at once, and so have run nothing. A second time does no harm.
    if (!clean_ups_.empty())
      if (Result<std::unique_ptr<ProcessRunner>> next = make_process_runner(program_)) {
        for (const auto& [number, command] : clean_ups_)
          [[maybe_unused]] const Result<int> registered = (*next)->on_death(command);
        next->reset();
      }
    return *lost_;
  }

  /// Closes the socket and waits until the supervisor, and so everything it has started, has ended.
  void part() {
    if (socket_.get() < 0) return;
    ::shutdown(socket_.get(), SHUT_WR);
    wake_supervisor();
    const Clock::time_point give_up =
        Clock::now() + kFarewell + (clean_ups_.empty() ? std::chrono::seconds{0} : kCleanUp);
    for (bool open = true; open && Clock::now() < give_up;) {
      // End-of-file: both halves of it are gone. Whatever it still says is not waited for.
      pollfd ready{socket_.get(), POLLIN, 0};
      char bytes[4096];
      if (::poll(&ready, 1, timeout(give_up)) <= 0) continue;
      const ssize_t size = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      open = size > 0 || (size < 0 && (errno == EINTR || errno == EAGAIN));
    }
    socket_.reset();
    // It is exiting, if not stopped (SIGSTOP). Whoever embeds us may have waited for it already (ECHILD).
    if (Clock::now() >= give_up) ::kill(supervisor_, SIGKILL);
    while (::waitpid(supervisor_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  const Path program_;
  const pid_t supervisor_;
  Descriptor socket_, output_;
  Pair wake_;
  const std::stop_token kill_now_;
  const std::stop_callback<Waker> on_kill_now_;
  OnOutput background_;
  Tick tick_;
  const std::unique_ptr<char[]> chunk_{
      new char[kChunkBytes]};  // not initialised: its pages come with the first output
  std::string received_;
  std::map<int, ProcessSpec> clean_ups_;
  int last_clean_up_ = 0;
  pid_t leader_ = 0;  // the process that runs; 0: none
  bool busy_ = false;
  bool hung_up_ = false;
  std::optional<Error> lost_;
};

}  // namespace

Result<std::unique_ptr<ProcessRunner>> make_process_runner(const Path& supervisor, std::stop_token kill_now,
                                                           Session session) {
  Result<Pair> sockets = make_socket_pair();
  if (!sockets) return std::move(sockets.error());
  Result<Pair> output = make_pipe(0);
  if (!output) return std::move(output.error());
  Result<Pair> wake = make_pipe(O_NONBLOCK);
  if (!wake) return std::move(wake.error());
  // Our end only: the processes of a build must find a pipe that blocks.
  ::fcntl(output->first.get(), F_SETFL, O_NONBLOCK);
#ifdef F_SETPIPE_SZ
  ::fcntl(output->first.get(), F_SETPIPE_SZ, kPipeBytes);
#endif
  Result<pid_t> pid = spawn_supervisor(supervisor, sockets->second.get(), session);
  if (!pid) return std::move(pid.error());
  auto runner =
      std::make_unique<SupervisedRunner>(supervisor, *pid, std::move(sockets->first),
                                         std::move(output->first), std::move(*wake), std::move(kill_now));
  sockets->second.reset();
  if (Result<void> attached = runner->attach(output->second); !attached) return std::move(attached.error());
  return std::unique_ptr<ProcessRunner>(std::move(runner));
}

}  // namespace buildspec_run
