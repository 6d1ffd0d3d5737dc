// The one door out: every event is numbered, stamped and masked here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner/event/event.h"
#include "runner/event/masker.h"

namespace buildspec_run {

class EventStream {
 public:
  EventStream(EventSink& sink, std::string run_id);
  EventStream(const EventStream&) = delete;

  /// Secrets known from now on; output already told stays as it is.
  [[nodiscard]] Masker& masker() noexcept { return masker_; }

  /// Tells what `flush_output` would, masks every text of `body` and hands it on. Not for Output.
  void tell(EventBody body);
  /// Output of the running task: through the stream masker, in events of at most 64 KiB, whole lines where
  /// possible. All of it is told before this returns, an unfinished line too, but for what the masker holds
  /// back and the last bytes of a UTF-8 character or a CR LF that the chunk has cut.
  void output(std::string_view chunk, bool background = false);
  /// The task has ended: what the masker holds back is told now, before anything else.
  void flush_output();
  void tick() { sink_.tick(); }

  void set_build(std::string build_id) { build_id_ = std::move(build_id); }
  void set_task(std::string task) { task_ = std::move(task); }

 private:
  void emit(EventBody body);
  void emit_output(std::string_view text);

  EventSink& sink_;
  Masker masker_;
  Masker::Stream stream_;
  std::string pending_;  // masked, not yet told; between calls a few bytes at most
  bool pending_background_ = false;
  std::string run_id_, build_id_, task_;
  std::uint64_t sequence_ = 0;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace buildspec_run
