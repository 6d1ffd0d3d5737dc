#include "runner/exec/shell_scope.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runner/sys/user.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

using test::put;
using test::Ran;
using test::run_program;
using test::TemporaryDirectory;

const std::map<std::string, std::string> kEnvironment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                         {"FROM_HOST", "host"}};

/// One build's commands, run as the runner runs them: each a script in a new shell.
class Entries {
 public:
  explicit Entries(std::string shell, ScopeKind kind = ScopeKind::carried)
      : shell_(std::move(shell)), source_(files_ / "src"), scope_(make(kind)) {}

  struct Ended {
    int exit = 0;
    std::string out, err;
    ShellScope::Kept kept = ShellScope::Kept::nothing;
  };

  Ended run(std::string_view text, const std::string& succeeding = "1") {
    const std::pair<std::string, std::string> owned[] = {{"CODEBUILD_BUILD_SUCCEEDING", succeeding}};
    Result<Path> script = scope_.prepare(text, owned);
    EXPECT_TRUE(script) << (script ? "" : script.error().message);
    scope_.meanwhile();
    const Ran ran = run_program({shell_, script->native()}, environment, scope_.start_directory());
    Result<ShellScope::Kept> kept = scope_.commit();
    EXPECT_TRUE(kept) << (kept ? "" : kept.error().message);
    return {ran.exit, ran.out, ran.err, *kept};
  }

  std::map<std::string, std::string> variables() {
    Result<Path> script = scope_.prepare_variables("/usr/bin/env");
    EXPECT_TRUE(script);
    EXPECT_EQ(run_program({shell_, script->native()}, environment, scope_.start_directory()).exit, 0);
    return parse_environment(test::contents(scope_.variables_file()));
  }

  [[nodiscard]] std::string source() const { return source_.native(); }
  [[nodiscard]] ShellScope& scope() { return scope_; }

  std::map<std::string, std::string> environment = kEnvironment;

 private:
  ShellScope make(ScopeKind kind) {
    std::filesystem::create_directories(source_ / "sub");
    std::filesystem::create_directories(files_ / "own");
    Result<ShellScope> scope = ShellScope::make(files_ / "own", kind, source_.native());
    EXPECT_TRUE(scope);
    return std::move(*scope);
  }

  TemporaryDirectory files_;
  std::string shell_;
  Path source_;
  ShellScope scope_;
};

/// The shells a build may meet: dash as on Ubuntu, bash by env.shell, bash under the name sh as on Amazon
/// Linux.
struct Shells {
  Shells() { std::filesystem::create_symlink("/bin/bash", files / "sh"); }
  TemporaryDirectory files;
  std::string dash = "/bin/dash", bash = "/bin/bash", bash_as_sh = (files / "sh").native();
};

TEST(ShellScope, WritesTheScriptOfTheReference) {
  const std::pair<std::string, std::string> owned[] = {{"CODEBUILD_BUILD_SUCCEEDING", "1"}};
  EXPECT_EQ(make_script({ScopeKind::carried,
                         "/src/a b",
                         {"/tmp/o/0-env.sh", "/tmp/o/0-dir.txt"},
                         {"/tmp/o/1-env.sh", "/tmp/o/1-dir.txt"},
                         owned},
                        "echo \"$X\"\nmake"),
            "cd '/src/a b'\n"
            "set -a\n"
            ". /tmp/o/0-env.sh; CODEBUILD_BUILD_SUCCEEDING=1\n"
            "echo \"$X\"\nmake\n"
            "CODEBUILD_LAST_EXIT=$?\n"
            "export -p > /tmp/o/1-env.sh\n"
            "case $? in 0) pwd > /tmp/o/1-dir.txt;; esac\n"
            "exit $CODEBUILD_LAST_EXIT\n");
  EXPECT_EQ(make_script({ScopeKind::isolated, "/src", {}, {}, owned}, "make"), "cd /src\n:\n:\nmake\n");
}

