#include "runner/buildspec/model.h"

#include <fmt/core.h>

#include "runner/base/json.h"

namespace buildspec_run {
namespace {

// One fact a line: `key "value" @line:column`.
class Dumper {
 public:
  explicit Dumper(const SourceText* source) : source_(source) {}

  void line(std::string_view text, SourceRange where = {}) {
    out_ += text;
    if (source_ != nullptr && where != SourceRange{}) {
      const LineColumn at = source_->place(where.begin);
      out_ += fmt::format(" @{}:{}", at.line, at.column);
    }
    out_ += '\n';
  }
  void fact(std::string_view key, std::string_view value, SourceRange where = {}) {
    line(fmt::format("{} {}", key, quoted(value)), where);
  }
  void fact(std::string_view key, const std::optional<PlacedString>& value) {
    if (value) fact(key, value->value, value->where);
  }
  void fact(std::string_view key, const std::optional<Placed<bool>>& value) {
    if (value) line(fmt::format("{} {}", key, value->value ? "yes" : "no"), value->where);
  }
  void flag(std::string_view key, bool value) {
    if (value) line(fmt::format("{} yes", key));
  }
  void list(std::string_view key, const std::vector<PlacedString>& values) {
    for (const PlacedString& value : values) fact(key, value.value, value.where);
  }
  void named(std::string_view key, const std::vector<PlacedEntry>& values) {
    for (const auto& [name, value] : values)
      line(fmt::format("{} {}={}", key, quoted(name.value), quoted(value.value)), name.where);
  }
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) fact(key, value);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

  static std::string quoted(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  }

 private:
  const SourceText* source_;
  std::string out_;
};

void dump_env(Dumper& to, const EnvSpec& env) {
  to.fact("env.shell", env.shell);
  to.named("env.variables", env.variables);
  to.named("env.parameter-store", env.parameter_store);
  to.named("env.secrets-manager", env.secrets_manager);
  to.list("env.exported-variables", env.exported_variables);
  to.fact("env.git-credential-helper", env.git_credential_helper);
}

void dump_build_env(Dumper& to, const std::string& key, const BatchBuildEnv& env) {
  to.fact(key + ".compute-type", env.compute_type);
  to.fact(key + ".fleet", env.fleet);
  to.fact(key + ".image", env.image);
  to.fact(key + ".type", env.type);
  to.fact(key + ".privileged-mode", env.privileged_mode);
  to.named(key + ".variables", env.variables);
}

std::string_view to_string(BatchSpec::Kind kind) {
  switch (kind) {
    case BatchSpec::Kind::none:
      return "none";
    case BatchSpec::Kind::list:
      return "build-list";
    case BatchSpec::Kind::graph:
      return "build-graph";
    case BatchSpec::Kind::matrix:
      return "build-matrix";
    case BatchSpec::Kind::fanout:
      return "build-fanout";
  }
  return "none";
}

void dump_batch(Dumper& to, const BatchSpec& batch) {
  to.line(fmt::format("batch {}", to_string(batch.kind)), batch.where);
  to.flag("batch.fast-fail", batch.fast_fail);
  for (const BatchBuild& build : batch.builds) {
    to.fact("batch.build", build.identifier.value, build.where);
    to.fact("  buildspec", build.buildspec);
    to.flag("  debug-session", build.debug_session);
    to.flag("  ignore-failure", build.ignore_failure);
    to.list("  depend-on", build.depend_on);
    dump_build_env(to, "  env", build.env);
  }
  if (batch.kind == BatchSpec::Kind::matrix) {
    dump_build_env(to, "batch.static.env", batch.matrix.static_env);
    to.flag("batch.static.ignore-failure", batch.matrix.ignore_failure);
    to.list("batch.dynamic.buildspec", batch.matrix.buildspecs);
    to.list("batch.dynamic.env.compute-type", batch.matrix.compute_types);
    to.list("batch.dynamic.env.image", batch.matrix.images);
    for (const BatchMatrix::Axis& axis : batch.matrix.variables)
      to.list(fmt::format("batch.dynamic.env.variables {}", Dumper::quoted(axis.name.value)), axis.values);
  }
  if (batch.kind == BatchSpec::Kind::fanout) {
    to.line(fmt::format("batch.parallelism {}", batch.fanout.parallelism));
    to.flag("batch.ignore-failure", batch.fanout.ignore_failure);
  }
}

void dump_phase(Dumper& to, const PhaseSpec& phase) {
  to.line(fmt::format("phase {}", to_string(phase.name)), phase.where);
  to.fact("  run-as", phase.run_as);
  if (phase.on_failure) {
    switch (phase.on_failure->action) {
      case OnFailure::Action::abort:
        to.line("  on-failure ABORT", phase.on_failure->where);
        break;
      case OnFailure::Action::carry_on:
        to.line("  on-failure CONTINUE", phase.on_failure->where);
        break;
      case OnFailure::Action::retry:
        to.line(fmt::format("  on-failure RETRY {} {}", phase.on_failure->retries,
                            Dumper::quoted(phase.on_failure->pattern)),
                phase.on_failure->where);
    }
  }
  to.named("  runtime-versions", phase.runtime_versions);
  for (const Command& command : phase.commands) to.fact("  command", command.text, command.where);
  for (const StepTask& step : phase.steps) {
    to.line("  step", step.where);
    for (const auto& [fact, text] : facts_of(step))
      to.line(fmt::format("    {} {}", fact, Dumper::quoted(text)));
  }
  for (const Command& command : phase.finally) to.fact("  finally", command.text, command.where);
}

void dump_artifacts(Dumper& to, const ArtifactsSpec& artifacts, std::string_view indent) {
  const auto key = [&](std::string_view name) { return fmt::format("{}  {}", indent, name); };
  to.list(key("files"), artifacts.files);
  to.list(key("exclude-paths"), artifacts.exclude_paths);
  to.fact(key("name"), artifacts.name);
  to.fact(key("base-directory"), artifacts.base_directory);
  to.fact(key("s3-prefix"), artifacts.s3_prefix);
  to.fact(key("type"), artifacts.type);
  to.flag(key("discard-paths"), artifacts.discard_paths);
  to.flag(key("enable-symlinks"), artifacts.enable_symlinks);
  for (const ArtifactsSpec& secondary : artifacts.secondary) {
    to.fact(key("secondary"), secondary.id, secondary.where);
    dump_artifacts(to, secondary, "  ");
  }
}

}  // namespace

