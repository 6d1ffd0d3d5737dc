// Where actions come from: the seam between the front end, which reads metadata, and the store, which
// fetches.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "actions/action_reference.h"
#include "runner/base/result.h"
#include "runner/base/source_text.h"

namespace buildspec_run {

/// A repository's files at one commit, on this machine.
struct FetchedRepository {
  std::string directory;  // absolute
  std::string commit;     // full id; empty when a directory stands in for it (--replace)
};

/// The file that says what an action is.
struct MetadataFile {
  std::string path;                        // absolute
  bool is_dockerfile = false;              // no metadata: the Dockerfile is all there is
  std::shared_ptr<const SourceText> text;  // owners: what was decoded from it; nullptr for a Dockerfile
};

class ActionProvider {
 public:
  virtual ~ActionProvider() = default;
  /// The repository at its ref, fetched if need be. An Error is what the user sees (actions.md 1.4, 1.5);
  /// with a `code` it is the machine's (no network, disk full), without one the reference's (no such
  /// repository, or version).
  virtual Result<FetchedRepository> fetch(const RepositoryReference& reference) = 0;
  /// These are fetched next. Whoever can fetch several at once does so now; what fails, fails again in
  /// `fetch`.
  virtual void prefetch(std::span<const RepositoryReference> /*references*/) {}
  /// action.yml, action.yaml, Dockerfile or dockerfile of `directory`, the first there is (actions.md 1.7).
  /// `shown` is the name messages give to the directory; "/action.yml" is added. Never leaves `root`, links
  /// included (an Error then).
  virtual Result<std::optional<MetadataFile>> find_metadata(const std::string& root,
                                                            const std::string& directory,
                                                            const std::string& shown) = 0;
};

}  // namespace buildspec_run
