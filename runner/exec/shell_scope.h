// How directory and variables pass from command to command. Source: buildspec.md 1.4.
//
// The cloud promises "one shell instance" and does something else: each command is a script of its own in a
// new shell, and two small files carry the state on. What survives and what does not (functions, options,
// `exit 0`, a text that ends in a backslash …) follows from the text of that script alone, so the text is
// imitated line by line:
//
//   1    cd '<directory>'                     a literal, as the state before says
//   2    set -a                               every assignment is exported
//   3    . '<old>env.sh'; NAME='value'        what the runner owns is set again behind the old state; $? is 0
//   4…   the command, verbatim
//   n+1  CODEBUILD_LAST_EXIT=$?
//   n+2  export -p > '<new>env.sh'
//   n+3  case $? in 0) pwd > '<new>dir.txt';; esac
//   n+4  exit $CODEBUILD_LAST_EXIT
//
// Two things differ, and neither can be seen by a command. The new state goes to fresh files (there already,
// as `set -C` has to find them), which become the state only when they are whole, so that a kill or a full
// disk leaves the old state and not half of a new one. And `pwd` is written only behind a whole `env.sh`: a
// `dir.txt` that ends its line is the mark of a whole state.
//
// A command can make a variable that the runner owns read-only, and bash (not dash, nor bash as sh) hands that
// on in `export -p`. From then on line 3 says "readonly variable", `$?` is 1 at line 4, and the variable keeps
// its value: CODEBUILD_BUILD_SUCCEEDING stays 1 after a failure. We leave that so, as any wrapper that sets the
// variable behind the old state has it, and to take it from the text of the state would be to read that.
//
// States are numbered in the names of their files, and the number alone says which is the current one: no
// directory is made for a state, nothing renamed. Of what a build costs beside its shells most is the file
// system's: to make a file, and to remove one whose bytes have just been handed to the disk (which the shell's
// `>` may do), as that waits for them. Both are done while a command runs, for the one after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runner/base/result.h"
#include "runner/plan/plan.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// What carries a state: the files that `export -p` and `pwd` write.
struct StateFiles {
  std::string environment, directory;
};

/// What the script of one command is made of. All paths are absolute and hold no line feed, but for
/// `directory`.
struct ScriptParts {
  ScopeKind kind = ScopeKind::carried;
  std::string directory;  // where the command starts
  StateFiles state, next;
  std::span<const std::pair<std::string, std::string>> owned;  // variables of the runner, set again
};

/// `directory` as the operand of `cd`, on one line. A line feed cannot stand in quotes without moving the
/// user's text away from line 4, so printf makes it; the `/.` behind keeps `$(…)` from eating one at the end.
[[nodiscard]] std::string cd_operand(std::string_view directory);

/// The script: the user's text begins at line 4 whatever the parts hold. `isolated` (version 0.1): lines 2
/// and 3 do nothing, and nothing follows the text.
[[nodiscard]] std::string make_script(const ScriptParts& parts, std::string_view text);

/// Splits what `env -0` printed. What has no `=` is left out; of two values for a name the first counts, as
/// in getenv.
[[nodiscard]] std::map<std::string, std::string> parse_environment(std::string_view text);

/// The state of one build on disk, below a directory of its own (mode 0700; its files 0600, for they hold
/// what the build knows):
///
///   script.sh               of the command that runs
///   readonly/               where every shell starts, empty: what a command does after a `cd` that failed, it
///                           does there
///   0-env.sh, 0-dir.txt     the state, numbered; 1-…, 2-… as commands end. The running command writes the
///                           next one; older ones stay until `meanwhile`
///
/// Not thread-safe. Does not remove its directory: who gave it does.
class ShellScope {
 public:
  /// `directory` is there and empty; `start` is where the first command runs. Its path may hold anything but
  /// a NUL byte; that of `directory` no line feed (an Error).
  static Result<ShellScope> make(Path directory, ScopeKind kind, std::string start);

  /// Writes the script of the next command. `user`: who has to read it and write the state (run-as); empty:
  /// we. Returns the script's path.
  Result<Path> prepare(std::string_view text, std::span<const std::pair<std::string, std::string>> owned,
                       const std::string& user = {});

  /// A state, for whoever wants to look at it.
  struct State {
    std::string directory;
    std::string environment;  // file of `export -p`; empty: none is carried
  };
  [[nodiscard]] State state() const;
  /// The command has ended: what `commit` would make the state, and else the old one.
  [[nodiscard]] State pending() const;

  enum class Kept {
    whole,    // what the command left is the state now
    nothing,  // it wrote none (`exit 0`, `exec`, a syntax error, a kill), as in the cloud: the old state
              // stays
    partial,  // it began to write and could not finish (a full disk): the old state stays
  };
  /// The command has ended: takes over the state that it wrote.
  Result<Kept> commit();
  /// The command has ended and counts as not run: the old state stays.
  void discard();
  /// To be called while a command runs, to save time between two: removes states that are no longer needed,
  /// and makes the files of the state after the next. Not to call it costs only time and room. What cannot be
  /// removed goes with the directory.
  void meanwhile();

  /// Adds variables to the state as if a command had exported them; they win over what it holds. Names must be ones that a
  /// shell can hold, values without a NUL byte. Where no state is carried, nothing changes.
  Result<void> add(const std::map<std::string, std::string>& variables);

  /// What carries the variables of the state: the text of its `env.sh`, empty before the first command.
  [[nodiscard]] Result<std::string> environment() const;
  /// Makes what an earlier process kept the state: `environment` as above, `directory` as working_directory(). The state
  /// has `number`.
  Result<void> restore(std::uint64_t number, std::string_view environment, std::string directory);

  /// A script that prints the variables of the state into `variables_file()`, in the form of `env -0`;
  /// `env_program` is the absolute path of env. To be run like a command.
  Result<Path> prepare_variables(const Path& env_program);
  [[nodiscard]] Path variables_file() const { return directory_ / "variables"; }

  /// Directory in which each shell is to be started.
  [[nodiscard]] Path start_directory() const { return directory_ / "readonly"; }
  /// Directory of the agent's files: CODEBUILD_SCRIPT_DIR.
  [[nodiscard]] const Path& directory() const noexcept { return directory_; }
  /// Where the next command will start, in the words of the last one's `pwd`.
  [[nodiscard]] const std::string& working_directory() const noexcept { return working_directory_; }
  /// How many states there have been, the first one (0) not counted.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

 private:
  ShellScope(Path directory, ScopeKind kind, std::string start)
      : directory_(std::move(directory)), kind_(kind), working_directory_(std::move(start)) {}

  [[nodiscard]] StateFiles files_of(std::uint64_t number) const;
  Result<Path> write_script(std::string_view text);
  static Result<void> make_blank(const StateFiles& state);

  Path directory_;
  ScopeKind kind_;
  std::string working_directory_;
  std::uint64_t number_ = 0;
  std::uint64_t oldest_ = 0;  // whose files are still there
};

}  // namespace buildspec_run
