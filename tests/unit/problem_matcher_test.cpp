#include "actions/problem_matcher.h"

#include <gtest/gtest.h>

#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

using namespace std::chrono_literals;

std::string dump(const MatcherRun::Match& match) {
  std::string text = match.consumed ? "" : "-";
  for (const LogEntry& entry : match.log) {
    if (!text.empty()) text += " | ";
    text += std::visit(overloaded{[](const std::string& line) { return line; },
                                  [](Annotation annotation) {
                                    annotation.log_text.clear();
                                    return buildspec_run::dump(annotation);
                                  }},
                       entry);
  }
  return text;
}

// Files by their paths.
class Files : public MatcherFiles {
 public:
  std::map<std::string, std::string> files;
  int reads = 0;
  bool is_file(const std::string& path) override { return files.contains(path); }
  std::optional<std::string> read(const std::string& path) override {
    ++reads;
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  }
};

std::string add(ProblemMatchers& matchers, std::string_view json) {
  const Result<std::vector<MatcherSpec>> specs = parse_problem_matchers(json);
  if (!specs) return specs.error().message;
  const Result<void> added = matchers.add(*specs);
  return added ? "added" : added.error().message;
}

// A file of one matcher "x" with these further members and patterns.
std::string file(std::string_view members, std::string_view patterns) {
  return fmt::format(R"j({{"problemMatcher":[{{"owner":"x",{}"pattern":[{}]}}]}})j", members, patterns);
}

using Found = std::vector<std::string>;
Found run(std::string_view json, std::initializer_list<std::string_view> lines,
          MatcherRun::Options options = {}) {
  ProblemMatchers matchers;
  EXPECT_EQ(add(matchers, json), "added");
  MatcherRun process(matchers, std::move(options));
  Found found;
  for (const std::string_view line : lines) found.push_back(dump(process.match(line)));
  return found;
}

