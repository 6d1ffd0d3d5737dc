#include "actions/problem_matcher.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>

#include "actions/dotnet_text.h"
#include "actions/expr/characters.h"
#include "actions/regular_expression.h"
#include "runner/base/json.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

// --- The file

// JSON as people write it: comments become blanks, and so do commas before a closing bracket. Places stay the same.
std::string plain_json(std::string_view text) {
  std::string plain(text);
  std::size_t comma = std::string::npos;  // of the last token, if it is one
  for (std::size_t at = 0; at < plain.size();) {
    const char c = plain[at];
    if (c == '"') {
      for (++at; at < plain.size() && plain[at] != '"'; ++at)
        if (plain[at] == '\\') ++at;
      ++at;
      comma = std::string::npos;
    } else if (c == '/' && at + 1 < plain.size() && (plain[at + 1] == '/' || plain[at + 1] == '*')) {
      const bool is_line = plain[at + 1] == '/';
      std::size_t end = is_line ? plain.find('\n', at) : plain.find("*/", at + 2);
      if (end == std::string::npos) {
        if (!is_line) return plain;  // the parser complains
        end = plain.size();
      } else if (!is_line) {
        end += 2;
      }
      std::fill(plain.begin() + static_cast<std::ptrdiff_t>(at),
                plain.begin() + static_cast<std::ptrdiff_t>(end), ' ');
      at = end;
    } else {
      if ((c == ']' || c == '}') && comma != std::string::npos) plain[comma] = ' ';
      if (c == ',')
        comma = at;
      else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
        comma = std::string::npos;
      ++at;
    }
  }
  return plain;
}

// Reads members into what they stand for, converting kinds as GitHub's reader does; notes the first that cannot be.
class Reader {
 public:
  std::string error;

  void text(const Value::Member& member, std::string& to) {
    const Value& value = member.second;
    if (value.is_null())
      to.clear();
    else if (value.string() != nullptr)
      to = *value.string();
    else if (value.array() != nullptr || value.object() != nullptr)
      fail(member, "a text");
    else
      to = to_json(value);
  }
  void number(const Value::Member& member, std::optional<int>& to) {
    const Value& value = member.second;
    to.reset();
    if (value.is_null()) return;
    if (value.integer() != nullptr && *value.integer() >= INT32_MIN && *value.integer() <= INT32_MAX)
      to = static_cast<int>(*value.integer());
    else if (value.string() != nullptr && !value.string()->empty())
      to = parse_int32(*value.string());
    if (!to && (value.string() == nullptr || !value.string()->empty())) fail(member, "a whole number");
  }
  void boolean(const Value::Member& member, bool& to) {
    const Value& value = member.second;
    if (value.boolean() != nullptr)
      to = *value.boolean();
    else if (value.integer() != nullptr)
      to = *value.integer() != 0;
    else if (value.string() != nullptr && equals_ignoring_case(trim_white_space(*value.string()), "true"))
      to = true;
    else if (value.string() != nullptr && equals_ignoring_case(trim_white_space(*value.string()), "false"))
      to = false;
    else
      fail(member, "true or false");
  }
  const Value::Array* list(const Value::Member& member) {
    static const Value::Array kNone;
    if (member.second.is_null()) return &kNone;
    if (member.second.array() == nullptr) fail(member, "a list");
    return member.second.array() == nullptr ? &kNone : member.second.array();
  }
  const Value::Object* object(std::string_view what, const Value& value) {
    static const Value::Object kNone;
    if (value.object() == nullptr && error.empty()) error = fmt::format("{} is no object", what);
    return value.object() == nullptr ? &kNone : value.object();
  }

 private:
  void fail(const Value::Member& member, std::string_view wanted) {
    if (error.empty())
      error = fmt::format("'{}' is {}, not {}", member.first, to_json(member.second), wanted);
  }
};

bool is(const Value::Member& member, std::string_view name) {
  return equals_ignoring_case(member.first, name);
}

