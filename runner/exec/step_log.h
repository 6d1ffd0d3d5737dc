// The log of a step: its lines, and what it says about places. Source: actions.md 3.17, 9.4.
#pragma once

#include <string>
#include <string_view>

#include "actions/annotation.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/failure_hint.h"

namespace buildspec_run {

/// What the steps inside a composite action say is the composite's, too: there is one log for each step of a phase and
/// stage, begun anew by `begin`.
class StepLog {
 public:
  StepLog(EventStream& events, bool debug) : events_(events), debug_(debug) {}

  void begin(std::string label);
  [[nodiscard]] const std::string& label() const noexcept { return label_; }

  /// Text as it is: whole lines, or a piece of a very long one.
  void text(std::string_view lines);
  /// One line, its end added.
  void line(std::string_view line);
  void error(std::string message);
  void warning(std::string message);
  /// Only in debug mode.
  void debug(std::string_view text);
  void tell(LogEntry entry);
  void summary(const std::string& step, std::string text);

  /// The first error of this step; empty: there was none.
  [[nodiscard]] const std::string& first_error() const noexcept { return first_error_; }
  [[nodiscard]] bool debugging() const noexcept { return debug_; }

 private:
  void annotate(Annotation annotation);

  EventStream& events_;
  bool debug_;
  std::string label_, first_error_;
  AnnotationList annotations_;
};

}  // namespace buildspec_run
