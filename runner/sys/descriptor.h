// A file descriptor with an owner.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace buildspec_run {

/// Owns a descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

  /// Closes now: some file systems report only here that there was no room. Returns errno, 0 when it went
  /// well.
  [[nodiscard]] int close() noexcept {
    return ::close(release()) == 0 || errno == EINTR ? 0 : errno;  // Linux has closed it, EINTR or not
  }

 private:
  int fd_ = -1;
};

/// openat(2), again when a signal came between; always O_CLOEXEC.
inline Descriptor open_at(int directory, const char* name, int flags, mode_t mode = 0) noexcept {
  for (;;) {
    const int fd = ::openat(directory, name, flags | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return Descriptor(fd);
  }
}

}  // namespace buildspec_run
