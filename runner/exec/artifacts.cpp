#include "runner/exec/artifacts.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

constexpr std::string_view kAnyDepth = "**";

bool has_wildcard(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

/// `pattern` with the values of its variables; one that is not set is empty, as in a shell.
std::string expanded(std::string_view pattern, const std::map<std::string, std::string>& variables) {
  std::string text;
  while (!pattern.empty()) {
    const std::size_t dollar = std::min(pattern.find('$'), pattern.size());
    text += pattern.substr(0, dollar);
    pattern.remove_prefix(dollar);
    if (pattern.empty()) break;
    const bool braced = pattern.starts_with("${");
    const std::size_t begin = braced ? 2 : 1;
    std::size_t end = begin;
    while (end < pattern.size() && is_variable_name(pattern.substr(begin, end + 1 - begin))) ++end;
    const bool whole = end > begin && (!braced || (end < pattern.size() && pattern[end] == '}'));
    if (whole) {
      const auto found = variables.find(std::string(pattern.substr(begin, end - begin)));
      if (found != variables.end()) text += found->second;
      pattern.remove_prefix(end + (braced ? 1 : 0));
    } else {
      text += pattern.front();
      pattern.remove_prefix(1);
    }
  }
  return text;
}

/// The components of a pattern. "**.ext" is "*.ext" at any depth (U30).
Names components(std::string_view pattern) {
  Names names;
  while (!pattern.empty()) {
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    std::string name(pattern.substr(0, end));
    pattern.remove_prefix(std::min(end + 1, pattern.size()));
    if (name.empty() || name == ".") continue;
    if (name.size() > 2 && name.find(kAnyDepth) != std::string::npos) {
      names.emplace_back(kAnyDepth);
      for (std::size_t at; (at = name.find(kAnyDepth)) != std::string::npos;) name.erase(at, 1);
    }
    names.push_back(std::move(name));
  }
  return names;
}

/// Row by row, for several "**" would be tried in all their combinations.
bool matches(const Names& pattern, const Names& path) {
  std::vector<bool> row(path.size() + 1, false);  // whether the pattern up to here is the path up to there
  row[0] = true;
  for (const std::string& name : pattern) {
    std::vector<bool> next(path.size() + 1, false);
    if (name == kAnyDepth) {
      bool any = false;
      for (std::size_t i = 0; i <= path.size(); ++i) next[i] = any = any || row[i];
    } else {
      for (std::size_t i = 0; i < path.size(); ++i)
        next[i + 1] = row[i] && ::fnmatch(name.c_str(), path[i].c_str(), FNM_NOESCAPE) == 0;
    }
    row = std::move(next);
  }
  return row.back();
}

/// Calls `on_entry` with every entry that `pattern`, which counts from `base` unless it is absolute, matches.
void find(const fs::path& base, std::string_view pattern, const std::stop_token& stop,
          const std::function<void(const fs::directory_entry&)>& on_entry) {
  Names names = components(pattern);
  fs::path from = pattern.starts_with('/') ? fs::path("/") : base;
  const auto wild = std::find_if(names.begin(), names.end(), has_wildcard);
  for (auto name = names.begin(); name != wild; ++name) from /= *name;
  names.erase(names.begin(), wild);
  const bool any_depth = std::find(names.begin(), names.end(), kAnyDepth) != names.end();
  std::error_code failed;
  fs::recursive_directory_iterator at(from, fs::directory_options::skip_permission_denied, failed);
  Names path;
  for (; !failed && at != fs::recursive_directory_iterator() && !stop.stop_requested();
       at.increment(failed)) {
    const auto depth = static_cast<std::size_t>(at.depth());
    path.resize(depth);
    path.push_back(at->path().filename().native());
    if (!any_depth && depth + 1 >= names.size()) at.disable_recursion_pending();
    if (matches(names, path)) on_entry(*at);
  }
}

fs::path below(const fs::path& base, std::string_view path) { return (base / path).lexically_normal(); }

/// The directories, and how the log calls them.
std::vector<ArtifactRoot> find_directories(const std::string& pattern, const fs::path& source_dir,
                                           const std::stop_token& stop) {
  std::error_code failed;
  if (!has_wildcard(pattern)) {
    if (fs::is_directory(below(source_dir, pattern), failed)) return {{pattern, {}}};
    return {};
  }
  std::vector<ArtifactRoot> found;
  find(source_dir, pattern, stop, [&](const fs::directory_entry& entry) {
    if (!entry.is_directory(failed)) return;
    const bool is_absolute = pattern.starts_with('/');
    found.push_back(
        {(is_absolute ? entry.path() : entry.path().lexically_relative(source_dir)).native(), {}});
  });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return found;
}

/// How many files `patterns` select in `base`; notes in `missing` those that name nothing.
std::size_t count_files(const fs::path& base, const Names& patterns, const std::vector<Names>& excluded,
                        Names& missing, const std::stop_token& stop) {
  std::set<fs::path> selected;
  std::error_code failed;
  for (const std::string& pattern : patterns) {
    if (!has_wildcard(pattern)) {
      const fs::path path = below(base, pattern);
      if (!fs::exists(path, failed))
        missing.push_back(pattern);
      else if (fs::is_regular_file(path, failed))
        selected.insert(path);
      continue;
    }
    find(base, pattern, stop, [&](const fs::directory_entry& entry) {
      if (entry.is_regular_file(failed)) selected.insert(entry.path().lexically_normal());
    });
  }
  if (!excluded.empty())
    std::erase_if(selected, [&](const fs::path& path) {
      const Names names = components(path.lexically_relative(base).native());
      return std::any_of(excluded.begin(), excluded.end(),
                         [&](const Names& pattern) { return matches(pattern, names); });
    });
  return selected.size();
}

}  // namespace

ArtifactOutline select_artifacts(const PlannedArtifacts& wanted, const std::string& source_dir,
                                 const std::map<std::string, std::string>& variables,
                                 const std::stop_token& stop) {
  ArtifactOutline found;
  found.id = wanted.id;
  found.base_directory = wanted.base_directory.empty() ? "." : expanded(wanted.base_directory, variables);
  for (const std::string& pattern : wanted.files) found.patterns.push_back(expanded(pattern, variables));
  std::vector<Names> excluded;
  for (const std::string& pattern : wanted.exclude_paths)
    excluded.push_back(components(expanded(pattern, variables)));
  found.directories = find_directories(found.base_directory, source_dir, stop);
  for (ArtifactRoot& directory : found.directories)
    found.files +=
        count_files(below(source_dir, directory.path), found.patterns, excluded, directory.missing, stop);
  if (stop.stop_requested()) return found;
  if (found.directories.empty())
    found.problem = "no matching base directory path found for " + found.base_directory;
  else if (found.files == 0)
    found.problem = "no matching artifact paths found";
  return found;
}

}  // namespace buildspec_run
