// Problem matchers: regular expressions that find errors and warnings of compilers in a step's output.
// Source: actions.md 3.16.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actions/annotation.h"
#include "runner/base/result.h"

namespace buildspec_run {

/// One line of a matcher. A group is given by its number.
struct MatcherPattern {
  std::string regexp;
  std::optional<int> file, line, column, severity, code, message, from_path;
  bool loop = false;
};

struct MatcherSpec {
  std::string owner, severity, from_path;
  std::vector<MatcherPattern> patterns;
};

/// Reads a matcher file. An empty one has none. Comments and commas before a closing bracket are passed over, as GitHub's
/// reader does; the kinds of values are converted likewise. What a matcher has to have is checked by ProblemMatchers::add.
[[nodiscard]] Result<std::vector<MatcherSpec>> parse_problem_matchers(std::string_view text);

/// The matchers of a job, from `add-matcher` on. Order: the last added come first.
class ProblemMatchers {
 public:
  ProblemMatchers();
  ~ProblemMatchers();
  ProblemMatchers(ProblemMatchers&&) noexcept;
  ProblemMatchers& operator=(ProblemMatchers&&) noexcept;

  /// The same matchers. No process that is being read sees what becomes of them.
  [[nodiscard]] ProblemMatchers copy() const;
  /// Checks all of them, then adds them; one whose owner is known (without regard to case) takes that one's place. An
  /// Error's message is the one that the runner gives (the table of 3.16, or why an expression is none).
  Result<void> add(const std::vector<MatcherSpec>& specs);
  void remove(const std::vector<std::string>& owners);
  /// In the order in which a new process would try them.
  [[nodiscard]] std::vector<std::string> owners() const;
  [[nodiscard]] bool empty() const noexcept;

 private:
  friend class MatcherRun;
  struct State;
  std::unique_ptr<State> state_;
};

/// What the search for a file asks of the machine.
class MatcherFiles {
 public:
  virtual ~MatcherFiles() = default;
  /// Whether there is a file at this absolute path.
  [[nodiscard]] virtual bool is_file(const std::string& path) = 0;
  /// Its bytes; nullopt when it is not there or cannot be read.
  [[nodiscard]] virtual std::optional<std::string> read(const std::string& path) = 0;
};

/// What counts as the build's own repository: only files in it are named in annotations.
struct RepositoryIdentity {
  std::string server_url = "https://github.com";
  std::string repository;  // "owner/name"; may be empty
  /// A directory that is the repository whatever its .git/config says; empty: none. A local clone's `url` may be written
  /// in ways that GitHub's own checkout never leaves behind.
  std::string root;
};

/// Whether the text of a .git/config names that repository, by the two forms of 3.16.
[[nodiscard]] bool names_repository(std::string_view git_config, const RepositoryIdentity& identity);

/// The matching of one process: state begins anew with it. Sees what is added to and removed from `matchers` meanwhile.
class MatcherRun {
 public:
  struct Options {
    std::string workspace;  // absolute path on the host
    RepositoryIdentity identity;
    MatcherFiles* files = nullptr;  // nullptr: no annotation gets a file
    /// A path as the step sees it to one of the host; empty: the step runs on the host.
    std::function<std::string(std::string_view path)> to_host;
    std::chrono::milliseconds time_limit{1000};  // of one match; see parse_matcher_timeout
    bool debug = false;
  };

  MatcherRun(const ProblemMatchers& matchers, Options options);
  ~MatcherRun();
  MatcherRun(MatcherRun&&) noexcept;

  /// Whether there is a matcher to show lines to.
  [[nodiscard]] bool active() const noexcept;
  struct Match {
    bool consumed = false;  // the line has become an annotation, and is not printed otherwise
    std::vector<LogEntry> log;
  };
  /// `line`: without its end, valid UTF-8, not consumed as a command.
  [[nodiscard]] Match match(std::string_view line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// GITHUB_ACTIONS_RUNNER_ISSUE_MATCHER_TIMEOUT ("hh:mm:ss"); one second for what is no positive time.
[[nodiscard]] std::chrono::milliseconds parse_matcher_timeout(std::string_view text);

}  // namespace buildspec_run
