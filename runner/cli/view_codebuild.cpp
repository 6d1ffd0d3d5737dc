#include "runner/cli/view_codebuild.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "runner/base/overloaded.h"
#include "runner/cli/view_summary.h"

namespace buildspec_run {
namespace {

class CodebuildView : public EventSink {
 public:
  CodebuildView(Console& out, Console& err) : out_(out), err_(err) {}

  void on(const Event& event) override {
    if (const Output* output = std::get_if<Output>(&event.body)) return out_.write(output->text);
    now_ = std::chrono::floor<std::chrono::microseconds>(event.wall);  // what kept events have
    std::visit(overloaded{
                   [&](const RunStarted& run) { run_ = run; },
                   [&](const PlanMade& plan) { plan_ = plan; },
                   [&](const TasksSelected& selected) { left_out(selected); },
                   [&](const BuildStarted& build) { started(build); },
                   [&](const Diagnosed& found) { diagnose(found); },
                   [&](const PhaseStarted& phase) { started(phase); },
                   [&](const TaskStarted& task) { started(task); },
                   [&](const TaskFinished& task) { finished(task); },
                   [&](const PhaseFinished& phase) { finished(phase); },
                   [&](const BuildFinished& build) { finished(build); },
                   [](const auto&) {},
               },
               event.body);
  }

 private:
  void say(std::string_view text) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now_);
    out_.write_line_start(fmt::format("[Container] {:%Y/%m/%d %H:%M:%S}.{:06} {}\n",
                                      fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                                      (now_ - seconds).count(), text));
  }

  void diagnose(const Diagnosed& found) {
    if (!out_.at_line_start() && out_.same_destination(err_)) out_.write("\n");
    err_.write_line_start(shown_diagnostic(found, err_.color()));
  }

  // The cloud's log has no words for it.
  void left_out(const TasksSelected& selected) {
    if (!selected.left_out.empty())
      err_.write_line_start("left out: " + left_out_text(plan_, selected.left_out) + "\n");
  }

  void started(const BuildStarted& build) {
    uploads_ = false;
    if (!build.source_dir.empty()) run_.source_dir = build.source_dir;
    secondary_sources_ = build.secondary_sources;
    say("Running on CodeBuild On-demand");
    say("Waiting for agent ping");
    say("Waiting for DOWNLOAD_SOURCE");
  }

  void started(const PhaseStarted& phase) {
    if (phase.phase != "DOWNLOAD_SOURCE") return say("Entering phase " + phase.phase);
    say("Phase is DOWNLOAD_SOURCE");
    say("CODEBUILD_SRC_DIR=" + run_.source_dir);
    for (const SourceOutline& source : secondary_sources_)
      say(fmt::format("CODEBUILD_SRC_DIR_{}={}", source.id, source.directory));
    if (run_.buildspec.empty()) return;  // it is not there: 1.1
    const bool is_absolute = run_.buildspec.starts_with('/');
    say("YAML location is " + (is_absolute ? run_.buildspec : run_.source_dir + "/" + run_.buildspec));
    say_unknown_keys();
  }

  // One block, whose further lines have no prefix.
  void say_unknown_keys() {
    if (plan_.unknown_keys.empty()) return;
    std::string text = "Found possible syntax errors in buildspec: ";
    std::vector<std::string> sections;
    for (const KeyOutline& key : plan_.unknown_keys)
      if (std::find(sections.begin(), sections.end(), key.section) == sections.end())
        sections.push_back(key.section);
    for (const std::string& section : sections) {
      text += fmt::format("\nIn the section {}\n    The following keys cannot be identified:", section);
      for (const KeyOutline& key : plan_.unknown_keys)
        if (key.section == section) text += "\n        " + key.key;
    }
    say(text);
  }

  void started(const TaskStarted& task) {
    // Steps bring the lines of GitHub's runner with them (U44).
    if (!task.step) say("Running command " + task.text);
  }

  void finished(const TaskFinished& task) {
    if (task.step) return;
    out_.write_line_start("\n");
    if (task.status == Status::failed)
      say(fmt::format("Command did not exit successfully {} {}", task.text, to_string(task.exit)));
  }

