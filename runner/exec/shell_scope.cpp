#include "runner/exec/shell_scope.h"

#include <fmt/core.h>

#include <filesystem>
#include <system_error>

#include "runner/base/check.h"
#include "runner/base/text.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kEnvironmentFile = "env.sh";
constexpr std::string_view kDirectoryFile = "dir.txt";
/// What stands in a next state until the shell begins to write it, to tell one that a command left by itself
/// (`exit`, `exec`) from one that could not be written at all. No shell's `export -p` is that short.
constexpr std::string_view kNotBegun = "#\n";
constexpr std::uint64_t kDirectoryLimitBytes = 64 << 10;

/// `directory` as the operand of `cd`, on one line. A line feed cannot stand in quotes without moving the
/// user's text away from line 4, so printf makes it; the `/.` behind keeps `$(…)` from eating one at the end.
std::string cd_operand(std::string_view directory) {
  if (directory.find('\n') == std::string_view::npos) return shell_quote(directory);
  std::string format;
  for (const char c : directory) {
    if (c == '\n')
      format += "\\012";
    else if (c == '\\')
      format += "\\\\";
    else if (c == '%')
      format += "%%";
    else
      format += c;
  }
  return fmt::format("\"$(printf {})\"", shell_quote(format + "/."));
}

Error file_error(std::string_view doing, const Path& path, std::error_code code) {
  return Error{fmt::format("{} {}: {}", doing, path.native(), code.message()), code};
}

/// Makes a new, empty directory; one that is there already (a command may have made it) is removed first.
Result<void> make_fresh_directory(const Path& path) {
  std::error_code code;
  if (std::filesystem::create_directory(path, code)) return {};
  if (!code || code == std::errc::file_exists) {
    if (Result<void> removed = remove_tree(path); !removed) return removed;
    if (std::filesystem::create_directory(path, code)) return {};
  }
  return file_error("make", path, code);
}

/// A state is two files, which costs four system calls; looking for more, as remove_tree does, costs thrice
/// that, and a build has thousands of states.
Result<void> remove_state(const Path& state) {
  std::error_code code;
  for (const std::string_view name : {kEnvironmentFile, kDirectoryFile})
    std::filesystem::remove(state / name, code);
  if (std::filesystem::remove(state, code)) return {};
  return remove_tree(state);  // a command has put something there
}

}  // namespace

std::string make_script(const ScriptParts& parts, std::string_view text) {
  std::string script = fmt::format("cd {}\n", cd_operand(parts.directory));
  if (parts.kind == ScopeKind::isolated) return script.append(":\n:\n").append(text).append("\n");
  script += fmt::format("set -a\n. {}", shell_quote(parts.state + "/" + std::string(kEnvironmentFile)));
  for (const auto& [name, value] : parts.owned) {
    check(value.find('\n') == std::string::npos, "a variable of the runner has one line");
    script += fmt::format("; {}={}", name, shell_quote(value));
  }
  script.append("\n").append(text);
  script += fmt::format(
      "\nCODEBUILD_LAST_EXIT=$?\n"
      "export -p > {}\n"
      "case $? in 0) pwd > {};; esac\n"
      "exit $CODEBUILD_LAST_EXIT\n",
      shell_quote(parts.next + "/" + std::string(kEnvironmentFile)),
      shell_quote(parts.next + "/" + std::string(kDirectoryFile)));
  return script;
}

std::map<std::string, std::string> parse_environment(std::string_view text) {
  std::map<std::string, std::string> variables;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(entry.size() + 1, text.size()));
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return variables;
}

