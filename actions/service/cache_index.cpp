#include "actions/service/cache_index.h"

#include <algorithm>

#include "actions/service/request_text.h"
#include "runner/base/json.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::int64_t kJustUsed = std::int64_t{10} * 60 * 1000;

const std::string* text_of(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  return found == nullptr ? nullptr : found->string();
}

std::optional<std::int64_t> number_of(const Value& value, std::string_view name) {
  const Value* found = value.find(name);
  if (found == nullptr || found->integer() == nullptr || *found->integer() < 0) return std::nullopt;
  return *found->integer();
}

bool is_blob_name(std::string_view name) {
  return name.size() == 24 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_newer(const CacheEntry& a, const CacheEntry& b) {
  return a.created != b.created ? a.created > b.created : a.id > b.id;
}

}  // namespace

std::optional<CacheIndex> parse_cache_index(std::string_view text) {
  const Result<Value> value = parse_json(text);
  if (!value) return std::nullopt;
  const std::optional<std::int64_t> last_id = number_of(*value, "last_id");
  const Value* entries = value->find("entries");
  // Clients read an id as a number of JavaScript.
  constexpr std::int64_t kMostIds = std::int64_t{1} << 53;
  if (number_of(*value, "format") != 1 || !last_id || *last_id >= kMostIds || entries == nullptr ||
      entries->array() == nullptr)
    return std::nullopt;
  CacheIndex index;
  index.last_id = *last_id;
  for (const Value& each : *entries->array()) {
    const std::string* key = text_of(each, "key");
    const std::string* version = text_of(each, "version");
    const std::string* scope = text_of(each, "scope");
    const std::string* blob = text_of(each, "blob");
    const std::string* owner = text_of(each, "owner");
    const auto id = number_of(each, "id"), bytes = number_of(each, "bytes"),
               created = number_of(each, "created"), used = number_of(each, "used");
    if (key == nullptr || version == nullptr || scope == nullptr || blob == nullptr || !id || !bytes ||
        !created || !used || *id > *last_id || !is_blob_name(*blob))
      return std::nullopt;
    index.entries.push_back({*id, *key, *version, *scope, *blob, static_cast<std::uint64_t>(*bytes), *created,
                             *used, owner == nullptr ? std::string() : *owner});
  }
  return index;
}

std::string to_text(const CacheIndex& index) {
  Value::Array entries;
  for (const CacheEntry& entry : index.entries) {
    Value::Object one = {{"id", entry.id},           {"key", entry.key},   {"version", entry.version},
                         {"scope", entry.scope},     {"blob", entry.blob}, {"bytes", entry.bytes},
                         {"created", entry.created}, {"used", entry.used}};
    if (!entry.owner.empty()) one.emplace_back("owner", entry.owner);
    entries.push_back(std::move(one));
  }
  return to_json(Value::Object{{"format", 1}, {"last_id", index.last_id}, {"entries", std::move(entries)}}) +
         "\n";
}

std::optional<std::size_t> find_entry(const CacheIndex& index, std::span<const std::string> keys,
                                      std::string_view version, std::span<const CacheScope> scopes) {
  for (const CacheScope& scope : scopes)
    for (const std::string& wanted : keys) {
      const std::string key = to_lower(wanted);
      for (const bool whole : {true, false}) {
        std::optional<std::size_t> best;
        for (std::size_t i = 0; i < index.entries.size(); ++i) {
          const CacheEntry& entry = index.entries[i];
          if (!entry.owner.empty() || entry.scope != scope.ref || entry.version != version) continue;
          const std::string has = to_lower(entry.key);
          if (whole ? has != key : !has.starts_with(key)) continue;
          if (!best || is_newer(entry, index.entries[*best])) best = i;
        }
        if (best) return best;
      }
    }
  return std::nullopt;
}

std::optional<std::size_t> find_same(const CacheIndex& index, std::string_view key, std::string_view version,
                                     std::string_view scope) {
  for (std::size_t i = 0; i < index.entries.size(); ++i) {
    const CacheEntry& entry = index.entries[i];
    if (entry.version == version && entry.scope == scope && equals_ignoring_case(entry.key, key)) return i;
  }
  return std::nullopt;
}

std::vector<CacheEntry> evict(CacheIndex& index, const CacheLimits& limits, std::int64_t now) {
  std::vector<CacheEntry> gone;
  const auto may_go = [&](const CacheEntry& entry) {
    return entry.owner.empty() && now - entry.used >= kJustUsed;
  };
  const auto take = [&](const auto& wanted) {
    const auto rest = std::stable_partition(index.entries.begin(), index.entries.end(),
                                            [&](const CacheEntry& entry) { return !wanted(entry); });
    gone.insert(gone.end(), std::make_move_iterator(rest), std::make_move_iterator(index.entries.end()));
    index.entries.erase(rest, index.entries.end());
  };
  take([&](const CacheEntry& entry) { return may_go(entry) && now - entry.used > limits.age; });
  std::uint64_t total = 0;
  for (const CacheEntry& entry : index.entries) total += entry.bytes;
  if (total <= limits.bytes) return gone;
  std::vector<const CacheEntry*> oldest;
  for (const CacheEntry& entry : index.entries)
    if (may_go(entry)) oldest.push_back(&entry);
  std::ranges::sort(oldest, [](const CacheEntry* a, const CacheEntry* b) {
    return a->used != b->used ? a->used < b->used : a->id < b->id;
  });
  std::vector<std::int64_t> chosen;
  for (const CacheEntry* entry : oldest) {
    if (total <= limits.bytes / 10 * 9) break;
    total -= entry->bytes;
    chosen.push_back(entry->id);
  }
  take([&](const CacheEntry& entry) { return std::ranges::find(chosen, entry.id) != chosen.end(); });
  return gone;
}

}  // namespace buildspec_run
