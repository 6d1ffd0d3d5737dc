// Holds parse_document against go-yaml v2, the nearest thing to the cloud's reader that anybody can run:
// every text of the corpus and thousands of mutants of them, the same verdict, the same values, the same
// words for an error. Where the two differ and should, a rule below says so, and differences.txt explains it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/yaml/document.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kFewestMutants = 5000;
constexpr std::size_t kMutantsOfEach = 60;
constexpr std::uint64_t kSeed = 20260405;

struct Reading {
  bool ok = false;
  std::string detail;  // the values in canonical form (see oracle.go), or the words for the error
};

// What is compared, and what the rules look at.
struct Case {
  std::string name;
  std::string text;
  Reading go;
  Reading ours;
  std::vector<Diagnostic> found;  // ours; their sources are gone
};

void write_text(std::string_view text, std::string& out) {
  out.append("\"").append(std::to_string(text.size())).append(":").append(text);
}

void write_canonical(const Node& node, std::string& out) {
  switch (node.kind) {
    case NodeKind::scalar:
      write_text(node.text(), out);
      break;
    case NodeKind::sequence:
      out += '[';
      for (const Node* item : node.items) write_canonical(*item, out);
      out += ']';
      break;
    case NodeKind::mapping: {
      out += '{';
      std::map<std::string_view, const Node*> by_key;
      for (const Node::Entry& entry : node.entries) by_key[entry.key->text()] = entry.value;
      for (const auto& [key, value] : by_key) {
        write_text(key, out);
        write_canonical(*value, out);
      }
      out += '}';
      break;
    }
  }
}

// The diagnostic that a reader which stops at its first error stops at: go-yaml parses the whole document
// before it looks at keys and merges.
const Diagnostic* first_error(const std::vector<Diagnostic>& found) {
  const auto parsing = [](const Diagnostic& d) {
    return d.id == "yaml-syntax" || d.id == "yaml-undefined-alias";
  };
  const auto error = [](const Diagnostic& d) { return d.severity == Severity::error; };
  auto at = std::ranges::find_if(found, [&](const Diagnostic& d) { return error(d) && parsing(d); });
  if (at == found.end()) at = std::ranges::find_if(found, error);
  return at == found.end() ? nullptr : &*at;
}

void read_ours(Case& one) {
  const SourceText source(one.name, one.text);
  Diagnostics found;
  const Document document = parse_document(source, found);
  one.found = found.take();
  const Diagnostic* error = first_error(one.found);
  one.ours.ok = error == nullptr;
  if (error != nullptr) {
    one.ours.detail = error->cloud_message.empty() ? std::string(error->id) : error->cloud_message;
  } else if (document.root() == nullptr) {
    write_text("", one.ours.detail);
  } else {
    write_canonical(*document.root(), one.ours.detail);
  }
}

