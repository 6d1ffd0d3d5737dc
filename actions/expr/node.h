// The tree of a parsed expression.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

#include "actions/expr/expression.h"
#include "actions/expr/functions.h"

namespace buildspec_run {

/// A node, owned by its tree's `Tree`, so that a deep one is freed without recursion. Children form a list, which makes one chain of
/// `a && b && c` in time linear in its length.
struct Expression::Node {
  enum class Kind {
    literal,
    named_value,
    wildcard,
    index,  // of the first child by the second
    call,
    negation,
    less,
    less_or_equal,
    greater,
    greater_or_equal,
    equal,
    not_equal,
    conjunction,
    disjunction
  };
  explicit Node(Kind what) : kind(what) {}

  Kind kind;
  Datum literal = {};
  std::string name = {};  // of a call or named value, as written
  std::string key = {};   // of a named value, in lower case
  const Function* function = nullptr;
  Node* first = nullptr;
  Node* last = nullptr;
  Node* next = nullptr;  // the sibling
  std::size_t children = 0;
  std::size_t height = 1;  // levels of the tree below and with this node
};

/// All nodes of one expression.
using Tree = std::deque<Expression::Node>;

/// The expression as its tree reads, in GitHub's spelling: `(a && b)`, `a.b`, `a['b c']`.
[[nodiscard]] std::string render(const Expression::Node& node);

/// Values of nodes as a trace shows them.
using ShownValues = std::unordered_map<const Expression::Node*, std::string>;
/// The expression with values in place of what has them: `(a && b['x'])` as `('1' && null)`.
[[nodiscard]] std::string render(const Expression::Node& node, const ShownValues& values);
/// A value as a trace shows it: `'text'`, `Array`.
[[nodiscard]] std::string render(const Datum& datum);

/// Evaluates a node by itself. `values`, when given, gets those of contexts, indexes and calls.
[[nodiscard]] Result<Datum> evaluate_node(const Expression::Node& node, Evaluation& evaluation,
                                          std::size_t memory_limit_bytes, ShownValues* values = nullptr);

/// The two comparisons of actions.md 7.4 that the others are made of.
[[nodiscard]] bool equal(Datum a, Datum b);
[[nodiscard]] bool greater(Datum a, Datum b);

}  // namespace buildspec_run
