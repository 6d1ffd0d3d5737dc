// A directory of its own for a test, gone when the test ends.
#pragma once

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace buildspec_run::test {

/// A new directory below $TMPDIR (else /tmp), mode 0700; removed with all that is in it. Aborts when it
/// cannot be made.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(std::string_view prefix = "buildspec-run-test-", std::string base = {}) {
    const char* variable = ::getenv("TMPDIR");
    if (base.empty()) base = variable != nullptr && *variable != '\0' ? variable : "/tmp";
    std::string name = base + "/" + std::string(prefix) + "XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      std::perror(name.c_str());
      std::abort();
    }
    path_ = std::filesystem::canonical(name);  // so that a path printed by another program compares equal
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& below) const { return path_ / below; }

 private:
  std::filesystem::path path_;
};

/// The bytes of a file; empty when it cannot be read.
inline std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Writes a file, with its missing parents.
inline void put(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

}  // namespace buildspec_run::test