bool contains(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

bool found_id(const Case& one, std::string_view id) {
  return std::ranges::any_of(one.found, [&](const Diagnostic& d) { return d.id == id; });
}

// "yaml: line 4: did not find expected key" in libyaml's words and the number that go-yaml prints, 0 for
// none.
struct GoError {
  std::string_view words;
  std::size_t line = 0;
};
GoError take_apart(std::string_view text) {
  GoError error;
  if (text.starts_with("yaml: ")) text.remove_prefix(6);
  if (text.starts_with("line ")) {
    const std::size_t colon = text.find(": ");
    error.line = std::stoul(std::string(text.substr(5, colon - 5)));
    text.remove_prefix(colon + 2);
  }
  error.words = text;
  return error;
}

bool same(const Case& one) {
  if (one.go.ok != one.ours.ok) return false;
  if (one.go.ok) return one.go.detail == one.ours.detail;
  const GoError go = take_apart(one.go.detail);
  const Diagnostic* error = first_error(one.found);
  if (error->id == "yaml-key") return contains(go.words, "unmarshal errors");
  if (error->id == "yaml-undefined-alias") return contains(go.words, "unknown anchor");
  const std::string_view ours = one.ours.detail;
  const std::size_t at = ours.rfind(" at line ");
  if (at == std::string_view::npos) return go.words == ours;
  // go-yaml counts lines from zero for an error of the parser and from one for an error of the scanner.
  const std::size_t line = std::stoul(std::string(ours.substr(at + 9)));
  return go.words == ours.substr(0, at) && (go.line == line || go.line == line + 1);
}

// A "!" and what may be a tag's next to it, up to a ",", "[" or "]".
bool has_long_tag(std::string_view text) {
  for (std::size_t at = 0; (at = text.find('!', at)) != std::string_view::npos; ++at) {
    const std::size_t end = text.find_first_of(" \t\r\n,[]", at);
    if (end != std::string_view::npos && contains(",[]", text.substr(end, 1))) return true;
  }
  return false;
}

struct Difference {
  std::string_view name;
  bool (*explains)(const Case& one);
};

constexpr Difference kDifferences[] = {
    {"flow-colon",
     [](const Case& one) { return one.ours.detail.starts_with("found unexpected ':' at line "); }},
    {"tag-end",
     [](const Case& one) {
       constexpr std::string_view kWords = "did not find expected whitespace or line break";
       const std::string_view go = take_apart(one.go.detail).words;
       return contains(one.text, "!") &&
              (one.ours.detail.starts_with(kWords) || go == kWords ||
               (one.ours.ok && go.starts_with("did not find expected ',' or ") && has_long_tag(one.text)) ||
               (one.go.ok && one.ours.ok && found_id(one, "tag-not-negation")));
     }},
    {"core-tag",
     [](const Case& one) {
       const std::string_view go = take_apart(one.go.detail).words;
       return contains(one.text, "!") && ((go.starts_with("cannot decode !!") && contains(go, " as a !!")) ||
                                          go == "!!binary value contains invalid base64 data" ||
                                          (one.go.ok && one.ours.ok && found_id(one, "tag-ignored")));
     }},
    {"flow-question",
     [](const Case& one) {
       const std::string_view go = take_apart(one.go.detail).words;
       const std::size_t bracket = one.text.find_first_of("[{");
       return bracket != std::string::npos && one.text.find('?', bracket) != std::string::npos &&
              !one.go.ok &&
              (go.starts_with("did not find expected ") || go == "found unexpected end of stream");
     }},
    {"key-noticed-later",
     [](const Case& one) {
       return !one.go.ok && one.ours.detail.starts_with("could not find expected ':' at line ");
     }},
    {"yaml-1.2",
     [](const Case& one) {
       return take_apart(one.go.detail).words == "found incompatible YAML document" &&
              contains(one.text, "%YAML 1.2");
     }},
    {"merge-order", [](const Case& one) { return one.go.ok && one.ours.ok && found_id(one, "merge-order"); }},
    {"slash-escape",
     [](const Case& one) {
       return take_apart(one.go.detail).words == "found unknown escape character" &&
              contains(one.text, "\\/");
     }},
    {"bom-inside", [](const Case& one) { return one.text.rfind("\xEF\xBB\xBF") + 1 > 1; }},
    {"alias-limit",
     [](const Case& one) {
       return take_apart(one.go.detail).words == "document contains excessive aliasing";
     }},
    {"depth-limit", [](const Case& one) { return one.ours.detail == "yaml-too-deep"; }},
};

// Mutants: what a person's slip, a merge gone wrong or a truncated copy makes of a file.
class Mutator {
 public:
  // `name` and `text`: the file that is changed. `others`: what it may be spliced with. A file's mutants
  // depend on these alone, so that a new file brings new cases and leaves the old ones as they were.
  Mutator(std::string_view name, const std::string& text, const std::vector<std::string>& others)
      : text_(text), others_(others), random_(kSeed ^ fnv1a(name)) {}

  std::string next() {
    std::string text = text_;
    const std::size_t changes = 1 + below(3);
    for (std::size_t i = 0; i < changes; ++i) change(text);
    return text;
  }

 private:
  static std::uint64_t fnv1a(std::string_view text) {
    std::uint64_t hash = 14695981039346656037u;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return hash;
  }
  std::size_t below(std::size_t bound) {
    return bound == 0 ? 0 : static_cast<std::size_t>(random_() % bound);
  }

  void change(std::string& text) {
    static constexpr std::string_view kPieces[] = {":",
                                                   ": ",
                                                   "- ",
                                                   "-",
                                                   "\n",
                                                   "\t",
                                                   "#",
                                                   " #",
                                                   "\"",
                                                   "'",
                                                   "[",
                                                   "]",
                                                   "{",
                                                   "}",
                                                   ",",
                                                   ", ",
                                                   "&a ",
                                                   "*a",
                                                   "!",
                                                   "! ",
                                                   "!x ",
                                                   "!,",
                                                   "|",
                                                   ">",
                                                   "|+\n",
                                                   "%",
                                                   "\n%",
                                                   "%YAML 1.1\n",
                                                   "%YAML 1.2\n",
                                                   "%TAG ! x\n",
                                                   "@",
                                                   "`",
                                                   "? ",
                                                   "\\",
                                                   "\\x",
                                                   "\\/",
                                                   "<<: *a",
                                                   "<<: ",
                                                   "\r\n",
                                                   "\r",
                                                   "---",
                                                   "--- ",
                                                   "\n---\n",
                                                   "\n...\n",
                                                   "\xC3\xA9",
                                                   "\xC2\x85",
                                                   "\xE2\x80\xA8",
                                                   "\xEF\xBB\xBF",
                                                   "\x01",
                                                   "\xFF",
                                                   "\x7F",
                                                   "\xC2\x80",
                                                   "\xF0\x9F\x98\x80",
                                                   std::string_view("\0", 1),
                                                   "~",
                                                   "null",
                                                   "Null",
                                                   "!!str ",
                                                   "!!int ",
                                                   "!!binary ",
                                                   "!!null ",
                                                   "!!map ",
                                                   "!<!y> ",
                                                   "{a:1}",
                                                   "[a:b]",
                                                   "{a:,",
                                                   "{? a",
                                                   "[? a",
                                                   "{: a",
                                                   "  ",
                                                   "    ",
                                                   "a: ",
                                                   "a:\n"};
    switch (below(9)) {
      case 0:  // a flipped bit
        if (!text.empty()) text[below(text.size())] ^= static_cast<char>(1 << below(7));
        break;
      case 1:  // some bytes gone
        if (!text.empty()) text.erase(below(text.size()), 1 + below(4));
        break;
      case 2:
        text.insert(below(text.size() + 1), kPieces[below(std::size(kPieces))]);
        break;
      case 3: {  // at the begin of an entry, where it means most
        const std::size_t dash = text.find("- ", below(text.size() + 1));
        if (dash != std::string::npos) text.insert(dash + 2, kPieces[below(std::size(kPieces))]);
        break;
      }
      case 4: {  // two lines change places
        std::vector<std::string> lines = split(text);
        std::swap(lines[below(lines.size())], lines[below(lines.size())]);
        text = join(lines);
        break;
      }
      case 5: {  // one line in or out
        std::vector<std::string> lines = split(text);
        std::string& line = lines[below(lines.size())];
        if (below(2) == 0)
          line.insert(0, 1 + below(3), ' ');
        else
          line.erase(0, std::min<std::size_t>(line.size(), 1 + below(2)));
        text = join(lines);
        break;
      }
      case 6:
        text.resize(below(text.size() + 1));
        break;
      case 7: {  // one line grows beyond what a key may be
        const std::size_t at = text.find_first_of(":\n", below(text.size() + 1));
        if (below(4) == 0 && at != std::string::npos) text.insert(at, 1 + below(1100), 'x');
        break;
      }
      case 8: {  // the head of one file, the tail of another
        const std::string& other = others_[below(others_.size())];
        text.resize(below(text.size() + 1));
        text += other.substr(below(other.size() + 1));
        break;
      }
    }
  }

  static std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> lines(1);
    for (const char c : text) {
      lines.back() += c;
      if (c == '\n') lines.emplace_back();
    }
    return lines;
  }
  static std::string join(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line;
    return text;
  }

  const std::string& text_;
  const std::vector<std::string>& others_;
  std::mt19937_64 random_;  // its numbers are the same everywhere; the distributions' are not
};

