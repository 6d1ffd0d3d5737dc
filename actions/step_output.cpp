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
std::string defuse_markers(std::string line) {
  std::size_t at = line.find("##[");
  if (at == npos) return line;
  std::string defused;
  std::string_view rest = line;
  for (; at != npos; at = rest.find("##[")) {
    defused.append(rest.substr(0, at + 3));
    rest.remove_prefix(at + 3);
    if (rest.starts_with("start-action") || rest.starts_with("end-action")) defused += '\\';
  }
  return defused.append(rest);
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
  bool active = matchers_.active();
  std::size_t plain_from = 0;  // whole lines from there to `at` are plain, and not told yet
  const auto tell_plain = [&](std::size_t end) {
    if (plain_from < end) plain(chunk.substr(plain_from, end - plain_from));
  };
  for (std::size_t at = 0; at < chunk.size();) {
    const char* lf = static_cast<const char*>(std::memchr(chunk.data() + at, '\n', chunk.size() - at));
    const std::size_t end =
        std::min(lf == nullptr ? npos : static_cast<std::size_t>(lf - chunk.data()), cr.from(at));
    const bool begins_plain = static_cast<unsigned char>(chunk[at]) > ' ' &&
                              static_cast<unsigned char>(chunk[at]) < 0x80 && chunk[at] != ':';
    if (end != npos && chunk[end] == '\n' && pending_.empty() && !in_pieces_ && !active &&
        end - at <= limits_.long_line && hash.from(at) >= end &&
        (begins_plain || !trim_start(chunk.substr(at, end - at)).starts_with("::"))) {
      at = end + 1;
      continue;
    }
    tell_plain(at);
    append(chunk.substr(at, end == npos ? npos : end - at));
    if (end == npos) return;
    end_line();
    if (aborted_) return;
    active = matchers_.active();
    at = end + 1;
    if (chunk[end] == '\r') {
      if (at == chunk.size())
        after_cr_ = true;
      else if (chunk[at] == '\n')
        ++at;
    }
    plain_from = at;
  }
  tell_plain(chunk.size());
}

void StepOutput::finish() {
  if (aborted_ || (pending_.empty() && !in_pieces_)) return;
  end_line();
}

void StepOutput::plain(std::string_view lines) {
  if (is_ascii(lines))
    receiver_.text(lines);
  else
    receiver_.text(decode_utf8(lines));
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
  plain(std::string_view(pending_).substr(0, cut));
  pending_.erase(0, cut);
}

void StepOutput::end_line() {
  std::string line = std::exchange(pending_, std::string());
  is_long_ = false;
  if (std::exchange(in_pieces_, false)) return plain(line += '\n');
  if (!is_ascii(line)) line = decode_utf8(line);
  const CommandEffects effects = commands_.process(line);
  aborted_ = effects.aborts;
  if (effects.handled || !effects.log.empty()) receiver_.effects(effects);
  if (effects.handled) return;
  line = defuse_markers(std::move(line));
  if (matchers_.active()) {
    CommandEffects found;
    MatcherRun::Match match = matchers_.match(line);
    found.handled = match.consumed;
    found.log = std::move(match.log);
    if (found.handled || !found.log.empty()) receiver_.effects(found);
    if (found.handled) return;
  }
  receiver_.text(line += '\n');
}

}  // namespace buildspec_run
