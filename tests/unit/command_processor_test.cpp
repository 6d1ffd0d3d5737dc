#include "actions/command_processor.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

CommandOptions options() {
  CommandOptions options;
  options.workspace = "/w/repo";
  return options;
}

// What each line does, one after the other.
std::vector<std::string> run(const CommandOptions& with, std::initializer_list<std::string_view> lines) {
  CommandProcessor commands(with);
  std::vector<std::string> done;
  for (const std::string_view line : lines) done.push_back(dump(commands.process(line)));
  return done;
}
std::string run(std::string_view line, const CommandOptions& with = options()) {
  return run(with, {line}).front();
}

struct Case {
  std::string_view line, want;
};
using Lines = std::vector<std::string>;

#define DEPRECATED(command)                                                                                  \
  "warning The `" command                                                                                    \
  "` command is deprecated and will be disabled soon. Please upgrade to using Environment Files. For more "  \
  "information see: https://github.blog/changelog/2022-10-11-github-actions-deprecating-save-state-and-set-" \
  "output-commands/ | "
#define DISABLED(command)                                                                                    \
  "error The `" command                                                                                      \
  "` command is disabled. Please upgrade to using Environment Files or opt into unsecure command execution " \
  "by "                                                                                                      \
  "setting the `ACTIONS_ALLOW_UNSECURE_COMMANDS` environment variable to `true`. For more information see: " \
  "https://github.blog/changelog/2020-10-01-github-actions-deprecating-set-env-and-add-path-commands/ | "    \
  "fails"
constexpr std::string_view kBadToken =
    "error You cannot use a endToken that is an empty string, the string 'pause-logging', or another "
    "workflow "
    "command. For more information see: "
    "https://docs.github.com/actions/learn-github-actions/"
    "workflow-commands-for-github-actions#example-stopping-and-starting-workflow-commands or opt into "
    "insecure "
    "command execution by setting the `ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` environment variable to "
    "`true`. | fails | aborts";

// actions.md 13.1, row by row.
TEST(CommandProcessor, DoesWhatTheVectorsSay) {
  constexpr Case kCases[] = {
      {"::error::boom", "error boom"},
      {"   ::error::boom", "error boom"},
      {"x ::error::boom", "plain"},
      {"x ##[error]boom", "error boom"},
      {"::ERROR file=a.c,line=3,col=2::m%0An", "error m\\nn file=a.c line=3 end_line=3 column=2"},
      {"::error file=a.c, line=3::m", "error m file=a.c"},
      {"::warning title=a%3Ab%2Cc::x", "warning x title=a:b,c"},
      {"::warning::100%25", "warning 100%"},
      {"::warning::%0a", "warning %0a"},
      {"::foo::bar", "plain"},
      {"::set-output name=x::std::vector", DEPRECATED("set-output") "output x=std::vector"},
      {"::set-output name=x::", DEPRECATED("set-output") "output x="},
      {"::set-output::v",
       DEPRECATED("set-output") "error Unable to process command '::set-output::v' successfully. | "
                                "error Required field 'name' is missing in ##[set-output] "
                                "command. | fails"},
      {"::add-mask::s3cr%25t", "mask s3cr%t"},
      {"::group::A", "print ##[group]A"},
      {"::endgroup::", "print ##[endgroup]"},
      {"::stop-commands::error", kBadToken},
      {"::echo::maybe",
       "error Unable to process command '::echo::maybe' successfully. | error Invalid echo command "
       "value. Possible values can be: 'on', 'off'. Current value is: 'maybe'. | fails"},
      {"##[set-output name=a;x=1]v%5D", DEPRECATED("set-output") "output a=v]"},
      {":: error::x", "plain"},
      {"::error", "plain"},
      {"::error:x", "plain"},
      {"::error::", "error "},
      {"::set-output name==x::1", DEPRECATED("set-output") "output x=1"},
      {"::set-output name=a=b::1", DEPRECATED("set-output") "output a=b=1"},
      {"::warning file=,line=2::m", "warning m line=2 end_line=2"},
      {"::notice line=5,endLine=3::m", "notice m"},
      {"::notice endLine=7::m", "notice m line=7 end_line=7"},
      {"::error line=1,endLine=2,col=3::m", "error m line=1 end_line=2"},
      {"a##[group]T", "print ##[group]T"},
      {"::debug::x ##[error]y", ""},
      {"::nope::##[warning]w", "warning w"},
      {"::save-state name=K::%253A", DEPRECATED("save-state") "state K=%3A"},
  };
  for (const auto& [line, want] : kCases) {
    SCOPED_TRACE(line);
    EXPECT_EQ(run(line), want);
  }
  EXPECT_EQ(run(options(), {"::stop-commands::tok123456", "::error::x", "::tok123456::", "::error::x"}),
            (Lines{"mask tok123456 | print ::stop-commands::tok123456", "plain",
                   "print ::tok123456::", "error x"}));
  CommandOptions allowed = options();
  allowed.allow_unsecure_commands = true;
  EXPECT_EQ(
      run("::add-path::", allowed),
      "error Unable to process command '::add-path::' successfully. | error Value cannot be null. (Parameter "
      "'path') | fails");
}

