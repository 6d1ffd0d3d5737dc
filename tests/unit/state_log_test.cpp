#include "runner/store/state_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

KeptState state(std::uint64_t number, std::string label, std::string variables) {
  KeptState made;
  made.number = number;
  made.phase = "BUILD";
  made.label = std::move(label);
  made.directory = "/src\xFF\n/x";
  made.variables = std::move(variables);
  return made;
}

class StateLogTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<StateLog> made = StateLog::make(files_.path());
    ASSERT_TRUE(made);
    StateLog& log = *made;
    KeptRequest request;
    request.options = {{"--secret", {"A", "B@f"}}, {"--offline", {""}}};
    request.operands = {"ci/buildspec.yml"};
    request.working_directory = "/home/me";
    request.buildspec = "version: 0.2\nphases: {}\n";
    request.host = join_variables({{"PATH", "/bin"}, {"ODD", "a=b\n\xFE"}});
    log.keep(request);
    KeptBuild build;
    build.uuid = "1234";
    build.attempt = 2;
    build.started = std::chrono::system_clock::time_point(std::chrono::milliseconds(1764360000123));
    build.source_dir = "/src";
    log.keep(build);
    log.keep(state(0, "", ""));
    log.keep(state(1, "build[0]", "export A='1'\n"));
    KeptState failed = state(2, "build[1]", "export A='1'\n");
    failed.status = Status::failed;
    failed.succeeding = false;
    failed.phase_failure =
        BuildFailure{Status::failed, "BUILD", "build[1]", "false", Place{"b.yml", 4, 9}, "CODE", "why"};
    log.keep(failed);
    text_ = test::contents(files_ / "states");
  }

  test::TemporaryDirectory files_;
  std::string text_;
};

TEST_F(StateLogTest, ReadsWhatWasKept) {
  const KeptStates read = read_states_text(text_);
  EXPECT_FALSE(read.is_cut);
  EXPECT_EQ(read.request.options.at("--secret"), (std::vector<std::string>{"A", "B@f"}));
  EXPECT_TRUE(read.request.options.contains("--offline"));
  EXPECT_EQ(read.request.operands, std::vector<std::string>{"ci/buildspec.yml"});
  EXPECT_EQ(split_variables(read.request.host).at("ODD"), "a=b\n\xFE");
  ASSERT_TRUE(read.build);
  EXPECT_EQ(read.build->attempt, 2);
  EXPECT_EQ(read.build->started.time_since_epoch(), std::chrono::milliseconds(1764360000123));
  ASSERT_EQ(read.states.size(), 3U);
  EXPECT_EQ(read.states[1].variables, "export A='1'\n");
  EXPECT_EQ(read.states[2].variables, "export A='1'\n") << "it had not changed, and was not written again";
  EXPECT_EQ(read.states[2].directory, "/src\xFF\n/x");
  EXPECT_EQ(read.states[2].status, Status::failed);
  EXPECT_FALSE(read.states[2].succeeding);
  ASSERT_TRUE(read.states[2].phase_failure);
  EXPECT_EQ(read.states[2].phase_failure->place->column, 9U);
  EXPECT_FALSE(read.states[2].failure);
}

TEST_F(StateLogTest, WhateverItIsCutToTheStatesBeforeAreWhole) {
  for (std::size_t bytes = 0; bytes < text_.size(); ++bytes) {
    const KeptStates read = read_states_text(std::string_view(text_).substr(0, bytes));
    for (std::size_t i = 0; i < read.states.size(); ++i) {
      EXPECT_EQ(read.states[i].number, i);
      EXPECT_EQ(read.states[i].variables, i == 0 ? "" : "export A='1'\n");
    }
    EXPECT_LT(read.states.size(), 3U);
  }
}

TEST_F(StateLogTest, ANewBuildHasStatesOfItsOwn) {
  const KeptStates twice = read_states_text(text_ + text_.substr(0, text_.find("{\"record\":\"state\"")));
  EXPECT_EQ(twice.states.size(), 3U) << "one that has none does not count";
  const std::size_t first = text_.find("{\"record\":\"state\""),
                    second = text_.find("{\"record\":\"state\"", first + 1);
  EXPECT_EQ(read_states_text(text_ + text_.substr(0, second)).states.size(), 1U);
}

TEST_F(StateLogTest, IsForItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(::stat((files_ / "states").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace buildspec_run
