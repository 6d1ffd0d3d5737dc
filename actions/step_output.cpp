#include "actions/step_output.h"

#include <algorithm>
#include <cstring>

#include "actions/dotnet_text.h"

namespace buildspec_run {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_ascii(std::string_view text) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, 8);
    if ((bytes & 0x8080808080808080u) != 0) return false;
  }
  for (; at < text.size(); ++at)
    if (static_cast<unsigned char>(text[at]) >= 0x80) return false;
  return true;
}

// A place in a chunk where something is next found, looked for anew only when it has been passed.
class Next {
 public:
  Next(std::string_view chunk, std::string_view wanted)
      : chunk_(chunk), wanted_(wanted), at_(chunk.find(wanted)) {}
  std::size_t from(std::size_t position) noexcept {
    if (at_ < position) at_ = chunk_.find(wanted_, position);
    return at_;
  }

 private:
  std::string_view chunk_, wanted_;
  std::size_t at_;
};

// Where `text` can be cut so that both parts decode as the whole does: before a character whose end has not come.
std::size_t last_cut(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    return length > back ? text.size() - back : text.size();
  }
  return text.size();
}

// What only the runner says is not let through. Source: actions.md 3.5.
std::string defuse_markers(std::string_view line) {
  std::string defused;
  for (std::size_t at = line.find("##["); at != npos; at = line.find("##[")) {
    defused.append(line.substr(0, at + 3));
    line.remove_prefix(at + 3);
    if (line.starts_with("start-action") || line.starts_with("end-action")) defused += '\\';
  }
  return defused.append(line);
}

// The first half of may_be_workflow_command, without looking far: most lines begin with what is neither blank nor colon.
bool begins_like_command(std::string_view line) noexcept {
  if (line.empty()) return false;
  const auto first = static_cast<unsigned char>(line.front());
  return (first <= ' ' || first == ':' || first >= 0x80) && trim_start(line).starts_with("::");
}

}  // namespace

StepOutput::StepOutput(CommandOptions options, const ProblemMatchers& matchers, MatcherRun::Options matching,
                       Receiver& receiver, LineLimits limits)
    : commands_(std::move(options)),
      matchers_(matchers, std::move(matching)),
      receiver_(receiver),
      limits_(limits) {}

void StepOutput::write(std::string_view chunk) {
  if (aborted_ || chunk.empty()) return;
  if (std::exchange(after_cr_, false) && chunk.front() == '\n') chunk.remove_prefix(1);
  Next cr(chunk, "\r"), hash(chunk, "##[");
  std::size_t plain_from = 0;  // from there to `at` are plain lines, not told yet
  const auto tell_plain = [&](std::size_t end) {
    const std::string_view lines = chunk.substr(plain_from, end - plain_from);
    if (out_.empty())
      tell(lines);
    else
      out_ += lines;
  };
  for (std::size_t at = 0; at < chunk.size();) {
    const char* lf = static_cast<const char*>(std::memchr(chunk.data() + at, '\n', chunk.size() - at));
    const std::size_t end =
        std::min(lf == nullptr ? npos : static_cast<std::size_t>(lf - chunk.data()), cr.from(at));
    const std::string_view text = chunk.substr(at, end == npos ? npos : end - at);
    if (end == npos) {
      tell_plain(at);
      append(text);
      plain_from = chunk.size();
      break;
    }
    std::size_t next = end + 1;
    if (chunk[end] == '\r') {
      after_cr_ = next == chunk.size();
      if (!after_cr_ && chunk[next] == '\n') ++next;
    }
    const bool is_whole = pending_.empty() && !in_pieces_ && text.size() <= limits_.long_line;
    if (is_whole && hash.from(at) >= end && !begins_like_command(text) && !matchers_.active()) {
      if (chunk[end] == '\r') {
        out_.append(chunk.substr(plain_from, end - plain_from)) += '\n';
        plain_from = next;
      }
    } else {
      tell_plain(at);
      if (is_whole) {
        line(text);
      } else {
        append(text);
        end_line();
      }
      if (aborted_) return;
      plain_from = next;
    }
    at = next;
  }
  tell_plain(chunk.size());
  flush();
}

void StepOutput::finish() {
  if (aborted_ || (pending_.empty() && !in_pieces_)) return;
  end_line();
  flush();
}

void StepOutput::tell(std::string_view text) {
  if (text.empty()) return;
  if (is_ascii(text))
    receiver_.text(text);
  else
    receiver_.text(decode_utf8(text));
}

void StepOutput::tell(const CommandEffects& effects) {
  flush();
  receiver_.effects(effects);
}

void StepOutput::flush() {
  tell(out_);
  out_.clear();
}

// Bytes of the line that is being read.
void StepOutput::append(std::string_view bytes) {
  while (!in_pieces_) {
    const std::size_t limit = is_long_ ? limits_.longest_command : limits_.long_line;
    const std::size_t taken = std::min(bytes.size(), limit - pending_.size());
    pending_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (bytes.empty()) return;
    if (!is_long_ && may_be_workflow_command(pending_))
      is_long_ = true;
    else
      in_pieces_ = true;
  }
  pending_.append(bytes);
  const std::size_t cut = last_cut(pending_);
  flush();
  tell(std::string_view(pending_).substr(0, cut));
  pending_.erase(0, cut);
}

void StepOutput::end_line() {
  const std::string whole = std::exchange(pending_, std::string());
  is_long_ = false;
  if (std::exchange(in_pieces_, false))
    out_.append(whole) += '\n';
  else
    line(whole);
}

// A whole line, without its end.
void StepOutput::line(std::string_view text) {
  std::string decoded;
  if (!is_ascii(text)) text = decoded = decode_utf8(text);
  if (may_be_workflow_command(text)) {
    const CommandEffects effects = commands_.process(text);
    aborted_ = effects.aborts;
    if (effects.handled || !effects.log.empty()) tell(effects);
    if (effects.handled) return;
    if (text.find("##[") != npos) text = decoded = defuse_markers(text);
  }
  if (matchers_.active()) {
    MatcherRun::Match match = matchers_.match(text);
    if (match.consumed || !match.log.empty()) {
      CommandEffects found;
      found.handled = match.consumed;
      found.log = std::move(match.log);
      tell(found);
    }
    if (match.consumed) return;
  }
  constexpr std::size_t kMostKept = std::size_t{1} << 16;
  out_.append(text) += '\n';
  if (out_.size() > kMostKept) flush();
}

}  // namespace buildspec_run
