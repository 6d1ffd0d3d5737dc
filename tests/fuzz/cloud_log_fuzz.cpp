// Any bytes as a log of the cloud. The laws: nothing crashes; what stands before each line does not matter, as long as it is
// the same; and each phase is there once.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "runner/cli/cloud_log.h"

using namespace buildspec_run;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::optional<CloudLog> log = parse_cloud_log(text);
  if (!log) return 0;
  std::set<std::string_view> names;
  for (const CloudPhase& phase : log->phases) {
    if (!names.insert(phase.name).second) std::abort();
    for (const CloudCommand& command : phase.commands)
      if (!command.is(command.text)) std::abort();
  }
  // A log that begins with a line of the agent has no prefix; with one before each line it is the same log.
  constexpr std::size_t kTime = std::string_view("[Container] 2026/11/24 06:04:44").size();
  if (!parse_cloud_log(text.substr(0, kTime)) || (text.size() > kTime && text[kTime] != ' ')) return 0;
  if (text.find("| [Container]") != std::string_view::npos) return 0;  // numbers of lines
  std::string with_times;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    with_times.append("2026-11-24T06:04:44.012000+00:00 ")
        .append(rest.substr(0, std::min(end + 1, rest.size())));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const std::optional<CloudLog> again = parse_cloud_log(with_times);
  if (!again || dump(*again) != dump(*log)) std::abort();
  return 0;
}
