// What an action.yml says: typed, checked, its templates parsed, none of its files looked for. Source:
// actions.md section 2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "actions/manifest_reader.h"
#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/plan/step.h"

namespace buildspec_run {

/// `using: node…`. Source: actions.md 2.4.
struct NodeRuns {
  std::string using_version;  // as written
  std::string main, pre, post;
};

/// `using: docker`. Source: actions.md 2.5.
struct ContainerRuns {
  bool is_registry_image = false;
  std::string image;  // without "docker://", or the path of a Dockerfile
  std::string entrypoint, pre_entrypoint, post_entrypoint;
  std::optional<std::vector<Template>> args;
  std::vector<NamedTemplate> env;
};

/// `using: composite`. Source: actions.md 2.6.
struct CompositeRuns {
  std::vector<StepTask> steps;
  std::vector<std::pair<std::string, Template>> outputs;  // those that have a value
};

struct ActionMetadata {
  std::string name, description;
  std::vector<DeclaredInput> inputs;
  std::variant<NodeRuns, ContainerRuns, CompositeRuns> runs;
  std::string pre_if = "always()", post_if = "always()";
};

struct DecodedAction {
  ActionMetadata metadata;  // what could be read; meaningful when there are no errors
  std::vector<ManifestError> errors;
};

/// Decodes an action.yml. `shown_name`: what messages call it, "owner/repo/v1/action.yml". Reads at most ten
/// mistakes. The metadata points into `source`.
[[nodiscard]] DecodedAction decode_action(const SourceText& source, std::string_view shown_name);

/// The line the runner prints: "<file> (Line: 3, Col: 5): Unexpected value 'x'".
[[nodiscard]] std::string render(const ManifestError& error, std::string_view shown_name);

/// The same errors with their places, for our own printing.
void report(const std::vector<ManifestError>& errors, const SourceText& source, Diagnostics& found);

/// The metadata as text for tests: one fact a line.
[[nodiscard]] std::string dump(const ActionMetadata& metadata);

}  // namespace buildspec_run
