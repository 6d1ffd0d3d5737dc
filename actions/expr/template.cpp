// Texts that hold `${{ }}`, and conditions. Source: actions.md 7.10 and 3.6.
#include <fmt/format.h>

#include <algorithm>

#include "actions/expr/characters.h"
#include "actions/expr/node.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kOpen = "${{", kClose = "}}";

/// A piece of a text: literal, or the inside of `${{ }}` without the blanks at its ends.
struct Segment {
  std::size_t begin, end;  // of the piece in the text, with the braces
  std::string_view text;
  bool is_expression;
};

std::variant<std::vector<Segment>, ExpressionError> split(std::string_view text) {
  std::vector<Segment> segments;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = std::min(text.find(kOpen, at), text.size());
    if (open > at) segments.push_back({at, open, text.substr(at, open - at), false});
    if (open == text.size()) break;
    std::size_t end = open + kOpen.size();
    for (bool in_string = false; end < text.size() && (in_string || !text.substr(end).starts_with(kClose));
         ++end)
      if (text[end] == '\'') in_string = !in_string;
    if (end >= text.size())
      return ExpressionError{
          "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} sequence "
          "was not found.",
          open};
    const std::size_t inside = open + kOpen.size();
    at = end + kClose.size();
    segments.push_back({open, at, trim_white_space(text.substr(inside, end - inside)), true});
  }
  return segments;
}

/// `text` within quotes of the language, braces doubled for format.
void append_format_text(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\'' || c == '{' || c == '}') out += c;
    out += c;
  }
}

/// What a text with several segments is rewritten to.
std::string format_call(std::span<const Segment> segments) {
  std::string format = "format('", arguments;
  std::size_t count = 0;
  for (const Segment& segment : segments) {
    if (!segment.is_expression) {
      append_format_text(format, segment.text);
      continue;
    }
    fmt::format_to(std::back_inserter(format), "{{{}}}", count++);
    arguments += ", ";
    arguments += segment.text;
  }
  return format + '\'' + arguments + ')';
}

bool is_directive(std::string_view text) {
  return text.starts_with("insert") &&
         (text.size() == 6 || text.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == 6) &&
         trim_white_space(text.substr(6)).empty();
}

}  // namespace

Template Template::literal(std::string text) {
  Template made;
  made.source_ = text;
  made.literal_ = std::move(text);
  return made;
}

std::variant<Template, ExpressionError> parse_template(std::string_view text, const Allowed& allowed) {
  if (text.find(kOpen) == std::string_view::npos) return Template::literal(std::string(text));
  auto split_text = split(text);
  if (auto* error = std::get_if<ExpressionError>(&split_text)) return std::move(*error);
  const auto& segments = std::get<std::vector<Segment>>(split_text);
  std::optional<Expression> only;
  for (const Segment& segment : segments) {
    if (!segment.is_expression) continue;
    const std::size_t offset = static_cast<std::size_t>(segment.text.data() - text.data());
    if (segment.text.empty()) return ExpressionError{"An expression was expected", segment.begin};
    if (segments.size() > 1 && is_directive(segment.text))
      return ExpressionError{
          "The directive 'insert' is not allowed in this context. Directives are not supported for "
          "expressions that are "
          "embedded within a string. Directives are only supported when the entire value is an expression.",
          offset};
    auto parsed = parse_expression(segment.text, allowed);
    if (auto* error = std::get_if<ExpressionError>(&parsed)) {
      error->offset += offset;
      return std::move(*error);
    }
    only = std::get<Expression>(std::move(parsed));
  }
  Template made;
  made.source_ = text;
  made.whole_ = segments.size() == 1;
  if (made.whole_) {
    if (const std::string* string = only->string_literal())
      return made.literal_ = *string, made.whole_ = false, made;
    made.expression_ = std::move(only);
    return made;
  }
  auto parsed = parse_expression(format_call(segments), allowed);
  if (auto* error = std::get_if<ExpressionError>(&parsed)) {
    // Each expression is right by itself, so it is the whole that is too long, too deep or has too many parts.
    error->offset = 0;
    return std::move(*error);
  }
  made.expression_ = std::get<Expression>(std::move(parsed));
  return made;
}

Result<Datum> evaluate(const Template& text, Evaluation& evaluation) {
  if (const std::string* literal = text.literal_text()) return Datum(*literal);
  return evaluate(*text.expression(), evaluation);
}

Result<std::string> evaluate_string(const Template& text, Evaluation& evaluation) {
  if (const std::string* literal = text.literal_text()) return *literal;
  Result<Datum> value = evaluate(*text.expression(), evaluation);
  if (!value) return std::move(value.error());
  if (value->array() != nullptr) return Error{"A sequence was not expected"};
  if (value->object() != nullptr) return Error{"A mapping was not expected"};
  return value->to_string();
}

std::variant<Expression, ExpressionError> parse_condition(std::string_view text, const Allowed& allowed,
                                                          bool implied_success) {
  if (!implied_success) return parse_expression(text, allowed);
  std::string condition(text);
  if (trim_white_space(text).empty()) {
    condition = "success()";
  } else if (text.find(kOpen) != std::string_view::npos) {
    auto parsed = parse_template(text, allowed);
    if (auto* error = std::get_if<ExpressionError>(&parsed)) return std::move(*error);
    const auto& found = std::get<Template>(parsed);
    // A lone string literal is a condition in quotes.
    condition = found.expression() ? found.expression()->text() : *found.literal_text();
  }
  auto parsed = parse_expression(condition, allowed);
  if (auto* error = std::get_if<ExpressionError>(&parsed)) {
    if (condition != text) error->offset = 0;  // inside of quotes
    return std::move(*error);
  }
  if (std::get<Expression>(parsed).calls_status_function()) return parsed;
  return parse_expression(fmt::format("success() && ({})", condition), allowed);
}

std::string display_text(const Template& text, Evaluation& evaluation) {
  if (const std::string* literal = text.literal_text()) return *literal;
  const auto split_text = split(text.source());
  const auto& segments = std::get<std::vector<Segment>>(split_text);
  const Expression::Node* node = text.expression()->root();
  if (!text.is_whole()) node = node->first;  // of the call of format: the format string, then the expressions
  constexpr std::size_t kMemory = std::size_t{10} << 20;
  std::string out;
  for (const Segment& segment : segments) {
    if (!segment.is_expression) {
      out += segment.text;
      continue;
    }
    if (!text.is_whole()) node = node->next;
    const Result<Datum> value = evaluate_node(*node, evaluation, kMemory);
    if (value && (!text.is_whole() || (value->array() == nullptr && value->object() == nullptr)))
      out += value->to_string();
    else
      out += std::string_view(text.source()).substr(segment.begin, segment.end - segment.begin);
  }
  return out;
}

}  // namespace buildspec_run
