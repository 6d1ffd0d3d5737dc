#include "actions/command_processor.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "actions/dotnet_text.h"
#include "actions/expr/characters.h"
#include "runner/base/check.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

enum class Name {
  add_mask,
  add_matcher,
  add_path,
  debug,
  echo,
  endgroup,
  error,
  group,
  notice,
  remove_matcher,
  save_state,
  set_env,
  set_output,
  stop_commands,
  warning
};
struct Registered {
  std::string_view text;
  Name name;
  bool omits_echo = false;  // its line is never echoed, and not quoted in errors
};
constexpr Registered kRegistered[] = {
    {"add-mask", Name::add_mask, true},
    {"add-matcher", Name::add_matcher},
    {"add-path", Name::add_path},
    {"debug", Name::debug, true},
    {"echo", Name::echo},
    {"endgroup", Name::endgroup},
    {"error", Name::error, true},
    {"group", Name::group},
    {"notice", Name::notice, true},
    {"remove-matcher", Name::remove_matcher},
    {"save-state", Name::save_state},
    {"set-env", Name::set_env},
    {"set-output", Name::set_output},
    {"stop-commands", Name::stop_commands},
    {"warning", Name::warning, true},
};

const Registered* find_registered(std::string_view name) noexcept {
  for (const Registered& registered : kRegistered)
    if (equals_ignoring_case(registered.text, name)) return &registered;
  return nullptr;
}

constexpr std::string_view kDeprecated =
    "The `{}` command is deprecated and will be disabled soon. Please upgrade to using Environment Files. "
    "For more "
    "information see: "
    "https://github.blog/changelog/2022-10-11-github-actions-deprecating-save-state-and-set-output-"
    "commands/";
constexpr std::string_view kDisabled =
    "The `{}` command is disabled. Please upgrade to using Environment Files or opt into unsecure command "
    "execution by "
    "setting the `ACTIONS_ALLOW_UNSECURE_COMMANDS` environment variable to `true`. For more information see: "
    "https://github.blog/changelog/2020-10-01-github-actions-deprecating-set-env-and-add-path-commands/";
constexpr std::string_view kBadToken =
    "You cannot use a endToken that is an empty string, the string 'pause-logging', or another workflow "
    "command. For "
    "more information see: https://docs.github.com/actions/learn-github-actions/workflow-commands-for-github-"
    "actions#example-stopping-and-starting-workflow-commands or opt into insecure command execution by "
    "setting the "
    "`ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` environment variable to `true`.";

Annotation issue(AnnotationLevel level, std::string message) {
  Annotation annotation;
  annotation.level = level;
  annotation.message = std::move(message);
  return annotation;
}

void fail(std::string_view shown, std::string message, CommandEffects& effects) {
  effects.handled = true;
  effects.fails_step = true;
  effects.log.emplace_back(
      issue(AnnotationLevel::error, fmt::format("Unable to process command '{}' successfully.", shown)));
  effects.log.emplace_back(issue(AnnotationLevel::error, std::move(message)));
}

std::string missing_name(std::string_view command) {
  return fmt::format("Required field 'name' is missing in ##[{}] command.", command);
}

// The text of an input of the runner that must be a boolean (bool.TryParse).
bool is_true(std::string_view text) {
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  return equals_ignoring_case(trim_white_space(text), "true");
}

bool is_switched_on(std::string_view text) {
  return text == "1" || equals_ignoring_case(text, "true") || equals_ignoring_case(text, "$true");
}

constexpr std::string_view kAllowTokens = "ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS";

}  // namespace

bool allows_unsecure_commands(std::optional<std::string_view> of_runner,
                              std::optional<std::string_view> of_env) {
  return is_true(of_runner.value_or("")) || is_true(of_env.value_or(""));
}

bool allows_unsecure_stop_tokens(std::optional<std::string_view> of_runner,
                                 std::optional<std::string_view> of_env) {
  return is_switched_on(of_runner.value_or("")) || is_switched_on(of_env.value_or(""));
}

