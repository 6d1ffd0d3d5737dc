// Any bytes as a lock file. The laws: nothing crashes; every place lies in the text; what was read without an error is
// written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "actions/store/lock_file.h"

using namespace buildspec_run;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText source("buildspec.lock", std::string(reinterpret_cast<const char*>(data), size));
  Diagnostics found;
  const LockFile lock = decode_lock_file(source, found);
  for (const Diagnostic& one : found.all()) {
    if (one.where.end > source.text().size() || one.message.empty()) std::abort();
    (void)render(one);
  }
  const SourceText written("buildspec.lock", to_text(lock));
  Diagnostics again;
  if (decode_lock_file(written, again) != lock || again.has_errors()) std::abort();
  return 0;
}