// actions.md 3.16, the table of validation errors.
TEST(ProblemMatcher, SaysWhatIsWrongWithAFile) {
  const std::pair<std::string, std::string_view> kCases[] = {
      {R"j({"problemMatcher":[{"pattern":[{"regexp":"(a)","message":1}]}]})j", "Owner must not be empty"},
      {file(R"j("severity":"bad",)j", R"j({"regexp":"(a)","message":1})j"),
       "Matcher 'x' contains unexpected default severity 'bad'"},
      {file("", ""), "Matcher 'x' does not contain any patterns"},
      {R"j({"problemMatcher":[{"owner":"x"}]})j", "Matcher 'x' does not contain any patterns"},
      {file("", R"j({"regexp":"(a)","message":1,"loop":true})j"),
       "Only the last pattern in a multiline matcher may set 'loop'"},
      {file("", R"j({"regexp":"(a)","loop":true},{"regexp":"(a)","message":1})j"),
       "Only the last pattern in a multiline matcher may set 'loop'"},
      {file("", R"j({"regexp":"a"},{"regexp":"(a)","message":1,"loop":true},{"regexp":"b"})j"),
       "Only the last pattern in a multiline matcher may set 'loop'"},
      {file("", R"j({"regexp":"(a)","message":1},{"regexp":"(a)","loop":true})j"),
       "The loop pattern must set 'message'"},
      {file("", R"j({"regexp":"(a)","message":1},{"regexp":"(a)","message":1})j"),
       "The property 'message' is set twice"},
      {file("", R"j({"regexp":"(a)","file":1},{"regexp":"(a)","message":1,"file":1})j"),
       "The property 'file' is set twice"},
      {file("", R"j({"regexp":"(a)","message":2})j"),
       "The property 'message' is set to 2 which is out of range"},
      {file("", R"j({"regexp":"(a)","line":-1,"message":1})j"),
       "The property 'line' is set to -1 which is out of range"},
      {file("", R"j({"regexp":"(a)","fromPath":9,"message":1})j"),
       "The property 'fromPath' is set to 9 which is out of range"},
      {file("", R"j({"regexp":"(a)","file":1})j"), "At least one pattern must set 'message'"},
      {R"j({"problemMatcher":[{"owner":"x","pattern":[{"regexp":"a","message":0}]},)j"
       R"j({"owner":"X","pattern":[{"regexp":"a","message":0}]}]})j",
       "Duplicate owner name 'X'"},
      {file("", R"j({"regexp":"(a","message":0})j"), "Invalid pattern '(a'. missing closing parenthesis"},
      {file("", R"j({"regexp":"a","message":0})j"), "added"},
      {file("", R"j({"message":0})j"), "added"},  // no expression matches everything
  };
  for (const auto& [json, want] : kCases) {
    SCOPED_TRACE(json);
    ProblemMatchers matchers;
    EXPECT_EQ(add(matchers, json), want);
    EXPECT_EQ(matchers.empty(), want != "added");
  }
  for (const std::string_view severity : {"", "error", "Warning", "NOTICE"}) {
    ProblemMatchers matchers;
    EXPECT_EQ(add(matchers,
                  file(fmt::format(R"j("severity":"{}",)j", severity), R"j({"regexp":"a","message":0})j")),
              "added");
  }
}

// What Json.NET makes of a file; it is what reads it.
TEST(ProblemMatcher, ReadsFilesLeniently) {
  const auto specs = parse_problem_matchers(
      "\xEF\xBB\xBF// a comment\n"
      R"j({"PROBLEMMATCHER": [ { "Owner": "x", /* , ] */ "fromPath": null, "severity": "warning",
          "pattern": [ { "regexp": "// no comment, ] \" /*", "Message": "1", "line": null, "loop": "false", }, ] }, ],
          "more": 1 })j");
  ASSERT_TRUE(specs) << specs.error().message;
  ASSERT_EQ(specs->size(), 1u);
  EXPECT_EQ((*specs)[0].owner, "x");
  EXPECT_EQ((*specs)[0].severity, "warning");
  ASSERT_EQ((*specs)[0].patterns.size(), 1u);
  EXPECT_EQ((*specs)[0].patterns[0].regexp, "// no comment, ] \" /*");
  EXPECT_EQ((*specs)[0].patterns[0].message, 1);
  EXPECT_EQ((*specs)[0].patterns[0].line, std::nullopt);
  for (const std::string_view none :
       {"", " \n", "null", "{}", R"j({"problemMatcher":null})j", R"j({"problemMatcher":[]})j"}) {
    const auto read = parse_problem_matchers(none);
    EXPECT_TRUE(read && read->empty()) << none;
  }
  for (const std::string_view bad :
       {"[]", "1", "{", "/*", "{,}x", R"j({"problemMatcher":{}})j", R"j({"problemMatcher":[1]})j",
        R"j({"problemMatcher":[{"owner":[]}]})j", R"j({"problemMatcher":[{"pattern":{}}]})j",
        R"j({"problemMatcher":[{"pattern":[null]}]})j",
        R"j({"problemMatcher":[{"pattern":[{"line":"x"}]}]})j",
        R"j({"problemMatcher":[{"pattern":[{"line":1.5}]}]})j",
        R"j({"problemMatcher":[{"pattern":[{"loop":"x"}]}]})j"})
    EXPECT_FALSE(parse_problem_matchers(bad)) << bad;
}

// actions.md 3.16, "Matching" and "Issue construction".
TEST(ProblemMatcher, FindsWithOnePattern) {
  const std::string json = file("", R"j({"regexp":"^(.+):(.+):(.+): (\\w*) ([A-Z0-9 ]*): (.*)$",
      "file":1,"line":2,"column":3,"severity":4,"code":5,"message":6})j");
  EXPECT_EQ(run(json, {"a.c:1:2: error E1 : bad", "a.c:x:2y: Warning E1: worse", "a.c:1:2: NOTICE : so",
                       "a.c:1:2:  : none", "a.c:1:2: note E1: no severity", "a.c:1:2: error E1:  ", "no"}),
            (Found{"error bad code=E1 line=1 end_line=1 column=2", "warning worse code=E1",
                   "notice so line=1 end_line=1 column=2", "error none line=1 end_line=1 column=2", "-", "-",
                   "-"}));
}

