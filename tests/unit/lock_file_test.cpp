#include "actions/store/lock_file.h"

#include <gtest/gtest.h>

#include "runner/yaml/document.h"
#include "runner/yaml/write_yaml.h"

namespace buildspec_run {
namespace {

const std::string kCommit(40, '1'), kDigest = "sha256:" + std::string(64, 'a');

std::string errors_of(const std::string& text) {
  const SourceText source("buildspec.lock", text);
  Diagnostics found;
  (void)decode_lock_file(source, found);
  std::string all;
  for (const Diagnostic& one : found.all()) all += render_line(one);
  return all;
}

TEST(LockFile, IsReadAsItIsWritten) {
  LockFile lock;
  lock.actions["actions/checkout@v4"] = {kCommit, kDigest};
  lock.actions["a/b@release/v1"] = {std::string(39, 'e') + "1", kDigest};
  lock.actions["a/b@" + kCommit] = {kCommit, kDigest};
  const std::string text = to_text(lock);
  EXPECT_EQ(text.substr(text.find('\n') + 1),
            "version: 1\nactions:\n"
            "  a/b@" +
                kCommit + ":\n    commit: \"" + kCommit + "\"\n    digest: " + kDigest +
                "\n  a/b@release/v1:\n    commit: " + std::string(39, 'e') + "1\n    digest: " + kDigest +
                "\n  actions/checkout@v4:\n    commit: \"" + kCommit + "\"\n    digest: " + kDigest + "\n");
  const SourceText source("buildspec.lock", text);
  Diagnostics found;
  EXPECT_EQ(decode_lock_file(source, found), lock);
  EXPECT_EQ(found.all().size(), 0u);
  EXPECT_EQ(errors_of(to_text({})), "");
}

TEST(LockFile, SaysWhatIsWrong) {
  const std::string head = "version: 1\nactions:\n";
  EXPECT_EQ(errors_of(""),
            "buildspec.lock: error: a lock file is a mapping with version and actions [lock-file]\n");
  EXPECT_EQ(errors_of("actions: {}\n"),
            "buildspec.lock:1:1: error: the lock file has no version [lock-file]\n");
  EXPECT_EQ(errors_of("version: 2\n"),
            "buildspec.lock:1:10: error: only version 1 of lock files is known [lock-file]\n");
  EXPECT_EQ(errors_of("version: 1\nx: 1\n"),
            "buildspec.lock:2:1: error: unknown key \"x\"; version and actions are known [lock-file]\n");
  EXPECT_EQ(errors_of(head + "  a/b: {}\n"),
            "buildspec.lock:3:3: error: an action is owner/repo@ref [lock-file]\n");
  EXPECT_EQ(errors_of(head + "  a/b/c@v1: {}\n"),
            "buildspec.lock:3:3: error: an action is owner/repo@ref [lock-file]\n");
  EXPECT_EQ(errors_of(head + "  a/b@v1: x\n"),
            "buildspec.lock:3:11: error: an action has a commit and a digest [lock-file]\n");
  EXPECT_EQ(errors_of(head + "  a/b@v1: {commit: 1234567, digest: sha256:x, more: 1}\n"),
            "buildspec.lock:3:20: error: a commit is 40 hexadecimal digits [lock-file]\n"
            "buildspec.lock:3:37: error: a digest is sha256: and 64 hexadecimal digits [lock-file]\n"
            "buildspec.lock:3:47: error: unknown key \"more\" of an action; commit and digest are known "
            "[lock-file]\n");
  EXPECT_EQ(errors_of(head + "  a/b@v1: {commit: \"" + kCommit + "\"}\n"),
            "buildspec.lock:3:3: error: a/b@v1 has no digest [lock-file]\n");
  EXPECT_NE(errors_of("version: [\n"), "");
}

TEST(WriteYaml, ReadsBackAsItWas) {
  const char* kTexts[] = {"plain",      "",       "true", "No",   "null", "~",          "1",     "1e3",
                          "0x1f",       "-x",     "a: b", "a #b", "#a",   "two\nlines", "tab\t", "'q'",
                          "\"d\"",      "*alias", "&a",   "!t",   "@at",  "%x",         "  in ", "\xC3\xA9",
                          "2026-01-01", ".5",     "[x]",  "{x}",  "- a",  "<<"};
  for (const char* text : kTexts) {
    const SourceText source("x", write_yaml(Value::Object{{"key", text}, {text, "value"}}));
    Diagnostics found;
    const Document document = parse_document(source, found);
    ASSERT_NE(document.root(), nullptr) << source.text();
    const Node* value = document.root()->find("key");
    ASSERT_NE(value, nullptr) << source.text();
    EXPECT_EQ(value->scalar, text) << source.text();
    EXPECT_FALSE(value->style == ScalarStyle::plain && value->boolean().has_value()) << source.text();
    EXPECT_FALSE(value->is_null()) << source.text();
  }
  EXPECT_EQ(write_yaml(Value::Object{
                {"a", Value::Array{1, true, nullptr, 1.5}}, {"b", Value::Object{}}, {"c", Value::Array{}}}),
            "a:\n  - 1\n  - true\n  - ~\n  - 1.5\nb: {}\nc: []\n");
}

}  // namespace
}  // namespace buildspec_run
