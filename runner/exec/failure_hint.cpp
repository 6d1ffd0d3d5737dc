#include "runner/exec/failure_hint.h"

#include <fmt/core.h>

#include <cstddef>

namespace buildspec_run {
namespace {

constexpr std::size_t kTailBytes = 4096;

// What dash and other plain shells say of bash's syntax. `source: not found` is also what an image without a
// shell builtin prints; all of these come from the shell itself, which puts its script and the line in front.
constexpr std::string_view kPlainShellComplaints[] = {
    "[[: not found",
    "source: not found",
    "declare: not found",
    "shopt: not found",
    "pushd: not found",
    "popd: not found",
    "mapfile: not found",
    "readarray: not found",
    "function: not found",
    "Syntax error: \"(\" unexpected",
    "Syntax error: \"}\" unexpected",
    "Syntax error: redirection unexpected",
    "Syntax error: Bad for loop variable",
    "Bad substitution",
    "Illegal option -o pipefail",
};

bool is_bash(std::string_view shell) { return shell.substr(shell.rfind('/') + 1) == "bash"; }

bool waits_for_a_pid_file(std::string_view command) {
  const std::size_t wait = command.find("wait ");
  if (wait == std::string_view::npos) return false;
  const std::string_view rest = command.substr(wait);
  return rest.find("$(") != std::string_view::npos || rest.find('`') != std::string_view::npos ||
         rest.find('$') != std::string_view::npos;
}

}  // namespace

void LastOutput::add(std::string_view chunk) {
  if (chunk.size() >= kTailBytes) {
    tail_.assign(chunk.substr(chunk.size() - kTailBytes));
    return;
  }
  if (tail_.size() + chunk.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() + chunk.size() - kTailBytes);
  tail_ += chunk;
}

std::string failure_hint(std::string_view command, std::string_view tail, const ExitStatus& exit,
                         std::string_view shell) {
  if (exit.success()) return {};
  if (!is_bash(shell))
    for (const std::string_view complaint : kPlainShellComplaints)
      if (tail.find(complaint) != std::string_view::npos)
        return fmt::format(
            "{} does not know this syntax of bash; sh is bash in the cloud's Amazon Linux images and dash in "
            "its Ubuntu "
            "images: try --sh bash, or \"shell: bash\" under env",
            shell);
  if (exit.code == 127 && waits_for_a_pid_file(command))
    return "each command has a shell of its own, which cannot wait for a process that an earlier one started "
           "(status 127, in "
           "the cloud as well); start it and wait for it in one command, or poll with kill -0";
  return {};
}

}  // namespace buildspec_run
