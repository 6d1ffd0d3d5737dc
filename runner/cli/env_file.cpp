#include "runner/cli/env_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "runner/base/json.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kId = "env-file-syntax";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlanks = " \t";

class Parser {
 public:
  Parser(const SourceText& source, EnvFileNames names, Diagnostics& found)
      : source_(source), text_(source.text()), names_(names), found_(found) {}

  Variables parse() {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    while (at_ < text_.size()) {
      skip_blanks();
      if (at_ < text_.size() && !at_line_end() && text_[at_] != '#') entry();
      skip_line();
    }
    return std::move(variables_);
  }

 private:
  [[nodiscard]] bool at_line_end() const {
    return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r';
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size()); }
  void skip_line() {
    at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
    if (at_ < text_.size()) at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
  }
  void error(std::size_t begin, std::size_t end, std::string message) {
    found_.error(source_, {begin, end}, kId, std::move(message));
  }

  void entry() {
    const std::size_t begin = at_;
    const std::size_t line_end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    const std::size_t equals = text_.find('=', at_);
    if (equals >= line_end) {
      at_ = line_end;
      return error(begin, line_end, "a line without \"=\"; NAME=VALUE is expected");
    }
    std::string_view name = text_.substr(begin, equals - begin);
    if (name.starts_with("export") && name.size() > 6 && kBlanks.find(name[6]) != std::string_view::npos) {
      name.remove_prefix(6);
      name.remove_prefix(std::min(name.find_first_not_of(kBlanks), name.size()));
    }
    while (!name.empty() && kBlanks.find(name.back()) != std::string_view::npos) name.remove_suffix(1);
    if (name.empty() || (names_ == EnvFileNames::variables && !is_variable_name(name))) {
      error(
          begin, equals,
          "what stands before the \"=\" is no variable name; letters, digits and _ are, not beginning with a "
          "digit");
    }
    at_ = equals + 1;
    skip_blanks();
    std::string value;
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"'))
      quoted(value);
    else
      plain(value);
    if (value.find('\0') != std::string::npos)
      error(begin, equals, "a value with a NUL byte; no variable can hold one");
    variables_.emplace_back(std::string(name), std::move(value));
  }

  void plain(std::string& value) {
    const std::size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    std::string_view text = text_.substr(at_, end - at_);
    for (std::size_t hash = text.find('#'); hash != std::string_view::npos; hash = text.find('#', hash + 1)) {
      if (hash == 0 || kBlanks.find(text[hash - 1]) != std::string_view::npos) {
        text = text.substr(0, hash);
        break;
      }
    }
    while (!text.empty() && kBlanks.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    value = text;
    at_ = end;
  }

  void quoted(std::string& value) {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size())
        escape(value);
      else
        value += text_[at_];
    }
    if (at_ >= text_.size()) return error(begin, begin + 1, fmt::format("a {} that is never closed", quote));
    ++at_;
    skip_blanks();
    if (!at_line_end() && text_[at_] != '#') {
      const std::size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
      error(at_, end, "more text after the closing quote; only a comment may follow");
    }
  }

  void escape(std::string& value) {
    const char c = text_[++at_];
    switch (c) {
      case 'n':
        value += '\n';
        break;
      case 'r':
        value += '\r';
        break;
      case 't':
        value += '\t';
        break;
      case '"':
      case '\\':
      case '$':
      case '`':
        value += c;
        break;
      default:
        value += '\\', value += c;
    }
  }

  const SourceText& source_;
  std::string_view text_;
  EnvFileNames names_;
  Diagnostics& found_;
  Variables variables_;
  std::size_t at_ = 0;
};

// Where the members of an object stand in its text, which is known to be JSON: names with their quotes.
std::vector<SourceRange> places_of_names(std::string_view text) {
  std::vector<SourceRange> places;
  int depth = 0;
  bool name_follows = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '{':
      case '[':
        name_follows = ++depth == 1;
        break;
      case '}':
      case ']':
        --depth;
        break;
      case ',':
        name_follows = depth == 1;
        break;
      case '"': {
        const std::size_t begin = at;
        for (++at; at < text.size() && text[at] != '"'; ++at)
          if (text[at] == '\\') ++at;
        if (name_follows) places.push_back({begin, at + 1});
        name_follows = false;
        break;
      }
      default:
        break;
    }
  }
  return places;
}

Variables parse_object(const SourceText& source, EnvFileNames names, Diagnostics& found) {
  std::string_view text = source.text();
  const std::size_t mark = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  text.remove_prefix(mark);
  std::size_t failed_at = 0;
  const Result<Value> value = parse_json(text, &failed_at);
  if (!value) {
    const std::size_t at = mark + failed_at;
    found.error(source, {at, std::min(at + 1, source.text().size())}, kId, value.error().message);
    return {};
  }
  // Of two members of one name the reader keeps one value: the last place is where it stands.
  std::map<std::string, SourceRange> places;
  for (const SourceRange& place : places_of_names(text))
    if (const Result<Value> name = parse_json(text.substr(place.begin, place.end - place.begin)))
      places[*name->string()] = {mark + place.begin, mark + place.end};
  Variables variables;
  std::size_t number = 0;  // says which member it is: a name may be a secret in the wrong place
  for (const auto& [name, member] : *value->object()) {
    ++number;
    const SourceRange where = places[name];
    if (name.empty() || (names == EnvFileNames::variables && !is_variable_name(name)))
      found.error(source, where, kId, fmt::format("the name of member {} is no variable name", number));
    if (member.object() != nullptr || member.array() != nullptr || member.is_null()) {
      found.error(source, where, kId, fmt::format("the value of member {} is no string", number));
      continue;
    }
    variables.emplace_back(name, member.string() != nullptr ? *member.string() : to_json(member));
    if (variables.back().second.find('\0') != std::string::npos)
      found.error(source, where, kId,
                  fmt::format("the value of member {} has a NUL byte; no variable can hold one", number));
  }
  return variables;
}

std::string quoted_value(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '"':
      case '\\':
      case '$':
      case '`':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  return out += '"';
}

}  // namespace

Variables parse_env_file(const SourceText& source, EnvFileNames names, Diagnostics& found) {
  const std::string_view text = source.text();
  const std::size_t first =
      text.find_first_not_of(" \t\r\n", text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  if (first != std::string_view::npos && text[first] == '{') return parse_object(source, names, found);
  return Parser(source, names, found).parse();
}

std::string exports_text(const Variables& variables, bool as_json) {
  if (as_json) {
    Value::Object object;
    for (const auto& [name, value] : variables) object.emplace_back(name, value);
    return to_pretty_json(object) + "\n";
  }
  std::string out;
  for (const auto& [name, value] : variables) out += fmt::format("{}={}\n", name, quoted_value(value));
  return out;
}

}  // namespace buildspec_run
