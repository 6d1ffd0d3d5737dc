// What the cloud's agent brings along beside the scripts.
#pragma once

#include "runner/base/result.h"
#include "runner/exec/shell_program.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// Puts `codebuild-breakpoint` and `codebuild-resume` into `<directory>/bin`. `breakpoint`: the first one's script in a debug
/// session. Without one both do nothing and succeed (buildspec.md 3.11).
Result<void> provide_helper_commands(const Path& directory, const std::string& breakpoint = {});

/// The program to start scripts with. What stands in for `sh` is started by that name, through a link in
/// `directory`: bash is in POSIX mode then, as on the cloud's Amazon Linux images (buildspec.md 1.4). A shell
/// that the buildspec chose (env.shell) is started as itself.
Result<Path> provide_shell(const Path& directory, const ShellProgram& shell);

}  // namespace buildspec_run