MatcherPattern read_pattern(const Value& value, Reader& reader) {
  MatcherPattern pattern;
  for (const Value::Member& member : *reader.object("a pattern", value)) {
    if (is(member, "regexp")) reader.text(member, pattern.regexp);
    if (is(member, "file")) reader.number(member, pattern.file);
    if (is(member, "line")) reader.number(member, pattern.line);
    if (is(member, "column")) reader.number(member, pattern.column);
    if (is(member, "severity")) reader.number(member, pattern.severity);
    if (is(member, "code")) reader.number(member, pattern.code);
    if (is(member, "message")) reader.number(member, pattern.message);
    if (is(member, "fromPath")) reader.number(member, pattern.from_path);
    if (is(member, "loop")) reader.boolean(member, pattern.loop);
  }
  return pattern;
}

MatcherSpec read_matcher(const Value& value, Reader& reader) {
  MatcherSpec matcher;
  for (const Value::Member& member : *reader.object("a problem matcher", value)) {
    if (is(member, "owner")) reader.text(member, matcher.owner);
    if (is(member, "severity")) reader.text(member, matcher.severity);
    if (is(member, "fromPath")) reader.text(member, matcher.from_path);
    if (is(member, "pattern")) {
      matcher.patterns.clear();
      for (const Value& pattern : *reader.list(member))
        matcher.patterns.push_back(read_pattern(pattern, reader));
    }
  }
  return matcher;
}

// --- Compiled

std::optional<AnnotationLevel> level_of(std::string_view severity) noexcept {
  for (const AnnotationLevel level :
       {AnnotationLevel::error, AnnotationLevel::warning, AnnotationLevel::notice})
    if (equals_ignoring_case(severity, to_string(level))) return level;
  return severity.empty() ? std::optional(AnnotationLevel::error) : std::nullopt;
}

struct Property {
  std::string_view name;
  std::optional<int> MatcherPattern::*group;
};
constexpr Property kProperties[] = {
    {"file", &MatcherPattern::file},         {"line", &MatcherPattern::line},
    {"column", &MatcherPattern::column},     {"severity", &MatcherPattern::severity},
    {"code", &MatcherPattern::code},         {"message", &MatcherPattern::message},
    {"fromPath", &MatcherPattern::from_path}};
enum { kFile, kLine, kColumn, kSeverity, kCode, kMessage, kFromPath, kPropertyCount };

struct CompiledPattern {
  RegularExpression regexp;
  MatcherPattern spec;
};

struct CompiledMatcher {
  std::string owner, severity, from_path;
  std::vector<CompiledPattern> patterns;
};

Result<CompiledMatcher> compile(const MatcherSpec& spec) {
  if (spec.owner.empty()) return Error{"Owner must not be empty"};
  if (!level_of(spec.severity))
    return Error{
        fmt::format("Matcher '{}' contains unexpected default severity '{}'", spec.owner, spec.severity)};
  if (spec.patterns.empty())
    return Error{fmt::format("Matcher '{}' does not contain any patterns", spec.owner)};
  CompiledMatcher matcher{spec.owner, spec.severity, spec.from_path, {}};
  std::set<std::string_view> properties;
  for (const MatcherPattern& pattern : spec.patterns) {
    const bool is_first = &pattern == &spec.patterns.front(), is_last = &pattern == &spec.patterns.back();
    if (pattern.loop && (is_first || !is_last))
      return Error{"Only the last pattern in a multiline matcher may set 'loop'"};
    if (pattern.loop && !pattern.message) return Error{"The loop pattern must set 'message'"};
    Result<RegularExpression> regexp = RegularExpression::compile(pattern.regexp);
    if (!regexp) return std::move(regexp.error());
    for (const auto& [name, group] : kProperties) {
      const std::optional<int>& number = pattern.*group;
      if (!number) continue;
      if (!properties.insert(name).second) return Error{fmt::format("The property '{}' is set twice", name)};
      if (*number < 0 || static_cast<std::size_t>(*number) >= regexp->group_count())
        return Error{fmt::format("The property '{}' is set to {} which is out of range", name, *number)};
    }
    matcher.patterns.push_back({std::move(*regexp), pattern});
  }
  if (!properties.contains("message")) return Error{"At least one pattern must set 'message'"};
  return matcher;
}

