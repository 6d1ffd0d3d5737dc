#include "runner/cli/input.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr char kDefaultName[] = "buildspec.yml";
constexpr std::uint64_t kLargestBuildspec = std::uint64_t{64}
                                            << 20;  // the reader's own limit is lower and has a place

// What the user may have meant: a default that is spelt differently.
std::string near_misses(const Path& source_dir) {
  for (const char* name : {"buildspec.yaml", "Buildspec.yml", "buildSpec.yml", "BuildSpec.yml",
                           "ci/buildspec.yml", "buildspec/buildspec.yml", "buildspecs/buildspec.yml"}) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(source_dir / name, ignored))
      return fmt::format("; there is \"{}\": name it, as the project's settings would", name);
  }
  return "; name the file, or the source directory with -C";
}

}  // namespace

Path absolute_path(const Path& path, const Path& base) { return (base / path).lexically_normal(); }

Result<Path> source_directory(const Invocation& invocation) {
  const Path given = invocation.arguments.value("--source-dir").value_or(".");
  const Path path = absolute_path(given, invocation.working_directory);
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) {
    if (!code) code = std::make_error_code(std::errc::not_a_directory);
    return Error{fmt::format("source directory {}: {}", path.string(), code.message()), code};
  }
  const Path resolved = std::filesystem::canonical(path, code);
  return code ? path : resolved;
}

bool is_stream(std::string_view operand) {
  return operand == "-" || operand == "/dev/stdin" || operand.starts_with("/dev/fd/") ||
         operand.starts_with("/proc/self/fd/");
}

Result<std::string> read_descriptor(int fd) {
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read standard input", errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kLargestBuildspec) return system_error("read standard input", EFBIG);
  }
}

std::unique_ptr<SourceText> read_buildspec(const Invocation& invocation, const Path& source_dir,
                                           std::string_view operand, Diagnostics& found) {
  if (operand == "-") {
    Result<std::string> text = read_descriptor(invocation.in);
    if (text) return std::make_unique<SourceText>("<stdin>", std::move(*text));
    found.add(Severity::error, "unreadable", text.error().message);
    return nullptr;
  }
  const std::string name(operand.empty() ? kDefaultName : operand);
  const Path path = absolute_path(name, source_dir);
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) {
    found.add(Severity::error, "unreadable",
              fmt::format("{} is a directory; name the buildspec in it", name));
    return nullptr;
  }
  // The default is found, not named.
  Result<std::string> text =
      operand.empty() ? read_file(path, kLargestBuildspec) : read_named_file(path, kLargestBuildspec);
  if (text) return std::make_unique<SourceText>(name, std::move(*text));
  if (text.error().code != std::errc::no_such_file_or_directory &&
      text.error().code != std::errc::not_a_directory) {
    found.add(Severity::error, "unreadable", text.error().message);
    return nullptr;
  }
  Diagnostic& missing =
      operand.empty()
          ? found.add(Severity::error, "no-buildspec",
                      fmt::format("no {} in {}{}", name, source_dir.string(), near_misses(source_dir)))
          : found.add(
                Severity::error, "no-buildspec",
                fmt::format("no file {} (relative to the source directory {})", name, source_dir.string()));
  // Source: buildspec.md 1.1.
  missing.cloud_message = operand.empty() ? "YAML file does not exist"
                                          : fmt::format("stat {}: no such file or directory", path.string());
  missing.cloud_code = "YAML_FILE_ERROR";
  return nullptr;
}

}  // namespace buildspec_run
