#include "actions/regular_expression.h"

#include <fmt/core.h>

#include <optional>
#include <set>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "actions/dotnet_text.h"
#include "actions/expr/characters.h"
#include "runner/base/check.h"
#include "runner/base/handle.h"

namespace buildspec_run {
namespace {

using Code = Handle<pcre2_code, pcre2_code_free>;
using MatchData = Handle<pcre2_match_data, pcre2_match_data_free>;
using MatchContext = Handle<pcre2_match_context, pcre2_match_context_free>;
using CompileContext = Handle<pcre2_compile_context, pcre2_compile_context_free>;
using JitStack = Handle<pcre2_jit_stack, pcre2_jit_stack_free>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Group {
  std::size_t opens_at = 0;  // in the pattern
  std::string name;          // empty: has none
};

struct Translation {
  std::string pattern;
  std::vector<std::uint32_t> numbers;  // .NET's number of a group → PCRE2's
};

// Rewrites a pattern of .NET as one of PCRE2. Goes over it twice: first for the groups there are, because the meaning of "\12"
// depends on them.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  Result<Translation> run() {
    for (const bool counting : {true, false}) {
      counting_ = counting;
      at_ = 0;
      out_.clear();
      quantified_ = false;
      while (at_ < pattern_.size() && error_.empty()) item();
      if (counting && error_.empty()) number_groups();
      if (!error_.empty())
        return Error{fmt::format("Invalid pattern '{}' at offset {}. {}", pattern_,
                                 utf16_length(pattern_.substr(0, at_)), error_)};
    }
    return Translation{std::move(out_), std::move(numbers_)};
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool rest_starts_with(std::string_view text) const {
    return pattern_.substr(at_).starts_with(text);
  }
  void copy(std::size_t count) {
    out_.append(pattern_.substr(at_, count));
    at_ += count;
  }
  void fail(std::string why) {
    if (error_.empty()) error_ = std::move(why);
  }

  // Groups with a name come after those without.
  void number_groups() {
    numbers_ = {0};
    for (const bool named : {false, true})
      for (std::size_t i = 0; i < groups_.size(); ++i)
        if (groups_[i].name.empty() != named) numbers_.push_back(static_cast<std::uint32_t>(i + 1));
    std::set<std::string_view> names;
    for (const Group& group : groups_)
      if (!group.name.empty() && !names.insert(group.name).second)
        fail("Two groups of one name are not supported.");
  }

  void literal(char32_t c) {
    const bool plain = c < 0x80 && (is_letter(static_cast<char>(c)) || is_digit(static_cast<char>(c)));
    if (plain)
      out_ += static_cast<char>(c);
    else
      out_ += fmt::format("\\x{{{:x}}}", static_cast<std::uint32_t>(c));
  }

