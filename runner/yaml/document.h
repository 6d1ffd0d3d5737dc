// The YAML tree of one text, every node with its place. libyaml's events build it and decide what is
// well-formed: the cloud's reader is a port of libyaml, and accepts and refuses the same texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"

namespace buildspec_run {

enum class NodeKind { scalar, sequence, mapping };
enum class ScalarStyle { plain, single_quoted, double_quoted, literal, folded };

/// One node. An alias is the very node it names (shared; so a tree is a DAG, never a cycle).
struct Node {
  struct Entry;

  NodeKind kind = NodeKind::scalar;
  const SourceText* source = nullptr;
  SourceRange where;  // from the first byte of the content (after anchor and tag) to behind its last
  ScalarStyle style = ScalarStyle::plain;
  bool flow = false;  // written as [..] or {..}
  std::string tag;  // as resolved by libyaml ("!", "tag:yaml.org,2002:str", …); empty when none is written
  SourceRange tag_where;
  /// The value of a scalar: source text for a plain one, unescaped and unfolded for the others.
  std::string scalar;
  std::vector<Node*> items;  // of a sequence, in order
  /// Of a mapping, in order, merge keys (`<<`) resolved: own keys win, duplicates dropped in favour of the
  /// last one (each a diagnostic `duplicate-key`).
  std::vector<Entry> entries;
  bool incomplete = false;  // reading stopped inside it: what is here was read before the error

  [[nodiscard]] bool is_scalar() const noexcept { return kind == NodeKind::scalar; }
  [[nodiscard]] bool is_sequence() const noexcept { return kind == NodeKind::sequence; }
  [[nodiscard]] bool is_mapping() const noexcept { return kind == NodeKind::mapping; }
  /// A plain scalar that go-yaml reads as null: empty, `~`, `null`, `Null`, `NULL`.
  [[nodiscard]] bool is_null() const noexcept;
  /// A scalar as the cloud reads it into a string field: its source text; null is the empty string.
  [[nodiscard]] std::string_view text() const noexcept;
  /// A scalar as the cloud reads it into a boolean: yes/no/true/false/on/off in any case, quoted or not
  /// (buildspec.md 1.2).
  [[nodiscard]] std::optional<bool> boolean() const noexcept;
  /// The value of the last entry with the scalar key `key`; nullptr when there is none, or this is no
  /// mapping.
  [[nodiscard]] const Node* find(std::string_view key) const noexcept;
  [[nodiscard]] const Entry* find_entry(std::string_view key) const noexcept;
};

struct Node::Entry {
  Node* key = nullptr;
  Node* value = nullptr;
  bool merged = false;  // came in by `<<`
};

/// "scalar", "sequence", "mapping": for messages.
[[nodiscard]] std::string_view to_string(NodeKind kind) noexcept;

/// Owns its nodes. `root` is nullptr for an empty text (no document, or only comments). A text with an error
/// keeps the tree that was read before it.
class Document {
 public:
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  [[nodiscard]] const Node* root() const noexcept;
  /// False when the text is not well-formed or exceeds a limit (the diagnostics say where).
  [[nodiscard]] bool complete() const noexcept;

  struct State;
  explicit Document(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

/// Limits against texts made to exhaust memory or stack. What exceeds one is an error diagnostic:
/// `yaml-too-large`, `yaml-too-deep`, `yaml-alias-bomb`.
struct YamlLimits {
  std::size_t text_bytes = 16u << 20;
  std::size_t warn_text_bytes = 1u << 20;  // above: warning `buildspec-large` (buildspec.md 1.6)
  std::size_t depth = 200;
  std::size_t nodes = 2'000'000;           // nodes in the text itself
  std::size_t expanded_nodes = 4'000'000;  // nodes counted again for each alias that repeats them
};

/// Whose YAML it is. `cloud`: a buildspec's, as go-yaml v2 reads it (buildspec.md 1.2). `manifest`: that of
/// action.yml, which GitHub's runner reads event by event (actions.md 2.9): an anchor or an alias ends the
/// reading, a second document is an error, each with the runner's text and the id `yaml-manifest`; `<<` is a
/// key like any other, entries of the same key are all kept, and nothing is said of tags: whoever reads the
/// tree decides.
enum class YamlDialect { cloud, manifest };

/// Reads the first document of `source`. Cannot fail: what is wrong is in `found`, as `yaml-syntax` with
/// `cloud_code` YAML_FILE_ERROR and `cloud_message` "<libyaml problem> at line <zero-based>"
/// (buildspec.md 1.2, 3.9), and the tree read so far is returned. UTF-8 with or without BOM, UTF-16 with BOM
/// is converted by libyaml (places then refer to the line only). `source` must outlive the Document.
[[nodiscard]] Document parse_document(const SourceText& source, Diagnostics& found,
                                      const YamlLimits& limits = {},
                                      YamlDialect dialect = YamlDialect::cloud);

/// The tree for tests: one node a line, indented, with kind, style, place and value.
[[nodiscard]] std::string dump(const Document& document);

}  // namespace buildspec_run
