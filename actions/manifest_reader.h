// action.yml against the schema of GitHub's runner: every scalar is parsed as a template with the names its
// place allows, keys are matched, and the variants of a mapping are narrowed by each key that is seen. What
// is wrong is said in the runner's words. Source: actions.md 2.1 to 2.6, 2.8.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actions/expr/expression.h"
#include "runner/base/source_text.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

/// One line of what the runner says of a manifest.
struct ManifestError {
  std::optional<LineColumn>
      place;  // as the runner counts: the begin of a scalar or collection; nullopt: it names none
  bool names_file = true;  // false: the text names it, where it does
  std::string text;
  SourceRange where;    // for our own printing, inside the scalar where the mistake is known to be
  std::string_view id;  // of the diagnostic: "action-…"
};

/// At most ten are kept, as in the runner.
class ManifestErrors {
 public:
  void add(ManifestError error) {
    if (errors_.size() < kMost) errors_.push_back(std::move(error));
  }
  [[nodiscard]] bool empty() const noexcept { return errors_.empty(); }
  [[nodiscard]] std::vector<ManifestError> take() && { return std::move(errors_); }

 private:
  static constexpr std::size_t kMost = 10;
  std::vector<ManifestError> errors_;
};

/// A checked piece of a manifest.
struct ManifestToken {
  struct Entry;
  enum class Kind { null, boolean, number, string, expression, insert, sequence, mapping };
  Kind kind = Kind::null;
  const Node* node = nullptr;
  Template text;  // of a scalar; of null the empty literal; of `${{ insert }}` its source
  std::vector<ManifestToken> items;
  std::vector<Entry> entries;

  [[nodiscard]] bool is_mapping() const noexcept { return kind == Kind::mapping; }
  [[nodiscard]] bool is_sequence() const noexcept { return kind == Kind::sequence; }
  [[nodiscard]] bool is_string() const noexcept { return kind == Kind::string; }
  [[nodiscard]] bool is_scalar() const noexcept { return !is_mapping() && !is_sequence(); }
  /// The value of a literal; empty for everything else.
  [[nodiscard]] std::string_view literal() const noexcept {
    const std::string* value = text.literal_text();
    return value == nullptr || !is_scalar() ? std::string_view() : std::string_view(*value);
  }
  /// The value of the entry of that very name; nullptr when there is none.
  [[nodiscard]] const ManifestToken* find(std::string_view key) const noexcept;
};

struct ManifestToken::Entry {
  ManifestToken name, value;
};

/// Reads the whole manifest. A document that ended early is read as far as it goes; the caller says why it
/// ended. nullopt: there is no mapping at its root.
[[nodiscard]] std::optional<ManifestToken> read_manifest(const Document& document, ManifestErrors& errors);

/// An error at a scalar or collection. `offset`: where in the scalar's value it is.
[[nodiscard]] ManifestError error_at(const Node& node, std::string_view id, std::string text,
                                     std::optional<std::size_t> offset = std::nullopt);

}  // namespace buildspec_run
