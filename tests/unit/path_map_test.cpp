#include <gtest/gtest.h>

#include "runner/container/engine.h"

namespace buildspec_run {
namespace {

// actions.md 8.6: the last added first, whole leading segments only.
TEST(PathMap, TranslatesWholeLeadingSegments) {
  PathMap map;
  map.add("/t", "/github/runner_temp");
  map.add("/t/_github_home", "/github/home");
  map.add("/w", "/github/workspace");
  EXPECT_EQ(map.to_container("/w"), "/github/workspace");
  EXPECT_EQ(map.to_container("/w/a/b"), "/github/workspace/a/b");
  EXPECT_EQ(map.to_container("/work"), "/work");
  EXPECT_EQ(map.to_container("a:/w/b"), "a:/w/b");
  EXPECT_EQ(map.to_container("/t/_github_home/x"), "/github/home/x");
  EXPECT_EQ(map.to_container("/t/other"), "/github/runner_temp/other");
  EXPECT_EQ(map.to_host("/github/workspace/a"), "/w/a");
  EXPECT_EQ(map.to_host("/github/homes"), "/github/homes");
}

}  // namespace
}  // namespace buildspec_run
