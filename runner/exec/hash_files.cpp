#include "runner/exec/hash_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

/// One code point, or one byte that is none.
std::string_view next_character(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && end - at < 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return text.substr(at, end - at);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

/// One segment of a pattern, ready to match a name: any run, any character, a set, or a character.
struct Piece {
  enum class Kind { run, any, set, character };
  Kind kind;
  bool negated = false;
  std::vector<std::pair<std::string, std::string>> ranges =
      {};  // of a set; of a character one, from and to it

  [[nodiscard]] bool matches(std::string_view character) const {
    if (kind == Kind::any) return true;
    const auto holds = [&](const auto& range) {
      return range.first <= character && character <= range.second;
    };
    return std::any_of(ranges.begin(), ranges.end(), holds) != negated;
  }
};

Piece one_character(std::string_view character) {
  return {Piece::Kind::character, false, {{std::string(character), std::string(character)}}};
}

/// The set that begins with "[" at `at`, which moves behind it. nullopt: it is not closed, or a range of it runs backwards, and so
/// the bracket is an ordinary character. UTF-8 sorts as its code points do, so ranges can be compared as texts.
std::optional<Piece> parse_set(std::string_view segment, std::size_t& at) {
  Piece set{Piece::Kind::set};
  std::size_t i = at + 1;
  if (i < segment.size() && (segment[i] == '!' || segment[i] == '^')) {
    set.negated = true;
    ++i;
  }
  const auto member = [&] {
    if (segment[i] == '\\' && i + 1 < segment.size()) ++i;
    const std::string_view character = next_character(segment, i);
    i += character.size();
    return std::string(character);
  };
  // A bracket right behind the first one is a member.
  while (i < segment.size() && (segment[i] != ']' || i == at + 1)) {
    std::string from = member();
    std::string to = from;
    if (i + 1 < segment.size() && segment[i] == '-' && segment[i + 1] != ']') {
      ++i;
      to = member();
      if (to < from) return std::nullopt;
    }
    set.ranges.emplace_back(std::move(from), std::move(to));
  }
  if (i >= segment.size()) return std::nullopt;
  at = i + 1;
  return set;
}

std::vector<Piece> parse_segment(std::string_view segment) {
  std::vector<Piece> pieces;
  for (std::size_t at = 0; at < segment.size();) {
    if (segment[at] == '*') {
      if (pieces.empty() || pieces.back().kind != Piece::Kind::run) pieces.push_back({Piece::Kind::run});
      ++at;
      continue;
    }
    if (segment[at] == '?') {
      pieces.push_back({Piece::Kind::any});
      ++at;
      continue;
    }
    if (segment[at] == '[') {
      if (std::optional<Piece> set = parse_set(segment, at)) {
        pieces.push_back(std::move(*set));
        continue;
      }
    }
    if (segment[at] == '\\' && at + 1 < segment.size()) ++at;
    const std::string_view character = next_character(segment, at);
    pieces.push_back(one_character(character));
    at += character.size();
  }
  return pieces;
}

bool matches_name(std::span<const Piece> pieces, std::string_view name) {
  // What a run takes grows only when the rest does not fit; an earlier run never has to grow again.
  std::size_t piece = 0, at = 0;
  std::optional<std::pair<std::size_t, std::size_t>> again;
  while (at < name.size() || piece < pieces.size()) {
    if (piece < pieces.size() && pieces[piece].kind == Piece::Kind::run) {
      again = {piece++, at};
      continue;
    }
    if (piece < pieces.size() && at < name.size()) {
      const std::string_view character = next_character(name, at);
      if (pieces[piece].matches(character)) {
        ++piece;
        at += character.size();
        continue;
      }
    }
    if (!again || again->second >= name.size()) return false;
    again->second += next_character(name, again->second).size();
    piece = again->first + 1;
    at = again->second;
  }
  return true;
}

/// The name that a segment can match alone; empty when it has globs. Source: @actions/glob, Pattern.getLiteral, which takes a set
/// of one character for that character.
std::string literal_of(std::string_view segment) {
  std::string literal;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] == '\\' && i + 1 < segment.size()) {
      literal += segment[++i];
    } else if (segment[i] == '*' || segment[i] == '?') {
      return {};
    } else if (segment[i] == '[') {
      std::string set;
      std::size_t at = i + 1;
      for (; at < segment.size() && segment[at] != ']'; ++at) {
        if (segment[at] == '\\' && at + 1 < segment.size()) ++at;
        set += segment[at];
      }
      const bool closed = at < segment.size();
      if (closed && count_characters(set) > 1) return {};
      if (closed && !set.empty()) {
        literal += set;
        i = at;
      } else {
        literal += '[';
      }
    } else {
      literal += segment[i];
    }
  }
  return literal;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> segments;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) segments.emplace_back(path.substr(at, end - at));
    at = end + 1;
  }
  return segments;
}

