// What a buildspec means: typed and checked, still independent of the machine it will run on. Every field
// that a message may have to point at carries its place. Source: buildspec.md, section 2.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runner/base/source_text.h"
#include "runner/plan/step.h"

namespace buildspec_run {

/// A value and where it stands.
template <class T>
struct Placed {
  T value{};
  SourceRange where;
};
using PlacedString = Placed<std::string>;

/// `name: value` of a map of the user's, in file order.
struct PlacedEntry {
  PlacedString name;
  PlacedString value;
};

enum class PhaseName { install, pre_build, build, post_build };
inline constexpr std::array<PhaseName, 4> kPhaseNames = {PhaseName::install, PhaseName::pre_build,
                                                         PhaseName::build, PhaseName::post_build};
/// "install", "pre_build", …: as in the file.
[[nodiscard]] std::string_view to_string(PhaseName phase) noexcept;
/// "INSTALL", "PRE_BUILD", …: as in the log.
[[nodiscard]] std::string_view to_upper_string(PhaseName phase) noexcept;

/// One entry of `commands` or `finally`. A null entry has empty text: nothing to run, success.
struct Command {
  std::string text;   // as the cloud hands it to the shell
  SourceRange where;  // of the scalar
};

/// `on-failure`. Source: buildspec.md 2.8.
struct OnFailure {
  enum class Action { abort, carry_on, retry };
  Action action = Action::abort;
  int retries = 3;             // 0..100, only for retry
  std::string pattern = ".*";  // RE2 syntax, matched against the phase context message; only for retry
  SourceRange where;
};

struct PhaseSpec {
  PhaseName name = PhaseName::build;
  SourceRange where;  // of the key
  std::optional<PlacedString> run_as;
  std::optional<OnFailure> on_failure;
  std::vector<PlacedEntry> runtime_versions;
  bool has_commands = false;  // the key is there
  std::vector<Command> commands;
  std::vector<StepTask> steps;
  SourceRange steps_where;
  std::vector<Command> finally;
};

struct EnvSpec {
  std::optional<PlacedString> shell;
  std::vector<PlacedEntry> variables, parameter_store, secrets_manager;
  std::vector<PlacedString> exported_variables;
  std::optional<Placed<bool>> git_credential_helper;
};

struct ProxySpec {
  std::optional<Placed<bool>> upload_artifacts, logs;
  SourceRange where;
};

struct ReportSpec {
  PlacedString group;
  std::vector<PlacedString> files;
  PlacedString file_format{"JUNITXML", {}};  // upper case
  std::optional<PlacedString> base_directory;
  bool discard_paths = false;
};

struct ArtifactsSpec {
  std::string id;  // of a secondary one; empty for the primary
  SourceRange where;
  std::vector<PlacedString> files, exclude_paths;
  std::optional<PlacedString> name, base_directory, s3_prefix, type;  // type: version 0.1 only
  bool discard_paths = false;
  bool enable_symlinks = false;
  std::vector<ArtifactsSpec> secondary;  // of the primary only
};

struct CacheSpec {
  SourceRange where;
  std::optional<PlacedString> key, action;
  std::vector<PlacedString> fallback_keys, paths;
};

struct BatchBuildEnv {
  std::optional<PlacedString> compute_type, fleet, image, type;
  std::optional<Placed<bool>> privileged_mode;
  std::vector<PlacedEntry> variables;
};

struct BatchBuild {
  PlacedString identifier;
  std::optional<PlacedString> buildspec;
  bool debug_session = false;
  bool ignore_failure = false;
  std::vector<PlacedString> depend_on;
  BatchBuildEnv env;
  SourceRange where;
};

struct BatchMatrix {
  BatchBuildEnv static_env;
  bool ignore_failure = false;
  std::vector<PlacedString> buildspecs, compute_types, images;
  struct Axis {
    PlacedString name;
    std::vector<PlacedString> values;
  };
  std::vector<Axis> variables;
};

struct BatchFanout {
  int parallelism = 1;
  bool ignore_failure = false;
};

struct BatchSpec {
  SourceRange where;
  bool fast_fail = false;
  enum class Kind { none, list, graph, matrix, fanout };
  Kind kind = Kind::none;
  std::vector<BatchBuild> builds;  // of a list or graph, in file order
  BatchMatrix matrix;
  BatchFanout fanout;
};

/// A key that no section of its kind has. The cloud goes on without it; it names those of `root`, `env`,
/// `artifacts` and of the phases in its log (buildspec.md 1.2), and says nothing about the others.
struct UnknownKey {
  std::string section;  // "root", "env", "PRE_BUILD", "artifacts", …
  PlacedString key;
  bool cloud_reports = true;
};

struct Buildspec {
  const SourceText* source = nullptr;
  enum class Version { v0_1, v0_2 };
  Version version = Version::v0_2;
  std::optional<PlacedString> run_as;
  EnvSpec env;
  SourceRange env_where;
  std::optional<ProxySpec> proxy;
  std::optional<BatchSpec> batch;
  std::vector<PhaseSpec> phases;  // those written in the file, in running order
  std::vector<ReportSpec> reports;
  SourceRange reports_where;
  std::optional<ArtifactsSpec> artifacts;
  std::optional<CacheSpec> cache;
  std::vector<UnknownKey> unknown_keys;  // in the order found

  [[nodiscard]] const PhaseSpec* find_phase(PhaseName name) const noexcept;
};

/// What the whole file means, as text for tests: one fact a line.
[[nodiscard]] std::string dump(const Buildspec& buildspec);

}  // namespace buildspec_run
