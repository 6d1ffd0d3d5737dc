#include "runner/exec/agent_directory.h"

#include <filesystem>
#include <string>
#include <system_error>

namespace buildspec_run {

Result<void> provide_helper_commands(const Path& directory, const std::string& breakpoint) {
  const Path bin = directory / "bin";
  if (Result<void> made = make_directories(bin, 0755); !made) return made;
  const std::string nothing = "#!/bin/sh\nexit 0\n";
  if (Result<void> written =
          write_new_file(bin / "codebuild-breakpoint", breakpoint.empty() ? nothing : breakpoint, 0755);
      !written)
    return written;
  return write_new_file(bin / "codebuild-resume", nothing, 0755);
}

Result<Path> provide_shell(const Path& directory, const ShellProgram& shell) {
  const Path program = shell.path;
  if (shell.chosen || !shell.found || program.filename() == "sh") return program;
  const Path link = directory / "sh";
  std::error_code failed;
  std::filesystem::create_symlink(program, link, failed);
  if (failed) return Error{"make the link " + link.native() + ": " + failed.message(), failed};
  return link;
}

}  // namespace buildspec_run
