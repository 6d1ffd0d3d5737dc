// A shell for the user, on the user's terminal, in the state of a command.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "runner/base/exit_status.h"
#include "runner/base/result.h"
#include "runner/sys/files.h"
#include "runner/sys/process.h"

namespace buildspec_run {

/// What is made for a shell.
struct ShellFiles {
  Path start;    // what a POSIX shell reads first
  Path resumed;  // not empty: it was left by codebuild-resume
};

/// Where and as what it is opened.
struct InteractiveShell {
  std::string terminal;  // path, of Terminal::find
  Path supervisor;       // the program
  Path directory;        // there, ours: files of the shell's own are made in it and removed again
  std::string program;   // of the build's commands, absolute: the state is in its words
  std::map<std::string, std::string> environment;  // what it starts with
  Path start_directory;                            // there: what it is in before it goes to the next
  std::string working_directory;  // where the user finds himself; may hold anything but a NUL byte
  std::string state;              // file of `export -p`, read by it; empty: the environment is all there is
  std::string user = {};          // as whom; empty: the caller
  std::string name;               // what its prompt begins with: "build[1]"
  /// In place of a program of this machine: runs a shell that is elsewhere, on the terminal at this path, with `files` at the same
  /// places as here and ENV naming the first. What `program` says is for people then; state, directory and user have no meaning.
  using Run = std::function<Result<ProcessEnd>(ProcessRunner& processes, const std::string& terminal,
                                               const ShellFiles& files, const std::stop_token& stop)>;
  Run run = {};
};

struct ShellEnd {
  ExitStatus exit;
  bool resumed = false;  // left by codebuild-resume: the build is to go on, and nothing is to be asked
  bool stopped = false;  // by the stop token, or because the terminal has gone
};

/// The program that such a shell is: bash where there is one, for it has history and line editing and understands what `export
/// -p` of other shells says, else the build's own.
[[nodiscard]] Path interactive_program(const InteractiveShell& shell);

/// Opens it and waits until it has been left. It has the foreground of the terminal, so that Ctrl-C and job control are its
/// own; afterwards we are the foreground again, and the terminal's modes are what they were. It and all that it has started end
/// with this call, and with this process, whatever its death. A stop is SIGHUP, as when the window is closed. In it, the name
/// `codebuild-resume` leaves it. Assignments are exported, as in a command. An Error: it could not be opened.
Result<ShellEnd> open_interactive_shell(const InteractiveShell& shell, const std::stop_token& stop,
                                        const std::stop_token& kill_now);

}  // namespace buildspec_run
