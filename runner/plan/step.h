// A GitHub Actions step in the plan: what it runs, with every template parsed and none evaluated. The
// executor knows scripts, node programs, containers and groups of steps; what an action is, the front end in
// actions/ knows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "actions/expr/expression.h"
#include "runner/base/source_text.h"

namespace buildspec_run {

/// `name: value` of an env or a with, in file order. A name may be an expression, too. An empty literal name
/// is `${{ insert }}`: the value is an object, whose members stand in its place (actions.md 7.10).
using NamedTemplate = std::pair<Template, Template>;
/// `env:` or `with:`: members, or one expression that yields an object (actions.md 7.10).
struct TemplateMap {
  std::vector<NamedTemplate> members;
  std::optional<Template> whole;
};

/// `run:`. Source: actions.md 3.14.
struct ScriptStep {
  Template script;
  std::optional<Template> shell;              // nullopt: unspecified
  std::optional<Template> working_directory;  // nullopt: the workspace
};

/// An input that an action's metadata declares.
struct DeclaredInput {
  std::string name;
  std::optional<Template> default_value;
  std::string deprecation_message;
};

struct StepTask;

/// `node <script>`. `using_version` is what the metadata declares ("node20"); which program that is, the
/// executor knows.
struct NodeProgram {
  std::string using_version;
  std::string script;  // absolute path; whether it is there is known when it starts
};

/// A container of an action. Source: actions.md 8.
struct ContainerProgram {
  struct Registry {
    std::string image;
  };  // pulled
  struct Built {
    std::string dockerfile, context, directory;
  };  // absolute; `directory`: where the build starts
  std::variant<Registry, Built> image;
  std::string entrypoint;  // of this stage; empty: the input "entryPoint" (main only), else the image's
  bool is_main = true;
  std::optional<std::vector<Template>> args;  // of the metadata; nullopt: the input "args" is split
  std::vector<NamedTemplate> env;             // of the metadata: only for keys not yet set
};

/// A composite action's steps, one after the other, with a `steps` and an `inputs` context of their own.
struct StepGroup {
  std::vector<StepTask> steps;
  std::vector<std::pair<std::string, Template>> outputs;  // evaluated when all steps are done
};

struct Program {
  std::variant<NodeProgram, ContainerProgram, std::shared_ptr<const StepGroup>>
      body;  // owners: the tasks that hold it
};

/// What an action turns into: up to three stages that share state and inputs.
struct LoweredAction {
  std::string directory;        // absolute: github.action_path of a composite; empty for docker://
  std::string repository, ref;  // "owner/repo" and ref of a remote action; empty otherwise
  std::string commit;           // full id; empty when not remote
  std::shared_ptr<const SourceText>
      metadata;  // what the places of its steps count in; owners: the actions made from it
  bool declares_inputs =
      false;  // comes from a directory: an undeclared input draws a warning (never an image's; actions.md 1.8)
  std::vector<DeclaredInput> inputs;
  /// Of a composite the three are the same group: it has a pre or a post when a remote action in it has one
  /// (a local one counts as having a post, since nobody knows yet), and the executor runs those of the nested
  /// steps.
  std::optional<Program> pre;
  Program main;
  std::optional<Program> post;
  std::string pre_if = "always()", post_if = "always()";  // texts; parsed when reached (actions.md 2.4)
};

/// `uses:`.
struct ActionStep {
  std::string uses;   // "owner/repo/path@ref", "./path", "docker://image", "$/path"
  SourceRange where;  // of the reference
  TemplateMap with;
  /// nullptr for a local action: it is read when the step starts.
  std::shared_ptr<const LoweredAction> action;  // owners: the tasks that use it
};

struct StepTask {
  std::string id;              // as contexts and GITHUB_ACTION call it: explicit, or generated ("__run")
  Template name;               // the display name as written; empty literal: the default one
  std::string default_name;    // "Run actions/checkout@v4", "Run make"
  Expression condition;        // with the implied success()
  std::string condition_text;  // as written
  TemplateMap env;
  /// A literal of the first is "true" or "false", one of the second a number.
  std::optional<Template> continue_on_error, timeout_minutes;
  SourceRange where;  // in `source`
  const SourceText* source =
      nullptr;  // the buildspec, or LoweredAction::metadata of the action it belongs to
  std::variant<ScriptStep, ActionStep> body;
  bool left_out = false;  // is not to run
};

/// What a step says, key by key, a map's members one by one: for dumps.
using StepFacts = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] StepFacts facts_of(const StepTask& step);
/// The name of a NamedTemplate as it was written.
[[nodiscard]] std::string_view shown_name(const Template& name);
/// An action with all that is in it, as text for people and tests; what is used twice is printed once.
[[nodiscard]] std::string dump(const LoweredAction& action, const std::string& indent = "");

}  // namespace buildspec_run