TEST(CommandProcessor, PrintsAnAnnotationAsALineOfTheLog) {
  CommandProcessor commands(options());
  const CommandEffects effects = commands.process("::error::boom");
  ASSERT_EQ(effects.log.size(), 1u);
  EXPECT_EQ(log_lines(std::get<Annotation>(effects.log[0])), "##[error]boom");
  EXPECT_EQ(log_lines(std::get<Annotation>(commands.process("::error::").log[0])), "");
}

// actions.md 4.4: every registered name, in any case; no other.
TEST(CommandProcessor, KnowsTheRegisteredNames) {
  for (const std::string_view name :
       {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice",
        "remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning"}) {
    SCOPED_TRACE(name);
    CommandProcessor commands(options());
    EXPECT_TRUE(commands.process(fmt::format("::{}::x1", name)).handled);
    CommandProcessor others(options());
    EXPECT_TRUE(others.process(fmt::format("##[{}]x1", name)).handled);
  }
  EXPECT_TRUE(CommandProcessor(options()).process("::Set-Output name=a::b").output.has_value());
  for (const std::string_view line : {"::internal-set-repo-path repoFullName=a/b,workspaceRepo=true::x",
                                      "::command::x", "::section::x", "##[debu]x", "", "::"})
    EXPECT_EQ(run(line), "plain") << line;
}

// actions.md 4.4.
TEST(CommandProcessor, EchoesWhatItIsToEcho) {
  EXPECT_EQ(run(options(), {"::echo:: ON ", "::group::A", "::echo::oFF", "::group::A"}),
            (Lines{"", "print ::group::A | print ##[group]A", "print ::echo::oFF", "print ##[group]A"}));
  // Of those that never are, add-mask shows itself without its secret.
  EXPECT_EQ(run(options(),
                {"::echo::on", "::add-mask::abc", "::warning::x", "::error::x", "::notice::x", "::debug::x"}),
            (Lines{"", "mask abc | print ::add-mask::***", "warning x", "error x", "notice x", ""}));
  EXPECT_EQ(run("::echo::"),
            "error Unable to process command '::echo::' successfully. | error Value cannot be null. "
            "(Parameter 'value') | fails");
  CommandOptions debug = options();
  debug.debug = true;
  EXPECT_EQ(run("::group::A", debug), "print ::group::A | print ##[group]A");
  EXPECT_EQ(run(" ::group::A", debug), "print  ::group::A | print ##[group]A");
}

// actions.md 4.5: debug.
TEST(CommandProcessor, PrintsDebugTextsOnlyWhenDebugging) {
  EXPECT_EQ(run("::debug::a%0Ab"), "");
  CommandOptions debug = options();
  debug.debug = true;
  EXPECT_EQ(run("::debug::a%0Ab%0D%0Ac%0D", debug),
            "print ##[debug]a | print ##[debug]b | print ##[debug]c\\r");
  EXPECT_EQ(run("::debug::", debug), "print ##[debug]");
  EXPECT_EQ(run(debug, {"::echo::off", "::save-state name=K::v"}),
            (Lines{"print ::echo::off | print ##[debug]Setting echo command value to 'off'",
                   DEPRECATED("save-state") "print ##[debug]Save intra-action state K = v | state K=v"}));
}

