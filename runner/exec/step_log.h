// The log of a step: its lines, and what it says about places. Source: actions.md 3.17, 9.4.
#pragma once

#include <span>
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

  /// The first error of `why`, which has been told, is why the step fails, whatever else it may say.
  void blame(std::span<const LogEntry> why);
  /// Why the step fails, where its exit status does not say: what was blamed first, else its first error; masked. Empty:
  /// there was neither.
  [[nodiscard]] const std::string& reason() const noexcept {
    return blamed_.empty() ? first_error_ : blamed_;
  }
  [[nodiscard]] bool debugging() const noexcept { return debug_; }

 private:
  void annotate(Annotation annotation);

  EventStream& events_;
  bool debug_;
  std::string label_, first_error_, blamed_;
  AnnotationList annotations_;
};

}  // namespace buildspec_run
