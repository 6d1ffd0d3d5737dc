#include "runner/buildspec/secret_reference.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "runner/buildspec/pattern.h"

namespace buildspec_run {
namespace {

std::string shown(std::string_view text) {
  const Result<SecretReference> reference = parse_secret_reference(text);
  if (!reference) return "error";
  return fmt::format("id={} key={} stage={} version={}", reference->secret_id, reference->json_key,
                     reference->version_stage, reference->version_id);
}

// buildspec.md 2.4, appendix E 19.
TEST(SecretReference, IsSplitAtColonsButNotInAnArn) {
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"S", "id=S key= stage= version="},
      {"S:K", "id=S key=K stage= version="},
      {"S:K:STAGE", "id=S key=K stage=STAGE version="},
      {"S:K::ID", "id=S key=K stage= version=ID"},
      {"S:::ID", "id=S key= stage= version=ID"},
      {"S:", "id=S key= stage= version="},
      {"arn:aws:secretsmanager:r:1:secret:n-6RANDO",
       "id=arn:aws:secretsmanager:r:1:secret:n-6RANDO key= stage= version="},
      {"arn:aws:secretsmanager:r:1:secret:n-6RANDO:K::ID",
       "id=arn:aws:secretsmanager:r:1:secret:n-6RANDO key=K stage= version=ID"},
      {"arn:aws:secretsmanager:r:1", "error"},
      {"arn:aws:secretsmanager:r:1:secret:", "error"},
      {"arn:", "error"},
      {"", "error"},
      {":K", "error"},
      {"S:K:STAGE:ID", "error"},
      {"S:a:b:c:d", "error"},
      {"S:K:::", "error"},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(shown(text), want);
  }
}

TEST(Pattern, MatchesAnywhereAsGoDoes) {
  EXPECT_TRUE(
      pattern_matches("connection (timed out|refused)", "Error: connection refused. Reason: exit status 7"));
  EXPECT_TRUE(pattern_matches(".*", ""));
  EXPECT_FALSE(pattern_matches("^exit", "Reason: exit status 1"));
  EXPECT_FALSE(pattern_matches("a(b", "a(b"));
}

TEST(Pattern, SaysWhyItCannotBeUsed) {
  EXPECT_EQ(pattern_error("a+"), std::nullopt);
  EXPECT_EQ(pattern_error("a(b"), "missing ): a(b");
  EXPECT_NE(pattern_error("(?=a)"), std::nullopt);  // no look-ahead in RE2, nor in Go
  EXPECT_NE(pattern_error("((((a{1000}){1000}){1000}){1000})"), std::nullopt);
}

}  // namespace
}  // namespace buildspec_run
