#include "runner/cli/settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "runner/cli/run.h"
#include "runner/cli/validate.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

class SettingsTest : public testing::Test {
 protected:
  Settings read(const Subcommand& command = run_subcommand()) {
    invocation_.working_directory = repository_ / "a/b";
    invocation_.environment["HOME"] = home_.string();
    Diagnostics found;
    Settings settings = read_settings(invocation_, command, found);
    complaints_.clear();
    for (const Diagnostic& one : found.all()) complaints_ += render_line(one);
    return settings;
  }
  // What one option comes to, each value followed by "|".
  std::string values(std::string_view option, const Subcommand& command = run_subcommand()) {
    Arguments arguments = invocation_.arguments;
    apply_settings(read(command).settings, arguments);
    std::string out;
    for (const std::string& value : arguments.values(option)) out += value + "|";
    return out;
  }
  void personal(const std::string& text) { test::put(home_ / ".config/buildspec-run/config.yml", text); }
  void repository(const std::string& text) { test::put(repository_ / ".buildspec-run.yml", text); }

  test::TemporaryDirectory directory_;
  Path home_ = directory_.path() / "home", repository_ = directory_.path() / "re po";
  Invocation invocation_;
  std::string complaints_;

  void SetUp() override {
    std::filesystem::create_directories(repository_ / ".git");
    std::filesystem::create_directories(repository_ / "a/b");
  }
};

TEST_F(SettingsTest, TheStrongerWins) {
  EXPECT_EQ(values("--timeout"), "");
  personal("timeout: 1m\n");
  EXPECT_EQ(values("--timeout"), "1m|");
  repository("timeout: 2m\n");
  EXPECT_EQ(values("--timeout"), "2m|");
  repository("run: {timeout: 3m}\ntimeout: 2m\n");
  EXPECT_EQ(values("--timeout"), "3m|") << "the section of the command";
  invocation_.environment["BUILDSPEC_RUN_TIMEOUT"] = "4m";
  EXPECT_EQ(values("--timeout"), "4m|");
  invocation_.arguments.options["--timeout"] = {"5m"};
  EXPECT_EQ(values("--timeout"), "4m|5m|") << "the last one counts";
}

TEST_F(SettingsTest, OfARepeatedOptionAllCount) {
  personal("env: A=1\n");
  repository("env: [B=2, 'C=3 4']\nrun: {env: {D: 5}}\n");
  invocation_.environment["BUILDSPEC_RUN_ENV"] = "E=6\nF=7\n";
  invocation_.arguments.options["--env"] = {"G=8"};
  EXPECT_EQ(values("--env"), "A=1|B=2|C=3 4|D=5|E=6|F=7|G=8|");
  EXPECT_EQ(complaints_, "");
}

TEST_F(SettingsTest, AFlagIsTakenBack) {
  personal("quiet: yes\ninherit-env: true\n");
  EXPECT_EQ(values("--quiet"), "true|");
  EXPECT_EQ(values("--inherit-env"), "*|") << "as on the command line without a pattern";
  repository("quiet: off\n");
  EXPECT_EQ(values("--quiet"), "");
  invocation_.environment["BUILDSPEC_RUN_QUIET"] = "1";
  EXPECT_EQ(values("--quiet"), "true|");
  invocation_.environment["BUILDSPEC_RUN_QUIET"] = "0";
  EXPECT_EQ(values("--quiet"), "");
  invocation_.environment["BUILDSPEC_RUN_QUIET"] = "";
  invocation_.environment["BUILDSPEC_RUN_INHERIT_ENV"] = "0";
  EXPECT_EQ(values("--inherit-env"), "");
}

TEST_F(SettingsTest, OneOptionOutsideOfSectionsIsForAllThatHaveIt) {
  repository("color: never\ntimeout: 1m\nvalidate: {format: json}\n");
  EXPECT_EQ(values("--color", validate_subcommand()), "never|");
  EXPECT_EQ(values("--format", validate_subcommand()), "json|");
  EXPECT_EQ(values("--format"), "");
  EXPECT_EQ(complaints_, "");
}

TEST_F(SettingsTest, PathsCountFromTheFile) {
  repository(
      "env-file: [vars.env, ../x/y.env, /abs.env]\nnode: node18\nsh: bin/sh\nreplace: o/r=dir\nsecret: [A, "
      "B@b.txt, C=@c.txt]\n");
  const std::string base = repository_.string();
  EXPECT_EQ(values("--env-file"), base + "/vars.env|" + directory_.path().string() + "/x/y.env|/abs.env|");
  EXPECT_EQ(values("--node"), "node18|") << "looked for on PATH";
  EXPECT_EQ(values("--sh"), base + "/bin/sh|");
  EXPECT_EQ(values("--replace"), "o/r=" + base + "/dir|");
  EXPECT_EQ(values("--secret"), "A|B@" + base + "/b.txt|C=@" + base + "/c.txt|");
}

TEST_F(SettingsTest, TheNearestFileOfTheRepositoryCounts) {
  repository("timeout: 1m\n");
  test::put(repository_ / "a/.buildspec-run.yml", "timeout: 2m\n");
  EXPECT_EQ(values("--timeout"), "2m|");
  invocation_.arguments.options["--source-dir"] = {"../.."};
  EXPECT_EQ(values("--timeout"), "1m|");
}