TEST(ProblemMatcher, SaysInDebugWhyALineIsNoFind) {
  MatcherRun::Options options;
  options.debug = true;
  const std::string json =
      file("", R"j({"regexp":"^(.*):(.*):(.*):(.*)$","line":1,"column":2,"severity":3,"message":4})j");
  EXPECT_EQ(
      run(json, {"x:-1:error:m", "1:1:error: ", "1:1:fatal:m"}, options),
      (Found{"##[debug]Unable to parse line number 'x' | ##[debug]Unable to parse column number '-1' | error "
             "m",
             "- | ##[debug]Skipping logging an issue for the matched line because the message is empty.",
             "- | ##[debug]Skipped logging an issue for the matched line because the severity 'fatal' is not "
             "supported."}));
}

TEST(ProblemMatcher, TakesTheMatchersSeverityWhenNoneIsCaught) {
  EXPECT_EQ(
      run(file(R"j("severity":"Warning",)j", R"j({"regexp":"^(error|) ?m$","severity":1,"message":0})j"),
          {"m", "error m"}),
      (Found{"warning m", "error error m"}));
}

TEST(ProblemMatcher, KeepsTheLineAsItWasPrinted) {
  ProblemMatchers matchers;
  ASSERT_EQ(add(matchers, file(R"j("severity":"notice",)j", R"j({"regexp":"say (.*) now","message":1})j")),
            "added");
  MatcherRun process(matchers, {});
  const MatcherRun::Match match = process.match("please say it now.");
  ASSERT_TRUE(match.consumed);
  const Annotation& annotation = std::get<Annotation>(match.log.at(0));
  EXPECT_EQ(annotation.message, "it");
  EXPECT_EQ(log_lines(annotation), "##[notice]please say it now.");
}

// actions.md 3.16: the states of several patterns.
TEST(ProblemMatcher, FindsOverSeveralLines) {
  const std::string json = file("", R"j({"regexp":"^file (.*)$","file":1},{"regexp":"^at (\\d+)$","line":1},
                                      {"regexp":"^  (.*)$","message":1})j");
  EXPECT_EQ(run(json, {"file a", "at 3", "  bad"}), (Found{"-", "-", "error bad line=3 end_line=3"}));
  // A line between breaks it; so does a second message.
  EXPECT_EQ(run(json, {"file a", "x", "at 3", "  bad"}), (Found{"-", "-", "-", "-"}));
  EXPECT_EQ(run(json, {"file a", "at 3", "x", "  bad"}), (Found{"-", "-", "-", "-"}));
  EXPECT_EQ(run(json, {"file a", "at 3", "  bad", "  worse"}),
            (Found{"-", "-", "error bad line=3 end_line=3", "-"}));
  // A new first line begins anew, and the one before it stays in the race of the patterns behind.
  EXPECT_EQ(run(json, {"file a", "file b", "at 3", "  bad"}),
            (Found{"-", "-", "-", "error bad line=3 end_line=3"}));
}

// Patterns that match the same lines: each line goes to the last of them that can have it, and to all before it.
TEST(ProblemMatcher, KeepsAStateForEveryPattern) {
  const auto three = [](std::string_view loop) {
    return file("", fmt::format(R"j({{"regexp":"^(.+)$","file":1}},{{"regexp":"^(.+)$","code":1}},
                                    {{"regexp":"^message:(.+)$","message":1{}}})j",
                                loop));
  };
  EXPECT_EQ(run(three(""),
                {"file1", "code1", "message:one", "message:two", "x", "file2", "code2", "message:three"}),
            (Found{"-", "-", "error one code=code1", "-", "-", "-", "-", "error three code=code2"}));
  EXPECT_EQ(run(three(R"j(,"loop":true)j"), {"file1", "code1", "message:one", "message:two", "file2",
                                             "message:code2", "message:three", "message:four"}),
            (Found{"-", "-", "error one code=code1", "error two code=code1", "-", "-",
                   "error three code=message:code2", "error four code=message:code2"}));
}