Result<ShellScope> ShellScope::make(Path directory, ScopeKind kind, std::string start) {
  if (directory.native().find('\n') != std::string::npos)
    return Error{fmt::format(
        "the temporary directory {} has a line feed in its name, which no script of a command can hold",
        directory.native())};
  ShellScope scope(std::move(directory), kind, std::move(start));
  if (Result<void> made = make_fresh_directory(scope.start_directory()); !made)
    return std::move(made.error());
  std::error_code ignored;  // without the mode a stray file lands there; nothing breaks
  std::filesystem::permissions(scope.start_directory(), std::filesystem::perms(0555), ignored);
  const Path state = scope.directory_ / "0";
  if (Result<void> made = make_fresh_directory(state); !made) return std::move(made.error());
  if (Result<void> made = write_new_file(state / kEnvironmentFile, ""); !made) return std::move(made.error());
  if (Result<void> made = write_new_file(state / kDirectoryFile, scope.working_directory_ + "\n"); !made)
    return std::move(made.error());
  return scope;
}

Result<Path> ShellScope::prepare(std::string_view text,
                                 std::span<const std::pair<std::string, std::string>> owned,
                                 const std::string& user) {
  const Path next = directory_ / "next";
  const Path state = directory_ / std::to_string(number_);
  const Path script = directory_ / "script.sh";
  if (kind_ == ScopeKind::carried) {
    if (Result<void> made = make_fresh_directory(next); !made) return std::move(made.error());
    if (Result<void> made = write_new_file(next / kEnvironmentFile, kNotBegun); !made)
      return std::move(made.error());
    if (Result<void> made = write_new_file(next / kDirectoryFile, ""); !made) return std::move(made.error());
  }
  const ScriptParts parts = {kind_, working_directory_, state.native(), next.native(), owned};
  if (Result<void> written = replace_file(script, make_script(parts, text), 0600); !written)
    return std::move(written.error());
  if (!user.empty()) {
    // The directory lets that user through, not look; what it has to read and write is given away.
    // (buildspec.md 10, U7)
    std::error_code code;
    std::filesystem::permissions(directory_, std::filesystem::perms(0711), code);
    if (code) return file_error("open", directory_, code);
    std::vector<Path> given = {script};
    if (kind_ == ScopeKind::carried) {
      given.insert(given.end(),
                   {state, state / kEnvironmentFile, next, next / kEnvironmentFile, next / kDirectoryFile});
    }
    for (const Path& path : given)
      if (Result<void> done = give_to_user(path, user); !done) return std::move(done.error());
  }
  return script;
}

Result<ShellScope::Kept> ShellScope::commit() {
  if (kind_ == ScopeKind::isolated) return Kept::nothing;
  const Path next = directory_ / "next";
  Result<std::string> directory = read_file(next / kDirectoryFile, kDirectoryLimitBytes);
  if (!directory || directory->empty() || directory->back() != '\n') {
    std::error_code code;
    const std::uintmax_t size = std::filesystem::file_size(next / kEnvironmentFile, code);
    discard();
    return !code && size != kNotBegun.size() ? Kept::partial : Kept::nothing;
  }
  directory->pop_back();
  std::error_code code;
  std::filesystem::rename(next, directory_ / std::to_string(number_ + 1), code);
  if (code) return file_error("keep the state in", directory_, code);
  working_directory_ = std::move(*directory);
  ++number_;
  if (Result<void> removed = remove_state(directory_ / std::to_string(number_ - 1)); !removed)
    return std::move(removed.error());
  return Kept::whole;
}

void ShellScope::discard() {
  if (kind_ == ScopeKind::isolated) return;
  const Result<void> removed = remove_tree(directory_ / "next");  // if not, the next `prepare` says so
  static_cast<void>(removed);
}

Result<Path> ShellScope::prepare_variables(const Path& env_program) {
  const Path script = directory_ / "script.sh";
  const std::string text = fmt::format(
      "set -a\n"
      ". {} 2> /dev/null\n"
      "exec {} -0 > {}\n",
      shell_quote((directory_ / std::to_string(number_) / kEnvironmentFile).native()),
      shell_quote(env_program.native()), shell_quote(variables_file().native()));
  if (Result<void> written = replace_file(script, text, 0600); !written) return std::move(written.error());
  return script;
}

}  // namespace buildspec_run
