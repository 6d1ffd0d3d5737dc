#include "actions/expr/json_text.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <unordered_map>

#include "actions/expr/characters.h"

namespace buildspec_run {
namespace {

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    if (c < 0x10000) {
      out += static_cast<char>(0xE0 | c >> 12);
    } else {
      out += static_cast<char>(0xF0 | c >> 18);
      out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    }
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

/// A string with its quotes, escaped as toJSON does it.
void append_quoted(std::string& out, std::string_view text, char quote = '"') {
  if (quote == '"') out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_character(text, at);
    switch (c) {
      case '\\':
        out += "\\\\";
        continue;
      case '\b':
        out += "\\b";
        continue;
      case '\f':
        out += "\\f";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      default:
        break;
    }
    if (c == static_cast<char32_t>(quote)) {
      out += '\\';
      out += quote;
    } else if (c < 0x20 || c == 0x85 || c == 0x2028 || c == 0x2029) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(begin, at - begin);
    }
  }
  if (quote == '"') out += '"';
}

struct Writer {
  const std::function<bool(std::string_view)>& write;
  std::string piece = {};

  void line(std::size_t level, bool first) {
    if (!first) piece += ',';
    piece += '\n';
    piece.append(2 * level, ' ');
  }
  /// Hands `piece` on.
  bool flush() {
    const bool go_on = write(piece);
    piece.clear();
    return go_on;
  }
  bool end(std::size_t level, char bracket) {
    line(level, true);
    piece += bracket;
    return flush();
  }

  bool value(const Datum& datum, std::size_t level) {
    if (const DatumArray* array = datum.array(); array != nullptr && !array->items.empty()) {
      piece += '[';
      if (!flush()) return false;
      for (const Datum& item : array->items) {
        line(level + 1, &item == &array->items.front());
        if (!value(item, level + 1)) return false;
      }
      return end(level, ']');
    }
    if (const DatumObject* object = datum.object(); object != nullptr && !object->members().empty()) {
      piece += '{';
      if (!flush()) return false;
      for (const auto& member : object->members()) {
        line(level + 1, &member == &object->members().front());
        append_quoted(piece, member.first);
        if (!flush()) return false;
        piece += ": ";
        if (!value(member.second, level + 1)) return false;
      }
      return end(level, '}');
    }
    switch (datum.kind()) {
      case Datum::Kind::null:
        piece += "null";
        break;
      case Datum::Kind::boolean:
      case Datum::Kind::number:
        piece += datum.to_string();
        break;
      case Datum::Kind::string:
        append_quoted(piece, *datum.string());
        break;
      case Datum::Kind::array:
        piece += "[]";
        break;
      case Datum::Kind::object:
        piece += "{}";
        break;
    }
    return flush();
  }
};

/// A reader of tokens with the states, and so the messages, of Newtonsoft's JsonTextReader. Line and position of a message count
/// UTF-16 units of what has been consumed.
class Reader {
 public:
  enum class Token { none, start_object, start_array, property, comment, value, end_object, end_array };

  explicit Reader(std::string_view text) : text_(text) {}

  /// The next token; none at the end of the text. nullopt: see `error`.
  std::optional<Token> read() {
    while (true) {
      switch (state_) {
        case State::start:
        case State::property:
        case State::array:
        case State::array_start:
          return read_value();
        case State::object:
        case State::object_start:
          return read_member();
        case State::post_value: {
          const std::optional<Token> token = read_post_value();
          if (!token || *token != Token::none) return token;
          break;
        }
        case State::finished:
          return Token::none;
      }
    }
  }

  [[nodiscard]] Datum& value() { return value_; }            // of a `value` or a `comment`
  [[nodiscard]] const std::string& name() { return name_; }  // of a `property`
  [[nodiscard]] Error error() { return {std::move(message_)}; }

  /// The Error for the place that has been reached.
  Error error_here(std::string message) {
    (void)fail(std::move(message));
    return error();
  }

