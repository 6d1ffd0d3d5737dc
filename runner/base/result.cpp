#include "runner/base/result.h"

#include <fmt/core.h>

namespace buildspec_run {

Error Error::in(std::string_view doing) && { return {fmt::format("{}: {}", doing, message), code}; }

Error system_error(std::string_view doing, int error_number) {
  const std::error_code code(error_number, std::generic_category());
  return {fmt::format("{}: {}", doing, code.message()), code};
}

}  // namespace buildspec_run
