#include <fmt/format.h>

#include <array>
#include <cmath>

#include "actions/expr/characters.h"
#include "actions/expr/node.h"

namespace buildspec_run {
namespace {

using Node = Expression::Node;
using Kind = Node::Kind;

/// Makes both sides of one kind, as far as the rules of actions.md 7.4 go.
void coerce(Datum& a, Datum& b) {
  using DatumKind = Datum::Kind;
  const auto weak = [](const Datum& side) {
    return side.kind() == DatumKind::null || side.kind() == DatumKind::boolean;
  };
  while (a.kind() != b.kind()) {
    if (a.kind() == DatumKind::number && b.kind() == DatumKind::string)
      b = b.to_number();
    else if (a.kind() == DatumKind::string && b.kind() == DatumKind::number)
      a = a.to_number();
    else if (weak(a))
      a = a.to_number();
    else if (weak(b))
      b = b.to_number();
    else
      return;
  }
}

/// Sizes as GitHub's engine counts them (actions.md 7.8).
constexpr std::size_t kObjectBytes = 24, kItemBytes = 8;
std::size_t text_bytes(std::string_view text) { return 26 + 2 * utf16_length(text); }
std::size_t datum_bytes(const Datum& datum) {
  return datum.string() == nullptr ? kObjectBytes : text_bytes(*datum.string());
}

/// What an evaluation holds at once: a sum for each level of the tree.
class Memory {
 public:
  explicit Memory(std::size_t limit) : limit_(limit) {}
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

  /// False when the limit is exceeded. `forget_deeper`: what the levels below hold is no longer needed.
  bool add(std::size_t level, std::size_t bytes, bool forget_deeper) {
    if (forget_deeper)
      for (std::size_t deeper = level + 1; deeper <= deepest_; ++deeper)
        total_ -= std::exchange(levels_[deeper], 0);
    if (forget_deeper || level > deepest_) deepest_ = level;
    levels_[level] += bytes;
    total_ += bytes;
    return total_ <= limit_;
  }

 private:
  std::size_t limit_, total_ = 0, deepest_ = 0;
  std::array<std::size_t, 64> levels_ = {};  // more than a tree has
};

class Evaluator {
 public:
  Evaluator(const Node& root, Evaluation& evaluation, std::size_t limit, ShownValues* values)
      : root_(root), evaluation_(evaluation), memory_(limit), values_(values), values_left_(limit) {}

  /// The recursion is bounded by the depth of a tree.
  Result<Datum> evaluate(const Node& node, std::size_t level) {
    Result<Datum> value = value_of(node, level);
    if (!value) return value;
    const bool primitive = value->array() == nullptr && value->object() == nullptr;
    bool fits = true;
    if (const DatumArray* array = value->array();
        array != nullptr && array->filtered && node.kind == Kind::index) {
      fits = memory_.add(level, kObjectBytes + kItemBytes * array->items.size(), false);
    } else if (primitive && value->kind() != Datum::Kind::null && is_of_context(node)) {
      fits = memory_.add(level, kObjectBytes + datum_bytes(*value), false);
    } else {
      fits = memory_.add(level, datum_bytes(*value), primitive);
    }
    if (!fits) return out_of_memory(root_);
    if (values_ != nullptr) show(node, *value);
    return value;
  }

 private:
  /// Keeps a value for the trace, as long as there is room.
  void show(const Node& node, const Datum& value) {
    const bool wanted = node.kind == Kind::named_value || node.kind == Kind::index ||
                        (node.kind == Kind::call && !node.function->shows_arguments);
    if (!wanted) return;
    std::string shown = render(value);
    if (shown.size() > values_left_) return;
    values_left_ -= shown.size();
    values_->insert_or_assign(&node, std::move(shown));
  }

  struct FunctionCall final : Call {
    FunctionCall(Evaluator& of, const Node& call, std::size_t at) : evaluator(of), node(call), level(at) {}

    [[nodiscard]] std::size_t arguments() const override { return node.children; }
    Result<Datum> argument(std::size_t index) override {
      // Arguments are asked for mostly in their order.
      if (current == nullptr || index < current_index) {
        current = node.first;
        current_index = 0;
      }
      for (; current_index < index; ++current_index) current = current->next;
      return evaluator.evaluate(*current, level + 1);
    }
    [[nodiscard]] bool count(std::string_view piece) override {
      bytes += text_bytes(piece);
      return bytes <= evaluator.memory_.limit();
    }
    [[nodiscard]] Error out_of_memory() const override { return Evaluator::out_of_memory(node); }
    Evaluation& evaluation() override { return evaluator.evaluation_; }

