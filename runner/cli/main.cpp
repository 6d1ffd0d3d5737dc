// The program: the one place that looks at the process it runs in (environment, working directory, exit).
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/cli/command_line.h"
#include "runner/cli/report.h"
#include "runner/cli/settings.h"
#include "runner/version.h"

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

extern char** environ;

namespace buildspec_run {
namespace {

Path program_path(const char* argv0) {
  std::error_code failed;
#ifdef __APPLE__
  char buffer[4096];
  std::uint32_t size = sizeof buffer;
  if (_NSGetExecutablePath(buffer, &size) == 0) return std::filesystem::canonical(buffer, failed);
#else
  Path path = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed) return path;
#endif
  return std::filesystem::absolute(argv0, failed);
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

/// A standard stream that is closed (`>&-`) would be the number of the next file that is opened, the kept log
/// for one, and what is printed would land in it.
void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", O_RDWR) < 0) return;
}

// "buildspec-run vaildate": a bare word that names no file.
std::string unknown_command(const std::string& word) {
  std::vector<std::string_view> names = {"help"};
  for (const Subcommand* command : subcommands()) names.push_back(command->name);
  return fmt::format("unknown command \"{}\"{}", word, did_you_mean(word, names));
}

bool is_bare_word(const std::string& word) {
  return !word.empty() && word.front() != '-' && word.find_first_of("./") == std::string::npos;
}

ExitCode run_program(const std::vector<std::string>& args, const char* argv0) {
  Invocation invocation;
  invocation.environment = process_environment();
  invocation.program = program_path(argv0);
  std::error_code failed;
  invocation.working_directory = std::filesystem::current_path(failed);
  if (failed)
    return invocation.fail(ExitCode::machine, fmt::format("the current directory: {}", failed.message()));

  if (!args.empty() && (args[0] == "--version" || args[0] == "version")) {
    return invocation.write_out(fmt::format("buildspec-run {}\n", kVersion));
  }
  if (!args.empty() && (args[0] == "--help" || args[0] == "-h" || args[0] == "help")) {
    const Selected about = select_subcommand({args.begin() + 1, args.end()});
    if (args.size() > 1 && about.command->name != args[1])
      return invocation.fail(ExitCode::invalid, unknown_command(args[1]));
    return invocation.write_out(args.size() > 1 ? help_for(*about.command) : general_help());
  }
  const Selected selected = select_subcommand(args);
  const bool named = selected.rest.size() != args.size();
  auto parsed = parse_arguments(*selected.command, selected.rest);
  if (UsageError* error = std::get_if<UsageError>(&parsed)) {
    return invocation.fail(ExitCode::invalid,
                           fmt::format("{}\nbuildspec-run: \"buildspec-run {} --help\" shows what there is",
                                       error->message, selected.command->name));
  }
  if (std::holds_alternative<HelpWanted>(parsed)) {
    return invocation.write_out(named ? help_for(*selected.command) : general_help());
  }
  invocation.arguments = std::move(std::get<Arguments>(parsed));
  if (selected.command->reads_config && !invocation.arguments.no_config) {
    Diagnostics found;
    const Settings settings = read_settings(invocation, *selected.command, found);
    write_places(invocation, found.all());  // the lines may hold secrets
    if (found.has_errors()) return ExitCode::invalid;
    apply_settings(settings.settings, invocation.arguments);
  }
  if (!named && !invocation.arguments.operands.empty()) {
    const std::string& word = invocation.arguments.operands.front();
    const Path base = invocation.arguments.value("--source-dir").value_or(".");
    if (is_bare_word(word) && !std::filesystem::exists(base / word, failed))
      return invocation.fail(ExitCode::invalid, unknown_command(word));
  }
  return selected.command->run(invocation);
}

}  // namespace
}  // namespace buildspec_run

int main(int argc, char** argv) {
  buildspec_run::hold_standard_streams();
  try {
    const std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
    return static_cast<int>(buildspec_run::run_program(args, argc > 0 ? argv[0] : "buildspec-run"));
  } catch (const std::exception& error) {
    // Ours throws nothing; what a library lets through (memory, above all) ends here.
    const std::string text = std::string("buildspec-run: ") + error.what() + "\n";
    if (::write(2, text.data(), text.size()) < 0) return 3;
    return 3;
  }
}
