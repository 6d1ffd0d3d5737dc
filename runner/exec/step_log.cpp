#include "runner/exec/step_log.h"

#include <utility>
#include <variant>

#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

std::size_t from_one(const std::optional<int>& number) {
  return number && *number > 0 ? static_cast<std::size_t>(*number) : 0;
}

}  // namespace

void StepLog::begin(std::string label) {
  label_ = std::move(label);
  first_error_.clear();
  blamed_.clear();
  annotations_ = {};
}

void StepLog::text(std::string_view lines) { events_.output(lines); }

void StepLog::line(std::string_view line) { events_.output(std::string(line) + "\n"); }

void StepLog::error(std::string message) { annotate(Annotation{AnnotationLevel::error, std::move(message)}); }

void StepLog::blame(std::span<const LogEntry> why) {
  for (const LogEntry& entry : why)
    if (const auto* annotation = std::get_if<Annotation>(&entry);
        blamed_.empty() && annotation != nullptr && annotation->level == AnnotationLevel::error)
      blamed_ = truncate_message(events_.masker().mask(annotation->message));
}

void StepLog::warning(std::string message) {
  annotate(Annotation{AnnotationLevel::warning, std::move(message)});
}

void StepLog::debug(std::string_view text) {
  if (!debug_) return;
  std::string lines;
  for (bool more = true; more;) {
    const std::size_t end = text.find('\n');
    more = end != std::string_view::npos;
    lines.append("##[debug]").append(text.substr(0, end)).append("\n");
    if (more) text.remove_prefix(end + 1);
  }
  events_.output(lines);
}

void StepLog::tell(LogEntry entry) {
  std::visit(overloaded{[&](std::string& text) { line(text); },
                        [&](Annotation& annotation) { annotate(std::move(annotation)); }},
             entry);
}

void StepLog::annotate(Annotation annotation) {
  // Masked before it is cut, or half a secret could be left.
  annotation.message = truncate_message(events_.masker().mask(annotation.message));
  annotation.title = events_.masker().mask(annotation.title);
  if (const std::string lines = log_lines(annotation); !lines.empty()) line(lines);
  if (annotation.level == AnnotationLevel::error && first_error_.empty()) first_error_ = annotation.message;
  if (!annotations_.add(annotation)) return;
  StepAnnotated told;
  told.label = label_;
  told.level = to_string(annotation.level);
  told.message = std::move(annotation.message);
  told.title = std::move(annotation.title);
  told.file = std::move(annotation.file);
  told.line = from_one(annotation.line);
  told.end_line = from_one(annotation.end_line);
  told.column = from_one(annotation.column);
  told.end_column = from_one(annotation.end_column);
  events_.tell(std::move(told));
}

void StepLog::summary(const std::string& step, std::string text) {
  events_.tell(StepSummarized{label_, step, std::move(text)});
}

}  // namespace buildspec_run
