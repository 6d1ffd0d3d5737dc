// A promise inside the code, held in every build type.
#pragma once

#include <string_view>

namespace buildspec_run {

/// Aborts with `promise`, file and line on stderr when `holds` is false. For our own mistakes only: what a
/// user or the machine can cause is a Diagnostic or an Error.
void check_failed [[noreturn]] (std::string_view promise, const char* file, int line) noexcept;

inline void check(bool holds, std::string_view promise, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  if (!holds) [[unlikely]]
    check_failed(promise, file, line);
}

}  // namespace buildspec_run