TEST(ProblemMatcher, LoopsOverTheLastPattern) {
  const std::string json = file("", R"j({"regexp":"^(file|dir) (.*)$","code":2},
                                      {"regexp":"^  (\\d+) (.*)$","line":1,"message":2,"loop":true})j");
  EXPECT_EQ(run(json, {"file a", "  1 bad", "  2 worse", "x", "  3 worst", "file b", "  4 again"}),
            (Found{"-", "error bad code=a line=1 end_line=1", "error worse code=a line=2 end_line=2", "-",
                   "-", "-", "error again code=b line=4 end_line=4"}));
  // A find without a message keeps the loop, too.
  EXPECT_EQ(run(json, {"file a", "  1  ", "  2 worse"}),
            (Found{"-", "-", "error worse code=a line=2 end_line=2"}));
}

// actions.md 3.16: earlier values win, empty ones, too. (They cannot be set twice, so severity by default shows it.)
TEST(ProblemMatcher, KeepsAnEmptyValueOfAnEarlierLine) {
  const std::string json = file(
      "",
      R"j({"regexp":"^f(x?)$","code":1},{"regexp":"^(\\w*) (.*)$","severity":1,"message":2,"loop":true})j");
  EXPECT_EQ(run(json, {"f", " m", "warning n"}), (Found{"-", "error m", "warning n"}));
}

// actions.md 3.16: order, replacement, reset of the others.
TEST(ProblemMatcher, TriesTheLastAddedFirst) {
  const auto one = [](std::string_view owner, std::string_view regexp, std::string_view severity) {
    return fmt::format(
        R"j({{"problemMatcher":[{{"owner":"{}","severity":"{}","pattern":[{{"regexp":"{}","message":0}}]}}]}})j",
        owner, severity, regexp);
  };
  ProblemMatchers matchers;
  ASSERT_EQ(add(matchers, one("a", "x", "error")), "added");
  MatcherRun process(matchers, {});
  EXPECT_EQ(dump(process.match("x")), "error x");
  ASSERT_EQ(add(matchers, one("b", "x", "warning")), "added");
  EXPECT_EQ(dump(process.match("x")), "warning x");  // the process that runs sees it, too
  EXPECT_EQ(matchers.owners(), (std::vector<std::string>{"b", "a"}));
  ASSERT_EQ(add(matchers, one("A", "x", "notice")), "added");
  EXPECT_EQ(matchers.owners(), (std::vector<std::string>{"A", "b"}));
  EXPECT_EQ(dump(process.match("x")), "notice x");
  matchers.remove({"B", "nobody"});
  EXPECT_EQ(matchers.owners(), (std::vector<std::string>{"A"}));
  EXPECT_EQ(dump(process.match("x")), "notice x");
  matchers.remove({"a"});
  EXPECT_TRUE(matchers.empty());
  EXPECT_FALSE(process.active());
  EXPECT_EQ(dump(process.match("x")), "-");
  // One file with two: the first is tried first by those who come later.
  ASSERT_EQ(add(matchers, R"j({"problemMatcher":[{"owner":"a","pattern":[{"regexp":"x","message":0}]},
                              {"owner":"b","pattern":[{"regexp":"x","message":0}]}]})j"),
            "added");
  EXPECT_EQ(matchers.owners(), (std::vector<std::string>{"a", "b"}));
  // A file with a mistake changes nothing.
  EXPECT_NE(
      add(matchers,
          R"j({"problemMatcher":[{"owner":"c","pattern":[{"regexp":"x","message":0}]},{"owner":""}]})j"),
      "added");
  EXPECT_EQ(matchers.owners(), (std::vector<std::string>{"a", "b"}));
}

TEST(ProblemMatcher, LetsTheNextTryWhenAFindIsRejected) {
  ProblemMatchers matchers;
  ASSERT_EQ(add(matchers, R"j({"problemMatcher":[
      {"owner":"a","pattern":[{"regexp":"^(\\w*):(.*)$","severity":1,"message":2}]},
      {"owner":"b","pattern":[{"regexp":"^begin$"},{"regexp":"^(.*)$","message":1}]},
      {"owner":"c","severity":"notice","pattern":[{"regexp":"^(.*)$","message":1}]}]})j"),
            "added");
  MatcherRun process(matchers, {});
  EXPECT_EQ(dump(process.match("fatal:x")), "notice fatal:x");
  // A match of one resets the others, even one that is rejected: "b" has forgotten its first line.
  ProblemMatchers two;
  ASSERT_EQ(add(two, R"j({"problemMatcher":[
      {"owner":"a","pattern":[{"regexp":"^(\\w*):(.*)$","severity":1,"message":2}]},
      {"owner":"b","pattern":[{"regexp":"^begin$"},{"regexp":"^(.*)$","message":1}]}]})j"),
            "added");
  MatcherRun other(two, {});
  EXPECT_EQ(dump(other.match("begin")), "-");
  EXPECT_EQ(dump(other.match("fatal:x")), "-");
  EXPECT_EQ(dump(other.match("begin")), "-");
  EXPECT_EQ(dump(other.match("x")), "error x");
}