    Evaluator& evaluator;
    const Node& node;
    std::size_t level, bytes = 0, current_index = 0;
    const Node* current = nullptr;
  };

  static Error out_of_memory(const Node& node) {
    return {fmt::format(
        "The maximum allowed memory size was exceeded while evaluating the following expression: {}",
        render(node))};
  }
  /// Whether a primitive that the node yields is a piece of a context, which is counted besides its value.
  static bool is_of_context(const Node& node) {
    return node.kind == Kind::named_value || node.kind == Kind::index ||
           (node.kind == Kind::call && node.function->from_context);
  }

  Result<Datum> value_of(const Node& node, std::size_t level) {
    switch (node.kind) {
      case Kind::literal:
        return node.literal;
      case Kind::named_value:
        return evaluation_.context(node.key);
      case Kind::wildcard:
        return Datum("*");
      case Kind::index:
        return index(node, level);
      case Kind::call: {
        FunctionCall call(*this, node, level);
        return node.function->evaluate(call);
      }
      case Kind::negation: {
        Result<Datum> operand = evaluate(*node.first, level + 1);
        if (!operand) return operand;
        return Datum(!operand->truthy());
      }
      case Kind::conjunction:
      case Kind::disjunction:
        for (const Node* child = node.first;; child = child->next) {
          Result<Datum> operand = evaluate(*child, level + 1);
          if (!operand || child->next == nullptr || operand->truthy() == (node.kind == Kind::disjunction))
            return operand;
        }
      default:
        break;
    }
    Result<Datum> left = evaluate(*node.first, level + 1);
    if (!left) return left;
    Result<Datum> right = evaluate(*node.last, level + 1);
    if (!right) return right;
    switch (node.kind) {
      case Kind::equal:
        return Datum(equal(*left, *right));
      case Kind::not_equal:
        return Datum(!equal(*left, *right));
      case Kind::greater:
        return Datum(greater(*left, *right));
      case Kind::greater_or_equal:
        return Datum(equal(*left, *right) || greater(*left, *right));
      case Kind::less:
        return Datum(greater(*right, *left));
      default:
        return Datum(equal(*left, *right) || greater(*right, *left));
    }
  }

  /// `at` as an index of an array.
  static std::optional<std::size_t> place_in(const DatumArray& array, const Datum& at) {
    const double number = std::floor(at.to_number());
    if (!(number >= 0) || number > 2147483647 || number >= static_cast<double>(array.items.size()))
      return std::nullopt;
    return static_cast<std::size_t>(number);
  }
  static const Datum* member_of(const DatumObject& object, const Datum& at) {
    if (at.array() != nullptr || at.object() != nullptr) return nullptr;
    return object.find(at.to_string());
  }

  Result<Datum> index(const Node& node, std::size_t level) {
    Result<Datum> left = evaluate(*node.first, level + 1);
    if (!left) return left;
    const DatumArray* array = left->array();
    const DatumObject* object = left->object();
    const bool wildcard = node.last->kind == Kind::wildcard;
    DatumArray filtered;
    filtered.filtered = true;
    if (array == nullptr && object == nullptr) return wildcard ? Datum(std::move(filtered)) : Datum();
    Result<Datum> at = evaluate(*node.last, level + 1);
    if (!at) return at;

    const std::size_t most = memory_.limit() / kItemBytes;
    const auto add = [&](const Datum& item) {
      filtered.items.push_back(item);
      return filtered.items.size() <= most;
    };
    const auto add_all = [&](const DatumArray* items, const DatumObject* members) {
      if (items != nullptr)
        for (const Datum& item : items->items)
          if (!add(item)) return false;
      if (members != nullptr)
        for (const auto& member : members->members())
          if (!add(member.second)) return false;
      return true;
    };
    if (array != nullptr && array->filtered) {
      for (const Datum& item : array->items) {
        const DatumArray* items = item.array();
        const DatumObject* members = item.object();
        bool fits = true;
        if (wildcard) {
          fits = add_all(items, members);
        } else if (items != nullptr) {
          if (const std::optional<std::size_t> place = place_in(*items, *at))
            fits = add(items->items[*place]);
        } else if (members != nullptr) {
          if (const Datum* member = member_of(*members, *at)) fits = add(*member);
        }
        if (!fits) return out_of_memory(node);
      }
      return Datum(std::move(filtered));
    }
    if (wildcard) {
      if (!add_all(array, object)) return out_of_memory(node);
      return Datum(std::move(filtered));
    }
    if (array != nullptr) {
      const std::optional<std::size_t> place = place_in(*array, *at);
      return place ? array->items[*place] : Datum();
    }
    const Datum* member = member_of(*object, *at);
    return member == nullptr ? Datum() : *member;
  }

