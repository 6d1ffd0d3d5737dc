#include "actions/action_metadata.h"

#include <fmt/format.h>

#include <algorithm>

#include "actions/action_reference.h"
#include "actions/allowed.h"
#include "actions/step_display.h"
#include "actions/step_names.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kAlways = "always()";

// "Dockerfile", "sub/Dockerfile", "Dockerfile.alpine", in any case.
bool is_dockerfile(std::string_view image) {
  const std::string name = to_lower(image.substr(image.rfind('/') + 1));
  return name.starts_with("dockerfile.") || name.ends_with("dockerfile");
}

class Decoder {
 public:
  Decoder(const SourceText& source, std::string_view shown_name) : source_(source), shown_(shown_name) {}

  DecodedAction run() && {
    Diagnostics found;
    const Document document = parse_document(source_, found, {}, YamlDialect::manifest);
    if (const std::optional<ManifestToken> root = read_manifest(document, errors_)) {
      decode_root(*root, document.complete());
    } else if (document.complete() && errors_.empty()) {
      no_runs();
    }
    for (const Diagnostic& diagnostic : found.all())
      if (diagnostic.severity == Severity::error)
        errors_.add({std::nullopt, true, diagnostic.message, diagnostic.where, "action-yaml"});
    return {std::move(action_), std::move(errors_).take()};
  }

 private:
  void decode_root(const ManifestToken& root, bool is_complete) {
    const auto text = [&](std::string_view key) {
      const ManifestToken* value = root.find(key);
      return value == nullptr ? std::string() : std::string(value->literal());
    };
    action_.name = text("name");
    action_.description = text("description");
    if (const ManifestToken* inputs = root.find("inputs"); inputs != nullptr && inputs->is_mapping())
      decode_inputs(*inputs);
    const ManifestToken* runs = root.find("runs");
    if (runs == nullptr) {
      if (is_complete && errors_.empty()) no_runs();
    } else if (runs->is_mapping() && is_complete) {
      decode_runs(*runs, root.find("outputs"));
    }
  }

  void no_runs() { bare_error(fmt::format("Top level 'runs:' section is required for {}", shown_), {}); }

  // What the runner throws without a place.
  void bare_error(std::string text, SourceRange where) {
    errors_.add({std::nullopt, false, std::move(text), where, "action-runs"});
  }

  void decode_inputs(const ManifestToken& inputs) {
    for (const auto& [name, body] : inputs.entries) {
      DeclaredInput input;
      input.name = name.literal();
      for (const auto& [key, value] : body.entries) {
        if (equals_ignoring_case(key.literal(), "default") && value.is_scalar()) {
          input.default_value = value.text;
        } else if (equals_ignoring_case(key.literal(), "deprecationMessage")) {
          if (value.is_string())
            input.deprecation_message = value.literal();
          else
            wrong_type(value, "input deprecationMessage");
        }
      }
      action_.inputs.push_back(std::move(input));
    }
  }

  void wrong_type(const ManifestToken& value, std::string_view what) {
    constexpr std::string_view kTypes[] = {"NullToken",     "BooleanToken",         "NumberToken",
                                           "StringToken",   "BasicExpressionToken", "InsertExpressionToken",
                                           "SequenceToken", "MappingToken"};
    errors_.add(
        {std::nullopt, false,
         fmt::format(
             "Unexpected type '{}' encountered while reading '{}'. The type 'StringToken' was expected.",
             kTypes[static_cast<std::size_t>(value.kind)], what),
         value.node->where, "action-value"});
  }

