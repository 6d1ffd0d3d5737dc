// action.yml as GitHub's runner reads it: actions.md section 2, and the vectors of 13.10.
#include "actions/action_metadata.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace buildspec_run {
namespace {

constexpr std::string_view kFile = "o/r/v1/action.yml";

using Lines = std::vector<std::string>;

struct Decoded {
  explicit Decoded(std::string text)
      : source(std::make_unique<SourceText>(std::string(kFile), std::move(text))),
        action(decode_action(*source, kFile)) {}
  [[nodiscard]] Lines lines() const {
    Lines all;
    for (const ManifestError& error : action.errors) all.push_back(render(error, kFile));
    return all;
  }
  std::unique_ptr<SourceText> source;
  DecodedAction action;
};

Lines errors_of(std::string text) { return Decoded(std::move(text)).lines(); }

std::string dump_of(std::string text) {
  const Decoded decoded(std::move(text));
  EXPECT_EQ(decoded.lines(), Lines());
  return dump(decoded.action.metadata);
}

std::string at(std::size_t line, std::size_t column, std::string_view text) {
  return fmt::format("{} (Line: {}, Col: {}): {}", kFile, line, column, text);
}

const std::string kNode = "runs: {using: node20, main: a.js}\n";
// A composite action of one step, whose keys are `step`; they stand in line 4.
std::string composite(std::string_view step) {
  return fmt::format("runs:\n  using: composite\n  steps:\n    - {{{}}}\n", step);
}
const std::string kNotEnoughRuns =
    "There's not enough info to determine what you meant. Add one of these properties: args, entrypoint, "
    "env, "
    "image, main, post, post-entrypoint, pre, pre-entrypoint, steps";
const std::string kNotEnoughStep =
    "There's not enough info to determine what you meant. Add one of these properties: run, shell, uses, "
    "with, working-directory";

// 13.10, in its order.
TEST(ActionMetadata, Vectors13_10) {
  EXPECT_EQ(errors_of(kNode), Lines());
  EXPECT_EQ(errors_of("runs: {using: node20}"),
            (Lines{at(1, 7, kNotEnoughRuns),
                   "You are using a JavaScript Action but there is not an entry JavaScript file provided in "
                   "o/r/v1/action.yml."}));
  EXPECT_EQ(errors_of("inputs: {a: {description: 'see ${{ github.token }}'}}\n" + kNode),
            Lines{at(1, 27,
                     "Unrecognized named-value: 'github'. Located at position 1 within expression: "
                     "github.token")});
  EXPECT_EQ(errors_of("inputs: {a: }\n" + kNode), Lines{at(1, 13, "Unexpected value ''")});
  EXPECT_EQ(
      errors_of("runs:\n  using: node20\n  main: a.js\n  pre-if: ${{ always() }}\n"),
      Lines{at(4, 11, "Unrecognized function: 'always'. Located at position 1 within expression: always()")});
  EXPECT_EQ(dump_of(composite("uses: \"${{ 'a/b@v1' }}\"")),
            "composite\nstep Run a/b@v1\n  id __a_b\n  if success()\n  uses a/b@v1\n");
  EXPECT_EQ(dump_of(composite("uses: a//b/c/@v1")),
            "composite\nstep Run a/b/c@v1\n  id __a_b\n  if success()\n  uses a/b/c@v1\n");
  EXPECT_EQ(errors_of(composite("run: x, shell: sh, if: vars.X == 'a'")), Lines());
  EXPECT_EQ(
      errors_of(composite("run: x, shell: sh, if: \"${{ vars.X }}\"")),
      Lines{at(4, 31, "Unrecognized named-value: 'vars'. Located at position 1 within expression: vars.X")});
  EXPECT_EQ(errors_of(composite("run: x, shell: sh, if: secrets.X")),
            Lines{at(4, 31,
                     "Unrecognized named-value: 'secrets'. Located at position 1 within expression: "
                     "secrets.X")});
  const Decoded ids(
      "runs:\n  using: composite\n  steps:\n    - {run: x, shell: sh}\n    - {run: x, shell: sh}\n"
      "    - uses: actions/checkout@v4\n    - uses: actions/checkout@v3\n    - uses: ./x\n"
      "    - uses: docker://alpine:3\n");
  EXPECT_EQ(ids.lines(), Lines());
  Lines names;
  for (const StepTask& step : std::get<CompositeRuns>(ids.action.metadata.runs).steps)
    names.push_back(step.id);
  EXPECT_EQ(names, (Lines{"__run", "__run_2", "__actions_checkout", "__actions_checkout_2", "__self",
                          "__alpine_3"}));
  EXPECT_EQ(errors_of(composite("id: __a, run: x, shell: sh")), Lines());
  EXPECT_EQ(errors_of(composite("run: x, shell: sh, env: {A: 1, a: 2}")),
            Lines{at(4, 39, "'a' is already defined")});
  EXPECT_EQ(errors_of("outputs: {o: {value: \"${{ hashFiles('x') }}\"}}\n" + kNode),
            Lines{at(1, 22,
                     "Unrecognized function: 'hashFiles'. Located at position 1 within expression: "
                     "hashFiles('x')")});
  EXPECT_EQ(errors_of("name: a\nName: b\n" + kNode), Lines{at(2, 1, "'Name' is already defined")});
}

// 2.1
TEST(ActionMetadata, TopLevel) {
  EXPECT_EQ(
      dump_of("name: N\ndescription: D\nauthor: A\nbranding: {icon: x}\nwhatever: [1, {a: b}]\n" + kNode),
      "name N\nusing node20\nmain a.js\n");
  EXPECT_EQ(errors_of("name: x\n"), Lines{"Top level 'runs:' section is required for o/r/v1/action.yml"});
  EXPECT_EQ(errors_of("Runs: {using: node20, main: a.js}\n"),
            Lines{"Top level 'runs:' section is required for o/r/v1/action.yml"});
  EXPECT_EQ(errors_of("runs: {using: node20, main: ''}\n"),
            (Lines{at(1, 29, "Unexpected value ''"),
                   "You are using a JavaScript Action but there is not an entry JavaScript file provided in "
                   "o/r/v1/action.yml."}));
  EXPECT_EQ(errors_of("author: '${{ github.token'\n" + kNode),
            Lines{at(1, 9,
                     "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} "
                     "sequence was not found.")});
  EXPECT_EQ(
      errors_of("x: ['${{ env.A }}']\n" + kNode),
      Lines{at(1, 5, "Unrecognized named-value: 'env'. Located at position 1 within expression: env.A")});
  for (const std::string_view key : {"inputs", "outputs"})
    EXPECT_EQ(errors_of(fmt::format("{}:\n{}", key, kNode)),
              Lines{at(1, key.size() + 2, "Unexpected value ''")});
  EXPECT_EQ(errors_of("outputs: {o: }\n" + kNode), Lines{at(1, 14, "Unexpected value ''")});
  EXPECT_EQ(errors_of("runs:\n  using: docker\n  image: Dockerfile\n  env:\n"),
            Lines{at(4, 7, "Unexpected value ''")});
  EXPECT_EQ(errors_of("name: [a]\n" + kNode), Lines{at(1, 7, "A sequence was not expected")});
  EXPECT_EQ(errors_of("name: {a: b}\n" + kNode), Lines{at(1, 7, "A mapping was not expected")});
  EXPECT_EQ(errors_of("inputs: [a]\n" + kNode), Lines{at(1, 9, "A sequence was not expected")});
  EXPECT_EQ(errors_of("inputs: text\n" + kNode), Lines{at(1, 9, "Unexpected value 'text'")});
}

// 2.2
TEST(ActionMetadata, Inputs) {
  EXPECT_EQ(
      dump_of("inputs:\n"
              "  a: {required: true}\n"
              "  b: {default: true}\n"
              "  c: {default: 1.10}\n"
              "  d: {default: null}\n"
              "  e: {default: }\n"
              "  f: {default: \"${{ github.token }}\", deprecationMessage: use a}\n"
              "  G h: {type: boolean, default: '1.10'}\n"
              "  i: {default: \"${{ hashFiles('x') }}${{ matrix.a }}${{ strategy }}${{ job }}${{ runner.os "
              "}}\"}\n"
              "  j: {Default: x}\n" +
              kNode),
      "input a\ninput b=true\ninput c=1.1\ninput d=\ninput e=\ninput f=${{ github.token }}\n"
      "  deprecated use a\ninput G h=1.10\n"
      "input i=${{ hashFiles('x') }}${{ matrix.a }}${{ strategy }}${{ job }}${{ runner.os }}\n"
      "input j=x\nusing node20\nmain a.js\n");
  for (const std::string_view context : {"env", "steps", "inputs", "secrets", "vars", "needs"})
    EXPECT_EQ(
        errors_of(fmt::format("inputs: {{a: {{default: \"${{{{ {}.X }}}}\"}}}}\n{}", context, kNode)),
        Lines{at(1, 23,
                 fmt::format("Unrecognized named-value: '{0}'. Located at position 1 within expression: "
                             "{0}.X",
                             context))});
  EXPECT_EQ(errors_of("inputs: {a: {}, A: {}}\n" + kNode), Lines{at(1, 17, "'A' is already defined")});
  EXPECT_EQ(errors_of("inputs: {'': {}}\n" + kNode), Lines{at(1, 10, "Unexpected value ''")});
  EXPECT_EQ(errors_of("inputs: {a: {default: [1]}}\n" + kNode),
            Lines{at(1, 23, "A sequence was not expected")});
}

// 2.3
TEST(ActionMetadata, Outputs) {
  EXPECT_EQ(dump_of("outputs: {a: {description: d}, b: {value: ignored}}\n" + kNode),
            "using node20\nmain a.js\n");
  EXPECT_EQ(errors_of("outputs: {a: {name: x}}\n" + kNode), Lines{at(1, 15, "Unexpected value 'name'")});
  EXPECT_EQ(
      dump_of(
          "outputs:\n  a: {description: none}\n  b: {value: \"${{ steps.x.outputs.y }}\"}\n  c: {value: "
          "\"${{ github }}${{ strategy }}${{ matrix }}${{ inputs }}${{ job }}${{ runner }}${{ env }}\"}\n" +
          composite("run: x, shell: sh")),
      "composite\nstep Run x\n  id __run\n  if success()\n  run x\n  shell sh\n"
      "output b=${{ steps.x.outputs.y }}\n"
      "output c=${{ github }}${{ strategy }}${{ matrix }}${{ inputs }}${{ job }}${{ runner }}${{ env }}\n");
  for (const std::string_view context : {"secrets", "vars", "needs"})
    EXPECT_EQ(
        errors_of(fmt::format("outputs: {{a: {{value: \"${{{{ {}.X }}}}\"}}}}\n{}", context, kNode)),
        Lines{at(1, 22,
                 fmt::format("Unrecognized named-value: '{0}'. Located at position 1 within expression: "
                             "{0}.X",
                             context))});
}

// 2.4
TEST(ActionMetadata, JavaScript) {
  EXPECT_EQ(dump_of("runs: {using: Node24, main: m, pre: p, pre-if: runner.os == 'x(', post: q, post-if: "
                    "success()}"),
            "using Node24\nmain m\npre p\npost q\npre-if runner.os == 'x('\npost-if success()\n");
  for (const std::string_view version : {"node12", "node16", "node20", "node24"})
    EXPECT_EQ(errors_of(fmt::format("runs: {{using: {}, main: m}}", version)), Lines());
  for (const std::string_view version : {"node18", "node22", "python", "20"})
    EXPECT_EQ(errors_of(fmt::format("runs: {{using: {}, main: m}}", version)),
              Lines{fmt::format("'using: {}' is not supported, use 'docker', 'node12', 'node16', 'node20' or "
                                "'node24' instead.",
                                version)});
  EXPECT_EQ(errors_of("runs: {using: node20, pre: p}"),
            Lines{"You are using a JavaScript Action but there is not an entry JavaScript file provided in "
                  "o/r/v1/action.yml."});
  EXPECT_EQ(
      errors_of("runs: {main: m}"),
      Lines{"Missing 'using' value. 'using' requires 'composite', 'docker', 'node12', 'node16', 'node20' "
            "or 'node24'."});
  EXPECT_EQ(errors_of("runs: {using: node20, main: m, image: x}"),
            Lines{at(1, 32, "Unexpected value 'image'")});
}

// 2.5
TEST(ActionMetadata, Docker) {
  EXPECT_EQ(
      dump_of(
          "runs:\n  using: docker\n  image: sub/Dockerfile\n  pre-entrypoint: p\n  entrypoint: e\n"
          "  post-entrypoint: q\n  pre-if: always()\n  post-if: failure()\n  args: [a, \"${{ inputs.g }}\"]\n"
          "  env: {K: \"${{ inputs.x }}\", \"${{ inputs.k }}\": 1, \"${{ insert }}\": \"${{ inputs }}\"}\n"),
      "dockerfile sub/Dockerfile\nentrypoint e\npre-entrypoint p\npost-entrypoint q\narg a\n"
      "arg ${{ inputs.g }}\nenv K=${{ inputs.x }}\nenv ${{ inputs.k }}=1\nenv ${{ insert }}=${{ inputs }}\n"
      "post-if failure()\n");
  for (const auto& [written, kind] : {std::pair("docker://a:1", "image a:1"),
                                      {"DOCKER://a", "image a"},
                                      {"Dockerfile", "dockerfile Dockerfile"},
                                      {"dockerfile", "dockerfile dockerfile"},
                                      {"a/Dockerfile.alpine", "dockerfile a/Dockerfile.alpine"},
                                      {"my.Dockerfile", "dockerfile my.Dockerfile"}})
    EXPECT_EQ(dump_of(fmt::format("runs: {{using: docker, image: '{}'}}", written)),
              std::string(kind) + "\n");
  for (const std::string_view image : {"alpine", "Dockerfiles", "Dockerfile/x", "a/Dockerfile-x"})
    EXPECT_EQ(
        errors_of(fmt::format("runs: {{using: docker, image: {}}}", image)),
        Lines{fmt::format("'{}' should be either '[path]/Dockerfile' or 'docker://image[:tag]'.", image)});
  EXPECT_EQ(errors_of("runs: {using: docker, args: [a]}"),
            Lines{"You are using a Container Action but an image is not provided in o/r/v1/action.yml."});
  EXPECT_EQ(
      errors_of("runs: {using: docker, image: \"${{ inputs.x }}\"}"),
      Lines{at(1, 30,
               "Unrecognized named-value: 'inputs'. Located at position 1 within expression: inputs.x")});
  EXPECT_EQ(
      errors_of("runs: {using: docker, image: Dockerfile, args: [\"${{ env.X }}\"]}"),
      Lines{at(1, 49, "Unrecognized named-value: 'env'. Located at position 1 within expression: env.X")});
  EXPECT_EQ(errors_of("runs: {using: docker, image: Dockerfile, args: a}"),
            Lines{at(1, 48, "Unexpected value 'a'")});
  EXPECT_EQ(
      errors_of("runs: {using: docker, image: Dockerfile, env: {A: \"${{ github.x }}\"}}"),
      Lines{at(1, 51,
               "Unrecognized named-value: 'github'. Located at position 1 within expression: github.x")});
}

// 2.6
TEST(ActionMetadata, Composite) {
  EXPECT_EQ(
      dump_of(
          "runs:\n  using: Composite\n  steps:\n"
          "    - name: N ${{ inputs.a }}\n      id: i\n      if: always()\n      run: |\n        one\n       "
          " two\n"
          "      shell: ${{ inputs.shell }}\n      working-directory: ${{ github.action_path }}\n"
          "      env: {A: \"${{ hashFiles('x') }}\"}\n      continue-on-error: true\n"
          "    - uses: o/r/p@v1\n      with: ${{ fromJSON('{}') }}\n      env: \"${{ fromJSON('{}') }}\"\n"
          "      if: ${{ failure() }}\n      continue-on-error: ${{ inputs.a == 'x' }}\n"
          "    - uses: ./x/y\n      with: {a: 1, b: true, c: , \"${{ inputs.k }}\": v}\n"
          "    - uses: $/self\n"),
      "composite\n"
      "step Run one\n  id i\n  if always()\n  name N ${{ inputs.a }}\n  env A=${{ hashFiles('x') }}\n"
      "  continue-on-error true\n  run one\ntwo\n\n  shell ${{ inputs.shell }}\n"
      "  working-directory ${{ github.action_path }}\n"
      "step Run o/r/p@v1\n  id __o_r\n  if failure()\n  env ${{ fromJSON('{}') }}\n"
      "  continue-on-error ${{ inputs.a == 'x' }}\n  uses o/r/p@v1\n  with ${{ fromJSON('{}') }}\n"
      "step Run ./x/y\n  id __self\n  if success()\n  uses ./x/y\n  with a=1\n  with b=true\n  with c=\n"
      "  with ${{ inputs.k }}=v\n"
      "step Run $/self\n  id __selfRepository\n  if success()\n  uses $/self\n");
  EXPECT_EQ(errors_of(composite("run: x, shell: sh, timeout-minutes: 1")),
            Lines{at(4, 27, "Unexpected value 'timeout-minutes'")});
  EXPECT_EQ(errors_of(composite("uses: a/b@v1, timeout-minutes: 1")),
            Lines{at(4, 22, "Unexpected value 'timeout-minutes'")});
  EXPECT_EQ(errors_of(composite("run: x")), Lines{at(4, 7, "Required property is missing: shell")});
  EXPECT_EQ(errors_of(composite("shell: sh")), Lines{at(4, 7, "Required property is missing: run")});
  EXPECT_EQ(errors_of(composite("name: x")), Lines{at(4, 7, kNotEnoughStep)});
  EXPECT_EQ(errors_of(composite("run: x, shell: sh, uses: a/b@v1")),
            Lines{at(4, 27, "Unexpected value 'uses'")});
  EXPECT_EQ(errors_of(composite("uses: a/b@v1, run: x")), Lines{at(4, 22, "Unexpected value 'run'")});
  EXPECT_EQ(errors_of(composite("uses: a/b@v1, background: true")),
            Lines{at(4, 22, "Unexpected value 'background'")});
  EXPECT_EQ(errors_of(composite("uses: a/b")),
            Lines{at(4, 14, "Expected format {org}/{repo}[/path]@ref. Actual 'a/b'")});
  EXPECT_EQ(
      errors_of(composite("uses: \"${{ inputs.x }}\"")),
      (Lines{
          at(4, 14, "Unrecognized named-value: 'inputs'. Located at position 1 within expression: inputs.x"),
          at(4, 14, "Expected format {org}/{repo}[/path]@ref. Actual '${{ inputs.x }}'")}));
  EXPECT_EQ(errors_of(composite("uses: \"${{ format('a/b@v1') }}\"")),
            Lines{at(4, 14, "A template expression is not allowed in this context")});
  for (const std::string_view context : {"secrets", "vars", "needs"})
    EXPECT_EQ(
        errors_of(composite(fmt::format("run: \"${{{{ {}.X }}}}\", shell: sh", context))),
        Lines{at(4, 13,
                 fmt::format("Unrecognized named-value: '{0}'. Located at position 1 within expression: "
                             "{0}.X",
                             context))});
  EXPECT_EQ(errors_of(composite("run: x, shell: sh, continue-on-error: 'true'")),
            Lines{at(4, 46, "Unexpected value 'true'")});
  EXPECT_EQ(
      errors_of(composite("run: x, shell: sh, if: \"always(1)\"")),
      Lines{at(4, 31,
               "Too many parameters supplied: '('. Located at position 7 within expression: always(1)")});
  EXPECT_EQ(errors_of("runs: {using: composite, main: x}"),
            Lines{"You are using a composite action but there are no steps provided in o/r/v1/action.yml."});
}

// 2.8: every row that a manifest can bring about by itself.
TEST(ActionMetadata, Errors2_8) {
  EXPECT_EQ(errors_of("x: \"${{ }}\"\n" + kNode), Lines{at(1, 4, "An expression was expected")});
  EXPECT_EQ(errors_of("x: \"${{ 1 }}\"\n" + kNode),
            Lines{at(1, 4, "A template expression is not allowed in this context")});
  EXPECT_EQ(
      errors_of("x: \"${{ nope() }}\"\n" + kNode),
      Lines{at(1, 4, "Unrecognized function: 'nope'. Located at position 1 within expression: nope()")});
  EXPECT_EQ(errors_of("x: {\"${{ 1 }}\": a}\n" + kNode),
            Lines{at(1, 5, "A template expression is not allowed in this context")});
  EXPECT_EQ(
      errors_of(composite("run: x, shell: sh, env: {A: \"a ${{ insert }}\"}")),
      Lines{at(4, 36,
               "The directive 'insert' is not allowed in this context. Directives are not supported for "
               "expressions that are embedded within a string. Directives are only supported when the entire "
               "value is an expression.")});
  EXPECT_EQ(
      errors_of(composite("run: x, shell: sh, env: {\"${{ insert a (b c) }}\": x}")),
      Lines{at(4, 33,
               "Exactly 0 parameter(s) were expected following the directive 'insert'. Actual parameter "
               "count: 2")});
  EXPECT_EQ(errors_of(composite("run: x, shell: sh, env: \"${{ insert }}\"")),
            Lines{at(4, 32, "Unexpected value '${{ insert }}'")});
  EXPECT_EQ(errors_of("a: &anchor 1\n" + kNode),
            Lines{"o/r/v1/action.yml: Anchors are not currently supported. Remove the anchor 'anchor'"});
  EXPECT_EQ(errors_of("a: &m {b: 1}\n" + kNode),
            Lines{"o/r/v1/action.yml: Anchors are not currently supported. Remove the anchor 'm'"});
  EXPECT_EQ(errors_of("a: *b\n" + kNode),
            Lines{"o/r/v1/action.yml: Unexpected parsing event type: AnchorAlias"});
  EXPECT_EQ(errors_of("a: !custom 1\n" + kNode), Lines{"o/r/v1/action.yml: Unexpected tag '!custom'"});
  EXPECT_EQ(errors_of("a: b: c\n").size(), 1U) << "a YAML syntax error has no position";
  EXPECT_TRUE(errors_of("a: b: c\n")[0].starts_with("o/r/v1/action.yml: "));
  EXPECT_EQ(errors_of("<<: {a: b}\n" + kNode), Lines()) << "an unknown key like any other";
  std::string deep = "a: ";
  for (int i = 0; i < 100; ++i) deep += '[';
  EXPECT_EQ(errors_of(deep + std::string(100, ']') + "\n" + kNode),
            Lines{"o/r/v1/action.yml: Maximum object depth exceeded"});
  EXPECT_EQ(errors_of("a: " + std::string(99, '[') + std::string(99, ']') + "\n" + kNode), Lines());
  EXPECT_EQ(errors_of("a: " + std::string(6 << 20, 'x') + "\n" + kNode),
            Lines{"o/r/v1/action.yml: Maximum object size exceeded"});
}

TEST(ActionMetadata, TellsTenMistakesAtMost) {
  std::string text = kNode;
  for (int i = 0; i < 12; ++i) text += fmt::format("k{}: ${{{{ x }}}}\n", i);
  EXPECT_EQ(errors_of(text).size(), 10U);
}

TEST(ActionMetadata, ReadsOnToWhereTheTextEnds) {
  // What comes before is told, and nothing is said of what might have come after.
  EXPECT_EQ(errors_of("runs:\n  nope: 1\n  using: node20\n  pre: &a x\n"),
            (Lines{at(2, 3, "Unexpected value 'nope'"),
                   "o/r/v1/action.yml: Anchors are not currently supported. Remove the anchor 'a'"}));
  EXPECT_EQ(errors_of(""), Lines{"o/r/v1/action.yml: Expected document start parse event"});
  EXPECT_EQ(errors_of("# nothing\n"), Lines{"o/r/v1/action.yml: Expected document start parse event"});
  EXPECT_EQ(errors_of(kNode + "---\na: b\n"), Lines{"o/r/v1/action.yml: Expected stream end parse event"});
  EXPECT_EQ(errors_of("? [a]\n: b\n"), Lines{"o/r/v1/action.yml: Expected mapping end"});
  EXPECT_EQ(errors_of("text\n"), Lines{at(1, 1, "Unexpected value 'text'")});
}

// 2.9
TEST(ActionMetadata, YamlDialect) {
  struct Case {
    std::string_view written, text;
  };
  constexpr Case kCases[] = {
      {"", ""},
      {"null", ""},
      {"Null", ""},
      {"NULL", ""},
      {"~", ""},
      {"nULL", "nULL"},
      {"'null'", "null"},
      {"true", "true"},
      {"True", "true"},
      {"TRUE", "true"},
      {"tRUE", "tRUE"},
      {"False", "false"},
      {"yes", "yes"},
      {"on", "on"},
      {"'True'", "True"},
      {"1.10", "1.1"},
      {"0123", "123"},
      {"1e3", "1000"},
      {"0x1F", "31"},
      {"12345678901234567890", "1.23456789012346E+19"},
      {"+12", "12"},
      {"-12", "-12"},
      {"0o17", "15"},
      {"0xFFFFFFFF", "-1"},
      {"0o37777777777", "-1"},
      {"0X1F", "0X1F"},
      {"0o8", "0o8"},
      {"0b1", "0b1"},
      {"1_000", "1_000"},
      {".5", "0.5"},
      {"5.", "5"},
      {".", "."},
      {"-.5", "-0.5"},
      {"1e", "1e"},
      {"1E+2", "100"},
      {".inf", "Infinity"},
      {"-.INF", "-Infinity"},
      {".nan", "NaN"},
      {"+.Inf", "Infinity"},
      {".iNF", ".iNF"},
      {"'1.10'", "1.10"},
      {"\"1.10\"", "1.10"},
      {"!!int 5", "5"},
      {"!!float 1.50", "1.5"},
      {"!!bool True", "true"},
      {"!!null ~", ""},
      {"!<tag:yaml.org,2002:string> 1.10", "1.10"},
      {"1.2.3", "1.2.3"},
      {"2024-01-02", "2024-01-02"},
      {"0x00000000001", "1"},
  };
  for (const auto& [written, text] : kCases) {
    SCOPED_TRACE(written);
    const Decoded decoded(fmt::format("inputs:\n  a:\n    default: {}\n{}", written, kNode));
    EXPECT_EQ(decoded.lines(), Lines());
    ASSERT_EQ(decoded.action.metadata.inputs.size(), 1U);
    ASSERT_TRUE(decoded.action.metadata.inputs[0].default_value);
    EXPECT_EQ(*decoded.action.metadata.inputs[0].default_value->literal_text(), text);
  }
  EXPECT_EQ(dump_of("inputs:\n  a:\n    default: |\n      1.10\n" + kNode),
            "input a=1.10\n\nusing node20\nmain a.js\n");
  constexpr Case kRefused[] = {
      {"!!str x", "Unexpected tag 'tag:yaml.org,2002:str'"},
      {"!!int x", "The value 'x' on line 3 and column 14 is invalid for the type 'tag:yaml.org,2002:int'"},
      {"0x1FFFFFFFF", "The value '0x1FFFFFFFF' on line 3 and column 14 is invalid for the type ''"},
      {"0o40000000000", "The value '0o40000000000' on line 3 and column 14 is invalid for the type ''"},
  };
  for (const auto& [written, text] : kRefused) {
    SCOPED_TRACE(written);
    EXPECT_EQ(errors_of(fmt::format("inputs:\n  a:\n    default: {}\n{}", written, kNode)),
              Lines{fmt::format("{}: {}", kFile, text)});
  }
}

TEST(ActionMetadata, PlacesPointIntoTheScalar) {
  const Decoded decoded(composite("run: 'a ${{ inputs.x }} ${{ nope }}', shell: sh"));
  ASSERT_EQ(decoded.action.errors.size(), 1U);
  Diagnostics found;
  report(decoded.action.errors, *decoded.source, found);
  EXPECT_EQ(render_line(found.all()[0]),
            "o/r/v1/action.yml:4:36: error: Unrecognized named-value: 'nope'. Located at position 1 within "
            "expression: nope [action-expression]\n");
}

}  // namespace
}  // namespace buildspec_run
