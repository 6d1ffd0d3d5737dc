// `steps:` of a buildspec's phase. What GitHub's runner would refuse in a step is an error here; what
// CodeBuild lacks is parsed with all that GitHub has, and a finding `parity-…` names the limit.
#include "actions/step.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "actions/action_reference.h"
#include "actions/allowed.h"
#include "actions/expr/characters.h"
#include "actions/lower.h"
#include "actions/manifest_scalar.h"
#include "actions/scalar_place.h"
#include "actions/step_display.h"
#include "actions/step_names.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kCloudCode = "YAML_FILE_ERROR";
constexpr std::string_view kOpen = "${{";

/// Whether `text`, a condition, has more than one expression or anything outside of it.
bool has_text_beside_expressions(std::string_view text) {
  while (!text.empty()) {
    const std::size_t open = text.find(kOpen);
    if (open == std::string_view::npos) return false;  // all of it is the expression
    if (open > 0) return true;
    std::size_t end = kOpen.size();
    for (bool quoted = false; end < text.size() && (quoted || !text.substr(end).starts_with("}}")); ++end)
      quoted ^= text[end] == '\'';
    text.remove_prefix(std::min(end + 2, text.size()));
    if (!text.empty()) return true;
  }
  return false;
}

constexpr std::string_view kKeys[] = {"id",
                                      "if",
                                      "name",
                                      "uses",
                                      "run",
                                      "shell",
                                      "with",
                                      "env",
                                      "continue-on-error",
                                      "timeout-minutes",
                                      "working-directory"};

// A context that GitHub has and CodeBuild has not (buildspec.md 5.4).
struct MissingContext {
  std::string_view name, id, message;
};
constexpr MissingContext kMissingContexts[] = {
    {"github", "parity-github-context",
     "CodeBuild gives steps no usable github context; here it is filled from the repository"},
    {"secrets", "parity-secrets-context",
     "CodeBuild has no secrets context, only variables (env.NAME); here it holds this run's secrets"},
    {"vars", "parity-vars-context",
     "CodeBuild has no vars context, only variables (env.NAME); here it holds what --var sets"},
    {"needs", "parity-needs-context",
     "CodeBuild has no needs context, since a phase is no job; here it is empty"},
    {"strategy", "parity-strategy-context",
     "CodeBuild has no strategy context; here it is that of a job without a matrix"},
    {"matrix", "parity-matrix-context", "CodeBuild has no matrix context; here it is empty"},
    {"job", "parity-job-context", "CodeBuild has no job context; here the phase is the job"},
    {"inputs", "parity-inputs-context", "CodeBuild has inputs only inside of actions; here it is empty"},
};

// An action that needs what CodeBuild has not (buildspec.md 5.3, 5.5).
struct LimitedAction {
  std::string_view name, id, message;
};
constexpr LimitedAction kLimitedActions[] = {
    {"actions/checkout", "parity-checkout",
     "actions/checkout relies on the github context, which CodeBuild does not have; the source is there "
     "already"},
    {"actions/cache", "parity-cache-service",
     "CodeBuild has no cache service of GitHub's; cache in the buildspec does its work there"},
    {"actions/upload-artifact", "parity-artifact-service",
     "CodeBuild has no artifact service of GitHub's; artifacts in the buildspec does its work there"},
    {"actions/download-artifact", "parity-artifact-service",
     "CodeBuild has no artifact service of GitHub's; artifacts in the buildspec does its work there"},
};

// The name in "Unrecognized named-value: 'github'. Located …".
std::string_view unrecognized_name(std::string_view message) {
  constexpr std::string_view kPrefix = "Unrecognized named-value: '";
  if (!message.starts_with(kPrefix)) return {};
  message.remove_prefix(kPrefix.size());
  return message.substr(0, message.find('\''));
}

std::string_view article(NodeKind kind) {
  switch (kind) {
    case NodeKind::scalar:
      return "text";
    case NodeKind::sequence:
      return "a list";
    case NodeKind::mapping:
      return "a mapping";
  }
  return "text";
}

class Decoder {
 public:
  Decoder(const SourceText& source, Diagnostics& found) : source_(source), found_(found) {}

