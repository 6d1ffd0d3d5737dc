// How much a finding weighs. Decoders name an id; this table says what it is in a run and in `validate`.
#pragma once

#include <span>
#include <string_view>

#include "runner/base/diagnostic.h"

namespace buildspec_run {

/// Who asks. The same finding weighs differently: the cloud ignores an unknown key, a commit hook should not.
enum class Purpose { run, validate };

/// Who asks, and whether what CodeBuild lacks and GitHub has (`parity-…`) is refused (--strict-parity).
struct Weighing {
  Weighing(Purpose who, bool is_strict = false) : purpose(who), strict_parity(is_strict) {}
  Purpose purpose;
  bool strict_parity;
};

struct FindingWeight {
  std::string_view id;
  Severity in_run = Severity::error;
  Severity in_validate = Severity::error;
};

/// Every id of runner/buildspec, sorted by id.
[[nodiscard]] std::span<const FindingWeight> finding_weights() noexcept;

/// `id` must be one of `finding_weights()`.
[[nodiscard]] Severity severity_of(std::string_view id, Weighing weighing);

}  // namespace buildspec_run
