#include "runner/exec/shell_program.h"

#include <string_view>

#include "runner/sys/files.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string host_path(const Request& request) {
  const auto found = request.host_environment.find("PATH");
  return found == request.host_environment.end() ? std::string(kDefaultPath) : found->second;
}

std::string build_path(const Plan& plan, const Request& request) {
  for (const auto* variables : {&request.override_variables, &request.project_variables})
    if (const auto found = variables->find("PATH"); found != variables->end()) return found->second;
  std::string path = host_path(request);
  for (const PlannedVariable& variable : plan.variables)
    if (variable.name == "PATH" && variable.kind == PlannedVariable::Kind::plain) path = variable.value;
  return path;
}

}  // namespace

ShellProgram find_shell(const Plan& plan, const Request& request) {
  const bool chosen = !plan.shell.empty() && plan.shell != "sh" && plan.shell != "/bin/sh";
  const std::string& name = chosen ? plan.shell : request.sh;
  const std::string host = host_path(request);
  const std::string build = build_path(plan, request);
  for (const std::string* search : {chosen ? &build : &host, chosen ? &host : &build}) {
    Path found = find_program(name, *search, request.source_dir);
    if (!found.empty()) return {found.native(), true, chosen};
  }
  return {name, false, chosen};
}

}  // namespace buildspec_run