TEST_F(SettingsTest, OutsideOfARepositoryNothingAboveCounts) {
  std::filesystem::remove_all(repository_ / ".git");
  repository("timeout: 1m\n");
  EXPECT_EQ(values("--timeout"), "");
  test::put(repository_ / "a/b/.buildspec-run.yml", "timeout: 2m\n");
  EXPECT_EQ(values("--timeout"), "2m|");
}

TEST_F(SettingsTest, WhatIsWrongHasItsPlace) {
  struct Case {
    std::string_view text, want;
  };
  const Case kCases[] = {
      {"timeuot: 1m", "1:1: error: unknown option \"timeuot\"; did you mean \"timeout\"? [unknown-setting]"},
      {"run:\n  timeuot: 1m",
       "2:3: error: unknown option \"timeuot\" of run; did you mean \"timeout\"? [unknown-setting]"},
      {"run: 7", "1:6: error: a mapping of the options of run is expected [bad-setting]"},
      {"- a", "1:1: error: a mapping of options is expected, such as \"color: never\" [bad-setting]"},
      {"[a]: b",
       "1:1: error: a key that is no text; the name of an option or a command is expected [unknown-setting]"},
      {"format: jsn", "--format \"jsn\": one of "},
      {"quiet: perhaps", "1:8: error: quiet is yes or no [bad-setting]"},
      {"timeout:", "1:1: error: timeout has no value [bad-setting]"},
      {"timeout: [1m, 2m]", "1:10: error: a sequence where timeout takes one text [bad-setting]"},
      {"env: [[A]]", "1:7: error: a text for env is expected [bad-setting]"},
      {"env-file: {a: b}",
       "1:11: error: a mapping where env-file takes a text or a list of texts [bad-setting]"},
      {"source-dir: x", "1:1: error: source-dir cannot be set in a file [setting-not-here]"},
      {"docker-socket: yes", "1:1: error: docker-socket cannot be set by a file of the repository"},
      {"secret: {A: hush}", "1:13: error: the value of a secret in a file of the repository"},
      {"env: {", "[yaml-syntax]"},
      // Of another command, and wrong all the same.
      {"validate: {format: jsn}", "1:20: error: --format \"jsn\": one of "},
  };
  for (const auto& [text, want] : kCases) {
    SCOPED_TRACE(text);
    repository(std::string(text) + "\n");
    const Settings settings = read();
    EXPECT_NE(complaints_.find(want), std::string::npos) << complaints_;
    EXPECT_EQ(complaints_.find("hush"), std::string::npos);
    EXPECT_TRUE(settings.settings.empty());
  }
  personal("docker-socket: yes\nsecret: {A: hush}\n");
  repository("");
  read();
  EXPECT_EQ(complaints_, "") << "one's own file may";
}

// Neither is waited for, nor passed over: a pipe, a directory, a link to nothing or to itself.
TEST_F(SettingsTest, WhatIsNoFileIsAnError) {
  const Path in_repository = repository_ / ".buildspec-run.yml",
             of_mine = home_ / ".config/buildspec-run/config.yml";
  std::filesystem::create_directories(of_mine.parent_path());
  for (const Path& path : {in_repository, of_mine}) {
    const auto complains = [&](std::string_view what) {
      const Settings settings = read();
      EXPECT_EQ(complaints_, "buildspec-run: error: open " + path.string() + ": " + std::string(what) +
                                 "; without configuration files: --no-config [unreadable]\n");
      for (const Settings::File& file : settings.files) EXPECT_EQ(file.there, file.path == path) << file.path;
      std::filesystem::remove(path);
    };
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    complains("it is a named pipe; a regular file is expected");
    std::filesystem::create_directory(path);
    complains("it is a directory; a regular file is expected");
    std::filesystem::create_symlink("/dev/zero", path);
    complains("it is a device; a regular file is expected");
    std::filesystem::create_symlink(path.filename(), path);
    complains("Too many levels of symbolic links");
    std::filesystem::create_symlink("gone", path);
    complains("No such file or directory");
  }
}

TEST_F(SettingsTest, AHomeThatIsNoDirectoryHasNoFile) {
  test::put(home_, "");
  read();
  EXPECT_EQ(complaints_, "");
}

TEST_F(SettingsTest, AVariableOfNoOptionIsSaidOnce) {
  invocation_.environment["BUILDSPEC_RUN_TIMEOT"] = "1m";
  invocation_.environment["BUILDSPEC_RUN_SOMETHING_ELSE"] = "1";
  invocation_.environment["BUILDSPEC_RUN_DEBOUNCE"] = "100";  // of another command, for whichever has it
  invocation_.environment["BUILDSPEC_RUN_TEST_IMAGE"] = "image";
  invocation_.environment["BUILDSPEC_RUNNER"] = "somebody else's";
  read(validate_subcommand());
  EXPECT_EQ(complaints_,
            "buildspec-run: warning: the variable BUILDSPEC_RUN_SOMETHING_ELSE stands for no option "
            "[unknown-setting]\n"
            "buildspec-run: warning: the variable BUILDSPEC_RUN_TIMEOT stands for no option; did you mean "
            "\"BUILDSPEC_RUN_TIMEOUT\"? [unknown-setting]\n");
}

// A key of a file is an option or a command.
TEST(Settings, NoOptionIsNamedLikeACommand) {
  std::set<std::string_view> commands;
  for (const Subcommand* command : subcommands()) commands.insert(command->name);
  for (const Subcommand* command : subcommands())
    for (const OptionSpec& option : command->options)
      EXPECT_FALSE(commands.contains(option.name.substr(2))) << command->name << ' ' << option.name;
}

}  // namespace
}  // namespace buildspec_run