  // Of "\x41" and "\u0041", behind the letter.
  std::optional<char32_t> hex(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = peek(i);
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) {
        fail("Insufficient or invalid hexadecimal digits.");
        return std::nullopt;
      }
      value = value * 16 + static_cast<char32_t>(digit);
    }
    at_ += digits;
    return value;
  }

  // Behind a backslash: what stands for one character, in a class or out of it.
  void character_escape() {
    const char c = peek();
    ++at_;
    switch (c) {
      case 'a':
        return literal(7);
      case 'b':
        return literal(8);
      case 'e':
        return literal(27);
      case 'f':
        return literal(12);
      case 'n':
        return literal(10);
      case 'r':
        return literal(13);
      case 't':
        return literal(9);
      case 'v':
        return literal(11);
      case 'c': {
        const char letter = peek();
        const char upper = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
        if (upper < '@' || upper > '_') return fail("Unrecognized control character.");
        ++at_;
        return literal(static_cast<char32_t>(upper - '@'));
      }
      case 'x':
      case 'u': {
        const std::optional<char32_t> first = hex(c == 'x' ? 2 : 4);
        if (!first) return;
        char32_t value = *first;
        if (value >= 0xD800 && value < 0xDC00 && rest_starts_with("\\u")) {
          at_ += 2;
          const std::optional<char32_t> second = hex(4);
          if (!second) return;
          value = 0x10000 + ((value - 0xD800) << 10) + (*second - 0xDC00);
          if (*second < 0xDC00 || *second > 0xDFFF) return fail("Half of a character is not supported.");
        }
        if (value >= 0xD800 && value < 0xE000) return fail("Half of a character is not supported.");
        return literal(value);
      }
      default:
        break;
    }
    if (c >= '0' && c <= '7') {
      char32_t value = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && value < 0x20 && peek() >= '0' && peek() <= '7'; ++i)
        value = value * 8 + static_cast<char32_t>(pattern_[at_++] - '0');
      return literal(value & 0xFF);
    }
    if (static_cast<unsigned char>(c) < 0x80) return literal(static_cast<char32_t>(c));
    out_ += c;  // the rest of the character follows
  }

  void group_reference(std::size_t number) {
    out_ += fmt::format("\\g{{{}}}", counting_ ? 1 : numbers_[number]);
  }

  // The longest number that is a group opened before.
  bool numbered_reference() {
    std::size_t number = 0, found = 0, found_end = 0;
    for (std::size_t i = at_; i < pattern_.size() && is_digit(pattern_[i]); ++i) {
      number = number * 10 + static_cast<std::size_t>(pattern_[i] - '0');
      if (number >= numbers_.size()) break;
      if (groups_[numbers_[number] - 1].opens_at < at_) found = number, found_end = i + 1;
    }
    if (found == 0) return false;
    at_ = found_end;
    group_reference(found);
    return true;
  }

  // "\k<name>", at the bracket or quote.
  bool named_reference() {
    const char close = peek() == '<' ? '>' : peek() == '\'' ? '\'' : '\0';
    const std::size_t end = close == '\0' ? std::string_view::npos : pattern_.find(close, at_ + 1);
    if (end == std::string_view::npos) return false;
    const std::string_view name = pattern_.substr(at_ + 1, end - at_ - 1);
    for (std::size_t number = 1; number < numbers_.size(); ++number) {
      const std::string& known = groups_[numbers_[number] - 1].name;
      if (known.empty() ? name != std::to_string(number) : name != known) continue;
      at_ = end + 1;
      group_reference(number);
      return true;
    }
    if (!counting_) fail(fmt::format("Reference to undefined group name '{}'.", name));
    at_ = end + 1;
    return true;
  }

  void property() {  // "\p{Lu}", at the letter
    const std::size_t end = peek(1) == '{' ? pattern_.find('}', at_) : std::string_view::npos;
    if (end == std::string_view::npos) return fail("Malformed \\p{X} character escape.");
    out_ += '\\';
    copy(end + 1 - at_);
  }

  void escape() {
    ++at_;
    const char c = peek();
    if (at_ == pattern_.size()) return fail("Illegal \\ at end of pattern.");
    if (std::string_view("bBAGZzwWsSdD").find(c) != std::string_view::npos) {
      out_ += '\\';
      return copy(1);
    }
    if (c == 'p' || c == 'P') return property();
    if (c >= '1' && c <= '9') {
      if (numbered_reference()) return;
    } else if (c == 'k') {
      ++at_;
      if (named_reference()) return;
      return fail("Malformed \\k<...> named back reference.");
    }
    character_escape();
  }

  // From "[" to its "]". A class less another, "[a-z-[aeiou]]", becomes "(?:(?![aeiou])[a-z])".
  std::string character_class(int depth) {
    std::string outer = std::exchange(out_, std::string(1, '['));
    std::string without;
    ++at_;
    if (peek() == '^') copy(1);
    bool first = true, closed = false;
    bool after_set = false;  // behind "\w" and its like, where a hyphen is one
    while (at_ < pattern_.size() && error_.empty()) {
      const char c = peek();
      const bool is_hyphen = std::exchange(after_set, false) && c == '-';
      if (c == ']' && !first) {
        ++at_;
        closed = true;
        break;
      }
      if (c == '-' && peek(1) == '[' && !first) {
        if (depth == 20) {
          fail("Too many classes in one another.");
          break;
        }
        ++at_;
        without = character_class(depth + 1);
        if (error_.empty() && peek() != ']')
          fail("A subtraction must be the last element in a character class.");
        first = false;
        continue;
      }
      first = false;
      if (c == '\\') {
        ++at_;
        if (at_ == pattern_.size()) {
          fail("Illegal \\ at end of pattern.");
        } else if (std::string_view("wWsSdD").find(peek()) != std::string_view::npos) {
          out_ += '\\';
          copy(1);
          after_set = true;
        } else if (peek() == 'p' || peek() == 'P') {
          property();
          after_set = true;
        } else {
          character_escape();
        }
      } else if (is_hyphen || std::string_view("[]:.=").find(c) != std::string_view::npos) {
        // PCRE2 takes "[:", "[." and "[=" for something.
        literal(static_cast<char32_t>(c));
        ++at_;
      } else {
        copy(1);
      }
    }
    if (!closed) fail("Unterminated [] set.");
    out_ += ']';
    if (!without.empty()) out_ = fmt::format("(?:(?!{}){})", without, out_);
    return std::exchange(out_, std::move(outer));
  }

  // At "(": up to where its content begins.
  void group() {
    if (peek(1) == '*') {
      ++at_;
      return fail("Quantifier '*' following nothing.");
    }
    if (peek(1) != '?') {
      open_group({at_, {}});
      ++at_;
      return;
    }
    for (const std::string_view plain : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"})
      if (rest_starts_with(plain)) return copy(plain.size());
    if (rest_starts_with("(?#")) {
      const std::size_t end = pattern_.find(')', at_);
      if (end == std::string_view::npos) return fail("Unterminated (?#...) comment.");
      at_ = end + 1;
      return;
    }
    if (peek(2) == '<' || peek(2) == '\'') return named_group();
    if (rest_starts_with("(?(")) return condition();
    std::size_t end = at_ + 2;
    while (end < pattern_.size() && (is_letter(pattern_[end]) || pattern_[end] == '-')) ++end;
    const std::string_view options = pattern_.substr(at_ + 2, end - at_ - 2);
    if (options.find_first_of("nx") != std::string_view::npos)
      return fail("The inline options n and x are not supported.");
    if (options.empty() || options.find_first_not_of("imsIMS-") != std::string_view::npos ||
        end == pattern_.size() || (pattern_[end] != ')' && pattern_[end] != ':'))
      return fail("Unrecognized grouping construct.");
    for (const char c : pattern_.substr(at_, end + 1 - at_))
      out_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    at_ = end + 1;
  }

  void open_group(Group opened) {
    if (counting_) groups_.push_back(std::move(opened));
    out_ += '(';
  }

  void named_group() {
    const char close = peek(2) == '<' ? '>' : '\'';
    const std::size_t begin = at_ + 3, end = pattern_.find(close, begin);
    const std::string_view name =
        end == std::string_view::npos ? std::string_view() : pattern_.substr(begin, end - begin);
    for (const char c : name) {
      if (c == '-') return fail("Balancing groups are not supported.");
      if (!is_letter(c) && !is_digit(c) && c != '_' && static_cast<unsigned char>(c) < 0x80)
        return fail("Invalid group name: Group names must begin with a word character.");
    }
    if (name.empty()) return fail("Invalid group name: Group names must begin with a word character.");
    if (is_digit(name.front())) return fail("Groups with a number for a name are not supported.");
    open_group({at_, std::string(name)});
    at_ = end + 1;
  }

  void condition() {
    for (const std::string_view test : {"(?(?=", "(?(?!", "(?(?<=", "(?(?<!"})
      if (rest_starts_with(test)) return copy(test.size());
    std::size_t end = at_ + 3, number = 0;
    while (end < pattern_.size() && is_digit(pattern_[end]) && number <= groups_.size())
      number = number * 10 + static_cast<std::size_t>(pattern_[end++] - '0');
    if (number == 0 || peek(end - at_) != ')') return fail("A condition that is no number is not supported.");
    if (!counting_ && number >= numbers_.size())
      return fail("Conditional alternation refers to an undefined group number.");
    out_ += fmt::format("(?({})", counting_ ? 1 : numbers_[number]);
    at_ = end + 1;
  }

  // Length of "{2}", "{2,}", "{2,3}" at `at_`; 0 when it is none, and so is text.
  [[nodiscard]] std::size_t braces() const {
    std::size_t i = 1;
    const std::size_t digits_from = i;
    while (is_digit(peek(i))) ++i;
    if (i == digits_from) return 0;
    if (peek(i) == ',') do
        ++i;
      while (is_digit(peek(i)));
    return peek(i) == '}' ? i + 1 : 0;
  }

  void item() {
    const char c = peek();
    const std::size_t quantifier = c == '*' || c == '+' || c == '?' ? 1 : c == '{' ? braces() : 0;
    if (quantifier > 0) {
      if (quantified_) return fail(fmt::format("Nested quantifier '{}'.", c));
      copy(quantifier);
      if (peek() == '?') copy(1);
      quantified_ = true;
      return;
    }
    quantified_ = false;
    if (c == '{') {
      out_ += "\\{";
      ++at_;
    } else if (c == '\\') {
      escape();
    } else if (c == '[') {
      out_ += character_class(0);
    } else if (c == '(') {
      group();
    } else {
      copy(1);
    }
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool counting_ = true;
  bool quantified_ = false;  // what is before `at_` has its quantifier
  std::string out_, error_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> numbers_ = {0};
};

// Called each time that a match is tried at a new place of the line. Most lines have so few that the clock is never asked.
struct Watch {
  std::chrono::milliseconds limit;
  std::chrono::steady_clock::time_point deadline = {};
  unsigned calls = 0;
};
int look_at_clock(pcre2_callout_block*, void* data) {
  constexpr unsigned kEvery = 16;
  Watch& watch = *static_cast<Watch*>(data);
  if (++watch.calls % kEvery != 0) return 0;
  const auto now = std::chrono::steady_clock::now();
  if (watch.calls == kEvery) watch.deadline = now + watch.limit;
  return now > watch.deadline ? PCRE2_ERROR_CALLOUT : 0;
}

}  // namespace

