// Steps and actions to the plan: actions.md 1.1 to 1.3, 1.7, 1.8, 2.4 to 2.6, 3.3, 3.5.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actions/lower.h"
#include "tests/support/fake_actions.h"

namespace buildspec_run {
namespace {

using Lines = std::vector<std::string>;

const std::string kNode = "runs: {using: node20, main: dist/index.js}\n";

std::string composite(const Lines& steps) {
  std::string text = "runs:\n  using: composite\n  steps:\n";
  for (const std::string& step : steps) text += fmt::format("    - {{{}}}\n", step);
  return text;
}

// A buildspec of one phase with a step for each of `uses`, resolved.
struct Resolved {
  Resolved(FakeActions& actions, const Lines& uses) {
    std::string text = "steps:\n";
    for (const std::string& one : uses) text += fmt::format("  - uses: {}\n", one);
    source = std::make_unique<SourceText>("buildspec.yml", text);
    Diagnostics found;
    const Document document = parse_document(*source, found);
    plan.phases[2].steps = decode_steps(*source, *document.root()->find("steps"), found);
    EXPECT_FALSE(found.has_errors());
    Diagnostics resolving;
    resolve_actions(plan, actions, resolving);
    for (const Diagnostic& one : resolving.all()) {
      errors.push_back(render_line(one));
      errors.back().pop_back();
    }
  }
  [[nodiscard]] const LoweredAction* action(std::size_t step) const {
    return std::get<ActionStep>(plan.phases[2].steps.at(step).body).action.get();
  }
  [[nodiscard]] std::string dump_of(std::size_t step) const {
    return action(step) == nullptr ? "" : dump(*action(step));
  }
  std::unique_ptr<SourceText> source;
  Plan plan;
  Lines errors;
};

Result<std::shared_ptr<const LoweredAction>> lower_local(FakeActions& actions, const std::string& path,
                                                         int depth = 0) {
  return lower_local_action("/work", LocalReference{path}, actions, depth);
}

TEST(LowerAction, JavaScript2_4) {
  FakeActions actions;
  actions.add(
      "o/r@v1", "action.yml",
      "inputs: {a: {default: x}, b: {}}\nruns: {using: Node20, main: dist/index.js, pre: p.js, pre-if: "
      "runner.os == 'Linux', post: q.js}\n");
  const Resolved resolved(actions, {"o/r@v1"});
  EXPECT_EQ(resolved.errors, Lines());
  EXPECT_EQ(resolved.dump_of(0),
            "from o/r@v1 commit of o/r@v1\n"
            "in /actions/o/r/v1\n"
            "input a=x\n"
            "input b\n"
            "pre if runner.os == 'Linux' node20 /actions/o/r/v1/p.js\n"
            "main node20 /actions/o/r/v1/dist/index.js\n"
            "post node20 /actions/o/r/v1/q.js\n");
  EXPECT_TRUE(resolved.action(0)->declares_inputs);
  EXPECT_EQ(resolved.action(0)->metadata->name(), "o/r/v1/action.yml");
}

TEST(LowerAction, Docker2_5And8_2) {
  FakeActions actions;
  actions.add("o/r@v1", "sub/action.yml",
              "runs:\n  using: docker\n  image: ../docker/Dockerfile\n  entrypoint: e\n  pre-entrypoint: p\n"
              "  post-entrypoint: q\n  args: [\"${{ inputs.x }}\"]\n  env: {K: v}\n");
  actions.add("o/r@v1", "registry/action.yml", "runs: {using: docker, image: 'docker://alpine:3'}");
  actions.add("o/r@v1", "bare/Dockerfile", "FROM scratch");
  actions.add("o/r@v1", "lower/dockerfile", "FROM scratch");
  const Resolved resolved(
      actions, {"o/r/sub@v1", "o/r/registry@v1", "o/r/bare@v1", "o/r/lower@v1", "docker://busybox:1"});
  EXPECT_EQ(resolved.errors, Lines());
  const auto stage = [](std::string_view name, std::string_view entrypoint) {
    return fmt::format(
        "{} docker build -f /actions/o/r/v1/sub/../docker/Dockerfile /actions/o/r/v1/sub/../docker\n"
        "  entrypoint {}\n  arg ${{{{ inputs.x }}}}\n  env K=v\n",
        name, entrypoint);
  };
  EXPECT_EQ(resolved.dump_of(0), "from o/r@v1 commit of o/r@v1\nin /actions/o/r/v1/sub\n" +
                                     stage("pre", "p") + stage("main", "e") + stage("post", "q"));
  const auto& main = std::get<ContainerProgram>(resolved.action(0)->main.body);
  EXPECT_TRUE(main.is_main);
  EXPECT_FALSE(std::get<ContainerProgram>(resolved.action(0)->pre->body).is_main);
  EXPECT_EQ(std::get<ContainerProgram::Built>(main.image).directory, "/actions/o/r/v1")
      << "8.2: where the build starts";
  EXPECT_EQ(resolved.dump_of(1),
            "from o/r@v1 commit of o/r@v1\nin /actions/o/r/v1/registry\nmain docker alpine:3\n");
  // 1.7: no metadata. Its inputs are unexpected, entryPoint and args are honoured.
  EXPECT_EQ(resolved.dump_of(2),
            "from o/r@v1 commit of o/r@v1\nin /actions/o/r/v1/bare\nmain docker build -f "
            "/actions/o/r/v1/bare/Dockerfile /actions/o/r/v1/bare\n");
  EXPECT_TRUE(resolved.action(2)->declares_inputs);
  EXPECT_NE(resolved.dump_of(3).find("/lower/dockerfile"), std::string::npos);
  // 1.8: an image by itself has no inputs that could be unexpected.
  EXPECT_EQ(resolved.dump_of(4), "main docker busybox:1\n");
  EXPECT_FALSE(resolved.action(4)->declares_inputs);
}

TEST(LowerAction, ManifestLookup1_7) {
  FakeActions actions;
  actions.add("o/r@v1", "action.yaml", "runs: {using: node20, main: yaml.js}");
  actions.add("o/r@v2", "action.yaml", "runs: {using: node20, main: yaml.js}");
  actions.add("o/r@v2", "action.yml", "runs: {using: node20, main: yml.js}");
  actions.add("o/r@v3", "Dockerfile", "");
  actions.add("o/r@v3", "action.yaml", "runs: {using: node20, main: yaml.js}");
  actions.add("o/r@v4", "README.md", "");
  const Resolved resolved(actions, {"o/r@v1", "o/r@v2", "o/r@v3", "o/r@v4", "o/r/a/b@v4"});
  EXPECT_NE(resolved.dump_of(0).find("yaml.js"), std::string::npos);
  EXPECT_NE(resolved.dump_of(1).find("yml.js"), std::string::npos);
  EXPECT_NE(resolved.dump_of(2).find("yaml.js"), std::string::npos);
  EXPECT_EQ(
      resolved.errors,
      (Lines{"buildspec.yml:5:11: error: Can't find 'action.yml', 'action.yaml' or 'Dockerfile' for action "
             "'o/r@v4'. [action-not-found]",
             "buildspec.yml:6:11: error: Can't find 'action.yml', 'action.yaml' or 'Dockerfile' for action "
             "'o/r/a/b@v4'. [action-not-found]"}));
  EXPECT_EQ(resolved.action(3), nullptr);
}

TEST(LowerAction, FetchesEachRepositoryOnceAndLevelByLevel1_3) {
  FakeActions actions;
  actions.add("o/r@v1", "a/action.yml", composite({"uses: o/s@v1", "uses: o/r/b@v1", "uses: o/t@v1"}));
  actions.add("o/r@v1", "b/action.yml", composite({"uses: o/t@v1"}));
  actions.add("o/s@v1", "action.yml", kNode).add("o/t@v1", "action.yml", kNode);
  const Resolved resolved(actions, {"o/r/a@v1", "o/r/b@v1", "o/s@v1", "o/r/a@v1"});
  EXPECT_EQ(resolved.errors, Lines());
  EXPECT_EQ(actions.fetched, (Lines{"o/r@v1", "o/s@v1", "o/t@v1"}));
  EXPECT_EQ(actions.prefetched, (Lines{"o/r@v1 o/s@v1", "o/t@v1"}));
  EXPECT_EQ(resolved.action(0), resolved.action(3)) << "lowered once";
  const auto& group = std::get<std::shared_ptr<const StepGroup>>(resolved.action(0)->main.body);
  EXPECT_EQ(std::get<ActionStep>(group->steps[0].body).action.get(), resolved.action(2));
  EXPECT_EQ(std::get<ActionStep>(group->steps[1].body).action.get(), resolved.action(1));
  EXPECT_EQ(resolved.dump_of(1),
            "from o/r@v1 commit of o/r@v1\nin /actions/o/r/v1/b\nmain composite\n"
            "  Run o/t@v1\n    id __o_t\n    if success()\n    uses o/t@v1\n"
            "      from o/t@v1 commit of o/t@v1\n      in /actions/o/t/v1\n      main node20 "
            "/actions/o/t/v1/dist/index.js\n");
}

TEST(LowerAction, ReferencesAreComparedByTheLetter1_3) {
  FakeActions actions;
  actions.add("o/r@v1", "action.yml", kNode).add("O/r@v1", "action.yml", kNode);
  const Resolved resolved(actions, {"o/r@v1", "O/r@v1"});
  EXPECT_EQ(actions.fetched, (Lines{"o/r@v1", "O/r@v1"}));
}

// A chain of composite actions c1 … cN, cN with a run step.
void add_chain(FakeActions& actions, int length) {
  for (int i = 1; i <= length; ++i)
    actions.add(fmt::format("o/c{}@v", i), "action.yml",
                composite({i == length ? "run: x, shell: sh" : fmt::format("uses: o/c{}@v", i + 1)}));
}

TEST(LowerAction, Depth1_3) {
  FakeActions actions;
  add_chain(actions, 9);
  EXPECT_EQ(Resolved(actions, {"o/c1@v"}).errors, Lines()) << "the phase's list and nine more: ten levels";
  FakeActions deeper;
  add_chain(deeper, 10);
  EXPECT_EQ(Resolved(deeper, {"o/c1@v"}).errors,
            Lines{"buildspec.yml:2:11: error: Composite action depth exceeded max depth 9 [action-depth]"});
  EXPECT_EQ(Resolved(deeper, {"o/c2@v"}).errors, Lines());
  EXPECT_EQ(Resolved(deeper, {"o/c2@v", "o/c1@v"}).errors,
            Lines{"buildspec.yml:3:11: error: Composite action depth exceeded max depth 9 [action-depth]"});
  FakeActions far;
  add_chain(far, 40);
  EXPECT_EQ(Resolved(far, {"o/c1@v"}).errors.size(), 1U);
  EXPECT_LE(far.fetched.size(), 11U) << "what lies deeper is not fetched";
}

TEST(LowerAction, ActionsThatUseThemselves) {
  FakeActions actions;
  actions.add("o/a@v", "action.yml", composite({"uses: o/b@v"}))
      .add("o/b@v", "action.yml", composite({"uses: o/a@v"}));
  actions.add("o/c@v", "action.yml", composite({"uses: o/c@v"}));
  EXPECT_EQ(Resolved(actions, {"o/a@v", "o/c@v"}).errors,
            (Lines{"buildspec.yml:2:11: error: Composite action depth exceeded max depth 9 [action-depth]",
                   "buildspec.yml:3:11: error: Composite action depth exceeded max depth 9 [action-depth]"}));
}

TEST(LowerAction, SelfReferences1_2) {
  FakeActions actions;
  actions.add("o/r@v1", "action.yml", composite({"uses: $/sub/x", "uses: $//sub/x"}));
  actions.add("o/r@v1", "sub/x/action.yml", kNode);
  const Resolved resolved(actions, {"o/r@v1", "$/x"});
  EXPECT_EQ(
      resolved.errors,
      Lines{
          "buildspec.yml:3:11: error: Unable to resolve self-reference '$/'. This can occur when the server "
          "does not support this syntax, the feature flag is disabled, or the workflow context "
          "(repository/SHA) is unavailable. [action-self-reference]"});
  const auto& group = std::get<std::shared_ptr<const StepGroup>>(resolved.action(0)->main.body);
  EXPECT_EQ(std::get<ActionStep>(group->steps[0].body).action->directory, "/actions/o/r/v1/sub/x");
  EXPECT_EQ(std::get<ActionStep>(group->steps[1].body).action,
            std::get<ActionStep>(group->steps[0].body).action);
}

TEST(LowerAction, StagesOfComposites3_3) {
  FakeActions actions;
  actions.add("o/main@v", "action.yml", kNode);
  actions.add("o/pre@v", "action.yml", "runs: {using: node20, main: m, pre: p}");
  actions.add("o/post@v", "action.yml", "runs: {using: node20, main: m, post: p}");
  const auto stages = [&](const Lines& steps) {
    FakeActions copy = actions;
    copy.add("o/c@v", "action.yml", composite(steps));
    const Resolved resolved(copy, {"o/c@v"});
    EXPECT_EQ(resolved.errors, Lines());
    return std::string(resolved.action(0)->pre ? "pre " : "") + (resolved.action(0)->post ? "post" : "");
  };
  EXPECT_EQ(stages({"run: x, shell: sh", "uses: o/main@v", "uses: 'docker://a'"}), "");
  EXPECT_EQ(stages({"uses: o/pre@v"}), "pre ");
  EXPECT_EQ(stages({"uses: o/main@v", "uses: o/post@v"}), "post");
  EXPECT_EQ(stages({"uses: ./local"}), "post") << "3.5: unknown, so it is assumed";
}

TEST(LowerAction, ErrorsStandAtTheStep) {
  FakeActions actions;
  actions.add("o/bad@v", "action.yml", "runs: {using: node20, main: [a]}\nx: ${{ y }}\n");
  actions.add("o/user@v", "action.yml", composite({"uses: o/bad@v", "uses: o/missing@v"}));
  EXPECT_EQ(
      Resolved(actions, {"o/missing@v", "o/bad@v", "o/user@v", "offline/a@v"}).errors,
      (Lines{
          "buildspec.yml:2:11: error: Unable to resolve action 'o/missing@v', unable to find version 'v' "
          "[action-unresolvable]",
          "buildspec.yml:3:11: error: o/bad/v/action.yml (Line: 1, Col: 29): A sequence was not expected "
          "[action-metadata]",
          "buildspec.yml:3:11: error: o/bad/v/action.yml (Line: 2, Col: 4): Unrecognized named-value: 'y'. "
          "Located at position 1 within expression: y [action-metadata]",
          "buildspec.yml:3:11: error: You are using a JavaScript Action but there is not an entry JavaScript "
          "file provided in o/bad/v/action.yml. [action-metadata]",
          "buildspec.yml:4:11: error: o/bad/v/action.yml (Line: 1, Col: 29): A sequence was not expected "
          "[action-metadata]",
          "buildspec.yml:4:11: error: o/bad/v/action.yml (Line: 2, Col: 4): Unrecognized named-value: 'y'. "
          "Located at position 1 within expression: y [action-metadata]",
          "buildspec.yml:4:11: error: You are using a JavaScript Action but there is not an entry JavaScript "
          "file provided in o/bad/v/action.yml. [action-metadata]",
          "buildspec.yml:5:11: error: no network [action-unavailable]"}));
}

TEST(LowerAction, NothingLeavesItsRepository) {
  FakeActions actions;
  actions.add("o/main@v", "action.yml", "runs: {using: node20, main: ../../../etc/passwd}");
  actions.add("o/abs@v", "action.yml", "runs: {using: node20, main: /etc/passwd}");
  actions.add("o/pre@v", "action.yml", "runs: {using: node20, main: a, pre: ../x}");
  actions.add("o/post@v", "action.yml", "runs: {using: node20, main: a, post: a/../../x}");
  actions.add("o/image@v", "action.yml", "runs: {using: docker, image: ../Dockerfile}");
  actions.add("o/within@v", "sub/action.yml", "runs: {using: node20, main: ../dist/index.js}");
  actions.add("x@v", "action.yml", kNode);
  const Resolved resolved(actions, {"o/main@v", "o/abs@v", "o/pre@v", "o/post@v", "o/image@v",
                                    "o/within/sub@v", "o/r/../../x@v", "../..@v", "o/..@v", "./../x@v"});
  Lines ids;
  for (const std::string& error : resolved.errors) ids.push_back(error.substr(error.rfind('[')));
  EXPECT_EQ(ids, Lines(8, "[action-path-outside]"));
  EXPECT_EQ(resolved.errors[0],
            "buildspec.yml:2:11: error: main \"../../../etc/passwd\" leaves the directory /actions/o/main/v, "
            "outside of "
            "which an action has no files [action-path-outside]");
  EXPECT_EQ(resolved.errors[5],
            "buildspec.yml:8:11: error: the path of o/r/../../x@v leaves its repository, where no action is "
            "looked for "
            "[action-path-outside]");
  EXPECT_NE(resolved.action(5), nullptr);
  for (const std::string& key : actions.fetched) EXPECT_EQ(key.find(".."), std::string::npos) << key;
}

TEST(LowerLocalAction, IsReadInTheWorkspace1_2) {
  FakeActions actions;
  actions.add_local("tools/x/action.yml", "runs: {using: node20, main: m.js, pre: p.js}");
  const auto action = lower_local(actions, "./tools/x");
  ASSERT_TRUE(action);
  EXPECT_EQ(dump(**action),
            "in /work/./tools/x\npre node20 /work/./tools/x/p.js\nmain node20 /work/./tools/x/m.js\n");
  EXPECT_EQ((*action)->metadata->name(), "/work/./tools/x/action.yml");
  EXPECT_EQ(actions.roots, Lines{"/work"});
  const auto missing = lower_local(actions, "./nope");
  ASSERT_FALSE(missing);
  EXPECT_EQ(
      missing.error().message,
      "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '/work/./nope'. Did you forget to run "
      "actions/checkout before running your local action?");
  actions.add_local("bad/action.yml", "runs: {using: node20, main: a, nope: b}");
  const auto bad = lower_local(actions, "./bad");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message,
            "/work/./bad/action.yml (Line: 1, Col: 32): Unexpected value 'nope'\n"
            "Failed to load /work/./bad/action.yml");
  const auto outside = lower_local(actions, "./../x");
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().message, "./../x leaves the source directory, where no action is looked for");
  EXPECT_TRUE(actions.fetched.empty());
}

