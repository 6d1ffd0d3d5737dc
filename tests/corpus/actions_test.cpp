// Every collected public action manifest against tests/corpus/actions.tsv, whose rows were written from
// actions.md section 2 and another YAML reader before the program was asked. Only there when the collection
// is (BUILDSPEC_RUN_CORPUS_DIR).
#include <gtest/gtest.h>

#ifdef ACTION_CORPUS_DIR

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "actions/action_metadata.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "tests/support/files.h"

namespace buildspec_run {
namespace {

const std::filesystem::path kCorpus = ACTION_CORPUS_DIR;

// Columns: file, verdict, kind, inputs, stages beside main, args, steps, reason.
std::map<std::string, std::string> read_table() {
  std::map<std::string, std::string> rows;
  std::istringstream in(read_test_file(std::filesystem::path(TEST_SOURCE_DIR) / "corpus" / "actions.tsv"));
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const std::size_t file = line.find('\t');
    rows[line.substr(0, file)] = line.substr(file + 1, line.rfind('\t') - file - 1);
  }
  return rows;
}

std::string facts_of(const std::filesystem::path& path) {
  const SourceText source(path.filename().string(), read_test_file(path));
  const DecodedAction decoded = decode_action(source, source.name());
  if (!decoded.errors.empty()) {
    std::string lines;
    for (const ManifestError& error : decoded.errors) lines += render(error, source.name()) + "\n";
    return "refused\n" + lines;
  }
  const ActionMetadata& action = decoded.metadata;
  std::string kind, stages, args = "-", steps = "-";
  const auto stage = [&](std::string_view name, const std::string& program) {
    if (!program.empty()) stages += fmt::format("{}{}", stages.empty() ? "" : " ", name);
  };
  std::visit(overloaded{[&](const NodeRuns& node) {
                          kind = to_lower(node.using_version);
                          stage("pre", node.pre);
                          stage("post", node.post);
                        },
                        [&](const ContainerRuns& container) {
                          kind = "docker";
                          stage("pre", container.pre_entrypoint);
                          stage("post", container.post_entrypoint);
                          if (container.args) args = std::to_string(container.args->size());
                        },
                        [&](const CompositeRuns& composite) {
                          kind = "composite";
                          steps = std::to_string(composite.steps.size());
                        }},
             action.runs);
  return fmt::format("accepted\t{}\t{}\t{}\t{}\t{}", kind, action.inputs.size(),
                     stages.empty() ? "-" : stages, args, steps);
}

TEST(ActionsCorpus, EveryManifestIsReadAsItsRowSays) {
  const std::map<std::string, std::string> rows = read_table();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus)) {
    if (entry.path().extension() != ".yml") continue;
    ++files;
    const std::string name = entry.path().filename().string();
    SCOPED_TRACE(name);
    const auto row = rows.find(name);
    ASSERT_NE(row, rows.end());
    EXPECT_EQ(facts_of(entry.path()), row->second);
  }
  EXPECT_EQ(files, rows.size());
}

}  // namespace
}  // namespace buildspec_run

#endif
