#include "runner/runner.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "actions/lower.h"
#include "runner/base/check.h"
#include "runner/base/source_text.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/event/controller.h"
#include "runner/event/event.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/disk_actions.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/executor.h"
#include "runner/exec/shell_program.h"
#include "runner/sys/git.h"
#include "runner/sys/process.h"
#include "runner/version.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

/// Git facts, gathered beside everything else: loading libgit2 takes longer than reading a buildspec. Nothing
/// is loaded where no repository is.
class GitLookup {
 public:
  GitLookup(const Path& directory, const Path& modules) : root_(find_git_root(directory)) {
    if (!root_) return;
    thread_ = std::jthread([this, directory, modules] {
      Result<std::unique_ptr<Git>> git = make_git(modules);
      if (git)
        facts_ = (*git)->facts(directory, &why_);
      else
        why_ = git.error().message;
    });
  }

  [[nodiscard]] std::string root() const { return root_ ? root_->native() : std::string(); }
  /// Waits for the facts. What was in the way is a note; no git fact ever fails a build.
  GitFacts take(Diagnostics& found) {
    if (thread_.joinable()) thread_.join();
    if (!why_.empty())
      found.add(Severity::note, "git-facts",
                "git says nothing about the source, so its variables stay empty: " + why_);
    return std::move(facts_);
  }

 private:
  std::optional<Path> root_;
  GitFacts facts_;
  std::string why_;
  std::jthread thread_;  // the last member: it is joined before what it writes to goes
};

const Diagnostic& first_error(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics)
    if (diagnostic.severity == Severity::error) return diagnostic;
  check(false, "diagnostics with errors have a first one");
  return diagnostics.front();
}

}  // namespace

Result<Finished> run_build(const Request& request, const Machine& machine, Controller& controller,
                           EventSink& sink, std::stop_token stop, std::stop_token kill) {
  const auto began = std::chrono::steady_clock::now();
  EventStream events(sink, request.run_id);
  for (const auto* secrets : {&request.secret_variables, &request.secret_lookup})
    for (const auto& [name, value] : *secrets) events.masker().add(value);
  GitLookup git(request.source_dir, machine.modules);

  // Text to model, model to plan. Nothing has been fetched or started, and every mistake in the file is
  // known.
  Diagnostics found;
  const Document document = parse_document(*request.buildspec, found);
  const Buildspec buildspec = decode_buildspec(*request.buildspec, document, Purpose::run, found);
  Plan plan = found.has_errors() ? Plan{} : lower_buildspec(buildspec, found);
  // The actions it names are fetched now, so that the plan is complete.
  DiskActions actions(request.steps.replaced);
  const bool has_steps =
      std::ranges::any_of(plan.phases, [](const Phase& phase) { return !phase.steps.empty(); });
  if (has_steps && !found.has_errors()) resolve_actions(plan, actions, found);

  events.tell(RunStarted{kVersion, request.source_dir, git.root(), request.buildspec_name,
                         find_shell(plan, request).path, request.log_file});
  tell(events, found.all());
  if (found.has_errors()) return refuse(request, events, first_error(found.all()));

  // From here on the plan alone says what runs.
  Result<std::unique_ptr<ProcessRunner>> processes = make_process_runner(machine.supervisor, kill);
  if (!processes) {
    RunFinished finished;
    finished.status = Status::fault;
    finished.message = processes.error().message;
    finished.took = std::chrono::steady_clock::now() - began;
    events.tell(std::move(finished));
    return std::move(processes.error());
  }
  Diagnostics about_git;
  const GitFacts facts = git.take(about_git);
  tell(events, about_git.all());
  return execute(plan, request, facts, **processes, controller, events, stop,
                 {&actions, machine.supervisor, machine.modules});
}

}  // namespace buildspec_run
