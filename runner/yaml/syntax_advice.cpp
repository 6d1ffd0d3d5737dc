#include "runner/yaml/syntax_advice.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/base/text.h"

namespace buildspec_run {

namespace {

constexpr std::string_view kQuote = "quote the whole entry";

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// `text` cut to what a message can hold.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string valid = to_valid_utf8(text.substr(0, kMost + 4));
  if (text.size() <= kMost) return valid;
  std::size_t end = std::min(valid.size(), kMost);
  while (end > 0 && (static_cast<unsigned char>(valid[end]) & 0xC0) == 0x80) --end;
  return valid.substr(0, end) + "…";
}

std::string_view character_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80 && end < at + 4) ++end;
  return text.substr(at, end - at);
}

// The line of a place, taken apart: what stands in it behind indentation, `- ` and `key: `.
struct Line {
  std::size_t number = 1;
  std::size_t begin = 0;
  std::string_view text;
  std::size_t entry = 0;  // offset of the entry in the whole text
  std::string_view entry_text;
  std::size_t column = 1;  // where the line's first character stands, from 1
};

bool is_key_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' ||
         c == '.';
}

Line line_at(const SourceText& source, std::size_t offset) {
  Line line;
  line.number = source.place(offset).line;
  line.begin = source.line_begin(line.number);
  line.text = source.line(line.number);
  std::size_t at = 0;
  if (line.number == 1 && line.text.starts_with("\xEF\xBB\xBF")) at = 3;
  const auto skip_blanks = [&] {
    while (at < line.text.size() && is_blank(line.text[at])) ++at;
  };
  skip_blanks();
  line.column = source.place(line.begin + at).column;
  while (at + 1 < line.text.size() && line.text[at] == '-' && is_blank(line.text[at + 1])) {
    ++at;
    skip_blanks();
  }
  std::size_t key_end = at;
  while (key_end < line.text.size() && is_key_character(line.text[key_end])) ++key_end;
  if (key_end > at && key_end + 1 < line.text.size() && line.text[key_end] == ':' &&
      is_blank(line.text[key_end + 1])) {
    at = key_end + 1;
    skip_blanks();
  }
  line.entry = line.begin + at;
  line.entry_text = line.text.substr(at);
  while (!line.entry_text.empty() && is_blank(line.entry_text.back())) line.entry_text.remove_suffix(1);
  return line;
}

// An entry begins with a character that means something to YAML, and the mistake stands behind it in the same
// line.
std::string begins_with_indicator(const Line& line) {
  switch (line.entry_text.empty() ? '\0' : line.entry_text.front()) {
    case '[':
      return fmt::format("\"[\" begins a YAML list, and nothing may follow its \"]\"; {}", kQuote);
    case '{':
      return fmt::format("\"{{\" begins a YAML mapping, and nothing may follow its \"}}\"; {}", kQuote);
    case '*':
      return fmt::format("\"*\" begins a YAML alias, which is a name of letters and digits; {}", kQuote);
    case '&':
      return fmt::format("\"&\" begins a YAML anchor, which is a name of letters and digits; {}", kQuote);
    case '!':
      return fmt::format("\"!\" begins a YAML tag; {}", kQuote);
    case '|':
    case '>':
      return fmt::format("\"{}\" begins a YAML block of text, which stands in the lines below it; {}",
                         line.entry_text.front(), kQuote);
    case '"':
    case '\'':
      return fmt::format("text follows a closing quote; {}, with {} around it", kQuote,
                         line.entry_text.front() == '"' ? "single quotes" : "double quotes");
    default:
      return {};
  }
}

std::string cannot_begin(const SourceText& source, std::size_t where) {
  const std::string_view c = character_at(source.text(), where);
  if (c == "\t") return "a tab cannot indent YAML; use spaces";
  return fmt::format("\"{}\" cannot begin an unquoted text; {}", shown(c), kQuote);
}

std::string two_colons(const SourceText& source, const SyntaxProblem& about, const Line& line) {
  // A key that lacks its colon swallows the next line: "phases", LF, "  build:" is the text "phases build"
  // with a colon.
  for (std::size_t number = line.number; number-- > 1;) {
    const std::string_view before = trimmed(source.line(number));
    if (before.empty() || before.starts_with('#')) continue;
    const bool lone_word = std::all_of(before.begin(), before.end(), is_key_character);
    if (lone_word && line_at(source, source.line_begin(number)).column < line.column)
      return fmt::format("\"{}\" in line {} has no \":\" behind it, so this line is read as its continuation",
                         shown(before), number);
    break;
  }
  const std::size_t in_line = std::min(about.where - std::min(about.where, line.begin), line.text.size());
  const std::size_t first = line.text.substr(0, in_line).find(": ");
  if (first != std::string_view::npos)
    return fmt::format(
        "a second \": \" in one line; if it is text, {}, and a key stands on a line of its own", kQuote);
  return fmt::format(
      "a \":\" here would make a key of what stands before it, where none can be; if it is text, {}", kQuote);
}

std::string quote_opened(const SourceText& source, const SyntaxProblem& about, std::string_view end) {
  const LineColumn opened = source.place(about.started.value_or(about.where));
  return fmt::format("the quote opened in line {}, column {} is never closed{}", opened.line, opened.column,
                     end);
}

std::string unknown_escape(const SourceText& source, std::size_t where) {
  // libyaml's mark is the backslash.
  const std::string_view text = source.text();
  const std::string_view c =
      where < text.size() && text[where] == '\\' ? character_at(text, where + 1) : std::string_view();
  return fmt::format("\"\\{0}\" is no escape in double quotes; write \"\\\\{0}\", or use single quotes",
                     shown(c));
}