/// Rows of the tables of buildspec.md 1.4: entries in their order, and what the last one prints and comes to.
struct Row {
  std::string name;
  std::vector<std::string> entries;
  std::string out;         // of the last entry
  int dash = 0, bash = 0;  // its status
};

const Row kRows[] = {
    {"directory", {"cd sub", "basename \"$PWD\"; pwd | sed 's,.*/,,'"}, "sub\nsub\n"},
    {"exported variable", {"export X=1", "sh -c 'echo $X'"}, "1\n"},
    {"plain assignment", {"X=1", "sh -c 'echo $X'"}, "1\n"},
    {"command substitution", {"X=$(echo a; echo b)", "printf '%s' \"$X\""}, "a\nb"},
    {"unset", {"export V=1", "unset V", "test -z \"${V+set}\" && echo gone"}, "gone\n"},
    {"unset of the process environment", {"unset FROM_HOST", "echo $FROM_HOST"}, "host\n"},
    {"OLDPWD", {"cd sub", "cd ..", "cd - > /dev/null; basename \"$PWD\""}, "sub\n"},
    {"IFS", {"IFS=:", "x=a:b; for i in $x; do echo $i; done"}, "a\nb\n"},
    {"function", {"f() { echo f; }", "f"}, "", 127, 127},
    {"alias", {"alias f='echo f'", "f"}, "", 127, 127},
    {"set -e", {"set -e", "false; true; echo on"}, "on\n"},
    {"set -x", {"set -x", "echo quiet 2>&1"}, "quiet\n"},
    {"set +a ends for its own entry", {"set +a; A=1", "B=2", "echo [$A][$B]"}, "[][2]\n"},
    {"trap", {"trap 'echo bye' EXIT", "echo none"}, "none\n"},
    {"trap fires at the end of its entry", {"trap 'echo bye' EXIT; echo in"}, "in\nbye\n"},
    {"values with line feeds and quotes",
     {"X=$(printf 'a\\nb')\\'\\\"\\$HOME\\`id\\`\\\\", "printf '%s' \"$X\""},
     "a\nb'\"$HOME`id`\\"},
    {"UTF-8", {"X='h\xC3\xA4 \xE2\x82\xAC'", "printf '%s' \"$X\""}, "h\xC3\xA4 \xE2\x82\xAC"},
    {"status of the entry before is not in $?", {"(exit 3)", "echo $?"}, "0\n"},
    {"but in CODEBUILD_LAST_EXIT", {"(exit 3)", "echo $CODEBUILD_LAST_EXIT"}, "3\n"},
    {"background jobs: wait for none of ours",
     {"sleep 5 > /dev/null 2>&1 & echo $! > pid", "wait $(cat pid)"},
     "",
     127,
     127},
    {"background jobs: kill works",
     {"sleep 5 > /dev/null 2>&1 & echo $! > pid", "kill $(cat pid) && echo killed"},
     "killed\n"},
    {"background jobs: $! is empty", {"true &", "echo \"[$!]\""}, "[]\n"},
    {"wait without operand",
     {"sleep 5 > /dev/null 2>&1 & echo $! > pid", "wait; echo $?; kill $(cat pid)"},
     "0\n"},
    {"umask", {"umask 000; umask 077", "umask"}, "0022\n"},
    {"block with false in the middle", {"false\ntrue"}, ""},
    {"pipeline counts by its last", {"false | true"}, ""},
    {"exported and never set", {"export NEVER", "echo \"[${NEVER-unset}]\""}, "[unset]\n"},
    // Ways to leave early, or to damage the last four lines.
    {"exit N", {"exit 3"}, "", 3, 3},
    {"exit 0 loses the state", {"A=1", "cd sub; A=2; exit 0", "echo $A; basename \"$PWD\""}, "1\nsrc\n"},
    {"|| exit 0", {"A=1; false || exit 0", "echo [$A]"}, "[]\n"},
    {"return N", {"return 3"}, "", 3, 2},
    {"exec", {"A=1; exec sh -c 'exit 4'"}, "", 4, 4},
    {"exec loses the state", {"A=1; exec true", "echo [$A]"}, "[]\n"},
    {"set -e and a failure", {"set -e; A=1\n(exit 5)\necho not"}, "", 5, 5},
    {"syntax error", {"if true"}, "", 2, 2},
    {"open quote", {"echo 'a"}, "", 2, 2},
    {"continuation after a failure", {"false \\"}, ""},
    {"continuation keeps the state", {"A=1; false \\", "echo $A"}, "1\n"},
    {"continuation has the status of the entry before", {"(exit 6)", "true \\"}, "", 6, 6},
    {"here-document not ended", {"cat <<EOF > /dev/null"}, "", 0, 0},
    {"here-document not ended loses", {"A=1; cat <<EOF > /dev/null", "echo [$A]"}, "[]\n"},
    {"set -C", {"set -C"}, "", 2, 0},
    {"set -C writes no state", {"A=1; set -C", "echo [$A]"}, "[]\n"},
    {"cd ''", {"cd sub; cd '' 2> /dev/null; :", "basename \"$PWD\""}, "sub\n"},
    {"#! has no effect", {"#!/bin/false\necho ran"}, "ran\n"},
    {"comment only", {"# nothing"}, ""},
    {"ends in a line feed", {"echo a\n"}, "a\n"},
};