std::string escape_globs(std::string_view path) {
  std::string escaped;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    // A bracket needs it only where another one can close it within the segment, with something between them.
    const std::string_view rest = path.substr(i + 1, path.find('/', i) - i - 1);
    const std::size_t close = rest.rfind(']');
    if (c == '\\')
      escaped += "\\\\";
    else if (c == '?' || c == '*' || (c == '[' && close != std::string_view::npos && close > 0))
      escaped += fmt::format("[{}]", c);
    else
      escaped += c;
  }
  return escaped;
}

struct Pattern {
  struct Segment {
    bool globstar;
    std::vector<Piece> pieces;
  };
  bool negated = false;
  bool implicit = false;          // the descendants of what was written
  bool only_directories = false;  // written with a slash at its end
  std::vector<Segment> segments;  // below the root
  std::string search_root;        // absolute, without globs

  [[nodiscard]] bool ends_in_globstar() const { return !segments.empty() && segments.back().globstar; }

  [[nodiscard]] bool matches(std::span<const std::string> path) const {
    // As in matches_name. The last "**" of an implicit pattern wants something to match.
    const std::size_t least = implicit ? 1 : 0;
    std::size_t segment = 0, at = 0;
    std::optional<std::pair<std::size_t, std::size_t>> again;
    while (at < path.size() || segment < segments.size()) {
      if (segment < segments.size() && segments[segment].globstar) {
        if (segment + 1 == segments.size()) return path.size() - at >= least;
        again = {segment++, at};
        continue;
      }
      if (segment < segments.size() && at < path.size() && matches_name(segments[segment].pieces, path[at])) {
        ++segment;
        ++at;
        continue;
      }
      if (!again || again->second >= path.size()) return false;
      segment = again->first + 1;
      at = ++again->second;
    }
    return true;
  }

  /// Whether something below `path` can match.
  [[nodiscard]] bool may_match_below(std::span<const std::string> path) const {
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (i >= segments.size()) return false;
      if (segments[i].globstar) return true;
      if (!matches_name(segments[i].pieces, path[i])) return false;
    }
    return true;
  }
};

/// A line of the patterns, already trimmed and no comment.
Result<Pattern> parse_pattern(std::string_view line, const std::string& workspace, const std::string& home) {
  Pattern pattern;
  while (line.starts_with('!')) {
    pattern.negated = !pattern.negated;
    line = trim(line.substr(1));
  }
  if (line.empty()) return Error{"pattern cannot be empty"};
  const std::vector<std::string> written = split_path(line);
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::string literal = literal_of(written[i]);
    const bool first = i == 0 && !line.starts_with('/');
    if (literal == ".." || (literal == "." && !first))
      return Error{fmt::format("Invalid pattern '{}'. Relative pathing '.' and '..' is not allowed.", line)};
  }
  std::string absolute(line);
  if (line == "." || line.starts_with("./")) {
    absolute = escape_globs(workspace) + absolute.substr(1);
  } else if (line == "~" || line.starts_with("~/")) {
    if (home.empty()) return Error{"Unable to determine HOME directory"};
    if (!home.starts_with('/'))
      return Error{fmt::format("Expected HOME directory to be a rooted path. Actual '{}'", home)};
    absolute = escape_globs(home) + absolute.substr(1);
  } else if (!line.starts_with('/')) {
    absolute = escape_globs(workspace) + "/" + absolute;
  }
  pattern.only_directories = absolute.ends_with('/');
  bool literal_so_far = true;
  for (const std::string& segment : split_path(absolute)) {
    pattern.segments.push_back({segment == "**", parse_segment(segment)});
    const std::string literal = literal_of(segment);
    literal_so_far = literal_so_far && !literal.empty();
    if (literal_so_far) pattern.search_root += "/" + literal;
  }
  if (pattern.search_root.empty()) pattern.search_root = "/";
  return pattern;
}

