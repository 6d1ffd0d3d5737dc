// The artifact service v3, of actions/upload-artifact v1 to v3: an artifact is a container of files, which lie below a directory
// of its name when the run has ended. Source: services.md 11.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "actions/service/artifacts.h"
#include "actions/service/exchange.h"
#include "actions/service/request_text.h"

namespace buildspec_run {

/// Any number of threads may ask it at once.
class LegacyArtifacts {
 public:
  explicit LegacyArtifacts(ArtifactDirectory& directory) : directory_(directory) {}
  LegacyArtifacts(const LegacyArtifacts&) = delete;

  /// nullptr: the address is none of its own. The token has been looked at.
  Exchange begin(const ServerRequest& request, const RequestTarget& target, const std::string& base);

 private:
  struct File {
    std::shared_ptr<Blob> blob;  // while it is being uploaded; owners: this, and who writes to it
    Path path;                   // when it is whole
    std::uint64_t bytes = 0, raw_bytes = 0;
    bool is_gzip = false;
  };
  struct Container {
    std::string name;
    Path directory;
    std::map<std::string, File> files;  // by what stands behind "<name>/"
    bool finished = false;
  };
  Exchange of_run(const ServerRequest& request, const RequestTarget& target, const std::string& base);
  Exchange of_container(const ServerRequest& request, const RequestTarget& target, const std::string& base);
  Exchange put(const ServerRequest& request, std::int64_t id, const std::string& item);
  ServerAnswer put_done(std::int64_t id, const std::string& file, const std::shared_ptr<Blob>& blob,
                        const ContentRange& range, const PartFile& part);
  ServerAnswer create(const std::string& body, const std::string& base);
  ServerAnswer list(std::int64_t id, const std::string& base);
  ServerAnswer get(std::int64_t id, const std::string& file);
  [[nodiscard]] Value describe(std::int64_t id, const Container& container, const std::string& base) const;

  ArtifactDirectory& directory_;
  std::mutex mutex_;  // of containers_
  std::map<std::int64_t, Container> containers_;
};

/// The relative path of a file in the container `name`, of "<name>/<path>"; a backslash is a slash. Empty: it leads
/// elsewhere, or nowhere.
[[nodiscard]] std::string item_in(std::string_view name, std::string item);

}  // namespace buildspec_run