TEST(ShellScope, CarriesOverWhatTheReferenceSays) {
  const Shells shells;
  for (const Row& row : kRows) {
    for (const std::string& shell : {shells.dash, shells.bash}) {
      SCOPED_TRACE(row.name + " in " + shell);
      Entries entries(shell);
      Entries::Ended last;
      for (const std::string& text : row.entries) last = entries.run(text);
      EXPECT_EQ(last.exit, shell == shells.dash ? row.dash : row.bash) << last.err;
      EXPECT_EQ(last.out, row.out) << last.err;
    }
  }
}

TEST(ShellScope, ReturnOutsideAFunctionEndsTheEntryOnlyInDash) {
  const Shells shells;
  for (const auto& [shell, out] : {std::pair(shells.dash, "[]\n"), std::pair(shells.bash, "[1]\n")}) {
    Entries entries(shell);
    EXPECT_EQ(entries.run("A=1; return 0; :").exit, 0);
    EXPECT_EQ(entries.run("echo [$A]").out, out);
  }
}

TEST(ShellScope, KeepsReadOnlyInBashOnly) {
  const Shells shells;
  for (const auto& [shell, out] :
       {std::pair(shells.bash, ""), std::pair(shells.dash, "2\n"), std::pair(shells.bash_as_sh, "2\n")}) {
    SCOPED_TRACE(shell);
    Entries entries(shell);
    EXPECT_EQ(entries.run("readonly R=1").exit, 0);
    EXPECT_EQ(entries.run("R=2 && echo $R").out, out);
    EXPECT_EQ(entries.run("echo $R").exit, 0) << "a read-only variable harms no later entry";
  }
}

TEST(ShellScope, CannotSetWhatACommandMadeReadOnlyAndBashSaysSo) {
  const Shells shells;
  for (const auto& [shell, stays] :
       {std::pair(shells.bash, true), std::pair(shells.dash, false), std::pair(shells.bash_as_sh, false)}) {
    SCOPED_TRACE(shell);
    Entries entries(shell);
    EXPECT_EQ(entries.run("readonly CODEBUILD_BUILD_SUCCEEDING").exit, 0);
    const auto ended = entries.run("echo $? $CODEBUILD_BUILD_SUCCEEDING", "0");
    EXPECT_EQ(ended.exit, 0) << "the command runs all the same";
    EXPECT_EQ(ended.out, stays ? "1 1\n" : "0 0\n");
    EXPECT_EQ(ended.err.find("line 3: CODEBUILD_BUILD_SUCCEEDING: readonly variable") != std::string::npos,
              stays);
  }
}