  void finished(const PhaseFinished& phase) {
    if (phase.phase == "DOWNLOAD_SOURCE" && phase.code != "YAML_FILE_ERROR") say_preparations(phase);
    say_end(phase.phase, phase.status, phase.code, phase.message);
    if (phase.phase != "POST_BUILD") return;
    uploads_at_ = now_;
    uploads_ = phase.status == Status::succeeded || phase.status == Status::failed;
    for (const PhaseOutline& outline : plan_.phases)
      if (outline.phase == phase.phase && outline.on_failure == "ABORT" && phase.status == Status::failed)
        uploads_ = false;
  }

  void say_end(std::string_view phase, Status status, std::string_view code, std::string_view message) {
    say(fmt::format("Phase complete: {} State: {}", phase, to_string(status)));
    say(fmt::format("Phase context status code: {} Message: {}", code, message));
  }

  void say_preparations(const PhaseFinished& phase) {
    if (!plan_.shell.empty()) say(fmt::format("Selecting shell {} as specified in buildspec.", plan_.shell));
    say("Setting HTTP client timeout to higher timeout for S3 source");
    say("Processing environment variables");
    if (plan_.parameter_store) say("Decrypting parameter store environment variables");
    if (phase.status != Status::succeeded) return;
    if (plan_.runtimes.empty()) say("No runtime version selected in buildspec.");
    for (const RuntimeOutline& runtime : plan_.runtimes)
      say(fmt::format("Selecting '{}' runtime version '{}' based on manual selections...", runtime.name,
                      runtime.version));
    say("Moving to directory " + run_.source_dir);
    if (!plan_.cache) {
      say("Cache is not defined in the buildspec");
      say("Skip cache due to: no paths specified to be cached");
    }
    say("Registering with agent");
    std::size_t in_file = 0;
    for (const PhaseOutline& outline : plan_.phases) in_file += outline.in_file ? 1 : 0;
    say(fmt::format("Phases found in YAML: {}", in_file));
    for (const PhaseOutline& outline : plan_.phases)
      if (outline.in_file) say(fmt::format(" {}: {} commands", outline.phase, outline.commands));
  }

  // 3.8
  void say_artifact(const ArtifactOutline& artifact) {
    if (!artifact.id.empty()) say("Preparing to copy secondary artifacts " + artifact.id);
    say("Expanding base directory path: " + artifact.base_directory);
    say("Assembling file list");
    say("Expanding " + artifact.base_directory);
    if (artifact.directories.empty() && artifact.base_directory.find_first_of("*?[") == std::string::npos)
      say("Skipping invalid file path " + artifact.base_directory);
    for (const ArtifactRoot& directory : artifact.directories) {
      say("Expanding file paths for base directory " + directory.path);
      say("Assembling file list");
      for (const std::string& pattern : artifact.patterns) {
        say("Expanding " + pattern);
        if (std::find(directory.missing.begin(), directory.missing.end(), pattern) != directory.missing.end())
          say("Skipping invalid file path " + pattern);
      }
    }
    if (artifact.files > 0) say(fmt::format("Found {} file(s)", artifact.files));
  }

  void finished(const BuildFinished& build) {
    if (!uploads_ || build.will_retry) return;
    for (const ArtifactOutline& artifact : build.artifacts) {
      say_artifact(artifact);
      if (!artifact.problem.empty())
        return say_end("UPLOAD_ARTIFACTS", Status::failed, "CLIENT_ERROR", artifact.problem);
    }
    if (!plan_.reports) {  // else nothing is discovered (U35)
      say("Set report auto-discover timeout to 5 seconds");
      say("Expanding base directory path:  .");
      say("Assembling file list");
      say("Expanding .");
      say("Expanding file paths for base directory .");
      say("Assembling file list");
      say("Expanding **/*");
      say("No matching auto-discover report paths found");
      say(fmt::format("Report auto-discover file discovery took {:.6f} seconds",
                      std::chrono::duration<double>(now_ - uploads_at_).count()));
    }
    say_end("UPLOAD_ARTIFACTS", Status::succeeded, "", "");
  }

  Console& out_;
  Console& err_;
  RunStarted run_;
  PlanMade plan_;
  std::vector<SourceOutline> secondary_sources_;
  std::chrono::sys_time<std::chrono::microseconds> now_;  // of the event that is told
  bool uploads_ = false;  // POST_BUILD has ended so that UPLOAD_ARTIFACTS follows
  std::chrono::sys_time<std::chrono::microseconds> uploads_at_;
};

}  // namespace

std::unique_ptr<EventSink> make_codebuild_view(Console& out, Console& err) {
  return std::make_unique<CodebuildView>(out, err);
}

}  // namespace buildspec_run