struct RegularExpression::State {
  Code code;
  MatchData data;
  MatchContext context;
  JitStack stack;
  std::vector<std::uint32_t> numbers;
};

RegularExpression::RegularExpression(std::unique_ptr<State> state) : state_(std::move(state)) {}
RegularExpression::~RegularExpression() = default;
RegularExpression::RegularExpression(RegularExpression&&) noexcept = default;
RegularExpression& RegularExpression::operator=(RegularExpression&&) noexcept = default;

Result<RegularExpression> RegularExpression::compile(std::string_view pattern) {
  constexpr std::size_t kLongest = 32 * 1024;  // PCRE2 gives up on longer ones anyway, as a rule
  if (pattern.size() > kLongest)
    return Error{fmt::format("Invalid pattern '{}…'. It is longer than {} bytes.",
                             decode_utf8(pattern.substr(0, 40)), kLongest)};
  Result<Translation> translation = Translator(pattern).run();
  if (!translation) return std::move(translation.error());
  // The callout at the beginning is where the clock is looked at.
  const std::string text = fmt::format("(?C1)(?:{})", translation->pattern);
  CompileContext context(pcre2_compile_context_create(nullptr));
  check(context != nullptr, "memory for a regular expression");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  std::size_t offset = 0;
  auto state = std::make_unique<State>();
  state->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                  PCRE2_UTF | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C, &error,
                                  &offset, context.get()));
  if (state->code == nullptr) {
    unsigned char words[256] = {};
    pcre2_get_error_message(error, words, sizeof words);
    return Error{fmt::format("Invalid pattern '{}'. {}", pattern, reinterpret_cast<const char*>(words))};
  }
  state->numbers = std::move(translation->numbers);
  constexpr std::uint32_t kHeapKib = 64 * 1024, kSteps = 10'000'000;
  state->data.reset(pcre2_match_data_create_from_pattern(state->code.get(), nullptr));
  state->context.reset(pcre2_match_context_create(nullptr));
  check(state->data != nullptr && state->context != nullptr, "memory for a regular expression");
  pcre2_set_match_limit(state->context.get(), kSteps);
  pcre2_set_heap_limit(state->context.get(), kHeapKib);
  if (pcre2_jit_compile(state->code.get(), PCRE2_JIT_COMPLETE) == 0) {
    state->stack.reset(pcre2_jit_stack_create(32 * 1024, 1024 * 1024, nullptr));
    if (state->stack != nullptr) pcre2_jit_stack_assign(state->context.get(), nullptr, state->stack.get());
  }
  return RegularExpression(std::move(state));
}

