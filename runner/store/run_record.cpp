#include "runner/store/run_record.h"

#include <algorithm>
#include <utility>

#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

void append(std::vector<LogRange>& ranges, LogRange range) {
  if (!ranges.empty() && ranges.back().offset + ranges.back().bytes == range.offset)
    ranges.back().bytes += range.bytes;
  else
    ranges.push_back(range);
}

// Puts events where they belong. Any may be missing, so that each makes what it needs.
class Recorder {
 public:
  explicit Recorder(RunRecord& record) : record_(record) {}

  void on(Event& event, const std::optional<LogRange>& range) {
    now_ = event.monotonic;
    std::visit(
        overloaded{
            [&](RunStarted& run) {
              record_.began = event.wall;
              record_.started = std::move(run);
            },
            [&](PlanMade& plan) { record_.plan = std::move(plan); },
            [&](TasksSelected& selected) { record_.selected = std::move(selected); },
            [&](BuildStarted& started) {
              BuildRecord& made = record_.builds.emplace_back();
              made.id = std::move(started.build_id);
              made.attempt = started.attempt;
              made.began = now_;
              running_ = false;
            },
            [&](Diagnosed& found) { record_.diagnosed.push_back(std::move(found)); },
            [&](PhaseStarted& started) {
              PhaseRecord& made = build().phases.emplace_back();
              made.name = std::move(started.phase);
              made.in_file = started.in_file;
              made.began = now_;
              running_ = false;
            },
            [&](TaskStarted& started) {
              std::vector<TaskRecord>& all = phase(started.phase).tasks;
              const std::size_t time =
                  !all.empty() && all.back().label == started.label ? all.back().time + 1 : 0;
              TaskRecord& made = all.emplace_back();
              made.time = time;
              made.phase = std::move(started.phase);
              made.label = std::move(started.label);
              made.text = std::move(started.text);
              made.place = std::move(started.place);
              made.began = now_;
              if (started.step)
                made.step = StepResult{std::move(started.step->name), std::move(started.step->stage), "", ""};
              running_ = true;
            },
            [&](Output&) {
              if (!range || range->bytes == 0) return;
              if (record_.builds.empty() || build().phases.empty())
                append(record_.before, *range);
              else if (PhaseRecord& last = build().phases.back(); running_)
                append(last.tasks.back().output, *range);
              else
                append(last.output, *range);
            },
            [&](TaskFinished& finished) {
              std::vector<TaskRecord>& tasks = phase(finished.phase).tasks;
              if (!running_ || tasks.empty() || tasks.back().label != finished.label) {
                TaskRecord& made = tasks.emplace_back();  // skipped, or its start is lost
                made.phase = finished.phase;
                made.label = finished.label;
                made.text = finished.text;
                made.place = finished.place;
                made.began = now_ - finished.took;
              }
              TaskRecord& task = tasks.back();
              task.took = finished.took;
              task.step = finished.step;
              task.finished = std::move(finished);
              running_ = false;
            },
            [&](StepAnnotated& annotation) { build().annotations.push_back(std::move(annotation)); },
            [&](StepSummarized& summary) { build().summaries.push_back(std::move(summary)); },
            [&](PhaseFinished& finished) {
              phase(finished.phase).finished = std::move(finished);
              running_ = false;
            },
            [&](VariablesExported& exported) { build().exported = std::move(exported.variables); },
            [&](BuildFinished& finished) { build().finished = std::move(finished); },
            [&](RunFinished& finished) { record_.finished = std::move(finished); },
            [](auto&) {},
        },
        event.body);
  }

 private:
  BuildRecord& build() {
    if (record_.builds.empty()) record_.builds.emplace_back().began = now_;
    return record_.builds.back();
  }
  PhaseRecord& phase(const std::string& name) {
    std::vector<PhaseRecord>& phases = build().phases;
    if (phases.empty() || phases.back().name != name) {
      phases.emplace_back().name = name;
      phases.back().began = now_;
    }
    return phases.back();
  }

  RunRecord& record_;
  std::chrono::nanoseconds now_{0};
  bool running_ = false;  // the last task of the last phase has not ended
};

}  // namespace

Result<RunRecord> record_run(const Path& directory) {
  RunRecord record;
  Recorder recorder(record);
  Result<Replayed> replayed = read_run(
      directory, [&](Event& event, const std::optional<LogRange>& range) { recorder.on(event, range); });
  if (!replayed) return std::move(replayed.error());
  record.replayed = std::move(*replayed);
  return record;
}

Result<std::size_t> OutputStream::read(std::span<char> into) {
  std::size_t count = 0;
  while (count < into.size() && range_ < ranges_.size()) {
    const LogRange& range = ranges_[range_];
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size() - count, range.bytes - done_));
    const Result<std::size_t> got = log_.read_at(range.offset + done_, into.subspan(count, wanted));
    if (!got) return got.error();
    count += *got;
    done_ += *got;
    if (done_ == range.bytes || *got < wanted) {
      ++range_;
      done_ = 0;
    }
  }
  return count;
}

std::uint64_t bytes_in(const std::vector<LogRange>& ranges) noexcept {
  std::uint64_t bytes = 0;
  for (const LogRange& range : ranges) bytes += range.bytes;
  return bytes;
}

}  // namespace buildspec_run