/// The patterns and, behind each that does not end in "**", the one of its descendants.
Result<std::vector<Pattern>> parse_patterns(std::string_view lines, const std::string& workspace,
                                            const std::string& home) {
  std::vector<Pattern> patterns;
  for (std::size_t at = 0; at <= lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    const std::string_view line = trim(lines.substr(at, end - at));
    at = end + 1;
    if (line.empty() || line.starts_with('#')) continue;
    Result<Pattern> pattern = parse_pattern(line, workspace, home);
    if (!pattern) return std::move(pattern.error());
    patterns.push_back(std::move(*pattern));
    const Pattern& written = patterns.back();
    if (written.ends_in_globstar() && !written.only_directories) continue;
    Pattern below = written;
    below.segments.push_back({true, {}});
    below.implicit = true;
    below.only_directories = false;
    patterns.push_back(std::move(below));
  }
  return patterns;
}

/// Where the search begins: in the order of the patterns, without what lies below another root.
std::vector<std::string> search_roots(std::span<const Pattern> patterns) {
  std::vector<std::string> all, roots;
  for (const Pattern& pattern : patterns)
    if (!pattern.negated) all.push_back(pattern.search_root);
  for (const std::string& root : all) {
    const auto is_above = [&](const std::string& other) {
      return other.size() < root.size() && root.starts_with(other) &&
             (other == "/" || root[other.size()] == '/');
    };
    if (std::find(roots.begin(), roots.end(), root) == roots.end() &&
        std::none_of(all.begin(), all.end(), is_above))
      roots.push_back(root);
  }
  return roots;
}

class Search {
 public:
  enum class End { done, failed, late, stopped };

  Search(const HashFilesRequest& request, Sha256& sha256, std::stop_token stop)
      : request_(request), sha256_(sha256), stop_(std::move(stop)), deadline_(Clock::now() + request.limit) {}

  End run(const std::string& lines, bool follow) {
    std::error_code failed;
    const std::string workspace = std::filesystem::canonical(request_.workspace, failed).native();
    if (failed) return fail(fmt::format("{}: {}", request_.workspace.native(), failed.message()));
    Result<std::vector<Pattern>> patterns = parse_patterns(lines, workspace, request_.home);
    if (!patterns) return fail(patterns.error().message);
    patterns_ = std::move(*patterns);
    inside_ = workspace + "/";
    follow_ = follow;

    const std::vector<std::string> roots = search_roots(patterns_);
    for (auto root = roots.rbegin(); root != roots.rend(); ++root) {
      struct stat status;
      if (::lstat(root->c_str(), &status) == 0)
        stack_.push_back({*root, 1});
      else if (errno != ENOENT)
        return fail(fmt::format("{}: {}", *root, std::generic_category().message(errno)));
    }
    while (!stack_.empty()) {
      if (stop_.stop_requested()) return End::stopped;
      if (Clock::now() > deadline_) return End::late;
      const Item item = std::move(stack_.back());
      stack_.pop_back();
      if (const End end = visit(item); end != End::done) return end;
    }
    return End::done;
  }

