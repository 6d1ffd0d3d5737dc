#include "runner/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace buildspec_run {

void check_failed(std::string_view promise, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: check failed: %.*s\n", file, line, static_cast<int>(promise.size()),
               promise.data());
  std::abort();
}

}  // namespace buildspec_run
