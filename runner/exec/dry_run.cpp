#include "runner/exec/dry_run.h"

#include <fmt/core.h>

#include <chrono>
#include <string_view>
#include <utility>

#include "actions/shell_command.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"
#include "runner/exec/diagnosed.h"
#include "runner/exec/environment.h"
#include "runner/exec/event_stream.h"
#include "runner/exec/shell_program.h"
#include "runner/sys/url.h"
#include "runner/sys/user.h"

namespace buildspec_run {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<ExportedVariable> listed(const TemplateMap& map) {
  if (map.whole) return {{"", map.whole->source()}};
  std::vector<ExportedVariable> variables;
  for (const auto& [name, value] : map.members)
    variables.push_back({std::string(shown_name(name)), value.source()});
  return variables;
}

class Description {
 public:
  Description(const Plan& plan, const Request& request, EventStream& events)
      : plan_(plan), request_(request), events_(events), shell_(find_shell(plan, request).path) {}

  void tell() {
    bool is_first = true;
    for (const Phase& phase : plan_.phases) {
      for (const Task& task : phase.commands) command(phase, task, is_first);
      for (std::size_t i = 0; i < phase.steps.size(); ++i) step(phase, i);
      for (const Task& task : phase.finally) command(phase, task, is_first);
    }
  }

 private:
  void command(const Phase& phase, const Task& task, bool& is_first) {
    if (task.left_out) return;
    TaskPlanned planned = planned_of(phase, task.label, *plan_.source, task.where);
    planned.text = std::visit(overloaded{[](const ShellScript& script) { return script.text; }}, task.body);
    planned.program = shell_;
    if (!phase.run_as.empty() && !is_caller(phase.run_as)) planned.user = phase.run_as;
    if (is_first || plan_.scope == ScopeKind::isolated) planned.directory = request_.source_dir;
    is_first = false;
    events_.tell(std::move(planned));
  }

  void step(const Phase& phase, std::size_t index) {
    const StepTask& step = phase.steps[index];
    if (step.left_out) return;
    TaskPlanned planned = planned_of(phase, step_label(phase, index), *step.source, step.where);
    planned.name = step.name.source().empty() ? step.default_name : step.name.source();
    planned.directory = request_.source_dir;
    planned.condition = step.condition_text;
    planned.variables = listed(step.env);
    std::visit(overloaded{[&](const ScriptStep& script) {
                            planned.text = script.script.source();
                            planned.program = program_of(script);
                            if (script.working_directory)
                              planned.directory += "/" + script.working_directory->source();
                          },
                          [&](const ActionStep& action) {
                            planned.text = action.uses;
                            planned.inputs = listed(action.with);
                          }},
               step.body);
    events_.tell(std::move(planned));
  }

  static std::string program_of(const ScriptStep& script) {
    if (script.shell) return script.shell->source();
    return std::string(choose_shell("").program);
  }

  [[nodiscard]] static TaskPlanned planned_of(const Phase& phase, std::string label, const SourceText& source,
                                              SourceRange where) {
    TaskPlanned planned;
    planned.phase = phase.name;
    planned.label = std::move(label);
    planned.place = place_of(source, where);
    return planned;
  }

  const Plan& plan_;
  const Request& request_;
  EventStream& events_;
  const std::string shell_;
};

}  // namespace

Finished describe(const Plan& plan, const Request& request, const GitFacts& git, EventStream& events) {
  const auto began = Clock::now();
  const BuildIdentity identity = {make_uuid(), 1, std::chrono::system_clock::now()};
  const std::string id = build_id(request, identity);
  // A run makes one, with six characters of its own.
  const Path scripts = Path(request.temporary_directory) / "buildspec-run-XXXXXX";
  Diagnostics found;
  warn_of_reserved(request, found);
  const BuildEnvironment environment =
      make_environment(plan, request, agent_variables(request, git, identity, scripts), found);
  for (const std::string& secret : environment.secret_values) events.masker().add(secret);

  events.set_build(id);
  events.tell(BuildStarted{id, 1, request.source_dir, {}});
  events.tell(PhaseStarted{"DOWNLOAD_SOURCE", true, 0, 0});
  tell(events, found.all());
  PhaseFinished prepared{"DOWNLOAD_SOURCE", Status::succeeded, {}, {}, Clock::now() - began};
  RunFinished finished;
  finished.left_out = count_left_out(plan);
  finished.dry_run = true;
  if (found.has_errors()) {
    prepared.status = finished.status = Status::failed;
    prepared.code = environment.failed_code;
    prepared.message = environment.failed_message;
    finished.failed_phase = prepared.phase;
    finished.message = prepared.message;
  }
  events.tell(std::move(prepared));
  if (!found.has_errors()) {
    EnvironmentPlanned planned;
    for (const auto& [name, value] : environment.variables)  // proxies of the host may have a password
      planned.variables.push_back({name, with_hidden_credentials(value)});
    events.tell(std::move(planned));
    Description(plan, request, events).tell();
  }
  events.tell(BuildFinished{id, finished.status, false, Clock::now() - began});
  finished.took = Clock::now() - began;
  const Outcome outcome = found.has_errors() ? Outcome::invalid : Outcome::succeeded;
  events.tell(std::move(finished));
  return {outcome, {}};
}

}  // namespace buildspec_run
