#include "actions/expr/datum.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "actions/expr/characters.h"
#include "actions/expr/json_text.h"
#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// With fewer members than this, to compare is faster than to hash.
constexpr std::size_t kIndexed = 12;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Digits of base 8 or 16 as a 32-bit two's complement number; NaN when it has more bits, or a character is no digit.
double parse_32_bits(std::string_view digits, int base) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return 0;
  std::uint32_t bits = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, base);
  if (failed != std::errc() || end != digits.data() + digits.size()) return kNaN;
  return static_cast<std::int32_t>(bits);
}

/// [sign] digits [. digits] [exponent]; nullopt when it is not of this form.
std::optional<double> parse_decimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::size_t at = 0, digits = 0;
  // Where the first digit that is not 0 stands, counted from the point: for what is out of range.
  std::optional<long long> magnitude;
  for (; at < text.size() && is_digit(text[at]); ++at, ++digits)
    if (text[at] != '0' && !magnitude) magnitude = -static_cast<long long>(at);
  const std::size_t whole = at;
  if (magnitude) *magnitude += static_cast<long long>(whole);
  if (at < text.size() && text[at] == '.')
    for (++at; at < text.size() && is_digit(text[at]); ++at, ++digits)
      if (text[at] != '0' && !magnitude) magnitude = -static_cast<long long>(at - whole - 1);
  if (digits == 0) return std::nullopt;
  long long exponent = 0;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    const bool down = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (at == text.size()) return std::nullopt;
    for (; at < text.size() && is_digit(text[at]); ++at)
      exponent = std::min(exponent * 10 + (text[at] - '0'), 1LL << 50);
    if (down) exponent = -exponent;
  }
  if (at != text.size()) return std::nullopt;
  double number = 0;
  if (magnitude && *magnitude + exponent > 400)
    number = kInfinity;
  else if (magnitude && *magnitude + exponent > -400) {
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc::result_out_of_range)
      number = *magnitude + exponent > 0 ? kInfinity : 0;
  }
  return negative ? -number : number;
}

}  // namespace

struct DatumObject::Index {
  std::unordered_map<std::string, std::size_t> places;
};

DatumObject::DatumObject(bool case_sensitive) : case_sensitive_(case_sensitive) {}

std::string DatumObject::key(std::string_view name) const {
  return case_sensitive_ ? std::string(name) : to_upper_case(name);
}

const Datum* DatumObject::find(std::string_view name) const noexcept {
  if (index_ != nullptr) {
    const auto place = index_->places.find(key(name));
    return place == index_->places.end() ? nullptr : &members_[place->second].second;
  }
  for (const auto& [member, value] : members_)
    if (case_sensitive_ ? member == name : compare_ignoring_case(member, name) == 0) return &value;
  return nullptr;
}

void DatumObject::set(std::string_view name, Datum value) {
  if (const Datum* held = find(name)) {
    const_cast<Datum&>(*held) = std::move(value);
    return;
  }
  members_.emplace_back(std::string(name), std::move(value));
  if (members_.size() < kIndexed) return;
  if (index_ == nullptr) {
    index_ = std::make_shared<Index>();
    for (std::size_t i = 0; i + 1 < members_.size(); ++i) index_->places.emplace(key(members_[i].first), i);
  } else if (index_.use_count() > 1) {
    index_ = std::make_shared<Index>(*index_);
  }
  index_->places.emplace(key(name), members_.size() - 1);
}

const DatumArray* Datum::array() const noexcept {
  const Array* array = std::get_if<Array>(&held_);
  return array == nullptr ? nullptr : array->get();
}

const DatumObject* Datum::object() const noexcept {
  const Object* object = std::get_if<Object>(&held_);
  return object == nullptr ? nullptr : object->get();
}

