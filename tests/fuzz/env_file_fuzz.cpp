// Any bytes are read without harm, and what was read is the same when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "runner/cli/env_file.h"

using namespace buildspec_run;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText source("fuzz.env", std::string(reinterpret_cast<const char*>(data), size));
  Diagnostics found;
  const auto variables = parse_env_file(source, EnvFileNames::variables, found);
  for (const Diagnostic& one : found.all())
    if (one.where.end > size || one.where.begin > one.where.end) std::abort();
  if (found.has_errors()) return 0;
  const SourceText written("written.env", exports_text(variables, false));
  Diagnostics none;
  if (parse_env_file(written, EnvFileNames::variables, none) != variables || none.has_errors()) std::abort();
  return 0;
}
