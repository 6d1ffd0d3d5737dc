// The output of one process of a step: bytes in, cut anywhere; lines, commands and finds of problem matchers out.
// Source: actions.md 4.1.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "actions/command_processor.h"
#include "actions/problem_matcher.h"

namespace buildspec_run {

struct LineLimits {
  std::size_t long_line = std::size_t{1} << 20;         // bytes
  std::size_t longest_command = std::size_t{16} << 20;  // bytes
};

/// Reads both streams of a process (they come through one pipe). A line ends at LF, CR or CR LF, and at the end of the
/// output. Invalid UTF-8 becomes U+FFFD. Linear in the output; text without commands and matchers is passed on in long
/// pieces, at the speed of memory.
///
/// A line longer than `long_line` is passed on in pieces, and is never a command or a find, unless what has come of it by then
/// begins like a command or holds "##["; from `longest_command` on, such a line is passed on in pieces, too.
class StepOutput {
 public:
  class Receiver {
   public:
    virtual ~Receiver() = default;
    /// Plain output to print: whole lines, each with an LF; of a very long line, a piece. Valid UTF-8.
    virtual void text(std::string_view lines) = 0;
    /// Of a command, or of a line that a problem matcher has found. `handled` needs no more attention.
    virtual void effects(const CommandEffects& effects) = 0;
  };

  StepOutput(CommandOptions options, const ProblemMatchers& matchers, MatcherRun::Options matching,
             Receiver& receiver, LineLimits limits = {});
  StepOutput(const StepOutput&) = delete;

  /// What can be told is told before this returns; a line whose end has not come is kept.
  void write(std::string_view chunk);
  /// The process has ended: the line that has no end is one, too.
  void finish();
  /// Whether a command has put an end to it; then nothing more is told.
  [[nodiscard]] bool aborted() const noexcept { return aborted_; }

 private:
  void append(std::string_view bytes);
  void end_line();
  void line(std::string_view text);
  void tell(std::string_view text);
  void tell(const CommandEffects& effects);
  void flush();

  CommandProcessor commands_;
  MatcherRun matchers_;
  Receiver& receiver_;
  LineLimits limits_;
  std::string out_;         // lines to print, to be told before anything else
  std::string pending_;     // of the line that is being read
  bool is_long_ = false;    // that line is longer than `long_line` and may be a command
  bool in_pieces_ = false;  // that line is being passed on in pieces
  bool after_cr_ = false;   // the last byte was a CR: an LF that follows belongs to it
  bool aborted_ = false;
};

}  // namespace buildspec_run
