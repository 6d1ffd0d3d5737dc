#include "runner/exec/step_environment.h"

#include <algorithm>

namespace buildspec_run {
namespace {

using Variables = std::map<std::string, std::string>;

bool is_possible(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

void put(Variables& variables, const std::string& name, std::string_view value) {
  if (is_possible(name)) variables[name] = value.substr(0, value.find('\0'));
}

void put(Variables& variables, std::span<const std::pair<std::string, std::string>> more) {
  for (const auto& [name, value] : more) put(variables, name, value);
}

const std::string* text_of(const DatumObject* object, std::string_view name) {
  const Datum* found = object == nullptr ? nullptr : object->find(name);
  return found == nullptr ? nullptr : found->string();
}

}  // namespace

void PathEntries::add(std::string_view entry) {
  std::erase(entries_, entry);
  entries_.emplace_back(entry);
}

std::string PathEntries::before(std::string_view original) const {
  std::string prefix;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (!prefix.empty()) prefix += ':';
    prefix += *entry;
  }
  if (prefix.empty() || original.starts_with(prefix + ":")) return std::string(original);
  if (!original.empty()) prefix.append(":").append(original);
  return prefix;
}

std::map<std::string, std::string> process_environment(const EnvironmentLayers& layers) {
  Variables variables = layers.inherited;
  for (const auto& [name, value] : layers.env.members()) put(variables, name, value.to_string());
  // One that the context brings is dropped (3.15): node would not start with it.
  if (layers.env.find("NODE_ICU_DATA") != nullptr) {
    variables.erase("NODE_ICU_DATA");
    if (const auto found = layers.inherited.find("NODE_ICU_DATA"); found != layers.inherited.end())
      variables.insert(*found);
  }
  if (layers.state != nullptr)
    for (const auto& [name, value] : layers.state->members())
      put(variables, "STATE_" + name, value.to_string());
  put(variables, layers.inputs);
  for (const auto& [name, value] : layers.more)
    if (!variables.contains(name)) put(variables, name, value);
  if (layers.path != nullptr && !layers.path->empty()) {
    const std::string* original = text_of(layers.job_env, "PATH");
    const auto own = variables.find("PATH");
    put(variables, "PATH",
        layers.path->before(original != nullptr      ? std::string_view(*original)
                            : own != variables.end() ? std::string_view(own->second)
                                                     : std::string_view()));
  }
  put(variables, layers.contexts);
  variables["GITHUB_ACTIONS"] = "true";
  variables.try_emplace("CI", "true");
  if (!layers.tracking_id.empty()) variables["RUNNER_TRACKING_ID"] = layers.tracking_id;
  return variables;
}

}  // namespace buildspec_run