TEST(ShellScope, LosesArraysInBash) {
  Entries entries("/bin/bash");
  EXPECT_EQ(entries.run("declare -A p; a=(1 2)").exit, 0);
  EXPECT_EQ(entries.run("echo \"[${a[1]}]\"").out, "[]\n");
  // What was an associative array is an indexed one now, and its key arithmetic. (bash before 5.2 refuses the
  // quotes of p["php"] already; 5.2 takes them, and fails where the key is no expression.)
  EXPECT_EQ(entries.run("p[\"a.b\"]=7.4").exit, 1);
}

TEST(ShellScope, CarriesOnAsAmazonLinuxDoesWithBashCalledSh) {
  const Shells shells;
  Entries entries(shells.bash_as_sh);
  EXPECT_EQ(entries.run("cd sub; X='a\nb'").exit, 0);
  EXPECT_EQ(entries.run("[[ $X == a* ]] && printf %s \"$X\"; basename \"$PWD\"").out, "a\nbsub\n");
}

TEST(ShellScope, BeginsTheTextAtLineFour) {
  const Shells shells;
  for (const std::string& shell : {shells.dash, shells.bash, shells.bash_as_sh}) {
    Entries entries(shell);
    const auto ended = entries.run("no-such-command-here");
    EXPECT_EQ(ended.exit, 127);
    EXPECT_NE(
        ended.err.find(shell == shells.dash ? "/script.sh: 4: no-such-command-here: not found"
                                            : "/script.sh: line 4: no-such-command-here: command not found"),
        std::string::npos)
        << ended.err;
  }
}

TEST(ShellScope, SetsWhatTheRunnerOwnsBehindTheOldState) {
  const Shells shells;
  for (const std::string& shell : {shells.dash, shells.bash}) {
    Entries entries(shell);
    EXPECT_EQ(entries.run("echo $CODEBUILD_BUILD_SUCCEEDING", "1").out, "1\n");
    EXPECT_EQ(entries.run("sh -c 'echo $CODEBUILD_BUILD_SUCCEEDING'; echo $?", "0").out, "0\n0\n");
  }
}

TEST(ShellScope, KeepsDirectoriesOfAnyName) {
  const Shells shells;
  for (const std::string& shell : {shells.dash, shells.bash}) {
    for (const std::string name : {"a b", "it's", "-x", "\"$HOME\"", "h\xC3\xA4\xE2\x82\xAC", "a\nb",
                                   "ends\n", "100%\\n", "*", "\xFF"}) {
      SCOPED_TRACE(shell + ": " + name);
      Entries entries(shell);
      std::filesystem::create_directories(Path(entries.source()) / name);
      entries.environment["NAME"] = name;
      EXPECT_EQ(entries.run("cd \"./$NAME\"").exit, 0);
      EXPECT_EQ(entries.scope().working_directory(), entries.source() + "/" + name);
      const auto ended =
          entries.run("[ \"$PWD\" = \"$ROOT/$NAME\" ] || printf '%s' \"$PWD\"; no-such-command-here");
      EXPECT_EQ(ended.out, entries.environment.contains("ROOT") ? "" : entries.source() + "/" + name);
      EXPECT_NE(ended.err.find("4: no-such-command-here"), std::string::npos) << ended.err;
    }
  }
}

TEST(ShellScope, GoesOnInAnEmptyDirectoryWhenTheOldOneHasVanished) {
  const Shells shells;
  for (const std::string& shell : {shells.dash, shells.bash}) {
    Entries entries(shell);
    EXPECT_EQ(entries.run("mkdir gone; cd gone; rmdir ../gone").exit, 0);
    const auto ended = entries.run("ls -A; echo $?; /bin/pwd");
    EXPECT_EQ(ended.out, "0\n" + entries.scope().start_directory().native() + "\n");
    EXPECT_NE(ended.err.find("cd"), std::string::npos);
    EXPECT_EQ(entries.run("cd " + entries.source() + "/sub").exit, 0);
    EXPECT_EQ(entries.run("basename \"$PWD\"").out, "sub\n");
  }
}

