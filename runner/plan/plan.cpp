#include "runner/plan/plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

std::string_view to_string(ScopeKind scope) { return scope == ScopeKind::carried ? "carried" : "isolated"; }

std::string_view to_string(PlannedVariable::Kind kind) {
  switch (kind) {
    case PlannedVariable::Kind::plain:
      return "plain";
    case PlannedVariable::Kind::parameter_store:
      return "parameter-store";
    case PlannedVariable::Kind::secrets_manager:
      return "secrets-manager";
  }
  return "plain";
}

std::string_view to_string(FailurePolicy::Action action) {
  switch (action) {
    case FailurePolicy::Action::standard:
      return "standard";
    case FailurePolicy::Action::abort:
      return "abort";
    case FailurePolicy::Action::carry_on:
      return "continue";
    case FailurePolicy::Action::retry:
      return "retry";
  }
  return "standard";
}

// Not "quoted": a newer <iomanip> that another header brings would have one for a std::string, found by its argument.
std::string in_quotes(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string place(const Plan& plan, SourceRange where) {
  if (plan.source == nullptr || where == SourceRange{}) return "";
  const LineColumn at = plan.source->place(where.begin);
  return fmt::format(" @{}:{}", at.line, at.column);
}

// One line of a script for people: nothing in it that a terminal would act on.
std::string shown_line(std::string_view line) {
  std::string out;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

void dump_script(std::string& out, std::string_view text, std::string_view indent = "    ") {
  if (text.empty()) return;
  for (;;) {
    const std::size_t end = text.find('\n');
    const std::string line = shown_line(text.substr(0, end));
    out += line.empty() ? fmt::format("{}|\n", indent) : fmt::format("{}| {}\n", indent, line);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void dump_task(std::string& out, const Plan& plan, const Task& task) {
  std::visit(overloaded{[&](const ShellScript& script) {
               out += fmt::format("  {}{}{}\n", task.label, place(plan, task.where),
                                  script.text.empty() ? " (nothing to run)" : "");
               dump_script(out, script.text);
             }},
             task.body);
}

void dump_step(std::string& out, const Plan& plan, const Phase& phase, std::size_t index) {
  const StepTask& step = phase.steps[index];
  out += fmt::format("  {}{} {}\n", step_label(phase, index), place(plan, step.where),
                     shown_line(step.default_name));
  for (const auto& [name, value] : facts_of(step)) {
    if (name != "run") {
      out += fmt::format("    {} {}\n", name, in_quotes(value));
      continue;
    }
    out += "    run\n";
    dump_script(out, value, "      ");
  }
  const auto* use = std::get_if<ActionStep>(&step.body);
  if (use == nullptr || use->action == nullptr) return;
  std::string action = dump(*use->action, "");
  action.pop_back();  // the last line ends itself
  dump_script(out, action, "      ");
}

void dump_phase(std::string& out, const Plan& plan, const Phase& phase) {
  if (!phase.in_file) {
    out += fmt::format("phase {} (not in the file)\n", phase.name);
    return;
  }
  out += fmt::format("phase {}{}\n", phase.name, place(plan, phase.where));
  if (!phase.run_as.empty()) out += fmt::format("  run-as {}\n", in_quotes(phase.run_as));
  const FailurePolicy& policy = phase.on_failure;
  if (policy.action == FailurePolicy::Action::retry)
    out += fmt::format("  on-failure retry {} {}{}\n", policy.retries, in_quotes(policy.pattern),
                       place(plan, policy.where));
  else if (policy.action != FailurePolicy::Action::standard)
    out += fmt::format("  on-failure {}{}\n", to_string(policy.action), place(plan, policy.where));
  for (const Task& task : phase.commands) dump_task(out, plan, task);
  for (std::size_t i = 0; i < phase.steps.size(); ++i) dump_step(out, plan, phase, i);
  for (const Task& task : phase.finally) dump_task(out, plan, task);
}

void add_place(Value::Object& object, const Plan& plan, SourceRange where) {
  if (plan.source == nullptr || where == SourceRange{}) return;
  const LineColumn at = plan.source->place(where.begin);
  object.emplace_back("line", static_cast<std::uint64_t>(at.line));
  object.emplace_back("column", static_cast<std::uint64_t>(at.column));
}

Value to_value(const Plan& plan, const Task& task) {
  Value::Object object{{"label", task.label}};
  add_place(object, plan, task.where);
  std::visit(overloaded{[&](const ShellScript& script) { object.emplace_back("script", script.text); }},
             task.body);
  return object;
}

Value to_value(const Plan& plan, const std::vector<Task>& tasks) {
  Value::Array array;
  for (const Task& task : tasks) array.push_back(to_value(plan, task));
  return array;
}

Value to_value(const TemplateMap& map) {
  if (map.whole) return map.whole->source();
  Value::Object object;
  for (const auto& [name, value] : map.members) object.emplace_back(shown_name(name), value.source());
  return object;
}

Value to_value(const Plan& plan, const Phase& phase, std::size_t index) {
  const StepTask& step = phase.steps[index];
  Value::Object object{{"label", step_label(phase, index)}};
  add_place(object, plan, step.where);
  object.emplace_back("id", step.id);
  object.emplace_back("title", step.default_name);
  if (!step.name.source().empty()) object.emplace_back("name", step.name.source());
  object.emplace_back("if", step.condition.text());
  const auto add = [&](std::string_view key, const std::optional<Template>& text) {
    if (text) object.emplace_back(key, text->source());
  };
  const auto add_map = [&](std::string_view key, const TemplateMap& map) {
    if (map.whole || !map.members.empty()) object.emplace_back(key, to_value(map));
  };
  std::visit(overloaded{[&](const ScriptStep& script) {
                          object.emplace_back("run", script.script.source());
                          add("shell", script.shell);
                          add("workingDirectory", script.working_directory);
                        },
                        [&](const ActionStep& action) {
                          object.emplace_back("uses", action.uses);
                          add_map("with", action.with);
                        }},
             step.body);
  add_map("env", step.env);
  add("continueOnError", step.continue_on_error);
  add("timeoutMinutes", step.timeout_minutes);
  return object;
}

Value to_value(const Plan& plan, const Phase& phase) {
  Value::Object object{{"name", phase.name}, {"inFile", phase.in_file}};
  add_place(object, plan, phase.where);
  if (!phase.run_as.empty()) object.emplace_back("runAs", phase.run_as);
  Value::Object policy{{"action", to_string(phase.on_failure.action)}};
  if (phase.on_failure.action == FailurePolicy::Action::retry) {
    policy.emplace_back("retries", phase.on_failure.retries);
    policy.emplace_back("pattern", phase.on_failure.pattern);
  }
  add_place(policy, plan, phase.on_failure.where);
  object.emplace_back("onFailure", std::move(policy));
  object.emplace_back("commands", to_value(plan, phase.commands));
  Value::Array steps;
  for (std::size_t i = 0; i < phase.steps.size(); ++i) steps.push_back(to_value(plan, phase, i));
  object.emplace_back("steps", std::move(steps));
  object.emplace_back("finally", to_value(plan, phase.finally));
  return object;
}

}  // namespace

std::string step_label(const Phase& phase, std::size_t index) {
  return fmt::format("{}[{}]", to_lower(phase.name), index);
}

bool is_left_out(const Phase& phase) {
  const auto left_out = [](const auto& task) { return task.left_out; };
  return phase.commands.size() + phase.steps.size() + phase.finally.size() > 0 &&
         std::all_of(phase.commands.begin(), phase.commands.end(), left_out) &&
         std::all_of(phase.steps.begin(), phase.steps.end(), left_out) &&
         std::all_of(phase.finally.begin(), phase.finally.end(), left_out);
}

std::size_t count_left_out(const Plan& plan) {
  std::size_t count = 0;
  const auto add = [&](const auto& tasks) {
    for (const auto& task : tasks) count += task.left_out ? 1 : 0;
  };
  for (const Phase& phase : plan.phases) add(phase.commands), add(phase.steps), add(phase.finally);
  return count;
}

void leave_out(Plan& plan, const std::vector<std::string>& labels) {
  const std::set<std::string_view> wanted(labels.begin(), labels.end());
  for (Phase& phase : plan.phases) {
    for (auto* tasks : {&phase.commands, &phase.finally})
      for (Task& task : *tasks) task.left_out = wanted.contains(task.label);
    for (std::size_t i = 0; i < phase.steps.size(); ++i)
      phase.steps[i].left_out = wanted.contains(step_label(phase, i));
  }
}

std::string dump(const Plan& plan) {
  std::string out = fmt::format("scope {}\n", to_string(plan.scope));
  if (!plan.shell.empty())
    out += fmt::format("shell {}{}\n", in_quotes(plan.shell), place(plan, plan.shell_where));
  for (const PlannedVariable& variable : plan.variables)
    out += fmt::format("{} {}={}{}\n",
                       variable.kind == PlannedVariable::Kind::plain ? "variable" : to_string(variable.kind),
                       shown_line(variable.name), in_quotes(variable.value), place(plan, variable.where));
  for (const std::string& name : plan.exported) out += fmt::format("export {}\n", shown_line(name));
  for (const WantedRuntime& runtime : plan.runtimes)
    out += fmt::format("runtime {} {}{}\n", shown_line(runtime.name), in_quotes(runtime.version),
                       place(plan, runtime.where));
  for (const Phase& phase : plan.phases) dump_phase(out, plan, phase);
  for (const PlannedArtifacts& artifacts : plan.artifacts) {
    out += "artifacts";
    if (!artifacts.id.empty()) out += " " + shown_line(artifacts.id);
    if (!artifacts.base_directory.empty()) out += " below " + in_quotes(artifacts.base_directory);
    for (const std::string& pattern : artifacts.files) out += " " + in_quotes(pattern);
    for (const std::string& pattern : artifacts.exclude_paths) out += " without " + in_quotes(pattern);
    out += place(plan, artifacts.where) + "\n";
  }
  for (const Unsupported& unsupported : plan.unsupported)
    out +=
        fmt::format("unsupported {} ({}){}: {}\n", unsupported.id, unsupported.is_error ? "error" : "warning",
                    place(plan, unsupported.where), unsupported.what);
  return out;
}

Value to_value(const Plan& plan) {
  Value::Object object;
  if (plan.source != nullptr) object.emplace_back("source", plan.source->name());
  object.emplace_back("scope", to_string(plan.scope));
  if (!plan.shell.empty()) object.emplace_back("shell", plan.shell);
  Value::Array variables;
  for (const PlannedVariable& variable : plan.variables) {
    Value::Object one{{"name", variable.name}, {"kind", to_string(variable.kind)}};
    one.emplace_back(variable.kind == PlannedVariable::Kind::plain ? "value" : "reference", variable.value);
    add_place(one, plan, variable.where);
    variables.emplace_back(std::move(one));
  }
  object.emplace_back("variables", std::move(variables));
  Value::Array exported;
  for (const std::string& name : plan.exported) exported.emplace_back(name);
  object.emplace_back("exportedVariables", std::move(exported));
  Value::Array runtimes;
  for (const WantedRuntime& runtime : plan.runtimes) {
    Value::Object one{{"name", runtime.name}, {"version", runtime.version}};
    add_place(one, plan, runtime.where);
    runtimes.emplace_back(std::move(one));
  }
  object.emplace_back("runtimes", std::move(runtimes));
  Value::Array phases;
  for (const Phase& phase : plan.phases) phases.push_back(to_value(plan, phase));
  object.emplace_back("phases", std::move(phases));
  if (!plan.artifacts.empty()) {
    Value::Array all;
    for (const PlannedArtifacts& artifacts : plan.artifacts) {
      Value::Object one;
      if (!artifacts.id.empty()) one.emplace_back("id", artifacts.id);
      if (!artifacts.base_directory.empty()) one.emplace_back("baseDirectory", artifacts.base_directory);
      one.emplace_back("files", Value::Array(artifacts.files.begin(), artifacts.files.end()));
      if (!artifacts.exclude_paths.empty())
        one.emplace_back("excludePaths",
                         Value::Array(artifacts.exclude_paths.begin(), artifacts.exclude_paths.end()));
      add_place(one, plan, artifacts.where);
      all.emplace_back(std::move(one));
    }
    object.emplace_back("artifacts", std::move(all));
  }
  Value::Array unsupported;
  for (const Unsupported& feature : plan.unsupported) {
    Value::Object one{
        {"id", feature.id}, {"what", feature.what}, {"severity", feature.is_error ? "error" : "warning"}};
    add_place(one, plan, feature.where);
    unsupported.emplace_back(std::move(one));
  }
  object.emplace_back("unsupported", std::move(unsupported));
  return object;
}

}  // namespace buildspec_run
