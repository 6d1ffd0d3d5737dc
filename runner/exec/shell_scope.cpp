#include "runner/exec/shell_scope.h"

#include <fmt/core.h>

#include <filesystem>
#include <system_error>

#include "runner/base/check.h"
#include "runner/base/text.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

/// The size of the next `env.sh` until the shell begins to write it, to tell one that a command left by itself
/// (`exit`, `exec`) from one that could not be written at all. No shell's `export -p` is that short. The file
/// has the size, but no bytes: those would have to be kept somewhere, and thrown away.
constexpr std::uint64_t kNotBegunBytes = 2;
constexpr std::uint64_t kDirectoryLimitBytes = 64 << 10;

Error file_error(std::string_view doing, const Path& path, std::error_code code) {
  return Error{fmt::format("{} {}: {}", doing, path.native(), code.message()), code};
}

/// Makes a new, empty directory; what is there already (a command may have made it) is removed first.
Result<void> make_fresh_directory(const Path& path) {
  std::error_code code;
  if (std::filesystem::create_directory(path, code)) return {};
  if (!code || code == std::errc::file_exists) {
    if (Result<void> removed = remove_tree(path); !removed) return removed;
    if (std::filesystem::create_directory(path, code)) return {};
  }
  return file_error("make", path, code);
}

}  // namespace

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

std::string make_script(const ScriptParts& parts, std::string_view text) {
  std::string script = fmt::format("cd {}\n", cd_operand(parts.directory));
  if (parts.kind == ScopeKind::isolated) return script.append(":\n:\n").append(text).append("\n");
  script += fmt::format("set -a\n. {}", shell_quote(parts.state.environment));
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
      shell_quote(parts.next.environment), shell_quote(parts.next.directory));
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
  const StateFiles first = scope.files_of(0);
  if (Result<void> made = write_new_file(first.environment, ""); !made) return std::move(made.error());
  if (Result<void> made = write_new_file(first.directory, scope.working_directory_ + "\n"); !made)
    return std::move(made.error());
  return scope;
}

StateFiles ShellScope::files_of(std::uint64_t number) const {
  const std::string start = fmt::format("{}/{}-", directory_.native(), number);
  return {start + "env.sh", start + "dir.txt"};
}

Result<Path> ShellScope::write_script(std::string_view text) {
  Path script = directory_ / "script.sh";
  if (Result<void> written = rewrite_file(script, text); !written) return std::move(written.error());
  return script;
}

Result<void> ShellScope::make_blank(const StateFiles& state) {
  if (Result<void> made = make_blank_file(state.environment, kNotBegunBytes); !made) return made;
  return make_blank_file(state.directory, 0);
}

Result<Path> ShellScope::prepare(std::string_view text,
                                 std::span<const std::pair<std::string, std::string>> owned,
                                 const std::string& user) {
  const StateFiles state = files_of(number_), next = files_of(number_ + 1);
  if (kind_ == ScopeKind::carried)
    if (Result<void> made = make_blank(next); !made) return std::move(made.error());
  Result<Path> script = write_script(make_script({kind_, working_directory_, state, next, owned}, text));
  if (!script) return script;
  if (!user.empty()) {
    // The directory lets that user through, not look; what it has to read and write is given away.
    // (buildspec.md 10, U7)
    std::error_code code;
    std::filesystem::permissions(directory_, std::filesystem::perms(0711), code);
    if (code) return file_error("open", directory_, code);
    std::vector<Path> given = {*script};
    if (kind_ == ScopeKind::carried)
      given.insert(given.end(), {state.environment, next.environment, next.directory});
    for (const Path& path : given)
      if (Result<void> done = give_to_user(path, user); !done) return std::move(done.error());
  }
  return script;
}

ShellScope::State ShellScope::state() const {
  if (kind_ == ScopeKind::isolated) return {working_directory_, {}};
  return {working_directory_, files_of(number_).environment};
}

ShellScope::State ShellScope::pending() const {
  if (kind_ == ScopeKind::isolated) return state();
  const StateFiles next = files_of(number_ + 1);
  Result<std::string> directory = read_file(next.directory, kDirectoryLimitBytes);
  if (!directory || directory->empty() || directory->back() != '\n') return state();
  directory->pop_back();
  return {std::move(*directory), next.environment};
}

Result<ShellScope::Kept> ShellScope::commit() {
  if (kind_ == ScopeKind::isolated) return Kept::nothing;
  const StateFiles next = files_of(number_ + 1);
  Result<std::string> directory = read_file(next.directory, kDirectoryLimitBytes);
  if (!directory || directory->empty() || directory->back() != '\n') {
    std::error_code code;
    const std::uintmax_t size = std::filesystem::file_size(next.environment, code);
    discard();
    return !code && size != kNotBegunBytes ? Kept::partial : Kept::nothing;
  }
  directory->pop_back();
  working_directory_ = std::move(*directory);
  ++number_;
  return Kept::whole;
}

void ShellScope::discard() {
  if (kind_ == ScopeKind::isolated) return;
  const StateFiles next = files_of(number_ + 1);
  for (const std::string& file : {next.environment, next.directory})
    static_cast<void>(remove_tree(file));  // if not, the next `prepare` says so
}

void ShellScope::meanwhile() {
  if (kind_ == ScopeKind::isolated) return;
  for (; oldest_ < number_; ++oldest_) {
    const StateFiles worn = files_of(oldest_);
    for (const std::string& file : {worn.environment, worn.directory}) static_cast<void>(remove_tree(file));
  }
  static_cast<void>(make_blank(files_of(number_ + 2)));  // if not, `prepare` tries again, and tells
}

Result<void> ShellScope::add(const std::map<std::string, std::string>& variables) {
  if (kind_ == ScopeKind::isolated || variables.empty()) return {};
  const StateFiles next = files_of(number_ + 1);
  Result<std::string> text = read_file(files_of(number_).environment);
  if (!text) return std::move(text.error());
  for (const auto& [name, value] : variables) {
    check(is_variable_name(name) && value.find('\0') == std::string::npos, "a shell can hold the variable");
    *text += fmt::format("export {}={}\n", name, shell_quote(value));
  }
  if (Result<void> written = replace_file(next.environment, *text, 0600); !written) return written;
  if (Result<void> written = replace_file(next.directory, working_directory_ + "\n", 0600); !written)
    return written;
  ++number_;
  return {};
}

Result<std::string> ShellScope::environment() const {
  if (number_ == 0) return std::string();
  return read_file(files_of(number_).environment);
}

Result<void> ShellScope::restore(std::uint64_t number, std::string_view environment, std::string directory) {
  working_directory_ = std::move(directory);
  if (kind_ == ScopeKind::isolated || number == 0) return {};
  oldest_ = number;
  number_ = number;
  const StateFiles state = files_of(number);
  if (Result<void> written = write_new_file(state.environment, environment); !written) return written;
  return write_new_file(state.directory, working_directory_ + "\n");
}

Result<Path> ShellScope::prepare_variables(const Path& env_program) {
  return write_script(
      fmt::format("set -a\n"
                  ". {} 2> /dev/null\n"
                  "exec {} -0 > {}\n",
                  shell_quote(files_of(number_).environment), shell_quote(env_program.native()),
                  shell_quote(variables_file().native())));
}

}  // namespace buildspec_run
