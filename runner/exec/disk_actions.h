// Actions that lie on this machine: what `--replace` names, and what is local to the workspace.
#pragma once

#include <map>
#include <string>

#include "actions/action_provider.h"

namespace buildspec_run {

/// Fetches nothing: a repository is in a directory that stands in for it, or it is not there.
class DiskActions : public ActionProvider {
 public:
  /// `replaced`: absolute directories by "owner/repo".
  explicit DiskActions(std::map<std::string, std::string> replaced = {}) : replaced_(std::move(replaced)) {}

  Result<FetchedRepository> fetch(const RepositoryReference& reference) override;
  Result<std::optional<MetadataFile>> find_metadata(const std::string& root, const std::string& directory,
                                                    const std::string& shown) override;

 private:
  std::map<std::string, std::string> replaced_;
};

}  // namespace buildspec_run
