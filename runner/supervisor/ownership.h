// Whose files a container has left. Used by the runner, which may only look, and by the supervisor's program inside a
// container, where it is root and may change what it finds.
#pragma once

#include <cstdint>

namespace buildspec_run {

struct Owner {
  std::uint32_t user = 0, group = 0;
  /// What was last changed before this, by its inode's change time in nanoseconds since 1970, is left alone.
  std::int64_t since_ns = 0;
};

/// Whether `directory` holds something that is not `owner.user`'s, or holds so much that this cannot be told. Links are not
/// followed, and other file systems below it not entered.
[[nodiscard]] bool holds_foreign(const char* directory, const Owner& owner);

/// Gives all of it to the owner. Goes on after an error and returns the first error number, 0 when there was none.
[[nodiscard]] int give_to(const char* directory, const Owner& owner);

/// What user or group `outside` of the user namespace around this one is called here, by /proc/self/uid_map or gid_map
/// (`map`): in a rootless engine's container the caller is 0. Not mapped: `outside`.
[[nodiscard]] std::uint32_t id_inside(const char* map, std::uint32_t outside);

}  // namespace buildspec_run
