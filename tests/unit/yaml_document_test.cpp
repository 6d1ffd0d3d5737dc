// A text becomes a tree: buildspec.md 1.2.
#include "runner/yaml/document.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"

namespace buildspec_run {
namespace {

// A text that was read, with all that belongs to it.
struct Read {
  explicit Read(std::string text, const YamlLimits& limits = {})
      : source("buildspec.yml", std::move(text)), document(parse_document(source, found, limits)) {}
  [[nodiscard]] const Node& root() const { return *document.root(); }
  [[nodiscard]] std::string at(const Node& node) const { return std::string(source.slice(node.where)); }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const Diagnostic& d : found.all()) all.push_back(render_line(d));
    return all;
  }
  SourceText source;
  Diagnostics found;
  Document document;
};

using Lines = std::vector<std::string>;

TEST(YamlDocument, KeepsTheSourceTextOfScalars) {
  struct Case {
    std::string_view written, text;
  };
  constexpr Case kCases[] = {
      {"3.10", "3.10"},
      {"yes", "yes"},
      {"0755", "0755"},
      {"1e3", "1e3"},
      {"0x1F", "0x1F"},
      {"1_000", "1_000"},
      {"~", ""},
      {"null", ""},
      {"Null", ""},
      {"NULL", ""},
      {"", ""},
      {"nULL", "nULL"},
      {"\"null\"", "null"},
      {"'~'", "~"},
      {"''", ""},
      {"!!str null", "null"},
      {"\"a\\tb\"", "a\tb"},
      {"'it''s'", "it's"},
      {"a # comment", "a"},
      {"a#b", "a#b"},
  };
  for (const auto& [written, text] : kCases) {
    SCOPED_TRACE(written);
    const Read read(fmt::format("k: {}\n", written));
    EXPECT_EQ(read.root().find("k")->text(), text);
    EXPECT_TRUE(read.lines().empty());
  }
}

TEST(YamlDocument, FoldsAndKeepsLines) {
  const Read read(
      "a: |\n  one\n   two\n\n  three\nb: >-\n  x\n  y\n\n  z\nc: |+\n  k\n\nd: case x in\n  a) b;;\n  "
      "esac\n");
  EXPECT_EQ(read.root().find("a")->text(), "one\n two\n\nthree\n");
  EXPECT_EQ(read.root().find("b")->text(), "x y\nz");
  EXPECT_EQ(read.root().find("c")->text(), "k\n\n");
  EXPECT_EQ(read.root().find("d")->text(), "case x in a) b;; esac");
}

TEST(YamlDocument, ReadsBooleans) {
  for (const std::string_view yes : {"yes", "YES", "true", "True", "on", "\"yes\"", "'On'"}) {
    SCOPED_TRACE(yes);
    EXPECT_EQ(Read(fmt::format("k: {}", yes)).root().find("k")->boolean(), true);
  }
  for (const std::string_view no : {"no", "No", "false", "FALSE", "off", "\"no\""}) {
    SCOPED_TRACE(no);
    EXPECT_EQ(Read(fmt::format("k: {}", no)).root().find("k")->boolean(), false);
  }
  for (const std::string_view neither : {"y", "n", "1", "0", "", "~", "[yes]", "yes please"}) {
    SCOPED_TRACE(neither);
    EXPECT_EQ(Read(fmt::format("k: {}", neither)).root().find("k")->boolean(), std::nullopt);
  }
}

