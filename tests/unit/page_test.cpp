#include "runner/cli/page.h"

#include <gtest/gtest.h>

#include "runner/base/text.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;
using test::put;
using test::TemporaryDirectory;

// Looks for what a browser would stumble over: tags that are not closed in order, bare < and &, control characters.
std::string flaw_of(const std::string& page) {
  std::vector<std::string> open;
  if (find_invalid_utf8(page)) return "no UTF-8";
  for (std::size_t at = 0; at < page.size(); ++at) {
    const char c = page[at];
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F) return "control character";
    if (c == '&') {
      const std::string rest = page.substr(at, 6);
      if (!rest.starts_with("&amp;") && !rest.starts_with("&lt;") && !rest.starts_with("&gt;") &&
          !rest.starts_with("&quot;") && !rest.starts_with("&#39;"))
        return "bare &: " + rest;
    }
    if (c != '<' || page.compare(at, 9, "<!DOCTYPE") == 0) continue;
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "open tag";
    const std::string tag = page.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (name.empty() || name.find_first_not_of("/abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos)
      return "no tag: <" + tag;
    if (tag.starts_with('/')) {
      if (open.empty() || "/" + open.back() != name) return "closes nothing: " + tag;
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(name);
      if (name == "style") at = page.find("</style>", at) - 1;
    }
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

class PageTest : public testing::Test {
 protected:
  PageTest() {
    run_.id = "20261124T060444Z-1f2e3d4c";
    run_.directory = directory_ / "a <run>";
    std::filesystem::create_directories(run_.directory);
    run_.finished =
        RunFinished{Status::failed, "BUILD", "build[1]", "make", Place{"b.yml", 3, 4}, "it failed", 3s};
    record_.started = RunStarted{"0.1.0", "/src", "", "buildspec.yml", "/bin/sh", ""};
    BuildRecord build;
    build.phases.emplace_back().name = "BUILD";
    build.phases.back().finished =
        PhaseFinished{"BUILD", Status::failed, "COMMAND_EXECUTION_ERROR", "it failed", 2s};
    record_.builds.push_back(std::move(build));
  }
  TaskRecord& task(std::string label, std::string text, Status status, const std::string& output) {
    TaskRecord& made = record_.builds[0].phases[0].tasks.emplace_back();
    made.phase = "BUILD";
    made.label = std::move(label);
    made.text = std::move(text);
    made.took = 1s;
    made.finished = TaskFinished{
        "BUILD", made.label, made.text,   {"b.yml", 3, 4}, status, {status == Status::succeeded ? 0 : 2, 0},
        1s,      "",         std::nullopt};
    if (!output.empty()) made.output.push_back({log_.size(), output.size()});
    log_ += output;
    return made;
  }
  std::string page() {
    put(run_.directory / "log", log_);
    std::string text;
    write_page(run_, record_, [&](std::string_view piece) { text += piece; });
    EXPECT_EQ(flaw_of(text), "");
    EXPECT_EQ(text.find("<script"), std::string::npos);
    return text;
  }

  TemporaryDirectory directory_;
  RunSketch run_;
  RunRecord record_;
  std::string log_;
};

TEST_F(PageTest, HasEveryCommandWithItsLog) {
  task("build[0]", "echo a", Status::succeeded, "a\nb\n");
  task("build[1]", "make", Status::failed, "boom\n");
  const std::string text = page();
  EXPECT_NE(text.find("<details id=\"b0-build-0\"><summary>"), std::string::npos) << text;
  EXPECT_NE(text.find("<details id=\"b0-build-1\" open><summary>"), std::string::npos)
      << "what failed is unfolded";
  EXPECT_NE(text.find("<a id=\"b0-build-0-2\" href=\"#b0-build-0-2\">2</a>b\n"), std::string::npos);
  EXPECT_NE(text.find("<a href=\"#b0-build-1\">build[1]</a>"), std::string::npos) << "the first failure";
  EXPECT_NE(text.find("exit status 2"), std::string::npos);
  EXPECT_NE(text.find("file://"), std::string::npos);
  EXPECT_NE(text.find("/a%20%3Crun%3E/log"), std::string::npos);
}

TEST_F(PageTest, NothingOfTheBuildIsMarkup) {
  const std::string nasty =
      "</pre><script>alert(1)</script>\" onload='x' &amp; \x1b]0;title\a\x1b[2J\x01\xff\xE2\x80\xAE";
  TaskRecord& made = task("build[0]\"><b>", nasty, Status::failed, nasty + "\n" + nasty);
  made.finished->hint = nasty;
  made.place.file = nasty;
  made.step = StepResult{nasty, nasty, nasty, nasty};
  record_.started = RunStarted{nasty, nasty, nasty, nasty, nasty, nasty};
  record_.diagnosed.push_back({nasty, nasty, nasty, Place{nasty, 1, 1}, nasty});
  BuildRecord& build = record_.builds[0];
  build.annotations.push_back({nasty, nasty, nasty, nasty, nasty, 1, 1, 1, 1});
  build.summaries.push_back({nasty, nasty, nasty});
  build.exported.push_back({nasty, nasty});
  build.phases[0].name = nasty;
  build.phases[0].finished = PhaseFinished{nasty, Status::failed, nasty, nasty, 1s};
  run_.finished = RunFinished{Status::failed, nasty, nasty, nasty, Place{nasty, 1, 1}, nasty, 1s};
  page();  // holds it against flaw_of
}

TEST_F(PageTest, AnAnnotationNamesItsPlaceWhenItHasOne) {
  task("build[0]", "x", Status::failed, "");
  record_.builds[0].annotations.push_back({"build[0]", "error", "bad", "", "src/a.c", 3, 3, 7, 7});
  record_.builds[0].annotations.push_back({"build[0]", "notice", "well", "", "", 0, 0, 0, 0});
  const std::string text = page();
  EXPECT_NE(text.find("<td><code>src/a.c:3:7</code></td><td>bad</td>"), std::string::npos);
  EXPECT_NE(text.find("<td></td><td>well</td>"), std::string::npos);
}

TEST_F(PageTest, ColoursOfTheLogAreKept) {
  task("build[0]", "x", Status::succeeded,
       "\x1b[1;31mred\x1b[0m \x1b[38;5;200mpink\x1b[m \x1b[92mgreen\nstill\x1b[0m\n");
  const std::string text = page();
  EXPECT_NE(text.find("<span class=\"c1 b\">red</span> pink <span class=\"c2\">green</span>\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("<span class=\"c2\">still</span>"), std::string::npos);
}

TEST_F(PageTest, ALongOutputIsShownByItsEnds) {
  std::string lines;
  for (int i = 1; i <= 100'000; ++i) lines += fmt::format("line {}\n", i);
  task("build[0]", "x", Status::succeeded, lines);
  const std::string text = page();
  EXPECT_LT(text.size(), 1'000'000u);
  EXPECT_NE(text.find(">1</a>line 1\n"), std::string::npos);
  EXPECT_NE(text.find(">100000</a>line 100000\n"), std::string::npos) << "numbered as in the whole";
  EXPECT_EQ(text.find("line 50000\n"), std::string::npos);
  EXPECT_NE(text.find(" left out, up to line "), std::string::npos);
}

// What is behind a failure stands at the end: it is seen without a click.
TEST_F(PageTest, OfAFailureTheEndIsUnfolded) {
  std::string lines;
  for (int i = 1; i <= 1000; ++i) lines += fmt::format("line {}\n", i);
  task("build[0]", "x", Status::failed, lines);
  const std::string text = page();
  const std::size_t fold = text.find("<details><summary>lines 1 to 940</summary>");
  ASSERT_NE(fold, std::string::npos);
  const std::size_t end = text.find("</details>", fold);
  EXPECT_LT(text.find(">940</a>line 940\n"), end);
  EXPECT_GT(text.find(">941</a>line 941\n"), end);
}

TEST_F(PageTest, ManyOutputsStayAPage) {
  for (int i = 0; i < 1000; ++i)
    task(fmt::format("build[{}]", i), "x", Status::succeeded, std::string(60'000, '.') + "\n");
  task("build[1000]", "x", Status::failed, "why it failed\n");
  const std::string text = page();
  EXPECT_LT(text.size(), 12'000'000u);
  EXPECT_NE(text.find("in the log</a>, at byte "), std::string::npos);
  EXPECT_NE(text.find("why it failed"), std::string::npos) << "what failed is there in any case";
}

TEST_F(PageTest, ARunThatBrokeOffIsAPage) {
  run_.finished.reset();
  record_.started.reset();
  record_.builds[0].phases[0].finished.reset();
  task("build[0]", "x", Status::succeeded, "out\n").finished.reset();
  EXPECT_NE(page().find("it has no end"), std::string::npos);
  record_.builds.clear();
  page();
}

}  // namespace
}  // namespace buildspec_run
