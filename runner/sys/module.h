// The program's shared modules: what wraps a library that is slow to load, and is loaded only when it is needed.
#pragma once

#include <string_view>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

/// The address of `symbol` in `libbuildspec-run-<name>.so` of the directory `modules`. Loads the module when it is not
/// yet there; it stays as long as the process, as to unload such libraries costs more than it gives. May be called on
/// any thread.
Result<void*> load_module(const Path& modules, std::string_view name, const char* symbol);

}  // namespace buildspec_run
