// Any bytes become a Document or diagnostics. Laws: every place lies in the text, what is in a collection
// lies in its place (but for aliases, which lie elsewhere), no walk from the root goes deeper or longer than
// the limits allow, and reading twice gives the same tree and the same words.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_set>

#include "runner/base/check.h"
#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/base/text.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

constexpr YamlLimits kLimits = {.text_bytes = 1u << 20,
                                .warn_text_bytes = 1u << 16,
                                .depth = 64,
                                .nodes = 20'000,
                                .expanded_nodes = 40'000};

class Walk {
 public:
  explicit Walk(const SourceText& source) : source_(source) {}

  void node(const Node& node, std::size_t depth) {
    check(++visited_ <= kLimits.expanded_nodes * 2,
          "a walk is bounded");  // a merged entry is met below its origin too
    check(depth <= kLimits.depth + 1, "depth is bounded");
    check(node.source == &source_, "a node knows its text");
    check(node.where.begin <= node.where.end && node.where.end <= source_.text().size(),
          "a place lies in the text");
    check(!find_invalid_utf8(node.scalar), "a scalar is UTF-8");
    check(node.is_scalar() || node.scalar.empty(), "only a scalar has a value");
    const bool first = seen_.insert(&node).second;
    std::unordered_set<std::string_view> keys;
    for (const Node* item : node.items) child(node, *item, first, depth);
    for (const auto& [key, value, merged] : node.entries) {
      child(node, *key, first && !merged, depth);
      child(node, *value, first && !merged, depth);
      check(!key->is_scalar() || keys.insert(key->text()).second, "a key stands once");
    }
  }

 private:
  void child(const Node& parent, const Node& node, bool own, std::size_t depth) {
    // What was met before, or ends before the parent begins, is an alias.
    if (own && !seen_.contains(&node) && node.where.end >= parent.where.begin)
      check(node.where.begin >= parent.where.begin && node.where.end <= parent.where.end,
            "a child lies in its parent");
    this->node(node, depth + 1);
  }

  const SourceText& source_;
  std::unordered_set<const Node*> seen_;
  std::size_t visited_ = 0;
};

std::string read(const SourceText& source) {
  Diagnostics found;
  const Document document = parse_document(source, found, kLimits);
  if (document.root() != nullptr) Walk(source).node(*document.root(), 1);
  check(document.complete() || found.has_errors(), "what stops the reading is told");
  std::string out = dump(document);
  for (const Diagnostic& d : found.all()) {
    check(d.where.begin <= d.where.end && d.where.end <= source.text().size(),
          "a diagnostic lies in the text");
    check(!d.message.empty() && !find_invalid_utf8(d.message), "a message is UTF-8");
    out += render(d);
    out += d.cloud_message;
  }
  return out;
}

}  // namespace
}  // namespace buildspec_run

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace buildspec_run;
  const SourceText source("buildspec.yml", std::string(reinterpret_cast<const char*>(data), size));
  check(read(source) == read(source), "reading twice gives the same");
  return 0;
}
