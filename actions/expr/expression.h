// `${{ }}`: the expression language of GitHub Actions. Source: actions.md section 7.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actions/expr/datum.h"
#include "runner/base/result.h"

namespace buildspec_run {

/// What a place allows to be named. Names are matched without regard to case; everything else is an
/// "Unrecognized …" error when parsed (actions.md 6.4).
struct Allowed {
  std::vector<std::string_view> contexts;
  bool status_functions = false;  // always, success, failure, cancelled
  bool hash_files = false;
};

/// Why a text is no expression: the exact text of actions.md 7.9, and where in the text its token begins.
struct ExpressionError {
  std::string message;
  std::size_t offset = 0;  // in bytes from the start of the text that was parsed
};

/// What an evaluation reads and calls.
class Evaluation {
 public:
  virtual ~Evaluation() = default;
  /// A context by its name in lower case, one of `Allowed::contexts`; null when there is none.
  virtual Datum context(std::string_view name) = 0;
  /// "success", "failure", "always", "cancelled" (no arguments).
  virtual bool status(std::string_view function) = 0;
  /// hashFiles. An Error's message is what the user sees (actions.md 7.7).
  virtual Result<std::string> hash_files(std::span<const std::string> patterns) = 0;
};

/// A parsed expression. Cheap to copy: the tree is shared and never changed.
class Expression {
 public:
  struct Node;
  Expression() = default;  // the empty expression: evaluates to null
  Expression(std::string text, std::shared_ptr<const Node> root)
      : text_(std::move(text)), root_(std::move(root)) {}

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
  /// Whether a call of success, failure, always or cancelled stands anywhere in it (actions.md 3.6).
  [[nodiscard]] bool calls_status_function() const noexcept;
  /// The literal when it is nothing but a string literal.
  [[nodiscard]] const std::string* string_literal() const noexcept;
  [[nodiscard]] const Node* root() const noexcept { return root_.get(); }

 private:
  std::string text_;
  std::shared_ptr<const Node> root_;
};

/// Parses the text between `${{` and `}}`, or a bare `if`. An empty or blank text is the empty expression.
/// Takes time linear in the text; limits of actions.md 7.8.
[[nodiscard]] std::variant<Expression, ExpressionError> parse_expression(std::string_view text,
                                                                         const Allowed& allowed);

/// What a condition may hold in memory while it is evaluated (actions.md 7.8, "stand-alone").
inline constexpr std::size_t kConditionMemoryBytes = std::size_t{1} << 20;

/// The value, kept in its type. An Error's message is the text of actions.md 7 (no place). `memory_limit_bytes`:
/// actions.md 7.8.
[[nodiscard]] Result<Datum> evaluate(const Expression& expression, Evaluation& evaluation,
                                     std::size_t memory_limit_bytes = std::size_t{10} << 20);

/// The same, and the lines that debug output has about it (actions.md 7.10, without a prefix and not masked): "Evaluating: " and the
/// expression, "Expanded: " and the expression with values where that tells more, "Result: " and the value. After an Error there is
/// the first alone.
[[nodiscard]] Result<Datum> evaluate_traced(const Expression& expression, Evaluation& evaluation,
                                            std::vector<std::string>& lines,
                                            std::size_t memory_limit_bytes = std::size_t{10} << 20);

/// A text that may hold `${{ }}` (actions.md 7.10). Without any it is a literal and is never evaluated.
class Template {
 public:
  Template() = default;  // the empty literal
  /// A literal whatever it holds.
  static Template literal(std::string text);

  /// The text as written.
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  /// The value of a literal (a lone string-literal expression is one, too); nullptr when it must be evaluated.
  [[nodiscard]] const std::string* literal_text() const noexcept { return expression_ ? nullptr : &literal_; }
  /// Whether the whole text is one expression, which keeps its type.
  [[nodiscard]] bool is_whole() const noexcept { return whole_; }
  [[nodiscard]] const std::optional<Expression>& expression() const noexcept { return expression_; }

 private:
  friend std::variant<Template, ExpressionError> parse_template(std::string_view, const Allowed&);
  std::string source_, literal_;
  std::optional<Expression> expression_;  // of mixed text: the format(…) it is rewritten to
  bool whole_ = false;
};

/// Offsets of an error count from the start of `text`; the message's "position" counts within the expression,
/// as GitHub's does.
[[nodiscard]] std::variant<Template, ExpressionError> parse_template(std::string_view text,
                                                                     const Allowed& allowed);

/// The value in its type; a literal is a string.
[[nodiscard]] Result<Datum> evaluate(const Template& text, Evaluation& evaluation);
/// In a string position: an array or object is the Error "A sequence was not expected" / "A mapping was not
/// expected", null the empty string.
[[nodiscard]] Result<std::string> evaluate_string(const Template& text, Evaluation& evaluation);

/// A condition (`if:`), ready to evaluate: `success() && (…)` unless a status function is called
/// (actions.md 3.6). `text` is the scalar's text, with or without `${{ }}`. `implied_success` is false for pre-if and
/// post-if, whose text is taken as it is.
[[nodiscard]] std::variant<Expression, ExpressionError> parse_condition(std::string_view text,
                                                                        const Allowed& allowed,
                                                                        bool implied_success = true);

/// Splits a `Template`'s display: what cannot be evaluated yet stays as `${{ expr }}` (actions.md 3.3). `text` with every
/// expression that evaluates without Error replaced.
[[nodiscard]] std::string display_text(const Template& text, Evaluation& evaluation);

}  // namespace buildspec_run
