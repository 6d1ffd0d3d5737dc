// JSON: a value, read and written by Boost.JSON behind this header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runner/base/result.h"

namespace buildspec_run {

/// A JSON value. Members keep the order they were written in.
class Value {
 public:
  using Array = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  using Object = std::vector<Member>;

  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool value) : held_(value) {}
  Value(int value) : held_(static_cast<std::int64_t>(value)) {}
  Value(std::int64_t value) : held_(value) {}
  Value(std::uint64_t value) : held_(static_cast<std::int64_t>(value)) {}
  Value(double value) : held_(value) {}
  Value(std::string value) : held_(std::move(value)) {}
  Value(std::string_view value) : held_(std::string(value)) {}
  Value(const char* value) : held_(std::string(value)) {}
  Value(Array value) : held_(std::move(value)) {}
  Value(Object value) : held_(std::move(value)) {}

  [[nodiscard]] bool is_null() const noexcept { return held_.index() == 0; }
  [[nodiscard]] const bool* boolean() const noexcept { return std::get_if<bool>(&held_); }
  [[nodiscard]] const std::int64_t* integer() const noexcept { return std::get_if<std::int64_t>(&held_); }
  [[nodiscard]] const double* number() const noexcept { return std::get_if<double>(&held_); }
  [[nodiscard]] const std::string* string() const noexcept { return std::get_if<std::string>(&held_); }
  [[nodiscard]] const Array* array() const noexcept { return std::get_if<Array>(&held_); }
  [[nodiscard]] const Object* object() const noexcept { return std::get_if<Object>(&held_); }

  /// The member `name` of an object, the last one of that name; nullptr when there is none, or this is no
  /// object.
  [[nodiscard]] const Value* find(std::string_view name) const noexcept;

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> held_ = nullptr;
};

/// Reads one JSON text. Fails on anything that is not strict JSON (RFC 8259), nested deeper than 200, or
/// followed by more than blanks; the message says at which byte, and so does `failed_at`, when given. Duplicate
/// members are kept.
Result<Value> parse_json(std::string_view text, std::size_t* failed_at = nullptr);

/// JSON text on one line. Strings are made valid UTF-8 first (U+FFFD for what is not); infinities and NaN
/// become null.
[[nodiscard]] std::string to_json(const Value& value);

/// JSON text over several lines, two blanks a level, without a final LF.
[[nodiscard]] std::string to_pretty_json(const Value& value);

/// Appends `text` as a JSON string with its quotes, invalid UTF-8 replaced.
void append_json_string(std::string& out, std::string_view text);

}  // namespace buildspec_run