void add_files(const std::filesystem::path& directory, std::map<std::string, std::string>& files) {
  if (!std::filesystem::is_directory(directory)) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".yml" || extension == ".yaml" || extension == ".json"))
      files[std::filesystem::relative(entry.path(), directory)] = test::contents(entry.path());
  }
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  while (times-- > 0) text += piece;
  return text;
}

// Texts that reach what buildspecs seldom do: every construct of buildspec.md 1.2.
void add_constructs(std::map<std::string, std::string>& files) {
  files["construct-anchors"] =
      "x: &a\n  k: 1\n  l: [1, two]\ny: &b {k: 2, m: ~}\nz:\n  <<: *a\n  n: null\nw:\n  <<: [*b, *a, {q: "
      "r}]\n  k: own\nv: *a\n";
  files["construct-scalars"] =
      "a: 3.10\nb: yes\nc: 0755\nd: 1e3\ne: ~\nf: null\ng:\nh: \"null\"\ni: '~'\nj: Null\nk: 2020-01-02\nl: "
      "0x1F\nm: .inf\n"
      "n: 1_000\no: =\np: <<\nq: \"\"\nr: ''\ns: -\nt: !!str 1\nu: ! null\n";
  files["construct-blocks"] =
      "a: |\n  one\n   two\n\n  three\n\n\nb: >-\n  folded\n  text\n\n  new\nc: |+\n  keep\n\nd: |2\n    "
      "deep\ne: >\n\n  x\n"
      "f: plain over\n  two lines\n\n  and a gap\ng: \"double\n  over \\\n  lines\"\nh: 'single\n\n  too'\n";
  files["construct-flow"] =
      "{\"version\": 0.2, \"phases\": {\"build\": {\"commands\": [\"echo \\\"x\\\"\", 'y', z, [], {}, a: b, "
      "? c : d]}}, e: , f}\n";
  files["construct-keys"] = "? a\n: b\n? |\n  c\n: d\n~: e\n'': f\n\"g h\": i\n1: j\n*x : k\n";
  files["construct-documents"] =
      "%YAML 1.1\n%TAG !e! tag:example.org,2000:\n--- # one\na: !e!x b\n...\n---\nb: c\n";
}

