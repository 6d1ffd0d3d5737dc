// The time that the limits of a build are counted by. It stands still while the build does, so that a limit bounds what runs,
// and not who looks at it.
#pragma once

#include <chrono>

namespace buildspec_run {

class BuildClock;
/// A moment of that time. A type of its own: it is compared with no other.
using BuildTime = std::chrono::time_point<BuildClock, std::chrono::steady_clock::duration>;

/// Not thread-safe.
class BuildClock {
  using Machine = std::chrono::steady_clock;

 public:
  using duration = Machine::duration;

  [[nodiscard]] BuildTime now() const { return BuildTime(Machine::now().time_since_epoch() - stood_still_); }
  /// When `moment` is by the machine's clock, unless the build stands still before it has come.
  [[nodiscard]] Machine::time_point on_machine(BuildTime moment) const {
    return Machine::time_point(moment.time_since_epoch() + stood_still_);
  }
  /// In all.
  [[nodiscard]] duration stood_still() const { return stood_still_; }

  /// While this is there, it stands still. One at a time.
  class Pause {
   public:
    explicit Pause(BuildClock& clock) : clock_(clock), began_(Machine::now()) {}
    Pause(const Pause&) = delete;
    ~Pause() { clock_.stood_still_ += Machine::now() - began_; }

   private:
    BuildClock& clock_;
    const Machine::time_point began_;
  };

 private:
  duration stood_still_{0};
};

}  // namespace buildspec_run