 private:
  enum class State { start, property, array, array_start, object, object_start, post_value, finished };
  struct Position {
    bool is_array;
    long long index = -1;
    std::string name = {};
  };
  static constexpr std::size_t kDepth = 64;

  [[nodiscard]] char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char32_t character() const {
    std::size_t next = at_;
    return at_end() ? 0 : next_character(text_, next);
  }
  [[nodiscard]] std::string character_text() const {
    std::size_t next = at_;
    if (!at_end()) (void)next_character(text_, next);
    return at_end() ? std::string(1, '\0') : std::string(text_.substr(at_, next - at_));
  }
  void step() {
    if (!at_end()) (void)next_character(text_, at_);
  }

  std::nullopt_t fail(std::string message) {
    std::string path;
    const std::size_t shown = state_ == State::array_start || state_ == State::object_start ? 1 : 0;
    for (std::size_t i = 0; i + shown < stack_.size(); ++i) {
      const Position& position = stack_[i];
      if (position.is_array) {
        fmt::format_to(std::back_inserter(path), "[{}]", position.index);
      } else if (position.name.find_first_of(". '/\"[]()\t\n\r\f\b\\") != std::string::npos) {
        path += "['";
        append_quoted(path, position.name, '\'');
        path += "']";
      } else {
        if (!path.empty()) path += '.';
        path += position.name;
      }
    }
    const std::size_t column = utf16_length(text_.substr(line_start_, at_ - line_start_));
    const std::size_t line = state_ == State::start && column == 0 ? 0 : line_;
    message_ = fmt::format("{} Path '{}', line {}, position {}.", message, path, line, column);
    return std::nullopt;
  }
  std::nullopt_t unexpected() {
    return fail(fmt::format("Unexpected character encountered while parsing value: {}.", character_text()));
  }

  void new_line() {
    ++line_;
    line_start_ = at_;
  }
  /// Steps over a blank or a line end; false when there is neither.
  bool skip_blank() {
    if (at_end()) return false;
    const char c = here();
    if (c == '\r') {
      ++at_;
      if (here() == '\n') ++at_;
      new_line();
    } else if (c == '\n') {
      ++at_;
      new_line();
    } else if (c == '\0' || is_white_space(character())) {
      step();
    } else {
      return false;
    }
    return true;
  }

  void after_value() { state_ = stack_.empty() ? State::finished : State::post_value; }
  void count_item() {
    if (!stack_.empty() && stack_.back().is_array) ++stack_.back().index;
  }
  Token give(Datum value) {
    value_ = std::move(value);
    after_value();
    count_item();
    return Token::value;
  }
  std::optional<Token> open(bool is_array) {
    ++at_;
    count_item();
    state_ = is_array ? State::array_start : State::object_start;
    stack_.push_back({is_array});
    if (stack_.size() > kDepth)
      return fail(fmt::format("The reader's MaxDepth of {} has been exceeded.", kDepth));
    return is_array ? Token::start_array : Token::start_object;
  }
  std::optional<Token> close(bool is_array) {
    ++at_;
    const std::string_view what = stack_.empty() ? "None" : stack_.back().is_array ? "Array" : "Object";
    const bool right = !stack_.empty() && stack_.back().is_array == is_array;
    if (!stack_.empty()) stack_.pop_back();
    if (!right)
      return fail(fmt::format("JsonToken {} is not valid for closing JsonType {}.",
                              is_array ? "EndArray" : "EndObject", what));
    after_value();
    return is_array ? Token::end_array : Token::end_object;
  }