// A place is exactly what a person would underline.
TEST(YamlDocument, KnowsExactPlaces) {
  struct Case {
    std::string_view text, where;
  };
  constexpr Case kCases[] = {
      {"k: plain  # c\n", "plain"},
      {"k: plain\n  over  \n  lines   \n\nl: m\n", "plain\n  over  \n  lines"},
      {"k: \"a \\\" b\"  \n", "\"a \\\" b\""},
      {"k: 'a\n\n  b'\n", "'a\n\n  b'"},
      {"k: |  # c\n  a  \n  b\n\n\nl: m\n", "|  # c\n  a  \n  b"},
      {"k: >+\n  a\n\n", ">+\n  a"},
      {"k: |\n\nl: m\n", "|"},
      {"k: &a value\n", "value"},
      {"k: !!str &a value\n", "value"},
      {"k: &a !x 'v'\n", "'v'"},
      {"k: !<tag:x,y> v\n", "v"},
      {"k: &a\n", ""},
      {"k: {a: b, c: [d]} # e\n", "{a: b, c: [d]}"},
      {"k: &a [b,\n  c]\n", "[b,\n  c]"},
      {"k:\n  - a\n  - b # c\n\n# d\nl: m\n", "- a\n  - b"},
      {"k: &a # c\n  m: n\n\nl: o\n", "m: n"},
      {"k:\n- a:\n- b:\n\nl: m\n", "- a:\n- b:"},
      {"k:\n", ""},
      {"k: \xC3\xA9\xE6\x97\xA5  \n", "\xC3\xA9\xE6\x97\xA5"},
      {"\xEF\xBB\xBFk: v\r\n", "v"},
      {"# \xC3\xA9\xC2\x85k: v\n", "v"},
  };
  for (const auto& [text, where] : kCases) {
    SCOPED_TRACE(text);
    const Read read{std::string(text)};
    ASSERT_NE(read.root().find("k"), nullptr);
    EXPECT_EQ(read.at(*read.root().find("k")), where);
  }
}

TEST(YamlDocument, ReadsJsonAndByteOrderMarksAndLineEndings) {
  const Read json("{\"version\": 0.2, \"phases\": {\"build\": {\"commands\": [\"a\\nb\", \"c\"]}}}");
  EXPECT_EQ(json.root().find("version")->text(), "0.2");
  EXPECT_TRUE(json.root().flow);
  EXPECT_EQ(json.root().find("phases")->find("build")->find("commands")->items.at(0)->text(), "a\nb");
  const Read windows("\xEF\xBB\xBFversion: 0.2\r\na: |\r\n  b\r\n  c\r\n");
  EXPECT_EQ(windows.root().find("version")->text(), "0.2");
  EXPECT_EQ(windows.root().find("a")->text(), "b\nc\n");
  const Read wide(
      std::string("\xFF\xFE"
                  "a\0:\0 \0b\0\n\0c\0:\0 \0`\0",
                  20));
  EXPECT_EQ(wide.root().find("a")->text(), "b");
  EXPECT_EQ(wide.source.place(wide.found.all().at(0).where.begin).line, 2u);
}

TEST(YamlDocument, AnEmptyTextHasNoRoot) {
  for (const std::string_view text : {"", "\n\n", "# only a comment\n", "\xEF\xBB\xBF"}) {
    const Read read{std::string(text)};
    EXPECT_EQ(read.document.root(), nullptr);
    EXPECT_TRUE(read.document.complete());
    EXPECT_TRUE(read.lines().empty());
  }
  EXPECT_TRUE(Read("---\n").root().is_null());
}

TEST(YamlDocument, AnAliasIsTheNodeItNames) {
  const Read read("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x\n");
  EXPECT_EQ(read.root().find("a"), read.root().find("b"));
  EXPECT_EQ(read.root().find("c"), read.root().find("d"));
  EXPECT_EQ(read.source.slice(read.root().where), "a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x");
}

TEST(YamlDocument, AnAliasOfNothingOrOfWhatItStandsInIsAnError) {
  const Read undefined("a: *x\nb: *y\n");
  EXPECT_FALSE(undefined.document.complete());
  ASSERT_EQ(undefined.found.all().size(), 2u);  // reading goes on
  EXPECT_EQ(undefined.found.all()[1].cloud_message, "found undefined alias at line 1");
  for (const std::string_view text :
       {"a: &x [*x]\n", "&x a: *x\nb: &y\n  c: *y\n", "&x\na: {b: *x}\n", "a: &x\n  <<: *x\n"}) {
    SCOPED_TRACE(text);
    const Read read{std::string(text)};
    EXPECT_FALSE(read.document.complete());
    EXPECT_EQ(read.found.all().at(0).id, "yaml-recursive-alias");
  }
}