// What the lines of a find have said so far. A value that is there, though empty, stays.
using Caught = std::array<std::optional<std::string>, kPropertyCount>;

// A matcher with the state it has in one process.
struct Running {
  std::shared_ptr<CompiledMatcher> matcher;  // owners: the job's list and the processes that are being read
  std::vector<std::optional<Caught>> state;  // of every pattern but the last
};

void reset(Running& running) { running.state.assign(running.matcher->patterns.size() - 1, std::nullopt); }

struct RunState {
  MatcherRun::Options options;
  std::vector<Running> running;
  std::map<std::string, std::string>
      repository_of;  // directory → repository it belongs to; empty: to none of ours

  // What the runner does with what has changed: one matcher at a time to the front.
  void replace(const std::string& owner, const std::shared_ptr<CompiledMatcher>& matcher) {
    std::erase_if(running, [&](const Running& known) {
      return compare_ignoring_case(known.matcher->owner, owner) == 0;
    });
    if (matcher == nullptr) return;
    running.insert(running.begin(), Running{matcher, {}});
    reset(running.front());
  }
};

}  // namespace

Result<std::vector<MatcherSpec>> parse_problem_matchers(std::string_view bytes) {
  const std::string text = plain_json(decode_file(bytes));
  std::vector<MatcherSpec> matchers;
  if (is_blank(text)) return matchers;
  const Result<Value> value = parse_json(text);
  if (!value) return Error{value.error().message};
  if (value->is_null()) return matchers;
  Reader reader;
  for (const Value::Member& member : *reader.object("the file", *value)) {
    if (!is(member, "problemMatcher")) continue;
    matchers.clear();
    for (const Value& matcher : *reader.list(member)) matchers.push_back(read_matcher(matcher, reader));
  }
  if (!reader.error.empty()) return Error{std::move(reader.error)};
  return matchers;
}

// --- The matchers of a job

struct ProblemMatchers::State {
  std::vector<std::shared_ptr<CompiledMatcher>> matchers;
  std::vector<RunState*> runs;  // the processes that are being read
};

ProblemMatchers::ProblemMatchers() : state_(std::make_unique<State>()) {}
ProblemMatchers::~ProblemMatchers() = default;
ProblemMatchers::ProblemMatchers(ProblemMatchers&&) noexcept = default;
ProblemMatchers& ProblemMatchers::operator=(ProblemMatchers&&) noexcept = default;

ProblemMatchers ProblemMatchers::copy() const {
  ProblemMatchers made;
  made.state_->matchers = state_->matchers;
  return made;
}

Result<void> ProblemMatchers::add(const std::vector<MatcherSpec>& specs) {
  std::vector<std::shared_ptr<CompiledMatcher>> added;
  std::set<std::string> owners;
  for (const MatcherSpec& spec : specs) {
    Result<CompiledMatcher> matcher = compile(spec);
    if (!matcher) return std::move(matcher.error());
    if (!owners.insert(to_upper_case(spec.owner)).second)
      return Error{fmt::format("Duplicate owner name '{}'", spec.owner)};
    added.push_back(std::make_shared<CompiledMatcher>(std::move(*matcher)));
  }
  std::erase_if(state_->matchers,
                [&](const auto& known) { return owners.contains(to_upper_case(known->owner)); });
  state_->matchers.insert(state_->matchers.begin(), added.begin(), added.end());
  for (RunState* run : state_->runs)
    for (const auto& matcher : added) run->replace(matcher->owner, matcher);
  return {};
}

