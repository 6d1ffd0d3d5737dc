// Any bytes as an archive. The laws: nothing crashes or hangs; nothing is written outside of the directory; no link leads
// out of it; what was unpacked whole has the digest that reading it again gives.
//
// The first byte says what the rest is: an even one, the archive as it is; an odd one, entries to put into a tar (kind,
// length of path, path, length of target or content, that), as no mutation of bytes finds a header's checksum.
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "runner/archive/unpack.h"
#include "runner/sys/digest.h"
#include "runner/sys/files.h"
#include "runner/sys/tree.h"
#include "tests/support/tar.h"

using namespace buildspec_run;

namespace {

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";

void require(bool holds, const char* law) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", law);
  std::abort();
}

std::string archive_of(std::string_view bytes) {
  if (bytes.empty() || bytes.front() % 2 == 0) return std::string(bytes.substr(bytes.empty() ? 0 : 1));
  bytes.remove_prefix(1);
  const auto take = [&](std::size_t count) {
    const std::string_view taken = bytes.substr(0, count);
    bytes.remove_prefix(taken.size());
    return taken;
  };
  const auto number = [&] {
    const std::string_view one = take(1);
    return one.empty() ? std::size_t{0} : static_cast<unsigned char>(one.front());
  };
  std::string archive;
  while (!bytes.empty()) {
    constexpr std::string_view kKinds = "01234567xgLK";
    const char kind = kKinds[number() % kKinds.size()];
    const std::string_view path = take(number());
    const std::string_view rest = take(number());
    // As it is, or below the one directory there should be.
    const std::string whole = (path.size() % 3 == 0 ? "" : "top/") + std::string(path);
    archive +=
        test::tar_entry(whole, kind, kind == '1' || kind == '2' ? "" : rest, rest, kind == '5' ? 0755 : 0644);
  }
  return archive + test::tar_end();
}

struct Place {
  Path base, root, archive;
  Place() {
    std::string name = "/tmp/tarball_fuzz_XXXXXX";
    require(::mkdtemp(name.data()) != nullptr, "a directory can be made");
    base = name;
    root = base / "a/root";
    archive = base / "archive";
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(base, ignored);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Place place;
  static const std::unique_ptr<Sha256> sha256 = [] {
    Result<std::unique_ptr<Sha256>> made = make_sha256(kModules);
    require(static_cast<bool>(made), "the digest module loads");
    return std::move(*made);
  }();
  std::filesystem::create_directories(place.root);
  const std::string archive = archive_of({reinterpret_cast<const char*>(data), size});
  require(static_cast<bool>(replace_file(place.archive, archive)), "the archive can be written");
  TreeLimits limits;
  limits.bytes = 1 << 20;
  limits.entries = 1000;
  const Result<TreeSummary> done = unpack(kModules, place.archive, place.root, limits);

  const auto names = [](const Path& directory) {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      all += entry.path().filename().native() + " ";
    return all;
  };
  const std::string beside = names(place.base);
  require(beside == "a archive " || beside == "archive a ", "nothing is written outside");
  require(names(place.base / "a") == "root ", "nothing is written beside the directory");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place.root)) {
    if (!entry.is_symlink()) continue;
    std::error_code failed;
    const Path target = std::filesystem::weakly_canonical(entry.path(), failed);
    require(failed || target == place.root || target.native().starts_with(place.root.native() + "/"),
            "no link leads out");
  }
  if (done) {
    const Result<TreeSummary> again = sum_up_tree(place.root, *sha256);
    require(
        again && again->digest == done->digest && again->files == done->files && again->bytes == done->bytes,
        "the digest is that of what is there");
    require(done->bytes <= limits.bytes, "the limit holds");
  } else {
    require(!done.error().message.empty(), "an error says something");
  }
  require(static_cast<bool>(remove_tree(place.root)), "what was unpacked can be removed");
  return 0;
}