std::string_view to_string(PhaseName phase) noexcept {
  switch (phase) {
    case PhaseName::install:
      return "install";
    case PhaseName::pre_build:
      return "pre_build";
    case PhaseName::build:
      return "build";
    case PhaseName::post_build:
      return "post_build";
  }
  return "build";
}

std::string_view to_upper_string(PhaseName phase) noexcept {
  switch (phase) {
    case PhaseName::install:
      return "INSTALL";
    case PhaseName::pre_build:
      return "PRE_BUILD";
    case PhaseName::build:
      return "BUILD";
    case PhaseName::post_build:
      return "POST_BUILD";
  }
  return "BUILD";
}

const PhaseSpec* Buildspec::find_phase(PhaseName name) const noexcept {
  for (const PhaseSpec& phase : phases)
    if (phase.name == name) return &phase;
  return nullptr;
}

std::string dump(const Buildspec& buildspec) {
  Dumper to(buildspec.source);
  to.line(buildspec.version == Buildspec::Version::v0_1 ? "version 0.1" : "version 0.2");
  to.fact("run-as", buildspec.run_as);
  dump_env(to, buildspec.env);
  if (buildspec.proxy) {
    to.line("proxy", buildspec.proxy->where);
    to.fact("  upload-artifacts", buildspec.proxy->upload_artifacts);
    to.fact("  logs", buildspec.proxy->logs);
  }
  if (buildspec.batch) dump_batch(to, *buildspec.batch);
  for (const PhaseSpec& phase : buildspec.phases) dump_phase(to, phase);
  for (const ReportSpec& report : buildspec.reports) {
    to.fact("report", report.group.value, report.group.where);
    to.list("  files", report.files);
    to.fact("  file-format", report.file_format.value, report.file_format.where);
    to.fact("  base-directory", report.base_directory);
    to.flag("  discard-paths", report.discard_paths);
  }
  if (buildspec.artifacts) {
    to.line("artifacts", buildspec.artifacts->where);
    dump_artifacts(to, *buildspec.artifacts, "");
  }
  if (buildspec.cache) {
    to.line("cache", buildspec.cache->where);
    to.fact("  key", buildspec.cache->key);
    to.list("  fallback-keys", buildspec.cache->fallback_keys);
    to.fact("  action", buildspec.cache->action);
    to.list("  paths", buildspec.cache->paths);
  }
  for (const UnknownKey& unknown : buildspec.unknown_keys)
    to.fact(fmt::format("unknown key in {}", unknown.section), unknown.key.value, unknown.key.where);
  return to.take();
}

}  // namespace buildspec_run
