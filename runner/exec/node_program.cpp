#include "runner/exec/node_program.h"

#include <fmt/core.h>

#include <charconv>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFix =
    "install one, put it on PATH, or name it by --node PATH (Debian and Ubuntu: apt-get install nodejs; any: "
    "nvm install 20)";

int number_at(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// From the header that node installs beside itself: no process has to be started, which takes longer than all we do.
int major_of_headers(const Path& program) {
  std::error_code failed;
  const Path real = std::filesystem::canonical(program, failed);
  if (failed) return 0;
  const Result<std::string> header =
      read_file(real.parent_path().parent_path() / "include/node/node_version.h", 1 << 16);
  constexpr std::string_view kMajor = "#define NODE_MAJOR_VERSION ";
  if (!header) return 0;
  const std::size_t at = header->find(kMajor);
  return at == std::string::npos ? 0 : number_at(std::string_view(*header).substr(at + kMajor.size()));
}

}  // namespace

Result<NodeVersion> find_node(const std::string& given, const std::string& search_path, const Path& directory,
                              ProcessRunner& processes, std::stop_token stop) {
  NodeVersion node;
  node.path = given.empty() ? find_program("node", search_path, directory).native() : given;
  if (node.path.empty()) return Error{fmt::format("there is no node on PATH; {}", kFix), {}};
  node.major = major_of_headers(node.path);
  if (node.major == 0) {
    std::string printed;
    ProcessSpec spec;
    spec.argv = {node.path, "--version"};
    spec.env = {{"PATH", search_path}};
    spec.cwd = directory;
    spec.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const Result<ProcessEnd> end = processes.run(
        spec, [&](std::string_view chunk) { printed.append(chunk.substr(0, 100)); }, stop);
    if (!end)
      return Error{fmt::format("{} cannot be started: {}", node.path, end.error().message), end.error().code};
    if (end->stopped) return node;
    if (end->exit.success() && printed.starts_with('v'))
      node.major = number_at(std::string_view(printed).substr(1));
  }
  if (node.major != 0 && node.major < kOldestNode)
    return Error{fmt::format("{} is node {}, and actions need {} or newer; {}", node.path, node.major,
                             kOldestNode, kFix),
                 {}};
  return node;
}

int declared_node(std::string_view using_version) {
  if (using_version.size() < 5 || !equals_ignoring_case(using_version.substr(0, 4), "node")) return 0;
  const int major = number_at(using_version.substr(4));
  return major != 0 && major < kOldestDeclaredNode ? kOldestDeclaredNode : major;
}

}  // namespace buildspec_run
