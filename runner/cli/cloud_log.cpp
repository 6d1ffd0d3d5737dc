#include "runner/cli/cloud_log.h"

#include <algorithm>
#include <cstddef>

#include "runner/base/json.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kAgent = "[Container] ";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The text of an agent's line, behind "[Container] 2026/11/24 06:04:44.012345 "; nullopt for any other line.
std::optional<std::string_view> agent_text(std::string_view line) {
  constexpr std::string_view kForm = "0000/00/00 00:00:00";
  if (!line.starts_with(kAgent)) return std::nullopt;
  line.remove_prefix(kAgent.size());
  if (line.size() < kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == '0' ? !is_digit(line[i]) : line[i] != kForm[i]) return std::nullopt;
  line.remove_prefix(kForm.size());
  if (line.starts_with('.')) {
    line.remove_prefix(1);
    while (!line.empty() && is_digit(line.front())) line.remove_prefix(1);
  }
  if (line.empty()) return line;
  if (line.front() != ' ') return std::nullopt;
  return line.substr(1);
}

/// What stands before the agent's part of each line: as many words, the first of which looks like the first one seen.
struct Prefix {
  std::size_t words = 0;
  std::string_view first;  // of the line it was seen in

  [[nodiscard]] std::string_view strip(std::string_view line) const {
    if (words == 0) return line;
    std::string_view rest = line;
    for (std::size_t i = 0; i < words; ++i) {
      const std::size_t end = rest.find_first_of(" \t");
      const std::string_view word = rest.substr(0, end);
      if (word.empty() || (i == 0 && !is_like(word))) return line;
      rest.remove_prefix(std::min(end, rest.size()));
      if (i + 1 < words)
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
      else if (!rest.empty())
        rest.remove_prefix(1);  // what follows is the line's own, blanks at its beginning included
    }
    return rest;
  }

 private:
  /// A digit where that had one; the same text where it begins with none ("agent_1").
  [[nodiscard]] bool is_like(std::string_view word) const {
    if (first.empty() || !is_digit(first.front())) return word == first;
    const auto is_number = [](std::string_view text) {
      return std::all_of(text.begin(), text.end(), is_digit);
    };
    if (is_number(first)) return is_number(word);  // of a line, or milliseconds
    const std::size_t looked = std::min<std::size_t>(10, first.size());
    if (word.size() < looked) return false;
    for (std::size_t i = 0; i < looked; ++i)
      if (is_digit(first[i]) ? !is_digit(word[i]) : word[i] != first[i]) return false;
    return true;
  }
};

/// The prefix of the first agent's line; nullopt when there is none. Who copies from the console gets "48 | " before each
/// line but the first.
std::optional<Prefix> find_prefix(std::string_view text) {
  std::optional<Prefix> first;
  std::size_t seen = 0;
  for (std::size_t at = 0; (at = text.find(kAgent, at)) != std::string_view::npos; at += kAgent.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (!agent_text(text.substr(at, end - at))) continue;
    const std::size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    std::string_view prefix = text.substr(before + 1, at - before - 1);  // npos + 1 is 0
    Prefix found;
    std::string_view last;
    while (!prefix.empty()) {
      const std::size_t word_end = std::min(prefix.find_first_of(" \t"), prefix.size());
      if (word_end > 0) last = prefix.substr(0, word_end);
      if (word_end > 0 && found.words++ == 0) found.first = last;
      prefix.remove_prefix(std::min(word_end + 1, prefix.size()));
    }
    // More is no prefix but a line that quotes an agent's one.
    if (found.words > 4) continue;
    if (!first && found.words > 0) return found;
    if (found.words == 2 && last == "|") return found;
    if (!first) first = found;
    if (++seen == 20) break;
  }
  return first;
}

/// Takes `head` away; whether it was there.
bool take(std::string_view& text, std::string_view head) {
  if (!text.starts_with(head)) return false;
  text.remove_prefix(head.size());
  return true;
}

// Adds up lines: one of the agent's goes on over the lines behind it that are none.
class Reader {
 public:
  void line(std::string_view line) {
    if (const std::optional<std::string_view> text = agent_text(line)) {
      end_statement();
      statement_ = *text;
      open_ = true;
    } else if (open_) {
      statement_ += '\n';
      statement_ += line;
    }
  }
  CloudLog finish() {
    end_statement();
    return std::move(log_);
  }

