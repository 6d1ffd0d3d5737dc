// The keys the decoders know, as data: for "did you mean", and to keep schema/buildspec.schema.json equal to
// them.
#pragma once

#include <string_view>
#include <vector>

namespace buildspec_run {

struct SectionKeys {
  /// "root", "env", "phase", "batch-build", …: also the name of its definition in the schema.
  std::string_view section;
  std::vector<std::string_view> keys;
};

/// Every section with the keys it may have in any version, in the order of buildspec.md section 2.
[[nodiscard]] std::vector<SectionKeys> known_keys();

}  // namespace buildspec_run