  const Node& root_;
  Evaluation& evaluation_;
  Memory memory_;
  ShownValues* values_;
  std::size_t values_left_;  // bytes
};

std::string quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + '\'';
}

std::string render_node(const Node& node, const ShownValues* values);

std::string render_children(const Node& node, std::string_view between, const ShownValues* values) {
  std::string out;
  for (const Node* child = node.first; child != nullptr; child = child->next) {
    if (child != node.first) out += between;
    out += render_node(*child, values);
  }
  return out;
}

std::string render_node(const Node& node, const ShownValues* values) {
  if (values != nullptr) {
    const auto value = values->find(&node);
    if (value != values->end()) return value->second;
  }
  switch (node.kind) {
    case Kind::literal:
      return render(node.literal);
    case Kind::named_value:
      return node.name;
    case Kind::wildcard:
      return "*";
    case Kind::index:
      if (const std::string* name = node.last->literal.string();
          values == nullptr && name != nullptr && is_keyword(*name))
        return fmt::format("{}.{}", render_node(*node.first, values), *name);
      return fmt::format("{}[{}]", render_node(*node.first, values), render_node(*node.last, values));
    case Kind::call:
      return fmt::format("{}({})", node.name, render_children(node, ", ", values));
    case Kind::negation:
      return "!" + render_node(*node.first, values);
    case Kind::less:
      return fmt::format("({})", render_children(node, " < ", values));
    case Kind::less_or_equal:
      return fmt::format("({})", render_children(node, " <= ", values));
    case Kind::greater:
      return fmt::format("({})", render_children(node, " > ", values));
    case Kind::greater_or_equal:
      return fmt::format("({})", render_children(node, " >= ", values));
    case Kind::equal:
      return fmt::format("({})", render_children(node, " == ", values));
    case Kind::not_equal:
      return fmt::format("({})", render_children(node, " != ", values));
    case Kind::conjunction:
      return fmt::format("({})", render_children(node, " && ", values));
    case Kind::disjunction:
      break;
  }
  return fmt::format("({})", render_children(node, " || ", values));
}

}  // namespace

bool equal(Datum a, Datum b) {
  coerce(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Datum::Kind::null:
      return true;
    case Datum::Kind::boolean:
      return *a.boolean() == *b.boolean();
    case Datum::Kind::number:
      return *a.number() == *b.number();
    case Datum::Kind::string:
      return compare_ignoring_case(*a.string(), *b.string()) == 0;
    case Datum::Kind::array:
      return a.array() == b.array();
    case Datum::Kind::object:
      break;
  }
  return a.object() == b.object();
}

bool greater(Datum a, Datum b) {
  coerce(a, b);
  if (a.kind() != b.kind()) return false;
  if (const double* number = a.number()) return *number > *b.number();
  if (const std::string* text = a.string()) return compare_ignoring_case(*text, *b.string()) > 0;
  if (const bool* truth = a.boolean()) return *truth && !*b.boolean();
  return false;
}

std::string render(const Datum& datum) {
  if (datum.string() != nullptr) return quote(*datum.string());
  return datum.kind() == Datum::Kind::null ? "null" : datum.to_string();
}

std::string render(const Node& node) { return render_node(node, nullptr); }
std::string render(const Node& node, const ShownValues& values) { return render_node(node, &values); }

Result<Datum> evaluate_node(const Node& node, Evaluation& evaluation, std::size_t memory_limit_bytes,
                            ShownValues* values) {
  return Evaluator(node, evaluation, memory_limit_bytes, values).evaluate(node, 0);
}

Result<Datum> evaluate_traced(const Expression& expression, Evaluation& evaluation,
                              std::vector<std::string>& lines, std::size_t memory_limit_bytes) {
  if (expression.empty()) return Datum();
  lines.push_back("Evaluating: " + render(*expression.root()));
  ShownValues values;
  Result<Datum> value = evaluate_node(*expression.root(), evaluation, memory_limit_bytes, &values);
  if (!value) return value;
  const std::string result = render(*value);
  const std::string expanded = render(*expression.root(), values);
  const bool number_in_quotes = value->number() != nullptr && expanded == "'" + result + "'";
  if (expanded != result && !number_in_quotes) lines.push_back("Expanded: " + expanded);
  lines.push_back("Result: " + result);
  return value;
}

Result<Datum> evaluate(const Expression& expression, Evaluation& evaluation, std::size_t memory_limit_bytes) {
  if (expression.empty()) return Datum();
  return evaluate_node(*expression.root(), evaluation, memory_limit_bytes);
}

}  // namespace buildspec_run