  void decode_runs(const ManifestToken& runs, const ManifestToken* outputs) {
    const auto text = [&](std::string_view key) {
      const ManifestToken* value = runs.find(key);
      return value == nullptr ? std::string() : std::string(value->literal());
    };
    const auto condition = [&](std::string_view key) {
      const ManifestToken* value = runs.find(key);
      return std::string(value == nullptr ? kAlways : value->literal());
    };
    action_.pre_if = condition("pre-if");
    action_.post_if = condition("post-if");
    const ManifestToken* using_token = runs.find("using");
    const SourceRange where = using_token == nullptr ? runs.node->where : using_token->node->where;
    CompositeRuns composite;
    const ManifestToken* steps = runs.find("steps");
    if (steps != nullptr) composite.steps = decode_composite_steps(*steps);
    if (using_token == nullptr) {
      if (runs.find("plugin") != nullptr)
        bare_error("'plugin' names a part of GitHub's own runner; no other action has it", where);
      else
        bare_error(
            "Missing 'using' value. 'using' requires 'composite', 'docker', 'node12', 'node16', 'node20' "
            "or 'node24'.",
            where);
      return;
    }
    const std::string using_text(using_token->literal());
    const std::string kind = to_lower(using_text);
    if (kind == "docker") {
      decode_container(runs, text, where);
    } else if (kind == "node12" || kind == "node16" || kind == "node20" || kind == "node24") {
      if (text("main").empty())
        bare_error(fmt::format(
                       "You are using a JavaScript Action but there is not an entry JavaScript file provided "
                       "in {}.",
                       shown_),
                   where);
      action_.runs = NodeRuns{using_text, text("main"), text("pre"), text("post")};
    } else if (kind == "composite") {
      if (steps == nullptr)
        bare_error(
            fmt::format("You are using a composite action but there are no steps provided in {}.", shown_),
            where);
      if (outputs != nullptr)
        for (const auto& [name, body] : outputs->entries)
          if (const ManifestToken* value = body.find("value"); value != nullptr && value->is_scalar())
            composite.outputs.emplace_back(std::string(name.literal()), value->text);
      action_.pre_if = action_.post_if = kAlways;
      action_.runs = std::move(composite);
    } else {
      bare_error(
          fmt::format("'using: {}' is not supported, use 'docker', 'node12', 'node16', 'node20' or 'node24' "
                      "instead.",
                      using_text),
          where);
    }
  }

  template <class Text>
  void decode_container(const ManifestToken& runs, const Text& text, SourceRange where) {
    constexpr std::string_view kRegistry = "docker://";
    ContainerRuns container;
    container.image = text("image");
    if (container.image.empty())
      return bare_error(
          fmt::format("You are using a Container Action but an image is not provided in {}.", shown_), where);
    container.is_registry_image =
        equals_ignoring_case(std::string_view(container.image).substr(0, kRegistry.size()), kRegistry);
    if (container.is_registry_image)
      container.image.erase(0, kRegistry.size());
    else if (errors_.empty() && !is_dockerfile(container.image))
      return bare_error(fmt::format("'{}' should be either '[path]/Dockerfile' or 'docker://image[:tag]'.",
                                    container.image),
                        runs.find("image")->node->where);
    container.entrypoint = text("entrypoint");
    container.pre_entrypoint = text("pre-entrypoint");
    container.post_entrypoint = text("post-entrypoint");
    if (const ManifestToken* args = runs.find("args"); args != nullptr && args->is_sequence()) {
      container.args.emplace();
      for (const ManifestToken& item : args->items) container.args->push_back(item.text);
    }
    if (const ManifestToken* env = runs.find("env"); env != nullptr && env->is_mapping())
      container.env = decode_map(*env).members;
    action_.runs = std::move(container);
  }

  static TemplateMap decode_map(const ManifestToken& token) {
    TemplateMap map;
    if (!token.is_mapping()) {
      if (token.kind == ManifestToken::Kind::expression) map.whole = token.text;
      return map;
    }
    for (const auto& [name, value] : token.entries)
      map.members.emplace_back(name.kind == ManifestToken::Kind::insert ? Template() : name.text, value.text);
    return map;
  }

