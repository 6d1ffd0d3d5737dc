#include "actions/manifest_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "actions/allowed.h"
#include "actions/expr/characters.h"
#include "actions/manifest_scalar.h"
#include "actions/scalar_place.h"

namespace buildspec_run {
namespace {

// --- the schema

struct Definition;

struct Property {
  std::string_view name;
  const Definition* type;
  bool is_required = false;
};

// A node of the schema. What a mapping does not name among its properties is refused, unless `loose` says
// what its value is; the key is then any text that is not empty.
struct Definition {
  enum class Kind { string, non_empty_string, boolean, sequence, mapping, one_of, any };
  Kind kind = Kind::any;
  std::optional<ExpressionPlace> place = std::nullopt;  // nullopt: the names of what it stands in
  std::span<const Property> properties = {};
  const Definition* loose = nullptr;                 // of a mapping
  const Definition* item = nullptr;                  // of a sequence
  std::span<const Definition* const> variants = {};  // of one_of: mappings
};

using Kind = Definition::Kind;

extern const Definition kAny;
const Definition kAnyMapping{Kind::mapping, std::nullopt, {}, &kAny};
const Definition kAny{Kind::any, std::nullopt, {}, nullptr, &kAny};

constexpr Definition kString{Kind::string};
constexpr Definition kNonEmptyString{Kind::non_empty_string};

constexpr Definition kInputDefault{Kind::string, ExpressionPlace::input_default};
constexpr Property kInputKeys[] = {{"default", &kInputDefault}};
const Definition kInput{Kind::mapping, std::nullopt, kInputKeys, &kAny};
const Definition kInputs{Kind::mapping, std::nullopt, {}, &kInput};

constexpr Definition kOutputValue{Kind::string, ExpressionPlace::output_value};
constexpr Property kOutputKeys[] = {{"description", &kString}, {"value", &kOutputValue}};
constexpr Definition kOutput{Kind::mapping, std::nullopt, kOutputKeys};
constexpr Definition kOutputs{Kind::mapping, std::nullopt, {}, &kOutput};

constexpr Definition kContainerArg{Kind::string, ExpressionPlace::container_values};
constexpr Definition kContainerArgs{Kind::sequence, std::nullopt, {}, nullptr, &kContainerArg};
constexpr Definition kContainerEnv{Kind::mapping, ExpressionPlace::container_values, {}, &kString};
constexpr Property kContainerKeys[] = {
    {"using", &kNonEmptyString},  {"image", &kNonEmptyString},   {"entrypoint", &kNonEmptyString},
    {"args", &kContainerArgs},    {"env", &kContainerEnv},       {"pre-entrypoint", &kNonEmptyString},
    {"pre-if", &kNonEmptyString}, {"post-if", &kNonEmptyString}, {"post-entrypoint", &kNonEmptyString},
};
constexpr Definition kContainerRuns{Kind::mapping, std::nullopt, kContainerKeys};

constexpr Property kNodeKeys[] = {
    {"using", &kNonEmptyString},  {"main", &kNonEmptyString}, {"pre", &kNonEmptyString},
    {"pre-if", &kNonEmptyString}, {"post", &kNonEmptyString}, {"post-if", &kNonEmptyString},
};
constexpr Definition kNodeRuns{Kind::mapping, std::nullopt, kNodeKeys};

constexpr Property kPluginKeys[] = {{"plugin", &kNonEmptyString}};
constexpr Definition kPluginRuns{Kind::mapping, std::nullopt, kPluginKeys};

constexpr Definition kStepString{Kind::string, ExpressionPlace::composite_step};
constexpr Definition kStepBoolean{Kind::boolean, ExpressionPlace::composite_step};
constexpr Definition kStepIf{Kind::string, ExpressionPlace::composite_if};
constexpr Definition kStepMap{Kind::mapping, ExpressionPlace::composite_step, {}, &kString};
constexpr Property kRunStepKeys[] = {
    {"name", &kStepString},
    {"id", &kNonEmptyString},
    {"if", &kStepIf},
    {"run", &kStepString, true},
    {"env", &kStepMap},
    {"continue-on-error", &kStepBoolean},
    {"shell", &kStepString, true},
    {"working-directory", &kStepString},
};
constexpr Definition kRunStep{Kind::mapping, std::nullopt, kRunStepKeys};
constexpr Property kUsesStepKeys[] = {
    {"name", &kStepString},
    {"id", &kNonEmptyString},
    {"if", &kStepIf},
    {"uses", &kNonEmptyString, true},
    {"with", &kStepMap},
    {"env", &kStepMap},
    {"continue-on-error", &kStepBoolean},
};
constexpr Definition kUsesStep{Kind::mapping, std::nullopt, kUsesStepKeys};
constexpr const Definition* kStepVariants[] = {&kRunStep, &kUsesStep};
constexpr Definition kStep{Kind::one_of, std::nullopt, {}, nullptr, nullptr, kStepVariants};
constexpr Definition kSteps{Kind::sequence, std::nullopt, {}, nullptr, &kStep};
constexpr Property kCompositeKeys[] = {{"using", &kNonEmptyString}, {"steps", &kSteps}};
constexpr Definition kCompositeRuns{Kind::mapping, std::nullopt, kCompositeKeys};

constexpr const Definition* kRunsVariants[] = {&kContainerRuns, &kNodeRuns, &kPluginRuns, &kCompositeRuns};
constexpr Definition kRuns{Kind::one_of, std::nullopt, {}, nullptr, nullptr, kRunsVariants};

constexpr Property kRootKeys[] = {
    {"name", &kString}, {"description", &kString}, {"inputs", &kInputs},
    {"runs", &kRuns},   {"outputs", &kOutputs},
};
const Definition kRoot{Kind::mapping, std::nullopt, kRootKeys, &kAny};

const Property* find_property(const Definition& mapping, std::string_view key) {
  const auto found = std::find_if(mapping.properties.begin(), mapping.properties.end(),
                                  [&](const Property& property) { return property.name == key; });
  return found == mapping.properties.end() ? nullptr : &*found;
}

// --- templates

constexpr std::string_view kOpen = "${{";
constexpr std::string_view kInsert = "insert";

// What stands in a text as `${{ insert … }}`.
struct Directive {
  bool is_whole = false;       // nothing beside it
  std::size_t parameters = 0;  // none is right
  std::size_t offset = 0;
};

std::size_t count_words(std::string_view text) {
  std::size_t words = 0, parentheses = 0;
  bool in_string = false, in_word = false;
  for (const char c : text) {
    const bool is_gap = !in_string && parentheses == 0 && (c == ' ' || (c >= '\t' && c <= '\r'));
    words += !is_gap && !in_word ? 1 : 0;
    in_word = !is_gap;
    if (c == '\'') in_string = !in_string;
    if (!in_string && c == '(') ++parentheses;
    if (!in_string && c == ')' && parentheses > 0) --parentheses;
  }
  return words;
}

std::optional<Directive> find_directive(std::string_view text) {
  for (std::size_t at = text.find(kOpen); at != std::string_view::npos;) {
    const std::size_t begin = at + kOpen.size();
    bool in_string = false;
    std::size_t end = begin;
    for (; end < text.size(); ++end) {
      if (text[end] == '\'') in_string = !in_string;
      if (!in_string && text[end] == '}' && text[end - 1] == '}') break;
    }
    if (end >= text.size()) return std::nullopt;  // not closed
    std::string_view inside = end > begin ? text.substr(begin, end - 1 - begin) : std::string_view();
    inside.remove_prefix(std::min(inside.find_first_not_of(" \t\r\n\v\f"), inside.size()));
    if (inside.starts_with(kInsert)) {
      const std::string_view rest = inside.substr(kInsert.size());
      if (rest.empty() || rest[0] == ' ' || (rest[0] >= '\t' && rest[0] <= '\r'))
        return Directive{at == 0 && end + 1 == text.size(), count_words(rest), at};
    }
    at = text.find(kOpen, end + 1);
  }
  return std::nullopt;
}

// --- the walk

class Walk {
 public:
  Walk(const Document& document, ManifestErrors& errors) : document_(document), errors_(errors) {}

