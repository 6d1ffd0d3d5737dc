// What `uses:` names. Source: actions.md 1.1, 1.2.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "runner/base/result.h"

namespace buildspec_run {

/// `owner/repo[/path]@ref`.
struct RepositoryReference {
  std::string owner, repository, path, ref;
  [[nodiscard]] std::string name() const { return owner + "/" + repository; }
  /// "owner/repo@ref": what is fetched; several paths of it share one download.
  [[nodiscard]] std::string key() const { return name() + "@" + ref; }
  bool operator==(const RepositoryReference&) const = default;
};
/// `./path`, below the workspace.
struct LocalReference {
  std::string path;  // as written, with its "./"
  bool operator==(const LocalReference&) const = default;
};
/// `docker://image`.
struct ImageReference {
  std::string image;
  bool operator==(const ImageReference&) const = default;
};
/// `$/path`: the repository the step itself comes from.
struct SelfReference {
  std::string path;
  bool operator==(const SelfReference&) const = default;
};
using ActionReference = std::variant<RepositoryReference, LocalReference, ImageReference, SelfReference>;

/// An Error has the runner's own words: "Expected format {org}/{repo}[/path]@ref. Actual '<value>'".
Result<ActionReference> parse_action_reference(std::string_view text);
/// As a log line names it: "owner/repo/path@ref", "./path", "docker://image".
[[nodiscard]] std::string to_string(const ActionReference& reference);

}  // namespace buildspec_run
