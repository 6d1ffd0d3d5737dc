// Holds the evaluator against GitHub's own @actions/expressions: tens of thousands of generated expressions, the same value or the same
// kind of error. That package is the second of two engines, and not the one that the runner evaluates with; where the two differ,
// actions.md follows the runner's, and so do we. Each such difference is a rule below, noticed by oracle.mjs where it arises or
// recognised here, and explained in differences.txt.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "actions/expr/expression.h"
#include "runner/base/json.h"
#include "tests/support/expressions.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kExpressions = 25'000;
constexpr std::string_view kSeed = "20260405";

struct Outcome {
  std::string value;    // in canonical form; empty when it failed
  std::string error;    // the description of a parse error, or "evaluation"; empty when it did not
  std::string message;  // of the error, in full
  std::size_t at = 0;   // of a parse error: UTF-16 units before its token, from the start of the line
};

struct Case {
  std::string text;
  Outcome theirs, ours;
  bool at_end = false;        // their error is about the end of the text
  std::set<std::string> met;  // differences that they came upon
};

/// As oracle.mjs writes it. Zero has no sign: the package prints "0" for both (actions.md 12.1).
void append_canonical(std::string& out, const Datum& datum) {
  if (const bool* truth = datum.boolean()) {
    out += *truth ? "true" : "false";
  } else if (const double* number = datum.number()) {
    out += std::isnan(*number)
               ? "#NaN"
               : fmt::format("#{:x}", std::bit_cast<std::uint64_t>(*number == 0 ? 0.0 : *number));
  } else if (const std::string* text = datum.string()) {
    out += fmt::format("{}:{}", text->size(), *text);
  } else if (const DatumArray* array = datum.array()) {
    out += '[';
    for (const Datum& item : array->items) {
      if (&item != &array->items.front()) out += ',';
      append_canonical(out, item);
    }
    out += ']';
  } else if (const DatumObject* object = datum.object()) {
    out += '{';
    for (const auto& member : object->members()) {
      if (&member != &object->members().front()) out += ',';
      out += fmt::format("{}:{}=", member.first.size(), member.first);
      append_canonical(out, member.second);
    }
    out += '}';
  } else {
    out += "null";
  }
}

