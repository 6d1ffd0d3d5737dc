#include "actions/expr/functions.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "actions/expr/characters.h"
#include "actions/expr/json_text.h"
#include "actions/expr/node.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

bool is_primitive(const Datum& datum) { return datum.array() == nullptr && datum.object() == nullptr; }

/// contains, startsWith, endsWith of two primitives: whether the upper-cased string forms are `related`. The second argument is not
/// evaluated when the first is no primitive.
template <class Related>
Result<Datum> compare_texts(Call& call, const Datum& first, Related related) {
  if (!is_primitive(first)) return Datum(false);
  Result<Datum> second = call.argument(1);
  if (!second) return second;
  if (!is_primitive(*second)) return Datum(false);
  return Datum(related(to_upper_case(first.to_string()), to_upper_case(second->to_string())));
}

Result<Datum> contains(Call& call) {
  Result<Datum> where = call.argument(0);
  if (!where) return where;
  if (const DatumArray* array = where->array(); array != nullptr && !array->items.empty()) {
    Result<Datum> what = call.argument(1);
    if (!what) return what;
    for (const Datum& item : array->items)
      if (equal(*what, item)) return Datum(true);
    return Datum(false);
  }
  return compare_texts(call, *where, [](const std::string& a, const std::string& b) {
    return a.find(b) != std::string::npos;
  });
}

Result<Datum> starts_with(Call& call) {
  Result<Datum> text = call.argument(0);
  if (!text) return text;
  return compare_texts(call, *text,
                       [](const std::string& a, const std::string& b) { return a.starts_with(b); });
}

Result<Datum> ends_with(Call& call) {
  Result<Datum> text = call.argument(0);
  if (!text) return text;
  return compare_texts(call, *text,
                       [](const std::string& a, const std::string& b) { return a.ends_with(b); });
}

/// A piece of a format string: text, or an argument.
struct Piece {
  std::string text = {};
  std::optional<std::size_t> argument = {};
  std::string specifiers = {};
};

/// `{digits}` or `{digits:specifiers}` at `at`, which moves behind it. nullopt: it is neither.
std::optional<Piece> read_placeholder(std::string_view format, std::size_t& at) {
  std::size_t i = at + 1;
  const std::size_t digits = i;
  while (i < format.size() && format[i] >= '0' && format[i] <= '9') ++i;
  unsigned char number = 0;
  if (std::from_chars(format.data() + digits, format.data() + i, number).ec != std::errc())
    return std::nullopt;
  Piece piece{.argument = number};
  if (i < format.size() && format[i] == ':') {
    for (++i; i < format.size(); ++i) {
      if (format[i] == '}') {
        if (i + 1 >= format.size() || format[i + 1] != '}') break;
        ++i;
      }
      piece.specifiers += format[i];
    }
  }
  if (i >= format.size() || format[i] != '}') return std::nullopt;
  at = i + 1;
  return piece;
}

Result<Datum> format(Call& call) {
  Result<Datum> first = call.argument(0);
  if (!first) return first;
  const std::string format = first->to_string();
  const auto invalid = [&] {
    return Error{fmt::format("The following format string is invalid: {}", format)};
  };
  std::vector<Piece> pieces;
  for (std::size_t at = 0; at < format.size();) {
    const std::size_t brace = format.find_first_of("{}", at);
    std::string text = format.substr(at, brace - at);
    std::optional<Piece> placeholder;
    if (brace == std::string::npos) {
      at = format.size();
    } else if (brace + 1 < format.size() && format[brace + 1] == format[brace]) {
      text += format[brace];
      at = brace + 2;
    } else {
      at = brace;
      if (format[brace] == '{') placeholder = read_placeholder(format, at);
      if (!placeholder) return invalid();
      if (*placeholder->argument + 1 >= call.arguments())
        return Error{fmt::format(
            "The following format string references more arguments than were supplied: {}", format)};
    }
    if (!text.empty() && !call.count(text)) return call.out_of_memory();
    if (!text.empty()) pieces.push_back({std::move(text)});
    if (placeholder) pieces.push_back(std::move(*placeholder));
  }
  std::vector<std::optional<Datum>> known(call.arguments());
  std::string out;
  for (Piece& piece : pieces) {
    if (!piece.argument) {
      out += piece.text;
      continue;
    }
    std::optional<Datum>& argument = known[*piece.argument];
    if (!argument) {
      Result<Datum> value = call.argument(*piece.argument + 1);
      if (!value) return value;
      argument = std::move(*value);
    }
    if (!piece.specifiers.empty())
      return Error{fmt::format("The format specifiers '{}' are not valid for objects of type '{}'",
                               piece.specifiers, to_string(argument->kind()))};
    const std::string text = argument->to_string();
    if (!text.empty() && !call.count(text)) return call.out_of_memory();
    out += text;
  }
  return Datum(std::move(out));
}

