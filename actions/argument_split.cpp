#include "actions/argument_split.h"

#include <fmt/core.h>

#include <optional>

#include "actions/dotnet_text.h"
#include "actions/expr/characters.h"

namespace buildspec_run {
namespace {

bool is_blank_character(char c) noexcept { return c == ' ' || c == '\t'; }

// Reads one argument from `at` on, which is left behind it.
std::string read_argument(std::string_view text, std::size_t& at) {
  std::string argument;
  bool quoted = false;
  while (at < text.size()) {
    if (text[at] == '\\') {
      const std::size_t end = std::min(text.find_first_not_of('\\', at), text.size());
      const std::size_t count = end - at;
      at = end;
      if (at == text.size() || text[at] != '"') {
        argument.append(count, '\\');
      } else {
        argument.append(count / 2, '\\');
        if (count % 2 != 0) argument += '"', ++at;
      }
    } else if (text[at] == '"') {
      ++at;
      if (quoted && at < text.size() && text[at] == '"')
        argument += '"', ++at;
      else
        quoted = !quoted;
    } else if (is_blank_character(text[at]) && !quoted) {
      break;
    } else {
      argument += text[at++];
    }
  }
  return argument;
}

constexpr std::string_view kEndsEarly = "Format item ends prematurely.";
constexpr std::string_view kWantsDigit = "Expected an ASCII digit.";
constexpr std::string_view kLoneBrace = "Unexpected closing brace without a corresponding opening brace.";

// Reads what follows a '{' up to its '}', as .NET does: index, width and format.
class Hole {
 public:
  Hole(std::string_view text, std::size_t at) : text_(text), at_(at) {}
  std::size_t index = 0, width = 0;
  bool left = false;

  // False: `error` says why.
  bool read() {
    if (!digits(index)) return false;
    blanks();
    if (current() == ',') {
      ++at_;
      blanks();
      left = current() == '-';
      if (left) ++at_;
      if (!digits(width)) return false;
      blanks();
    }
    if (current() == ':') {
      do ++at_;
      while (at_ < text_.size() && current() != '}' && current() != '{');
    }
    return current() == '}' || fail(kEndsEarly);
  }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  std::string_view error;

 private:
  [[nodiscard]] char current() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (current() == ' ') ++at_;
  }
  bool fail(std::string_view why) {
    error = why;
    return false;
  }
  bool digits(std::size_t& number) {
    constexpr std::size_t kLimit = 1'000'000;  // .NET stops reading digits there
    if (at_ == text_.size()) return fail(kEndsEarly);
    if (current() < '0' || current() > '9') return fail(kWantsDigit);
    do number = number * 10 + static_cast<std::size_t>(text_[at_++] - '0');
    while (number < kLimit && current() >= '0' && current() <= '9');
    return at_ < text_.size() || fail(kEndsEarly);
  }

  std::string_view text_;
  std::size_t at_;
};

}  // namespace

std::vector<std::string> split_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  for (std::size_t at = 0;;) {
    while (at < text.size() && is_blank_character(text[at])) ++at;
    if (at == text.size()) return arguments;
    arguments.push_back(read_argument(text, at));
  }
}

Result<std::string> format_argument(std::string_view text, std::string_view value) {
  constexpr std::size_t kLongest = std::size_t{1} << 20;  // no system starts a program with more
  std::string formatted;
  const auto wrong = [&](std::size_t at, std::string_view why) {
    return Error{fmt::format("Input string was not in a correct format. Failure to parse near offset {}. {}",
                             utf16_length(text.substr(0, at)), why)};
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t brace = text.find_first_of("{}", at);
    formatted.append(text.substr(at, brace == std::string_view::npos ? brace : brace - at));
    if (brace == std::string_view::npos) break;
    at = brace + 1;
    if (at == text.size()) return wrong(at, kEndsEarly);
    if (text[at] == text[brace]) {
      formatted += text[at++];
      continue;
    }
    if (text[brace] == '}') return wrong(at, kLoneBrace);
    Hole hole(text, at);
    if (!hole.read()) return wrong(hole.at(), hole.error);
    at = hole.at() + 1;
    if (hole.index > 0)
      return Error{
          "Index (zero based) must be greater than or equal to zero and less than the size of the argument "
          "list."};
    const std::size_t length = utf16_length(value);
    const std::string padding(hole.width > length ? hole.width - length : 0, ' ');
    if (!hole.left) formatted += padding;
    formatted += value;
    if (hole.left) formatted += padding;
    if (formatted.size() > kLongest) return Error{"Argument list too long"};
  }
  return formatted;
}

std::vector<std::string> container_arguments(const std::vector<std::string>* of_metadata,
                                             std::string_view input_args) {
  return of_metadata != nullptr ? *of_metadata : split_arguments(input_args);
}

}  // namespace buildspec_run