 private:
  void end_statement() {
    if (!open_) return;
    open_ = false;
    std::string_view rest = statement_;
    // Only the statements that may be of several lines are read to their end.
    std::string_view first = rest.substr(0, rest.find('\n'));
    if (first == "Phase is DOWNLOAD_SOURCE") {
      log_.phases.clear();
      current_ = completed_ = npos;
      phase("DOWNLOAD_SOURCE");
    } else if (take(first, "Entering phase ")) {
      current_ = phase(first);
    } else if (take(rest, "Running command ")) {
      if (current_ != npos) log_.phases[current_].commands.push_back({std::string(rest), ""});
    } else if (take(rest, "Command did not exit successfully ")) {
      if (current_ != npos && !log_.phases[current_].commands.empty())
        log_.phases[current_].commands.back().end = end_in(rest);
    } else if (take(first, "Phase complete: ")) {
      const std::size_t name = std::min(first.find(' '), first.size());
      completed_ = phase(first.substr(0, name));
      first.remove_prefix(name);
      if (take(first, " State: "))
        log_.phases[completed_].status = first;
      else if (take(first, " Success: "))  // before 2019
        log_.phases[completed_].status = first.starts_with("true") ? "SUCCEEDED" : "FAILED";
      current_ = npos;
    } else if (take(rest, "Phase context status code: ")) {
      if (completed_ == npos) return;
      constexpr std::string_view kMessage = " Message: ";
      const std::size_t at = rest.find(kMessage);
      if (at == std::string_view::npos) return;
      log_.phases[completed_].code = rest.substr(0, at);
      log_.phases[completed_].message = rest.substr(at + kMessage.size());
      completed_ = npos;
    }
  }

  /// How the command ended: what stands behind its text, which may hold the like.
  static std::string end_in(std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    std::size_t at = std::string_view::npos;
    for (const std::string_view words : {"exit status ", "signal: "})
      if (const std::size_t found = text.rfind(words); found != std::string_view::npos)
        at = at == std::string_view::npos ? found : std::max(at, found);
    if (at == std::string_view::npos) return "failed";
    return std::string(text.substr(at, text.find('\n', at) - at));
  }

  std::size_t phase(std::string_view name) {
    for (std::size_t i = 0; i < log_.phases.size(); ++i)
      if (log_.phases[i].name == name) return i;
    log_.phases.emplace_back().name = name;
    return log_.phases.size() - 1;
  }

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  CloudLog log_;
  std::string statement_;
  bool open_ = false;
  std::size_t current_ = npos;    // phase that runs
  std::size_t completed_ = npos;  // phase whose context is expected
};

}  // namespace

bool CloudCommand::is(std::string_view command) const {
  while (command.ends_with('\n')) command.remove_suffix(1);
  return text.starts_with(command) && (text.size() == command.size() || text[command.size()] == '\n');
}

const CloudPhase* CloudLog::find_phase(std::string_view name) const {
  for (const CloudPhase& phase : phases)
    if (phase.name == name) return &phase;
  return nullptr;
}

std::optional<CloudLog> parse_cloud_log(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::optional<Prefix> prefix = find_prefix(text);
  if (!prefix) return std::nullopt;
  // Whether the agent's own lines end in CR LF: then all do, and a CR is none of the output's.
  bool crlf = false;
  if (const std::size_t at = text.find(kAgent); at != std::string_view::npos)
    if (const std::size_t end = text.find('\n', at); end != std::string_view::npos)
      crlf = text[end - 1] == '\r';
  Reader reader;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (crlf && line.ends_with('\r')) line.remove_suffix(1);
    reader.line(prefix->strip(line));
  }
  return reader.finish();
}

std::string dump(const CloudLog& log) {
  const auto quoted = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  std::string out;
  for (const CloudPhase& phase : log.phases) {
    out += quoted(phase.name) + " " + (phase.status.empty() ? "-" : quoted(phase.status)) + "\n";
    for (const CloudCommand& command : phase.commands)
      out += "  " + quoted(command.text) + (command.end.empty() ? "" : " " + quoted(command.end)) + "\n";
    if (!phase.code.empty() || !phase.message.empty())
      out += "  context " + quoted(phase.code) + " " + quoted(phase.message) + "\n";
  }
  return out;
}

}  // namespace buildspec_run