TEST(ProblemMatcher, BeginsAnewWithEachProcess) {
  ProblemMatchers matchers;
  ASSERT_EQ(add(matchers, file("", R"j({"regexp":"^begin$"},{"regexp":"^(.*)$","message":1})j")), "added");
  {
    MatcherRun process(matchers, {});
    EXPECT_EQ(dump(process.match("begin")), "-");
  }
  MatcherRun process(matchers, {});
  EXPECT_EQ(dump(process.match("x")), "-");
}

// actions.md 3.16: three time-outs.
TEST(ProblemMatcher, RemovesAMatcherThatTakesTooLong) {
  MatcherRun::Options options;
  options.time_limit = 20ms;
  ProblemMatchers matchers;
  ASSERT_EQ(add(matchers, file("", R"j({"regexp":"^(a+)+$","message":0})j")), "added");
  MatcherRun process(matchers, options);
  const std::string found = dump(process.match(std::string(3000, 'a') + "b"));
  EXPECT_TRUE(found.starts_with("- | warning Removing issue matcher 'x'. Matcher failed 3 times. Error: "))
      << found;
  EXPECT_FALSE(process.active());
  EXPECT_EQ(dump(process.match("aaa")), "-");
  MatcherRun next(matchers, options);  // it was that process's output which was too much
  EXPECT_EQ(dump(next.match("aaa")), "error aaa");
}

