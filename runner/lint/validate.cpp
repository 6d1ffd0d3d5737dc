#include "runner/lint/validate.h"

#include <utility>

#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/lint/lint.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

void validate_text(const SourceText& source, Diagnostics& found) {
  const Document document = parse_document(source, found);
  const Buildspec buildspec = decode_buildspec(source, document, Purpose::validate, found);
  Diagnostics lowering;
  const Plan plan = lower_buildspec(buildspec, lowering);
  for (Diagnostic& diagnostic : lowering.take()) {
    if (diagnostic.severity != Severity::error || diagnostic.source == nullptr) continue;
    Diagnostic& added = found.add(diagnostic.severity, *diagnostic.source, diagnostic.where, diagnostic.id,
                                  std::move(diagnostic.message));
    added.cloud_message = std::move(diagnostic.cloud_message);
    added.cloud_code = diagnostic.cloud_code;
  }
  if (document.complete()) lint_buildspec(buildspec, plan, found);
}

}  // namespace buildspec_run