// actions.md 4.5: the rows of the table that need a name.
TEST(CommandProcessor, MissesAName) {
  for (const std::string_view line :
       {"::set-output::v", "::set-output name=::v", "::set-output Title=x::v", "##[set-output]v"})
    EXPECT_EQ(run(line),
              DEPRECATED("set-output") "error Unable to process command '" + std::string(line) +
                  "' successfully. | error Required field 'name' is missing in ##[set-output] command. | "
                  "fails");
  EXPECT_EQ(run("::save-state::v"), DEPRECATED(
                "save-state") "error Unable to process command '::save-state::v' successfully. | error Required field "
                              "'name' is missing in ##[save-state] command. | fails");
  CommandOptions allowed = options();
  allowed.allow_unsecure_commands = true;
  EXPECT_EQ(run("::set-env::v", allowed),
            "error Unable to process command '::set-env::v' successfully. | error Required field 'name' is "
            "missing in "
            "##[set-env] command. | fails");
}

// actions.md 4.5: set-env and add-path.
TEST(CommandProcessor, RefusesWhatIsUnsecureUnlessItIsAllowed) {
  EXPECT_EQ(run("::set-env name=A::b"),
            "error Unable to process command '::set-env name=A::b' successfully. | " DISABLED("set-env"));
  EXPECT_EQ(run("::set-env::b"),
            "error Unable to process command '::set-env::b' successfully. | " DISABLED("set-env"));
  EXPECT_EQ(run("::add-path::/x"),
            "error Unable to process command '::add-path::/x' successfully. | " DISABLED("add-path"));
  CommandOptions allowed = options();
  allowed.allow_unsecure_commands = true;
  EXPECT_EQ(run("::set-env name=A::b%0Ac", allowed), "variable A=b\\nc");
  EXPECT_EQ(run("::add-path::/x", allowed), "path /x");
  EXPECT_EQ(run("::set-env name=node_Options::b", allowed),
            "error Can't update NODE_OPTIONS environment variable using ::set-env:: command.");
}

TEST(CommandProcessor, ReadsTheOptIns) {
  EXPECT_FALSE(allows_unsecure_commands(std::nullopt, std::nullopt));
  EXPECT_TRUE(allows_unsecure_commands("true", std::nullopt));
  EXPECT_TRUE(allows_unsecure_commands("false", "TRUE"));
  EXPECT_TRUE(allows_unsecure_commands(" True\n", "no"));
  EXPECT_FALSE(allows_unsecure_commands("1", "1"));
  EXPECT_FALSE(allows_unsecure_commands("$true", ""));
  EXPECT_FALSE(allows_unsecure_stop_tokens(std::nullopt, std::nullopt));
  for (const std::string_view yes : {"1", "true", "TRUE", "$True"}) {
    EXPECT_TRUE(allows_unsecure_stop_tokens(yes, std::nullopt)) << yes;
    EXPECT_TRUE(allows_unsecure_stop_tokens("0", yes)) << yes;
  }
  for (const std::string_view no : {"", "0", "yes", " true"})
    EXPECT_FALSE(allows_unsecure_stop_tokens(no, no)) << no;
}

// actions.md 4.6.
TEST(CommandProcessor, AddsMasks) {
  EXPECT_EQ(run("::add-mask::a%0D%0A b "), "mask a\\r\\n b ");
  EXPECT_EQ(run("##[add-mask]a;b"), "mask a;b");
  for (const std::string_view blank : {"::add-mask::", "::add-mask::  ", "::add-mask::%0A\xC2\xA0"})
    EXPECT_EQ(run(blank), "warning Can't add secret mask for empty string in ##[add-mask] command.") << blank;
}

