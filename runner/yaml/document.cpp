#include "runner/yaml/document.h"

#include <fmt/format.h>

#include <iterator>
#include <unordered_set>

#include "runner/base/text.h"
#include "runner/yaml/document_state.h"

namespace buildspec_run {

namespace {

constexpr std::string_view kNullTag = "tag:yaml.org,2002:null";

std::string_view to_string(ScalarStyle style) noexcept {
  switch (style) {
    case ScalarStyle::plain:
      return "plain";
    case ScalarStyle::single_quoted:
      return "single";
    case ScalarStyle::double_quoted:
      return "double";
    case ScalarStyle::literal:
      return "literal";
    case ScalarStyle::folded:
      return "folded";
  }
  return "plain";
}

std::string place(const Node& node) {
  const LineColumn begin = node.source->place(node.where.begin);
  const LineColumn end = node.source->place(node.where.end);
  return fmt::format("{}:{}-{}:{}", begin.line, begin.column, end.line, end.column);
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      fmt::format_to(std::back_inserter(out), "\\x{:02X}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

// Prints one node with what is below it. A node that was printed before is only named again by its place:
// printed in full for each alias, a small text could fill the disk. Recursion is bounded by
// YamlLimits::depth.
class Dump {
 public:
  void node(const Node& node, std::string_view role, std::size_t indent) {
    out_.append(indent, ' ');
    out_ += role;
    if (!seen_.insert(&node).second) {
      fmt::format_to(std::back_inserter(out_), "alias of {}\n", place(node));
      return;
    }
    out_ += to_string(node.kind);
    fmt::format_to(std::back_inserter(out_), " {}", place(node));
    if (node.is_scalar())
      fmt::format_to(std::back_inserter(out_), " {} {}", to_string(node.style), in_quotes(node.scalar));
    if (node.flow) out_ += " flow";
    if (!node.tag.empty()) fmt::format_to(std::back_inserter(out_), " tag={}", node.tag);
    if (node.incomplete) out_ += " incomplete";
    out_ += '\n';
    for (const Node* item : node.items) this->node(*item, "- ", indent + 2);
    for (const auto& [key, value, merged] : node.entries) {
      this->node(*key, merged ? "merged key " : "key ", indent + 2);
      this->node(*value, "value ", indent + 4);
    }
  }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  std::string out_;
  std::unordered_set<const Node*> seen_;
};

}  // namespace

std::string_view to_string(NodeKind kind) noexcept {
  switch (kind) {
    case NodeKind::scalar:
      return "scalar";
    case NodeKind::sequence:
      return "sequence";
    case NodeKind::mapping:
      return "mapping";
  }
  return "scalar";
}

bool Node::is_null() const noexcept {
  // Source: go-yaml v2, resolve.go: these spellings, when plain or under the tag !!null. Any other tag makes
  // a text of them.
  if (kind != NodeKind::scalar) return false;
  if (tag != kNullTag && (style != ScalarStyle::plain || !tag.empty())) return false;
  return scalar.empty() || scalar == "~" || scalar == "null" || scalar == "Null" || scalar == "NULL";
}

std::string_view Node::text() const noexcept {
  return is_null() ? std::string_view() : std::string_view(scalar);
}

std::optional<bool> Node::boolean() const noexcept {
  if (kind != NodeKind::scalar) return std::nullopt;
  for (const std::string_view word : {"yes", "true", "on"}) {
    if (equals_ignoring_case(scalar, word)) return true;
  }
  for (const std::string_view word : {"no", "false", "off"}) {
    if (equals_ignoring_case(scalar, word)) return false;
  }
  return std::nullopt;
}

const Node::Entry* Node::find_entry(std::string_view key) const noexcept {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->key->is_scalar() && entry->key->text() == key) return &*entry;
  }
  return nullptr;
}

const Node* Node::find(std::string_view key) const noexcept {
  const Entry* entry = find_entry(key);
  return entry == nullptr ? nullptr : entry->value;
}

Document::Document(std::unique_ptr<State> state) : state_(std::move(state)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

const Node* Document::root() const noexcept { return state_->root; }
bool Document::complete() const noexcept { return state_->complete; }

std::string dump(const Document& document) {
  if (document.root() == nullptr) return "empty\n";
  Dump dump;
  dump.node(*document.root(), "", 0);
  return std::move(dump).take();
}

}  // namespace buildspec_run
