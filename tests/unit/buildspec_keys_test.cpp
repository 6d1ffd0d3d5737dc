// The decoders' key tables, the JSON Schema and the table of severities say the same.
#include "runner/buildspec/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "runner/base/json.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/severity.h"
#include "tests/support/files.h"

namespace buildspec_run {
namespace {

using Names = std::set<std::string>;

Names properties_of(const Value& definition) {
  Names names;
  const Value* properties = definition.find("properties");
  if (properties == nullptr || properties->object() == nullptr) return names;
  for (const auto& [name, value] : *properties->object()) names.insert(name);
  return names;
}

TEST(BuildspecKeys, AreThoseOfTheSchema) {
  const Result<Value> schema = parse_json(read_test_file(PROJECT_SOURCE_DIR "/schema/buildspec.schema.json"));
  ASSERT_TRUE(schema);
  Names sections;
  for (const SectionKeys& section : known_keys()) {
    SCOPED_TRACE(section.section);
    const std::string name(section.section);
    EXPECT_TRUE(sections.insert(name).second) << "a section for a second time";
    const Value* definition = name == "root" ? &*schema : schema->find("$defs")->find(name);
    ASSERT_NE(definition, nullptr);
    EXPECT_EQ(Names(section.keys.begin(), section.keys.end()), properties_of(*definition));
    ASSERT_NE(definition->find("additionalProperties"), nullptr);
    EXPECT_EQ(*definition->find("additionalProperties"), Value(false));
  }
  for (const auto& [name, definition] : *schema->find("$defs")->object())
    EXPECT_TRUE(definition.find("properties") == nullptr || sections.contains(name))
        << name << " is no section";
}

// buildspec.md 2.2, 2.3, 2.8, 2.10: the tables themselves, by the reference.
TEST(BuildspecKeys, AreThoseOfTheReference) {
  const auto keys = [](std::string_view wanted) {
    for (const SectionKeys& section : known_keys())
      if (section.section == wanted) return Names(section.keys.begin(), section.keys.end());
    return Names();
  };
  EXPECT_EQ(keys("root"), (Names{"version", "run-as", "env", "environment_variables", "proxy", "batch",
                                 "phases", "reports", "artifacts", "cache"}));
  EXPECT_EQ(keys("phase"),
            (Names{"run-as", "on-failure", "runtime-versions", "commands", "steps", "finally"}));
  EXPECT_EQ(keys("env"), (Names{"shell", "variables", "parameter-store", "secrets-manager",
                                "exported-variables", "git-credential-helper"}));
  EXPECT_EQ(keys("cache"), (Names{"key", "fallback-keys", "action", "paths"}));
  EXPECT_EQ(keys("report"), (Names{"files", "file-format", "base-directory", "discard-paths"}));
}

TEST(FindingWeights, AreSortedAndNeverMilderInValidate) {
  const auto weights = finding_weights();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    SCOPED_TRACE(weights[i].id);
    // An ordinary build refuses a file that only describes a batch; a batch build is what it is for.
    EXPECT_TRUE(weights[i].id == "batch-only" || weights[i].in_validate >= weights[i].in_run);
    EXPECT_EQ(severity_of(weights[i].id, Purpose::run), weights[i].in_run);
    EXPECT_TRUE(i == 0 || weights[i - 1].id < weights[i].id);
  }
}

std::vector<Diagnostic> decoded(const SourceText& source, Purpose purpose) {
  Diagnostics found;
  const Document document = parse_document(source, found);
  (void)decode_buildspec(source, document, purpose, found);
  return found.take();
}

TEST(FindingWeights, MakeAnUnknownKeyAnErrorInValidateOnly) {
  const SourceText source("buildspec.yml", "version: 0.2\nphases: {build: {comands: [make]}}\n");
  const auto in_run = decoded(source, Purpose::run);
  const auto in_validate = decoded(source, Purpose::validate);
  ASSERT_EQ(in_run.size(), 1u);
  ASSERT_EQ(in_validate.size(), 1u);
  EXPECT_EQ(in_run[0].severity, Severity::warning);
  // The handbook's own example.
  EXPECT_EQ(render(in_validate[0]),
            "buildspec.yml:2:18: error: unknown key \"comands\" in a phase; did you mean \"commands\"? "
            "[unknown-key]\n"
            "    2 | phases: {build: {comands: [make]}}\n"
            "      |                  ^~~~~~~\n");
}

TEST(Decode, CountsWhatIsTooMuchToShow) {
  std::string text = "version: 0.2\nphases: {build: {commands: [make]}}\n";
  for (int i = 0; i < 50'000; ++i) text += "key" + std::to_string(i) + ": x\n";
  const SourceText source("buildspec.yml", text);
  const auto found = decoded(source, Purpose::validate);
  ASSERT_EQ(found.size(), 1001u);
  EXPECT_EQ(found.back().id, "more-findings");
  EXPECT_EQ(found.back().severity, Severity::error);
  EXPECT_EQ(found.back().message, "49000 findings more in this file, not shown");
}

TEST(Decode, BoundsTheTextThatAliasesRepeat) {
  std::string text =
      "version: 0.2\nphases:\n  build:\n    commands:\n      - &a \"" + std::string(1 << 19, 'x') + "\"\n";
  for (int i = 0; i < 1000; ++i) text += "      - *a\n";
  const SourceText source("buildspec.yml", text);
  const auto found = decoded(source, Purpose::run);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "text-too-large");
  EXPECT_EQ(found[0].severity, Severity::error);
}

TEST(Decode, BoundsTheTextThatAliasesRepeatInSteps) {
  std::string text =
      "version: 0.2\nphases:\n  build:\n    steps:\n      - run: &a \"" + std::string(1 << 19, 'x') + "\"\n";
  for (int i = 0; i < 1000; ++i) text += "      - run: *a\n";
  const SourceText source("buildspec.yml", text);
  const auto found = decoded(source, Purpose::run);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "text-too-large");
}

TEST(Decode, NeverPutsControlCharactersIntoAMessage) {
  const SourceText source("buildspec.yml", "version: 0.2\nphases: {build: {\"\\e[31mred\": x}}\n");
  const auto found = decoded(source, Purpose::run);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message, "unknown key \"\xEF\xBF\xBD[31mred\" in a phase");
  for (const char* step : {"run: \"${{ \\e[31m }}\"", "uses: \"a\\e[31m\"", "{id: \"\\e[31m\", run: x}"}) {
    const SourceText steps("buildspec.yml",
                           fmt::format("version: 0.2\nphases: {{build: {{steps: [{}]}}}}\n", step));
    const auto in_steps = decoded(steps, Purpose::run);
    ASSERT_EQ(in_steps.size(), 1u) << step;
    EXPECT_EQ(in_steps[0].message.find('\x1b'), std::string::npos) << step;
  }
}

TEST(FindingWeights, ParityIsRefusedWhenItIsAskedFor) {
  for (const FindingWeight& weight : finding_weights())
    for (const Purpose purpose : {Purpose::run, Purpose::validate}) {
      const Severity strict = severity_of(weight.id, {purpose, true});
      EXPECT_EQ(strict, weight.id.starts_with("parity-") ? Severity::error : severity_of(weight.id, purpose));
    }
}

}  // namespace
}  // namespace buildspec_run
