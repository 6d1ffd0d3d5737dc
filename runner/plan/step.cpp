#include "runner/plan/step.h"

#include <fmt/core.h>

#include <set>

#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

void add_map(StepFacts& facts, std::string_view name, const TemplateMap& map) {
  if (map.whole) facts.emplace_back(name, map.whole->source());
  for (const auto& [key, value] : map.members)
    facts.emplace_back(name, fmt::format("{}={}", shown_name(key), value.source()));
}

void add(StepFacts& facts, std::string_view name, const std::optional<Template>& text) {
  if (text) facts.emplace_back(name, text->source());
}

std::string shown(const ContainerProgram& container) {
  return std::visit(
      overloaded{[](const ContainerProgram::Registry& registry) { return "docker " + registry.image; },
                 [](const ContainerProgram::Built& built) {
                   return fmt::format("docker build -f {} {}", built.dockerfile, built.context);
                 }},
      container.image);
}

// Prints an action with what is in it, each once: many steps may share one.
class Dump {
 public:
  void action(const LoweredAction& action, const std::string& indent) {
    if (!seen_.insert(&action).second) {
      out_ += indent + "as before\n";
      return;
    }
    if (!action.repository.empty())
      out_ += fmt::format("{}from {}@{} {}\n", indent, action.repository, action.ref, action.commit);
    if (!action.directory.empty()) out_ += fmt::format("{}in {}\n", indent, action.directory);
    for (const DeclaredInput& input : action.inputs) {
      out_ += fmt::format("{}input {}", indent, input.name);
      if (input.default_value) out_ += "=" + input.default_value->source();
      out_ += '\n';
    }
    if (action.pre) stage(*action.pre, "pre", action.pre_if, indent);
    stage(action.main, "main", "", indent);
    if (action.post) stage(*action.post, "post", action.post_if, indent);
  }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  void stage(const Program& program, std::string_view name, std::string_view condition,
             const std::string& indent) {
    const std::string head =
        fmt::format("{}{}{}{}", indent, name, condition.empty() || condition == "always()" ? "" : " if ",
                    condition == "always()" ? std::string_view() : condition);
    std::visit(
        overloaded{[&](const NodeProgram& node) {
                     out_ += fmt::format("{} {} {}\n", head, node.using_version, node.script);
                   },
                   [&](const ContainerProgram& container) { this->container(container, head, indent); },
                   [&](const std::shared_ptr<const StepGroup>& group) {
                     out_ += head + " composite\n";
                     if (name == "main") steps(*group, indent + "  ");
                   }},
        program.body);
  }

  void container(const ContainerProgram& container, const std::string& head, const std::string& indent) {
    out_ += fmt::format("{} {}\n", head, shown(container));
    if (!container.entrypoint.empty())
      out_ += fmt::format("{}  entrypoint {}\n", indent, container.entrypoint);
    if (container.args)
      for (const Template& arg : *container.args) out_ += fmt::format("{}  arg {}\n", indent, arg.source());
    for (const auto& [key, value] : container.env)
      out_ += fmt::format("{}  env {}={}\n", indent, shown_name(key), value.source());
  }

  void steps(const StepGroup& group, const std::string& indent) {
    for (const StepTask& step : group.steps) {
      out_ += indent + step.default_name + '\n';
      for (const auto& [name, value] : facts_of(step))
        out_ += fmt::format("{}  {} {}\n", indent, name, value);
      if (const auto* use = std::get_if<ActionStep>(&step.body); use != nullptr && use->action != nullptr)
        action(*use->action, indent + "    ");
    }
    for (const auto& [name, value] : group.outputs)
      out_ += fmt::format("{}output {}={}\n", indent, name, value.source());
  }

  std::string out_;
  std::set<const LoweredAction*> seen_;
};

}  // namespace

std::string_view shown_name(const Template& name) {
  return name.source().empty() ? std::string_view("${{ insert }}") : std::string_view(name.source());
}

StepFacts facts_of(const StepTask& step) {
  StepFacts facts = {{"id", step.id}, {"if", step.condition.text()}};
  if (!step.name.source().empty()) facts.emplace_back("name", step.name.source());
  add_map(facts, "env", step.env);
  add(facts, "continue-on-error", step.continue_on_error);
  add(facts, "timeout-minutes", step.timeout_minutes);
  std::visit(overloaded{[&](const ScriptStep& script) {
                          facts.emplace_back("run", script.script.source());
                          add(facts, "shell", script.shell);
                          add(facts, "working-directory", script.working_directory);
                        },
                        [&](const ActionStep& action) {
                          facts.emplace_back("uses", action.uses);
                          add_map(facts, "with", action.with);
                        }},
             step.body);
  return facts;
}

std::string dump(const LoweredAction& action, const std::string& indent) {
  Dump dump;
  dump.action(action, indent);
  return std::move(dump).take();
}

}  // namespace buildspec_run
