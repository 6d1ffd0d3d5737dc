// What the workflow commands of one step mean: a line in, what is to be done out. Does nothing itself.
// Source: actions.md 4.4 to 4.8.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actions/annotation.h"
#include "actions/name_value.h"
#include "actions/workflow_command.h"

namespace buildspec_run {

struct CommandOptions {
  bool debug = false;  // ACTIONS_STEP_DEBUG: echo is on from the beginning, and debug texts are printed
  bool allow_unsecure_commands = false;     // see allows_unsecure_commands
  bool allow_unsecure_stop_tokens = false;  // see allows_unsecure_stop_tokens
  std::string workspace;                    // absolute path on the host
  /// A path as the step sees it to one of the host; empty: the step runs on the host.
  std::function<std::string(std::string_view path)> to_host = {};
};

/// ACTIONS_ALLOW_UNSECURE_COMMANDS of the runner's own environment and of the `env` context.
[[nodiscard]] bool allows_unsecure_commands(std::optional<std::string_view> of_runner,
                                            std::optional<std::string_view> of_env);
/// ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS, likewise.
[[nodiscard]] bool allows_unsecure_stop_tokens(std::optional<std::string_view> of_runner,
                                               std::optional<std::string_view> of_env);

/// `add-matcher` and `remove-matcher`. The executor reads the file, then asks ProblemMatchers; what goes wrong with either
/// is told by `failed_request`.
struct MatcherRequest {
  bool add = true;
  std::string file;     // absolute path on the host; empty: by owner
  std::string owner;    // of a removal; empty: the owners that the file has
  std::string command;  // the line, for failed_request
  bool operator==(const MatcherRequest&) const = default;
};

/// What a line asks for. To be done in this order: masks, log, the rest.
struct CommandEffects {
  bool handled = false;  // the line was consumed: it is neither printed nor shown to problem matchers
  std::vector<std::string> masks;  // from now on secret, job-wide; Masker::add takes care of their lines
  std::vector<LogEntry> log;
  std::optional<NameValue> output;    // set-output; names are compared without regard to case
  std::optional<NameValue> state;     // save-state
  std::optional<NameValue> variable;  // set-env
  std::optional<std::string> path;    // add-path
  std::optional<MatcherRequest> matcher;
  bool fails_step = false;  // when it ends; its process goes on
  bool aborts = false;      // the step has failed: nothing more of its output is read, its process is ended
};

/// Holds what lasts from line to line. One for each process of a step (a stage, an embedded step).
class CommandProcessor {
 public:
  explicit CommandProcessor(CommandOptions options);

  /// `line`: without its end, valid UTF-8.
  [[nodiscard]] CommandEffects process(std::string_view line);

 private:
  [[nodiscard]] bool is_registered(std::string_view name) const;
  void run(const WorkflowCommand& command, std::string_view line, CommandEffects& effects);
  void annotate(WorkflowCommand command, CommandEffects& effects) const;
  void check_places(WorkflowCommand& command, CommandEffects& effects) const;
  void stop(const WorkflowCommand& command, std::string_view line, CommandEffects& effects);
  void debug(std::string_view text, CommandEffects& effects) const;

  CommandOptions options_;
  bool echo_;
  bool stopped_ = false;
  std::string token_;                 // while stopped
  std::vector<std::string> retired_;  // registered names that served as tokens, and so are commands no more
};

/// For tests: what `effects` says, in the order in which it is done, " | " between; LF and CR as "\n" and "\r".
[[nodiscard]] std::string dump(const CommandEffects& effects);

/// What follows when a command could not be carried out: "Unable to process command '<command>' successfully." and why.
[[nodiscard]] CommandEffects failed_request(const MatcherRequest& request, std::string message);

}  // namespace buildspec_run
