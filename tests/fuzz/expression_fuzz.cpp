// Any bytes as an expression, a text with expressions, a condition and JSON: read without harm, with errors inside of the text;
// evaluated within bounds, the same every time; what is written is read back as the same; and a text that grows by a letter grows by
// that letter alone.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

#include "actions/expr/expression.h"
#include "actions/expr/json_text.h"
#include "actions/expr/node.h"

using namespace buildspec_run;

namespace {

constexpr std::size_t kMemory = std::size_t{64} << 10;

class Contexts : public Evaluation {
 public:
  Contexts() {
    const Result<Datum> read = parse_lenient_json(
        R"({"github":{"ref":"refs/heads/main","event":{"n":1.5,"labels":[{"name":"a"},{"Name":"b"},7]}},
            "env":{"A":"x","E":""},"steps":{"s":{"outcome":"success","outputs":{"o":"1"}}},"l":[0,[1],{"1":"k"},null]})");
    if (!read) std::abort();
    contexts_ = *read;
  }
  Datum context(std::string_view name) override {
    const Datum* found = contexts_.object()->find(name);
    return found == nullptr ? Datum() : *found;
  }
  bool status(std::string_view function) override { return function != "cancelled" && function != "failure"; }
  Result<std::string> hash_files(std::span<const std::string> patterns) override {
    if (patterns.size() > 2) return Error{"hashFiles failed"};
    return std::string("digest");
  }

 private:
  Datum contexts_;
};

void require(bool holds) {
  if (!holds) std::abort();
}

/// What came of it, as text.
std::string shown(const Result<Datum>& value) {
  return value ? "value " + to_expression_json(*value) : "error " + value.error().message;
}

bool is_limit(const std::string& message) {
  return message.starts_with("Exceeded max expression ") ||
         message.starts_with("The maximum allowed memory ") ||
         message.starts_with("Too many parameters supplied");
}

/// `(1)[0]` and `(!a)[0]` are shown as `1[0]` and `!a[0]`, by GitHub as well: other expressions, or none.
bool loses_a_group(const Expression::Node& node) {
  using Kind = Expression::Node::Kind;
  if (node.kind == Kind::index && (node.first->kind == Kind::literal || node.first->kind == Kind::negation))
    return true;
  for (const Expression::Node* child = node.first; child != nullptr; child = child->next)
    if (loses_a_group(*child)) return true;
  return false;
}

void check_json(const Datum& datum) {
  const std::string written = to_expression_json(datum);
  const Result<Datum> read = parse_lenient_json(written);
  require(bool{read} && to_expression_json(*read) == written);
}

void check_expression(std::string_view text, const Allowed& allowed, Contexts& contexts) {
  const auto parsed = parse_expression(text, allowed);
  if (const auto* error = std::get_if<ExpressionError>(&parsed)) {
    require(error->offset <= text.size() && !error->message.empty());
    return;
  }
  const auto& expression = std::get<Expression>(parsed);
  require(expression.text() == text || expression.empty());
  const Result<Datum> value = evaluate(expression, contexts, kMemory);
  std::vector<std::string> lines;
  require(shown(value) == shown(evaluate_traced(expression, contexts, lines, kMemory)));
  if (value) check_json(*value);
  if (value && value->string() != nullptr) require(value->string()->size() <= 2 * kMemory);
  if (expression.empty() || loses_a_group(*expression.root())) return;
  // The form that its tree is shown in is an expression of the same tree.
  const std::string rendered = render(*expression.root());
  const auto again = parse_expression(rendered, allowed);
  if (const auto* error = std::get_if<ExpressionError>(&again))
    require(is_limit(error->message));
  else
    require(render(*std::get<Expression>(again).root()) == rendered);
}

/// The text of a string position; nullopt when there is none.
std::optional<std::string> text_of(const std::string& text, const Allowed& allowed, Contexts& contexts,
                                   std::string& why) {
  const auto parsed = parse_template(text, allowed);
  if (const auto* error = std::get_if<ExpressionError>(&parsed)) {
    require(error->offset <= text.size());
    why = error->message;
    return std::nullopt;
  }
  const auto& found = std::get<Template>(parsed);
  require(found.source() == text);
  (void)display_text(found, contexts);
  Result<std::string> value = evaluate_string(found, contexts);
  if (!value) why = value.error().message;
  return value ? std::optional(std::move(*value)) : std::nullopt;
}

void check_template(const std::string& text, const Allowed& allowed, Contexts& contexts) {
  std::string why;
  const std::optional<std::string> value = text_of(text, allowed, contexts, why);
  if (text.find("${{") == std::string::npos) require(value == text);
  if (!value) return;
  const std::optional<std::string> before = text_of("x" + text, allowed, contexts, why);
  require(before ? *before == "x" + *value : is_limit(why));
  const std::optional<std::string> behind = text_of(text + "y", allowed, contexts, why);
  require(behind ? *behind == *value + "y" : is_limit(why));
}

/// Bytes behind a first one of 254 are tokens, so that the fuzzer reaches what needs many of them in a row.
std::string text_from(const std::uint8_t* data, std::size_t size) {
  static constexpr std::string_view kTokens[] = {"(",
                                                 ")",
                                                 "[",
                                                 "]",
                                                 ",",
                                                 ".",
                                                 "*",
                                                 "!",
                                                 "==",
                                                 "!=",
                                                 "<",
                                                 "<=",
                                                 ">",
                                                 ">=",
                                                 "&&",
                                                 "||",
                                                 " ",
                                                 "github",
                                                 "env",
                                                 "steps",
                                                 "l",
                                                 ".event",
                                                 ".labels",
                                                 ".name",
                                                 ".*",
                                                 "[*]",
                                                 "[0]",
                                                 "['1']",
                                                 "'a'",
                                                 "''",
                                                 "'x''y'",
                                                 "'{0}'",
                                                 "'{{{1}}}'",
                                                 "0",
                                                 "1",
                                                 "-1.5",
                                                 "0xFF",
                                                 "NaN",
                                                 "true",
                                                 "false",
                                                 "null",
                                                 "case(",
                                                 "format(",
                                                 "join(",
                                                 "toJSON(",
                                                 "(",
                                                 "fromJSON(",
                                                 "contains(",
                                                 "startsWith(",
                                                 "endsWith(",
                                                 "always()",
                                                 "failure()",
                                                 "'[1,[2],{\"k\":3}]'",
                                                 "'{\"a\":NaN,}'",
                                                 "hashFiles(",
                                                 "${{",
                                                 "}}",
                                                 "'",
                                                 "{",
                                                 "}",
                                                 "\n",
                                                 "\xC3\xA4",
                                                 "l.*",
                                                 "1e15"};
  if (size == 0 || data[0] != 254) return {reinterpret_cast<const char*>(data), size};
  std::string text;
  for (std::size_t i = 1; i < size; ++i) text += kTokens[data[i] % std::size(kTokens)];
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = text_from(data, size);
  static Contexts contexts;
  const Allowed allowed{{"github", "env", "steps", "l"}, true, true};
  check_expression(text, allowed, contexts);
  check_template(text, allowed, contexts);
  check_template("${{" + text + "}}", allowed, contexts);
  const auto condition = parse_condition(text, allowed);
  if (const auto* error = std::get_if<ExpressionError>(&condition))
    require(error->offset <= text.size());
  else
    require(std::get<Expression>(condition).calls_status_function());
  if (const Result<Datum> json = parse_lenient_json(text)) check_json(*json);
  const std::string number = number_text(parse_number(text));
  require(number_text(parse_number(number)) == number);
  return 0;
}
