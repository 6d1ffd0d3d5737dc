// What the cloud says of a text that is no YAML (buildspec.md 1.2, the table; 3.9), and what we say beside
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/yaml/document.h"

namespace buildspec_run {
namespace {

// The first error of `text`, with its place as "line:column".
struct Refusal {
  std::string cloud;
  std::string code;
  std::string id;
  std::string message;
  std::string place;
};

Refusal refusal_of(std::string_view text) {
  const SourceText source("buildspec.yml", std::string(text));
  Diagnostics found;
  const Document document = parse_document(source, found);
  EXPECT_FALSE(document.complete());
  for (const Diagnostic& d : found.all()) {
    if (d.severity != Severity::error) continue;
    const LineColumn place = source.place(d.where.begin);
    return {d.cloud_message, std::string(d.cloud_code), std::string(d.id), d.message,
            fmt::format("{}:{}", place.line, place.column)};
  }
  ADD_FAILURE() << "accepted";
  return {};
}

// An entry of a list of commands; it stands in line 5, which the cloud calls 4.
std::string with_entry(std::string_view entry) {
  return fmt::format("version: 0.2\nphases:\n  build:\n    commands:\n      {}\n      - echo next\n", entry);
}

struct EntryCase {
  std::string_view entry;
  std::string_view cloud;   // buildspec.md 1.2
  std::string_view advice;  // part of our own message
};

constexpr EntryCase kEntries[] = {
    {"- `date`", "found character that cannot start any token at line 4",
     "\"`\" cannot begin an unquoted text; quote the whole entry"},
    {"- @echo x", "found character that cannot start any token at line 4",
     "\"@\" cannot begin an unquoted text; quote the whole entry"},
    {"- %x", "found character that cannot start any token at line 4",
     "\"%\" cannot begin an unquoted text; quote the whole entry"},
    {"- a: b: c", "mapping values are not allowed in this context at line 4",
     "a second \": \" in one line; if it is text, quote the whole entry"},
    {"- [[ -f x ]] && y", "did not find expected alphabetic or numeric character at line 4",
     "\"[\" begins a YAML list"},
    {"- [ -f x ] && y", "did not find expected alphabetic or numeric character at line 4",
     "quote the whole entry"},
    {"- *.txt", "did not find expected alphabetic or numeric character at line 4",
     "\"*\" begins a YAML alias"},
    {"- & x", "did not find expected alphabetic or numeric character at line 4",
     "\"&\" begins a YAML anchor"},
    {"- *name and more", "found undefined alias at line 4", "the alias \"*name\" names no anchor before it"},
    {"- | grep x", "did not find expected comment or line break at line 4",
     "\"|\" begins a YAML block of text"},
    {"- > out", "did not find expected comment or line break at line 4", "\">\" begins a YAML block of text"},
    {"- { a; } > f", "did not find expected comment or line break at line 4", "\"{\" begins a YAML mapping"},
    {"- \"$X\" run", "did not find expected '-' indicator at line 4",
     "text follows a closing quote; quote the whole entry"},
    {"- 'a' b", "did not find expected '-' indicator at line 4",
     "text follows a closing quote; quote the whole entry"},
    {"- \"grep a\\.b\"", "found unknown escape character at line 4",
     "\"\\.\" is no escape in double quotes; write \"\\\\.\", or use single quotes"},
};

TEST(YamlSyntax, RefusesAnEntryInTheWordsOfTheCloud) {
  for (const auto& [entry, cloud, advice] : kEntries) {
    SCOPED_TRACE(entry);
    const Refusal refusal = refusal_of(with_entry(entry));
    EXPECT_EQ(refusal.cloud, cloud);
    EXPECT_EQ(refusal.code, "YAML_FILE_ERROR");
    EXPECT_NE(refusal.message.find(advice), std::string::npos) << refusal.message;
    EXPECT_EQ(refusal.place.substr(0, 2), "5:");
  }
}

struct TextCase {
  std::string_view name, text, cloud, advice;
};

constexpr TextCase kTexts[] = {
    {"a tab indents", "phases:\n\tbuild:\n", "found character that cannot start any token at line 1",
     "a tab cannot indent YAML; use spaces"},
    {"JSON without a comma; the line is the token's, not the list's",
     "{\"commands\": [\n  \"a\"\n  \"b\"]}\n", "did not find expected ',' or ']' at line 2",
     "the list needs a \",\" or its \"]\" here"},
    {"JSON with a bad quote", "{\"commands\": [\"a\", \"b\"c\", \"d\"]}\n",
     "did not find expected ',' or ']' at line 0", "the list needs a"},
    {"the whole file in one line", "version: 0.2 phases: build: commands: - make\n",
     "mapping values are not allowed in this context at line 0", "a second \": \" in one line"},
    {"a key without its colon", "version: 0.2\nphases:\n  build\n    commands:\n      - make\n",
     "mapping values are not allowed in this context at line 3",
     "\"build\" in line 3 has no \":\" behind it"},
    {"an entry out of line", "commands:\n    - a\n  - b\n", "did not find expected key at line 2",
     "this line begins in column 3, where a key is expected"},
    {"a phase out of line", "phases:\n   install:\n     x: 1\n  build:\n     x: 1\n",
     "did not find expected key at line 3",
     "the mapping that it would belong to stands in column 1, since line 1"},
    {"a quote never closed; the line is the end's", "a: 1\nb: \"open\nc: 2\n",
     "found unexpected end of stream at line 3", "the quote opened in line 2, column 4 is never closed"},
    {"a line that is neither key nor entry", "a: b\nword\nc: d\n", "could not find expected ':' at line 2",
     "\"word\" in line 2 is no key"},
    {"a list behind its key", "commands: - a\n",
     "block sequence entries are not allowed in this context at line 0",
     "a list begins on a line of its own"},
    {"an undefined alias is found although a later line is worse", "a: *b\nc: `\n",
     "found undefined alias at line 0", "*b"},
};

TEST(YamlSyntax, RefusesATextInTheWordsOfTheCloud) {
  for (const auto& [name, text, cloud, advice] : kTexts) {
    SCOPED_TRACE(name);
    const Refusal refusal = refusal_of(text);
    EXPECT_EQ(refusal.cloud, cloud);
    EXPECT_EQ(refusal.code, "YAML_FILE_ERROR");
    EXPECT_NE(refusal.message.find(advice), std::string::npos) << refusal.message;
  }
}

// buildspec.md 1.2: well-formed YAML; that these are no commands is for the decoder to say.
TEST(YamlSyntax, AcceptsWhatIsAMappingByMistake) {
  for (const std::string_view entry : {"- echo a: b", "- echo a:"}) {
    SCOPED_TRACE(entry);
    const SourceText source("buildspec.yml", with_entry(entry));
    Diagnostics found;
    const Document document = parse_document(source, found);
    EXPECT_TRUE(found.all().empty());
    EXPECT_TRUE(document.root()->find("phases")->find("build")->find("commands")->items.at(0)->is_mapping());
  }
}

// The reader below the scanner knows a byte offset and no line, so the cloud's line is 0; ours is the byte's.
TEST(YamlSyntax, NamesABadByteAndItsPlace) {
  struct ByteCase {
    std::string_view text, cloud, place, advice;
  };
  constexpr ByteCase kCases[] = {
      {"a: 1\nb: \xE9t\xE9\n", "invalid trailing UTF-8 octet at line 0", "2:5", "not UTF-8"},
      {"a: 1\nb: \xFF\n", "invalid leading UTF-8 octet at line 0", "2:4", "the byte 0xFF here is not UTF-8"},
      {"a: \xC3", "incomplete UTF-8 octet sequence at line 0", "1:4", "not UTF-8"},
      {"a: \xC0\x80\n", "invalid length of a UTF-8 sequence at line 0", "1:4", "not UTF-8"},
      {"a: \xED\xA0\x80\n", "invalid Unicode character at line 0", "1:4", "not UTF-8"},
      {"a: 1\nb: \x1B[0m\n", "control characters are not allowed at line 0", "2:4",
       "the control character 0x1B cannot stand in YAML"},
      {std::string_view("a: b\0c\n", 7), "control characters are not allowed at line 0", "1:5", "0x00"},
  };
  for (const auto& [text, cloud, place, advice] : kCases) {
    SCOPED_TRACE(cloud);
    const Refusal refusal = refusal_of(text);
    EXPECT_EQ(refusal.cloud, cloud);
    EXPECT_EQ(refusal.place, place);
    EXPECT_EQ(refusal.id, "yaml-syntax");
    EXPECT_NE(refusal.message.find(advice), std::string::npos) << refusal.message;
  }
}

// libyaml counts characters, and ends lines where an editor does not.
TEST(YamlSyntax, PlacesAnErrorBehindWideCharactersAndForeignLineEnds) {
  EXPECT_EQ(refusal_of("é: ü\n日: `\n").place, "2:4");
  EXPECT_EQ(refusal_of("\xEF\xBB\xBF"
                       "a: `\n")
                .place,
            "1:4");
  EXPECT_EQ(refusal_of("a: b\r\nc: `\r\n").place, "2:4");
  EXPECT_EQ(refusal_of("a: b\rc: `\r").place, "2:4");
  const Refusal refusal = refusal_of(
      "a: b # x\xC2\x85"
      "c: d # y\xE2\x80\xA8"
      "e: `\n");
  EXPECT_EQ(refusal.cloud, "found character that cannot start any token at line 2");
  EXPECT_EQ(refusal.place, "1:22");
}

TEST(YamlSyntax, KeepsTheTreeThatWasReadBeforeTheError) {
  const SourceText source("buildspec.yml",
                          "version: 0.2\nphases:\n  build:\n    commands:\n      - make\n      - `date`\n");
  Diagnostics found;
  const Document document = parse_document(source, found);
  ASSERT_NE(document.root(), nullptr);
  EXPECT_TRUE(document.root()->incomplete);
  EXPECT_EQ(document.root()->find("version")->text(), "0.2");
  const Node* commands = document.root()->find("phases")->find("build")->find("commands");
  ASSERT_NE(commands, nullptr);
  EXPECT_TRUE(commands->incomplete);
  ASSERT_EQ(commands->items.size(), 1u);
  EXPECT_EQ(commands->items[0]->text(), "make");
}

// Every problem text of libyaml comes out as a message that is lower case and ends without a full stop.
TEST(YamlSyntax, SpeaksInLowerCase) {
  constexpr std::string_view kCases[] = {"a: !<x\n",   "a: !x!y z\n",         "%YAML 3.0\n---\na\n",
                                         "%YAML x\n",  "%TAG\n---\n",         "%FOO\na: b\n",
                                         "a: |0\n",    "a: \"\\xZZ\"\n",      "a: \"\\uD800\"\n",
                                         "[a,,b]\n",   "{a: b c: d}\n",       "a: 'x\n---\n'\n",
                                         "- a\n? b\n", "a: b\n  c\n\td: e\n", "a: |\n\t\tx\n",
                                         "!%zz a\n",   "? a\n- b\n",          "{a:,}\n"};
  for (const std::string_view text : kCases) {
    SCOPED_TRACE(text);
    const SourceText source("t", std::string(text));
    Diagnostics found;
    const Document document = parse_document(source, found);
    EXPECT_FALSE(found.all().empty());
    for (const Diagnostic& d : found.all()) {
      ASSERT_FALSE(d.message.empty());
      EXPECT_FALSE(d.message.front() >= 'A' && d.message.front() <= 'Z') << d.message;
      EXPECT_NE(d.message.back(), '.') << d.message;
      EXPECT_TRUE(d.id != "yaml-syntax" || d.cloud_message.find(" at line ") != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace buildspec_run
