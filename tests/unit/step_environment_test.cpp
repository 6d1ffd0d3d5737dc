#include "runner/exec/step_environment.h"

#include <gtest/gtest.h>

#include "runner/exec/node_program.h"

namespace buildspec_run {
namespace {

// actions.md 3.12
TEST(PathEntries, TheNewestIsFirst) {
  PathEntries path;
  EXPECT_EQ(path.before("/bin"), "/bin");
  path.add("/a");
  path.add("/b");
  EXPECT_EQ(path.before("/bin"), "/b:/a:/bin");
  path.add("/a");  // again: it moves
  EXPECT_EQ(path.before("/bin"), "/a:/b:/bin");
  EXPECT_EQ(path.before(""), "/a:/b");
  EXPECT_EQ(path.before("/a:/b:/bin"), "/a:/b:/bin");  // there already
  EXPECT_EQ(path.before("/a:/bc"), "/a:/b:/a:/bc");
}

// actions.md 3.8
TEST(ProcessEnvironment, LaterLayersWin) {
  const std::map<std::string, std::string> inherited = {
      {"PATH", "/bin"}, {"HOME", "/h"}, {"A", "host"}, {"NODE_ICU_DATA", "host"}};
  DatumObject env(true), job(true), state;
  env.set("A", "env");
  env.set("GITHUB_SHA", "mine");
  env.set("NODE_ICU_DATA", "mine");
  env.set("STATE_k", "mine");
  env.set("nul", std::string("a\0b", 3));
  env.set("a=b", "x");
  env.set("", "x");
  state.set("k", "v");
  PathEntries path;
  path.add("/new");
  const VariableList inputs = {{"INPUT_X", "1"}}, contexts = {{"GITHUB_SHA", "sha"}},
                     more = {{"A", "metadata"}, {"M", "metadata"}};
  const std::map<std::string, std::string> want = {{"A", "env"},
                                                   {"CI", "true"},
                                                   {"GITHUB_ACTIONS", "true"},
                                                   {"GITHUB_SHA", "sha"},
                                                   {"HOME", "/h"},
                                                   {"INPUT_X", "1"},
                                                   {"M", "metadata"},
                                                   {"NODE_ICU_DATA", "host"},
                                                   {"PATH", "/new:/bin"},
                                                   {"RUNNER_TRACKING_ID", "id"},
                                                   {"STATE_k", "v"},
                                                   {"nul", "a"}};
  EXPECT_EQ(process_environment({inherited, env, &job, &state, inputs, more, &path, contexts, "id"}), want);
}

// The job's PATH is what the entries are put before, a step's own is not (3.12).
TEST(ProcessEnvironment, PathOfTheJobBeatsThatOfTheStep) {
  const std::map<std::string, std::string> inherited = {{"PATH", "/bin"}};
  DatumObject env(true), job(true);
  env.set("PATH", "/step");
  PathEntries path, none;
  path.add("/new");
  EXPECT_EQ(process_environment({inherited, env, &job, nullptr, {}, {}, &path, {}, {}}).at("PATH"),
            "/new:/step");
  EXPECT_EQ(process_environment({inherited, env, &job, nullptr, {}, {}, &none, {}, {}}).at("PATH"), "/step");
  job.set("PATH", "/job");
  EXPECT_EQ(process_environment({inherited, env, &job, nullptr, {}, {}, &path, {}, {}}).at("PATH"),
            "/new:/job");
}

// actions.md 2.4: what is older runs with node20.
TEST(NodeProgram, Declared) {
  EXPECT_EQ(declared_node("node12"), 20);
  EXPECT_EQ(declared_node("node16"), 20);
  EXPECT_EQ(declared_node("Node20"), 20);
  EXPECT_EQ(declared_node("node24"), 24);
  EXPECT_EQ(declared_node("docker"), 0);
}

}  // namespace
}  // namespace buildspec_run