  std::optional<ManifestToken> run() {
    const Node* root = document_.root();
    if (root == nullptr) {
      if (document_.complete()) stop("Expected document start parse event");
      return std::nullopt;
    }
    ManifestToken token = read(*root, kRoot, allowed_in(ExpressionPlace::literal));
    if (!token.is_mapping()) return std::nullopt;
    return token;
  }

 private:
  static constexpr std::size_t kDeepest = 100;
  static constexpr std::size_t kMostEvents = 1'000'000;
  static constexpr std::size_t kMostBytes = std::size_t{10} << 20;

  // What ends the reading, as an exception does in the runner.
  void stop(std::string text) {
    if (!stopped_) errors_.add({std::nullopt, true, std::move(text), {}, "action-yaml"});
    stopped_ = true;
  }
  bool count_event() {
    if (++events_ > kMostEvents)
      stop(
          "Maximum events exceeded while evaluating the template. This may indicate an infinite loop or too "
          "many "
          "nested loops.");
    return !stopped_;
  }
  // The runner counts what its objects take: roughly so much.
  void count_bytes(std::size_t text_bytes) {
    constexpr std::size_t kObject = 24, kText = 26;
    bytes_ += kObject + kText + 2 * text_bytes;
    if (bytes_ > kMostBytes) stop("Maximum object size exceeded");
  }
  bool enter() {
    count_bytes(0);
    if (++depth_ > kDeepest) stop("Maximum object depth exceeded");
    return !stopped_;
  }
  void leave(const Node& node) {
    --depth_;
    if (node.incomplete) stopped_ = true;  // the text ends here, and whoever parsed it says why
  }

