// Any bytes as what a client sends to the services for caches and artifacts: the texts of a request, an address, an index that
// somebody has damaged, and, over HTTP's border, whole requests. The laws: nothing crashes; no address is valid but the signed
// one; what was read is the same when it is written and read again; no path leads out.
//
// The first byte says what the rest is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "actions/service/artifacts.h"
#include "actions/service/cache_index.h"
#include "actions/service/exchange.h"
#include "actions/service/legacy_artifacts.h"
#include "actions/service/protobuf.h"
#include "actions/service/request_text.h"
#include "actions/service/runtime_token.h"
#include "runner/base/encoding.h"

using namespace buildspec_run;

namespace {

void require(bool holds, const char* law) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", law);
  std::abort();
}

BlobSigner& signer() {
  static const std::unique_ptr<BlobSigner> made = [] {
    Result<std::unique_ptr<BlobSigner>> signer =
        BlobSigner::make(PROJECT_BINARY_DIR "/libexec/buildspec-run");
    require(static_cast<bool>(signer), "a signer can be made");
    return std::move(*signer);
  }();
  return *made;
}

void try_target(std::string_view text) {
  const std::optional<RequestTarget> target = parse_target(text);
  if (!target) return;
  require(target->path.starts_with('/') && target->path.find("/../") == std::string::npos &&
              target->path.find("//") == std::string::npos && !target->path.ends_with("/.."),
          "a path is plain");
  for (const auto& [name, value] : target->query) {
    require(percent_decoded(percent_encoded(value), true) == value, "what is encoded is decoded to the same");
    const std::string item = item_in("name", "name/" + value);
    require(item.empty() || (!item.starts_with('/') && ("/" + item + "/").find("/../") == std::string::npos &&
                             item.find('\0') == std::string::npos && item.find('\\') == std::string::npos),
            "an item stays in its container");
    require(!is_artifact_name(value) || value.find('/') == std::string::npos, "a name is no path");
  }
}

void try_ranges(std::string_view text) {
  if (const auto range = parse_range(text))
    require(!range->last || *range->last >= range->first, "a range ends behind its beginning");
  if (const auto range = parse_content_range(text))
    require(range->first + range->length >= range->first &&
                (!range->total || range->first + range->length <= *range->total),
            "a range lies in its whole");
}

void try_address(std::string_view text) {
  const std::string id(24, 'a');
  const std::size_t cut = text.size() / 2;
  require(!signer().is_signed(id, "r", text.substr(0, cut), text.substr(cut), 50),
          "no other address is signed");
}

void try_ranges_of_a_blob(std::string_view text) {
  std::map<std::uint64_t, std::uint64_t> ranges;
  bool covered[256 + 16] = {};
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto begin = static_cast<unsigned char>(text[i]);
    const std::uint64_t end = begin + static_cast<unsigned char>(text[i + 1]) % 16U;
    add_range(ranges, begin, end);
    std::fill(covered + begin, covered + end, true);
  }
  std::uint64_t last = 0;
  bool first = true;
  std::size_t sum = 0;
  for (const auto& [begin, end] : ranges) {
    require(begin < end && (first || begin > last), "ranges are apart from each other");
    for (std::uint64_t at = begin; at < end; ++at) require(covered[at], "and hold what was put in");
    sum += end - begin;
    last = end;
    first = false;
  }
  require(sum == static_cast<std::size_t>(std::count(covered, covered + sizeof covered, true)), "all of it");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      try_target(text);
      break;
    case 1:
      try_ranges(text);
      break;
    case 2:
      if (const auto names = parse_block_list(text)) {
        std::string again = "<BlockList>";
        for (const std::string& name : *names) again += "<Latest>" + to_base64(name) + "</Latest>";
        require(parse_block_list(again + "</BlockList>") == names, "a list is read as it is written");
      }
      break;
    case 3:
      try_address(text);
      break;
    case 4:
      for (const char* method : {"CreateCacheEntry", "FinalizeCacheEntryUpload", "GetCacheEntryDownloadURL"})
        if (const std::optional<Value> request = request_from_protobuf(method, text)) {
          require(request->object() != nullptr, "a request is an object");
          static_cast<void>(answer_to_protobuf(method, *request));
        }
      break;
    case 5:
      if (const std::optional<CacheIndex> index = parse_cache_index(text)) {
        require(parse_cache_index(to_text(*index)).has_value(), "an index is read as it is written");
        const std::string keys[] = {"a", ""};
        const CacheScope scopes[] = {{"refs/heads/x", true}};
        static_cast<void>(find_entry(*index, keys, "v", scopes));
        CacheIndex evicted = *index;
        static_cast<void>(evict(evicted, {}, 1));
      }
      break;
    case 6:
      if (const std::optional<RequestFields> fields = parse_fields(text)) {
        static_cast<void>(fields->text("name"));
        const auto number = fields->number("size_bytes");
        require(!number || *number >> 63 == 0, "a number fits");
        static_cast<void>(fields->texts("restore_keys"));
      }
      if (const auto bytes = from_base64(text))
        require(from_base64(to_base64(*bytes)) == bytes, "base64 is read as written");
      break;
    default:
      try_ranges_of_a_blob(text);
  }
  return 0;
}
