// What is in a cache directory: entries, how they are looked up, which go when there are too many. Source: services.md 9, 15.3.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actions/service/runtime_token.h"

namespace buildspec_run {

struct CacheEntry {
  std::int64_t id = 0;
  std::string key, version, scope;  // as the client wrote them
  std::string blob;                 // the name of its file
  std::uint64_t bytes = 0;
  std::int64_t created = 0, used = 0;  // ms since 1970
  /// Of one that is still being uploaded: the staging directory of the run that does. Empty: it is whole.
  std::string owner;
  bool operator==(const CacheEntry&) const = default;
};

struct CacheIndex {
  std::int64_t last_id = 0;  // ids are never given out again
  std::vector<CacheEntry> entries;
  bool operator==(const CacheIndex&) const = default;
};

/// nullopt: the text is no index of ours.
[[nodiscard]] std::optional<CacheIndex> parse_cache_index(std::string_view text);
[[nodiscard]] std::string to_text(const CacheIndex& index);

/// What GitHub's service finds: scope by scope, key by key, a whole key before one that begins so, the newest of these.
/// Case counts for nothing in keys. Indices into `index.entries`; nullopt: a miss.
[[nodiscard]] std::optional<std::size_t> find_entry(const CacheIndex& index,
                                                    std::span<const std::string> keys,
                                                    std::string_view version,
                                                    std::span<const CacheScope> scopes);

/// The entry of exactly this key, whole or not.
[[nodiscard]] std::optional<std::size_t> find_same(const CacheIndex& index, std::string_view key,
                                                   std::string_view version, std::string_view scope);

struct CacheLimits {
  std::uint64_t bytes = std::uint64_t{10} << 30;              // of all entries of a repository
  std::int64_t age = std::int64_t{30} * 24 * 60 * 60 * 1000;  // ms since an entry was last used
};

/// Takes out of `index` what is too old, then what was used least recently until nine tenths of the limit hold; returns what
/// it has taken. What is being uploaded, and what was used within the last ten minutes, stays. `now`: ms since 1970.
std::vector<CacheEntry> evict(CacheIndex& index, const CacheLimits& limits, std::int64_t now);

}  // namespace buildspec_run