TEST(ShellScope, ReadsTheStateByAShell) {
  const Shells shells;
  for (const std::string& shell : {shells.dash, shells.bash, shells.bash_as_sh}) {
    SCOPED_TRACE(shell);
    Entries entries(shell);
    EXPECT_EQ(entries.run("A='x\ny=z'; B=\"it's \\\"$A\\\"\"; export EMPTY= NEVER; C='export D=1'").exit, 0);
    EXPECT_EQ(entries.run("PATH=/nowhere; readonly R=1").exit, 0);
    const auto variables = entries.variables();
    const auto value = [&](const std::string& name) {
      return variables.contains(name) ? variables.at(name) : std::string("<none>");
    };
    EXPECT_EQ(value("A"), "x\ny=z");
    EXPECT_EQ(value("B"), "it's \"x\ny=z\"");
    EXPECT_EQ(value("C"), "export D=1");
    EXPECT_EQ(value("D"), "<none>");
    EXPECT_EQ(value("EMPTY"), "");
    EXPECT_EQ(value("NEVER"), "<none>");
    EXPECT_EQ(value("R"), "1");
    EXPECT_EQ(value("FROM_HOST"), "host");
  }
}

TEST(ShellScope, KeepsTheOldStateWhenTheNewOneIsNotWhole) {
  // RLIMIT_FSIZE stands in for a full disk: the write of env.sh ends in the middle. With SIGXFSZ ignored it
  // is an error, as ENOSPC is.
  for (const std::string shell : {"/bin/dash", "/bin/bash"}) {
    SCOPED_TRACE(shell);
    Entries entries(shell);
    EXPECT_EQ(entries.run("A=old").kept, ShellScope::Kept::whole);
    EXPECT_EQ(
        entries.run("A=new; BIG=$(head -c 100000 /dev/zero | tr '\\0' x); trap '' XFSZ; ulimit -f 1; :").kept,
        ShellScope::Kept::partial);
    EXPECT_EQ(entries.run("echo $A").out, "old\n");
    EXPECT_EQ(entries.run("A=killed; kill -9 $$").kept, ShellScope::Kept::nothing);
    EXPECT_EQ(entries.run("echo $A").out, "old\n");
    EXPECT_EQ(entries.scope().number(), 3u);
  }
}

TEST(ShellScope, DiscardsWhatCountsAsNotRun) {
  Entries entries("/bin/dash");
  entries.run("A=1");
  const std::pair<std::string, std::string> none[] = {{"X", "1"}};
  Result<Path> script = entries.scope().prepare("A=2; cd sub", none);
  ASSERT_TRUE(script);
  run_program({"/bin/dash", script->native()}, kEnvironment);
  entries.scope().discard();
  EXPECT_EQ(entries.run("echo $A; basename \"$PWD\"").out, "1\nsrc\n");
}

TEST(ShellScope, StartsEachCommandAfreshInVersionZeroOne) {
  for (const std::string shell : {"/bin/dash", "/bin/bash"}) {
    Entries entries(shell, ScopeKind::isolated);
    EXPECT_EQ(entries.run("cd sub; export A=1").exit, 0);
    EXPECT_EQ(entries.run("echo [$A]; basename \"$PWD\"").out, "[]\nsrc\n");
    EXPECT_EQ(entries.run("exit 3").exit, 3);
    EXPECT_NE(entries.run("no-such-command-here").err.find("4: no-such-command-here"), std::string::npos);
  }
}

TEST(ShellScope, OpensItsFilesToNobody) {
  Entries entries("/bin/dash");
  entries.run("SECRET=1");
  const auto mode_of = [](const Path& path) {
    return std::filesystem::status(path).permissions() & std::filesystem::perms(0777);
  };
  const Path own = entries.scope().directory();
  EXPECT_EQ(mode_of(own / "script.sh"), std::filesystem::perms(0600));
  EXPECT_EQ(mode_of(own / "1-env.sh"), std::filesystem::perms(0600));
}