Result<Datum> join(Call& call) {
  Result<Datum> items = call.argument(0);
  if (!items) return items;
  const DatumArray* array = items->array();
  if (array == nullptr) return is_primitive(*items) ? Datum(items->to_string()) : Datum("");
  std::string separator = ",", out;
  if (array->items.size() > 1 && call.arguments() > 1) {
    Result<Datum> given = call.argument(1);
    if (!given) return given;
    if (is_primitive(*given)) separator = given->to_string();
  }
  for (const Datum& item : array->items) {
    if (&item != &array->items.front()) {
      if (!call.count(separator)) return call.out_of_memory();
      out += separator;
    }
    const std::string text = item.to_string();
    if (!call.count(text)) return call.out_of_memory();
    out += text;
  }
  return Datum(std::move(out));
}

Result<Datum> to_json(Call& call) {
  Result<Datum> value = call.argument(0);
  if (!value) return value;
  std::string out;
  const bool whole = write_expression_json(*value, [&](std::string_view piece) {
    out += piece;
    return call.count(piece);
  });
  if (!whole) return call.out_of_memory();
  return Datum(std::move(out));
}

Result<Datum> from_json(Call& call) {
  Result<Datum> text = call.argument(0);
  if (!text) return text;
  return parse_lenient_json(text->to_string());
}

Result<Datum> choose(Call& call) {
  for (std::size_t i = 0; i + 1 < call.arguments(); i += 2) {
    Result<Datum> predicate = call.argument(i);
    if (!predicate) return predicate;
    if (predicate->boolean() == nullptr) return Error{"case predicate must evaluate to a boolean value"};
    if (*predicate->boolean()) return call.argument(i + 1);
  }
  return call.argument(call.arguments() - 1);
}

Result<Datum> hash_files(Call& call) {
  std::vector<std::string> patterns;
  for (std::size_t i = 0; i < call.arguments(); ++i) {
    Result<Datum> pattern = call.argument(i);
    if (!pattern) return pattern;
    patterns.push_back(pattern->to_string());
  }
  Result<std::string> digest = call.evaluation().hash_files(patterns);
  if (!digest) return std::move(digest.error());
  return Datum(std::move(*digest));
}

template <const char* Name>
Result<Datum> status(Call& call) {
  return Datum(call.evaluation().status(Name));
}
constexpr char kAlways[] = "always", kCancelled[] = "cancelled", kFailure[] = "failure",
               kSuccess[] = "success";

constexpr Function kFunctions[] = {
    {"always", 0, 0, status<kAlways>, Function::Where::conditions},
    {"cancelled", 0, 0, status<kCancelled>, Function::Where::conditions},
    {"case", 3, 255, choose, Function::Where::everywhere, true},
    {"contains", 2, 2, contains, Function::Where::everywhere, false, false, true},
    {"endsWith", 2, 2, ends_with, Function::Where::everywhere, false, false, true},
    {"failure", 0, 0, status<kFailure>, Function::Where::conditions},
    {"format", 1, 255, format},
    {"fromJSON", 1, 1, from_json, Function::Where::everywhere, false, true},
    {"hashFiles", 1, 255, hash_files, Function::Where::hash_files},
    {"join", 1, 2, join},
    {"startsWith", 2, 2, starts_with, Function::Where::everywhere, false, false, true},
    {"success", 0, 0, status<kSuccess>, Function::Where::conditions},
    {"toJSON", 1, 1, to_json},
};

}  // namespace

const Function* find_function(std::string_view name) noexcept {
  for (const Function& function : kFunctions)
    if (equals_ignoring_case(function.name, name)) return &function;
  return nullptr;
}

}  // namespace buildspec_run