  std::vector<StepTask> decode_composite_steps(const ManifestToken& steps) {
    std::vector<StepTask> tasks;
    std::vector<std::string> bases;  // of the ids to generate, by step
    StepIds ids;
    for (const ManifestToken& item : steps.items) {
      if (!item.is_mapping()) continue;
      std::string base;
      if (std::optional<StepTask> task = decode_step(item, ids, base)) {
        tasks.push_back(std::move(*task));
        bases.push_back(std::move(base));
      }
    }
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (!tasks[i].id.empty()) continue;
      std::optional<std::string> id = ids.generate(bases[i]);
      if (!id) {
        bare_error("Unable to create a unique name", tasks[i].where);
        break;
      }
      tasks[i].id = std::move(*id);
    }
    return tasks;
  }

  std::optional<StepTask> decode_step(const ManifestToken& item, StepIds& ids, std::string& base) {
    StepTask task;
    task.where = item.node->where;
    task.source = &source_;
    const auto optional_text = [&](std::string_view key) {
      const ManifestToken* value = item.find(key);
      return value == nullptr || !value->is_scalar() ? std::optional<Template>() : value->text;
    };
    if (const ManifestToken* id = item.find("id"); id != nullptr && !id->literal().empty()) {
      if (std::optional<std::string> wrong = ids.take(id->literal(), StepIds::Check::runner))
        errors_.add(error_at(*id->node, "action-step-id", std::move(*wrong)));
      else
        task.id = id->literal();
    }
    decode_condition(item.find("if"), task);
    task.name = optional_text("name").value_or(Template());
    task.continue_on_error = optional_text("continue-on-error");
    if (const ManifestToken* env = item.find("env")) task.env = decode_map(*env);
    if (const std::optional<Template> run = optional_text("run")) {
      base = "run";
      task.default_name = default_display_name(run->source());
      task.body = ScriptStep{*run, optional_text("shell"), optional_text("working-directory")};
      return task;
    }
    const ManifestToken* uses = item.find("uses");
    if (uses == nullptr || !uses->is_string() || uses->literal().empty())
      return std::nullopt;  // has been told
    Result<ActionReference> reference = parse_action_reference(uses->literal());
    if (!reference) {
      errors_.add(error_at(*uses->node, "action-reference", std::move(reference.error().message)));
      return std::nullopt;
    }
    base = id_base(*reference);
    task.default_name = default_name(*reference);
    ActionStep action;
    action.uses = to_string(*reference);
    action.where = uses->node->where;
    if (const ManifestToken* with = item.find("with")) action.with = decode_map(*with);
    task.body = std::move(action);
    return task;
  }

  // The reader has checked a text with `${{`; a bare one may name what a workflow's step may (actions.md
  // 2.6).
  void decode_condition(const ManifestToken* token, StepTask& task) {
    if (token != nullptr && token->is_scalar()) task.condition_text = token->text.source();
    const bool has_braces = task.condition_text.find("${{") != std::string::npos;
    if (has_braces && token->is_string() && token->literal() == task.condition_text) return;  // has been told
    std::variant<Expression, ExpressionError> parsed =
        parse_condition(task.condition_text, allowed_in(ExpressionPlace::composite_bare_if));
    if (Expression* condition = std::get_if<Expression>(&parsed)) {
      task.condition = std::move(*condition);
    } else {
      ExpressionError& error = std::get<ExpressionError>(parsed);
      errors_.add(error_at(*token->node, "action-expression", std::move(error.message), error.offset));
    }
  }

  const SourceText& source_;
  std::string_view shown_;
  ActionMetadata action_;
  ManifestErrors errors_;
};

}  // namespace

DecodedAction decode_action(const SourceText& source, std::string_view shown_name) {
  return Decoder(source, shown_name).run();
}

std::string render(const ManifestError& error, std::string_view shown_name) {
  if (!error.names_file) return error.text;
  if (!error.place) return fmt::format("{}: {}", shown_name, error.text);
  return fmt::format("{} (Line: {}, Col: {}): {}", shown_name, error.place->line, error.place->column,
                     error.text);
}

void report(const std::vector<ManifestError>& errors, const SourceText& source, Diagnostics& found) {
  for (const ManifestError& error : errors)
    found.error(source, error.where, error.id, to_printable(error.text));
}

std::string dump(const ActionMetadata& metadata) {
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format("{} {}\n", name, value);
  };
  line("name", metadata.name);
  for (const DeclaredInput& input : metadata.inputs) {
    out += fmt::format("input {}{}\n", input.name,
                       input.default_value ? "=" + input.default_value->source() : std::string());
    line("  deprecated", input.deprecation_message);
  }
  std::visit(overloaded{[&](const NodeRuns& node) {
                          line("using", node.using_version);
                          line("main", node.main);
                          line("pre", node.pre);
                          line("post", node.post);
                        },
                        [&](const ContainerRuns& container) {
                          line(container.is_registry_image ? "image" : "dockerfile", container.image);
                          line("entrypoint", container.entrypoint);
                          line("pre-entrypoint", container.pre_entrypoint);
                          line("post-entrypoint", container.post_entrypoint);
                          if (container.args && container.args->empty()) out += "args none\n";
                          if (container.args)
                            for (const Template& arg : *container.args)
                              out += fmt::format("arg {}\n", arg.source());
                          for (const auto& [name, value] : container.env)
                            out += fmt::format("env {}={}\n", shown_name(name), value.source());
                        },
                        [&](const CompositeRuns& composite) {
                          out += "composite\n";
                          for (const StepTask& step : composite.steps) {
                            out += fmt::format("step {}\n", step.default_name);
                            for (const auto& [fact, value] : facts_of(step))
                              out += fmt::format("  {} {}\n", fact, value);
                          }
                          for (const auto& [name, value] : composite.outputs)
                            out += fmt::format("output {}={}\n", name, value.source());
                        }},
             metadata.runs);
  if (metadata.pre_if != kAlways) line("pre-if", metadata.pre_if);
  if (metadata.post_if != kAlways) line("post-if", metadata.post_if);
  return out;
}

}  // namespace buildspec_run