std::string not_aligned(const SourceText& source, const SyntaxProblem& about, const Line& line,
                        std::string_view what) {
  if (!about.started) return {};
  const LineColumn began = source.place(*about.started);
  if (began.line == line.number) return {};
  return fmt::format(
      "this line begins in column {}, where {} is expected; the {} that it would belong to stands in column "
      "{}, "
      "since line {}",
      line.column, what == "-" ? "\"- \"" : "a key", what == "-" ? "list" : "mapping", began.column,
      began.line);
}

std::string missing_colon(const SourceText& source, const SyntaxProblem& about) {
  const std::size_t began = about.started.value_or(about.where);
  const Line line = line_at(source, began);
  const std::size_t in_line = std::min(began - line.begin, line.text.size());
  return fmt::format(
      "\"{}\" in line {} is no key with a \":\" behind it, and no entry with a \"- \" before it",
      shown(trimmed(line.text.substr(in_line))), line.number);
}

std::string bad_byte(const SourceText& source, const SyntaxProblem& about) {
  const std::string_view text = source.text();
  if (about.problem == "control characters are not allowed") {
    const std::string_view c = character_at(text, about.where);
    if (c.size() == 1)
      return fmt::format(
          "the control character 0x{0:02X} cannot stand in YAML; in double quotes write \"\\x{0:02X}\"",
          static_cast<unsigned char>(c[0]));
    return "this character cannot stand in YAML; in double quotes write it as an escape";
  }
  if (about.where < text.size())
    return fmt::format("the byte 0x{:02X} here is not UTF-8; save the file as UTF-8",
                       static_cast<unsigned char>(text[about.where]));
  return "the text ends within a UTF-8 character; save the file as UTF-8";
}

bool is_about_bytes(std::string_view problem) {
  static constexpr std::string_view kProblems[] = {
      "control characters are not allowed", "invalid leading UTF-8 octet",
      "incomplete UTF-8 octet sequence",    "invalid trailing UTF-8 octet",
      "invalid length of a UTF-8 sequence", "invalid Unicode character"};
  return std::ranges::find(kProblems, problem) != std::end(kProblems);
}

// What is known of a problem from libyaml's words and the text around it; empty when nothing is.
std::string known_advice(const SourceText& source, const SyntaxProblem& about) {
  const std::string_view problem = about.problem;
  if (is_about_bytes(problem)) return bad_byte(source, about);
  if (problem == "found unexpected end of stream") return quote_opened(source, about, "");
  if (problem == "found unexpected document indicator")
    return quote_opened(source, about, ", and the document ends here");
  if (problem == "found unknown escape character") return unknown_escape(source, about.where);
  if (problem == "did not find expected hexdecimal number" ||
      problem == "found invalid Unicode character escape code")
    return "\\x, \\u and \\U stand before 2, 4 and 8 hexadecimal digits; write \"\\\\\" for a backslash, or "
           "use single quotes";
  if (problem == "found a tab character that violates indentation" ||
      problem == "found a tab character where an indentation space is expected")
    return "a tab cannot indent YAML; use spaces";

  const Line line = line_at(source, about.where);
  if (problem == "found character that cannot start any token") return cannot_begin(source, about.where);
  if (problem == "mapping values are not allowed in this context") return two_colons(source, about, line);
  if (problem == "could not find expected ':'") return missing_colon(source, about);
  if (problem == "block sequence entries are not allowed in this context")
    return "a list begins on a line of its own, with \"- \" before each entry";
  if (problem == "mapping keys are not allowed in this context")
    return fmt::format("\"? \" begins a YAML key, where none can be; if it is text, {}", kQuote);

  const bool in_flow = about.context.find("flow") != std::string_view::npos;
  const bool entry_began = line.entry < about.where || (line.entry == about.where && !in_flow);
  if (entry_began && !in_flow) {
    std::string advice = begins_with_indicator(line);
    if (!advice.empty()) return advice;
  }
  if (problem == "did not find expected ',' or ']'")
    return fmt::format("the list needs a \",\" or its \"]\" here; if \"[\" begins a command, {}", kQuote);
  if (problem == "did not find expected ',' or '}'")
    return fmt::format("the mapping needs a \",\" or its \"}}\" here; if \"{{\" begins a command, {}",
                       kQuote);
  if (problem == "did not find expected node content")
    return fmt::format("an entry is missing here, in a list or mapping in brackets; if it is a command, {}",
                       kQuote);
  if (problem == "found unexpected ':'")
    return fmt::format("a blank is missing behind \":\"; if it is text, {}", kQuote);
  if (problem == "did not find expected '-' indicator") return not_aligned(source, about, line, "-");
  if (problem == "did not find expected key") return not_aligned(source, about, line, "key");
  if (problem == "did not find expected <document start>")
    return "\"---\" is missing between the directives (%) and the document";
  if (problem == "found incompatible YAML document")
    return "the %YAML directive asks for a version that is not read; remove the line";
  if (problem == "found undefined tag handle" || about.context.find("tag") != std::string_view::npos)
    return fmt::format("\"!\" begins a YAML tag; if it is text, {}", kQuote);
  return {};
}

}  // namespace

std::string syntax_advice(const SourceText& source, const SyntaxProblem& problem) {
  std::string advice = known_advice(source, problem);
  if (!advice.empty()) return advice;
  if (problem.context.empty()) return std::string(problem.problem);
  return fmt::format("{} {}", problem.problem, problem.context);
}

}  // namespace buildspec_run
