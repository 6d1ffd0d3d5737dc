#include "runner/exec/step_contexts.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

TEST(RepositoryName, IsReadFromARemotesAddress) {
  struct Case {
    std::string_view url, want;
  };
  constexpr Case kCases[] = {
      {"https://github.com/owner/repo.git", "owner/repo"},
      {"https://github.com/owner/repo", "owner/repo"},
      {"https://github.com/owner/repo/", "owner/repo"},
      {"git@github.com:owner/repo.git", "owner/repo"},
      {"ssh://git@host:22/owner/repo.git", "owner/repo"},
      {"https://gitlab.com/group/sub/repo.git", "sub/repo"},
      {"https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/r", "repos/r"},
      {"file:///home/me/owner/repo", ""},
      {"/home/me/owner/repo.git", ""},
      {"https://host/repo", ""},
      {"", ""},
      {"https://", ""},
  };
  for (const auto& [url, want] : kCases) {
    SCOPED_TRACE(url);
    EXPECT_EQ(repository_name(url).full(), want);
  }
}

// actions.md 6.1: which members of the context are variables of a process.
TEST(GithubContext, ExportsStringsAndBooleansAlone) {
  DatumObject github;
  github.set("token", "t");
  github.set("event", DatumObject());
  github.set("ref_protected", false);
  github.set("secret_source", "None");
  github.set("repositoryUrl", "git://x");
  github.set("sha", "abc");
  github.set("action_status", "success");
  const std::vector<std::pair<std::string, std::string>> want = {{"GITHUB_REF_PROTECTED", "false"},
                                                                 {"GITHUB_SHA", "abc"}};
  EXPECT_EQ(exported_variables(github), want);
}

TEST(GithubContext, KnowsTheRefAndTheRepository) {
  Request request;
  request.buildspec_name = "ci/build.yml";
  request.project = "demo";
  request.initiator = "me";
  GitFacts git;
  git.commit = "c0ffee";
  git.branch = "feature/x";
  git.remote_url = "git@github.com:o/r.git";
  const JobFacts facts = {request, git, "build", 2, {"/work/src", "/tmp/t", "/tools"}};
  const auto text = [](const DatumObject& github, std::string_view name) {
    const Datum* found = github.find(name);
    return found == nullptr ? std::string("?") : found->to_string();
  };
  const DatumObject pushed = github_context(facts, Datum(DatumObject()), "");
  EXPECT_EQ(text(pushed, "ref"), "refs/heads/feature/x");
  EXPECT_EQ(text(pushed, "ref_name"), "feature/x");
  EXPECT_EQ(text(pushed, "ref_type"), "branch");
  EXPECT_EQ(text(pushed, "repository_owner"), "o");
  EXPECT_EQ(text(pushed, "repositoryUrl"), "git://github.com/o/r.git");
  EXPECT_EQ(text(pushed, "workflow_ref"), "o/r/ci/build.yml@refs/heads/feature/x");
  EXPECT_EQ(text(pushed, "event_name"), "push");
  EXPECT_EQ(text(pushed, "run_attempt"), "2");
  git.branch.clear();
  git.tag = "v1";
  const DatumObject tagged = github_context(facts, Datum(DatumObject()), "");
  EXPECT_EQ(text(tagged, "ref"), "refs/tags/v1");
  EXPECT_EQ(text(tagged, "ref_type"), "tag");
  request.steps.server_url = "https://ghe.example";
  request.steps.event_name = "schedule";
  const DatumObject other = github_context(facts, Datum(DatumObject()), "");
  EXPECT_EQ(text(other, "api_url"), "https://ghe.example/api/v3");
  EXPECT_EQ(text(other, "event_name"), "schedule");
}

// services.md 4.3
TEST(GithubContext, CacheScopes) {
  const auto scopes = [](const std::string& ref, const std::string& base, const std::string& event) {
    StepOptions options;
    options.event_json = event;
    DatumObject github;
    github.set("ref", ref);
    github.set("base_ref", base);
    github.set("event", *read_event(options));
    std::string text;
    for (const CacheScope& scope : cache_scopes(github))
      text += scope.ref + (scope.may_write ? " rw, " : ", ");
    return text;
  };
  const std::string says_trunk = R"({"repository": {"default_branch": "trunk"}})";
  EXPECT_EQ(scopes("refs/heads/x", "", says_trunk), "refs/heads/x rw, refs/heads/trunk, ");
  EXPECT_EQ(scopes("refs/heads/trunk", "", says_trunk), "refs/heads/trunk rw, ");
  EXPECT_EQ(scopes("refs/pull/7/merge", "y", says_trunk),
            "refs/pull/7/merge rw, refs/heads/y, refs/heads/trunk, ");
  EXPECT_EQ(scopes("refs/heads/main", "", "{}"), "refs/heads/main rw, refs/heads/master, ");
  EXPECT_EQ(scopes("", "", "{}"), "local rw, refs/heads/main, refs/heads/master, ");
}

TEST(Event, HasToBeAnObject) {
  StepOptions options;
  EXPECT_TRUE(read_event(options));
  options.event_json = "[]";
  EXPECT_FALSE(read_event(options));
  options.event_json = "{";
  EXPECT_FALSE(read_event(options));
}

}  // namespace
}  // namespace buildspec_run
