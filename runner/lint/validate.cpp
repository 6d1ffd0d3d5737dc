#include "runner/lint/validate.h"

#include <utility>

#include "actions/action_metadata.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/lint/lint.h"
#include "runner/yaml/document.h"

namespace buildspec_run {

void validate_text(const SourceText& source, Diagnostics& found, bool strict_parity) {
  const Document document = parse_document(source, found);
  const Buildspec buildspec = decode_buildspec(source, document, {Purpose::validate, strict_parity}, found);
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

bool is_action_metadata(std::string_view path) noexcept {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name == "action.yml" || name == "action.yaml";
}

void validate_action(const SourceText& source, Diagnostics& found) {
  report(decode_action(source, source.name()).errors, source, found);
}

}  // namespace buildspec_run