void ProblemMatchers::remove(const std::vector<std::string>& names) {
  std::set<std::string> owners;
  for (const std::string& name : names) owners.insert(to_upper_case(name));
  std::erase_if(state_->matchers, [&](const std::shared_ptr<CompiledMatcher>& known) {
    if (!owners.contains(to_upper_case(known->owner))) return false;
    for (RunState* run : state_->runs) run->replace(known->owner, nullptr);
    return true;
  });
}

std::vector<std::string> ProblemMatchers::owners() const {
  std::vector<std::string> names;
  for (const auto& matcher : state_->matchers) names.push_back(matcher->owner);
  return names;
}

bool ProblemMatchers::empty() const noexcept { return state_->matchers.empty(); }

// --- Files

bool names_repository(std::string_view git_config, const RepositoryIdentity& identity) {
  std::string_view host = identity.server_url;
  if (const std::size_t scheme = host.find("://"); scheme != std::string_view::npos)
    host.remove_prefix(scheme + 3);
  host = host.substr(0, host.find('/'));
  if (const std::size_t user = host.find('@'); user != std::string_view::npos) host.remove_prefix(user + 1);
  host = host.substr(0, host.find(':'));
  const std::string forms[] = {fmt::format("url = {}/{}", identity.server_url, identity.repository),
                               fmt::format("url = git@{}:{}.git", host, identity.repository)};
  while (!git_config.empty()) {
    const std::size_t end = git_config.find('\n');
    for (const std::string& form : forms)
      if (equals_ignoring_case(trim_white_space(git_config.substr(0, end)), form)) return true;
    if (end == std::string_view::npos) break;
    git_config.remove_prefix(end + 1);
  }
  return false;
}

namespace {

// Of a path: what is before its last '/'; "/" for "/a"; nothing for "a" and for "/".
std::string directory_of(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string_view::npos || path.size() == 1) return {};
  const std::size_t end = path.find_last_not_of('/', slash);
  return end == std::string_view::npos ? "/" : std::string(path.substr(0, end + 1));
}

