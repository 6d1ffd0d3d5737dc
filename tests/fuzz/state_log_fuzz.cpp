// Any bytes as the states of a run. The laws: nothing crashes; what was read, written and read again is the same; and a text
// without its secrets, with them put back, is the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runner/event/secret_places.h"
#include "runner/store/state_log.h"
#include "runner/sys/files.h"

using namespace buildspec_run;

namespace {

bool same(const KeptState& a, const KeptState& b) {
  return a.number == b.number && a.status == b.status && a.succeeding == b.succeeding && a.build == b.build &&
         a.withheld == b.withheld && a.directory == b.directory && a.variables == b.variables &&
         a.beyond_shells == b.beyond_shells && a.steps == b.steps &&
         a.failure.has_value() == b.failure.has_value() &&
         a.phase_failure.has_value() == b.phase_failure.has_value();
}

void states(std::string_view text) {
  const KeptStates read = read_states_text(text);
  if (!read.build || read.states.empty()) return;
  static const Path directory = [] {
    Result<Path> made = make_temporary_directory("/tmp", "state-log-fuzz-");
    if (!made) std::abort();
    return *made;
  }();
  std::error_code ignored;
  std::filesystem::remove(directory / "states", ignored);
  Result<StateLog> log = StateLog::make(directory);
  if (!log) std::abort();
  log->keep(read.request);
  log->keep(*read.build);
  log->keep(read.states);
  const Result<KeptStates> again = read_states(directory);
  if (!again || again->is_cut || again->states.size() != read.states.size()) std::abort();
  for (std::size_t i = 0; i < read.states.size(); ++i)
    if (!same(read.states[i], again->states[i])) std::abort();
  if (again->build->script_dir != read.build->script_dir || again->request.host != read.request.host)
    std::abort();
}

void secrets(std::string_view text) {
  // The first line is secrets, parted by blanks.
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view words = text.substr(0, end);
  const std::string_view rest = text.substr(std::min(end + 1, text.size()));
  SecretPlaces places;
  for (int i = 0; i < 8 && !words.empty(); ++i) {
    const std::size_t blank = std::min(words.find(' '), words.size());
    const std::string value(words.substr(0, blank));
    if (value.find('\0') == std::string::npos) places.add("S" + std::to_string(i), value);
    words.remove_prefix(std::min(blank + 1, words.size()));
  }
  const Result<std::string> whole = places.put_back(places.lift(rest));
  if (!whole || *whole != rest) std::abort();
  static_cast<void>(places.put_back(rest));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  states(text);
  secrets(text);
  return 0;
}