TEST(ProblemMatcher, ReadsTheTimeLimit) {
  EXPECT_EQ(parse_matcher_timeout("00:00:02"), 2000ms);
  EXPECT_EQ(parse_matcher_timeout("01:02:03.5"), 3'723'500ms);
  EXPECT_EQ(parse_matcher_timeout("00:01"), 60'000ms);
  EXPECT_EQ(parse_matcher_timeout("2"), std::chrono::hours(48));
  EXPECT_EQ(parse_matcher_timeout("1.00:00:01"), std::chrono::hours(24) + 1s);
  for (const std::string_view text :
       {"", "0", "00:00:00", "-00:00:01", "x", "25:00:00", "1:2:3:4", "1.5", "::", "00:00:0a"})
    EXPECT_EQ(parse_matcher_timeout(text), 1000ms) << text;
}

// actions.md 3.16: which file of a find is named.
TEST(ProblemMatcher, NamesFilesOfTheRepositoryOnly) {
  Files files;
  files.files = {{"/w/repo/.git/config", "[remote \"origin\"]\n\turl = https://github.com/Me/Mine\n"},
                 {"/w/repo/src/a.c", ""},
                 {"/w/repo/b.c", ""},
                 {"/w/repo/sub/.git/config", "\turl = https://github.com/other/one\n"},
                 {"/w/repo/sub/c.c", ""},
                 {"/else/d.c", ""}};
  MatcherRun::Options options;
  options.workspace = "/w/repo";
  options.identity.repository = "me/mine";
  options.files = &files;
  const std::string json = file("", R"j({"regexp":"^(.*):(.*)$","file":1,"message":2})j");
  EXPECT_EQ(run(json,
                {"src/a.c:m", "./src/../b.c:m", "/w/repo/src/a.c:m", "no.c:m", "sub/c.c:m", "/else/d.c:m",
                 " :m", "../repo/b.c:m"},
                options),
            (Found{"error m file=src/a.c", "error m file=b.c", "error m file=src/a.c", "error m", "error m",
                   "error m", "error m", "error m file=b.c"}));
  options.debug = true;
  EXPECT_EQ(run(json, {"no.c:m", "sub/c.c:m"}, options),
            (Found{"##[debug]Dropping file value '/w/repo/no.c'. Path does not exist | error m",
                   "##[debug]Dropping file value '/w/repo/sub/c.c'. Path is not under the workflow repo. | "
                   "error m"}));
  // A configuration is read once for a directory, not for each find.
  files.reads = 0;
  options.debug = false;
  EXPECT_EQ(run(json, {"src/a.c:m", "src/a.c:m", "b.c:m"}, options).back(), "error m file=b.c");
  EXPECT_EQ(files.reads, 1);
  // The root of the build's own repository needs no url.
  options.identity = {};
  options.identity.root = "/w/repo";
  EXPECT_EQ(run(json, {"b.c:m"}, options), (Found{"error m file=b.c"}));
}

TEST(ProblemMatcher, JoinsWhatARelativeFileCountsFrom) {
  Files files;
  files.files = {
      {"/w/.git/config", "url = git@github.com:o/r.git"}, {"/w/p/a.c", ""}, {"/p/a.c", ""}, {"/w/a.c", ""}};
  MatcherRun::Options options;
  options.workspace = "/w";
  options.identity.repository = "o/r";
  options.files = &files;
  const std::string json = file(R"j("fromPath":"p/default.proj",)j",
                                R"j({"regexp":"^(.*)\\[(.*)\\]$","message":0,"file":1,"fromPath":2})j");
  EXPECT_EQ(run(json, {"a.c[p/x.proj]", "a.c[/w/p/x.proj]", "a.c[x.proj]", "a.c[]", "/w/a.c[p/x]"}, options),
            (Found{"error a.c[p/x.proj] file=p/a.c", "error a.c[/w/p/x.proj] file=p/a.c",
                   "error a.c[x.proj] file=a.c", "error a.c[] file=p/a.c", "error /w/a.c[p/x] file=a.c"}));
  // A path of a container is translated only when it is absolute.
  options.to_host = [](std::string_view path) {
    return path == "/github/workspace/a.c" ? "/w/a.c" : std::string(path);
  };
  EXPECT_EQ(run(json, {"/github/workspace/a.c[]", "a.c[/github/workspace/x]", "a.c[p/x]"}, options),
            (Found{"error /github/workspace/a.c[] file=a.c", "error a.c[/github/workspace/x] file=a.c",
                   "error a.c[p/x] file=p/a.c"}));
}

TEST(ProblemMatcher, LooksForARepositoryFiftyLevelsUp) {
  Files files;
  std::string deep = "/w";
  for (int i = 0; i < 60; ++i) deep += "/d";
  files.files = {{"/w/.git/config", "url = https://github.com/o/r"}, {deep + "/a.c", ""}};
  MatcherRun::Options options;
  options.workspace = "/w";
  options.identity.repository = "o/r";
  options.files = &files;
  EXPECT_EQ(run(file("", R"j({"regexp":"^(.*):(.*)$","file":1,"message":2})j"), {deep + "/a.c:m"}, options),
            (Found{"error m"}));
}

TEST(ProblemMatcher, KnowsItsRepositoryByTwoForms) {
  RepositoryIdentity identity;
  identity.repository = "Owner/Name";
  EXPECT_TRUE(names_repository("[core]\n\turl = https://github.com/owner/name\r\n", identity));
  EXPECT_TRUE(names_repository("url = git@github.com:owner/name.git", identity));
  EXPECT_FALSE(names_repository("url = https://github.com/owner/name.git", identity));
  EXPECT_FALSE(names_repository("url = git@github.com:owner/name", identity));
  EXPECT_FALSE(names_repository("pushurl = https://github.com/owner/name", identity));
  EXPECT_FALSE(names_repository("url=https://github.com/owner/name", identity));
  EXPECT_FALSE(names_repository("", identity));
  identity.server_url = "https://git.example.com:8443";
  EXPECT_TRUE(names_repository("url = https://git.example.com:8443/owner/name", identity));
  EXPECT_TRUE(names_repository("url = git@git.example.com:owner/name.git", identity));
}

}  // namespace
}  // namespace buildspec_run
