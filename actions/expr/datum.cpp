#include "actions/expr/datum.h"

namespace buildspec_run {

const DatumArray* Datum::array() const noexcept {
  const Array* array = std::get_if<Array>(&held_);
  return array == nullptr ? nullptr : array->get();
}

const DatumObject* Datum::object() const noexcept {
  const Object* object = std::get_if<Object>(&held_);
  return object == nullptr ? nullptr : object->get();
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
      return "Object";
  }
  return "Null";
}

}  // namespace buildspec_run
