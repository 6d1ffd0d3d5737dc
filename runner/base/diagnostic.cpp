#include "runner/base/diagnostic.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kWidestLine = 200;

std::string_view color_of(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "\x1b[1;36m";
    case Severity::warning:
      return "\x1b[1;35m";
    case Severity::error:
      return "\x1b[1;31m";
  }
  return "";
}

// A source line as it can be shown: one column for a tab, nothing a terminal would act on.
std::string shown(std::string_view line) {
  std::string out;
  for (const char c : to_valid_utf8(line)) {
    if (c == '\t')
      out += ' ';
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += "\xEF\xBF\xBD";
    else
      out += c;
  }
  return out;
}

// The longest head of `text` of at most `columns` characters, cut between characters.
std::string_view head(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  while (at < text.size() && characters > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    --characters;
  }
  return text.substr(0, at);
}

std::string excerpt(const Diagnostic& diagnostic, bool color) {
  const SourceText& source = *diagnostic.source;
  const LineColumn begin = source.place(diagnostic.where.begin);
  std::string_view raw = source.line(begin.line);
  const std::size_t line_begin = source.line_begin(begin.line);
  std::size_t from = std::min(diagnostic.where.begin, line_begin + raw.size()) -
                     std::min(line_begin, diagnostic.where.begin);
  from = std::min(from, raw.size());
  std::size_t to =
      diagnostic.where.end > line_begin ? std::min(diagnostic.where.end - line_begin, raw.size()) : from;
  if (begin.line == 1 && raw.starts_with("\xEF\xBB\xBF")) {
    raw.remove_prefix(3);
    from -= std::min<std::size_t>(from, 3);
    to -= std::min<std::size_t>(to, 3);
  }
  to = std::max(to, from);
  std::string before = shown(raw.substr(0, from));
  std::string marked = shown(raw.substr(from, to - from));
  std::string after = shown(raw.substr(to));
  if (count_characters(before) > kWidestLine / 2) {
    std::string_view kept = before;
    while (count_characters(kept) > kWidestLine / 4) kept.remove_prefix(head(kept, 1).size());
    before = "…" + std::string(kept);
  }
  if (count_characters(marked) > kWidestLine / 2)
    marked = std::string(head(marked, kWidestLine / 2)) + "…", after.clear();
  const std::size_t room =
      kWidestLine - std::min(kWidestLine, count_characters(before) + count_characters(marked));
  if (count_characters(after) > room) after = std::string(head(after, room)) + "…";
  const std::string number = fmt::format("{:>5}", begin.line);
  std::string caret = "^" + std::string(std::max<std::size_t>(display_width(marked), 1) - 1, '~');
  if (color) caret = fmt::format("\x1b[1;32m{}\x1b[0m", caret);
  return fmt::format("{} | {}{}{}\n{:>{}} | {}{}\n", number, before, marked, after, "", number.size(),
                     std::string(display_width(before), ' '), caret);
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "error";
}

Diagnostic& Diagnostics::add(Severity severity, const SourceText& source, SourceRange where,
                             std::string_view id, std::string message) {
  errors_ += severity == Severity::error ? 1 : 0;
  return found_.emplace_back(Diagnostic{severity, &source, where, std::move(message), id});
}

Diagnostic& Diagnostics::add(Severity severity, std::string_view id, std::string message) {
  errors_ += severity == Severity::error ? 1 : 0;
  return found_.emplace_back(Diagnostic{severity, nullptr, {}, std::move(message), id});
}

std::vector<Diagnostic> Diagnostics::take() { return std::exchange(found_, {}); }

std::string render_line(const Diagnostic& diagnostic, bool color) {
  std::string place = "buildspec-run";
  if (diagnostic.source != nullptr) {
    place = diagnostic.source->name();
    if (diagnostic.where != SourceRange{}) {
      const LineColumn at = diagnostic.source->place(diagnostic.where.begin);
      place += fmt::format(":{}:{}", at.line, at.column);
    }
  }
  if (!color)
    return fmt::format("{}: {}: {} [{}]\n", place, to_string(diagnostic.severity), diagnostic.message,
                       diagnostic.id);
  return fmt::format("\x1b[1m{}:\x1b[0m {}{}:\x1b[0m {} [{}]\n", place, color_of(diagnostic.severity),
                     to_string(diagnostic.severity), diagnostic.message, diagnostic.id);
}

std::string render(const Diagnostic& diagnostic, bool color) {
  std::string out = render_line(diagnostic, color);
  if (diagnostic.source != nullptr && diagnostic.where != SourceRange{}) out += excerpt(diagnostic, color);
  return out;
}

}  // namespace buildspec_run