TEST(LowerLocalAction, ResolvesWhatItUses1_3) {
  FakeActions actions;
  actions.add_local("c/action.yml", composite({"uses: o/pre@v", "uses: ./other", "uses: 'docker://a'"}));
  actions.add_local("self/action.yml", composite({"uses: $/x"}));
  actions.add_local("missing/action.yml", composite({"uses: o/missing@v"}));
  actions.add("o/pre@v", "action.yml", "runs: {using: node20, main: m, pre: p}");
  const auto action = lower_local(actions, "./c");
  ASSERT_TRUE(action);
  EXPECT_TRUE((*action)->pre) << "3.3: counts as having one, which is then warned of";
  const auto& group = std::get<std::shared_ptr<const StepGroup>>((*action)->main.body);
  EXPECT_NE(std::get<ActionStep>(group->steps[0].body).action, nullptr);
  EXPECT_EQ(std::get<ActionStep>(group->steps[1].body).action, nullptr) << "read when it starts";
  EXPECT_EQ(group->steps[0].source, (*action)->metadata.get());
  const auto self = lower_local(actions, "./self");
  ASSERT_FALSE(self);
  EXPECT_TRUE(self.error().message.starts_with("Unable to resolve self-reference '$/'."));
  const auto missing = lower_local(actions, "./missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "Unable to resolve action 'o/missing@v', unable to find version 'v'");
}

TEST(LowerLocalAction, CountsTheLevelsAbove1_3) {
  FakeActions actions;
  add_chain(actions, 8);
  actions.add_local("action.yml", composite({"uses: o/c1@v"}));
  EXPECT_TRUE(lower_local(actions, "./"));
  const auto deep = lower_local(actions, "./", 1);
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().message, "Composite action depth exceeded max depth 9");
}

}  // namespace
}  // namespace buildspec_run