  void report(const Node& node, std::string_view id, std::string text) {
    errors_.add(error_at(node, id, std::move(text)));
  }

  ManifestToken read(const Node& node, const Definition& definition, const Allowed& around) {
    ManifestToken token;
    token.node = &node;
    if (!count_event()) return token;
    const Allowed& allowed = definition.place ? allowed_in(*definition.place) : around;
    switch (node.kind) {
      case NodeKind::scalar:
        return read_scalar(node, definition, allowed);
      case NodeKind::sequence:
        token.kind = ManifestToken::Kind::sequence;
        if (enter()) read_sequence(node, definition, allowed, token);
        break;
      case NodeKind::mapping:
        token.kind = ManifestToken::Kind::mapping;
        if (enter()) read_mapping(node, definition, allowed, token);
        break;
    }
    leave(node);
    return token;
  }

  // Counts what is not looked at.
  void skip(const Node& node) {
    if (!count_event()) return;
    if (node.is_scalar()) {
      if (node.incomplete)
        stopped_ = true;
      else if (const Result<Datum> value = read_manifest_scalar(node); !value)
        stop(value.error().message);
      return;
    }
    if (enter()) {
      for (const Node* item : node.items)
        if (!stopped_) skip(*item);
      for (const auto& [key, value, merged] : node.entries) {
        if (!stopped_) skip(*key);
        if (!stopped_) skip(*value);
      }
    }
    leave(node);
  }

  void read_sequence(const Node& node, const Definition& definition, const Allowed& allowed,
                     ManifestToken& token) {
    const bool is_legal = definition.kind == Kind::sequence || definition.kind == Kind::any;
    if (!is_legal) report(node, "action-value", "A sequence was not expected");
    for (const Node* item : node.items) {
      if (stopped_) return;
      if (is_legal)
        token.items.push_back(read(*item, *definition.item, allowed));
      else
        skip(*item);
    }
  }

