// Whatever arrives at a supervisor's socket, its frames are found and read without harm, and a message has
// one spelling: what can be read is written again as the very bytes it was read from.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runner/supervisor/message.h"
#include "runner/supervisor/process_table.h"

namespace {

template <class Message>
void expect_same_bytes(const std::optional<Message>& message, std::string_view frame) {
  std::string again;
  if (message && (!buildspec_run::encode(*message, again) || again != frame)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view received(reinterpret_cast<const char*>(data), size);
  (void)buildspec_run::parse_process_stat(received);
  for (;;) {
    const buildspec_run::Frame frame = buildspec_run::find_frame(received);
    if (frame.state != buildspec_run::Frame::State::whole) return 0;
    const std::string_view bytes = received.substr(0, frame.bytes);
    expect_same_bytes(buildspec_run::decode_request(frame.payload), bytes);
    expect_same_bytes(buildspec_run::decode_reply(frame.payload), bytes);
    received.remove_prefix(frame.bytes);
  }
}
