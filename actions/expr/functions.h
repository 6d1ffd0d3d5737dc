// The functions of the expression language. Source: actions.md 7.6.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "actions/expr/datum.h"
#include "actions/expr/expression.h"
#include "runner/base/result.h"

namespace buildspec_run {

/// One call, while it is evaluated: arguments are evaluated when they are asked for.
class Call {
 public:
  virtual ~Call() = default;
  [[nodiscard]] virtual std::size_t arguments() const = 0;
  virtual Result<Datum> argument(std::size_t index) = 0;
  /// Counts the memory of one piece of a string that the call makes. False when there is no more: the call then ends with
  /// `out_of_memory`.
  [[nodiscard]] virtual bool count(std::string_view piece) = 0;
  [[nodiscard]] virtual Error out_of_memory() const = 0;
  virtual Evaluation& evaluation() = 0;
};

struct Function {
  enum class Where { everywhere, conditions, hash_files };
  std::string_view name;
  std::size_t least, most;  // arguments
  Result<Datum> (*evaluate)(Call&);
  Where where = Where::everywhere;
  bool odd = false;              // takes an odd number of arguments only
  bool from_context = false;     // its result counts as a context's value does when memory is counted
  bool shows_arguments = false;  // a trace shows the call with its arguments' values, not its result
};

/// The function of that name, without regard to case; nullptr when there is none.
[[nodiscard]] const Function* find_function(std::string_view name) noexcept;

}  // namespace buildspec_run
