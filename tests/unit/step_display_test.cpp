#include "actions/step_display.h"

#include <gtest/gtest.h>

namespace buildspec_run {
namespace {

// actions.md 3.9.
TEST(StepDisplay, NamesTheVariableOfAnInput) {
  EXPECT_EQ(input_variable_name("my-input"), "INPUT_MY-INPUT");
  EXPECT_EQ(input_variable_name("a.b"), "INPUT_A.B");
  EXPECT_EQ(input_variable_name("who to greet"), "INPUT_WHO_TO_GREET");
  EXPECT_EQ(input_variable_name("Tab\there"), "INPUT_TAB\tHERE");
  EXPECT_EQ(input_variable_name("stra\xC3\x9F"
                                "e \xC3\xA9"),
            "INPUT_STRA\xC3\x9F"
            "E_\xC3\x89");
  EXPECT_EQ(input_variable_name("entryPoint"), "INPUT_ENTRYPOINT");
}

// actions.md 3.3.
TEST(StepDisplay, ShowsOneLineOfAName) {
  EXPECT_EQ(display_line("\n  \tBuild it\nand more"), "Build it");
  EXPECT_EQ(display_line("a\r\nb"), "a");
  EXPECT_EQ(display_line(""), "");
  EXPECT_EQ(default_display_name("\n make all \nmake test"), "Run make all ");
  EXPECT_EQ(default_display_name("actions/checkout@v4"), "Run actions/checkout@v4");
}

// actions.md 3.13.
TEST(StepDisplay, ShowsAScriptBeforeItRuns) {
  const NameValue environment[] = {{"A", "1"}, {"EMPTY", ""}, {"LINES", "x\ny"}};
  EXPECT_EQ(script_header("\n  make all\r\nmake test\n\n", "/usr/bin/bash", "-e {0}", environment),
            "##[group]Run make all\n"
            "\x1b[36;1m\x1b[0m\n"
            "\x1b[36;1m  make all\x1b[0m\n"
            "\x1b[36;1mmake test\x1b[0m\n"
            "shell: /usr/bin/bash -e {0}\n"
            "env:\n"
            "  A: 1\n"
            "  EMPTY: \n"
            "  LINES: x\ny\n"
            "##[endgroup]\n");
  EXPECT_EQ(script_header("", "/bin/sh", "-e {0}", {}),
            "##[group]Run \n"
            "\x1b[36;1m\x1b[0m\n"
            "shell: /bin/sh -e {0}\n"
            "##[endgroup]\n");
}

// actions.md 3.13.
TEST(StepDisplay, ShowsAnActionBeforeItRuns) {
  const NameValue inputs[] = {{"path", "a"}, {"token", ""}};
  const NameValue empty[] = {{"token", ""}};
  const NameValue environment[] = {{"A", "1"}};
  EXPECT_EQ(action_header("actions/cache/save@v4", inputs, environment),
            "##[group]Run actions/cache/save@v4\nwith:\n  path: a\nenv:\n  A: 1\n##[endgroup]\n");
  EXPECT_EQ(action_header("docker://alpine:3", empty, {}),
            "##[group]Run docker://alpine:3\nwith:\n##[endgroup]\n");
  EXPECT_EQ(action_header("./x", {}, {}), "##[group]Run ./x\n##[endgroup]\n");
}

}  // namespace
}  // namespace buildspec_run
