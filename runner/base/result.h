// The machine could not do it: Error, and a value or an Error: Result. We throw nothing.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "runner/base/check.h"

namespace buildspec_run {

/// Why the machine could not do it. Reads outermost first:
/// "keep the log of run 4f2a: write /home/me/log: No space left on device".
struct Error {
  std::string message;
  std::error_code code = {};

  /// The same error, told from one step further out: "<doing>: <message>".
  [[nodiscard]] Error in(std::string_view doing) &&;
};

/// The Error of the system call that has just failed with `error_number`: "<doing>: <strerror>".
[[nodiscard]] Error system_error(std::string_view doing, int error_number);

/// A value, or why there is none. To read the half that is not there is a bug and aborts.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] explicit operator bool() const noexcept { return held_.index() == 0; }
  [[nodiscard]] T& operator*() & {
    return check(held_.index() == 0, "a Result that failed is not read"), std::get<0>(held_);
  }
  [[nodiscard]] const T& operator*() const& {
    return check(held_.index() == 0, "a Result that failed is not read"), std::get<0>(held_);
  }
  [[nodiscard]] T&& operator*() && {
    return check(held_.index() == 0, "a Result that failed is not read"), std::get<0>(std::move(held_));
  }
  [[nodiscard]] T* operator->() { return &**this; }
  [[nodiscard]] const T* operator->() const { return &**this; }
  [[nodiscard]] Error& error() {
    return check(held_.index() == 1, "a Result that succeeded has no error"), std::get<1>(held_);
  }
  [[nodiscard]] const Error& error() const {
    return check(held_.index() == 1, "a Result that succeeded has no error"), std::get<1>(held_);
  }

 private:
  std::variant<T, Error> held_;
};

/// Done, or why not.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}

  [[nodiscard]] explicit operator bool() const noexcept { return !failed_; }
  [[nodiscard]] Error& error() { return check(failed_, "a Result that succeeded has no error"), error_; }
  [[nodiscard]] const Error& error() const {
    return check(failed_, "a Result that succeeded has no error"), error_;
  }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace buildspec_run
