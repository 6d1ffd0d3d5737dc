// A supervisor of its own, which stays in the terminal's session, starts the shell: so it can have the terminal, while it and
// its jobs end with us as all that a build starts does. What the user finds is made by a start-up file: directory, variables,
// prompt. A shell's own start-up files are not read, as commands do not read them either.

#include "runner/exec/interactive_shell.h"

#include <fmt/core.h>

#include <filesystem>
#include <tuple>
#include <utility>

#include "runner/base/text.h"
#include "runner/exec/shell_scope.h"
#include "runner/sys/process.h"
#include "runner/sys/terminal.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

constexpr std::chrono::milliseconds kHangUpGrace{1500}, kTerminateGrace{500};

bool is_bash(const Path& program) { return program.filename() == "bash"; }

std::string start_up(const InteractiveShell& shell, bool bash, const Path& resumed) {
  std::string text;
  if (!bash) {
    // It was this file's name.
    const auto own = shell.environment.find("ENV");
    text +=
        own == shell.environment.end() ? "unset ENV\n" : fmt::format("ENV={}\n", shell_quote(own->second));
  }
  if (!shell.run) text += fmt::format("cd {}\n", cd_operand(shell.working_directory));
  if (!shell.state.empty()) text += fmt::format(". {}\n", shell_quote(shell.state));
  // Not into the user's own history: there may be secrets in it.
  text += "unset HISTFILE\n";
  text += bash ? fmt::format("PS1='({}) \\w\\$ '\n", shell.name) : fmt::format("PS1='({}) $ '\n", shell.name);
  text += fmt::format("alias codebuild-resume={}\n",
                      shell_quote(fmt::format("echo > {}; exit 0", shell_quote(resumed.native()))));
  return text + "set -a\n";
}

/// Removes what was made for the shell.
class OwnFiles : public ShellFiles {
 public:
  explicit OwnFiles(const Path& directory)
      : ShellFiles{directory / "shell.rc", directory / "shell-resumed"} {}
  OwnFiles(const OwnFiles&) = delete;
  ~OwnFiles() {
    for (const Path& file : {start, resumed})
      static_cast<void>(remove_tree(file));  // goes with its directory
  }
};

}  // namespace

Path interactive_program(const InteractiveShell& shell) {
  if (shell.run || is_bash(shell.program)) return shell.program;
  const auto path = shell.environment.find("PATH");
  for (const std::string& search :
       {path == shell.environment.end() ? std::string() : path->second, std::string("/usr/bin:/bin")})
    if (Path found = find_program("bash", search, shell.start_directory); !found.empty()) return found;
  return shell.program;
}

Result<ShellEnd> open_interactive_shell(const InteractiveShell& shell, const std::stop_token& stop,
                                        const std::stop_token& kill_now) {
  Result<Terminal> terminal = Terminal::open(shell.terminal);
  if (!terminal) return std::move(terminal.error()).in("open a shell on " + shell.terminal);
  const Path program = interactive_program(shell);
  const bool bash = !shell.run && is_bash(program);
  const OwnFiles files(shell.directory);
  // Elsewhere it may be anybody who is to read and write them.
  for (const auto& [file, text, mode] :
       {std::tuple(files.start, start_up(shell, bash, files.resumed), shell.run ? 0644 : 0600),
        std::tuple(files.resumed, std::string(), shell.run ? 0666 : 0600)}) {
    static_cast<void>(remove_tree(file));
    if (Result<void> written = write_new_file(file, text, static_cast<mode_t>(mode)); !written)
      return std::move(written.error());
    if (shell.user.empty() || shell.run) continue;
    if (Result<void> given = give_to_user(file, shell.user); !given) return std::move(given.error());
  }
  if (!shell.user.empty() && !shell.run) {
    // Lets that user through, not look.
    std::error_code failed;
    std::filesystem::permissions(shell.directory, std::filesystem::perms(0711), failed);
    if (!shell.state.empty())
      if (Result<void> given = give_to_user(shell.state, shell.user); !given) return std::move(given.error());
  }
  ProcessSpec spec;
  spec.argv =
      bash ? std::vector<std::string>{program.native(), "--noprofile", "--rcfile", files.start.native(), "-i"}
           : std::vector<std::string>{program.native(), "-i"};
  spec.env = shell.environment;
  if (!bash) spec.env["ENV"] = files.start.native();
  spec.cwd = shell.start_directory;
  spec.user = shell.user;
  spec.terminal = shell.terminal;
  spec.on_stopped = [&](int pid) {
    terminal->give_to(
        pid, fmt::format(
                 "\r\n[{}] the shell was stopped, and nothing is behind it: it goes on (exit leads back)\r\n",
                 shell.name));
  };
  spec.sigint_grace = kHangUpGrace;
  spec.sigterm_grace = kTerminateGrace;
  Result<std::unique_ptr<ProcessRunner>> processes =
      make_process_runner(shell.supervisor, kill_now, Session::terminal);
  if (!processes) return std::move(processes.error());
  const auto nothing = [](std::string_view) {};  // it writes to the terminal
  const Result<ProcessEnd> end = shell.run ? shell.run(**processes, shell.terminal, files, stop)
                                           : (*processes)->run(spec, nothing, stop);
  const Result<int> ended = (*processes)->end_all(kTerminateGrace);  // its jobs
  processes->reset();
  terminal->take_back();
  if (!end) return Error(end.error()).in("open a shell");
  if (!ended) return Error(ended.error()).in("end what the shell has left running");
  std::error_code unknown;
  const bool resumed = std::filesystem::file_size(files.resumed, unknown) > 0 && !unknown;
  return ShellEnd{end->exit, resumed, end->stopped};
}

}  // namespace buildspec_run
