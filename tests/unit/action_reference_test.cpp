#include "actions/action_reference.h"

#include <gtest/gtest.h>

#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

std::string dump(const Result<ActionReference>& reference) {
  if (!reference) return "error " + reference.error().message;
  return std::visit(overloaded{[](const RepositoryReference& r) {
                                 return "repository " + r.name() + " path=" + r.path + " ref=" + r.ref;
                               },
                               [](const LocalReference& r) { return "local " + r.path; },
                               [](const ImageReference& r) { return "image " + r.image; },
                               [](const SelfReference& r) { return "self " + r.path; }},
                    *reference);
}

// actions.md 1.1, 1.2, 13.10.
TEST(ActionReference, IsReadByTheFirstRuleThatFits) {
  struct Case {
    std::string_view text, want;
  };
  constexpr Case kCases[] = {
      {"docker://alpine:3", "image alpine:3"},
      {"DOCKER://alpine", "error Expected format {org}/{repo}[/path]@ref. Actual 'DOCKER://alpine'"},
      {"./x", "local ./x"},
      {".\\x", "local .\\x"},
      {"$/x/y@z", "self x/y@z"},
      {"$///x", "self x"},
      {"$/", "error Expected format {org}/{repo}[/path]@ref. Actual '$/'"},
      {"a/b@v1", "repository a/b path= ref=v1"},
      {"a//b/c/@v1", "repository a/b path=c ref=v1"},
      {"a\\b\\c/d@feature/x", "repository a/b path=c/d ref=feature/x"},
      {"a/b@v1@v2", "error Expected format {org}/{repo}[/path]@ref. Actual 'a/b@v1@v2'"},
      {"a/b@", "error Expected format {org}/{repo}[/path]@ref. Actual 'a/b@'"},
      {"//./r@o", "error Expected format {org}/{repo}[/path]@ref. Actual '//./r@o'"},
      {"/$/r@o", "error Expected format {org}/{repo}[/path]@ref. Actual '/$/r@o'"},
      {"a@v1", "error Expected format {org}/{repo}[/path]@ref. Actual 'a@v1'"},
      {"a/b", "error Expected format {org}/{repo}[/path]@ref. Actual 'a/b'"},
      {"", "error Expected format {org}/{repo}[/path]@ref. Actual ''"},
      {"o/r/.github/workflows/x.yml@main", "repository o/r path=.github/workflows/x.yml ref=main"},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(dump(parse_action_reference(text)), want);
  }
}

}  // namespace
}  // namespace buildspec_run
