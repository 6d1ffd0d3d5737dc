// A kept run as a tree: builds, their phases, their tasks, and where the output of each is in the kept log. For who wants to
// compare or to lay out a run rather than to tell it again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/event/event.h"
#include "runner/event/event_reader.h"
#include "runner/store/run_reader.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// A command, or a stage of a step.
struct TaskRecord {
  std::string phase, label, text;
  Place place;
  std::optional<StepResult> step;              // outcome and conclusion are empty before its end
  std::chrono::nanoseconds began{0}, took{0};  // `began` on the run's clock
  std::optional<TaskFinished> finished;        // nullopt: it was running when the run broke off, or is
  std::vector<LogRange> output;                // in order; pieces that lie together are one
  std::size_t time = 0;                        // how often it had run before, as the user wanted it again
};

struct PhaseRecord {
  std::string name;
  bool in_file = true;
  std::chrono::nanoseconds began{0};
  std::optional<PhaseFinished> finished;
  std::vector<TaskRecord> tasks;
  std::vector<LogRange> output;  // of no task: what the background wrote in between
};

struct BuildRecord {
  std::string id;
  int attempt = 1;
  std::chrono::nanoseconds began{0};
  std::vector<PhaseRecord> phases;
  std::vector<StepAnnotated> annotations;
  std::vector<StepSummarized> summaries;
  std::vector<ExportedVariable> exported;
  std::optional<BuildFinished> finished;
};

struct RunRecord {
  std::optional<RunStarted> started;
  PlanMade plan;
  std::optional<TasksSelected> selected;  // of a run that left something out
  std::chrono::system_clock::time_point began;
  std::vector<Diagnosed> diagnosed;
  std::vector<LogRange> before;  // output before the first build: what fetching actions says
  std::vector<BuildRecord> builds;
  std::optional<RunFinished> finished;
  Replayed replayed;

  /// nullptr when none has begun.
  [[nodiscard]] const BuildRecord* last_build() const { return builds.empty() ? nullptr : &builds.back(); }
};

/// Reads the events of the run in `directory`.
[[nodiscard]] Result<RunRecord> record_run(const Path& directory);

/// The output of a task as one stream of bytes.
class OutputStream {
 public:
  /// `log` and `ranges` must outlive it. Bytes that the log does not have are left out.
  OutputStream(const InputFile& log, const std::vector<LogRange>& ranges) : log_(log), ranges_(ranges) {}
  /// Fills `into` with what comes next; less only at the end.
  Result<std::size_t> read(std::span<char> into);

 private:
  const InputFile& log_;
  const std::vector<LogRange>& ranges_;
  std::size_t range_ = 0;
  std::uint64_t done_ = 0;  // of that range
};

[[nodiscard]] std::uint64_t bytes_in(const std::vector<LogRange>& ranges) noexcept;

}  // namespace buildspec_run
