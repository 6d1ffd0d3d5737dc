// Any bytes as lines of events. The laws: nothing crashes; an event that was read is written as a line that is read as the
// same event, and that line is written as itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runner/event/event_reader.h"

using namespace buildspec_run;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  EventReader reader, again;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const EventReader::Found found = reader.read(rest.substr(0, end));
    if ((found == EventReader::Found::damaged) == reader.problem().empty()) std::abort();
    if (found == EventReader::Found::event) {
      const auto& range = reader.log_range();
      std::string text;
      if (range) {
        text.assign(static_cast<std::size_t>(range->bytes % 1000), 'x');
        std::get<Output>(reader.event().body).text = text;
      }
      const std::string line =
          range ? to_json_line(reader.event(), range->offset) : to_json_line(reader.event());
      if (again.read(line) != EventReader::Found::event) std::abort();
      if (range) std::get<Output>(again.event().body).text = text;
      if (range && (!again.log_range() || again.log_range()->offset != range->offset)) std::abort();
      const std::string twice =
          range ? to_json_line(again.event(), range->offset) : to_json_line(again.event());
      if (line != twice) std::abort();
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}
