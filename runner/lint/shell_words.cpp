#include "runner/lint/shell_words.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace buildspec_run {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_meta(char c) {
  return is_blank(c) || c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')' || c == '<' ||
         c == '>';
}

// Words after which a command begins.
constexpr std::string_view kBeforeCommand[] = {"if",    "then", "else", "elif", "while",
                                               "until", "do",   "!",    "{",    "time"};
// Longest first.
constexpr std::string_view kOperators[] = {"<<<", "&>>", "<<-", "&&", "||", ";;", "<<",
                                           ">>",  "&>",  "<&",  ">&", "<>", ">|", "&",
                                           "|",   ";",   "(",   ")",  "<",  ">",  "\n"};

bool is_assignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+';
  });
}

class Scanner {
 public:
  explicit Scanner(std::string_view script) : script_(script) {}

  ShellWords run() && {
    while (at_ < script_.size()) {
      const char c = script_[at_];
      if (is_blank(c))
        ++at_;
      else if (c == '\\' && next_is('\n'))
        at_ += 2;
      else if (c == '#')
        at_ = std::min(script_.find('\n', at_), script_.size());
      else if (c == '(' && skip_arithmetic())
        continue;
      else if (is_meta(c))
        read_operator();
      else
        read_word();
    }
    found_.open_here_document = found_.open_here_document || !delimiters_.empty();
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool next_is(char c) const { return at_ + 1 < script_.size() && script_[at_ + 1] == c; }

  /// Whether a command `(( … ))` begins here; then it is behind us.
  bool skip_arithmetic() {
    if (!command_next_) return false;
    const std::size_t end = end_of_arithmetic(at_);
    if (end == std::string_view::npos) return false;
    at_ = end;
    return true;
  }

  // Behind the `))` that ends what `((` at `from` begins, where a `<<` shifts; npos: no arithmetic begins there.
  [[nodiscard]] std::size_t end_of_arithmetic(std::size_t from) const {
    if (!script_.substr(std::min(from, script_.size())).starts_with("((")) return std::string_view::npos;
    constexpr std::size_t kLongest = 512;  // so that a text of nothing but parentheses takes no long time
    std::size_t depth = 0;
    for (std::size_t at = from; at < std::min(script_.size(), from + kLongest); ++at) {
      if (script_[at] == '(') {
        ++depth;
      } else if (script_[at] == ')' && --depth == 0) {
        // A subshell in a subshell, `((a) | (b))`, is taken for one as well: its words are not looked at.
        return script_[at - 1] == ')' ? at + 1 : std::string_view::npos;
      }
    }
    return std::string_view::npos;
  }

  void read_operator() {
    const std::string_view rest = script_.substr(at_);
    const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                     [&](std::string_view op) { return rest.starts_with(op); });
    const std::string_view op = *found;  // the last ones are every meta character that is no blank
    add(at_, op.size(), true);
    at_ += op.size();
    if (op == "\n") skip_here_documents();
    if (op == "<<" || op == "<<-") read_delimiter();
    const bool redirects = op.find_first_of("<>") != std::string_view::npos;
    if (!redirects) command_next_ = true;
    after_redirection_ = redirects && op != "<<" && op != "<<-";
  }

  void read_delimiter() {
    while (at_ < script_.size() && is_blank(script_[at_])) ++at_;
    std::string delimiter;
    while (at_ < script_.size() && !is_meta(script_[at_])) {
      if (script_[at_] != '"' && script_[at_] != '\'' && script_[at_] != '\\') delimiter += script_[at_];
      ++at_;
    }
    if (!delimiter.empty()) delimiters_.push_back(std::move(delimiter));
  }

  void skip_here_documents() {
    for (const std::string& delimiter : delimiters_) {
      bool closed = false;
      while (at_ < script_.size() && !closed) {
        const std::size_t end = std::min(script_.find('\n', at_), script_.size());
        std::string_view line = script_.substr(at_, end - at_);
        while (line.starts_with('\t')) line.remove_prefix(1);
        closed = line == delimiter;
        at_ = std::min(end + 1, script_.size());
      }
      found_.open_here_document = found_.open_here_document || !closed;
    }
    delimiters_.clear();
  }

  void read_word() {
    const std::size_t begin = at_;
    while (at_ < script_.size() && !is_meta(script_[at_])) {
      switch (script_[at_]) {
        case '\'':
          skip_past('\'');
          break;
        case '"':
          skip_double_quotes();
          break;
        case '\\':
          at_ = std::min(at_ + 2, script_.size());
          break;
        case '`':  // what is inside are commands
          if (at_ > begin) add(begin, at_ - begin, false);
          add(at_++, 1, true);
          command_next_ = true;
          return;
        case '$':
          if (const std::size_t end = end_of_arithmetic(at_ + 1); end != std::string_view::npos) {
            at_ = end;
            break;
          }
          if (next_is('(')) {
            if (at_ > begin) add(begin, at_ - begin, false);
            add(at_, 2, true);
            at_ += 2;
            command_next_ = true;
            return;
          }
          if (next_is('{')) {
            skip_past('}');
            break;
          }
          ++at_;
          break;
        default:
          ++at_;
      }
    }
    add(begin, at_ - begin, false);
  }

  // From an opening quote or brace to behind its `close`; a `$'` or `${` costs nothing more.
  void skip_past(char close) {
    const std::size_t end = script_.find(close, at_ + 1);
    at_ = end == std::string_view::npos ? script_.size() : end + 1;
  }

  // With `$(…)` in them, which may hold quotes of its own.
  void skip_double_quotes() {
    std::string open = "\"";
    for (++at_; at_ < script_.size() && !open.empty(); ++at_) {
      const char c = script_[at_];
      if (c == '\\') {
        ++at_;
      } else if (open.back() == '\'') {
        if (c == '\'') open.pop_back();
      } else if (c == '"') {
        if (open.back() == '"')
          open.pop_back();
        else
          open += '"';
      } else if (c == '(' && (open.back() == '(' || script_[at_ - 1] == '$')) {
        open += '(';
      } else if (c == ')' && open.back() == '(') {
        open.pop_back();
      } else if (c == '\'' && open.back() == '(') {
        open += '\'';
      }
    }
    at_ = std::min(at_, script_.size());
  }

  void add(std::size_t offset, std::size_t size, bool is_operator) {
    const std::string_view text = script_.substr(offset, size);
    const bool target = after_redirection_ && !is_operator;
    const bool is_command = command_next_ && !is_operator && !target && !is_assignment(text);
    found_.words.push_back({text, offset, is_command, is_operator});
    if (!is_operator) after_redirection_ = false;
    if (is_command)
      command_next_ =
          std::find(std::begin(kBeforeCommand), std::end(kBeforeCommand), text) != std::end(kBeforeCommand);
  }

  std::string_view script_;
  std::size_t at_ = 0;
  bool command_next_ = true;
  bool after_redirection_ = false;
  std::vector<std::string> delimiters_;
  ShellWords found_;
};

}  // namespace

ShellWords scan_shell(std::string_view script) { return Scanner(script).run(); }

}  // namespace buildspec_run
