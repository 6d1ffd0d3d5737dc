#include "actions/environment_file.h"

#include <fmt/core.h>

#include <optional>

#include "actions/dotnet_text.h"
#include "runner/base/check.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t npos = std::string_view::npos;

struct Line {
  std::string_view text;
  bool has_end = false;
};

// Lines that end at LF. A CR is data.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  [[nodiscard]] const char* position() const noexcept { return rest_.data(); }
  std::optional<Line> next() noexcept {
    if (rest_.empty()) return std::nullopt;
    const std::size_t end = rest_.find('\n');
    const Line line{rest_.substr(0, end), end != npos};
    rest_.remove_prefix(end == npos ? rest_.size() : end + 1);
    return line;
  }

 private:
  std::string_view rest_;
};

// The lines of a heredoc up to its delimiter. An Error's text is the runner's.
std::optional<std::string_view> read_heredoc(Lines& lines, std::string_view delimiter, std::string& error) {
  const char* const begin = lines.position();
  const char* end = begin;  // before the last line end
  for (;;) {
    const std::optional<Line> line = lines.next();
    if (line && line->text == delimiter) break;
    if (!line) {
      error = fmt::format("Invalid value. Matching delimiter not found '{}'", delimiter);
      return std::nullopt;
    }
    if (!line->has_end) {
      error = "Invalid value. EOF marker missing new line.";
      return std::nullopt;
    }
    end = line->text.data() + line->text.size();
  }
  return end > begin ? std::string_view(begin, static_cast<std::size_t>(end - begin)) : std::string_view();
}

// The next pair; nullopt at the end, and at a mistake.
std::optional<NameValue> read_pair(Lines& lines, std::string& error) {
  std::optional<Line> line = lines.next();
  while (line && line->text.empty()) line = lines.next();
  if (!line) return std::nullopt;
  const std::string_view text = line->text;
  const std::size_t equals = text.find('='), heredoc = text.find("<<");
  if (equals != npos && equals < heredoc)
    return NameValue{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
  if (heredoc == npos) {
    error = fmt::format("Invalid format '{}'", text);
    return std::nullopt;
  }
  const std::string_view name = text.substr(0, heredoc), delimiter = text.substr(heredoc + 2);
  if (name.empty() || delimiter.empty()) {
    error = fmt::format("Invalid format '{}'. Name must not be empty and delimiter must not be empty", text);
    return std::nullopt;
  }
  const std::optional<std::string_view> value = read_heredoc(lines, delimiter, error);
  if (!value) return std::nullopt;
  return NameValue{std::string(name), std::string(*value)};
}

void append_debug(std::string_view text, std::vector<LogEntry>& log) {
  for (;;) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (end != npos && line.ends_with('\r')) line.remove_suffix(1);
    log.emplace_back(fmt::format("##[debug]{}", line));
    if (end == npos) return;
    text.remove_prefix(end + 1);
  }
}

LogEntry error_entry(std::string message) {
  Annotation annotation;
  annotation.message = std::move(message);
  return annotation;
}

// Calls `each` with the lines of `text`, which end at LF, CR or CR LF.
template <class Each>
void for_each_line(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\r\n");
    each(text.substr(0, end));
    if (end == npos) return;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

}  // namespace

NamedValues parse_environment_file(std::string_view bytes, EnvironmentFile file, bool debug) {
  check(file == EnvironmentFile::variables || file == EnvironmentFile::outputs ||
            file == EnvironmentFile::state,
        "a file of names and values");
  const std::string text = decode_file(bytes);
  NamedValues result;
  Lines lines(text);
  while (std::optional<NameValue> pair = read_pair(lines, result.error)) {
    if (pair->name.empty() && file != EnvironmentFile::state) {
      result.error = "Value cannot be null. (Parameter 'name')";
      break;
    }
    if (file == EnvironmentFile::variables && equals_ignoring_case(pair->name, "NODE_OPTIONS")) {
      result.log.push_back(
          error_entry("Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command."));
      continue;
    }
    if (debug)
      append_debug(file == EnvironmentFile::variables ? fmt::format("{}='{}'", pair->name, pair->value)
                   : file == EnvironmentFile::outputs
                       ? fmt::format("Set output {} = {}", pair->name, pair->value)
                       : fmt::format("Save intra-action state {} = {}", pair->name, pair->value),
                   result.log);
    result.values.push_back(std::move(*pair));
  }
  return result;
}

std::vector<std::string> parse_path_file(std::string_view bytes) {
  std::vector<std::string> entries;
  for_each_line(decode_file(bytes), [&](std::string_view line) {
    if (!line.empty()) entries.emplace_back(line);
  });
  return entries;
}

std::vector<LogEntry> failed_file(EnvironmentFile file, std::string error) {
  std::string_view name;
  for (const EnvironmentFileName& known : kEnvironmentFiles)
    if (known.file == file) name = known.context_name;
  return {error_entry(fmt::format("Unable to process file command '{}' successfully.", name)),
          error_entry(std::move(error))};
}

std::string step_summary_error(std::uint64_t bytes) {
  if (bytes <= kLargestStepSummary) return {};
  return fmt::format(
      "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of {}k, got {}k. For more "
      "information see: "
      "https://docs.github.com/actions/using-workflows/"
      "workflow-commands-for-github-actions#adding-a-markdown-summary",
      kLargestStepSummary / 1024, bytes / 1024);
}

std::string parse_step_summary(std::string_view bytes) {
  std::string summary;
  for_each_line(decode_file(bytes), [&](std::string_view line) { summary.append(line).append("\n"); });
  return summary;
}

}  // namespace buildspec_run
