#include "runner/cli/run_controller.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

TEST(RunController, AsksInOneLine) {
  Stop stop{Stop::At::before, "BUILD", "build[1]", "make"};
  EXPECT_EQ(question_of(stop), "build[1] has not run: [c]ontinue, [s]kip, s[h]ell, [a]bort? ");
  stop.at = Stop::At::inside;
  EXPECT_EQ(question_of(stop),
            "build[1] waits at codebuild-breakpoint: [r]etry, [c]ontinue, [s]kip, s[h]ell, [a]bort? ");
  stop.at = Stop::At::background;
  EXPECT_EQ(
      question_of(stop),
      "build[1]: a job in the background waits at codebuild-breakpoint: [c]ontinue, s[h]ell, [a]bort? ");
  EXPECT_EQ(answer_of(stop, "skip"), std::nullopt);
  EXPECT_EQ(answer_of(stop, "r"), std::nullopt);
  stop = {Stop::At::after, "BUILD", "build[1]", "make", Status::failed, {2, 0}};
  EXPECT_EQ(question_of(stop),
            "build[1] failed (exit status 2): [r]etry, [c]ontinue, [s]kip, s[h]ell, [a]bort? ");
}

TEST(RunController, TakesALetterOrAWord) {
  const Stop before{Stop::At::before, "BUILD", "build[1]", "make"};
  const Stop after{Stop::At::after, "BUILD", "build[1]", "make", Status::failed, {2, 0}};
  for (const auto& [typed, want] :
       std::initializer_list<std::pair<std::string_view, Answer>>{{"c", Answer::go_on},
                                                                  {" Continue\r", Answer::go_on},
                                                                  {"s", Answer::skip},
                                                                  {"h", Answer::shell},
                                                                  {"abort", Answer::abort}}) {
    EXPECT_EQ(answer_of(before, typed), want) << typed;
    EXPECT_EQ(answer_of(after, typed), want) << typed;
  }
  EXPECT_EQ(answer_of(after, "r"), Answer::retry);
  EXPECT_EQ(answer_of(before, "retry"), std::nullopt);
  for (const std::string_view typed : {"", " ", "x", "re", "c c"})
    EXPECT_EQ(answer_of(after, typed), std::nullopt) << typed;
}

// No stop before a task that the user wants to run again; the next time that it comes, there is.
TEST(RunController, StopsWhereItIsAskedTo) {
  RunController controller({{}, false, {"build[1]"}, true, ""}, {});
  PlanMade plan;
  plan.phases = {{"BUILD", true, 2, 0, 0, ""}};
  EXPECT_EQ(controller.select(plan).problem, "");
  const Place place;
  EXPECT_EQ(controller.before({"BUILD", "build[0]", "a", place}), Answer::go_on);
  EXPECT_EQ(controller.before({"BUILD", "build[1]", "b", place}), Answer::shell);
  TaskFinished finished{"BUILD", "build[1]", "b", place, Status::failed, {1, 0}, {}, ""};
  EXPECT_EQ(controller.after(finished), Answer::shell);
  finished.status = Status::stopped;
  EXPECT_EQ(controller.after(finished), Answer::go_on);
  finished.status = Status::succeeded;
  EXPECT_EQ(controller.after(finished), Answer::go_on);
}

}  // namespace
}  // namespace buildspec_run
