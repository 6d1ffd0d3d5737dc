#include "actions/annotation.h"

#include <fmt/core.h>

#include "actions/dotnet_text.h"

namespace buildspec_run {

std::string_view to_string(AnnotationLevel level) noexcept {
  constexpr std::string_view kNames[] = {"notice", "warning", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

std::string dump(const Annotation& annotation) {
  std::string text = fmt::format("{} {}", to_string(annotation.level), annotation.message);
  const auto add = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format(" {}={}", what, value);
  };
  const auto add_number = [&](std::string_view what, const std::optional<int>& value) {
    if (value) text += fmt::format(" {}={}", what, *value);
  };
  add("title", annotation.title), add("file", annotation.file), add("code", annotation.code);
  add_number("line", annotation.line), add_number("end_line", annotation.end_line);
  add_number("column", annotation.column), add_number("end_column", annotation.end_column);
  add("shown", annotation.log_text);
  return text;
}

std::string truncate_message(std::string message) {
  constexpr std::size_t kMost = 4096;
  std::size_t units = 0;
  for (std::size_t at = 0; at < message.size();) {
    const auto byte = static_cast<unsigned char>(message[at]);
    const std::size_t bytes = byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    units += bytes == 4 ? 2 : 1;
    if (units > kMost) {
      message.resize(at);  // a character of two units that does not fit is left out whole
      break;
    }
    at += bytes;
  }
  return message;
}

std::string log_lines(const Annotation& annotation) {
  const std::string& text = annotation.log_text.empty() ? annotation.message : annotation.log_text;
  return text.empty() ? std::string() : fmt::format("##[{}]{}", to_string(annotation.level), text);
}

bool AnnotationList::add(Annotation annotation) {
  constexpr std::size_t kMost = 10;
  std::size_t& count = counts_[static_cast<std::size_t>(annotation.level)];
  if (count == kMost) return false;
  ++count;
  all_.push_back(std::move(annotation));
  return true;
}

}  // namespace buildspec_run