// Source: yaml.org/type/merge, and go-yaml v2, decode.go (merge).
TEST(YamlDocument, MergesMappings) {
  struct Case {
    std::string_view name, mapping, keys;
  };
  constexpr Case kCases[] = {
      {"an alias", "{<<: *a, z: own}", "z=own x=1 y=1 "},
      {"a mapping", "{<<: {p: q}}", "p=q "},
      {"own keys win", "{<<: *a, x: own}", "x=own y=1 "},
      {"earlier in a list wins", "{<<: [*b, *a]}", "y=2 w=2 x=1 "},
      {"a list with a mapping in it", "{<<: [{y: 0}, *b]}", "y=0 w=2 "},
      {"quoted it is a key", "{\"<<\": v}", "<<=v "},
      {"under its tag it merges, quoted or not", "{!!merge \"<<\": *a}", "x=1 y=1 "},
      {"merged before it is merged", "{<<: &c {<<: *a, v: 3}, u: 4}", "u=4 v=3 x=1 y=1 "},
  };
  for (const auto& [name, mapping, keys] : kCases) {
    SCOPED_TRACE(name);
    const Read read(fmt::format("a: &a {{x: 1, y: 1}}\nb: &b {{y: 2, w: 2}}\nm: {}\n", mapping));
    std::string got;
    for (const Node::Entry& entry : read.root().find("m")->entries)
      got += fmt::format("{}={} ", entry.key->text(), entry.value->text());
    EXPECT_EQ(got, keys);
    EXPECT_TRUE(read.lines().empty());
  }
}

TEST(YamlDocument, RefusesToMergeWhatIsNoMapping) {
  for (const std::string_view value : {"v", "", "[a]", "[*m, [*m]]", "*l", "*s", "[*s]"}) {
    SCOPED_TRACE(value);
    const Read read(fmt::format("m: &m {{x: 1}}\ns: &s text\nl: &l [*m]\nk:\n  <<: {}\n", value));
    ASSERT_EQ(read.found.all().size(), 1u);
    EXPECT_EQ(read.found.all()[0].cloud_message, "map merge requires map or sequence of maps as the value");
    EXPECT_EQ(read.source.place(read.found.all()[0].where.begin), (LineColumn{5, 3}));
  }
}

TEST(YamlDocument, WarnsOfAMergeBehindTheKeyItBrings) {
  const Read read("a: &a {x: merged}\nb:\n  x: own\n  <<: *a\n");
  EXPECT_EQ(read.root().find("b")->find("x")->text(), "own");
  EXPECT_EQ(
      read.lines(),
      (Lines{
          "buildspec.yml:4:3: warning: \"<<\" brings the key \"x\", which stands before it in line 3; the "
          "one "
          "in the mapping counts, but some readers take the merged one: put \"<<\" first [merge-order]\n"}));
}

TEST(YamlDocument, KeepsTheLastOfAKey) {
  const Read read("a: 1\nb: 2\na: 3\n'a': 4\n~: 5\n\"\": 6\n");
  EXPECT_EQ(read.root().entries.size(), 3u);
  EXPECT_EQ(read.root().find("a")->text(), "4");
  EXPECT_EQ(read.root().find("")->text(), "6");
  EXPECT_EQ(read.lines(), (Lines{"buildspec.yml:3:1: warning: the key \"a\" is already in this mapping, in "
                                 "line 1; the last one counts [duplicate-key]\n",
                                 "buildspec.yml:4:1: warning: the key \"a\" is already in this mapping, in "
                                 "line 3; the last one counts [duplicate-key]\n",
                                 "buildspec.yml:6:1: warning: the key \"\" is already in this mapping, in "
                                 "line 5; the last one counts [duplicate-key]\n"}));
}