// actions.md 4.7: each check, then some together.
TEST(CommandProcessor, ChecksThePlacesOfAnAnnotation) {
  constexpr Case kCases[] = {
      {"endLine=7", "line=7 end_line=7"},
      {"line=x,endLine=7", "line=7 end_line=7"},
      {"line=1,endColumn=4", "line=1 end_line=1 column=4 end_column=4"},
      {"col=3", ""},
      {"endColumn=3", ""},
      {"line=x,col=3", ""},
      {"line=1,endLine=2,col=3", "line=1 end_line=2"},
      {"line=1,endLine=2,endColumn=3", "line=1 end_line=2"},
      {"line=1,endLine=1,col=3,endColumn=5", "line=1 end_line=1 column=3 end_column=5"},
      {"line=1,endLine=01,col=3", "line=1 end_line=1"},  // rule 4 compares the texts
      {"line=5,endLine=3", ""},
      {"line=1,col=5,endColumn=3", "line=1 end_line=1"},
      {"line=-2,endLine=-1", "line=-2 end_line=-1"},
      {"line=+2", "line=2 end_line=2"},
      {"line= 2 ", "line=2 end_line=2"},
      {"line=2147483648,endLine=3", "line=3 end_line=3"},  // more than 32 bits is no number
      {"line=1.5", ""},
      {"line=0x1", ""},
      {"LINE=1,COL=2", "line=1 end_line=1 column=2"},
      {"line=1,column=2", "line=1 end_line=1"},  // not a property
      {"endLine=7,col=3", "line=7 end_line=7 column=3"},
  };
  for (const auto& [properties, want] : kCases) {
    SCOPED_TRACE(properties);
    EXPECT_EQ(run(fmt::format("::error {}::m", properties)),
              want.empty() ? "error m" : fmt::format("error m {}", want));
  }
}

// actions.md 4.7: the texts.
TEST(CommandProcessor, SaysInDebugWhatIsWrongWithAPlace) {
  constexpr Case kCases[] = {
      {"endLine=7", "'endLine' can only be set if 'line' is provided"},
      {"line=1,endColumn=4", "'endColumn' can only be set if 'col' is provided"},
      {"col=4", "'col' and 'endColumn' can only be set if 'line' value is provided."},
      {"line=1,endLine=2,col=3",
       "'col' and 'endColumn' cannot be set if 'line' and 'endLine' are different values."},
      {"line=5,endLine=3", "'endLine' cannot be less than 'line'."},
      {"line=1,col=5,endColumn=3", "'endColumn' cannot be less than 'col'."},
  };
  CommandOptions debug = options();
  debug.debug = true;
  for (const auto& [properties, want] : kCases) {
    SCOPED_TRACE(properties);
    const std::string done = run(fmt::format("::Warning {}::m", properties), debug);
    EXPECT_TRUE(done.starts_with(fmt::format("print ##[debug]Invalid Warning command value. {} | ", want)))
        << done;
  }
}

// actions.md 4.7: file.
TEST(CommandProcessor, NamesAFileRelativeToTheWorkspace) {
  EXPECT_EQ(run("::error file=/w/repo/a/b.c::m"), "error m file=a/b.c");
  EXPECT_EQ(run("::error file=a/b.c::m"), "error m file=a/b.c");
  EXPECT_EQ(run("::error file=/w/repository/b.c::m"), "error m file=/w/repository/b.c");
  EXPECT_EQ(run("::error file=/etc/passwd::m"), "error m file=/etc/passwd");
  CommandOptions in_container = options();
  in_container.to_host = [](std::string_view path) {
    constexpr std::string_view kThere = "/github/workspace";
    return path.starts_with(kThere) ? "/w/repo" + std::string(path.substr(kThere.size())) : std::string(path);
  };
  EXPECT_EQ(run("::error file=/github/workspace/b.c::m", in_container), "error m file=b.c");
}

