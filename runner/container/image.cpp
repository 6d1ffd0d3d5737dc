#include "runner/container/image.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

namespace buildspec_run {
namespace {

constexpr int kAttempts = 3;

void wait(std::chrono::milliseconds time, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

/// "3.25": as .NET writes TimeSpan.TotalSeconds.
std::string in_seconds(std::chrono::milliseconds time) {
  std::string text = fmt::format("{}.{:03}", time.count() / 1000, time.count() % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// An image's id; empty when there is none, or nobody to ask.
std::string id_of(const ContainerEngine& engine, std::string_view image, ProcessRunner& processes,
                  const std::stop_token& stop) {
  std::string id;
  const Result<ProcessEnd> end = processes.run(
      engine.find_image(image), [&](std::string_view chunk) { id += chunk; }, stop);
  if (!end || end->exit.code != 0) return {};
  return id.substr(0, id.find('\n'));
}

class Preparation {
 public:
  Preparation(const ContainerEngine& engine, const ImageNeed& need, ProcessRunner& processes,
              const ImageListener& listener, std::stop_token stop)
      : engine_(engine), need_(need), processes_(processes), listener_(listener), stop_(std::move(stop)) {}

  Result<ImageOutcome> run(const BackOff& back_off) {
    const std::string_view verb = need_.build ? "build" : "pull";
    const int attempts = need_.is_local ? 1 : kAttempts;
    if (!need_.build && need_.offline) return offline();
    begin_group();
    const std::string replaced = need_.build ? id_of(engine_, need_.image, processes_, stop_) : std::string();
    ImageOutcome outcome;
    for (int attempt = 1;; ++attempt) {
      ProcessSpec spec =
          need_.build ? engine_.build(need_.image, need_.build->dockerfile, need_.build->context, need_.cwd)
                      : engine_.pull(need_.image, need_.cwd);
      spec.deadline = need_.deadline;
      listener_.line("##[command]" + ContainerEngine::shown(spec));
      Result<ProcessEnd> end = processes_.run(spec, listener_.output, stop_);
      if (!end) return std::move(end.error());
      outcome.stopped = end->stopped;
      outcome.timed_out = end->timed_out;
      if (end->stopped || end->timed_out || end->exit.code == 0) break;
      outcome.failure = fmt::format("Docker {} failed with exit code {}", verb, end->exit.code);
      if (attempt == attempts) break;
      std::chrono::milliseconds time = back_off();
      listener_.warning(
          fmt::format("{}, back off {} seconds before retry.", outcome.failure, in_seconds(time)));
      if (need_.deadline)
        time = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(
                              *need_.deadline - std::chrono::steady_clock::now()),
                          std::chrono::milliseconds(0), time);
      wait(time, stop_);
      // Before its time, the next attempt ends as one that was stopped.
      outcome.failure.clear();
    }
    if (outcome.stopped || outcome.timed_out) {
      outcome.failure.clear();
    } else if (outcome.failure.empty()) {
      outcome.ready = true;
      if (!replaced.empty()) remove_replaced(replaced);
    } else if (!need_.build && !id_of(engine_, need_.image, processes_, stop_).empty()) {
      listener_.warning(fmt::format(
          "{}. The image '{}' that is on this machine is used; it may be older than the one in the registry.",
          outcome.failure, need_.image));
      outcome = ready();
    }
    listener_.line("##[endgroup]");
    return outcome;
  }

 private:
  static ImageOutcome ready() { return {true, false, false, {}}; }

  void begin_group() {
    if (!need_.build) {
      listener_.line(fmt::format("##[group]Pull down action image '{}'", need_.image));
    } else if (need_.is_local) {
      listener_.line("##[group]Building docker image");
      listener_.line(fmt::format("Dockerfile for action: '{}'.", need_.build->dockerfile));
    } else {
      listener_.line(fmt::format("##[group]Build container for action use: '{}'.", need_.build->dockerfile));
    }
  }

  Result<ImageOutcome> offline() {
    const bool is_here = !id_of(engine_, need_.image, processes_, stop_).empty();
    if (stop_.stop_requested()) return ImageOutcome{false, true, false, {}};
    if (is_here) return ready();
    return ImageOutcome{
        false, false, false,
        fmt::format("the image '{}' is not on this machine, and --offline forbids to pull it", need_.image)};
  }

  /// The image that had the tag before has no name any more. Who still uses it keeps it.
  void remove_replaced(const std::string& old) {
    if (old == id_of(engine_, need_.image, processes_, stop_)) return;
    [[maybe_unused]] const Result<ProcessEnd> end = processes_.run(
        engine_.remove_image(old), [](std::string_view) {}, stop_);
  }

  const ContainerEngine& engine_;
  const ImageNeed& need_;
  ProcessRunner& processes_;
  const ImageListener& listener_;
  const std::stop_token stop_;
};

}  // namespace

BackOff random_back_off() {
  return [] {
    // Who waits as long does not matter to anybody else; only that they do not all come back at once.
    thread_local std::minstd_rand random(std::random_device{}());
    return std::chrono::milliseconds(std::uniform_int_distribution<int>(1000, 10000)(random));
  };
}

Result<ImageOutcome> prepare_image(const ContainerEngine& engine, const ImageNeed& need,
                                   ProcessRunner& processes, const ImageListener& listener,
                                   std::stop_token stop, const BackOff& back_off) {
  return Preparation(engine, need, processes, listener, std::move(stop)).run(back_off);
}

}  // namespace buildspec_run
