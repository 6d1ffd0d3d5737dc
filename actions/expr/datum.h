// A value of the expression language. Source: actions.md 7.3.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runner/base/json.h"

namespace buildspec_run {

class Datum;

/// An array. `filtered`: made by `.*`, so that an index goes to every item (actions.md 7.5).
struct DatumArray {
  std::vector<Datum> items;
  bool filtered = false;
};

/// An object: members in the order in which they were set, names found without regard to case unless
/// `case_sensitive` (the `env` context on Unix).
class DatumObject {
 public:
  explicit DatumObject(bool case_sensitive = false);  // not here: Datum is not complete yet (clang 14 minds)
  /// Replaces the value of a member of that name, which keeps its place and spelling, or adds one.
  void set(std::string_view name, Datum value);
  [[nodiscard]] const Datum* find(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<std::pair<std::string, Datum>>& members() const noexcept {
    return members_;
  }
  [[nodiscard]] bool case_sensitive() const noexcept { return case_sensitive_; }

 private:
  [[nodiscard]] std::string key(std::string_view name) const;
  bool case_sensitive_;
  std::vector<std::pair<std::string, Datum>> members_;
  struct Index;
  std::shared_ptr<Index> index_;  // shared by copies, which copy it before they write
};

/// Null, boolean, number, string, array or object. Cheap to copy: arrays and objects are shared, never changed
/// once they are in a Datum, and equal only to themselves (actions.md 7.4).
class Datum {
 public:
  enum class Kind { null, boolean, number, string, array, object };
  using Array = std::shared_ptr<const DatumArray>;    // owners: every Datum that holds it
  using Object = std::shared_ptr<const DatumObject>;  // owners: every Datum that holds it

  Datum() = default;
  Datum(std::nullptr_t) {}
  Datum(bool value) : held_(value) {}
  Datum(double value) : held_(value) {}
  Datum(int value) : held_(static_cast<double>(value)) {}
  Datum(std::string value) : held_(std::move(value)) {}
  Datum(std::string_view value) : held_(std::string(value)) {}
  Datum(const char* value) : held_(std::string(value)) {}
  Datum(DatumArray value) : held_(std::make_shared<const DatumArray>(std::move(value))) {}
  Datum(DatumObject value) : held_(std::make_shared<const DatumObject>(std::move(value))) {}

  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(held_.index()); }
  [[nodiscard]] const bool* boolean() const noexcept { return std::get_if<bool>(&held_); }
  [[nodiscard]] const double* number() const noexcept { return std::get_if<double>(&held_); }
  [[nodiscard]] const std::string* string() const noexcept { return std::get_if<std::string>(&held_); }
  [[nodiscard]] const DatumArray* array() const noexcept;
  [[nodiscard]] const DatumObject* object() const noexcept;

  /// The three conversions of actions.md 7.3.
  [[nodiscard]] bool truthy() const noexcept;
  [[nodiscard]] double to_number() const;
  [[nodiscard]] std::string to_string() const;  // "Array", "Object" for those

 private:
  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> held_ = nullptr;
};

/// "Null", "Boolean", …: as the messages name it.
[[nodiscard]] std::string_view to_string(Datum::Kind kind) noexcept;
/// A number as the language prints it: at most 15 digits (actions.md 7.3, "G15").
[[nodiscard]] std::string number_text(double number);
/// The number a text stands for, NaN when for none (actions.md 7.2).
[[nodiscard]] double parse_number(std::string_view text);

/// JSON to Datum and back; what JSON has no number for (NaN, infinities) is null in a Value.
[[nodiscard]] Datum to_datum(const Value& value);
[[nodiscard]] Value to_value(const Datum& datum);
/// What `toJSON` gives (actions.md 7.6.2).
[[nodiscard]] std::string to_expression_json(const Datum& datum);

}  // namespace buildspec_run
