#include "runner/sys/digest.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

const Path kModules = PROJECT_BINARY_DIR "/libexec/buildspec-run";

std::unique_ptr<Sha256> sha256() {
  Result<std::unique_ptr<Sha256>> made = make_sha256(kModules);
  check(static_cast<bool>(made), "the digest module loads");
  return std::move(*made);
}

// Source: NIST, "Secure Hash Standard" examples (FIPS 180-2, appendix B), and the empty text.
struct Case {
  std::string text, want;
};
const Case kCases[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

TEST(Sha256, HasTheStandardsSums) {
  const std::unique_ptr<Sha256> sum = sha256();
  for (const auto& [text, want] : kCases) {
    sum->update(text);
    EXPECT_EQ(to_hex(sum->finish()), want) << text.size() << " bytes";
    for (const char c : text.substr(0, 100)) sum->update({&c, 1});
    sum->update(text.size() > 100 ? std::string_view(text).substr(100) : "");
    EXPECT_EQ(to_hex(sum->finish()), want) << text.size() << " bytes in pieces";
  }
}

TEST(Sha256, SumsAFile) {
  const test::TemporaryDirectory files;
  const std::unique_ptr<Sha256> sum = sha256();
  for (const auto& [text, want] : kCases) {
    test::put(files / "file", text);
    const Result<Sha256Digest> digest = sha256_of_file(*sum, files / "file");
    ASSERT_TRUE(digest) << digest.error().message;
    EXPECT_EQ(to_hex(*digest), want);
  }
  const Result<Sha256Digest> none = sha256_of_file(*sum, files / "none");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "open " + (files / "none").native() + ": No such file or directory");
  EXPECT_FALSE(sha256_of_file(*sum, files.path())) << "a directory has no bytes";
  EXPECT_EQ(to_hex(sum->finish()), kCases[0].want) << "after an error the next sum begins anew";
}

TEST(Sha256, SaysThatItsModuleIsNotThere) {
  const test::TemporaryDirectory files;
  const Result<std::unique_ptr<Sha256>> made = make_sha256(files.path());
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message.starts_with("load the digest module: " + files.path().native()))
      << made.error().message;
}

}  // namespace
}  // namespace buildspec_run
