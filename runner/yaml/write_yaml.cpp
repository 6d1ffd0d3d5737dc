#include "runner/yaml/write_yaml.h"

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>
#include <string_view>

#include "runner/base/check.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

/// Whether a plain scalar of this text could be read as null, a boolean, a number or a date. yaml-cpp looks at what is
/// well-formed only.
bool looks_like_another_type(std::string_view text) {
  constexpr std::string_view kWords[] = {"~",   "null", "true", "false", "yes", "no", "on",
                                         "off", "y",    "n",    ".nan",  "<<",  "="};
  const auto is_word = [&](std::string_view word) { return equals_ignoring_case(text, word); };
  if (text.empty() || std::any_of(std::begin(kWords), std::end(kWords), is_word)) return true;
  // Every number and date begins like this; what else does (a commit's id) may as well have quotes.
  const char first = text.front();
  return (first >= '0' && first <= '9') || first == '+' || first == '-' || first == '.';
}

void emit(YAML::Emitter& out, const Value& value) {
  if (const auto* object = value.object()) {
    if (object->empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [name, member] : *object) {
      out << YAML::Key;
      emit(out, name);
      out << YAML::Value;
      emit(out, member);
    }
    out << YAML::EndMap;
  } else if (const auto* array = value.array()) {
    if (array->empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const Value& item : *array) emit(out, item);
    out << YAML::EndSeq;
  } else if (const auto* text = value.string()) {
    if (looks_like_another_type(*text)) out << YAML::DoubleQuoted;
    out << to_valid_utf8(*text);
  } else if (const auto* boolean = value.boolean()) {
    out << *boolean;
  } else if (const auto* integer = value.integer()) {
    out << *integer;
  } else if (const auto* number = value.number()) {
    out << *number;
  } else {
    out << YAML::Null;
  }
}

}  // namespace

std::string write_yaml(const Value& value) {
  YAML::Emitter out;
  emit(out, value);
  check(out.good(), "a value can be written");
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace buildspec_run
