// The end of a command's output, in memory that does not grow: what a folded command shows when it fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {

/// Keeps the last 64 KiB of what is appended. Costs a copy of at most that much for each append, and a count
/// of its lines.
class OutputTail {
 public:
  static constexpr std::size_t kKeptBytes = std::size_t{64} << 10;

  void clear() noexcept;
  void append(std::string_view chunk);

  [[nodiscard]] bool empty() const noexcept { return total_bytes_ == 0; }
  /// Lines appended so far; one that is not ended counts.
  [[nodiscard]] std::uint64_t line_count() const noexcept;

  struct Lines {
    std::vector<std::string_view> lines;  // without LF; valid until the next append or clear
    std::uint64_t left_out = 0;           // lines before these
    bool first_is_cut = false;            // the beginning of the first one is no longer known
  };
  /// The last `count` lines that are known whole; one cut line when there is nothing else.
  [[nodiscard]] Lines last_lines(std::size_t count) const;

  /// The last line that has more than blanks and control characters in its last 4 KiB, or empty: for a line
  /// of progress.
  [[nodiscard]] std::string_view last_line() const noexcept;

 private:
  [[nodiscard]] std::string_view kept() const noexcept;

  std::string buffer_;  // at most twice kKeptBytes; the end is what counts
  std::uint64_t total_bytes_ = 0;
  std::uint64_t ended_lines_ = 0;
};

/// Number of LF in `text`: sixteen bytes at a time, since it is asked of every byte a build prints.
[[nodiscard]] std::uint64_t count_line_ends(std::string_view text) noexcept;

}  // namespace buildspec_run
