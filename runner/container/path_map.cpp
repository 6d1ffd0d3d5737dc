#include <algorithm>

#include "runner/container/engine.h"

namespace buildspec_run {
namespace {

/// `value` with its leading `from` replaced by `to`, when it is `from` or lies below it.
bool replace_prefix(std::string_view value, std::string_view from, std::string_view to, std::string& out) {
  if (from.empty() || !value.starts_with(from)) return false;
  if (value.size() > from.size() && value[from.size()] != '/') return false;
  out.assign(to).append(value.substr(from.size()));
  return true;
}

}  // namespace

std::string PathMap::to_container(std::string_view value) const {
  std::string translated;
  for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair)
    if (replace_prefix(value, pair->first, pair->second, translated)) return translated;
  return std::string(value);
}

std::string PathMap::to_host(std::string_view value) const {
  std::string translated;
  for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair)
    if (replace_prefix(value, pair->second, pair->first, translated)) return translated;
  return std::string(value);
}

}  // namespace buildspec_run