  std::optional<Token> read_value() {
    while (skip_blank()) {
    }
    if (at_end()) return Token::none;
    const auto next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    switch (const char c = here(); c) {
      case '"':
      case '\'': {
        std::optional<std::string> text = read_string(c);
        if (!text) return std::nullopt;
        return give(std::move(*text));
      }
      case 't':
        return read_word("true", true, "boolean");
      case 'f':
        return read_word("false", false, "boolean");
      case 'n':
        if (next == '\0') {
          ++at_;
          return fail("Unexpected end when reading JSON.");
        }
        return next == 'u' ? read_word("null", nullptr, "null") : unexpected();
      case 'N':
        return read_word("NaN", std::numeric_limits<double>::quiet_NaN(), "NaN");
      case 'I':
        return read_word("Infinity", std::numeric_limits<double>::infinity(), "Infinity");
      case 'u':
        return read_word("undefined", "", "undefined");
      case '/':
        return read_comment();
      case '{':
        return open(false);
      case '[':
        return open(true);
      case ']':
        return close(true);
      case ',':  // an item that is not there; the comma is read next
        return give("");
      case ')':
        return fail("JsonToken EndConstructor is not valid for closing JsonType None.");
      default:
        if (c == '-' && next == 'I')
          return read_word("-Infinity", -std::numeric_limits<double>::infinity(), "-Infinity");
        if (c == '-' || c == '.' || (c >= '0' && c <= '9')) return read_number();
        return unexpected();
    }
  }

  std::optional<Token> read_member() {
    while (skip_blank()) {
    }
    if (at_end()) return Token::none;
    const char c = here();
    if (c == '}') return close(false);
    if (c == '/') return read_comment();
    std::string name;
    if (c == '"' || c == '\'') {
      std::optional<std::string> text = read_string(c);
      if (!text) return std::nullopt;
      name = std::move(*text);
    } else {
      if (!is_name_character(character()))
        return fail(fmt::format("Invalid property identifier character: {}.", character_text()));
      const std::size_t begin = at_;
      while (is_name_character(character())) step();
      if (at_end()) return fail("Unexpected end while parsing unquoted property name.");
      if (here() != ':' && here() != '\0' && !is_white_space(character()))
        return fail(fmt::format("Invalid JavaScript property identifier character: {}.", character_text()));
      name = text_.substr(begin, at_ - begin);
    }
    while (skip_blank()) {
    }
    if (here() != ':')
      return fail(fmt::format("Invalid character after parsing property name. Expected ':' but got: {}.",
                              character_text()));
    ++at_;
    state_ = State::property;
    stack_.back().name = name;
    name_ = std::move(name);
    return Token::property;
  }

  /// none: go on with the next item, or there is no more text.
  std::optional<Token> read_post_value() {
    while (skip_blank()) {
    }
    if (at_end()) {
      state_ = State::finished;
      return Token::none;
    }
    switch (here()) {
      case '}':
        return close(false);
      case ']':
        return close(true);
      case '/':
        return read_comment();
      case ',':
        ++at_;
        state_ = stack_.back().is_array ? State::array : State::object;
        return Token::none;
      default:
        return fail(fmt::format("After parsing a value an unexpected character was encountered: {}.",
                                character_text()));
    }
  }

  std::optional<Token> read_comment() {
    ++at_;
    if (at_end()) return fail("Unexpected end while parsing comment.");
    const bool one_line = here() == '/';
    if (!one_line && here() != '*')
      return fail(fmt::format("Error parsing comment. Expected: *, got {}.", character_text()));
    ++at_;
    const std::size_t begin = at_;
    while (true) {
      if (at_end()) {
        if (!one_line) return fail("Unexpected end while parsing comment.");
        break;
      }
      if (one_line ? here() == '\r' || here() == '\n' : text_.substr(at_).starts_with("*/")) break;
      if (here() == '\r' || here() == '\n')
        (void)skip_blank();
      else
        step();
    }
    value_ = text_.substr(begin, at_ - begin);
    if (!one_line) at_ += 2;
    return Token::comment;
  }

