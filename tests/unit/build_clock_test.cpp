#include "runner/exec/build_clock.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;
using Machine = std::chrono::steady_clock;

TEST(BuildClock, StandsStillWithTheBuild) {
  BuildClock clock;
  const Machine::time_point before = Machine::now();
  const BuildTime limit = clock.now() + 1h;
  EXPECT_LT(clock.on_machine(limit) - before, 1h + 10s);
  {
    const BuildClock::Pause pause(clock);
    while (Machine::now() - before < 20ms) ::poll(nullptr, 0, 5);
  }
  EXPECT_GE(clock.stood_still(), 15ms);
  EXPECT_LE(clock.stood_still(), Machine::now() - before);
  EXPECT_GE(clock.on_machine(limit) - before, 1h + 15ms);
  const BuildTime now = clock.now();
  EXPECT_LE(now - (limit - 1h), Machine::now() - before - clock.stood_still());
}

}  // namespace
}  // namespace buildspec_run