TEST(YamlDocument, FindsDuplicatesAmongManyKeys) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += fmt::format("k{}: {}\n", i, i);
  text += "k7: again\nk99: again\n";
  const Read read(text);
  EXPECT_EQ(read.root().entries.size(), 100u);
  EXPECT_EQ(read.root().find("k7")->text(), "again");
  EXPECT_EQ(read.root().find("k99")->text(), "again");
  EXPECT_EQ(read.found.all().size(), 2u);
}

TEST(YamlDocument, RefusesAKeyThatIsNoScalar) {
  const Read read("k: {{a}: b}\n");
  ASSERT_EQ(read.found.all().size(), 1u);
  EXPECT_EQ(read.found.all()[0].id, "yaml-key");
  EXPECT_EQ(read.source.slice(read.found.all()[0].where), "{a}");
}

// buildspec.md 1.2: "- ! grep x f" is the command "grep x f".
TEST(YamlDocument, WarnsOfATagThatLooksLikeANegation) {
  const Read read("c:\n  - ! grep x f\n");
  EXPECT_EQ(read.root().find("c")->items.at(0)->text(), "grep x f");
  EXPECT_EQ(read.root().find("c")->items.at(0)->tag, "!");
  EXPECT_EQ(read.lines(), (Lines{"buildspec.yml:2:5: warning: an unquoted ! is a YAML tag, not a negation, "
                                 "and is not part of the value; "
                                 "quote the whole entry [tag-not-negation]\n"}));
  const Read local("c: !Sub ${x}\nd: !!str 1\n");
  ASSERT_EQ(local.found.all().size(), 1u);
  EXPECT_EQ(local.found.all()[0].id, "tag-ignored");
  EXPECT_EQ(local.source.slice(local.found.all()[0].where), "!Sub");
  EXPECT_EQ(local.root().find("c")->text(), "${x}");
}

// go-yaml reads the first document and never looks at the rest, so nothing there is an error.
TEST(YamlDocument, ReadsTheFirstDocumentOnly) {
  for (const std::string_view text :
       {"a: b\n---\nc: d\n", "a: b\n...\n%FOO\n`", "{a: b} }\n", "--- {a: b}\n--- `\n"}) {
    SCOPED_TRACE(text);
    const Read read{std::string(text)};
    EXPECT_TRUE(read.document.complete());
    EXPECT_EQ(read.root().find("a")->text(), "b");
    ASSERT_EQ(read.found.all().size(), 1u);
    EXPECT_EQ(read.found.all()[0].id, "more-documents");
    EXPECT_EQ(read.found.all()[0].severity, Severity::warning);
  }
  EXPECT_TRUE(Read("a: b\n...\n").lines().empty());
}

TEST(YamlDocument, DumpsItsTree) {
  EXPECT_EQ(dump(Read("a: &x 'b'\nc: [*x, !t |\n d]\n").document),
            "mapping 1:1-2:7 incomplete\n"
            "  key scalar 1:1-1:2 plain \"a\"\n"
            "    value scalar 1:7-1:10 single \"b\"\n"
            "  key scalar 2:1-2:2 plain \"c\"\n"
            "    value sequence 2:4-2:7 flow incomplete\n"
            "      - alias of 1:7-1:10\n");
  EXPECT_EQ(dump(Read("").document), "empty\n");
}

// A limit that is met ends the reading, quickly, with an error that says which.
std::string refused_by_limit(const std::string& text, const YamlLimits& limits = {}) {
  const auto begun = std::chrono::steady_clock::now();
  const Read read(text, limits);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  EXPECT_FALSE(read.document.complete());
  for (const Diagnostic& d : read.found.all()) {
    if (d.severity == Severity::error) return std::string(d.id);
  }
  return "";
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  text.reserve(piece.size() * times);
  while (times-- > 0) text += piece;
  return text;
}

