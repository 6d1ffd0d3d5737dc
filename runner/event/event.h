// What happened, in order. Nothing leaves the runner but events, and every string in one has passed the
// masker. Every view (terminal, log, JSON lines) is a function of events.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runner/base/exit_status.h"

namespace buildspec_run {

/// How a phase or a build stands. The cloud's words (buildspec.md 3.1).
enum class Status { in_progress, succeeded, failed, fault, timed_out, stopped };
[[nodiscard]] std::string_view to_string(Status status) noexcept;  // "SUCCEEDED"

/// A place in the buildspec, ready to print: `line` 0 is the whole file.
struct Place {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
};
[[nodiscard]] std::string to_string(const Place& place);  // "buildspec.yml:4:9"

struct RunStarted {
  std::string version;           // of buildspec-run
  std::string source_dir;        // absolute
  std::string repository_root;   // absolute; empty: not in a repository
  std::string buildspec;         // as the user named it
  std::string shell;             // path of the program
  std::string log_file;          // absolute; empty: not kept
  std::string resumed_run = {};  // the id of the run that this one goes on with; empty: it begins
};
/// What the buildspec has of a phase.
struct PhaseOutline {
  std::string phase;  // "INSTALL", …
  bool in_file = false;
  std::size_t commands = 0, steps = 0, finally = 0;
  std::string on_failure;  // "ABORT", "CONTINUE", "RETRY"; empty: not said
};
/// An entry of runtime-versions, as it is written.
struct RuntimeOutline {
  std::string name, version;
};
/// A key that the cloud does not know and names in its log.
struct KeyOutline {
  std::string section;  // "root", "env", "PRE_BUILD", …
  std::string key;
};
/// What is known of the buildspec when it has been read, before a build begins. Without phases when there is no plan, as the
/// file is wrong.
struct PlanMade {
  std::vector<PhaseOutline> phases;  // all four, in their order
  std::string shell;                 // env.shell as it is written; empty: not said
  std::vector<RuntimeOutline> runtimes;
  std::vector<KeyOutline> unknown_keys;
  bool parameter_store = false;  // env.parameter-store has entries
  bool artifacts = false, cache = false, reports = false;
};
/// Not all of the plan runs, as was asked for: told behind PlanMade, and only then. Of tasks that are left out nothing else is
/// told, and nothing of a phase of which all are.
struct TasksSelected {
  std::vector<std::string> left_out;  // labels of commands and steps, in the plan's order
  bool dry_run = false;               // the rest is told of (EnvironmentPlanned, TaskPlanned) and not run
};
/// A secondary source: CODEBUILD_SRC_DIR_<id>.
struct SourceOutline {
  std::string id;
  std::string directory;  // absolute
};
/// A build begins; a RETRY begins a new one.
struct BuildStarted {
  std::string build_id;  // "PROJECT:UUID"
  int attempt = 1;
  std::string source_dir = {};  // where it works: that of the run, or a copy of it; empty: nothing will run
  std::vector<SourceOutline> secondary_sources = {};
};
/// A finding about the buildspec, or about this run. `text` is the rendered diagnostic without colours.
struct Diagnosed {
  std::string severity;  // "note", "warning", "error"
  std::string id;
  std::string message;
  std::optional<Place> place;
  std::string text;
};
/// An action comes from elsewhere: told while it is on its way, and when it is there or not to be had. What this machine
/// has already is not told of.
struct ActionFetch {
  std::string action;  // "owner/repo@ref"
  enum class State { running, done, failed } state = State::running;
  std::uint64_t bytes = 0;  // so many have come
};
struct PhaseStarted {
  std::string phase;  // "DOWNLOAD_SOURCE", "INSTALL", …
  bool in_file = true;
  std::size_t tasks = 0;  // commands or steps that are not left out
  std::size_t steps = 0;  // so many of the tasks are steps
};
/// A stage of a step (actions.md 3.1): a step of a phase is one task for each of its stages. Images that a phase's actions
/// need are made ready before the first step, each in a task of its own, "build.image[0]".
struct StepStage {
  std::string name;   // as its log names it: "Run make test", "Post Run owner/action@v1"
  std::string stage;  // "image", "pre", "main", "post"
};
/// How a stage of a step ended: "success", "failure", "cancelled" or "skipped", before and after
/// continue-on-error.
struct StepResult {
  std::string name, stage;
  std::string outcome, conclusion;
};
struct TaskStarted {
  std::string phase;
  std::string label;  // "build[3]"; of a step's other stages "build[3].pre", "build[3].post"
  std::string text;   // of the command; of a step its script, or what it uses
  Place place;
  std::optional<StepStage> step = std::nullopt;
};
/// A piece of output, stdout and stderr in the order written. At most 64 KiB; views the caller's memory.
struct Output {
  std::string_view text;
  bool ends_line = false;   // the last byte is the end of a line
  bool background = false;  // written by a process that outlived its command
};
struct TaskFinished {
  std::string phase;
  std::string label;
  std::string text;
  Place place;
  Status status = Status::succeeded;
  ExitStatus exit;
  std::chrono::nanoseconds took{0};
  std::string hint;  // for people: what may be behind this failure; empty: nothing known
  /// Of a step. Its status is that of the conclusion, and SUCCEEDED when it was skipped: then there was no
  /// TaskStarted.
  std::optional<StepResult> step = std::nullopt;
};
/// What a step says about a place, or about itself (actions.md 3.17).
struct StepAnnotated {
  std::string label;  // of the task
  std::string level;  // "error", "warning", "notice"
  std::string message;
  std::string title;  // empty: none
  std::string file;   // relative to the source directory where it is inside; empty: none
  std::size_t line = 0, end_line = 0, column = 0, end_column = 0;  // from 1; 0: unknown
};
/// What a step wrote to GITHUB_STEP_SUMMARY: Markdown.
struct StepSummarized {
  std::string label;
  std::string name;  // of the step
  std::string text;
};
/// The build stands still for its user, and a shell is opened on the terminal. What happens there is not recorded.
struct ShellOpened {
  std::string label;  // of the task
  std::string at;     // "before" it, "inside" or "background" (codebuild-breakpoint), "after" it has failed
  std::string program;
  std::string directory;  // where the shell is
};
struct ShellClosed {
  std::string label;
  std::string at;
  bool resumed = false;  // left by codebuild-resume: nothing is asked
  std::string problem;   // why it could not be opened; empty: it was
  std::chrono::nanoseconds took{0};
};
/// What the build does now, as the user has answered.
struct StopAnswered {
  std::string label;
  std::string at;
  std::string answer;  // "continue", "retry", "skip", "shell", "abort"
};
struct PhaseFinished {
  std::string phase;
  Status status = Status::succeeded;
  std::string code;     // phase context, "COMMAND_EXECUTION_ERROR"; empty on success
  std::string message;  // phase context, the cloud's text
  std::chrono::nanoseconds took{0};
};
struct ExportedVariable {
  std::string name;
  std::string value;
};
struct VariablesExported {
  std::vector<ExportedVariable> variables;
};
/// Of a dry run: the variables that every process of the build would start with.
struct EnvironmentPlanned {
  std::vector<ExportedVariable> variables;
};
/// Of a dry run: a command or step that would run. Expressions of steps stand as they are written, as they are evaluated when
/// the step starts.
struct TaskPlanned {
  std::string phase;
  std::string label;
  std::string text;  // the script; of a step that uses an action, the action
  Place place;
  std::string name;                         // of a step; empty: a command
  std::string program;                      // what would run the script; empty: the action says it
  std::string directory;                    // where it would start; empty: where the command before it ends
  std::string user;                         // empty: the caller
  std::string condition;                    // of a step: its `if`
  std::vector<ExportedVariable> variables;  // of a step: its `env`
  std::vector<ExportedVariable> inputs;     // of a step: its `with`
};
/// A directory that artifacts are taken from.
struct ArtifactRoot {
  std::string path;  // as the cloud's log has it: below the source directory relative to it, "." itself
  std::vector<std::string> missing;  // patterns without a wildcard that name nothing in it
};
/// What the cloud would upload of one artifact. Nothing here does.
struct ArtifactOutline {
  std::string id;                         // of a secondary one; empty: the primary
  std::string base_directory;             // the pattern, "." when there is none
  std::vector<ArtifactRoot> directories;  // that it leads to
  std::vector<std::string> patterns;      // of files
  std::uint64_t files = 0;                // that they select
  std::string problem;  // why it would fail the build, in the cloud's words; empty: it would not
};
struct BuildFinished {
  std::string build_id;
  Status status = Status::succeeded;
  bool will_retry = false;
  std::chrono::nanoseconds took{0};
  std::vector<ArtifactOutline> artifacts =
      {};  // when UPLOAD_ARTIFACTS would follow; ends with one that would fail
};
/// The last event. `failed_*` name the first failure, when a command was behind it.
struct RunFinished {
  Status status = Status::succeeded;
  std::string failed_phase;
  std::string failed_label;
  std::string failed_text;
  std::optional<Place> failed_place;
  std::string message;  // phase context message of the first failure, or the machine's error
  std::chrono::nanoseconds took{0};
  /// So many tasks were not to run, by TasksSelected or as was answered (StopAnswered): the status is that of a part.
  std::size_t left_out = 0;
  bool dry_run = false;  // nothing has run
};

using EventBody = std::variant<RunStarted, PlanMade, TasksSelected, BuildStarted, Diagnosed, ActionFetch,
                               PhaseStarted, TaskStarted, Output, TaskFinished, StepAnnotated, StepSummarized,
                               ShellOpened, ShellClosed, StopAnswered, PhaseFinished, VariablesExported,
                               EnvironmentPlanned, TaskPlanned, BuildFinished, RunFinished>;

struct Event {
  std::uint64_t sequence = 0;  // from 1, without gaps in a run
  std::string_view run_id;
  std::string_view build_id;  // empty before BuildStarted
  std::string_view task;      // label of the running task; empty between tasks
  std::chrono::system_clock::time_point wall;
  std::chrono::nanoseconds monotonic{0};  // since RunStarted
  EventBody body;
};

/// "run-started", "output", …: the `type` of the JSON form.
[[nodiscard]] std::string_view type_of(const EventBody& body) noexcept;

/// Takes events, on the build's thread, one after the other. Must not throw. What a view cannot write (a
/// closed pipe, a full disk) is its own affair: a build does not end because nobody listens.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on(const Event& event) = 0;
  /// Called now and then (about ten times a second) while nothing happens, for views that show elapsed time.
  virtual void tick() {}
};

/// Hands each event to several sinks, in order. Does not own them.
class Fanout : public EventSink {
 public:
  explicit Fanout(std::vector<EventSink*> sinks) : sinks_(std::move(sinks)) {}
  void on(const Event& event) override;
  void tick() override;

 private:
  std::vector<EventSink*> sinks_;
};

/// One event as a JSON object on one line, without the LF (schema/event.schema.json).
[[nodiscard]] std::string to_json_line(const Event& event);

/// The same for the kept copy: an Output names its bytes in the kept log in place of the text.
[[nodiscard]] std::string to_json_line(const Event& event, std::uint64_t log_offset);

}  // namespace buildspec_run