  void read_mapping(const Node& node, const Definition& definition, const Allowed& allowed,
                    ManifestToken& token) {
    std::vector<const Definition*> variants;
    if (definition.kind == Kind::mapping) variants = {&definition};
    if (definition.kind == Kind::any) variants = {&kAnyMapping};
    variants.insert(variants.end(), definition.variants.begin(), definition.variants.end());
    if (variants.empty()) {
      report(node, "action-value", "A mapping was not expected");
      for (const auto& [key, value, merged] : node.entries) {
        if (!stopped_) skip(*key);
        if (!stopped_) skip(*value);
      }
      return;
    }
    std::set<std::string> keys;  // without regard to case
    bool has_expression_key = false;
    for (const auto& [key, value, merged] : node.entries) {
      if (stopped_) return;
      if (!key->is_scalar()) return stop("Expected mapping end");
      if (value->incomplete && value->is_scalar()) {  // the text ends behind this key
        stopped_ = true;
        return;
      }
      std::optional<ManifestToken> name = parse_scalar(*key, allowed);
      if (!name) return;
      read_entry(std::move(*name), *value, variants, allowed, keys, has_expression_key, token);
    }
    if (stopped_ || node.incomplete) return;
    if (variants.size() > 1)
      report(node, "action-value", not_enough(variants));
    else if (!has_expression_key)
      for (const Property& property : variants[0]->properties)
        if (property.is_required && !keys.contains(folded(property.name)))
          report(node, "action-missing-key", fmt::format("Required property is missing: {}", property.name));
  }

  void read_entry(ManifestToken name, const Node& value, std::vector<const Definition*>& variants,
                  const Allowed& allowed, std::set<std::string>& keys, bool& has_expression_key,
                  ManifestToken& token) {
    const bool is_expression =
        name.kind == ManifestToken::Kind::expression || name.kind == ManifestToken::Kind::insert;
    if (is_expression) {
      has_expression_key = true;
      if (!has_names(allowed)) {
        report(*name.node, "action-expression", kNotAllowed);
        return skip(value);
      }
      const bool is_loose =
          variants.size() == 1 && variants[0]->properties.empty() && variants[0]->loose != nullptr;
      ManifestToken read_value = read(value, is_loose ? *variants[0]->loose : kAny, allowed);
      token.entries.push_back({std::move(name), std::move(read_value)});
      return;
    }
    const std::string text(name.literal());
    name.kind = ManifestToken::Kind::string;
    if (!keys.insert(folded(text)).second) {
      report(*name.node, "action-duplicate-key", fmt::format("'{}' is already defined", text));
      return skip(value);
    }
    const Definition* type = narrow(variants, text);
    if (type == nullptr && variants[0]->loose != nullptr) {
      type = variants[0]->loose;
      if (text.empty() && variants[0] != &kAnyMapping)
        report(*name.node, "action-value", "Unexpected value ''");
    }
    if (type == nullptr) {
      report(*name.node, "action-unknown-key", fmt::format("Unexpected value '{}'", text));
      return skip(value);
    }
    ManifestToken read_value = read(value, *type, allowed);
    token.entries.push_back({std::move(name), std::move(read_value)});
  }

  // The type of the property `key`; only the variants that have it stay possible.
  static const Definition* narrow(std::vector<const Definition*>& variants, std::string_view key) {
    const Definition* type = nullptr;
    for (const Definition* variant : variants)
      if (const Property* property = find_property(*variant, key); property != nullptr && type == nullptr)
        type = property->type;
    if (type != nullptr)
      std::erase_if(variants,
                    [&](const Definition* variant) { return find_property(*variant, key) == nullptr; });
    return type;
  }

  static std::string not_enough(const std::vector<const Definition*>& variants) {
    std::map<std::string_view, int> uses;
    for (const Definition* variant : variants)
      for (const Property& property : variant->properties) ++uses[property.name];
    std::vector<std::string_view> telling;
    for (const auto& [name, count] : uses)
      if (count == 1) telling.push_back(name);
    return fmt::format("There's not enough info to determine what you meant. Add one of these properties: {}",
                       fmt::join(telling, ", "));
  }

  ManifestToken read_scalar(const Node& node, const Definition& definition, const Allowed& allowed) {
    if (node.incomplete) {
      stopped_ = true;
      return {};
    }
    std::optional<ManifestToken> parsed = parse_scalar(node, allowed);
    if (!parsed) return {};
    ManifestToken& token = *parsed;
    switch (token.kind) {
      case ManifestToken::Kind::expression:
        if (!has_names(allowed)) report(node, "action-expression", kNotAllowed);
        break;
      case ManifestToken::Kind::insert:
        report(node, "action-value", fmt::format("Unexpected value '{}'", token.text.source()));
        break;
      default:
        check_literal(definition, token);
    }
    return std::move(token);
  }

