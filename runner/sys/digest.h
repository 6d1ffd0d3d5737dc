// SHA-256, by libcrypto, in a shared module of its own that is loaded at the first use.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/sys/files.h"

namespace buildspec_run {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// One sum at a time: `update` as often as there are bytes, then `finish`.
class Sha256 {
 public:
  virtual ~Sha256() = default;
  virtual void update(std::string_view bytes) = 0;
  /// The sum of all bytes since the last `finish`; the next one begins.
  virtual Sha256Digest finish() = 0;
};

/// Loads the module when it is not yet there. May be called on any thread; one Sha256 is for one thread. `modules`:
/// absolute path of the directory that the program's shared modules lie in.
Result<std::unique_ptr<Sha256>> make_sha256(const Path& modules);

/// The sum of a regular file's bytes, read piece by piece. A link is followed. `go_on`, when given, is asked before each piece of 64 KiB;
/// its no is an Error (ECANCELED).
Result<Sha256Digest> sha256_of_file(Sha256& sha256, const Path& path,
                                    const std::function<bool()>& go_on = {});

/// Lower case, two digits a byte.
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);

}  // namespace buildspec_run
