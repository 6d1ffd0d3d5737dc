// The terminal that the user of the program sits at: for what has to be asked there, and for handing it to a shell.
#pragma once

#include <termios.h>

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "runner/base/result.h"
#include "runner/sys/descriptor.h"

namespace buildspec_run {

/// Our controlling terminal, while we are its foreground. When it goes, foreground and modes are what they were.
class Terminal {
 public:
  /// The path of the terminal that `descriptor` (standard input) is. An Error says why no shell could be opened there: it is no
  /// terminal, it is not the one of this session, or we are in its background.
  static Result<std::string> find(int descriptor);
  /// An Error: as `find`, or it cannot be opened.
  static Result<Terminal> open(const std::string& path);

  Terminal(Terminal&&) noexcept = default;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal() { take_back(); }

  /// What has been started on it (ProcessSpec::terminal) has ended: we are the foreground again, and lines are read as they were
  /// when it was opened.
  void take_back();
  /// That has been started on it, has been stopped, and is about to be continued: its group is the foreground, and the user is
  /// told `text`, whole lines.
  void give_to(int pid, std::string_view text) const;
  /// Whoever is the foreground: to be written to. Not owned.
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  /// A line that is typed, without its LF. nullopt: its end has come (Ctrl-D, a window that was closed), or `stop`.
  [[nodiscard]] std::optional<std::string> read_line(const std::stop_token& stop) const;

 private:
  Terminal(Descriptor descriptor, const termios& modes) : descriptor_(std::move(descriptor)), modes_(modes) {}

  Descriptor descriptor_;
  termios modes_;
};

}  // namespace buildspec_run
