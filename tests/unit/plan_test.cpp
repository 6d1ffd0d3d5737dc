#include "runner/plan/plan.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/json_schema.h"

namespace buildspec_run {
namespace {

// A plan with one of everything, written by hand.
Plan everything(const SourceText& source) {
  Plan plan;
  plan.source = &source;
  plan.scope = ScopeKind::isolated;
  plan.shell = "bash";
  plan.variables = {{"A", "x\"y", PlannedVariable::Kind::plain, {2, 3}},
                    {"B", "/p", PlannedVariable::Kind::parameter_store, {}},
                    {"C", "s:k", PlannedVariable::Kind::secrets_manager, {}}};
  plan.exported = {"A"};
  plan.runtimes = {{"python", "3.10", {}}};
  plan.phases[0].name = "INSTALL";
  plan.phases[1].name = "PRE_BUILD";
  plan.phases[2] = {"BUILD",
                    true,
                    {4, 5},
                    "me",
                    {},
                    {FailurePolicy::Action::retry, 2, "a+", {}},
                    {{"build[0]", {6, 7}, ShellScript{"one\n\ntwo\n"}}, {"build[1]", {}, ShellScript{""}}},
                    {},
                    {{"build.finally[0]", {}, ShellScript{"\x1b[2J"}}}};
  StepTask script;
  script.id = "__run";
  script.default_name = "Run make";
  script.where = {6, 7};
  script.condition = Expression("success()", nullptr);
  script.env.members = {{Template::literal("A"), Template::literal("1")},
                        {Template(), Template::literal("x")}};
  script.timeout_minutes = Template::literal("5");
  script.body =
      ScriptStep{Template::literal("make\nrun"), Template::literal("bash"), Template::literal("sub")};
  StepTask use;
  use.id = "a";
  use.name = Template::literal("An action");
  use.default_name = "Run o/r@v1";
  use.condition = Expression("always()", nullptr);
  use.continue_on_error = Template::literal("true");
  auto action = std::make_shared<LoweredAction>();
  action->repository = "o/r";
  action->ref = "v1";
  action->commit = "c0ffee";
  action->directory = "/a";
  action->main = Program{NodeProgram{"node20", "/a/m.js"}};
  use.body = ActionStep{"o/r@v1", {}, {{}, Template::literal("${{ x }}")}, std::move(action)};
  plan.phases[1].in_file = true;
  plan.phases[1].steps = {script, use};
  plan.phases[3].name = "POST_BUILD";
  plan.phases[3].in_file = true;
  plan.phases[3].on_failure.action = FailurePolicy::Action::abort;
  plan.unsupported = {{"not-supported-steps", "steps are not run", true, {}}};
  return plan;
}

TEST(Plan, PrintsOneFactALine) {
  const SourceText source("b.yml", "a\nb\nc\nd\n");
  EXPECT_EQ(dump(everything(source)),
            "scope isolated\n"
            "shell \"bash\"\n"
            "variable A=\"x\\\"y\" @2:1\n"
            "parameter-store B=\"/p\"\n"
            "secrets-manager C=\"s:k\"\n"
            "export A\n"
            "runtime python \"3.10\"\n"
            "phase INSTALL (not in the file)\n"
            "phase PRE_BUILD\n"
            "  pre_build[0] @4:1 Run make\n"
            "    id \"__run\"\n"
            "    if \"success()\"\n"
            "    env \"A=1\"\n"
            "    env \"${{ insert }}=x\"\n"
            "    timeout-minutes \"5\"\n"
            "    run\n"
            "      | make\n"
            "      | run\n"
            "    shell \"bash\"\n"
            "    working-directory \"sub\"\n"
            "  pre_build[1] Run o/r@v1\n"
            "    id \"a\"\n"
            "    if \"always()\"\n"
            "    name \"An action\"\n"
            "    continue-on-error \"true\"\n"
            "    uses \"o/r@v1\"\n"
            "    with \"${{ x }}\"\n"
            "      | from o/r@v1 c0ffee\n"
            "      | in /a\n"
            "      | main node20 /a/m.js\n"
            "phase BUILD @3:1\n"
            "  run-as \"me\"\n"
            "  on-failure retry 2 \"a+\"\n"
            "  build[0] @4:1\n"
            "    | one\n"
            "    |\n"
            "    | two\n"
            "    |\n"
            "  build[1] (nothing to run)\n"
            "  build.finally[0]\n"
            "    | \\x1b[2J\n"
            "phase POST_BUILD\n"
            "  on-failure abort\n"
            "unsupported not-supported-steps (error): steps are not run\n");
}

TEST(Plan, IsJsonAsItsSchemaSays) {
  const Result<Value> schema = parse_json(read_test_file(PROJECT_SOURCE_DIR "/schema/plan.schema.json"));
  ASSERT_TRUE(schema);
  const SourceText source("b.yml", "a\nb\nc\nd\n");
  const Value value = to_value(everything(source));
  EXPECT_EQ(schema_violations(*schema, value, UnknownMembers::refused), std::vector<std::string>());
  Plan empty;
  for (std::size_t i = 0; i < 4; ++i) empty.phases[i].name = everything(source).phases[i].name;
  EXPECT_EQ(schema_violations(*schema, to_value(empty), UnknownMembers::refused), std::vector<std::string>());
  EXPECT_EQ(*value.find("scope"), Value("isolated"));
  const Value& build = (*value.find("phases")->array())[2];
  EXPECT_EQ(*(*build.find("commands")->array())[0].find("script"), Value("one\n\ntwo\n"));
  EXPECT_EQ(*(*build.find("commands")->array())[0].find("line"), Value(4));
  const Value& steps = *(*value.find("phases")->array())[1].find("steps");
  constexpr const char* kWant =
      R"j([{"label":"pre_build[0]","line":4,"column":1,"id":"__run","title":"Run make","if":"success()",)j"
      R"j("run":"make\nrun","shell":"bash","workingDirectory":"sub","env":{"A":"1","${{ insert }}":"x"},)j"
      R"j("timeoutMinutes":"5"},{"label":"pre_build[1]","id":"a","title":"Run o/r@v1","name":"An action",)j"
      R"j("if":"always()","uses":"o/r@v1","with":"${{ x }}","continueOnError":"true"}])j";
  EXPECT_EQ(to_json(steps), kWant);
  EXPECT_EQ(*(*value.find("variables")->array())[1].find("reference"), Value("/p"));
}

TEST(Plan, SchemaRefusesWhatIsNoPlan) {
  const Result<Value> schema = parse_json(read_test_file(PROJECT_SOURCE_DIR "/schema/plan.schema.json"));
  ASSERT_TRUE(schema);
  const SourceText source("b.yml", "a\n");
  Plan plan = everything(source);
  plan.phases[0].name = "DEPLOY";
  EXPECT_FALSE(schema_violations(*schema, to_value(plan)).empty());
}

}  // namespace
}  // namespace buildspec_run