  void check_literal(const Definition& definition, ManifestToken& token) {
    const bool is_legal = [&] {
      switch (definition.kind) {
        case Kind::any:
          return true;
        case Kind::boolean:
          return token.kind == ManifestToken::Kind::boolean;
        case Kind::string:
          token.kind = ManifestToken::Kind::string;
          return true;
        case Kind::non_empty_string:
          token.kind = ManifestToken::Kind::string;
          return !token.literal().empty();
        default:
          return false;
      }
    }();
    if (!is_legal) report(*token.node, "action-value", fmt::format("Unexpected value '{}'", token.literal()));
  }

  // nullopt when the reading has ended.
  std::optional<ManifestToken> parse_scalar(const Node& node, const Allowed& allowed) {
    count_bytes(node.scalar.size());
    if (stopped_) return std::nullopt;
    const Result<Datum> value = read_manifest_scalar(node);
    if (!value) return stop(value.error().message), std::nullopt;
    ManifestToken token;
    token.node = &node;
    switch (value->kind()) {
      case Datum::Kind::null:
        token.kind = ManifestToken::Kind::null;
        break;
      case Datum::Kind::boolean:
        token.kind = ManifestToken::Kind::boolean;
        break;
      case Datum::Kind::number:
        token.kind = ManifestToken::Kind::number;
        break;
      default:
        token.kind = ManifestToken::Kind::string;
    }
    const std::string text = value->to_string();
    if (!token.is_string() || text.find(kOpen) == std::string::npos) {
      token.text = Template::literal(text);
      return token;
    }
    parse_template_text(text, allowed, token);
    return token;
  }

  // After an error the text stays what it is, as in the runner.
  void parse_template_text(const std::string& text, const Allowed& allowed, ManifestToken& token) {
    token.text = Template::literal(text);
    const auto wrong = [&](std::string message, std::size_t offset) {
      errors_.add(error_at(*token.node, "action-expression", std::move(message), offset));
    };
    if (const std::optional<Directive> directive = find_directive(text)) {
      if (directive->parameters > 0)
        return wrong(
            fmt::format("Exactly 0 parameter(s) were expected following the directive 'insert'. Actual "
                        "parameter count: {}",
                        directive->parameters),
            directive->offset);
      if (directive->is_whole) {
        token.kind = ManifestToken::Kind::insert;
        return;
      }
    }
    std::variant<Template, ExpressionError> parsed = parse_template(text, allowed);
    if (ExpressionError* error = std::get_if<ExpressionError>(&parsed))
      return wrong(std::move(error->message), error->offset);
    token.text = std::get<Template>(std::move(parsed));
    if (token.text.literal_text() == nullptr) token.kind = ManifestToken::Kind::expression;
  }

  static bool has_names(const Allowed& allowed) {
    return !allowed.contexts.empty() || allowed.status_functions || allowed.hash_files;
  }
  static std::string folded(std::string_view text) { return to_upper_case(text); }

  static constexpr const char* kNotAllowed = "A template expression is not allowed in this context";

  const Document& document_;
  ManifestErrors& errors_;
  std::size_t depth_ = 0, events_ = 0, bytes_ = 0;
  bool stopped_ = false;
};

}  // namespace

const ManifestToken* ManifestToken::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : entries)
    if (name.is_string() && name.literal() == key) return &value;
  return nullptr;
}

ManifestError error_at(const Node& node, std::string_view id, std::string text,
                       std::optional<std::size_t> offset) {
  return {node.source->place(manifest_begin(node)), true, std::move(text),
          offset ? place_in_scalar(node, *offset) : node.where, id};
}

std::optional<ManifestToken> read_manifest(const Document& document, ManifestErrors& errors) {
  return Walk(document, errors).run();
}

}  // namespace buildspec_run
