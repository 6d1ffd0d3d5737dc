// The store on disk, shared by all projects and runners of a user:
//
//   <root>/<owner>/<repo>/<commit>/          the files of that commit
//   <root>/<owner>/<repo>/<commit>.json      written before it: the digest of its tree, and where it came from
//   <root>/<owner>/<repo>/<commit>.lock      held by who fetches it
//   <root>/<owner>/<repo>/<commit>.partial/  what the holder of the lock has so far; left behind only by a kill
//   <root>/<owner>/<repo>/refs/<ref>.json    which commit a tag or branch was, when it was asked last
//
// What did not come from github.com lies below <root>/@<host>/. An entry is there when its directory is, and gets there by
// one rename: no reader ever sees half of one, and none needs a lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/sys/files.h"
#include "runner/sys/tree.h"

namespace buildspec_run {

/// One commit in the store.
struct StoredAction {
  Path directory;                              // absolute
  std::string name;                            // "owner/repo"
  std::string host;                            // empty: github.com
  std::string commit;                          // full id
  TreeSummary tree;                            // as it was unpacked
  std::string from;                            // the URL it came from
  std::chrono::system_clock::time_point used;  // last
};

/// A ref's commit when it was last asked.
struct RememberedRef {
  std::string commit, from;
};

class StoreDirectory {
 public:
  /// `root` is made when something is first written. `host`: what everything here came from, empty for github.com; only
  /// letters, digits, '.', '-' and '_' of it stay.
  StoreDirectory(Path root, std::string_view host);

  /// The entry, when it is there; marks it as used now.
  [[nodiscard]] std::optional<StoredAction> find(const std::string& name, const std::string& commit) const;

  /// Fills the directory `files`, which is empty; may use what is beside it in `partial`.
  using Fill = std::function<Result<TreeSummary>(const Path& partial, const Path& files)>;
  /// The entry; `fill` makes it when it is not there. Who comes second waits for who came first, and gets what that one
  /// made. An Error leaves nothing behind. `waiting` is called once when another runner is at it.
  Result<StoredAction> get(const std::string& name, const std::string& commit, const std::string& from,
                           const Fill& fill, const std::function<void()>& waiting,
                           std::stop_token stop) const;

  void remember(const std::string& name, const std::string& ref, const RememberedRef& what) const;
  [[nodiscard]] std::optional<RememberedRef> recall(const std::string& name, const std::string& ref) const;

 private:
  [[nodiscard]] Path directory_of(const std::string& name) const;
  Path root_;
  std::string host_;
};

/// Every entry below `root`, sorted by host, name and commit.
[[nodiscard]] std::vector<StoredAction> stored_actions(const Path& root);

/// Removes one entry, unless another runner is fetching it.
Result<void> discard_stored(const Path& directory);

struct Pruned {
  std::size_t entries = 0;
  std::uint64_t bytes = 0;  // of the files of those
};
/// Removes entries that no run has used for `unused`, and what killed runners left. What another runner is fetching
/// stays.
Result<Pruned> prune_store(const Path& root, std::chrono::seconds unused);

}  // namespace buildspec_run
