// How fast expressions are: the best of N in ms of processor time for 100,000 of them, of the kinds that steps have, over an event as
// GitHub sends it.
//
// usage: expression_bench [N]

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "actions/expr/expression.h"

namespace {

using namespace buildspec_run;
constexpr std::size_t kExpressions = 100'000;

constexpr std::string_view kConditions[] = {
    "github.event_name == 'push' && github.ref == 'refs/heads/main'",
    "always() && steps.build.outcome != 'skipped'",
    "contains(github.event.commits.*.message, 'release')",
    "!cancelled() && (env.STAGE == 'prod' || startsWith(github.ref, 'refs/tags/v'))",
    "fromJSON('[\"a\",\"b\",\"c\"]')[1] == 'B'",
    "steps.test.outputs.coverage >= 80",
    "contains(fromJSON('[\"bug\",\"feature\",\"chore\"]'), github.event.label.name)",
    "format('{0}/{1}:{2}', env.REGISTRY, env.NAME, github.sha) != ''",
    "github.event.commits[3].author.name",
    "success() && join(github.event.commits.*.id, ',') != '' || failure()",
};
constexpr std::string_view kTexts[] = {
    "${{ env.REGISTRY }}/${{ env.NAME }}:${{ github.sha }}",
    "no expression at all",
    "${{ steps.test.outputs.coverage }}",
    "docker build --build-arg VERSION=${{ github.ref_name }} -t ${{ env.NAME }} .",
    "deploy ${{ env.STAGE == 'prod' && 'carefully' || 'at once' }}",
};

class Contexts : public Evaluation {
 public:
  Contexts() {
    DatumArray commits;
    for (int i = 0; i < 20; ++i) {
      DatumObject author, commit;
      author.set("name", fmt::format("Author {}", i));
      author.set("email", fmt::format("author{}@example.org", i));
      commit.set("id", fmt::format("{:040x}", i * 7919));
      commit.set("message", fmt::format("Change {} of what there was before", i));
      commit.set("author", std::move(author));
      commits.items.push_back(std::move(commit));
    }
    DatumObject event, label, github, env(true), step, outputs, build, steps;
    label.set("name", "feature");
    event.set("label", std::move(label));
    event.set("commits", std::move(commits));
    for (int i = 0; i < 40; ++i) github.set(fmt::format("member_{}", i), i);
    for (const auto& [name, value] : {std::pair("event_name", "push"),
                                      {"ref", "refs/heads/main"},
                                      {"ref_name", "main"},
                                      {"sha", "0123456789abcdef0123456789abcdef01234567"}})
      github.set(name, value);
    github.set("event", std::move(event));
    for (int i = 0; i < 60; ++i) env.set(fmt::format("CODEBUILD_{}", i), "value");
    for (const auto& [name, value] :
         {std::pair("STAGE", "prod"), {"REGISTRY", "registry.example.org"}, {"NAME", "app"}})
      env.set(name, value);
    outputs.set("coverage", "87.5");
    step.set("outputs", std::move(outputs));
    build.set("outcome", "success");
    steps.set("test", std::move(step));
    steps.set("build", std::move(build));
    github_ = std::move(github);
    env_ = std::move(env);
    steps_ = std::move(steps);
  }
  Datum context(std::string_view name) override {
    return name == "github" ? github_ : name == "env" ? env_ : steps_;
  }
  bool status(std::string_view function) override { return function == "always" || function == "success"; }
  Result<std::string> hash_files(std::span<const std::string>) override { return std::string(); }

 private:
  Datum github_, env_, steps_;
};

const Allowed kAllowed{{"github", "env", "steps"}, true, true};

template <class Work>
void measure(std::string_view what, int runs, const Work& work) {
  double best = 1e9;
  std::size_t done = 0;
  for (int run = 0; run < runs; ++run) {
    const std::clock_t begun = std::clock();
    done = work();
    best = std::min(best, 1000.0 * static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC);
  }
  fmt::print("{:<44} {:8.1f} ms {:10.2f} us each\n", what, best, best * 1000 / static_cast<double>(done));
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  Contexts contexts;
  std::vector<Expression> conditions;
  for (const std::string_view text : kConditions)
    conditions.push_back(std::get<Expression>(parse_condition(text, kAllowed)));
  std::vector<Template> texts;
  for (const std::string_view text : kTexts)
    texts.push_back(std::get<Template>(parse_template(text, kAllowed)));

  std::size_t failed = 0;
  measure("conditions parsed", runs, [&] {
    for (std::size_t i = 0; i < kExpressions; ++i)
      failed += parse_condition(kConditions[i % std::size(kConditions)], kAllowed).index();
    return kExpressions;
  });
  measure("conditions evaluated", runs, [&] {
    for (std::size_t i = 0; i < kExpressions; ++i)
      failed += evaluate(conditions[i % conditions.size()], contexts) ? 0 : 1;
    return kExpressions;
  });
  measure("texts parsed", runs, [&] {
    for (std::size_t i = 0; i < kExpressions; ++i)
      failed += parse_template(kTexts[i % std::size(kTexts)], kAllowed).index();
    return kExpressions;
  });
  measure("texts evaluated", runs, [&] {
    for (std::size_t i = 0; i < kExpressions; ++i)
      failed += evaluate_string(texts[i % texts.size()], contexts) ? 0 : 1;
    return kExpressions;
  });
  // One that is as long as it may be.
  std::string longest = "github.ref";
  while (longest.size() < 20'900) longest += " || github.ref";
  measure("an expression of 21,000 characters, both", runs, [&] {
    const auto parsed = parse_expression(longest, kAllowed);
    failed += parsed.index();
    if (parsed.index() == 0) failed += evaluate(std::get<Expression>(parsed), contexts) ? 0 : 1;
    return std::size_t{1};
  });
  return failed == 0 ? 0 : 1;
}
