#include "runner/buildspec/lower.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include "runner/base/text.h"
#include "runner/buildspec/pattern.h"
#include "runner/buildspec/reader.h"
#include "runner/buildspec/severity.h"

namespace buildspec_run {
namespace {

FailurePolicy lower_on_failure(const Buildspec& buildspec, const OnFailure& written, Diagnostics& found) {
  FailurePolicy policy;
  policy.where = written.where;
  switch (written.action) {
    case OnFailure::Action::abort:
      policy.action = FailurePolicy::Action::abort;
      return policy;
    case OnFailure::Action::carry_on:
      policy.action = FailurePolicy::Action::carry_on;
      return policy;
    case OnFailure::Action::retry:
      break;
  }
  policy.action = FailurePolicy::Action::retry;
  policy.retries = written.retries;
  policy.pattern = written.pattern;
  if (const std::optional<std::string> error = pattern_error(policy.pattern))
    found
        .error(*buildspec.source, written.where, "on-failure-invalid",
               fmt::format("the pattern of on-failure is no regular expression of RE2: {}",
                           to_valid_utf8(*error)))
        .cloud_code = "YAML_FILE_ERROR";
  return policy;
}

std::vector<Task> lower_commands(const std::vector<Command>& commands, std::string_view list) {
  std::vector<Task> tasks;
  tasks.reserve(commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i)
    tasks.push_back({fmt::format("{}[{}]", list, i), commands[i].where, ShellScript{commands[i].text}});
  return tasks;
}

Phase lower_phase(const Buildspec& buildspec, PhaseName name, Diagnostics& found) {
  Phase phase;
  phase.name = to_upper_string(name);
  const PhaseSpec* written = buildspec.find_phase(name);
  if (written == nullptr) return phase;
  phase.in_file = true;
  phase.where = written->where;
  if (const auto& user = written->run_as ? written->run_as : buildspec.run_as) {
    phase.run_as = user->value;
    phase.run_as_where = user->where;
  }
  if (written->on_failure) phase.on_failure = lower_on_failure(buildspec, *written->on_failure, found);
  phase.commands = lower_commands(written->commands, to_string(name));
  phase.steps = written->steps;
  phase.finally = lower_commands(written->finally, fmt::format("{}.finally", to_string(name)));
  return phase;
}

void lower_env(const Buildspec& buildspec, Plan& plan) {
  using Kind = PlannedVariable::Kind;
  const EnvSpec& env = buildspec.env;
  if (env.shell) {
    plan.shell = env.shell->value;
    plan.shell_where = env.shell->where;
  }
  std::set<std::string_view> secrets;
  const auto add = [&](const std::vector<PlacedEntry>& map, Kind kind) {
    for (const auto& [name, value] : map) {
      plan.variables.push_back({name.value, value.value, kind, name.where});
      if (kind != Kind::plain) secrets.insert(name.value);
    }
  };
  add(env.variables, Kind::plain);
  add(env.parameter_store, Kind::parameter_store);
  add(env.secrets_manager, Kind::secrets_manager);
  std::set<std::string_view> seen;
  for (const PlacedString& name : env.exported_variables)  // the decoder has told of those that are left out
    if (!name.value.starts_with("AWS_") && !secrets.contains(name.value) && seen.insert(name.value).second)
      plan.exported.push_back(name.value);
}

bool is_windows_shell(std::string_view shell) {
  const std::string name = to_lower(shell);
  return name == "powershell" || name == "powershell.exe" || name == "pwsh" || name == "pwsh.exe" ||
         name == "cmd" || name == "cmd.exe";
}

// What the file asks for and nothing executes, each once.
void list_unsupported(const Buildspec& buildspec, Plan& plan) {
  const auto add = [&](std::string_view feature, std::string what, bool is_error, SourceRange where) {
    plan.unsupported.push_back({fmt::format("not-supported-{}", feature), std::move(what), is_error, where});
  };
  if (buildspec.env.shell && is_windows_shell(buildspec.env.shell->value))
    add("windows-shell",
        fmt::format("commands for {} cannot run here", Reader::quoted(buildspec.env.shell->value)), true,
        buildspec.env.shell->where);
  if (buildspec.reports_where != SourceRange{} && !buildspec.reports.empty())
    add("reports", "reports are not processed", false, buildspec.reports_where);
  if (buildspec.artifacts) add("artifacts", "artifacts are not collected", false, buildspec.artifacts->where);
  if (buildspec.cache) add("cache", "the cache is neither restored nor saved", false, buildspec.cache->where);
}

void lower_artifacts(const ArtifactsSpec& spec, Plan& plan) {
  if (!spec.files.empty()) {  // a primary one may be there for its secondary ones alone
    PlannedArtifacts& artifacts = plan.artifacts.emplace_back();
    artifacts.id = spec.id;
    artifacts.where = spec.where;
    if (spec.base_directory) artifacts.base_directory = spec.base_directory->value;
    for (const PlacedString& pattern : spec.files) artifacts.files.push_back(pattern.value);
    for (const PlacedString& pattern : spec.exclude_paths) artifacts.exclude_paths.push_back(pattern.value);
  }
  for (const ArtifactsSpec& secondary : spec.secondary) lower_artifacts(secondary, plan);
}

// What has no meaning here, nor any effect that a command could see.
void note_ignored(const Buildspec& buildspec, Diagnostics& found) {
  const auto note = [&](std::string_view id, SourceRange where, std::string message) {
    found.add(severity_of(id, Purpose::run), *buildspec.source, where, id, std::move(message));
  };
  if (buildspec.batch)
    note("ignored-batch", buildspec.batch->where,
         "batch is looked at by batch builds only; this is an ordinary build");
  if (buildspec.proxy)
    note("ignored-proxy", buildspec.proxy->where,
         "proxy is about the cloud's own uploads and has no effect here");
  if (buildspec.env.git_credential_helper && buildspec.env.git_credential_helper->value)
    note("ignored-git-credential-helper", buildspec.env.git_credential_helper->where,
         "git-credential-helper has no effect here; git uses the credentials of this machine");
}

}  // namespace

Plan lower_buildspec(const Buildspec& buildspec, Diagnostics& found) {
  Plan plan;
  plan.source = buildspec.source;
  plan.scope = buildspec.version == Buildspec::Version::v0_1 ? ScopeKind::isolated : ScopeKind::carried;
  lower_env(buildspec, plan);
  if (const PhaseSpec* install = buildspec.find_phase(PhaseName::install))
    for (const auto& [name, version] : install->runtime_versions)
      plan.runtimes.push_back({name.value, version.value, name.where});
  for (std::size_t i = 0; i < kPhaseNames.size(); ++i)
    plan.phases[i] = lower_phase(buildspec, kPhaseNames[i], found);
  if (buildspec.artifacts) lower_artifacts(*buildspec.artifacts, plan);
  list_unsupported(buildspec, plan);
  if (!found.has_errors()) note_ignored(buildspec, found);  // else there is no run to note it for
  return plan;
}

}  // namespace buildspec_run
