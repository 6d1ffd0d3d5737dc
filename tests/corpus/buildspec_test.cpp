// What the references say about a buildspec, case by case: tests/corpus/buildspec/<name>.yml is read for a
// run, and <name>.out has what is found, with the cloud's own words below it, then "---" and the plan (of
// model-<name>.yml the model, which holds what no plan does). The .out files were written by hand. Messages
// of the YAML reader are its own test's.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "runner/base/source_text.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/yaml/document.h"
#include "tests/support/files.h"

namespace buildspec_run {
namespace {

const std::filesystem::path kCases = std::filesystem::path(TEST_SOURCE_DIR) / "corpus" / "buildspec";

std::string shown(const Diagnostic& diagnostic) {
  const bool of_reader = diagnostic.id.starts_with("yaml-") || diagnostic.id == "duplicate-key" ||
                         diagnostic.id == "tag-not-negation";
  std::string out;
  if (diagnostic.where != SourceRange{}) {
    const LineColumn at = diagnostic.source->place(diagnostic.where.begin);
    out += of_reader ? fmt::format("{}: ", at.line) : fmt::format("{}:{}: ", at.line, at.column);
  }
  out += fmt::format("{}{} [{}]\n", to_string(diagnostic.severity),
                     of_reader ? "" : ": " + diagnostic.message, diagnostic.id);
  if (!diagnostic.cloud_code.empty())
    out += fmt::format("  cloud: {}:{}{}\n", diagnostic.cloud_code,
                       diagnostic.cloud_message.empty() ? "" : " ", diagnostic.cloud_message);
  return out;
}

std::string read_and_plan(const std::filesystem::path& path) {
  const SourceText source("buildspec.yml", read_test_file(path));
  Diagnostics found;
  const Document document = parse_document(source, found);
  const Buildspec spec = decode_buildspec(source, document, Purpose::run, found);
  const Plan plan = lower_buildspec(spec, found);
  std::string out;
  for (const Diagnostic& diagnostic : found.all()) out += shown(diagnostic);
  out += "---\n";
  if (found.has_errors()) return out + "refused\n";
  return out + (path.filename().string().starts_with("model-") ? dump(spec) : dump(plan));
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kCases))
    if (entry.path().extension() == ".yml") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class BuildspecCorpus : public testing::TestWithParam<std::string> {};

TEST_P(BuildspecCorpus, ReadsAsTheReferenceSays) {
  const std::filesystem::path want = kCases / (GetParam() + ".out");
  const std::string got = read_and_plan(kCases / (GetParam() + ".yml"));
  if (std::getenv("UPDATE_GOLDEN") != nullptr) return write_test_file(want, got);
  EXPECT_EQ(read_test_file(want), got) << "if this is right: UPDATE_GOLDEN=1 ctest, then read the diff";
}

std::string name_of(const testing::TestParamInfo<std::string>& one) {
  std::string name = one.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Files, BuildspecCorpus, testing::ValuesIn(cases()), name_of);

}  // namespace
}  // namespace buildspec_run
