#include "runner/lint/formats.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "runner/base/json.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

void sort_by_place(std::vector<Diagnostic>& diagnostics) {
  std::map<const SourceText*, std::size_t> order;
  for (const Diagnostic& diagnostic : diagnostics) order.emplace(diagnostic.source, order.size());
  std::stable_sort(diagnostics.begin(), diagnostics.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(order.at(a.source), a.where.begin) < std::pair(order.at(b.source), b.where.begin);
  });
}

// The cloud's text may repeat what the file says: on one line, nothing in it that a terminal would act on.
std::string quoted_line(std::string_view text) {
  std::string line = to_valid_utf8(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return line;
}

Value to_value(const Diagnostic& diagnostic) {
  const bool placed = diagnostic.source != nullptr && diagnostic.where != SourceRange{};
  const auto number = [&](std::size_t n) {
    return placed ? Value(static_cast<std::uint64_t>(n)) : Value(nullptr);
  };
  const LineColumn begin = placed ? diagnostic.source->place(diagnostic.where.begin) : LineColumn{};
  const LineColumn end =
      placed ? diagnostic.source->place(std::max(diagnostic.where.begin, diagnostic.where.end))
             : LineColumn{};
  return Value::Object{
      {"file", diagnostic.source != nullptr ? Value(diagnostic.source->name()) : Value(nullptr)},
      {"line", number(begin.line)},
      {"column", number(begin.column)},
      {"endLine", number(end.line)},
      {"endColumn", number(end.column)},
      {"severity", to_string(diagnostic.severity)},
      {"id", diagnostic.id},
      {"message", diagnostic.message},
      {"cloudMessage", diagnostic.cloud_message.empty() ? Value(nullptr) : Value(diagnostic.cloud_message)}};
}

}  // namespace

std::string format_pretty(std::vector<Diagnostic> diagnostics, bool color) {
  sort_by_place(diagnostics);
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) {
    out += render(diagnostic, color);
    if (!diagnostic.cloud_message.empty())
      out += fmt::format("      = the cloud says: {}\n", quoted_line(diagnostic.cloud_message));
  }
  return out;
}

std::string format_plain(std::vector<Diagnostic> diagnostics) {
  sort_by_place(diagnostics);
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += render_line(diagnostic);
  return out;
}

std::string format_json(std::vector<Diagnostic> diagnostics) {
  sort_by_place(diagnostics);
  Value::Array all;
  for (const Diagnostic& diagnostic : diagnostics) all.push_back(to_value(diagnostic));
  return to_pretty_json(all) + "\n";
}

}  // namespace buildspec_run