Outcome evaluate_ours(std::string_view text, JsonEvaluation& evaluation) {
  Allowed allowed = evaluation.allowed();
  allowed.status_functions = allowed.hash_files = false;  // the package has none
  const auto parsed = parse_expression(text, allowed);
  if (const auto* error = std::get_if<ExpressionError>(&parsed)) {
    const std::size_t line = text.substr(0, error->offset).rfind('\n') + 1;
    std::size_t units = 0;  // in UTF-16, like theirs
    for (const char c : text.substr(line, error->offset - line)) {
      const auto byte = static_cast<unsigned char>(c);
      units += (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1;
    }
    return {"", error->message.substr(0, error->message.find(':')), error->message, units};
  }
  const Result<Datum> value = evaluate(std::get<Expression>(parsed), evaluation);
  if (!value) return {"", "evaluation", value.error().message};
  Outcome outcome;
  append_canonical(outcome.value, *value);
  return outcome;
}

bool same(const Case& one) {
  return one.ours.error == one.theirs.error && one.ours.value == one.theirs.value;
}

bool failed_to_parse(const Outcome& outcome) {
  return !outcome.error.empty() && outcome.error != "evaluation";
}

struct Difference {
  std::string_view name;
  bool (*explains)(const Case& one);  // nullptr: oracle.mjs notices it
};

constexpr Difference kDifferences[] = {
    {"depth",
     [](const Case& one) {
       return one.ours.error.starts_with("Exceeded max expression depth") ||
              one.theirs.error.starts_with("Exceeded max expression depth");
     }},
    {"end-of-text",
     [](const Case& one) { return one.at_end && one.ours.error == "Unexpected end of expression"; }},
    {"trailing-comma", nullptr},
    {"star-operand", nullptr},
    {"white-space", nullptr},
    {"first-error",
     [](const Case& one) {
       // Theirs is found in a scan before anything is parsed, or of a call that has ended; ours comes first in the text.
       return failed_to_parse(one.ours) && failed_to_parse(one.theirs) &&
              (one.text.find('\n') != std::string::npos || one.theirs.at >= one.ours.at || one.at_end);
     }},
    {"number-syntax", nullptr},
    {"number-text", nullptr},
    {"quote-pairs", nullptr},
    {"case-mapping", nullptr},
    {"format-placeholder", nullptr},
    {"lenient-json", nullptr},
    {"json-duplicates", nullptr},
    {"integer-keys", nullptr},
    {"json-escape", nullptr},
    {"eager", nullptr},
};

bool explains(const Difference& difference, const Case& one) {
  return difference.explains != nullptr ? difference.explains(one)
                                        : one.met.contains(std::string(difference.name));
}

TEST(ExpressionsOracle, EvaluatesTheSame) {
  const test::Ran ran = test::run_program({NODE_PROGRAM, TEST_SOURCE_DIR "/expressions_oracle/oracle.mjs",
                                           ORACLE_DIR, std::to_string(kExpressions), std::string(kSeed)},
                                          {}, {}, std::chrono::seconds(100));
  ASSERT_EQ(ran.exit, 0) << ran.err;
  std::istringstream lines(ran.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const Result<Value> sets = parse_json(line);
  ASSERT_TRUE(bool{sets});
  std::vector<JsonEvaluation> evaluations;
  for (const Value& set : *sets->array()) evaluations.emplace_back(to_json(set));

  std::size_t all = 0, equal = 0, values = 0, unexplained = 0;
  std::map<std::string_view, std::size_t> explained;
  while (std::getline(lines, line)) {
    const Result<Value> read = parse_json(line);
    ASSERT_TRUE(bool{read}) << read.error().message << " in " << line;
    const auto text_of = [&](std::string_view name) {
      const Value* found = read->find(name);
      return found == nullptr || found->string() == nullptr ? std::string() : *found->string();
    };
    Case one;
    one.text = text_of("text");
    one.theirs = {text_of("value"), text_of("error"), text_of("message")};
    if (const Value* at = read->find("at")) one.theirs.at = static_cast<std::size_t>(*at->integer());
    if (const Value* at_end = read->find("atEnd")) one.at_end = *at_end->boolean();
    for (const Value& name : *read->find("met")->array()) one.met.insert(*name.string());
    one.ours =
        evaluate_ours(one.text, evaluations.at(static_cast<std::size_t>(*read->find("set")->integer())));
    ++all;
    values += one.ours.error.empty() ? 1 : 0;
    if (same(one)) {
      ++equal;
      continue;
    }
    const auto* difference = std::find_if(std::begin(kDifferences), std::end(kDifferences),
                                          [&](const Difference& d) { return explains(d, one); });
    if (difference != std::end(kDifferences)) {
      ++explained[difference->name];
      continue;
    }
    if (++unexplained > 20) continue;
    ADD_FAILURE() << one.text << "\n  theirs: " << one.theirs.error << one.theirs.value << " "
                  << one.theirs.message << "\n  ours:   " << one.ours.error << one.ours.value << " "
                  << one.ours.message;
  }
  EXPECT_EQ(unexplained, 0U);
  EXPECT_GE(all, kExpressions);
  for (const Difference& difference : kDifferences)
    EXPECT_TRUE(explained.contains(difference.name)) << difference.name << " explains nothing any more";
  // What is explained away, or fails, shows little.
  EXPECT_GT(equal, all * 9 / 10);
  EXPECT_GT(values, all / 2);
  std::string summary =
      fmt::format("{} expressions, {} the same, {} of ours with a value;", all, equal, values);
  for (const auto& [name, count] : explained) summary += fmt::format(" {}: {}", name, count);
  std::printf("%s\n", summary.c_str());
}

// Each rule has its explanation, and no explanation is left without its rule.
TEST(ExpressionsOracle, DifferencesAreExplained) {
  std::set<std::string> rules, explanations;
  for (const Difference& difference : kDifferences) rules.insert(std::string(difference.name));
  std::istringstream lines(test::contents(TEST_SOURCE_DIR "/expressions_oracle/differences.txt"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    if (!line.starts_with('#') && !line.starts_with(' ') && colon != std::string::npos)
      explanations.insert(line.substr(0, colon));
  }
  EXPECT_EQ(rules, explanations);
}

}  // namespace
}  // namespace buildspec_run
