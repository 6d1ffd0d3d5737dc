#include "runner/sys/digest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "runner/base/check.h"
#include "runner/sys/digest_module.h"
#include "runner/sys/module.h"

namespace buildspec_run {
namespace {

class ModuleSha256 : public Sha256 {
 public:
  ModuleSha256(const BuildspecRunSha256& functions, void* state) : functions_(functions), state_(state) {}
  ModuleSha256(const ModuleSha256&) = delete;
  ModuleSha256& operator=(const ModuleSha256&) = delete;
  ~ModuleSha256() override { functions_.free(state_); }

  void update(std::string_view bytes) override {
    check(functions_.update(state_, bytes.data(), bytes.size()) != 0, "SHA-256 takes bytes");
  }
  Sha256Digest finish() override {
    Sha256Digest digest{};
    check(functions_.finish(state_, digest.data()) != 0, "SHA-256 has a sum");
    return digest;
  }

 private:
  const BuildspecRunSha256& functions_;
  void* state_;
};

}  // namespace

Result<std::unique_ptr<Sha256>> make_sha256(const Path& modules) {
  Result<void*> symbol = load_module(modules, "digest", BUILDSPEC_RUN_SHA256_NAME);
  if (!symbol) return std::move(symbol.error());
  const auto& functions = *static_cast<const BuildspecRunSha256*>(*symbol);
  void* const state = functions.make();
  if (state == nullptr) return Error{"SHA-256: libcrypto does not provide it"};
  return std::unique_ptr<Sha256>(new ModuleSha256(functions, state));
}

Result<Sha256Digest> sha256_of_file(Sha256& sha256, const Path& path, const std::function<bool()>& go_on) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return system_error("open " + path.native(), errno);
  std::array<char, 65536> piece;
  for (;;) {
    const bool stopped = go_on && !go_on();
    const ssize_t got = stopped ? -1 : ::read(file, piece.data(), piece.size());
    if (!stopped && got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const int failed = stopped ? ECANCELED : got < 0 ? errno : 0;
      ::close(file);
      const Sha256Digest digest = sha256.finish();  // also after an error: the next sum begins anew
      if (failed != 0) return system_error("read " + path.native(), failed);
      return digest;
    }
    sha256.update({piece.data(), static_cast<std::size_t>(got)});
  }
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace buildspec_run