TEST(ShellScope, RemovesWornStatesAndMakesTheOneAfterTheNextMeanwhile) {
  Entries entries("/bin/dash");
  const Path own = entries.scope().directory();
  entries.run("A=1");
  entries.run("A=2");
  const std::pair<std::string, std::string> none[] = {{"X", "1"}};
  ASSERT_TRUE(entries.scope().prepare("echo $A", none));
  entries.scope().meanwhile();  // of a command that reads state 2 and writes state 3
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(own)) left.push_back(entry.path().filename());
  std::sort(left.begin(), left.end());
  const std::vector<std::string> want = {"2-dir.txt", "2-env.sh", "3-dir.txt", "3-env.sh",
                                         "4-dir.txt", "4-env.sh", "readonly",  "script.sh"};
  EXPECT_EQ(left, want);
  entries.scope().discard();
  EXPECT_EQ(entries.run("echo $A").out, "2\n");
}

TEST(ShellScope, WritesNothingThroughWhatACommandLeavesInItsWay) {
  Entries entries("/bin/dash");
  entries.environment["OWN"] = entries.scope().directory().native();
  entries.environment["SOURCE"] = entries.source();
  put(Path(entries.source()) / "mine", "mine\n");
  // The files of the state after the next are there already.
  EXPECT_EQ(entries
                .run("for name in script.sh 2-env.sh; do ln -sf \"$SOURCE/mine\" \"$OWN/$name\"; done; "
                     "rm \"$OWN/2-dir.txt\"; mkdir \"$OWN/2-dir.txt\"; touch \"$OWN/2-dir.txt/x\"")
                .exit,
            0);
  EXPECT_EQ(entries.run("A=1; rm \"$OWN/script.sh\"; mkdir -p \"$OWN/script.sh/sub\"").exit, 0);
  EXPECT_EQ(entries.run("echo $A").out, "1\n");
  EXPECT_EQ(test::contents(Path(entries.source()) / "mine"), "mine\n");
}

TEST(ShellScope, RefusesADirectoryNoScriptCanHold) {
  EXPECT_FALSE(ShellScope::make("/tmp/a\nb", ScopeKind::carried, "/"));
}

TEST(ShellScope, SplitsWhatEnvPrints) {
  using namespace std::string_view_literals;
  const std::map<std::string, std::string> want = {{"A", "1"}, {"B", "x=y\n"}, {"C", ""}};
  EXPECT_EQ(parse_environment("A=1\0B=x=y\n\0C=\0nothing\0=odd\0A=2"sv), want);
  EXPECT_TRUE(parse_environment("").empty());
}

// What steps leave reaches commands as if one of them had exported it.
TEST(ShellScope, TakesVariablesFromOutside) {
  for (const char* shell : {"/bin/sh", "/bin/bash"}) {
    SCOPED_TRACE(shell);
    Entries entries(shell);
    entries.run("export A=old B=kept; cd sub");
    ASSERT_TRUE(entries.scope().add({{"A", "it's\n$new `x`"}, {"C", ""}}));
    EXPECT_EQ(entries.run("printf '%s|' \"$A\" \"$B\" \"${C-unset}\"; pwd; A=own").out,
              "it's\n$new `x`|kept||" + entries.source() + "/sub\n");
    EXPECT_EQ(entries.variables().at("A"), "own");
    ASSERT_TRUE(entries.scope().add({{"A", "again"}}));
    EXPECT_EQ(entries.variables().at("A"), "again");
  }
  Entries isolated("/bin/sh", ScopeKind::isolated);
  ASSERT_TRUE(isolated.scope().add({{"A", "x"}}));
  EXPECT_EQ(isolated.scope().number(), 0u);
}

}  // namespace
}  // namespace buildspec_run