TEST(YamlLimits, RefuseAnAliasBomb) {
  std::string exponential = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) exponential += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
  EXPECT_EQ(refused_by_limit(exponential), "yaml-alias-bomb");
  const std::string quadratic =
      "a: &a [" + repeated("x,", 30'000) + "]\nb: [" + repeated("*a,", 30'000) + "]\n";
  EXPECT_EQ(refused_by_limit(quadratic), "yaml-alias-bomb");
  std::string merged = "a0: &a0 {k0: 0}\n";
  for (int i = 1; i < 10'000; ++i) merged += fmt::format("a{0}: &a{0} {{<<: *a{1}, k{0}: 0}}\n", i, i - 1);
  EXPECT_EQ(refused_by_limit(merged), "yaml-alias-bomb");
}

TEST(YamlLimits, CountEachAliasAsAllThatItRepeats) {
  const std::string text = "a: &a [x, y]\nb: [*a, *a]\n";  // root, a, [x, y], b, [ ], and twice the three
  YamlLimits limits;
  limits.expanded_nodes = 13;
  EXPECT_TRUE(Read(text, limits).document.complete());
  limits.expanded_nodes = 12;
  EXPECT_EQ(refused_by_limit(text, limits), "yaml-alias-bomb");
}

TEST(YamlLimits, RefuseWhatIsTooDeep) {
  const YamlLimits limits;
  EXPECT_TRUE(Read(repeated("[", limits.depth) + repeated("]", limits.depth)).document.complete());
  EXPECT_EQ(refused_by_limit(repeated("[", limits.depth + 1) + repeated("]", limits.depth + 1)),
            "yaml-too-deep");
  EXPECT_EQ(refused_by_limit(repeated("- ", 100'000)), "yaml-too-deep");
  EXPECT_EQ(refused_by_limit(repeated("? ", 100'000)), "yaml-too-deep");
  EXPECT_EQ(refused_by_limit(repeated("{a: ", 100'000)), "yaml-too-deep");
  // Depth that only aliases make: each stands at the bottom of the next.
  std::string chain = "- &a0 [x]\n";
  for (int i = 1; i < 300; ++i) chain += fmt::format("- &a{} [*a{}]\n", i, i - 1);
  EXPECT_EQ(refused_by_limit(chain), "yaml-too-deep");
}

TEST(YamlLimits, RefuseWhatIsTooLarge) {
  YamlLimits limits;
  limits.text_bytes = 10;
  EXPECT_EQ(refused_by_limit("a: 1\nb: 22\n", limits), "yaml-too-large");
  EXPECT_TRUE(Read("a: 1\nb: 2", limits).document.complete());
  limits = {};
  limits.nodes = 3;
  EXPECT_TRUE(Read("a: 1\n", limits).document.complete());
  EXPECT_EQ(refused_by_limit("a: 1\nb: 2\n", limits), "yaml-too-large");
  EXPECT_EQ(refused_by_limit(repeated("%TAG !a! b\n", 500'000) + "---\na\n"), "yaml-too-large");
}

TEST(YamlLimits, WarnOfALargeText) {
  YamlLimits limits;
  limits.warn_text_bytes = 4;
  EXPECT_TRUE(Read("a: 1", limits).lines().empty());
  const Read read("a: 12", limits);
  ASSERT_EQ(read.found.all().size(), 1u);
  EXPECT_EQ(read.found.all()[0].id, "buildspec-large");
  EXPECT_EQ(read.found.all()[0].severity, Severity::warning);
}

TEST(YamlLimits, ListAHundredOfAKind) {
  const Read read(repeated("a: 1\n", 1000));
  EXPECT_EQ(read.found.all().size(), 101u);
  EXPECT_EQ(read.found.all().back().severity, Severity::note);
}

}  // namespace
}  // namespace buildspec_run