// actions.md 4.8.
TEST(CommandProcessor, StopsAndGoesOn) {
  // Short tokens are no secret; 6 characters are still short, counted in UTF-16.
  EXPECT_EQ(run(options(), {"::stop-commands::abcdef", "::ABCDEF x=1::data", "::endgroup::"}),
            (Lines{"print ::stop-commands::abcdef", "print ::ABCDEF x=1::data", "print ##[endgroup]"}));
  EXPECT_EQ(run(options(), {"::stop-commands::\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"}),
            (Lines{"print ::stop-commands::\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"}));
  // The older grammar ends it, too, anywhere in a line.
  EXPECT_EQ(
      run(options(), {"##[stop-commands]tok", "::error::x", "x##[error]y", "say ##[tok]", "::error::x"}),
      (Lines{"print ##[stop-commands]tok", "plain", "plain", "print say ##[tok]", "error x"}));
  // The token is a name only while it is awaited.
  EXPECT_EQ(run(options(), {"::tok::", "::stop-commands::tok", "::tok::", "::tok::"}),
            (Lines{"plain", "print ::stop-commands::tok", "print ::tok::", "plain"}));
  // A stop inside a stop is text.
  EXPECT_EQ(run(options(), {"::stop-commands::a1", "::stop-commands::b2", "::b2::", "::a1::"}),
            (Lines{"print ::stop-commands::a1", "plain", "plain", "print ::a1::"}));
  // What can never be written as a name stops for ever.
  for (const std::string_view token : {"a b", "a::b"}) {
    SCOPED_TRACE(token);
    const Lines done = run(
        options(), {fmt::format("::stop-commands::{}", token), fmt::format("::{}::", token), "::error::x"});
    EXPECT_EQ(done[1], "plain");
    EXPECT_EQ(done[2], "plain");
  }
  CommandOptions debug = options();
  debug.debug = true;
  EXPECT_EQ(
      run(debug, {"::stop-commands::tok", "::error::x", "::tok::"}),
      (Lines{
          "print ::stop-commands::tok | print ##[debug]Paused processing commands until the token you called "
          "::stopCommands:: with is received",
          "plain | print ##[debug]Process commands has been stopped and waiting for '##[tok]' to resume.",
          "print ::tok:: | print ##[debug]Resume processing commands"}));
}

// actions.md 4.8.
TEST(CommandProcessor, RefusesBadStopTokensUnlessTheyAreAllowed) {
  for (const std::string_view token :
       {"", "pause-logging", "PAUSE-Logging", "error", "Set-Env", "stop-commands"})
    EXPECT_EQ(run(fmt::format("::stop-commands::{}", token)), kBadToken) << token;
  CommandOptions allowed = options();
  allowed.allow_unsecure_stop_tokens = true;
  // A name that served as token is a command no more.
  EXPECT_EQ(
      run(allowed, {"::stop-commands::error", "::warning::x", "::error::", "::warning::x", "::error::x"}),
      (Lines{"print ::stop-commands::error", "plain", "print ::error::", "warning x", "plain"}));
  EXPECT_EQ(run(allowed, {"::stop-commands::", "::error::x", "::::", "##[]", "::error::x"}),
            (Lines{"print ::stop-commands::", "plain", "plain", "plain", "plain"}));
}

// actions.md 4.5.
TEST(CommandProcessor, AsksForProblemMatchers) {
  constexpr Case kCases[] = {
      {"::add-matcher::m.json", "add-matcher file=/w/repo/m.json owner="},
      {"::add-matcher::/abs/m.json", "add-matcher file=/abs/m.json owner="},
      {"::add-matcher::", "warning File path must be specified."},
      {"::remove-matcher owner=gcc::", "remove-matcher file= owner=gcc"},
      {"::remove-matcher::m.json", "remove-matcher file=/w/repo/m.json owner="},
      {"::remove-matcher owner=gcc::m.json",
       "warning Either specify an owner name or a file path in ##[remove-matcher] command. Both values "
       "cannot be set."},
      {"::remove-matcher::",
       "warning Either an owner name or a file path must be specified in ##[remove-matcher] command."},
  };
  for (const auto& [line, want] : kCases) {
    SCOPED_TRACE(line);
    EXPECT_EQ(run(line), want);
  }
  CommandOptions in_container = options();
  in_container.to_host = [](std::string_view path) { return "/host" + std::string(path); };
  EXPECT_EQ(run("::add-matcher::/m.json", in_container), "add-matcher file=/host/m.json owner=");
  CommandProcessor commands(options());
  const CommandEffects effects = commands.process("::add-matcher::m.json");
  EXPECT_EQ(dump(failed_request(*effects.matcher, "Owner must not be empty")),
            "error Unable to process command '::add-matcher::m.json' successfully. | error Owner must not be "
            "empty | "
            "fails");
}

// actions.md 11.1: what another runner gets wrong.
TEST(CommandProcessor, IsNotAct) {
  EXPECT_EQ(run("::set-output name=x::std::vector"), DEPRECATED("set-output") "output x=std::vector");
  EXPECT_EQ(run("::unknown::x"), "plain");
  EXPECT_EQ(run("::set-output name=a=b::c"), DEPRECATED("set-output") "output a=b=c");
  EXPECT_EQ(run("::warning::%250A"), "warning %0A");
}

}  // namespace
}  // namespace buildspec_run