std::size_t RegularExpression::group_count() const noexcept { return state_->numbers.size(); }

RegularExpression::Outcome RegularExpression::match(std::string_view line, std::chrono::milliseconds limit,
                                                    std::vector<std::string_view>& groups) {
  Watch watch{limit};
  pcre2_set_callout(state_->context.get(), look_at_clock, &watch);
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(state_->code.get(), reinterpret_cast<PCRE2_SPTR>(line.data()), line.size(), 0, options,
                       state_->data.get(), state_->context.get());
  };
  int found = run(0);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = run(PCRE2_NO_JIT);  // may use more memory
  groups.clear();
  if (found == PCRE2_ERROR_NOMATCH) return Outcome::not_matched;
  if (found < 0) return Outcome::timed_out;
  const std::size_t* const ends = pcre2_get_ovector_pointer(state_->data.get());
  for (const std::uint32_t number : state_->numbers) {
    const bool caught = static_cast<int>(number) < found && ends[2 * number] != PCRE2_UNSET &&
                        ends[2 * number] <= ends[2 * number + 1];
    groups.push_back(caught ? line.substr(ends[2 * number], ends[2 * number + 1] - ends[2 * number])
                            : std::string_view());
  }
  return Outcome::matched;
}

}  // namespace buildspec_run
