// The JSON form of events, read back: what was kept, or what --format json wrote.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runner/event/event.h"

namespace buildspec_run {

/// Where the text of an output event is in the kept log.
struct LogRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  bool operator==(const LogRange&) const = default;
};

/// Reads lines of events one after the other. A line may come from anywhere and hold anything.
class EventReader {
 public:
  enum class Found {
    event,          // `event` has it
    unknown_type,   // of this version, of a kind that this program does not know: to be skipped
    other_version,  // of a form that this program does not know: nothing of it can be said
    damaged,        // no event: `problem` says why
  };
  EventReader();
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;
  ~EventReader();

  /// Reads one line, without its LF. Members that are not known are skipped; one that is missing and was added
  /// within the version has the value of its field's initializer.
  [[nodiscard]] Found read(std::string_view line);

  /// The event that `read` found. Its views are good until the next `read`. The text of an Output is empty
  /// when the event names a range of the log: whoever has the log sets it.
  [[nodiscard]] Event& event() noexcept { return event_; }
  /// Of an Output whose text is in the log.
  [[nodiscard]] const std::optional<LogRange>& log_range() const noexcept { return log_range_; }
  /// What is wrong with a damaged line: "no \"seq\" of the right kind".
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  struct Texts;

  Event event_;
  std::unique_ptr<Texts> texts_;  // what the event views
  std::optional<LogRange> log_range_;
  std::string problem_;
};

}  // namespace buildspec_run
