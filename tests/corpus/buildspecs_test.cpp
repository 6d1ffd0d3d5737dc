// Every collected public buildspec against tests/corpus/buildspecs.tsv, whose rows were written from the
// specification before the program was asked. Where the program differs and the row turned out to be wrong or
// open, the row stays as it is and buildspecs_differences.md says why. Only there when the collection is
// (BUILDSPEC_RUN_CORPUS_DIR).
#include <gtest/gtest.h>

#ifdef BUILDSPEC_CORPUS_DIR

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "runner/base/source_text.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/lint/validate.h"
#include "runner/yaml/document.h"
#include "tests/support/files.h"

namespace buildspec_run {
namespace {

const std::filesystem::path kCorpus = BUILDSPEC_CORPUS_DIR;
const std::filesystem::path kTables = std::filesystem::path(TEST_SOURCE_DIR) / "corpus";

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string sorted(const std::string& words) {
  std::vector<std::string> all = split(words, ' ');
  std::sort(all.begin(), all.end());
  std::string out;
  for (const std::string& word : all)
    if (!word.empty()) out += (out.empty() ? "" : " ") + word;
  return out;
}

// What a row says of a file: verdict, message, warnings and unsupported.
using Facts = std::map<std::string, std::string>;

std::map<std::string, Facts> read_table() {
  std::map<std::string, Facts> rows;
  std::istringstream in(read_test_file(kTables / "buildspecs.tsv"));
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> columns = split(line, '\t');
  while (std::getline(in, line)) {
    const std::vector<std::string> cells = split(line, '\t');
    Facts facts;
    for (std::size_t i = 1; i < columns.size() && i < cells.size(); ++i)
      if (columns[i] != "reason")
        facts[columns[i]] = columns[i] == "verdict" || columns[i] == "message" ? cells[i] : sorted(cells[i]);
    rows[cells[0]] = facts;
  }
  return rows;
}

// | file | column | what the program says | why |
std::map<std::pair<std::string, std::string>, std::string> read_differences() {
  std::map<std::pair<std::string, std::string>, std::string> all;
  std::istringstream in(read_test_file(kTables / "buildspecs_differences.md"));
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| 0")) continue;
    const std::vector<std::string> cells = split(line, '|');
    if (cells.size() >= 5)
      all[{trimmed(cells[1]), trimmed(cells[2])}] = trimmed(cells[3]) == "(nothing)" ? "" : trimmed(cells[3]);
  }
  return all;
}

std::string features(const Buildspec& spec) {
  std::string used;
  const auto add = [&](std::string_view name, bool is_used) {
    if (is_used) used += std::string(name) + " ";
  };
  const Plan plan = [&] {
    Diagnostics ignored;
    return lower_buildspec(spec, ignored);
  }();
  const auto not_supported = [&](std::string_view id) {
    return std::any_of(plan.unsupported.begin(), plan.unsupported.end(),
                       [&](const Unsupported& one) { return one.id == id; });
  };
  add("artifacts", not_supported("not-supported-artifacts"));
  add("batch", spec.batch.has_value());
  add("cache", not_supported("not-supported-cache"));
  add("parameter-store", !spec.env.parameter_store.empty());
  add("proxy", spec.proxy.has_value());
  add("reports", not_supported("not-supported-reports"));
  const auto has_user = [](const PhaseSpec& phase) { return phase.run_as.has_value(); };
  add("run-as", spec.run_as || std::any_of(spec.phases.begin(), spec.phases.end(), has_user));
  add("runtime-versions", !plan.runtimes.empty());
  add("secrets-manager", !spec.env.secrets_manager.empty());
  add("steps", std::any_of(plan.phases.begin(), plan.phases.end(),
                           [](const Phase& phase) { return !phase.steps.empty(); }));
  add("windows-shell", not_supported("not-supported-windows-shell"));
  return sorted(used);
}

Facts ask(const std::string& text) {
  const SourceText source("buildspec.yml", text);
  Diagnostics found;
  const Document document = parse_document(source, found);
  const Buildspec spec = decode_buildspec(source, document, Purpose::run, found);
  (void)lower_buildspec(spec, found);
  Facts facts{{"verdict", found.has_errors() ? "refused" : "accepted"}, {"message", ""}};
  for (const Diagnostic& diagnostic : found.all())
    if (facts["message"].empty() && diagnostic.severity == Severity::error)
      facts["message"] = diagnostic.cloud_message;
  std::set<std::string> warned;
  std::string warnings;
  for (const UnknownKey& unknown : spec.unknown_keys)
    if (warned.insert(unknown.section + ":" + unknown.key.value).second)
      warnings += unknown.section + ":" + unknown.key.value + " ";
  facts["warnings"] = sorted(warnings);
  facts["unsupported"] = features(spec);
  return facts;
}

TEST(CollectedBuildspecs, GetTheVerdictThatWasWrittenBefore) {
  const auto rows = read_table();
  auto differences = read_differences();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("0")) continue;  // the rest describes the collection
    ++files;
    SCOPED_TRACE(name);
    const auto row = rows.find(name);
    ASSERT_NE(row, rows.end()) << "no row in buildspecs.tsv";
    Facts facts = ask(read_test_file(entry.path()));
    const bool refused = facts["verdict"] == "refused";
    for (const auto& [column, want] : row->second) {
      // What is used and what is unknown in a file that is refused is not what the rows were written for.
      if (refused && (column == "unsupported" || column == "warnings")) continue;
      const auto difference = differences.find({name, column});
      EXPECT_EQ(facts[column], difference == differences.end() ? want : difference->second) << column;
      if (difference != differences.end()) {
        EXPECT_NE(difference->second, want) << column << ": no difference, so it is not to be explained";
        differences.erase(difference);
      }
    }
  }
  EXPECT_EQ(files, rows.size());
  for (const auto& [key, ours] : differences)
    ADD_FAILURE() << "an explanation for nothing: " << key.first << ' ' << key.second;
}

// `validate` must not be milder than a run; but what describes a batch only is refused by ordinary builds
// alone.
TEST(CollectedBuildspecs, AreNotMilderInValidate) {
  for (const auto& [name, facts] : read_table()) {
    if (facts.at("verdict") == "accepted") continue;
    SCOPED_TRACE(name);
    const SourceText source(name, read_test_file(kCorpus / name));
    Diagnostics found;
    validate_text(source, found);
    const bool batch_only = std::any_of(found.all().begin(), found.all().end(),
                                        [](const Diagnostic& one) { return one.id == "batch-only"; });
    EXPECT_TRUE(found.has_errors() || batch_only);
  }
}

}  // namespace
}  // namespace buildspec_run

#endif