  std::vector<StepTask> run(const Node& sequence) {
    std::vector<StepTask> tasks;
    if (sequence.is_null()) return tasks;
    if (!sequence.is_sequence()) return wrong_type(sequence, "a list of steps"), tasks;
    std::vector<std::string> bases;  // of the ids to generate, by step
    for (const Node* item : sequence.items) {
      std::string base;
      if (std::optional<StepTask> task = decode_step(*item, base)) {
        tasks.push_back(std::move(*task));
        bases.push_back(std::move(base));
      }
    }
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (!tasks[i].id.empty()) continue;
      if (std::optional<std::string> id = ids_.generate(bases[i]))
        tasks[i].id = std::move(*id);
      else
        error(tasks[i].where, "step-id", "there are too many steps like this one; give it an id of its own");
    }
    return tasks;
  }

 private:
  void error(SourceRange where, std::string_view id, std::string message) {
    found_.error(source_, where, id, to_printable(message)).cloud_code = kCloudCode;
  }
  void wrong_type(const Node& node, std::string_view due) {
    if (node.incomplete) return;  // the error that stopped the reading has been told
    error(
        node.where, "wrong-type",
        fmt::format("{} is due here, and this is {}", due, node.is_null() ? "nothing" : article(node.kind)));
  }

  // --- scalars

  // The text of a scalar; nullopt for null and, reported, for another kind.
  std::optional<std::string> text(const Node* node) {
    if (node == nullptr) return std::nullopt;
    if (!node->is_scalar()) return wrong_type(*node, "text"), std::nullopt;
    if (node->is_null()) return std::nullopt;
    return std::string(node->text());
  }

  // Parses with the names that CodeBuild has, and as often again as there is one that only GitHub has.
  template <class Parsed, class Parse>
  std::optional<Parsed> parse(const Node& node, ExpressionPlace place, ExpressionPlace cloud_place,
                              const Parse& parse_with) {
    Allowed allowed = allowed_in(cloud_place);
    for (;;) {
      auto parsed = parse_with(allowed);
      if (Parsed* value = std::get_if<Parsed>(&parsed)) return std::move(*value);
      ExpressionError& wrong = std::get<ExpressionError>(parsed);
      const std::string_view name = unrecognized_name(wrong.message);
      const MissingContext* missing = find_missing(name, place, allowed);
      if (missing == nullptr) {
        error(place_in_scalar(node, wrong.offset), "expression-invalid", std::move(wrong.message));
        return std::nullopt;
      }
      parity(place_in_scalar(node, wrong.offset, name.size()), missing->id, missing->message);
      allowed.contexts.push_back(missing->name);
    }
  }

  static const MissingContext* find_missing(std::string_view name, ExpressionPlace place,
                                            const Allowed& allowed) {
    const auto is_in = [](const std::vector<std::string_view>& names, std::string_view wanted) {
      return std::find(names.begin(), names.end(), wanted) != names.end();
    };
    for (const MissingContext& context : kMissingContexts)
      if (equals_ignoring_case(context.name, name) && is_in(allowed_in(place).contexts, context.name) &&
          !is_in(allowed.contexts, context.name))
        return &context;
    return nullptr;
  }

  // Each kind once.
  void parity(SourceRange where, std::string_view id, std::string_view message) {
    if (told_.insert(id).second) found_.warning(source_, where, id, std::string(message));
  }

  std::optional<Template> parse_text(const Node& node) {
    return parse<Template>(node, ExpressionPlace::step, ExpressionPlace::cloud_step,
                           [&](const Allowed& allowed) { return parse_template(node.text(), allowed); });
  }

  std::optional<Template> template_of(const Node* node) {
    return text(node) ? parse_text(*node) : std::nullopt;
  }

  // A text that must not be an expression; one that is a string literal stands for it (actions.md 1.1).
  std::optional<std::string> literal_of(const Node* node) {
    std::optional<std::string> written = text(node);
    if (!written || written->find(kOpen) == std::string::npos) return written;
    std::variant<Template, ExpressionError> parsed =
        parse_template(*written, allowed_in(ExpressionPlace::literal));
    if (const Template* value = std::get_if<Template>(&parsed)) {
      if (const std::string* literal = value->literal_text()) return *literal;
      error(node->where, "expression-invalid", "A template expression is not allowed in this context");
    } else {
      ExpressionError& wrong = std::get<ExpressionError>(parsed);
      error(place_in_scalar(*node, wrong.offset), "expression-invalid", std::move(wrong.message));
    }
    return std::nullopt;
  }

  static bool is_expression(const Node& node) {
    return node.is_scalar() && node.scalar.find(kOpen) != std::string::npos;
  }

  std::optional<Template> boolean_of(const Node* node) {
    if (node == nullptr || (node->is_scalar() && node->is_null())) return std::nullopt;
    if (is_expression(*node)) return parse_text(*node);
    const std::optional<bool> value = node->is_scalar() ? node->boolean() : std::nullopt;
    if (!value) return wrong_type(*node, "yes or no"), std::nullopt;
    return Template::literal(*value ? "true" : "false");
  }

  std::optional<Template> number_of(const Node* node) {
    if (node == nullptr || (node->is_scalar() && node->is_null())) return std::nullopt;
    if (is_expression(*node)) return parse_text(*node);
    const double value = node->is_scalar() ? parse_number(node->scalar) : 0;
    if (!node->is_scalar() || !(value >= 0) || value > 1e9 ||
        node->scalar.find_first_of("0123456789") == std::string::npos)
      return wrong_type(*node, "a number of minutes"), std::nullopt;
    return Template::literal(number_text(value));
  }

  // --- collections

  TemplateMap map_of(const Node* node) {
    TemplateMap map;
    if (node == nullptr || node->is_null()) return map;
    if (is_expression(*node)) {
      map.whole = parse_text(*node);
      if (map.whole && (map.whole->literal_text() != nullptr || !map.whole->is_whole())) {
        wrong_type(*node, "a mapping of names to values");
        map.whole.reset();
      }
      return map;
    }
    if (!node->is_mapping()) return wrong_type(*node, "a mapping of names to values"), map;
    std::set<std::string> names;  // without regard to case
    for (const auto& [key, value, merged] : node->entries) {
      if (key == nullptr || value == nullptr) continue;
      if (!key->is_scalar()) {
        wrong_type(*key, "a name");
      } else if (!value->is_scalar()) {
        wrong_type(*value, "text");
      } else if (!is_expression(*key) && key->scalar.empty()) {
        error(key->where, "step-invalid", "a name is due here, and this is empty");
      } else if (!is_expression(*key) && !names.insert(to_upper_case(key->scalar)).second) {
        error(key->where, "step-invalid", fmt::format("'{}' is already defined", key->scalar));
      } else {
        std::optional<Template> name = name_of(*key);
        std::optional<Template> member = parse_text(*value);
        if (name && member) map.members.emplace_back(std::move(*name), std::move(*member));
      }
    }
    return map;
  }

  // A name; `${{ insert }}` is the empty one.
  std::optional<Template> name_of(const Node& key) {
    if (!is_expression(key)) return Template::literal(key.scalar);
    const std::string_view written = key.scalar;
    if (written.starts_with(kOpen) && written.ends_with("}}")) {
      std::string_view inside = written.substr(kOpen.size(), written.size() - kOpen.size() - 2);
      const std::size_t begin = inside.find_first_not_of(" \t");
      const std::size_t end = inside.find_last_not_of(" \t");
      if (begin != std::string_view::npos && inside.substr(begin, end - begin + 1) == "insert")
        return Template();
    }
    return parse_text(key);
  }

  // --- a step

  std::optional<StepTask> decode_step(const Node& item, std::string& base) {
    if (item.is_null()) {
      found_.warning(source_, item.where, "empty-entry", "an empty entry, which stands for nothing");
      return std::nullopt;
    }
    if (!item.is_mapping()) return wrong_type(item, "a mapping"), std::nullopt;
    StepTask task;
    task.where = item.where;
    task.source = &source_;
    decode_id(item.find("id"), task);
    decode_condition(item.find("if"), task);
    task.name = template_of(item.find("name")).value_or(Template());
    task.env = map_of(item.find("env"));
    task.continue_on_error = boolean_of(item.find("continue-on-error"));
    task.timeout_minutes = number_of(item.find("timeout-minutes"));
    const Node* uses = item.find("uses");
    const Node* run = item.find("run");
    const bool has_uses = uses != nullptr && !(uses->is_scalar() && uses->text().empty());
    const bool has_run = run != nullptr && !(run->is_scalar() && run->text().empty());
    if (has_uses == has_run) {
      if (!item.incomplete)
        error(item.where, "step-invalid",
              has_run ? "a step with uses and run; it has one of them"
                      : "a step without uses or run; it has one of them");
      return std::nullopt;
    }
    const bool is_complete =
        has_run ? decode_script(item, *run, task, base) : decode_uses(item, *uses, task, base);
    if (!is_complete) return std::nullopt;
    return task;
  }

  void decode_id(const Node* node, StepTask& task) {
    const std::optional<std::string> id = literal_of(node);
    if (!id || id->empty()) return;
    if (std::optional<std::string> wrong = ids_.take(*id, StepIds::Check::service))
      error(node->where, "step-id", std::move(*wrong));
    else
      task.id = *id;
  }

  void decode_condition(const Node* node, StepTask& task) {
    static const Node kAbsent;
    task.condition_text = text(node).value_or("");
    if (node != nullptr && has_text_beside_expressions(task.condition_text))
      found_.warning(
          source_, node->where, "if-always-true",
          "text beside ${{ }} makes a string of this condition, and one that is not empty is true; "
          "put the whole condition into one ${{ }}, or write it without");
    if (std::optional<Expression> condition = parse<Expression>(
            node == nullptr ? kAbsent : *node, ExpressionPlace::step_if, ExpressionPlace::cloud_step_if,
            [&](const Allowed& allowed) { return parse_condition(task.condition_text, allowed); }))
      task.condition = std::move(*condition);
  }

  void ignored(const Node& item, std::string_view key, std::string_view beside) {
    if (const Node::Entry* entry = item.find_entry(key))
      found_.warning(source_, entry->key->where, "step-key-ignored",
                     fmt::format("{} beside {}, where it has no effect", key, beside));
  }

  bool decode_script(const Node& item, const Node& run, StepTask& task, std::string& base) {
    ignored(item, "with", "run");
    ScriptStep script;
    std::optional<Template> text_of_script = template_of(&run);
    script.shell = template_of(item.find("shell"));
    script.working_directory = template_of(item.find("working-directory"));
    if (!text_of_script) return false;
    base = "run";
    task.default_name = default_display_name(text_of_script->source());
    script.script = std::move(*text_of_script);
    task.body = std::move(script);
    return true;
  }

  bool decode_uses(const Node& item, const Node& uses, StepTask& task, std::string& base) {
    ignored(item, "shell", "uses");
    ignored(item, "working-directory", "uses");
    ActionStep action;
    action.with = map_of(item.find("with"));
    const std::optional<std::string> written = literal_of(&uses);
    if (!written) return false;
    Result<ActionReference> reference = parse_action_reference(*written);
    if (!reference) {
      error(uses.where, "step-reference", std::move(reference.error().message));
      return false;
    }
    if (const auto* repository = std::get_if<RepositoryReference>(&*reference))
      for (const LimitedAction& limited : kLimitedActions)
        if (equals_ignoring_case(repository->name(), limited.name))
          parity(uses.where, limited.id, limited.message);
    base = id_base(*reference);
    task.default_name = default_name(*reference);
    action.uses = to_string(*reference);
    action.where = uses.where;
    task.body = std::move(action);
    return true;
  }

  const SourceText& source_;
  Diagnostics& found_;
  StepIds ids_;
  std::set<std::string_view> told_;
};

}  // namespace

std::span<const std::string_view> step_keys() noexcept { return kKeys; }

std::vector<StepTask> decode_steps(const SourceText& source, const Node& sequence, Diagnostics& found) {
  return Decoder(source, found).run(sequence);
}

}  // namespace buildspec_run
