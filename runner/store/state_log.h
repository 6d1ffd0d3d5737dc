// The states of a kept run: what a later process needs to go on behind any command of it.
//
//   <state>/runs/<run id>/states    records, one behind the other, each written in one piece
//
// A record is a line of JSON, then its texts as they are (they need not be UTF-8), then LF; "texts" in the line says which there
// are, and how long each is. The first record tells how the run was asked for, then each build begins with a record, and each
// command that has ended (each stage of a step) adds one. A text that a command's record lacks is that of the record before.
// A last record that is not whole, as the process was killed in the middle, counts as not there.
//
// No text holds a secret: SecretPlaces took them out, and where the masker still finds one, the state says "withheld" and has
// no texts.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/event/event.h"
#include "runner/sys/files.h"

namespace buildspec_run {

using TextParts = std::map<std::string, std::string, std::less<>>;

/// Any number of texts as one, each ended by a NUL byte, and back.
[[nodiscard]] std::string join_texts(const std::vector<std::string>& texts);
[[nodiscard]] std::vector<std::string> split_texts(std::string_view joined);
[[nodiscard]] std::string join_variables(const std::map<std::string, std::string>& variables);
[[nodiscard]] std::map<std::string, std::string> split_variables(std::string_view joined);

/// How the run was asked for.
struct KeptRequest {
  std::map<std::string, std::vector<std::string>, std::less<>>
      options;  // by long name; without values that are secret
  std::vector<std::string> operands;
  std::string working_directory, source_dir, buildspec_name, buildspec;
  /// Lifted: variables of the host, of --project-env and --env, as join_variables has them.
  std::string host, project, overrides;
};

/// One build of the run.
struct KeptBuild {
  std::string uuid;
  int attempt = 1;
  std::chrono::system_clock::time_point started;
  std::string source_dir;  // where commands start
  std::string workspace;   // directory of the copy; empty: there is none
  std::string script_dir;  // CODEBUILD_SCRIPT_DIR
  std::string shell;       // the program that runs scripts
  std::string variables;   // lifted: what every process starts with
};

/// A failure, as a phase's context and the last line of the build tell it. Masked where it is kept.
struct BuildFailure {
  Status status = Status::failed;
  std::string phase, label, text;
  std::optional<Place> place;
  std::string code, message;
};

/// Where a build stands when a command or a stage of a step has ended.
struct KeptState {
  std::uint64_t number = 0;  // 0: nothing has run yet
  std::string phase, label;  // of what has ended; empty: nothing
  Status status = Status::succeeded;
  bool succeeding = true;                     // CODEBUILD_BUILD_SUCCEEDING
  Status build = Status::succeeded;           // of the phases before
  std::optional<BuildFailure> failure;        // the first of the build, in a phase before
  std::optional<BuildFailure> phase_failure;  // the first of the phase
  bool withheld = false;                      // it cannot be gone on from: the texts would hold a secret
  std::string directory;                      // lifted: where the next command starts
  std::string variables;                      // lifted: what `export -p` wrote; empty: nothing has yet
  std::string beyond_shells;                  // lifted, as join_variables has them
  std::string steps;  // lifted JSON: the job of the phase's steps; empty: none is going on
};

/// What is kept of a run: its last build.
struct KeptStates {
  KeptRequest request;
  std::optional<KeptBuild> build;  // nullopt: none has begun
  std::vector<KeptState> states;   // in the order in which they came to be
  bool is_cut = false;             // what follows is not whole
};

/// Writes the states of a run that is going on. The first state of a build goes to the disk with all that is before it: there
/// is no file before, and so no run to go on with that has less than the one it goes on with. What cannot be written (a full disk) ends the keeping; the run goes on.
/// Nothing is synced: a killed process loses nothing, a power cut may lose the last states.
class StateLog {
 public:
  /// `directory` is that of the kept run.
  static Result<StateLog> make(const Path& directory);
  void keep(const KeptRequest& request);
  void keep(const KeptBuild& build);
  void keep(const KeptState& state) { keep(std::span(&state, 1)); }
  void keep(std::span<const KeptState> states);
  /// Nothing more is kept, nor what is kept already.
  void give_up();
  /// Why what came last is not kept; empty: it is.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  StateLog(AppendFile file, Path made, Path path)
      : file_(std::move(file)), made_(std::move(made)), path_(std::move(path)) {}

  AppendFile file_;
  Path made_, path_;     // its name until it has a state, and from then on; `made_` is empty then
  std::string waiting_;  // for the next state
  std::uint64_t bytes_ = 0;
  KeptState last_;
  bool has_last_ = false, given_up_ = false;
  std::string problem_;
};

/// Reads what StateLog wrote, whatever has become of it.
[[nodiscard]] KeptStates read_states_text(std::string_view text);
/// Of the run in `directory`; an Error when it has none.
[[nodiscard]] Result<KeptStates> read_states(const Path& directory);
/// Whether the run has any.
[[nodiscard]] bool has_states(const Path& directory);

}  // namespace buildspec_run