// Each known difference, so that a rule which no longer meets one is noticed.
void add_differences(std::map<std::string, std::string>& files) {
  files["difference-flow-colon"] = "{a:, b: c}\n";
  files["difference-tag-end"] = "[!, x]\n";
  files["difference-core-tag"] = "a: !!binary aGVsbG8=\n";
  files["difference-flow-question"] = "[a?b]\n";
  files["difference-key-noticed-later"] = "a:\n  - b\n'q'\n# x\n";
  files["difference-yaml-1.2"] = "%YAML 1.2\n---\na: b\n";
  files["difference-merge-order"] = "x: &x {k: merged}\ny:\n  k: own\n  <<: *x\n";
  files["difference-slash-escape"] = "a: \"b\\/c\"\n";
  files["difference-bom-inside"] = "a:\n\xEF\xBB\xBF  b: 1\n  c: 2\n";
  files["difference-alias-limit"] = "a: &a [" + repeated("x,", 100) + "]\nb: &b [" + repeated("*a,", 100) +
                                    "]\nc: [" + repeated("*b,", 100) + "]\n";
  files["difference-depth-limit"] = repeated("[", 250) + repeated("]", 250);
}

TEST(GoYaml, ReadsTheSame) {
  std::map<std::string, std::string> files;
  add_files(CORPUS_DIR, files);
  const std::size_t corpus = files.size();
  add_constructs(files);
  std::vector<std::string> others;
  std::set<std::string> mutated;
  for (const auto& [name, text] : files) {
    others.push_back(text);
    mutated.insert(name);
  }
  add_files(TEST_SOURCE_DIR "/corpus", files);
  add_files(PROJECT_SOURCE_DIR "/samples", files);

  std::vector<Case> cases;
  for (const auto& [name, text] : files) {
    cases.push_back({name, text, {}, {}, {}});
    // With a corpus it alone is changed, so that a new sample is no new draw for the one in ten thousand.
    if (corpus > 0 && !mutated.contains(name)) continue;
    Mutator mutator(name, text, others);
    for (std::size_t i = 0; i < std::max(kMutantsOfEach, kFewestMutants / files.size() + 1); ++i)
      cases.push_back({name + ", mutant " + std::to_string(i), mutator.next(), {}, {}, {}});
  }
  const std::size_t mutants = cases.size() - files.size();
  EXPECT_GE(mutants, kFewestMutants);
  std::map<std::string, std::string> differences;
  add_differences(differences);
  for (const auto& [name, text] : differences) cases.push_back({name, text, {}, {}, {}});

  const test::TemporaryDirectory directory;
  std::string input;
  for (const Case& one : cases) input.append(std::to_string(one.text.size())).append("\n").append(one.text);
  test::put(directory / "in", input);
  const test::Ran ran =
      test::run_program({"/bin/sh", "-c", "exec \"$0\" <\"$1\"", GO_ORACLE, directory / "in"}, {}, {},
                        std::chrono::seconds(100));
  ASSERT_EQ(ran.exit, 0) << ran.err;

  std::size_t at = 0;
  for (Case& one : cases) {
    const std::size_t blank = ran.out.find(' ', at);
    const std::size_t line_end = ran.out.find('\n', at);
    ASSERT_NE(line_end, std::string::npos) << one.name;
    const std::size_t length = std::stoul(ran.out.substr(blank + 1, line_end - blank - 1));
    one.go = {ran.out.substr(at, blank - at) == "ok", ran.out.substr(line_end + 1, length)};
    at = line_end + 1 + length;
  }
  ASSERT_EQ(at, ran.out.size());

  std::map<std::string_view, std::size_t> explained;
  std::size_t unexplained = 0, accepted = 0;
  for (Case& one : cases) {
    read_ours(one);
    accepted += one.ours.ok ? 1 : 0;
    if (same(one)) continue;
    const auto* difference =
        std::ranges::find_if(kDifferences, [&](const Difference& d) { return d.explains(one); });
    if (difference != std::end(kDifferences)) {
      ++explained[difference->name];
      continue;
    }
    if (++unexplained > 20) continue;
    const std::string kept = PROJECT_BINARY_DIR "/go_yaml-" + std::to_string(unexplained) + ".yml";
    std::ofstream(kept, std::ios::binary) << one.text;
    ADD_FAILURE() << one.name << ", kept as " << kept << "\n  go-yaml: " << (one.go.ok ? "ok " : "error ")
                  << one.go.detail.substr(0, 600) << "\n  ours:    " << (one.ours.ok ? "ok " : "error ")
                  << one.ours.detail.substr(0, 600);
  }
  EXPECT_EQ(unexplained, 0u);
  for (const Difference& difference : kDifferences)
    EXPECT_TRUE(explained.contains(difference.name)) << difference.name << " explains nothing any more";
  // A run in which everything is refused, or accepted, compares nothing.
  EXPECT_GT(accepted, cases.size() / 10);
  EXPECT_LT(accepted, cases.size() * 9 / 10);
  std::string summary = std::to_string(corpus) + " files of the corpus, " + std::to_string(cases.size()) +
                        " texts, " + std::to_string(accepted) + " accepted;";
  for (const auto& [name, count] : explained)
    summary += " " + std::string(name) + ": " + std::to_string(count);
  std::printf("%s\n", summary.c_str());
}

// Each rule has its explanation, and no explanation is left without its rule.
TEST(GoYaml, DifferencesAreExplained) {
  std::set<std::string> rules, explanations;
  for (const Difference& difference : kDifferences) rules.insert(std::string(difference.name));
  std::istringstream lines(test::contents(TEST_SOURCE_DIR "/go_yaml/differences.txt"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    if (!line.starts_with('#') && !line.starts_with(' ') && colon != std::string::npos)
      explanations.insert(line.substr(0, colon));
  }
  EXPECT_EQ(rules, explanations);
}

}  // namespace
}  // namespace buildspec_run
