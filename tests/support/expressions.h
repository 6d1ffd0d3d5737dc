// Expressions in tests: evaluated over contexts written as JSON.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actions/expr/expression.h"

namespace buildspec_run {

/// Contexts are the members of a JSON object; status functions answer for a job of which a step has failed, or none has.
class JsonEvaluation : public Evaluation {
 public:
  explicit JsonEvaluation(std::string_view contexts);

  Datum context(std::string_view name) override;
  bool status(std::string_view function) override;
  Result<std::string> hash_files(std::span<const std::string> patterns) override;

  /// What the contexts' names and all functions allow. Valid as long as this object.
  [[nodiscard]] Allowed allowed() const;

  bool has_failed = false;
  std::vector<std::string> hashed;  // the patterns of the last hashFiles, whose result is "digest"
  std::size_t asked = 0;            // how often a context was asked for

 private:
  std::vector<std::string> names_;
  Datum contexts_;
};

/// A value on one line: as toJSON writes it, without line ends and indents.
[[nodiscard]] std::string one_line(const Datum& datum);

/// The value of `text` as `one_line` shows it, or `error: ` and the message.
[[nodiscard]] std::string evaluated(std::string_view text, JsonEvaluation& evaluation);
[[nodiscard]] std::string evaluated(std::string_view text, std::string_view contexts = "{}");

/// The same for a template in a place that takes any value.
[[nodiscard]] std::string evaluated_template(std::string_view text, std::string_view contexts = "{}");
/// In a place that takes a string.
[[nodiscard]] std::string evaluated_text(std::string_view text, std::string_view contexts = "{}");

}  // namespace buildspec_run