  /// The sum over what has been found.
  std::string sum() {
    if (sums_.empty()) return "";
    sha256_.update(sums_);
    return to_hex(sha256_.finish());
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Item {
    std::string path;
    std::size_t level;
  };

  void trace(std::string_view line) const {
    if (request_.trace) request_.trace(line);
  }
  End fail(std::string_view why) const {
    trace(why);
    return End::failed;
  }

  End visit(const Item& item) {
    const std::vector<std::string> segments = split_path(item.path);
    bool matches_file = false, matches_directory = false;
    for (const Pattern& pattern : patterns_) {
      if (!pattern.matches(segments)) continue;
      matches_directory = !pattern.negated;
      if (!pattern.only_directories) matches_file = !pattern.negated;
    }
    const bool enter = matches_file || matches_directory ||
                       std::any_of(patterns_.begin(), patterns_.end(), [&](const Pattern& pattern) {
                         return !pattern.negated && pattern.may_match_below(segments);
                       });
    if (!enter) return End::done;

    struct stat status;
    if ((follow_ ? ::stat(item.path.c_str(), &status) : ::lstat(item.path.c_str(), &status)) != 0) {
      if (follow_ && errno == ENOENT) return End::done;  // a link that leads nowhere
      return fail(fmt::format("{}: {}", item.path, std::generic_category().message(errno)));
    }
    if (S_ISDIR(status.st_mode)) return enter_directory(item);
    return matches_file ? hash_file(item.path) : End::done;
  }

  End enter_directory(const Item& item) {
    std::error_code failed;
    if (follow_) {
      std::string real = std::filesystem::canonical(item.path, failed).native();
      if (failed) return fail(fmt::format("{}: {}", item.path, failed.message()));
      while (chain_.size() >= item.level) chain_.pop_back();
      if (std::find(chain_.begin(), chain_.end(), real) != chain_.end()) return End::done;  // a cycle
      chain_.push_back(std::move(real));
    }
    std::vector<std::string> names;
    std::filesystem::directory_iterator entry(item.path, failed);
    for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed))
      names.push_back(entry->path().filename().native());
    if (failed) return fail(fmt::format("{}: {}", item.path, failed.message()));
    std::sort(names.begin(), names.end(), std::greater<>());  // the first is popped first
    const std::string base = item.path == "/" ? "/" : item.path + "/";
    for (const std::string& name : names) stack_.push_back({base + name, item.level + 1});
    return End::done;
  }

  End hash_file(const std::string& path) {
    trace(path);
    if (!path.starts_with(inside_)) {
      trace(fmt::format("Ignore '{}' since it is not under GITHUB_WORKSPACE.", path));
      return End::done;
    }
    struct stat status;
    if (::stat(path.c_str(), &status) != 0)
      return fail(fmt::format("{}: {}", path, std::generic_category().message(errno)));
    if (S_ISDIR(status.st_mode)) {
      trace(fmt::format("Skip directory '{}'.", path));
      return End::done;
    }
    // GitHub's helper would wait for who writes into a pipe until its time is over.
    if (!S_ISREG(status.st_mode)) return fail(fmt::format("{}: is no regular file", path));
    const Result<Sha256Digest> digest =
        sha256_of_file(sha256_, path, [&] { return !stop_.stop_requested() && Clock::now() <= deadline_; });
    if (!digest) {
      if (stop_.stop_requested()) return End::stopped;
      if (Clock::now() > deadline_) return End::late;
      return fail(digest.error().message);
    }
    sums_.append(digest->begin(), digest->end());
    return End::done;
  }

  const HashFilesRequest& request_;
  Sha256& sha256_;
  std::stop_token stop_;
  Clock::time_point deadline_;
  std::vector<Pattern> patterns_;
  std::string inside_;  // the workspace and a slash
  bool follow_ = false;
  std::vector<Item> stack_;
  std::vector<std::string> chain_;  // real paths of the directories above
  std::string sums_;
};

}  // namespace

Result<std::string> hash_files(const HashFilesRequest& request, Sha256& sha256, std::stop_token stop) {
  std::span<const std::string> patterns = request.patterns;
  bool follow = false;
  if (!patterns.empty() && patterns.front().starts_with("--")) {
    if (!equals_ignoring_case(patterns.front(), "--follow-symbolic-links"))
      return Error{fmt::format(
          "Specified argument was out of the range of valid values. (Parameter 'Invalid glob option {}, "
          "avaliable option: '--follow-symbolic-links'.')",
          patterns.front())};
    follow = true;
    patterns = patterns.subspan(1);
  }
  Search search(request, sha256, std::move(stop));
  const Search::End end = search.run(fmt::format("{}", fmt::join(patterns, "\n")), follow);
  if (end == Search::End::done) return search.sum();
  std::string shown;
  for (const char c : fmt::format("{}", fmt::join(patterns, ", "))) {
    if (c == '\'') shown += c;
    shown += c;
  }
  switch (end) {
    case Search::End::late:
      return Error{fmt::format("hashFiles('{}') couldn't finish within {} seconds.", shown,
                               std::chrono::duration_cast<std::chrono::seconds>(request.limit).count())};
    case Search::End::stopped:
      return Error{fmt::format("hashFiles('{}') was cancelled", shown)};
    default:
      return Error{fmt::format("hashFiles('{}') failed. Fail to hash files under directory '{}'", shown,
                               request.workspace.native())};
  }
}

}  // namespace buildspec_run
