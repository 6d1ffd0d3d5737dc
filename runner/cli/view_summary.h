// The words that the views for people share, and what they say at the end.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runner/cli/output_tail.h"
#include "runner/event/event.h"

namespace buildspec_run {

/// "340ms", "4.1s", "2m 05s", "1h 02m".
[[nodiscard]] std::string shown_duration(std::chrono::nanoseconds duration);

/// "812 B", "1.2 kB", "34 MB": powers of 1000.
[[nodiscard]] std::string shown_bytes(std::uint64_t bytes);

/// Tasks that are left out, for people: "install, build[0], build[2] to build[4], post_build.finally". What is whole is named
/// as a whole.
[[nodiscard]] std::string left_out_text(const PlanMade& plan, const std::vector<std::string>& left_out);

/// What a dry run would start with, as `NAME='value'` lines, each begun by `indent`.
[[nodiscard]] std::string planned_variables(const std::vector<ExportedVariable>& variables,
                                            std::string_view indent);
/// What a task that would run is, beside its text: "by /bin/sh, in /src".
[[nodiscard]] std::string planned_way(const TaskPlanned& task);

/// "stands still before it: a shell in /src (exit leads back)"; "the shell was closed after 12s"; "retry, as answered".
[[nodiscard]] std::string stop_text(const ShellOpened& shell);
[[nodiscard]] std::string stop_text(const ShellClosed& shell);
[[nodiscard]] std::string stop_text(const StopAnswered& stop);

/// Whether the failure before it counts no more.
[[nodiscard]] bool is_taken_back(const StopAnswered& stop) noexcept;

/// "fetched owner/repo@v1, 1.2 MB"
[[nodiscard]] std::string fetched_line(std::string_view action, std::uint64_t bytes);

/// "succeeded", "failed", "timed out", …
[[nodiscard]] std::string_view shown_status(Status status) noexcept;

/// `chunk` without the header that a step's output begins with: what it runs and in which environment stands elsewhere.
[[nodiscard]] std::string_view without_header(std::string_view chunk) noexcept;
/// `chunk` with that header as it is without colours; what the step itself writes stays as it is.
[[nodiscard]] std::string with_plain_header(std::string_view chunk);

/// Behind the result of a step that failed and does not fail the build.
inline constexpr std::string_view kCarriedOn = " (it failed; continue-on-error)";

/// The first line of a command on one line; "…" where more follows.
[[nodiscard]] std::string command_title(std::string_view text, bool unicode);

/// All lines of a command, printable, indentation kept; at least one.
[[nodiscard]] std::vector<std::string> command_lines(std::string_view text);

/// The rendered diagnostic, whole lines, coloured when wanted. Its first line is broken to `columns` (0: it
/// is not).
[[nodiscard]] std::string shown_diagnostic(const Diagnosed& diagnosed, bool color, std::size_t columns = 0);

/// The note about a source directory that is not its repository's root, on one line; empty when there is
/// nothing to say.
[[nodiscard]] std::string repository_note(const RunStarted& run);

/// The last lines of a command's output as lines for people, behind one that says how many came before and
/// where they are. `indent` begins each line.
[[nodiscard]] std::string shown_tail(const OutputTail& tail, std::size_t count, std::string_view indent,
                                     std::string_view log_file, bool color);

struct Look {
  bool color = false;
  bool unicode = true;
  std::size_t width = 0;  // 0: lines are not cut
};

/// Listens to a run and knows what to say at its end: each warning once, what was exported, where the log is,
/// and the last line, which for a failure names phase, command and place.
class Summary {
 public:
  void on(const Event& event);

  /// Whole lines. `brief`: the last line alone. `log_problem`: what could not be kept.
  [[nodiscard]] std::string render(const RunFinished& run, const Look& look, bool brief,
                                   std::string_view log_problem) const;
  [[nodiscard]] std::string last_line(const RunFinished& run, const Look& look) const;

 private:
  struct Failure {
    std::string phase, label;
    Status status = Status::failed;
    ExitStatus exit;
  };

  std::string log_file_;
  std::vector<std::string> warnings_;  // "buildspec.yml:4:5: …", each once, at most kMostWarnings
  std::set<std::string> seen_;
  std::size_t warning_count_ = 0;
  std::size_t error_count_ = 0;
  std::optional<Place> first_error_place_;
  std::vector<std::string> annotations_;  // "src/a.c:3:2: error: …", at most kMostWarnings
  std::size_t annotation_count_ = 0;
  bool has_summary_ = false;
  std::vector<ExportedVariable> exported_;
  std::optional<Failure> failure_;  // the first of this build
  std::size_t command_count_ = 0, step_count_ = 0;
  PlanMade plan_;
  std::vector<std::string> left_out_;
  std::size_t planned_count_ = 0;
  bool last_is_step_ = false;
};

}  // namespace buildspec_run
