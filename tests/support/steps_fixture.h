// Runs phases of steps in a test, with real shells. A JavaScript action's node is a stand-in that runs shell scripts, so that
// no node has to be there.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/run_build.h"

namespace buildspec_run::test {

/// A build of steps, and what became of it.
class StepsFixture : public testing::Test, protected BuildToRun {
 protected:
  StepsFixture() { node("#!/bin/bash\ncase $1 in --version) echo v20.9.0;; *) exec sh \"$@\";; esac\n"); }

  void node(const std::string& script) {
    put(files / "bin/node", script);
    std::filesystem::permissions(files / "bin/node", std::filesystem::perms(0755));
    request.steps.node = (files / "bin/node").native();
  }

  /// Items of `steps:`, each line with its two blanks and dash, in phase `build`.
  Outcome steps(const std::string& items, const std::string& top = "", const std::string& behind = "") {
    std::string text = "version: 0.2\n" + top + "phases:\n  build:\n    steps:\n";
    std::string_view rest = items;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      text.append("      ").append(rest.substr(0, end)).append("\n");
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return run(text + behind);
  }

  /// A local action below the source, or one of a repository.
  void action(const std::string& directory, const std::string& metadata,
              const std::vector<std::pair<std::string, std::string>>& scripts = {}) {
    put(std::filesystem::path(directory) / "action.yml", metadata);
    for (const auto& [name, text] : scripts) put(std::filesystem::path(directory) / name, text);
  }
  std::string local(const std::string& name) { return (source() / name).native(); }
  std::string remote(const std::string& name) {
    const std::string directory = (files / "actions" / name).native();
    request.actions.replacements.push_back({name, directory});
    return directory;
  }

  /// Lines of the output that are neither of a step's header nor said of every job.
  std::string said() const {
    std::string lines;
    bool in_header = false;
    std::string_view rest = seen.output;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, std::min(rest.find('\n') + 1, rest.size()));
      rest.remove_prefix(line.size());
      if (line.starts_with("##[group]Run ")) in_header = true;
      const bool is_of_job =
          line == "Prepare all required actions\n" || line == "Getting action download info\n" ||
          line == "Cleaning up orphan processes\n" || line.starts_with("Terminate orphan process: ");
      if (!in_header && !is_of_job) lines += line;
      if (line.starts_with("##[endgroup]")) in_header = false;
    }
    return lines;
  }
  /// "build[0] success, build[1] skipped": label and outcome, "/" and the conclusion where it differs.
  std::string outcomes() const {
    std::string line;
    for (const TaskFinished& task : seen.tasks) {
      if (!task.step) continue;
      line += (line.empty() ? "" : ", ") + task.label + " " + task.step->outcome;
      if (task.step->conclusion != task.step->outcome) line += "/" + task.step->conclusion;
    }
    return line;
  }
};

/// The beginning of a JavaScript action's metadata: more keys of `runs` and "}" follow.
constexpr const char* kNode = "runs: {using: node20, main: main.sh";

}  // namespace buildspec_run::test
