#include "runner/buildspec/batch.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>

#include "runner/buildspec/decode.h"

namespace buildspec_run {
namespace {

std::string expanded(const std::string& batch, std::size_t most = 10'000) {
  const SourceText source("b.yml", "version: 0.2\nphases: {build: {commands: [make]}}\nbatch:\n" + batch);
  Diagnostics found;
  const Document document = parse_document(source, found);
  const Buildspec spec = decode_buildspec(source, document, Purpose::run, found);
  if (!spec.batch) return "no batch\n";
  const BatchEntries all = expand_batch(*spec.batch, most);
  std::string out;
  for (const BatchEntry& entry : all.entries) {
    out += entry.identifier;
    if (!entry.buildspec.empty()) out += " " + entry.buildspec;
    if (!entry.compute_type.empty()) out += " " + entry.compute_type;
    if (!entry.image.empty()) out += " " + entry.image;
    for (const auto& [name, value] : entry.variables) out += fmt::format(" {}={}", name, value);
    for (const std::string& name : entry.depend_on) out += " after:" + name;
    if (entry.ignore_failure) out += " ignore-failure";
    out += "\n";
  }
  return out + fmt::format("{} in all\n", all.total);
}

// Appendix E 21: buildspec is the outer loop, the last axis varies fastest.
TEST(Batch, ExpandsAMatrix) {
  EXPECT_EQ(expanded("  build-matrix:\n"
                     "    static: {ignore-failure: yes}\n"
                     "    dynamic:\n"
                     "      env: {variables: {B: [1, 2, 3]}}\n"
                     "      buildspec: [a.yml, b.yml]\n"),
            "build_1 a.yml B=1 ignore-failure\n"
            "build_2 a.yml B=2 ignore-failure\n"
            "build_3 a.yml B=3 ignore-failure\n"
            "build_4 b.yml B=1 ignore-failure\n"
            "build_5 b.yml B=2 ignore-failure\n"
            "build_6 b.yml B=3 ignore-failure\n"
            "6 in all\n");
}

// 2.7: 2 buildspecs, 2 values of A, 3 values of B are 12 builds.
TEST(Batch, VariesTheLastVariableFastest) {
  EXPECT_EQ(
      expanded(
          "  build-matrix: {dynamic: {buildspec: [x, y], env: {variables: {A: [1, 2], B: [1, 2, 3]}}}}\n", 5),
      "build_1 x A=1 B=1\nbuild_2 x A=1 B=2\nbuild_3 x A=1 B=3\nbuild_4 x A=2 B=1\nbuild_5 x A=2 B=2\n12 in "
      "all\n");
}

TEST(Batch, ListsAGraphInFileOrder) {
  EXPECT_EQ(
      expanded("  build-graph:\n"
               "    - {identifier: b, depend-on: [a], env: {image: i, variables: {X: 1}}}\n"
               "    - {identifier: a, ignore-failure: true, buildspec: c.yml, env: {compute-type: C}}\n"),
      "b i X=1 after:a\na c.yml C ignore-failure\n2 in all\n");
}

TEST(Batch, NumbersShards) {
  EXPECT_EQ(expanded("  build-fanout: {parallelism: 3}\n"), "build_1\nbuild_2\nbuild_3\n3 in all\n");
}

TEST(Batch, DoesNotMakeMillions) {
  std::string axes;
  for (int axis = 0; axis < 40; ++axis)
    axes += fmt::format("{}A{}: [1, 2, 3, 4]", axis == 0 ? "" : ", ", axis);
  const std::string out = expanded("  build-matrix: {dynamic: {env: {variables: {" + axes + "}}}}\n", 1);
  EXPECT_TRUE(out.ends_with("\n18446744073709551615 in all\n")) << out;  // 4^40 does not fit
}

TEST(Batch, OfNothingIsEmpty) { EXPECT_EQ(expanded("  fast-fail: yes\n"), "0 in all\n"); }

}  // namespace
}  // namespace buildspec_run
