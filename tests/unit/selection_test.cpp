#include "runner/event/selection.h"

#include <gtest/gtest.h>

#include <string>

namespace buildspec_run {
namespace {

// install[0], build[0..2], build.finally[0..1], post_build[0..1] (steps); pre_build is there and empty.
PlanMade plan() {
  PlanMade made;
  made.phases = {{"INSTALL", true, 1, 0, 0, ""},
                 {"PRE_BUILD", true, 0, 0, 0, ""},
                 {"BUILD", true, 3, 0, 2, ""},
                 {"POST_BUILD", true, 0, 2, 0, ""}};
  return made;
}

// What runs, with blanks between; else the id and message of the problem.
std::string chosen(const WantedTasks& wanted, const PlanMade& of = plan()) {
  const Selection selection = select_tasks(wanted, of);
  if (!selection.problem.empty()) return std::string(selection.problem_id) + ": " + selection.problem;
  std::string left_out;
  for (const std::string& label : selection.left_out) left_out += (left_out.empty() ? "" : " ") + label;
  return left_out;
}

struct Case {
  WantedTasks wanted;
  std::string_view left_out;
};

TEST(Selection, LeavesOutWhatIsNotAskedFor) {
  const Case cases[] = {
      {{}, ""},
      {{{"build"}, {}, "", ""}, "install[0] post_build[0] post_build[1]"},
      {{{"BUILD"}, {}, "", ""}, "install[0] post_build[0] post_build[1]"},
      {{{"Post-Build[1]", "install"}, {}, "", ""},
       "build[0] build[1] build[2] build.finally[0] build.finally[1] post_build[0]"},
      {{{"build.finally"}, {}, "", ""}, "install[0] build[0] build[1] build[2] post_build[0] post_build[1]"},
      {{{}, {"build.finally[1]", "install"}, "", ""}, "install[0] build.finally[1]"},
      {{{}, {"pre_build"}, "", ""}, ""},
      {{{}, {}, "build[2]", ""}, "install[0] build[0] build[1]"},
      {{{}, {}, "", "build[0]"},
       "build[1] build[2] build.finally[0] build.finally[1] post_build[0] post_build[1]"},
      {{{}, {}, "", "build"}, "post_build[0] post_build[1]"},
      {{{}, {}, "build", "build.finally[0]"}, "install[0] build.finally[1] post_build[0] post_build[1]"},
      {{{"build"}, {"build[1]"}, "build[1]", "build[2]"},
       "install[0] build[0] build[1] build.finally[0] build.finally[1] post_build[0] post_build[1]"},
  };
  for (const auto& [wanted, left_out] : cases) EXPECT_EQ(chosen(wanted), left_out);
  EXPECT_EQ(chosen({}, PlanMade()), "");
}

TEST(Selection, RefusesWhatIsNotThere) {
  EXPECT_EQ(chosen({{"bild"}, {}, "", ""}),
            "unknown-task: no phase or task is called \"bild\"; did you mean \"build\"?");
  EXPECT_EQ(
      chosen({{}, {"build.finaly[0]"}, "", ""}),
      "unknown-task: no phase or task is called \"build.finaly[0]\"; did you mean \"build.finally[0]\"?");
  EXPECT_EQ(chosen({{}, {}, "deploy", ""}),
            "unknown-task: no phase or task is called \"deploy\"; buildspec-run list shows their names");
  EXPECT_EQ(chosen({{}, {}, "", "build[3]"}),
            "unknown-task: \"build[3]\": build has 3 commands, build[0] to build[2]");
  EXPECT_EQ(chosen({{"post_build[7]"}, {}, "", ""}),
            "unknown-task: \"post_build[7]\": post_build has 2 steps, post_build[0] to post_build[1]");
  EXPECT_EQ(chosen({{"install.finally"}, {}, "", ""}),
            "unknown-task: \"install.finally\": install.finally has no command");
  EXPECT_EQ(chosen({{""}, {}, "", ""}),
            "unknown-task: no phase or task is called \"\"; buildspec-run list shows their names");
  PlanMade without = plan();
  without.phases[1].in_file = false;
  EXPECT_EQ(chosen({{}, {}, "pre_build", ""}, without), "unknown-task: the buildspec has no phase pre_build");
}

TEST(Selection, RefusesToRunNothing) {
  EXPECT_EQ(chosen({{"pre_build"}, {}, "", ""}),
            "nothing-selected: all 8 tasks of the buildspec are left out, so that nothing is to run");
  EXPECT_EQ(chosen({{}, {}, "post_build", "install"}),
            "nothing-selected: all 8 tasks of the buildspec are left out, so that nothing is to run");
}

TEST(Selection, FindsWhereToStop) {
  const auto found = [](const std::vector<std::string>& names, WantedTasks wanted = {}) {
    Selection selection = select_tasks(wanted, plan());
    std::string labels;
    for (const std::string& label : find_breaks(names, plan(), selection)) labels += label + " ";
    return labels + std::string(selection.problem_id);
  };
  EXPECT_EQ(found({}), "");
  EXPECT_EQ(found({"build", "post_build[1]", "build.finally"}), "build[0] post_build[1] build.finally[0] ");
  EXPECT_EQ(found({"build"}, {{}, {"build[0]"}, "", ""}), "build[1] ");
  EXPECT_EQ(found({"build[0]"}, {{}, {"build[0]"}, "", ""}), "break-left-out");
  EXPECT_EQ(found({"pre_build"}), "break-left-out");
  EXPECT_EQ(found({"bild"}), "unknown-task");
}

}  // namespace
}  // namespace buildspec_run
