// Any bytes as a buildspec: parse, decode, lower, lint and print. The laws: nothing crashes; validate is
// never milder than a run; a plan without errors has as many tasks as the model has commands; every place
// lies in the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "runner/base/json.h"
#include "runner/buildspec/batch.h"
#include "runner/buildspec/decode.h"
#include "runner/buildspec/lower.h"
#include "runner/lint/formats.h"
#include "runner/lint/lint.h"
#include "runner/lint/validate.h"
#include "runner/yaml/document.h"

using namespace buildspec_run;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText source("buildspec.yml", std::string(reinterpret_cast<const char*>(data), size));
  YamlLimits limits;
  limits.nodes = 50'000;  // a time-out of the fuzzer is no finding
  limits.expanded_nodes = 100'000;
  Diagnostics found;
  const Document document = parse_document(source, found, limits);
  const Buildspec spec = decode_buildspec(source, document, Purpose::run, found);
  const Plan plan = lower_buildspec(spec, found);
  for (const Diagnostic& diagnostic : found.all()) {
    require(diagnostic.where.begin <= source.text().size() && diagnostic.where.end <= source.text().size());
    require(!diagnostic.message.empty() && !diagnostic.id.empty());
  }
  for (std::size_t i = 0; i < kPhaseNames.size(); ++i) {
    const PhaseSpec* written = spec.find_phase(kPhaseNames[i]);
    require(plan.phases[i].in_file == (written != nullptr));
    require(plan.phases[i].commands.size() == (written == nullptr ? 0 : written->commands.size()));
    require(plan.phases[i].finally.size() == (written == nullptr ? 0 : written->finally.size()));
  }
  // A file that describes a batch only is refused by an ordinary build, and is what a batch build is for.
  const bool refused = std::any_of(found.all().begin(), found.all().end(), [](const Diagnostic& one) {
    return one.severity == Severity::error && one.id != "batch-only";
  });
  (void)dump(spec);
  (void)dump(plan);
  (void)to_json(to_value(plan));
  if (spec.batch) require(expand_batch(*spec.batch, 100).entries.size() <= 100);
  lint_buildspec(spec, plan, found);
  (void)format_pretty(found.take());
  Diagnostics validated;
  validate_text(source, validated);
  require(!refused || validated.has_errors());
  (void)format_json(validated.take());
  return 0;
}
