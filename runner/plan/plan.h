// The form in the middle: phases of tasks. Every front end lowers to it, and the executor knows nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runner/base/json.h"
#include "runner/base/source_text.h"
#include "runner/plan/step.h"

namespace buildspec_run {

/// One shell script: an entry of `commands` or `finally`. The text is handed to the scope's shell verbatim.
struct ShellScript {
  std::string text;
};

/// One process, or one shell script, of a phase.
struct Task {
  std::string label;  // "build[3]", "build.finally[0]": index zero-based over its list, as the cloud counts
  SourceRange where;
  std::variant<ShellScript> body;
  bool left_out = false;  // is not to run
};

/// What follows when a phase has failed.
struct FailurePolicy {
  enum class Action { standard, abort, carry_on, retry };
  Action action = Action::standard;
  int retries = 0;
  std::string pattern;  // RE2
  SourceRange where;
};

/// How the state passes from script to script. `carried`: directory and variables of a script reach the next
/// one (version 0.2); `isolated`: each starts afresh (version 0.1).
enum class ScopeKind { carried, isolated };

struct Phase {
  std::string name;  // "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"
  bool in_file = false;
  SourceRange where;
  std::string run_as;        // empty: the caller
  SourceRange run_as_where;  // of that name
  FailurePolicy on_failure;
  std::vector<Task> commands;  // a phase has commands or steps, never both
  std::vector<StepTask> steps;
  std::vector<Task> finally;
};

/// Whether there was something to run and all of it is left out.
[[nodiscard]] bool is_left_out(const Phase& phase);

/// What messages and events call step `index` (zero-based) of a phase: "build[2]", as a command there.
[[nodiscard]] std::string step_label(const Phase& phase, std::size_t index);

/// A variable of the buildspec. `secret`: the value is looked up by `value` as a name when the build starts.
struct PlannedVariable {
  enum class Kind { plain, parameter_store, secrets_manager };
  std::string name;
  std::string value;
  Kind kind = Kind::plain;
  SourceRange where;
};

/// A feature the file uses and nothing executes: its id is "not-supported-<feature>".
struct Unsupported {
  std::string id;
  std::string what;       // for people: what is not done
  bool is_error = false;  // a command would see the difference
  SourceRange where;
};

struct WantedRuntime {
  std::string name;
  std::string version;
  SourceRange where;
};

/// What the file wants uploaded: globs, as they are written.
struct PlannedArtifacts {
  std::string id;              // of a secondary one; empty: the primary
  std::string base_directory;  // empty: the source directory
  std::vector<std::string> files, exclude_paths;
  SourceRange where;
};

struct Plan {
  const SourceText* source = nullptr;
  ScopeKind scope = ScopeKind::carried;
  std::string shell;  // "sh", "bash", or what env.shell says; empty: the default
  SourceRange shell_where;
  std::vector<PlannedVariable> variables;  // in the order in which the cloud resolves them: a later one wins
  std::vector<std::string> exported;
  std::vector<WantedRuntime> runtimes;
  std::array<Phase, 4> phases;              // all four, in running order, also those that are not in the file
  std::vector<PlannedArtifacts> artifacts;  // in the order in which the cloud uploads them
  std::vector<Unsupported> unsupported;
};

[[nodiscard]] std::size_t count_left_out(const Plan& plan);

/// Marks the tasks of these labels as left out. The plan is whole as before: labels stay what they are.
void leave_out(Plan& plan, const std::vector<std::string>& labels);

/// The plan as text for people and tests.
[[nodiscard]] std::string dump(const Plan& plan);
/// The plan as JSON (schema/plan.schema.json).
[[nodiscard]] Value to_value(const Plan& plan);

}  // namespace buildspec_run