std::string dump(const CommandEffects& effects) {
  std::string text = effects.handled ? "" : "plain";
  const auto add = [&](std::string_view what) {
    if (!text.empty()) text += " | ";
    for (const char c : what) text += c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
  };
  for (const std::string& mask : effects.masks) add("mask " + mask);
  for (const LogEntry& entry : effects.log)
    std::visit(overloaded{[&](const std::string& line) { add("print " + line); },
                          [&](const Annotation& annotation) { add(dump(annotation)); }},
               entry);
  const auto add_named = [&](std::string_view what, const std::optional<NameValue>& named) {
    if (named) add(fmt::format("{} {}={}", what, named->name, named->value));
  };
  add_named("output", effects.output);
  add_named("state", effects.state);
  add_named("variable", effects.variable);
  if (effects.path) add("path " + *effects.path);
  if (const std::optional<MatcherRequest>& matcher = effects.matcher)
    add(fmt::format("{}-matcher file={} owner={}", matcher->add ? "add" : "remove", matcher->file,
                    matcher->owner));
  if (effects.fails_step) add("fails");
  if (effects.aborts) add("aborts");
  return text;
}

CommandEffects failed_request(const MatcherRequest& request, std::string message) {
  CommandEffects effects;
  fail(request.command, std::move(message), effects);
  return effects;
}

CommandProcessor::CommandProcessor(CommandOptions options)
    : options_(std::move(options)), echo_(options_.debug) {}

bool CommandProcessor::is_registered(std::string_view name) const {
  if (stopped_ && compare_ignoring_case(name, token_) == 0) return true;
  const Registered* registered = find_registered(name);
  return registered != nullptr &&
         std::find(retired_.begin(), retired_.end(), registered->text) == retired_.end();
}