std::string normal(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

// The nearest directory above `path` that has a .git/config, when it is ours.
std::string repository_of(const std::string& path, RunState& run, int depth = 0) {
  constexpr int kDeepest = 50;
  constexpr std::size_t kMostKnown = 100;
  const std::string directory = directory_of(path);
  if (directory.empty() || depth > kDeepest) return {};
  if (run.repository_of.size() > kMostKnown) run.repository_of.clear();
  if (const auto known = run.repository_of.find(directory); known != run.repository_of.end())
    return known->second;
  std::string repository;
  const std::string config = directory + (directory.ends_with('/') ? ".git/config" : "/.git/config");
  if (!run.options.identity.root.empty() &&
      normal(run.options.identity.root + "/") == normal(directory + "/")) {
    repository = directory;
  } else if (run.options.files->is_file(config)) {
    const std::optional<std::string> text = run.options.files->read(config);
    if (text && names_repository(*text, run.options.identity)) repository = directory;
  } else {
    repository = repository_of(directory, run, depth + 1);
  }
  return run.repository_of[directory] = repository;
}

// The file of a find, relative to its repository; empty when it is dropped.
std::string file_of(const Caught& caught, RunState& run, const std::function<void(std::string)>& debug) {
  std::string file = caught[kFile].value_or("");
  const std::string from_path = caught[kFromPath].value_or("");
  if (is_blank(file) || run.options.files == nullptr) return {};
  bool translate = static_cast<bool>(run.options.to_host);
  const auto join = [](const std::string& a, const std::string& b) {
    return (std::filesystem::path(a) / b).string();
  };
  if (!is_blank(from_path) && !file.starts_with('/'))
    if (const std::string directory = directory_of(from_path); !is_blank(directory))
      file = join(directory, file);
  if (!file.starts_with('/')) {
    file = join(run.options.workspace, file);
    translate = false;
  }
  file = normal(file);
  if (translate) file = normal(run.options.to_host(file));
  if (!run.options.files->is_file(file)) {
    debug(fmt::format("Dropping file value '{}'. Path does not exist", file));
    return {};
  }
  const std::string repository = repository_of(file, run);
  if (repository.empty()) {
    debug(fmt::format("Dropping file value '{}'. Path is not under the workflow repo.", file));
    return {};
  }
  const std::size_t begin = file.find_first_not_of('/', repository.size());
  return begin == std::string::npos ? std::string() : file.substr(begin);
}

std::optional<Annotation> issue_of(const Caught& caught, RunState& run,
                                   const std::function<void(std::string)>& debug) {
  Annotation issue;
  issue.message = caught[kMessage].value_or("");
  if (is_blank(issue.message)) {
    debug("Skipping logging an issue for the matched line because the message is empty.");
    return std::nullopt;
  }
  const std::string severity = caught[kSeverity].value_or("");
  const std::optional<AnnotationLevel> level = level_of(severity);
  if (!level) {
    debug(fmt::format(
        "Skipped logging an issue for the matched line because the severity '{}' is not supported.",
        severity));
    return std::nullopt;
  }
  issue.level = *level;
  const auto number = [&](const std::optional<std::string>& text,
                          std::string_view what) -> std::optional<int> {
    if (!text || text->empty()) return std::nullopt;
    const std::optional<int> value = parse_digits32(*text);
    if (!value) debug(fmt::format("Unable to parse {} number '{}'", what, *text));
    return value;
  };
  issue.line = issue.end_line = number(caught[kLine], "line");
  issue.column = number(caught[kColumn], "column");
  issue.code = trim_white_space(caught[kCode].value_or(""));
  issue.file = file_of(caught, run, debug);
  return issue;
}

enum class Step { no_match, match, timed_out };

// One line before one matcher: the algorithm of 3.16. On a match, `caught` has what all of its lines say.
Step advance(Running& running, std::string_view line, std::chrono::milliseconds limit, Caught& caught) {
  CompiledMatcher& matcher = *running.matcher;
  const std::size_t last = matcher.patterns.size() - 1;
  std::vector<std::string_view> groups;
  for (std::size_t i = last + 1; i-- > 0;) {
    if (i > 0 && !running.state[i - 1]) continue;
    CompiledPattern& pattern = matcher.patterns[i];
    const RegularExpression::Outcome outcome = pattern.regexp.match(line, limit, groups);
    if (outcome == RegularExpression::Outcome::timed_out) return Step::timed_out;
    if (outcome == RegularExpression::Outcome::not_matched) {
      if (last > 0) running.state[i == last ? i - 1 : i].reset();
      continue;
    }
    Caught merged = i > 0 ? *running.state[i - 1] : Caught();
    for (std::size_t property = 0; property < kPropertyCount; ++property)
      if (const std::optional<int>& group = pattern.spec.*kProperties[property].group;
          group && !merged[property])
        merged[property] = std::string(groups[static_cast<std::size_t>(*group)]);
    if (i < last) {
      running.state[i] = std::move(merged);
      continue;
    }
    std::optional<Caught> kept;
    if (pattern.spec.loop) kept = std::move(running.state[i - 1]);
    reset(running);
    if (kept) running.state[i - 1] = std::move(kept);
    if (merged[kSeverity].value_or("").empty()) merged[kSeverity] = matcher.severity;
    if (merged[kFromPath].value_or("").empty()) merged[kFromPath] = matcher.from_path;
    caught = std::move(merged);
    return Step::match;
  }
  return Step::no_match;
}

}  // namespace

// --- One process

struct MatcherRun::State : RunState {
  ProblemMatchers::State* job = nullptr;
};

MatcherRun::MatcherRun(const ProblemMatchers& matchers, Options options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->job = matchers.state_.get();
  state_->job->runs.push_back(state_.get());
  for (const auto& matcher : state_->job->matchers) {
    state_->running.push_back({matcher, {}});
    reset(state_->running.back());
  }
}

