// The builds a batch would start, in the order in which they are listed. Source: buildspec.md 2.7.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "runner/buildspec/model.h"

namespace buildspec_run {

/// One build of a batch. Empty strings: as the project, or the file itself, says.
struct BatchEntry {
  std::string identifier;  // the file's own; for a matrix and a fan-out, whose names the service makes,
                           // build_1, build_2, …
  std::string buildspec, compute_type, fleet, image, type;
  std::vector<std::pair<std::string, std::string>> variables;
  std::vector<std::string> depend_on;
  bool ignore_failure = false;
  SourceRange where;  // of the item; of `batch` where there is none
};

struct BatchEntries {
  std::vector<BatchEntry> entries;
  std::size_t total = 0;  // may be more than the entries: a small matrix can be of millions
};

/// Expands `batch`. Of a matrix, `buildspec` is the outer loop, then compute type, image and the variables in
/// file order; the last axis varies fastest. At most `most` entries are made.
[[nodiscard]] BatchEntries expand_batch(const BatchSpec& batch, std::size_t most = 10'000);

}  // namespace buildspec_run
