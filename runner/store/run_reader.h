// Kept runs, looked at: which there are, what became of each, and all that happened in one, told again. Files may be cut,
// damaged, half removed, or still be written to; nothing of that is an end of reading.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/event/event.h"
#include "runner/event/event_reader.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// What is known of a run without reading all of it.
struct RunSketch {
  enum class State {
    ended,
    running,     // its process is alive
    broken_off,  // it was killed, or the machine was
  };
  std::string id;
  Path directory;
  State state = State::broken_off;
  std::chrono::system_clock::time_point began;
  std::optional<RunStarted> started;    // nullopt: its first line is damaged
  std::optional<RunFinished> finished;  // of a run that has ended
  std::optional<int> exit_code;         // of the process; nullopt: not known
};

/// The ids of all kept runs, the oldest first.
[[nodiscard]] std::vector<std::string> kept_run_ids(const Path& state);

/// The id that `given` means: the beginning of one id, or of its part behind the "-"; empty: the last run. An Error
/// when there is none, or more than one.
[[nodiscard]] Result<std::string> find_run(const Path& state, std::string_view given);

/// An Error when there is no such run, or nothing of it can be read.
[[nodiscard]] Result<RunSketch> sketch_run(const Path& state, const std::string& id);

/// What was found wrong while a run was told again.
struct Replayed {
  std::uint64_t events = 0;
  std::uint64_t unknown = 0;  // lines of a kind or a version of a later program: skipped
  std::uint64_t damaged = 0;  // lines that are no event: skipped
  std::string first_problem;  // of a damaged line: "line 12: no JSON object"
  bool is_cut = false;        // the last line is not whole
  bool lacks_output = false;  // the log does not hold all that the events name
  bool has_end = false;       // the run's last event was there
};

/// Hands over the events of the run in `directory`, in order; of an output event whose text is in the log, where it
/// is there, and no text. An Error when the events cannot be read.
Result<Replayed> read_run(const Path& directory,
                          const std::function<void(Event&, const std::optional<LogRange>&)>& on_event);

/// Tells `sink` the events of the run in `directory` again, in order, each output event with its text from the
/// kept log: what a sink was told live, but for ticks. An Error when the files cannot be read.
Result<Replayed> replay_run(const Path& directory, EventSink& sink);

}  // namespace buildspec_run