MatcherRun::~MatcherRun() {
  if (state_ != nullptr) std::erase(state_->job->runs, state_.get());
}
MatcherRun::MatcherRun(MatcherRun&&) noexcept = default;

bool MatcherRun::active() const noexcept { return !state_->running.empty(); }

MatcherRun::Match MatcherRun::match(std::string_view line) {
  constexpr int kMostAttempts = 3;
  Match result;
  const auto debug = [&](std::string text) {
    if (state_->options.debug) result.log.emplace_back("##[debug]" + std::move(text));
  };
  std::vector<Running>& running = state_->running;
  for (std::size_t i = 0; i < running.size(); ++i) {
    Caught caught;
    Step step = Step::timed_out;
    for (int attempt = 1; attempt <= kMostAttempts && step == Step::timed_out; ++attempt) {
      step = advance(running[i], line, state_->options.time_limit, caught);
      if (step == Step::timed_out && attempt < kMostAttempts)
        debug(fmt::format("Timeout processing issue matcher '{}' against line '{}'.",
                          running[i].matcher->owner, line));
    }
    if (step == Step::timed_out) {
      Annotation warning;
      warning.level = AnnotationLevel::warning;
      warning.message = fmt::format(
          "Removing issue matcher '{}'. Matcher failed {} times. Error: The Regex engine has timed out while "
          "trying to "
          "match a pattern to an input string. This can occur for many reasons, including very large inputs "
          "or "
          "excessive backtracking caused by nested quantifiers, back-references and other factors.",
          running[i].matcher->owner, kMostAttempts);
      result.log.emplace_back(std::move(warning));
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i--));
      continue;
    }
    if (step != Step::match) continue;
    for (std::size_t other = 0; other < running.size(); ++other)
      if (other != i) reset(running[other]);
    std::optional<Annotation> issue = issue_of(caught, *state_, debug);
    if (!issue) continue;
    issue->log_text = line;
    result.log.emplace_back(std::move(*issue));
    result.consumed = true;
    return result;
  }
  return result;
}

std::chrono::milliseconds parse_matcher_timeout(std::string_view text) {
  constexpr std::chrono::milliseconds kUsual{1000};
  text = trim_white_space(text);
  std::int64_t days = 0;
  bool has_days = false;
  // [d.]hh:mm[:ss[.fraction]], or days alone.
  if (const std::size_t dot = text.find('.'); dot < text.find(':')) {
    const std::optional<int> number = parse_digits32(text.substr(0, dot));
    if (!number) return kUsual;
    days = *number, has_days = true;
    text.remove_prefix(dot + 1);
  }
  std::int64_t parts[3] = {};
  std::size_t count = 0;
  std::int64_t fraction = 0;
  for (bool more = true; more; ++count) {
    if (count == 3) return kUsual;
    const std::size_t colon = text.find(':');
    more = colon != std::string_view::npos;
    std::string_view part = text.substr(0, colon);
    if (count == 2) {
      if (const std::size_t dot = part.find('.'); dot != std::string_view::npos) {
        std::string_view digits = part.substr(dot + 1);
        if (digits.size() > 7 || !parse_digits32(digits)) return kUsual;
        fraction = *parse_digits32(std::string(digits.substr(0, 3)) +
                                   std::string(3 - std::min<std::size_t>(3, digits.size()), '0'));
        part = part.substr(0, dot);
      }
    }
    const std::optional<int> number = parse_digits32(part);
    if (!number) return kUsual;
    parts[count] = *number;
    if (more) text.remove_prefix(colon + 1);
  }
  if (count == 1 && !has_days) days = std::exchange(parts[0], 0);
  if (count == 1 && has_days) return kUsual;
  if (parts[0] > 23 || parts[1] > 59 || parts[2] > 59 || days > 10'000'000) return kUsual;
  const std::chrono::milliseconds time((((days * 24 + parts[0]) * 60 + parts[1]) * 60 + parts[2]) * 1000 +
                                       fraction);
  return time.count() > 0 ? time : kUsual;
}

}  // namespace buildspec_run
