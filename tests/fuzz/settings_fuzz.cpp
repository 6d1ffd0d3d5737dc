// A configuration file may hold anything: what is read of it is a value that its option takes, or is said, with a place
// inside the text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "runner/cli/run.h"
#include "runner/cli/settings.h"

using namespace buildspec_run;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool in_repository = data[0] % 2 == 0;
  const SourceText source("settings.yml", std::string(reinterpret_cast<const char*>(data + 1), size - 1));
  Diagnostics found;
  std::vector<Setting> settings;
  read_settings_text(source, "/home/me/settings.yml", in_repository, run_subcommand(), settings, found);
  for (const Diagnostic& one : found.all())
    if (one.where.end > size || one.where.begin > one.where.end) std::abort();
  for (const Setting& setting : settings) {
    if (!wrong_value(*setting.option, setting.value).empty() && setting.value != "false") std::abort();
    if (in_repository && setting.option->name == "--docker-socket") std::abort();
  }
  Arguments arguments;
  apply_settings(settings, arguments);
  return 0;
}
