#include "runner/buildspec/severity.h"

#include <algorithm>

#include "runner/base/check.h"

namespace buildspec_run {
namespace {

using enum Severity;

// An error in a run: the cloud refuses the file, or would fail before the first command. A warning in a run
// and an error in `validate`: the cloud goes on, and not as the author meant; all of `batch` is such, since
// an ordinary build does not look at it.
constexpr FindingWeight kWeights[] = {
    {"artifacts-no-files", warning, warning},
    {"batch-cycle", warning, error},
    {"batch-depend-on", warning, error},
    {"batch-exclusive-keys", warning, error},
    {"batch-identifier", warning, error},
    {"batch-kind", warning, error},
    {"batch-matrix-axis", warning, error},
    {"batch-only", error, note},
    {"batch-parallelism", warning, error},
    {"batch-quoted-version", warning, error},
    {"batch-wrong-type", warning, error},
    {"cache-action", warning, error},
    {"cache-fallback-keys", warning, warning},
    {"cache-no-paths", warning, warning},
    {"command-not-string", error, error},
    {"commands-and-steps", error, error},
    {"duplicate-phase", warning, error},
    {"empty-entry", warning, warning},
    {"empty-phase", warning, warning},
    {"expression-invalid", error, error},
    {"if-always-true", warning, warning},
    {"ignored-batch", note, note},
    {"ignored-git-credential-helper", note, note},
    {"ignored-proxy", note, note},
    {"literal-variable", warning, warning},
    {"no-phases", error, error},
    {"not-exportable", warning, warning},
    {"on-failure-invalid", error, error},
    {"parameter-reference", error, error},
    {"parity-artifact-service", warning, warning},
    {"parity-cache-service", warning, warning},
    {"parity-checkout", warning, warning},
    {"parity-github-context", warning, warning},
    {"parity-inputs-context", warning, warning},
    {"parity-job-context", warning, warning},
    {"parity-matrix-context", warning, warning},
    {"parity-needs-context", warning, warning},
    {"parity-secrets-context", warning, warning},
    {"parity-strategy-context", warning, warning},
    {"parity-vars-context", warning, warning},
    {"report-format", warning, error},
    {"report-no-files", warning, error},
    {"reserved-variable", warning, warning},
    {"runtime-versions-empty", warning, warning},
    {"runtime-versions-ignored", warning, warning},
    {"scalar-for-list", note, warning},
    {"secret-reference", error, error},
    {"shell-undocumented", warning, warning},
    {"step-id", error, error},
    {"step-invalid", error, error},
    {"step-key-ignored", warning, error},
    {"step-reference", error, error},
    {"text-too-large", error, error},
    {"unknown-key", warning, error},
    {"unknown-key-unchecked", warning, warning},
    {"unknown-phase", error, error},
    {"variable-name", error, error},
    {"version-invalid", error, error},
    {"version-missing", error, error},
    {"wrong-type", error, error},
};

}  // namespace

std::span<const FindingWeight> finding_weights() noexcept { return kWeights; }

Severity severity_of(std::string_view id, Weighing weighing) {
  if (weighing.strict_parity && id.starts_with("parity-")) return error;
  const auto* found = std::lower_bound(
      std::begin(kWeights), std::end(kWeights), id,
      [](const FindingWeight& weight, std::string_view wanted) { return weight.id < wanted; });
  check(found != std::end(kWeights) && found->id == id,
        "every id of the decoders is in the table of weights");
  return weighing.purpose == Purpose::run ? found->in_run : found->in_validate;
}

}  // namespace buildspec_run