bool Datum::truthy() const noexcept {
  switch (kind()) {
    case Kind::null:
      return false;
    case Kind::boolean:
      return *boolean();
    case Kind::number:
      return *number() != 0 && !std::isnan(*number());
    case Kind::string:
      return !string()->empty();
    case Kind::array:
    case Kind::object:
      break;
  }
  return true;
}

double Datum::to_number() const {
  switch (kind()) {
    case Kind::null:
      return 0;
    case Kind::boolean:
      return *boolean() ? 1 : 0;
    case Kind::number:
      return *number();
    case Kind::string:
      return parse_number(*string());
    case Kind::array:
    case Kind::object:
      break;
  }
  return kNaN;
}

std::string Datum::to_string() const {
  switch (kind()) {
    case Kind::null:
      return "";
    case Kind::boolean:
      return *boolean() ? "true" : "false";
    case Kind::number:
      return number_text(*number());
    case Kind::string:
      return *string();
    case Kind::array:
      return "Array";
    case Kind::object:
      break;
  }
  return "Object";
}

std::string_view to_string(Datum::Kind kind) noexcept {
  switch (kind) {
    case Datum::Kind::null:
      return "Null";
    case Datum::Kind::boolean:
      return "Boolean";
    case Datum::Kind::number:
      return "Number";
    case Datum::Kind::string:
      return "String";
    case Datum::Kind::array:
      return "Array";
    case Datum::Kind::object:
      break;
  }
  return "Object";
}

std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  if (number == 0) return "0";  // negative zero as well (actions.md 12.1)
  char text[32];
  char* const end = std::to_chars(text, std::end(text), number, std::chars_format::general, 15).ptr;
  std::replace(text, end, 'e', 'E');
  return {text, end};
}

double parse_number(std::string_view text) {
  text = trim_white_space(text);
  if (text.empty()) return 0;
  if (const std::optional<double> number = parse_decimal(text)) return *number;
  if (text.size() > 2 && text.starts_with("0x")) return parse_32_bits(text.substr(2), 16);
  if (text.size() > 2 && text.starts_with("0o")) return parse_32_bits(text.substr(2), 8);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.size() == 8 && compare_ignoring_case(text, "Infinity") == 0)
    return negative ? -kInfinity : kInfinity;
  return kNaN;
}

Datum to_datum(const Value& value) {
  if (const bool* held = value.boolean()) return *held;
  if (const std::int64_t* held = value.integer()) return static_cast<double>(*held);
  if (const double* held = value.number()) return *held;
  if (const std::string* held = value.string()) return *held;
  if (const Value::Array* held = value.array()) {
    DatumArray array;
    array.items.reserve(held->size());
    for (const Value& item : *held) array.items.push_back(to_datum(item));
    return array;
  }
  if (const Value::Object* held = value.object()) {
    DatumObject object;
    for (const auto& [name, member] : *held) object.set(name, to_datum(member));
    return object;
  }
  return nullptr;
}

Value to_value(const Datum& datum) {
  if (const bool* held = datum.boolean()) return *held;
  if (const std::string* held = datum.string()) return *held;
  if (const double* held = datum.number()) {
    constexpr double kExact = 9007199254740992;  // 2^53: up to here a whole number is written as one
    if (!std::isfinite(*held)) return nullptr;
    if (std::floor(*held) == *held && std::abs(*held) <= kExact) return static_cast<std::int64_t>(*held);
    return *held;
  }
  if (const DatumArray* held = datum.array()) {
    Value::Array array;
    array.reserve(held->items.size());
    for (const Datum& item : held->items) array.push_back(to_value(item));
    return array;
  }
  if (const DatumObject* held = datum.object()) {
    Value::Object object;
    object.reserve(held->members().size());
    for (const auto& [name, member] : held->members()) object.emplace_back(name, to_value(member));
    return object;
  }
  return nullptr;
}

std::string to_expression_json(const Datum& datum) {
  std::string text;
  write_expression_json(datum, [&](std::string_view piece) {
    text += piece;
    return true;
  });
  return text;
}

}  // namespace buildspec_run