void CommandProcessor::debug(std::string_view text, CommandEffects& effects) const {
  if (!options_.debug) return;
  for (;;) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
    effects.log.emplace_back(fmt::format("##[debug]{}", line));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

CommandEffects CommandProcessor::process(std::string_view line) {
  CommandEffects effects;
  if (!may_be_workflow_command(line)) return effects;
  const std::optional<WorkflowCommand> command =
      parse_workflow_command(line, [this](std::string_view name) { return is_registered(name); });
  if (!command) return effects;
  if (stopped_) {
    if (token_.empty() || compare_ignoring_case(command->name, token_) != 0) {
      debug(fmt::format("Process commands has been stopped and waiting for '##[{}]' to resume.", token_),
            effects);
      return effects;
    }
    effects.handled = true;
    effects.log.emplace_back(std::string(line));
    debug("Resume processing commands", effects);
    if (const Registered* registered = find_registered(token_)) retired_.emplace_back(registered->text);
    stopped_ = false;
    token_.clear();
    return effects;
  }
  effects.handled = true;
  run(*command, line, effects);
  return effects;
}

void CommandProcessor::stop(const WorkflowCommand& command, std::string_view line, CommandEffects& effects) {
  const std::string& token = command.data;
  const bool invalid = token.empty() || is_registered(token) || equals_ignoring_case(token, "pause-logging");
  if (invalid && !options_.allow_unsecure_stop_tokens) {
    effects.log.emplace_back(issue(AnnotationLevel::error, std::string(kBadToken)));
    effects.fails_step = effects.aborts = true;
    return;
  }
  stopped_ = true;
  token_ = token;
  if (utf16_length(token) > 6) effects.masks.push_back(token);
  effects.log.emplace_back(std::string(line));
  debug("Paused processing commands until the token you called ::stopCommands:: with is received", effects);
}

void CommandProcessor::run(const WorkflowCommand& command, std::string_view line, CommandEffects& effects) {
  const Registered* registered = find_registered(command.name);
  check(registered != nullptr, "what is no token is registered");
  const std::string_view shown = registered->omits_echo ? registered->text : line;
  const auto warn = [&](std::string message) {
    effects.log.emplace_back(issue(AnnotationLevel::warning, std::move(message)));
  };
  if (registered->name == Name::stop_commands) return stop(command, line, effects);
  if (echo_ && !registered->omits_echo) effects.log.emplace_back(std::string(line));
  const std::string* const name = command.property("name");
  const bool is_named = name != nullptr && !name->empty();
  switch (registered->name) {
    case Name::add_mask:
      if (is_blank(command.data))
        return warn("Can't add secret mask for empty string in ##[add-mask] command.");
      if (echo_) effects.log.emplace_back("::add-mask::***");
      effects.masks.push_back(command.data);
      return;
    case Name::add_matcher:
    case Name::remove_matcher: {
      MatcherRequest request;
      request.add = registered->name == Name::add_matcher;
      request.command = line;
      std::string file = command.data;
      if (request.add) {
        if (file.empty()) return warn("File path must be specified.");
      } else {
        if (const std::string* owner = command.property("owner")) request.owner = *owner;
        if (!request.owner.empty() && !file.empty())
          return warn(
              "Either specify an owner name or a file path in ##[remove-matcher] command. Both values cannot "
              "be set.");
        if (request.owner.empty() && file.empty())
          return warn("Either an owner name or a file path must be specified in ##[remove-matcher] command.");
      }
      if (!file.empty()) {
        if (options_.to_host) file = options_.to_host(file);
        request.file = (std::filesystem::path(options_.workspace) / file).string();
      }
      effects.matcher = std::move(request);
      return;
    }
    case Name::add_path:
      if (!options_.allow_unsecure_commands)
        return fail(shown, fmt::format(fmt::runtime(kDisabled), "add-path"), effects);
      if (command.data.empty()) return fail(shown, "Value cannot be null. (Parameter 'path')", effects);
      effects.path = command.data;
      return;
    case Name::debug:
      return debug(command.data, effects);
    case Name::echo:
      if (command.data.empty()) return fail(shown, "Value cannot be null. (Parameter 'value')", effects);
      if (equals_ignoring_case(trim_white_space(command.data), "on")) {
        echo_ = true;
      } else if (equals_ignoring_case(trim_white_space(command.data), "off")) {
        echo_ = false;
      } else {
        return fail(
            shown,
            fmt::format("Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: "
                        "'{}'.",
                        command.data),
            effects);
      }
      return debug(fmt::format("Setting echo command value to '{}'", echo_ ? "on" : "off"), effects);
    case Name::group:
      effects.log.emplace_back("##[group]" + command.data);
      return;
    case Name::endgroup:
      effects.log.emplace_back("##[endgroup]");
      return;
    case Name::error:
    case Name::notice:
    case Name::warning:
      return annotate(command, effects);
    case Name::save_state:
    case Name::set_output:
      warn(fmt::format(fmt::runtime(kDeprecated), registered->text));
      if (!is_named) return fail(shown, missing_name(registered->text), effects);
      if (registered->name == Name::set_output) {
        effects.output = NameValue{*name, command.data};
      } else {
        effects.state = NameValue{*name, command.data};
        debug(fmt::format("Save intra-action state {} = {}", *name, command.data), effects);
      }
      return;
    case Name::set_env:
      if (!options_.allow_unsecure_commands)
        return fail(shown, fmt::format(fmt::runtime(kDisabled), "set-env"), effects);
      if (!is_named) return fail(shown, missing_name("set-env"), effects);
      if (equals_ignoring_case(*name, "NODE_OPTIONS")) {
        effects.log.emplace_back(
            issue(AnnotationLevel::error,
                  "Can't update NODE_OPTIONS environment variable using ::set-env:: command."));
        return;
      }
      effects.variable = NameValue{*name, command.data};
      // It is part of the env context at once.
      if (*name == kAllowTokens) options_.allow_unsecure_stop_tokens |= is_switched_on(command.data);
      debug(fmt::format("{}='{}'", *name, command.data), effects);
      return;
    case Name::stop_commands:
      return;
  }
}

// The six checks of 4.7, in their order. They look at what the properties were at the beginning, as numbers, but for what the
// first two of them set.
void CommandProcessor::check_places(WorkflowCommand& command, CommandEffects& effects) const {
  const auto text_of = [&](std::string_view name) {
    const std::string* text = command.property(name);
    return text == nullptr ? std::string() : *text;
  };
  const auto set = [&](std::string_view name, const std::string& value) {
    for (NameValue& property : command.properties)
      if (equals_ignoring_case(property.name, name)) return void(property.value = value);
    command.properties.push_back({std::string(name), value});
  };
  const auto remove = [&](std::string_view name) {
    std::erase_if(command.properties,
                  [&](const NameValue& property) { return equals_ignoring_case(property.name, name); });
  };
  const auto complain = [&](std::string_view what) {
    debug(fmt::format("Invalid {} command value. {}", command.name, what), effects);
  };
  std::string line = text_of("line");
  const std::string end_line = text_of("endLine"), end_column = text_of("endColumn");
  const std::optional<int> line_number = parse_int32(line), end_line_number = parse_int32(end_line),
                           column_number = parse_int32(text_of("col")),
                           end_column_number = parse_int32(end_column);
  bool has_line = line_number.has_value(), has_column = column_number.has_value();
  const bool has_any_column = column_number || end_column_number;
  if (end_line_number && !has_line) {
    complain("'endLine' can only be set if 'line' is provided");
    set("line", end_line);
    has_line = true;
    line = end_line;
  }
  if (end_column_number && !has_column) {
    complain("'endColumn' can only be set if 'col' is provided");
    set("col", end_column);
    has_column = true;
  }
  if (!has_line && has_any_column) {
    complain("'col' and 'endColumn' can only be set if 'line' value is provided.");
    remove("col"), remove("endColumn");
  }
  if (end_line_number && line != end_line && has_any_column) {
    complain("'col' and 'endColumn' cannot be set if 'line' and 'endLine' are different values.");
    remove("col"), remove("endColumn");
  }
  // A number that has just been set counts as 0 here: the runner does not read it again.
  if (has_line && end_line_number && *end_line_number < line_number.value_or(0)) {
    complain("'endLine' cannot be less than 'line'.");
    remove("line"), remove("endLine");
  }
  if (has_column && end_column_number && *end_column_number < column_number.value_or(0)) {
    complain("'endColumn' cannot be less than 'col'.");
    remove("col"), remove("endColumn");
  }
}

void CommandProcessor::annotate(WorkflowCommand command, CommandEffects& effects) const {
  check_places(command, effects);
  const auto number = [&](std::string_view name) -> std::optional<int> {
    const std::string* text = command.property(name);
    return text == nullptr ? std::nullopt : parse_int32(*text);
  };
  Annotation annotation;
  const Registered* registered = find_registered(command.name);
  annotation.level = registered->name == Name::error     ? AnnotationLevel::error
                     : registered->name == Name::warning ? AnnotationLevel::warning
                                                         : AnnotationLevel::notice;
  annotation.message = std::move(command.data);
  if (const std::string* title = command.property("title")) annotation.title = *title;
  if (const std::string* file = command.property("file")) {
    annotation.file = options_.to_host ? options_.to_host(*file) : *file;
    const std::string_view workspace = options_.workspace;
    if (!workspace.empty() && annotation.file.starts_with(workspace)) {
      const std::string_view rest = std::string_view(annotation.file).substr(workspace.size());
      if (workspace.ends_with('/') && !rest.empty())
        annotation.file = std::string(rest);
      else if (rest.size() > 1 && rest.front() == '/')
        annotation.file = std::string(rest.substr(1));
    }
  }
  annotation.line = number("line");
  annotation.end_line = number("endLine");
  if (!annotation.end_line) annotation.end_line = annotation.line;
  annotation.column = number("col");
  annotation.end_column = number("endColumn");
  effects.log.emplace_back(std::move(annotation));
}

}  // namespace buildspec_run
