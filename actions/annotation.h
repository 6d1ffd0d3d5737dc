// What a step says about a place: `::error file=a.c,line=3::…`, a problem matcher's find, an error of the runner itself.
// Source: actions.md 3.17, 4.7.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace buildspec_run {

enum class AnnotationLevel { notice, warning, error };
/// "notice", "warning", "error".
[[nodiscard]] std::string_view to_string(AnnotationLevel level) noexcept;

struct Annotation {
  AnnotationLevel level = AnnotationLevel::error;
  std::string message;     // several lines at times; not masked yet
  std::string title = {};  // empty: none
  std::string file = {};   // relative to the workspace where it lies inside, with '/'; empty: none
  std::string code = {};   // of a problem matcher; empty: none
  std::optional<int> line = {}, end_line = {}, column = {}, end_column = {};
  std::string log_text = {};  // what the log shows in place of the message; empty: the message
  bool operator==(const Annotation&) const = default;
};

/// For tests: "error boom file=a.c line=3"; the parts that are there.
[[nodiscard]] std::string dump(const Annotation& annotation);

/// What a step's log gets next: text to print as it is (no LF at its end, perhaps inside), or an annotation, which is kept
/// and printed. For an annotation: mask its texts, then `truncate_message`, then print `log_lines`, unless that is empty.
using LogEntry = std::variant<std::string, Annotation>;

/// At most 4096 UTF-16 units of `message`: what is kept and printed of it. For the time after masking.
[[nodiscard]] std::string truncate_message(std::string message);
/// "##[error]boom"; empty for an empty message, which is kept and not printed.
[[nodiscard]] std::string log_lines(const Annotation& annotation);

/// The annotations of one step: the first 10 of each level.
class AnnotationList {
 public:
  /// False when there were enough.
  bool add(Annotation annotation);
  [[nodiscard]] const std::vector<Annotation>& all() const noexcept { return all_; }

 private:
  std::vector<Annotation> all_;
  std::size_t counts_[3] = {};
};

}  // namespace buildspec_run
