#include "runner/cli/kept_runs.h"

#include <fmt/core.h>

#include <charconv>

#include "runner/base/text.h"

namespace buildspec_run {

OrRefused<std::optional<std::uint64_t>> count_option(const Invocation& invocation, std::string_view name) {
  const std::optional<std::string> given = invocation.arguments.value(name);
  if (!given) return std::optional<std::uint64_t>();
  std::uint64_t count = 0;
  const auto [end, failed] = std::from_chars(given->data(), given->data() + given->size(), count);
  constexpr std::uint64_t kMost = 1'000'000'000;  // so that hours and bytes made of it stay in range
  if (failed != std::errc() || end != given->data() + given->size() || count > kMost)
    return Refused{ExitCode::invalid,
                   fmt::format("{} \"{}\": a whole number up to {} is expected", name, *given, kMost)};
  return count;
}

OrRefused<PruneLimits> prune_limits(const Invocation& invocation) {
  PruneLimits limits;
  const auto runs = count_option(invocation, "--keep-runs");
  const auto days = count_option(invocation, "--keep-days");
  const auto megabytes = count_option(invocation, "--keep-megabytes");
  for (const auto* option : {&runs, &days, &megabytes})
    if (const Refused* refused = std::get_if<Refused>(option)) return *refused;
  if (const auto& given = std::get<0>(runs)) limits.runs = *given;
  if (const auto& given = std::get<0>(days)) limits.age = std::chrono::hours(24 * *given);
  if (const auto& given = std::get<0>(megabytes)) limits.bytes = *given << 20;
  return limits;
}

Path workspaces_directory(const Path& state) { return state / "workspaces"; }

Path state_directory_of(const Invocation& invocation) {
  return state_directory(invocation.variable("XDG_STATE_HOME"), invocation.variable("HOME"));
}

OrRefused<RunSketch> kept_run(const Invocation& invocation, std::string_view given) {
  const Path state = state_directory_of(invocation);
  if (state.empty())
    return Refused{ExitCode::invalid, "neither XDG_STATE_HOME nor HOME names a place of kept runs"};
  const Result<std::string> id = find_run(state, given);
  if (!id) return Refused{ExitCode::invalid, id.error().message};
  Result<RunSketch> sketch = sketch_run(state, *id);
  if (!sketch) return Refused{ExitCode::invalid, sketch.error().message};
  return std::move(*sketch);
}

void tell_what_is_missing(const Invocation& invocation, const RunSketch& run, const Replayed& replayed) {
  const auto say = [&](std::string_view what) {
    invocation.fail(ExitCode::success, fmt::format("run {} {}", run.id, what));
  };
  if (replayed.damaged > 0)
    say(fmt::format("is damaged: {} of its events cannot be read, the first in {}",
                    counted(replayed.damaged, "line"), replayed.first_problem));
  if (replayed.unknown > 0)
    say(fmt::format("has {} of a later version of this program, which {} left out",
                    counted(replayed.unknown, "event"), replayed.unknown == 1 ? "is" : "are"));
  if (replayed.lacks_output) say("is kept only in part: its log lacks some of the output");
  if (!replayed.has_end)
    say(run.state == RunSketch::State::running ? "is still running" : "has no end: its process was killed");
}

std::string_view verdict_of(const RunSketch& run) {
  if (run.finished) return to_string(run.finished->status);
  return run.state == RunSketch::State::running ? "running" : "broken off";
}

std::string shown_verdict(const RunSketch& run) {
  return std::string(verdict_of(run)) + (run.finished && run.finished->left_out > 0 ? " (partial)" : "");
}

std::optional<int> exit_code_of(const RunSketch& run) {
  if (run.exit_code || !run.finished) return run.exit_code;
  switch (run.finished->status) {
    case Status::succeeded:
      return 0;
    case Status::failed:
      return static_cast<int>(run.finished->failed_phase == "DOWNLOAD_SOURCE" ? ExitCode::invalid
                                                                              : ExitCode::build_failed);
    case Status::timed_out:
      return static_cast<int>(ExitCode::build_failed);
    case Status::fault:
      return static_cast<int>(ExitCode::machine);
    case Status::stopped:      // by one signal or another
    case Status::in_progress:  // no end of a run
      break;
  }
  return std::nullopt;
}

}  // namespace buildspec_run
