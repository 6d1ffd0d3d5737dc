// What the runner and its supervisor say to each other over a socket pair: frames of a length and a payload.
// Both ends run on one machine, so numbers are in its byte order. Either side treats a malformed frame as the
// end of the other.
//
//   frame    u32 number of payload bytes (1 to kMaxMessageBytes), payload
//   payload  u8 kind, then the kind's fields in the order of its struct
//   text     u32 number of bytes, the bytes (none of them NUL), NUL; so that a reader can use it in place as
//   a C string list     u32 number of items, the items
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace buildspec_run {

/// More than any kernel lets a process be started with (Linux: 6 MiB of arguments and environment).
inline constexpr std::size_t kMaxMessageBytes = std::size_t{16} << 20;

/// The descriptor at which the supervisor finds its end of the socket.
inline constexpr int kSupervisorSocket = 3;

/// The argument that has the supervisor stay in the session it was started in, with a process group of its own: what it
/// starts can have that session's terminal.
inline constexpr char kOnTerminal[] = "on-terminal";

// From the runner to the supervisor.

/// Comes with the descriptor that both streams of every process are written to.
struct AttachRequest {
  bool operator==(const AttachRequest&) const = default;
};
/// Start a process. Answered by StartedReply and, later, ExitedReply; or by FailedReply.
struct StartRequest {
  std::vector<std::string_view> argv;
  std::vector<std::string_view> env;  // NAME=VALUE
  std::string_view cwd;
  bool as_user = false;  // become uid, gid and groups
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;
  /// How ready the kernel is to kill it when memory runs out, -1000 to 1000 (proc(5)); as far as we may. Without: as
  /// the supervisor.
  std::optional<std::int32_t> oom_score_adj = std::nullopt;
  /// Path of the terminal that all three streams are to be, and whose foreground its group becomes: of a supervisor that
  /// was started with kOnTerminal, in the terminal's session. Empty: none.
  std::string_view terminal = {};
  bool operator==(const StartRequest&) const = default;
};
/// Signal the group of the process that runs; SIGKILL ends everything that descends from it as well. No
/// answer.
struct SignalRequest {
  std::uint32_t number = 0;  // 1 to 64
  bool operator==(const SignalRequest&) const = default;
};
/// End every descendant: SIGTERM, and SIGKILL after the grace. Answered by EndedReply. A second one shortens
/// the grace of the first, and both get the one answer.
struct EndAllRequest {
  std::uint32_t grace_ms = 0;
  bool operator==(const EndAllRequest&) const = default;
};
/// End, by SIGKILL, every descendant that was started with this variable, NAME=VALUE, in its environment. Answered by
/// MarkedEndedReply.
struct EndMarkedRequest {
  std::string_view variable;
  bool operator==(const EndMarkedRequest&) const = default;
};
/// What is to be run when the runner, or the half of the supervisor that serves it, is gone and every descendant has been
/// ended: instead of what an earlier one said. It clears away what is no descendant, such as a container. No answer.
struct OnDeathRequest {
  std::vector<StartRequest> commands;
  bool operator==(const OnDeathRequest&) const = default;
};
using Request =
    std::variant<AttachRequest, StartRequest, SignalRequest, EndAllRequest, OnDeathRequest, EndMarkedRequest>;

// From the supervisor to the runner.

struct StartedReply {
  std::uint32_t pid = 0;
  bool operator==(const StartedReply&) const = default;
};
/// What was being done for a process when it failed.
enum class StartStage : std::uint8_t { fork, session, streams, groups, group, user, cwd, exec, kill };
struct FailedReply {
  StartStage stage = StartStage::fork;
  std::uint32_t error_number = 0;
  bool operator==(const FailedReply&) const = default;
};
struct ExitedReply {
  std::uint32_t code = 0;
  std::uint32_t signal = 0;  // 0: it exited by itself, with `code`
  bool operator==(const ExitedReply&) const = default;
};
/// The process that runs has been stopped by a signal, and nobody but the runner can continue it. Told of a process on a
/// terminal alone: what a build has stopped is the build's business.
struct StoppedReply {
  std::uint32_t pid = 0;
  bool operator==(const StoppedReply&) const = default;
};
struct EndedReply {
  std::uint32_t count = 0;  // how many processes there were
  bool operator==(const EndedReply&) const = default;
};
/// Which processes those were.
struct MarkedEndedReply {
  struct Process {
    std::uint32_t pid = 0;
    std::string name;  // as the kernel has it: at most 15 bytes
    bool operator==(const Process&) const = default;
  };
  /// So many are named at most: more would not fit the socket's buffer.
  static constexpr std::size_t kMost = 1000;
  std::vector<Process> processes;
  bool operator==(const MarkedEndedReply&) const = default;
};
using Reply =
    std::variant<StartedReply, FailedReply, ExitedReply, EndedReply, MarkedEndedReply, StoppedReply>;

/// The first frame of what has been received.
struct Frame {
  enum class State { incomplete, whole, malformed };
  State state = State::incomplete;
  std::string_view payload;  // points into the bytes
  std::size_t bytes = 0;     // of the whole frame
};
[[nodiscard]] Frame find_frame(std::string_view received);

/// Reads a payload. The texts of the result point into it. nullopt: malformed.
[[nodiscard]] std::optional<Request> decode_request(std::string_view payload);
[[nodiscard]] std::optional<Reply> decode_reply(std::string_view payload);

/// Appends a frame. False, and nothing appended, when a text holds a NUL or the frame would be too large.
[[nodiscard]] bool encode(const Request& request, std::string& out);
[[nodiscard]] bool encode(const Reply& reply, std::string& out);

}  // namespace buildspec_run
