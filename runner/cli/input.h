// Finding and reading what the user names.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/base/result.h"
#include "runner/base/source_text.h"
#include "runner/cli/command_line.h"

namespace buildspec_run {

/// Option -C/--source-dir, the same for every subcommand that has it.
inline constexpr OptionSpec kSourceDirOption = {"--source-dir", "-C", OptionSpec::Takes::value, "DIR",
                                                "the source directory: commands start there, and a relative "
                                                "FILE is looked up there; default: the current directory"};

/// The source directory, absolute and with links resolved. Fails when it is no directory.
Result<Path> source_directory(const Invocation& invocation);

/// The buildspec `operand` names: "-" is standard input, a relative path counts from `source_dir`, nothing is
/// `buildspec.yml` there. What is not there or cannot be read is a diagnostic (`no-buildspec`, `unreadable`)
/// with the cloud's text; then nullptr.
std::unique_ptr<SourceText> read_buildspec(const Invocation& invocation, const Path& source_dir,
                                           std::string_view operand, Diagnostics& found);

/// Whether a buildspec named so comes from another process, and so can be read only once: standard input, a process
/// substitution `<(…)`.
[[nodiscard]] bool is_stream(std::string_view operand);

/// Everything that can be read from `fd`.
Result<std::string> read_descriptor(int fd);

/// `path` absolute, counted from `base`, without "." and "..".
[[nodiscard]] Path absolute_path(const Path& path, const Path& base);

}  // namespace buildspec_run
