#include "tests/support/expressions.h"

#include "runner/base/check.h"
#include "runner/base/json.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

template <class Parsed, class Evaluate>
std::string shown(Parsed&& parsed, const Evaluate& evaluate_it) {
  if (const auto* error = std::get_if<ExpressionError>(&parsed)) return "error: " + error->message;
  const auto value = evaluate_it(std::get<0>(parsed));
  if (!value) return "error: " + value.error().message;
  return one_line(*value);
}

}  // namespace

JsonEvaluation::JsonEvaluation(std::string_view contexts) {
  const Result<Value> value = parse_json(contexts);
  check(bool{value} && value->object() != nullptr, "the contexts of a test are a JSON object");
  for (const auto& [name, member] : *value->object()) names_.push_back(name);
  contexts_ = to_datum(*value);
}

Datum JsonEvaluation::context(std::string_view name) {
  ++asked;
  const Datum* found = contexts_.object()->find(name);
  return found == nullptr ? Datum() : *found;
}

bool JsonEvaluation::status(std::string_view function) {
  if (function == "always") return true;
  if (function == "cancelled") return false;
  return (function == "failure") == has_failed;
}

Result<std::string> JsonEvaluation::hash_files(std::span<const std::string> patterns) {
  hashed.assign(patterns.begin(), patterns.end());
  return std::string("digest");
}

Allowed JsonEvaluation::allowed() const { return {{names_.begin(), names_.end()}, true, true}; }

std::string one_line(const Datum& datum) {
  std::string line;
  const std::string json = to_expression_json(datum);
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == '\n') at = json.find_first_not_of(' ', at + 1);
    line += json[at];
  }
  return line;
}

std::string evaluated(std::string_view text, JsonEvaluation& evaluation) {
  return shown(parse_expression(text, evaluation.allowed()),
               [&](const Expression& expression) { return evaluate(expression, evaluation); });
}

std::string evaluated(std::string_view text, std::string_view contexts) {
  JsonEvaluation evaluation(contexts);
  return evaluated(text, evaluation);
}

std::string evaluated_template(std::string_view text, std::string_view contexts) {
  JsonEvaluation evaluation(contexts);
  return shown(parse_template(text, evaluation.allowed()),
               [&](const Template& found) { return evaluate(found, evaluation); });
}

std::string evaluated_text(std::string_view text, std::string_view contexts) {
  JsonEvaluation evaluation(contexts);
  const auto parsed = parse_template(text, evaluation.allowed());
  if (const auto* error = std::get_if<ExpressionError>(&parsed)) return "error: " + error->message;
  const Result<std::string> value = evaluate_string(std::get<Template>(parsed), evaluation);
  return value ? *value : "error: " + value.error().message;
}

}  // namespace buildspec_run
