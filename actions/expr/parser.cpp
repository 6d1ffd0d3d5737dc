// Text to tree: a scanner that knows the token before, and an operator-precedence parser; both go over the text once.
// Source: actions.md 7.1, 7.4, 7.8 and 7.9.
#include <fmt/format.h>

#include <limits>
#include <optional>

#include "actions/expr/characters.h"
#include "actions/expr/node.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

using Node = Expression::Node;
using Kind = Node::Kind;

constexpr std::size_t kMaxLength = 21000;  // UTF-16 units
constexpr std::size_t kMaxDepth = 50;

struct Token {
  enum class Kind {
    none,  // before the first
    open_group,
    open_index,
    open_parameters,
    close_group,
    close_index,
    close_parameters,
    separator,
    dereference,
    wildcard,
    operation,
    literal,
    property,
    function,
    named_value,
    unexpected
  };
  Kind kind = Kind::none;
  std::size_t offset = 0;
  std::string_view text = {};
  Datum value = {};  // of a literal
};
using TokenKind = Token::Kind;

/// After these an index, a dereference and a closing bracket may follow.
bool ends_value(TokenKind kind) {
  return kind == TokenKind::close_group || kind == TokenKind::close_index ||
         kind == TokenKind::close_parameters || kind == TokenKind::wildcard || kind == TokenKind::property ||
         kind == TokenKind::named_value;
}
bool ends_operand(TokenKind kind) { return ends_value(kind) || kind == TokenKind::literal; }
/// After these an operand begins.
bool awaits_operand(TokenKind kind) {
  return kind == TokenKind::none || kind == TokenKind::separator || kind == TokenKind::open_group ||
         kind == TokenKind::open_parameters || kind == TokenKind::open_index || kind == TokenKind::operation;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// The next token, `unexpected` when it is none or may not stand here; nullopt at the end.
  std::optional<Token> next() {
    skip_white_space();
    if (at_ >= text_.size()) return std::nullopt;
    Token token = scan();
    if (token.kind != TokenKind::unexpected && !is_legal(token)) token.kind = TokenKind::unexpected;
    last_ = token.kind;
    return token;
  }

  [[nodiscard]] bool has_open_bracket() const { return !brackets_.empty(); }

 private:
  [[nodiscard]] char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  void skip_white_space() {
    for (std::size_t next = at_; at_ < text_.size() && is_white_space(next_character(text_, next));)
      at_ = next;
  }

  [[nodiscard]] bool is_boundary(std::size_t i) const {
    if (std::string_view("([),.]!><=&|").find(text_[i]) != std::string_view::npos) return true;
    return is_white_space(next_character(text_, i));
  }
  /// Moves to the next boundary; a number goes on over points.
  void skip_word(bool number) {
    while (at_ < text_.size() && (!is_boundary(at_) || (number && text_[at_] == '.')))
      (void)next_character(text_, at_);
  }
  [[nodiscard]] Token token(TokenKind kind, std::size_t begin, Datum value = {}) const {
    return {kind, begin, text_.substr(begin, at_ - begin), std::move(value)};
  }

  Token scan() {
    const std::size_t begin = at_;
    const auto one = [&](TokenKind kind) { return ++at_, token(kind, begin); };
    switch (const char c = text_[at_]; c) {
      case '(':
        return one(last_ == TokenKind::function ? TokenKind::open_parameters : TokenKind::open_group);
      case '[':
        return one(TokenKind::open_index);
      case ')':
        return one(!brackets_.empty() && brackets_.back() == TokenKind::open_parameters
                       ? TokenKind::close_parameters
                       : TokenKind::close_group);
      case ']':
        return one(TokenKind::close_index);
      case ',':
        return one(TokenKind::separator);
      case '*':
        return one(TokenKind::wildcard);
      case '\'':
        return scan_string();
      case '!':
      case '<':
      case '>':
      case '=':
      case '&':
      case '|': {
        const std::string_view two = text_.substr(at_, 2);
        if (two == "!=" || two == "==" || two == "<=" || two == ">=" || two == "&&" || two == "||") {
          at_ += 2;
          return token(TokenKind::operation, begin);
        }
        ++at_;
        if (c == '!' || c == '<' || c == '>') return token(TokenKind::operation, begin);
        skip_word(false);
        return token(TokenKind::unexpected, begin);
      }
      case '.':
        if (!awaits_operand(last_)) return one(TokenKind::dereference);
        return scan_number();
      default:
        return c == '-' || c == '+' || (c >= '0' && c <= '9') ? scan_number() : scan_keyword();
    }
  }

  Token scan_number() {
    const std::size_t begin = at_++;
    skip_word(true);
    const double number = parse_number(text_.substr(begin, at_ - begin));
    return number == number ? token(TokenKind::literal, begin, number) : token(TokenKind::unexpected, begin);
  }

  Token scan_string() {
    const std::size_t begin = at_++;
    std::string value;
    while (at_ < text_.size()) {
      if (text_[at_] == '\'') {
        ++at_;
        if (at(at_) != '\'') return token(TokenKind::literal, begin, std::move(value));
      }
      value += text_[at_++];
    }
    return token(TokenKind::unexpected, begin);
  }

  Token scan_keyword() {
    const std::size_t begin = at_;
    (void)next_character(text_, at_);
    skip_word(false);
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (!is_keyword(word)) return token(TokenKind::unexpected, begin);
    if (last_ == TokenKind::dereference) return token(TokenKind::property, begin);
    if (word == "null") return token(TokenKind::literal, begin);
    if (word == "true" || word == "false") return token(TokenKind::literal, begin, word == "true");
    if (word == "NaN") return token(TokenKind::literal, begin, std::numeric_limits<double>::quiet_NaN());
    if (word == "Infinity") return token(TokenKind::literal, begin, std::numeric_limits<double>::infinity());
    Token keyword = token(TokenKind::named_value, begin);
    std::size_t ahead = at_;
    for (std::size_t next = ahead; ahead < text_.size() && is_white_space(next_character(text_, next));)
      ahead = next;
    if (at(ahead) == '(') keyword.kind = TokenKind::function;
    return keyword;
  }

  /// Whether a token may follow the last one and closes the bracket that is open.
  bool is_legal(const Token& token) {
    const auto closes = [&](TokenKind bracket) {
      if (brackets_.empty() || brackets_.back() != bracket) return false;
      brackets_.pop_back();
      return true;
    };
    switch (token.kind) {
      case TokenKind::open_group:
        if (!awaits_operand(last_)) return false;
        brackets_.push_back(token.kind);
        return true;
      case TokenKind::open_index:
        if (!ends_value(last_)) return false;
        brackets_.push_back(token.kind);
        return true;
      case TokenKind::open_parameters:
        brackets_.push_back(token.kind);
        return true;
      case TokenKind::close_group:
        return ends_operand(last_) && closes(TokenKind::open_group);
      case TokenKind::close_index:
        return ends_operand(last_) && closes(TokenKind::open_index);
      case TokenKind::close_parameters:
        return (ends_operand(last_) || last_ == TokenKind::open_parameters) &&
               closes(TokenKind::open_parameters);
      case TokenKind::separator:
        return ends_operand(last_) && !brackets_.empty() && brackets_.back() == TokenKind::open_parameters;
      case TokenKind::dereference:
        return ends_value(last_);
      case TokenKind::wildcard:
        return last_ == TokenKind::open_index || last_ == TokenKind::dereference;
      case TokenKind::operation:
        return token.text == "!" ? awaits_operand(last_) : ends_operand(last_);
      case TokenKind::property:
        return last_ == TokenKind::dereference;
      default:
        return awaits_operand(last_);
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  TokenKind last_ = TokenKind::none;
  std::vector<TokenKind> brackets_;
};

struct Operator {
  std::string_view text;
  Kind kind;
  int precedence;
};
constexpr Operator kOperators[] = {{"!", Kind::negation, 16},          {"<", Kind::less, 11},
                                   {"<=", Kind::less_or_equal, 11},    {">", Kind::greater, 11},
                                   {">=", Kind::greater_or_equal, 11}, {"==", Kind::equal, 10},
                                   {"!=", Kind::not_equal, 10},        {"&&", Kind::conjunction, 6},
                                   {"||", Kind::disjunction, 5}};

class Parser {
 public:
  Parser(std::string_view text, const Allowed& allowed) : text_(text), allowed_(allowed), scanner_(text) {}

  std::variant<Expression, ExpressionError> parse() {
    if (utf16_length(text_) > kMaxLength)
      return ExpressionError{fmt::format("Exceeded max expression length {}", kMaxLength)};
    Token last;
    while (const std::optional<Token> token = scanner_.next()) {
      if (std::optional<ExpressionError> error = take(*token, last.kind)) return std::move(*error);
      last = *token;
    }
    if (last.kind == TokenKind::none) return Expression();
    if (!ends_operand(last.kind) || scanner_.has_open_bracket())
      return error("Unexpected end of expression", last);
    reduce(0);
    const Node* root = operands_.back();
    if (root->height > kMaxDepth)
      return ExpressionError{fmt::format("Exceeded max expression depth {}", kMaxDepth)};
    return Expression(std::string(text_), std::shared_ptr<const Node>(tree_, root));
  }

 private:
  /// An operator whose right operand is not whole yet, or an open bracket (precedence 0).
  struct Pending {
    Kind kind;
    int precedence;
    Node* call = nullptr;  // of an open parameter list
    Token bracket = {};
  };

  [[nodiscard]] ExpressionError error(std::string_view what, const Token& token) const {
    return {fmt::format("{}: '{}'. Located at position {} within expression: {}", what, token.text,
                        utf16_length(text_.substr(0, token.offset)) + 1, text_),
            token.offset};
  }

  Node* add(Kind kind) { return &tree_->emplace_back(kind); }
  Node* add_literal(Datum value) {
    Node* node = add(Kind::literal);
    node->literal = std::move(value);
    return node;
  }
  static void append(Node* parent, Node* child) {
    (parent->first == nullptr ? parent->first : parent->last->next) = child;
    parent->last = child;
    ++parent->children;
    parent->height = std::max(parent->height, child->height + 1);
  }
  /// A chain of && (or of ||) is one node.
  static void append_chain(Node* parent, Node* child) {
    if (child->kind != parent->kind) return append(parent, child);
    (parent->first == nullptr ? parent->first : parent->last->next) = child->first;
    parent->last = child->last;
    parent->children += child->children;
    parent->height = std::max(parent->height, child->height);
  }
  Node* pop() {
    Node* node = operands_.back();
    operands_.pop_back();
    return node;
  }
  void push_index(Node* what, Node* at) {
    Node* node = add(Kind::index);
    append(node, what);
    append(node, at);
    operands_.push_back(node);
  }

  /// Gives the pending operators of at least this precedence their operands, back to the open bracket.
  void reduce(int precedence) {
    while (!pending_.empty() && pending_.back().precedence > 0 && pending_.back().precedence >= precedence) {
      const Kind kind = pending_.back().kind;
      pending_.pop_back();
      Node* right = pop();
      Node* node = add(kind);
      if (kind == Kind::negation) {
        append(node, right);
      } else if (Node* left = pop(); kind == Kind::conjunction || kind == Kind::disjunction) {
        append_chain(node, left);
        append_chain(node, right);
      } else {
        append(node, left);
        append(node, right);
      }
      operands_.push_back(node);
    }
  }

  std::optional<ExpressionError> take(const Token& token, TokenKind last) {
    switch (token.kind) {
      case TokenKind::unexpected:
        return error("Unexpected symbol", token);
      case TokenKind::open_group:
      case TokenKind::open_index:
        pending_.push_back({Kind::literal, 0});
        break;
      case TokenKind::open_parameters:
        pending_.push_back({Kind::call, 0, call_, token});
        break;
      case TokenKind::close_group:
        reduce(0);
        pending_.pop_back();
        break;
      case TokenKind::close_index: {
        reduce(0);
        pending_.pop_back();
        Node* at = pop();
        push_index(pop(), at);
        break;
      }
      case TokenKind::separator:
        reduce(0);
        append(pending_.back().call, pop());
        break;
      case TokenKind::close_parameters:
        reduce(0);
        return end_call(last);
      case TokenKind::dereference:
        break;
      case TokenKind::wildcard:
        if (last == TokenKind::dereference)
          push_index(pop(), add(Kind::wildcard));
        else
          operands_.push_back(add(Kind::wildcard));
        break;
      case TokenKind::property:
        push_index(pop(), add_literal(token.text));
        break;
      case TokenKind::operation:
        for (const Operator& operation : kOperators) {
          if (operation.text != token.text) continue;
          if (operation.kind != Kind::negation) reduce(operation.precedence);
          pending_.push_back({operation.kind, operation.precedence});
        }
        break;
      case TokenKind::literal:
        operands_.push_back(add_literal(token.value));
        break;
      case TokenKind::function: {
        const Function* function = find_function(token.text);
        if (function == nullptr || !allows(*function)) return error("Unrecognized function", token);
        call_ = add(Kind::call);
        call_->function = function;
        call_->name = token.text;
        break;
      }
      case TokenKind::named_value: {
        if (std::none_of(allowed_.contexts.begin(), allowed_.contexts.end(),
                         [&](std::string_view name) { return equals_ignoring_case(name, token.text); }))
          return error("Unrecognized named-value", token);
        Node* node = add(Kind::named_value);
        node->name = token.text;
        node->key = to_lower(token.text);
        operands_.push_back(node);
        break;
      }
      case TokenKind::none:
        break;
    }
    return std::nullopt;
  }

  [[nodiscard]] bool allows(const Function& function) const {
    switch (function.where) {
      case Function::Where::everywhere:
        return true;
      case Function::Where::conditions:
        return allowed_.status_functions;
      case Function::Where::hash_files:
        break;
    }
    return allowed_.hash_files;
  }

  std::optional<ExpressionError> end_call(TokenKind last) {
    const Pending opened = std::move(pending_.back());
    pending_.pop_back();
    Node* call = opened.call;
    if (last != TokenKind::open_parameters) append(call, pop());
    const Function& function = *call->function;
    if (call->children < function.least) return error("Too few parameters supplied", opened.bracket);
    if (call->children > function.most) return error("Too many parameters supplied", opened.bracket);
    if (function.odd && call->children % 2 == 0) {
      // Here the shared test data name the function, not the bracket (actions.md 7.11).
      Token name = opened.bracket;
      name.text = call->name;
      name.offset = text_.rfind(call->name, opened.bracket.offset);
      return error("Even number of parameters supplied, requires an odd number of parameters", name);
    }
    operands_.push_back(call);
    return std::nullopt;
  }

  std::string_view text_;
  const Allowed& allowed_;
  Scanner scanner_;
  std::shared_ptr<Tree> tree_ = std::make_shared<Tree>();  // owners: the Expressions of this parse
  std::vector<Node*> operands_;
  std::vector<Pending> pending_;
  Node* call_ = nullptr;  // whose parameter list comes next
};

template <class Predicate>
bool any_node(const Node& node, const Predicate& matches) {
  if (matches(node)) return true;
  for (const Node* child = node.first; child != nullptr; child = child->next)
    if (any_node(*child, matches)) return true;
  return false;
}

}  // namespace

bool Expression::calls_status_function() const noexcept {
  return root_ != nullptr && any_node(*root_, [](const Node& node) {
           return node.kind == Kind::call && node.function->where == Function::Where::conditions;
         });
}

const std::string* Expression::string_literal() const noexcept {
  return root_ != nullptr && root_->kind == Kind::literal ? root_->literal.string() : nullptr;
}

std::variant<Expression, ExpressionError> parse_expression(std::string_view text, const Allowed& allowed) {
  return Parser(text, allowed).parse();
}

}  // namespace buildspec_run
