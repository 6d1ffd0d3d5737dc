#include "tests/support/json_schema.h"

#include <fmt/format.h>

#include <set>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

using Names = std::set<std::string>;

bool is_a(const Value& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.boolean() != nullptr;
  if (type == "integer") return value.integer() != nullptr;
  if (type == "number") return value.integer() != nullptr || value.number() != nullptr;
  if (type == "string") return value.string() != nullptr;
  if (type == "array") return value.array() != nullptr;
  if (type == "object") return value.object() != nullptr;
  return false;
}

double number_of(const Value& value) {
  return value.integer() != nullptr  ? static_cast<double>(*value.integer())
         : value.number() != nullptr ? *value.number()
                                     : 0;
}

class Checker {
 public:
  Checker(const Value& root, UnknownMembers unknown) : root_(root), unknown_(unknown) {}

  // One value against a schema that stands alone: the root's, a property's, an item's.
  void check_whole(const Value& schema, const Value& value, const std::string& place) {
    Names named;
    check(schema, value, place, named);
    if (unknown_ == UnknownMembers::allowed || value.object() == nullptr) return;
    for (const auto& [name, member] : *value.object())
      if (!named.contains(name)) say(place + '/' + name, "is not in the schema");
  }

  std::vector<std::string> found;

 private:
  // Collects in `named` the members that the schema names.
  void check(const Value& schema, const Value& value, const std::string& place, Names& named) {
    if (const bool* all = schema.boolean()) {
      if (!*all) say(place, "is not allowed");
      return;
    }
    if (schema.object() == nullptr) return say(place, "the schema is no object");
    for (const auto& [keyword, with] : *schema.object()) apply(keyword, with, schema, value, place, named);
  }

  void apply(const std::string& keyword, const Value& with, const Value& schema, const Value& value,
             const std::string& place, Names& named) {
    if (keyword == "$schema" || keyword == "$id" || keyword == "$defs" || keyword == "$comment" ||
        keyword == "title" || keyword == "description" || keyword == "default" || keyword == "examples" ||
        keyword == "format") {
      return;
    } else if (keyword == "$ref") {
      const Value* target = resolve(with);
      if (target == nullptr)
        return say(place, "the schema refers to " + to_json(with) + ", which is not there");
      check(*target, value, place, named);
    } else if (keyword == "type") {
      bool fits = with.string() != nullptr && is_a(value, *with.string());
      if (with.array() != nullptr)
        for (const Value& type : *with.array())
          fits = fits || (type.string() != nullptr && is_a(value, *type.string()));
      if (!fits) say(place, "is not of type " + to_json(with));
    } else if (keyword == "const") {
      if (!(value == with)) say(place, "is not " + to_json(with));
    } else if (keyword == "enum") {
      bool fits = false;
      if (with.array() != nullptr)
        for (const Value& one : *with.array()) fits = fits || value == one;
      if (!fits) say(place, "is none of " + to_json(with));
    } else if (keyword == "minimum" || keyword == "maximum") {
      if (!is_a(value, "number")) return;
      if (keyword == "minimum" ? number_of(value) < number_of(with) : number_of(value) > number_of(with))
        say(place, "is beyond the " + keyword + ' ' + to_json(with));
    } else if (keyword == "minLength" || keyword == "maxLength") {
      if (value.string() == nullptr) return;
      const auto length = static_cast<double>(count_characters(*value.string()));
      if (keyword == "minLength" ? length < number_of(with) : length > number_of(with))
        say(place, "is beyond the " + keyword + ' ' + to_json(with));
    } else if (keyword == "minItems" || keyword == "maxItems") {
      if (value.array() == nullptr) return;
      const auto length = static_cast<double>(value.array()->size());
      if (keyword == "minItems" ? length < number_of(with) : length > number_of(with))
        say(place, "is beyond the " + keyword + ' ' + to_json(with));
    } else if (keyword == "properties") {
      if (value.object() == nullptr || with.object() == nullptr) return;
      for (const auto& [name, of_member] : *with.object()) {
        const Value* member = value.find(name);
        if (member == nullptr) continue;
        named.insert(name);
        check_whole(of_member, *member, place + '/' + name);
      }
    } else if (keyword == "additionalProperties") {
      if (value.object() == nullptr) return;
      const Value* properties = schema.find("properties");
      for (const auto& [name, member] : *value.object()) {
        if (properties != nullptr && properties->find(name) != nullptr) continue;
        named.insert(name);
        check_whole(with, member, place + '/' + name);
      }
    } else if (keyword == "required") {
      if (value.object() == nullptr || with.array() == nullptr) return;
      for (const Value& name : *with.array())
        if (name.string() == nullptr || value.find(*name.string()) == nullptr)
          say(place, "has no member " + to_json(name));
    } else if (keyword == "items") {
      if (value.array() == nullptr) return;
      for (std::size_t i = 0; i < value.array()->size(); ++i)
        check_whole(with, (*value.array())[i], fmt::format("{}/{}", place, i));
    } else if (keyword == "allOf") {
      if (with.array() == nullptr) return say(place, "the schema has a list that is none");
      for (const Value& one : *with.array()) check(one, value, place, named);
    } else if (keyword == "anyOf" || keyword == "oneOf") {
      choose(keyword, with, value, place, named);
    } else {
      say(place, "the schema has the keyword " + keyword + ", which this check does not know");
    }
  }

  void choose(const std::string& keyword, const Value& with, const Value& value, const std::string& place,
              Names& named) {
    if (with.array() == nullptr) return say(place, "the schema has a list that is none");
    std::size_t fitting = 0;
    std::vector<std::string> nearest;
    for (const Value& one : *with.array()) {
      // Tried as a reader would, that is without refusing what is not named; that is asked of the whole.
      Checker alone(root_, UnknownMembers::allowed);
      Names of_one;
      alone.check(one, value, place, of_one);
      if (alone.found.empty()) {
        ++fitting;
        check(one, value, place, named);
      } else if (nearest.empty() || alone.found.size() < nearest.size()) {
        nearest = alone.found;
      }
    }
    if (fitting == 0) {
      say(place, "fits nothing of " + keyword + "; the nearest says:");
      found.insert(found.end(), nearest.begin(), nearest.end());
    } else if (fitting > 1 && keyword == "oneOf") {
      say(place, fmt::format("fits {} of oneOf", fitting));
    }
  }

  const Value* resolve(const Value& reference) const {
    constexpr std::string_view kDefinitions = "#/$defs/";
    if (reference.string() == nullptr || !reference.string()->starts_with(kDefinitions)) return nullptr;
    const Value* definitions = root_.find("$defs");
    return definitions == nullptr ? nullptr
                                  : definitions->find(reference.string()->substr(kDefinitions.size()));
  }

  void say(const std::string& place, std::string_view what) {
    found.push_back(fmt::format("{}: {}", place.empty() ? "/" : place, what));
  }

  const Value& root_;
  UnknownMembers unknown_;
};

}  // namespace

std::vector<std::string> schema_violations(const Value& schema, const Value& value, UnknownMembers unknown) {
  Checker checker(schema, unknown);
  checker.check_whole(schema, value, "");
  return std::move(checker.found);
}

}  // namespace buildspec_run
