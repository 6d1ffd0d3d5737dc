// Processes. Everything a build starts is started by the supervisor, a small program of its own
// (runner/supervisor), and ends with the run: also what called setsid, forked twice or ignores SIGTERM.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/exit_status.h"
#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// A process to start. Complete: nothing is inherited from ours.
struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in env's PATH when it has no slash
  std::map<std::string, std::string> env;
  Path cwd;               // empty: ours
  std::string user = {};  // run as this user with its groups (needs root, else EPERM); empty: as the caller
  // A stop: SIGINT to the process's group; after the first grace SIGTERM; after the second SIGKILL, to all
  // that descends from the process. Each comes with a SIGCONT, so that what is stopped can heed it. Source:
  // actions/runner, ProcessInvoker.cs.
  std::chrono::milliseconds sigint_grace{7500}, sigterm_grace{2500};
  // How ready Linux is to kill it when memory runs out, -1000 to 1000 (proc(5)), as far as we may set that.
  std::optional<int> oom_score_adj = {};
  // From then on it is stopped like a cancelled one.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  // Path of the terminal that all three streams are to be; its foreground becomes the process's group, and is not given back
  // (sys/terminal.h). Of a runner made with Session::terminal. A stop is SIGHUP in place of SIGINT, which an interactive
  // shell would not heed. Empty: none.
  std::string terminal = {};
  // Called by `run` when the process has been asked for, and so mostly while it runs: for what need not be done
  // before it. Has to be brief, as nothing is read meanwhile.
  std::function<void()> meanwhile = {};
  // Called when it runs, with its process id, which is that of its session as well (on a terminal: of its group).
  std::function<void(int pid)> on_started = {};
  // Of a process on a terminal: called with its process id when it has been stopped, by whatever signal (bash's `suspend` is
  // SIGSTOP), as nobody else is there who could continue it: it is continued behind the call.
  std::function<void(int pid)> on_stopped = {};
};

struct ProcessEnd {
  ExitStatus exit;
  bool stopped = false;    // by the stop token
  bool timed_out = false;  // by the deadline
};

class ProcessRunner {
 public:
  using OnOutput = std::function<void(std::string_view chunk)>;
  virtual ~ProcessRunner() = default;

  /// Runs one process to its exit. `on_output` gets both its streams in the order written, cut anywhere; what
  /// a job left behind writes later belongs to the build (`on_background`), not to this process. A non-zero
  /// exit is a result; an Error means that it could not be started (its code is the errno of exec) or watched
  /// (the supervisor has died: code ECONNRESET, and every descendant has been ended; every later call says
  /// the same). When `stop`, `kill_now` or the deadline has come before it could start, nothing is started:
  /// the end is then that of a process stopped by SIGINT
  /// (`kill_now`: SIGKILL). One process at a time.
  virtual Result<ProcessEnd> run(const ProcessSpec& spec, const OnOutput& on_output,
                                 std::stop_token stop) = 0;

  /// Gets what background jobs write between processes; called from within `run` and `end_all`. What comes
  /// while a process runs cannot be told from its own output and is given to `run`'s `on_output`.
  virtual void on_background(OnOutput on_output) = 0;
  /// Called about ten times a second while a process runs. Returns for how long the limits of the process are not to count,
  /// as it stood still: its deadline comes so much later.
  using Tick = std::function<std::chrono::steady_clock::duration()>;
  virtual void on_tick(Tick tick) = 0;
  /// Has the supervisor run `command` when this program has ended, by whatever death, or when this object is destroyed,
  /// unless `take_back` came first; also when the supervisor itself loses its one half. All that the build has started has
  /// been ended by then. For what is no process of ours, such as a container: `docker rm --force NAME`. It is run twice, a
  /// second apart, with its output dropped, so it must not mind to find nothing; all of them together get ten seconds.
  /// `user` and `deadline` do not count. Returns a number for `take_back`.
  virtual Result<int> on_death(const ProcessSpec& command) = 0;
  /// `command` is not needed any more.
  virtual void take_back(int number) = 0;
  /// Ends every process that is still there: TERM, then KILL after `grace` (at once when `kill_now` is
  /// requested). Returns how many there were. Further processes may be run afterwards.
  virtual Result<int> end_all(std::chrono::milliseconds grace) = 0;

  struct EndedProcess {
    int pid = 0;
    std::string name;  // as `ps` shows it
  };
  /// Ends, by SIGKILL, every process that is still there and was started with `variable`, NAME=VALUE, in its
  /// environment. Which they were: the first thousand. Linux alone can tell; elsewhere there are none. When the supervisor
  /// has died, any process of the machine that we may end counts, as nobody knows any more who descends from whom.
  virtual Result<std::vector<EndedProcess>> end_marked(const std::string& variable) = 0;
};

/// Which session processes are in: each in one of its own, or all in ours, so that they can have our terminal.
enum class Session { own, terminal };

/// Starts the supervisor at `supervisor` (an absolute path). `kill_now`: when it is requested, a running
/// process and all that descends from it are ended by SIGKILL at once, whatever the grace (a second Ctrl-C);
/// its end says `stopped`. Destroying the runner ends, by SIGKILL, all that is still there. Both stop tokens
/// may be requested on any thread.
Result<std::unique_ptr<ProcessRunner>> make_process_runner(const Path& supervisor,
                                                           std::stop_token kill_now = {},
                                                           Session session = Session::own);

}  // namespace buildspec_run