  std::optional<Token> read_word(std::string_view word, Datum value, std::string_view kind) {
    const std::string_view rest = text_.substr(at_);
    bool matches = rest.starts_with(word);
    if (matches && rest.size() > word.size()) {
      std::size_t after = word.size();
      const char32_t c = next_character(rest, after);
      matches = c == '}' || c == ']' || c == ',' || c == 0 || is_white_space(c) ||
                (c == '/' && after < rest.size() && (rest[after] == '*' || rest[after] == '/'));
    }
    if (!matches) return fail(fmt::format("Error parsing {} value.", kind));
    at_ += word.size();
    return give(std::move(value));
  }

  std::optional<Token> read_number() {
    const std::size_t begin = at_;
    while (!at_end() && here() != '\0') {
      const char c = here();
      if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == 'x' ||
          c == 'X' || c == '-' || c == '+' || c == '.') {
        ++at_;
        continue;
      }
      if (c == ',' || c == '}' || c == ']' || c == ')' || c == '/' || is_white_space(character())) break;
      return fail(
          fmt::format("Unexpected character encountered while parsing number: {}.", character_text()));
    }
    const std::string_view text = text_.substr(begin, at_ - begin);
    after_value();
    count_item();
    const std::optional<double> number = number_of(text);
    if (!number) {
      if (text.size() > 380 &&
          text.find_first_not_of("0123456789", text.front() == '-' ? 1 : 0) == std::string_view::npos)
        return fail(fmt::format("JSON integer {} is too large to parse.", text));
      return fail(fmt::format("Input string '{}' is not a valid number.", text));
    }
    value_ = *number;
    return Token::value;
  }

  static std::optional<double> number_of(std::string_view text) {
    if (text.size() > 1 && text[0] == '0' && text[1] != '.' && text[1] != 'e' && text[1] != 'E') {
      const bool hex = text[1] == 'x' || text[1] == 'X';
      const std::string_view digits = text.substr(hex ? 2 : 1);
      std::uint64_t bits = 0;
      const auto [end, failed] =
          std::from_chars(digits.data(), digits.data() + digits.size(), bits, hex ? 16 : 8);
      if (failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
      return static_cast<double>(static_cast<std::int64_t>(bits));
    }
    if (text.find_first_not_of("0123456789", text.front() == '-' ? 1 : 0) == std::string_view::npos) {
      if (text.size() > 380 || text == "-") return std::nullopt;
      const double whole = parse_number(text);
      return whole == 0 ? 0 : whole;  // an integer has no negative zero
    }
    if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
    const double number = parse_number(text);
    if (number != number) return std::nullopt;
    return number;
  }

  /// The string that begins with `quote` here.
  std::optional<std::string> read_string(char quote) {
    std::string out;
    ++at_;
    while (true) {
      if (at_end()) return fail(fmt::format("Unterminated string. Expected delimiter: {}.", quote));
      const char c = here();
      if (c == quote) {
        ++at_;
        return out;
      }
      if (c == '\r' || c == '\n') {
        const std::size_t begin = at_;
        (void)skip_blank();
        out += text_.substr(begin, at_ - begin);
        continue;
      }
      ++at_;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_end()) return fail(fmt::format("Unterminated string. Expected delimiter: {}.", quote));
      const char escape = here();
      constexpr std::string_view kNames = "btnfr\\\"'/", kValues = "\b\t\n\f\r\\\"'/";
      if (const std::size_t known = kNames.find(escape); known != std::string_view::npos) {
        ++at_;
        out += kValues[known];
      } else if (escape == 'u') {
        ++at_;
        if (!read_unicode_escape(out)) return std::nullopt;
      } else {
        const std::string bad = character_text();
        step();
        return fail(fmt::format("Bad JSON escape sequence: \\{}.", bad));
      }
    }
  }

  /// The four digits behind `\u`, and those of a pair's second half. A half without its other becomes U+FFFD.
  bool read_unicode_escape(std::string& out) {
    constexpr char32_t kReplacement = 0xFFFD;
    std::optional<char32_t> unit = read_unit();
    if (!unit) return false;
    while (*unit >= 0xD800 && *unit < 0xDC00) {
      if (!text_.substr(at_).starts_with("\\u")) {
        append_utf8(out, kReplacement);
        return true;
      }
      at_ += 2;
      const std::optional<char32_t> second = read_unit();
      if (!second) return false;
      if (*second >= 0xDC00 && *second < 0xE000) {
        append_utf8(out, 0x10000 + ((*unit - 0xD800) << 10) + (*second - 0xDC00));
        return true;
      }
      append_utf8(out, kReplacement);
      unit = second;
    }
    append_utf8(out, *unit >= 0xDC00 && *unit < 0xE000 ? kReplacement : *unit);
    return true;
  }
  std::optional<char32_t> read_unit() {
    if (text_.size() - at_ < 4) return fail("Unexpected end while parsing Unicode escape sequence.");
    const std::string_view digits = text_.substr(at_, 4);
    unsigned value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + 4, value, 16);
    if (failed != std::errc() || end != digits.data() + 4)
      return fail(fmt::format("Invalid Unicode escape sequence: \\u{}.", digits));
    at_ += 4;
    return static_cast<char32_t>(value);
  }

  static bool is_name_character(char32_t c) {
    if (c < 0x80)
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
             c == '$';
    return c < 0x110000 && !is_white_space(c);  // letters and digits of any script; no table for the rest
  }

  std::string_view text_;
  std::size_t at_ = 0, line_start_ = 0, line_ = 1;
  State state_ = State::start;
  std::vector<Position> stack_;
  Datum value_;
  std::string name_, message_;
};

