#include "actions/workflow_command.h"

#include <span>
#include <unordered_map>

#include "actions/dotnet_text.h"
#include "actions/expr/characters.h"

namespace buildspec_run {
namespace {

struct Escape {
  std::string_view escaped;
  char plain;
};
// Applied one after the other to the whole text; '%' last makes that the inverse of escaping '%' first.
constexpr Escape kDataEscapes[] = {{"%0D", '\r'}, {"%0A", '\n'}, {"%25", '%'}};
constexpr Escape kPropertyEscapes[] = {
    {"%0D", '\r'}, {"%0A", '\n'}, {"%3A", ':'}, {"%2C", ','}, {"%25", '%'}};
constexpr Escape kOldEscapes[] = {{"%3B", ';'}, {"%0D", '\r'}, {"%0A", '\n'}, {"%5D", ']'}, {"%25", '%'}};

// No replacement makes a '%' but the last one, so one pass that tries all of them gives the same.
std::string unescape(std::string_view text, std::span<const Escape> escapes) {
  std::string plain;
  plain.reserve(text.size());
  for (;;) {
    const std::size_t percent = text.find('%');
    plain.append(text.substr(0, percent));
    if (percent == std::string_view::npos) return plain;
    text.remove_prefix(percent);
    std::size_t taken = 0;
    for (const Escape& escape : escapes) {
      if (!text.starts_with(escape.escaped)) continue;
      plain += escape.plain;
      taken = escape.escaped.size();
      break;
    }
    if (taken == 0) plain += '%', taken = 1;
    text.remove_prefix(taken);
  }
}

// "a=b": both parts not empty. A '=' before the name and those right before the value are swallowed.
std::optional<NameValue> split_property(std::string_view piece, std::span<const Escape> escapes) {
  const std::size_t name_at = piece.find_first_not_of('=');
  if (name_at == std::string_view::npos) return std::nullopt;
  piece.remove_prefix(name_at);
  const std::size_t name_end = piece.find('=');
  if (name_end == std::string_view::npos) return std::nullopt;
  const std::size_t value_at = piece.find_first_not_of('=', name_end);
  if (value_at == std::string_view::npos) return std::nullopt;
  return NameValue{std::string(piece.substr(0, name_end)), unescape(piece.substr(value_at), escapes)};
}

void read_properties(std::string_view text, char separator, std::span<const Escape> escapes,
                     std::vector<NameValue>& properties) {
  std::unordered_map<std::string, std::size_t> places;  // of the names, in upper case
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (std::optional<NameValue> property = split_property(text.substr(0, end), escapes)) {
      const auto [place, is_new] = places.try_emplace(to_upper_case(property->name), properties.size());
      if (is_new)
        properties.push_back(std::move(*property));
      else
        properties[place->second].value = std::move(property->value);
    }
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

const std::string* WorkflowCommand::property(std::string_view wanted) const noexcept {
  for (const auto& [property_name, value] : properties)
    if (compare_ignoring_case(property_name, wanted) == 0) return &value;
  return nullptr;
}

std::optional<WorkflowCommand> parse_workflow_command(
    std::string_view line, const std::function<bool(std::string_view name)>& is_registered) {
  WorkflowCommand command;
  if (const std::string_view text = trim_start(line); text.starts_with("::")) {
    const std::size_t end = text.find("::", 2);
    if (end != std::string_view::npos) {
      const std::string_view header = text.substr(2, end - 2);
      const std::size_t space = header.find(' ');
      command.name = header.substr(0, space);
      if (is_registered(command.name)) {
        if (space != std::string_view::npos)
          read_properties(trim_white_space(header.substr(space + 1)), ',', kPropertyEscapes,
                          command.properties);
        command.data = unescape(text.substr(end + 2), kDataEscapes);
        return command;
      }
    }
  }
  const std::size_t prefix = line.find("##[");
  if (prefix == std::string_view::npos) return std::nullopt;
  const std::size_t end = line.find(']', prefix);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view header = line.substr(prefix + 3, end - prefix - 3);
  const std::size_t space = header.find(' ');
  command.name = header.substr(0, space);
  if (!is_registered(command.name)) return std::nullopt;
  if (space != std::string_view::npos)
    read_properties(header.substr(space + 1), ';', kOldEscapes, command.properties);
  command.data = unescape(line.substr(end + 1), kOldEscapes);
  return command;
}

bool may_be_workflow_command(std::string_view line) noexcept {
  return trim_start(line).starts_with("::") || line.find("##[") != std::string_view::npos;
}

}  // namespace buildspec_run
