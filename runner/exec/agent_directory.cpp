#include "runner/exec/agent_directory.h"

#include <filesystem>
#include <string>
#include <system_error>

namespace buildspec_run {

Result<void> provide_helper_commands(const Path& directory) {
  const Path bin = directory / "bin";
  if (Result<void> made = make_directories(bin, 0755); !made) return made;
  for (const char* name : {"codebuild-breakpoint", "codebuild-resume"}) {
    if (Result<void> written = write_new_file(bin / name, "#!/bin/sh\nexit 0\n", 0755); !written)
      return written;
  }
  return {};
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
