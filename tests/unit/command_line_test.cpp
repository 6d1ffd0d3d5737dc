#include "runner/cli/command_line.h"

#include <gtest/gtest.h>

#include "runner/cli/host_environment.h"
#include "runner/cli/run.h"
#include "runner/cli/validate.h"

namespace buildspec_run {
namespace {

using std::chrono::milliseconds;

Arguments parse(const Subcommand& command, const std::vector<std::string>& args) {
  auto parsed = parse_arguments(command, args);
  if (const UsageError* error = std::get_if<UsageError>(&parsed)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<Arguments>(std::move(parsed));
}

std::string error_of(const Subcommand& command, const std::vector<std::string>& args) {
  auto parsed = parse_arguments(command, args);
  const UsageError* error = std::get_if<UsageError>(&parsed);
  return error == nullptr ? "no error" : error->message;
}

TEST(CommandLine, ASubcommandIsSelectedByItsExactName) {
  EXPECT_EQ(select_subcommand({"validate", "a.yml"}).command->name, "validate");
  EXPECT_EQ(select_subcommand({"./plan"}).command->name, "run");
  EXPECT_EQ(select_subcommand({}).command->name, "run");
  EXPECT_EQ(select_subcommand({"-C", "plan"}).command->name, "run");
  EXPECT_EQ(select_subcommand({"plan", "x"}).rest, std::vector<std::string>{"x"});
}

TEST(CommandLine, ReadsOptionsAndOperands) {
  const Arguments given =
      parse(run_subcommand(), {"-C", "dir", "--env", "A=1", "--env=B=2", "-e", "C", "file.yml"});
  EXPECT_EQ(given.value("--source-dir"), "dir");
  EXPECT_EQ(given.values("--env"), (std::vector<std::string>{"A=1", "B=2", "C"}));
  EXPECT_EQ(given.operands, std::vector<std::string>{"file.yml"});
  EXPECT_FALSE(given.has("--verbose"));
}

TEST(CommandLine, ARepeatedOptionTakesOneValueEachTime) {
  const Arguments given = parse(run_subcommand(), {"--env", "A=1", "file.yml"});
  EXPECT_EQ(given.values("--env"), std::vector<std::string>{"A=1"});
  EXPECT_EQ(given.operands, std::vector<std::string>{"file.yml"});
}

TEST(CommandLine, NoOptionSwallowsTheOperandBehindItsValue) {
  for (const Subcommand* command : subcommands()) {
    if (command->most_operands == 0) continue;
    for (const OptionSpec& option : command->options) {
      if (option.takes != OptionSpec::Takes::value) continue;
      SCOPED_TRACE(fmt::format("{} {}", command->name, option.name));
      const std::string value(option.choices.empty() ? "7" : option.choices.front());
      const std::vector<std::string> operands(command->most_operands > 0 ? 1 : 0, "file.yml");
      for (std::vector<std::string> args :
           {std::vector<std::string>{std::string(option.name), value},
            std::vector<std::string>{fmt::format("{}={}", option.name, value)}}) {
        args.insert(args.end(), operands.begin(), operands.end());
        const Arguments given = parse(*command, args);
        EXPECT_EQ(given.values(option.name), std::vector<std::string>{value});
        EXPECT_EQ(given.operands, operands);
      }
    }
  }
}

TEST(CommandLine, AnOptionalValueNeedsTheEqualsSign) {
  const Arguments all = parse(run_subcommand(), {"--inherit-env", "file.yml"});
  EXPECT_EQ(all.values("--inherit-env"), std::vector<std::string>{"*"});
  EXPECT_EQ(all.operands, std::vector<std::string>{"file.yml"});
  EXPECT_EQ(parse(run_subcommand(), {"--inherit-env=MY_*"}).values("--inherit-env"),
            std::vector<std::string>{"MY_*"});
}

TEST(CommandLine, ADashIsAnOperandAndTwoEndTheOptions) {
  EXPECT_EQ(parse(validate_subcommand(), {"-"}).operands, std::vector<std::string>{"-"});
  EXPECT_EQ(parse(validate_subcommand(), {"--", "--odd.yml"}).operands,
            std::vector<std::string>{"--odd.yml"});
}

TEST(CommandLine, SaysWhatIsWrong) {
  EXPECT_EQ(error_of(run_subcommand(), {"--formt", "json"}),
            "unknown option \"--formt\"; did you mean \"--format\"?");
  EXPECT_EQ(error_of(run_subcommand(), {"--format", "jsno"}),
            "--format \"jsno\": one of pretty, plain, json, codebuild is expected; did you mean \"json\"?");
  EXPECT_EQ(error_of(run_subcommand(), {"a", "b"}), "\"b\" is one operand too many: run takes [FILE]");
  EXPECT_NE(error_of(run_subcommand(), {"--env"}), "no error");
  EXPECT_NE(error_of(run_subcommand(), {"--verbose=yes"}), "no error");
}

TEST(CommandLine, EveryOptionIsInTheHelp) {
  for (const Subcommand* command : subcommands()) {
    if (command->most_operands == 0) continue;
    const std::string help = help_for(*command);
    for (const OptionSpec& option : command->options)
      EXPECT_NE(help.find(option.name), std::string::npos) << option.name;
    EXPECT_NE(general_help().find(command->name), std::string::npos);
  }
}

TEST(CommandLine, ReadsDurations) {
  struct Case {
    std::string_view text;
    std::optional<milliseconds> want;
  };
  const Case kCases[] = {
      {"90s", milliseconds(90'000)},
      {"5m", milliseconds(300'000)},
      {"1h30m", milliseconds(5'400'000)},
      {"250ms", milliseconds(250)},
      {"7", milliseconds(7'000)},
      {"1.5s", milliseconds(1'500)},
      {"", std::nullopt},
      {"0", std::nullopt},
      {"-1s", std::nullopt},
      {"5 m", std::nullopt},
      {"1d", std::nullopt},
      {"inf", std::nullopt},
      {"nan", std::nullopt},
      {"99999999h", std::nullopt},
      {"1e3", std::nullopt},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(parse_duration(text), want) << text;
}

TEST(HostEnvironment, PassesTheListAndWhatIsAskedFor) {
  const std::map<std::string, std::string> host = {{"PATH", "/bin"},
                                                   {"LC_TIME", "C"},
                                                   {"AWS_SECRET_ACCESS_KEY", "x"},
                                                   {"AWS_REGION", "eu-west-1"},
                                                   {"MY_TOKEN", "t"},
                                                   {"BASH_FUNC_f%%", "() { :; }"}};
  const auto names = [](const std::map<std::string, std::string>& variables) {
    std::string text;
    for (const auto& [name, value] : variables) text += name + " ";
    return text;
  };
  EXPECT_EQ(names(inherited_environment(host, {})), "AWS_REGION LC_TIME PATH ");
  EXPECT_EQ(names(inherited_environment(host, {"MY_*"})), "AWS_REGION LC_TIME MY_TOKEN PATH ");
  EXPECT_EQ(names(inherited_environment(host, {"*"})),
            "AWS_REGION AWS_SECRET_ACCESS_KEY LC_TIME MY_TOKEN PATH ");
}

TEST(HostEnvironment, MatchesPatterns) {
  EXPECT_TRUE(matches_name("JAVA_*_HOME", "JAVA_17_HOME"));
  EXPECT_FALSE(matches_name("JAVA_*_HOME", "JAVA_HOME"));
  EXPECT_TRUE(matches_name("*", ""));
  EXPECT_TRUE(matches_name("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(matches_name("a*b*c", "aXbYbZ"));
  EXPECT_FALSE(matches_name("", "x"));
}

}  // namespace
}  // namespace buildspec_run
