#include "runner/supervisor/message.h"

#include <cstring>

namespace buildspec_run {
namespace {

enum class Kind : std::uint8_t {
  attach = 1,
  start,
  signal,
  end_all,
  on_death,
  end_marked,
  started = 65,
  failed,
  exited,
  ended,
  marked_ended,
  stopped
};

/// Takes fields from the front. Once something does not fit, `ok` stays false and all that is taken is empty.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }

  std::uint8_t byte() {
    const std::string_view raw = take(1);
    return raw.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(raw[0]);
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    if (const std::string_view raw = take(sizeof value); !raw.empty())
      std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  std::string_view text() {
    const std::size_t size = number();
    const std::string_view raw = take(size + 1);
    if (!ok_ || raw.find('\0') != size) {
      ok_ = false;
      return {};
    }
    return raw.substr(0, size);
  }
  /// A count of items that take at least `item_bytes` each: one that the rest cannot hold is refused before
  /// anybody makes room for it.
  std::size_t count(std::size_t item_bytes) {
    const std::size_t items = number();
    if (items > rest_.size() / item_bytes) ok_ = false;
    return ok_ ? items : 0;
  }

 private:
  std::string_view take(std::size_t bytes) {
    if (!ok_ || bytes > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::string_view rest_;
  bool ok_ = true;
};

std::vector<std::string_view> read_texts(Reader& in) {
  std::vector<std::string_view> texts(in.count(sizeof(std::uint32_t) + 1));
  for (std::string_view& text : texts) text = in.text();
  return texts;
}

class Writer {
 public:
  Writer(std::string& out, Kind kind) : out_(out), begin_(out.size()) {
    out_.append(sizeof(std::uint32_t), '\0');
    byte(static_cast<std::uint8_t>(kind));
  }
  void byte(std::uint8_t value) { out_ += static_cast<char>(value); }
  void number(std::size_t value) {
    const std::uint32_t raw = static_cast<std::uint32_t>(value);
    out_.append(reinterpret_cast<const char*>(&raw), sizeof raw);
  }
  void text(std::string_view value) {
    // The sum is kept small enough for the numbers, and a text of gigabytes is not copied in vain.
    if (value.find('\0') != value.npos || out_.size() - begin_ + value.size() > kMaxMessageBytes) ok_ = false;
    if (!ok_) return;
    number(value.size());
    out_ += value;
    out_ += '\0';
  }
  void texts(const std::vector<std::string_view>& values) {
    number(values.size());
    for (const std::string_view value : values) text(value);
  }
  bool finish() {
    const std::size_t payload = out_.size() - begin_ - sizeof(std::uint32_t);
    if (payload > kMaxMessageBytes) ok_ = false;
    if (!ok_) {
      out_.resize(begin_);
      return false;
    }
    const std::uint32_t raw = static_cast<std::uint32_t>(payload);
    std::memcpy(out_.data() + begin_, &raw, sizeof raw);
    return true;
  }

 private:
  std::string& out_;
  std::size_t begin_;
  bool ok_ = true;
};

/// 0 is no score, so that the least one, -1000, is 1.
constexpr std::int32_t kOomScoreOffset = 1001;
constexpr std::int32_t kMostOomScore = 1000;

void write_start(Writer& to, const StartRequest& start) {
  to.texts(start.argv);
  to.texts(start.env);
  to.text(start.cwd);
  to.byte(start.as_user ? 1 : 0);
  to.number(start.uid);
  to.number(start.gid);
  to.number(start.groups.size());
  for (const std::uint32_t group : start.groups) to.number(group);
  to.number(start.oom_score_adj ? static_cast<std::size_t>(*start.oom_score_adj + kOomScoreOffset) : 0);
  to.text(start.terminal);
}

struct Encoder {
  std::string& out;
  bool operator()(const AttachRequest&) const { return Writer(out, Kind::attach).finish(); }
  bool operator()(const StartRequest& start) const {
    Writer to(out, Kind::start);
    write_start(to, start);
    return to.finish();
  }
  bool operator()(const SignalRequest& signal) const { return with_number(Kind::signal, signal.number); }
  bool operator()(const EndAllRequest& end) const { return with_number(Kind::end_all, end.grace_ms); }
  bool operator()(const OnDeathRequest& request) const {
    Writer to(out, Kind::on_death);
    to.number(request.commands.size());
    for (const StartRequest& command : request.commands) write_start(to, command);
    return to.finish();
  }
  bool operator()(const EndMarkedRequest& request) const {
    Writer to(out, Kind::end_marked);
    to.text(request.variable);
    return to.finish();
  }
  bool operator()(const StartedReply& started) const { return with_number(Kind::started, started.pid); }
  bool operator()(const FailedReply& failed) const {
    Writer to(out, Kind::failed);
    to.byte(static_cast<std::uint8_t>(failed.stage));
    to.number(failed.error_number);
    return to.finish();
  }
  bool operator()(const ExitedReply& exited) const {
    Writer to(out, Kind::exited);
    to.number(exited.code);
    to.number(exited.signal);
    return to.finish();
  }
  bool operator()(const EndedReply& ended) const { return with_number(Kind::ended, ended.count); }
  bool operator()(const StoppedReply& stopped) const { return with_number(Kind::stopped, stopped.pid); }
  bool operator()(const MarkedEndedReply& ended) const {
    Writer to(out, Kind::marked_ended);
    to.number(ended.processes.size());
    for (const MarkedEndedReply::Process& process : ended.processes) {
      to.number(process.pid);
      to.text(process.name);
    }
    return to.finish();
  }

 private:
  [[nodiscard]] bool with_number(Kind kind, std::uint32_t value) const {
    Writer to(out, kind);
    to.number(value);
    return to.finish();
  }
};

std::optional<StartRequest> read_start(Reader& in) {
  StartRequest start;
  start.argv = read_texts(in);
  start.env = read_texts(in);
  start.cwd = in.text();
  const std::uint8_t as_user = in.byte();
  start.as_user = as_user == 1;
  start.uid = in.number();
  start.gid = in.number();
  start.groups.resize(in.count(sizeof(std::uint32_t)));
  for (std::uint32_t& group : start.groups) group = in.number();
  const std::uint32_t score = in.number();
  start.terminal = in.text();
  if (!in.ok() || as_user > 1 || start.argv.empty() || score > kOomScoreOffset + kMostOomScore)
    return std::nullopt;
  if (score != 0) start.oom_score_adj = static_cast<std::int32_t>(score) - kOomScoreOffset;
  return start;
}

std::optional<OnDeathRequest> read_on_death(Reader& in) {
  constexpr std::size_t kLeastBytes =
      4 * 8 + 3;  // of a command: eight numbers, a byte, and the NULs of its directory and its terminal
  OnDeathRequest request;
  const std::size_t commands = in.count(kLeastBytes);
  for (std::size_t i = 0; i < commands; ++i) {
    std::optional<StartRequest> command = read_start(in);
    if (!command) return std::nullopt;
    request.commands.push_back(std::move(*command));
  }
  if (!in.ok()) return std::nullopt;
  return request;
}

}  // namespace

Frame find_frame(std::string_view received) {
  std::uint32_t size = 0;
  if (received.size() < sizeof size) return {};
  std::memcpy(&size, received.data(), sizeof size);
  if (size == 0 || size > kMaxMessageBytes) return {Frame::State::malformed, {}, 0};
  if (received.size() - sizeof size < size) return {};
  return {Frame::State::whole, received.substr(sizeof size, size), sizeof size + size};
}

std::optional<Request> decode_request(std::string_view payload) {
  Reader in(payload);
  std::optional<Request> request;
  switch (static_cast<Kind>(in.byte())) {
    case Kind::attach:
      request = AttachRequest{};
      break;
    case Kind::start:
      if (std::optional<StartRequest> start = read_start(in)) request = std::move(*start);
      break;
    case Kind::signal:
      if (const std::uint32_t number = in.number(); number >= 1 && number <= 64)
        request = SignalRequest{number};
      break;
    case Kind::end_all:
      request = EndAllRequest{in.number()};
      break;
    case Kind::on_death:
      if (std::optional<OnDeathRequest> on_death = read_on_death(in)) request = std::move(*on_death);
      break;
    case Kind::end_marked:
      request = EndMarkedRequest{in.text()};
      break;
    default:
      break;
  }
  if (!in.at_end()) return std::nullopt;
  return request;
}

std::optional<Reply> decode_reply(std::string_view payload) {
  Reader in(payload);
  std::optional<Reply> reply;
  switch (static_cast<Kind>(in.byte())) {
    case Kind::started:
      reply = StartedReply{in.number()};
      break;
    case Kind::failed: {
      const std::uint8_t stage = in.byte();
      const std::uint32_t error_number = in.number();
      if (stage <= static_cast<std::uint8_t>(StartStage::kill))
        reply = FailedReply{static_cast<StartStage>(stage), error_number};
      break;
    }
    case Kind::exited: {
      const std::uint32_t code = in.number();
      reply = ExitedReply{code, in.number()};
      break;
    }
    case Kind::ended:
      reply = EndedReply{in.number()};
      break;
    case Kind::stopped:
      reply = StoppedReply{in.number()};
      break;
    case Kind::marked_ended: {
      MarkedEndedReply ended;
      ended.processes.resize(in.count(2 * sizeof(std::uint32_t) + 1));
      for (MarkedEndedReply::Process& process : ended.processes) {
        process.pid = in.number();
        process.name = in.text();
      }
      reply = std::move(ended);
      break;
    }
    default:
      break;
  }
  if (!in.at_end()) return std::nullopt;
  return reply;
}

bool encode(const Request& request, std::string& out) { return std::visit(Encoder{out}, request); }
bool encode(const Reply& reply, std::string& out) { return std::visit(Encoder{out}, reply); }

}  // namespace buildspec_run
