#include "runner/sys/module.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include <system_error>

namespace buildspec_run {

Result<void*> load_module(const Path& modules, std::string_view name, const char* symbol) {
  const Path path = modules / fmt::format("libbuildspec-run-{}.so", name);
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();
    return Error{fmt::format("load the {} module: {}", name, why != nullptr ? why : "unknown error"),
                 std::make_error_code(std::errc::io_error)};
  }
  void* const found = ::dlsym(library, symbol);
  if (found == nullptr)
    return Error{fmt::format("load the {} module: {} is of another version", name, path.native()),
                 std::make_error_code(std::errc::io_error)};
  return found;
}

}  // namespace buildspec_run