/// An array or object that is being read. Exact duplicates of a key replace; keys that differ in case only are merged at the end.
struct Container {
  bool is_array;
  DatumArray array = {};
  std::vector<std::pair<std::string, Datum>> members = {};
  std::unordered_map<std::string, std::size_t> places = {};
  std::string name = {};  // of the member whose value comes next

  void add(Datum value) {
    if (is_array) {
      array.items.push_back(std::move(value));
      return;
    }
    const auto [place, is_new] = places.emplace(name, members.size());
    if (is_new)
      members.emplace_back(name, std::move(value));
    else
      members[place->second].second = std::move(value);
  }
  Datum take() {
    if (is_array) return std::move(array);
    DatumObject object;
    for (auto& [key, value] : members) object.set(key, std::move(value));
    return object;
  }
};

}  // namespace

bool write_expression_json(const Datum& datum, const std::function<bool(std::string_view piece)>& write) {
  return Writer{write}.value(datum, 0);
}

Result<Datum> parse_lenient_json(std::string_view text) {
  using Token = Reader::Token;
  Reader reader(text);
  std::vector<Container> open;
  std::string_view outermost = "JToken";
  for (bool first_inside = false;;) {
    const std::optional<Token> token = reader.read();
    if (!token) return reader.error();
    if (*token == Token::none) {
      if (open.empty() || first_inside)
        return reader.error_here(fmt::format("Error reading {} from JsonReader.", outermost));
      return reader.error_here(fmt::format("Unexpected end of content while loading {}.", outermost));
    }
    first_inside = false;
    std::optional<Datum> done;
    switch (*token) {
      case Token::start_array:
      case Token::start_object:
        if (open.empty()) {
          outermost = *token == Token::start_array ? "JArray" : "JObject";
          first_inside = true;
        }
        open.push_back({*token == Token::start_array});
        break;
      case Token::property:
        open.back().name = reader.name();
        break;
      case Token::comment:
        if (open.empty()) return std::move(reader.value());  // before the value: its text is the value
        break;
      case Token::value:
        done = std::move(reader.value());
        break;
      case Token::end_array:
      case Token::end_object:
        done = open.back().take();
        open.pop_back();
        break;
      case Token::none:
        break;
    }
    if (!done) continue;
    if (open.empty()) return std::move(*done);
    open.back().add(std::move(*done));
  }
}

}  // namespace buildspec_run
