#include "runner/cli/list.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/base/json.h"
#include "runner/base/overloaded.h"
#include "runner/buildspec/batch.h"
#include "runner/cli/input.h"
#include "runner/cli/report.h"
#include "runner/cli/terminal_text.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFormats[] = {"text", "json"};
constexpr OptionSpec kOptions[] = {
    kSourceDirOption,
    {"--format", "", OptionSpec::Takes::value, "FORMAT", "how the list is printed; default: text", false,
     kFormats},
    kColorOption,
};

// The first line of a command, and a sign that there is more.
std::string first_line(const std::string& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return text;
  return text.substr(0, end) + (text.find_first_not_of('\n', end) == std::string::npos ? "" : " …");
}

// Its name, or what it runs.
std::string text_of(const StepTask& step) {
  if (!step.name.source().empty()) return first_line(step.name.source());
  return std::visit(
      overloaded{[](const ScriptStep& script) { return "run: " + first_line(script.script.source()); },
                 [](const ActionStep& action) { return "uses: " + action.uses; }},
      step.body);
}

struct Line {
  std::string label;
  std::string place;
  std::string text;
};

std::vector<Line> lines_of(const SourceText& source, const PhaseSpec& phase) {
  std::vector<Line> lines;
  const auto add = [&](std::string label, SourceRange where, std::string text) {
    const LineColumn at = source.place(where.begin);
    lines.push_back({std::move(label), fmt::format("{}:{}", at.line, at.column), std::move(text)});
  };
  const std::string_view name = to_string(phase.name);
  for (std::size_t i = 0; i < phase.commands.size(); ++i)
    add(fmt::format("{}[{}]", name, i), phase.commands[i].where, first_line(phase.commands[i].text));
  for (std::size_t i = 0; i < phase.steps.size(); ++i) {
    const StepTask& step = phase.steps[i];
    add(fmt::format("{}[{}]", name, i), step.where, text_of(step));
  }
  for (std::size_t i = 0; i < phase.finally.size(); ++i)
    add(fmt::format("{}.finally[{}]", name, i), phase.finally[i].where, first_line(phase.finally[i].text));
  return lines;
}

// Whatever the file says comes out as printable lines: nothing in it moves the cursor or sets a title.
std::string to_text(const SourceText& source, const Buildspec& buildspec, const BatchEntries& batch) {
  std::string out;
  const auto say = [&](std::string_view line) { out += plain_line(line) + '\n'; };
  for (const PhaseSpec& phase : buildspec.phases) {
    say(to_string(phase.name));
    for (const Line& line : lines_of(source, phase))
      say(fmt::format("  {:<20} {:>8}  {}", line.label, line.place, line.text));
  }
  if (!buildspec.env.exported_variables.empty()) {
    say("exported variables");
    for (const PlacedString& name : buildspec.env.exported_variables) say("  " + name.value);
  }
  if (batch.total > 0) {
    say("batch");
    for (const BatchEntry& entry : batch.entries) {
      std::string line = fmt::format("  {:<20} {}", entry.identifier,
                                     entry.buildspec.empty() ? source.name() : entry.buildspec);
      for (const auto& [name, value] : entry.variables) line += fmt::format(" {}={}", name, value);
      if (!entry.depend_on.empty()) line += fmt::format(" (after {})", fmt::join(entry.depend_on, ", "));
      say(line);
    }
    if (batch.total > batch.entries.size()) say(fmt::format("  … {} builds in all", batch.total));
  }
  return out;
}

Value::Array strings(const std::vector<std::string>& texts) {
  Value::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

Value to_value(const SourceText& source, const Buildspec& buildspec, const BatchEntries& batch) {
  Value::Array phases, exported, entries;
  for (const PhaseSpec& phase : buildspec.phases) {
    Value::Array commands;
    for (const Line& line : lines_of(source, phase))
      commands.push_back(Value::Object{{"label", line.label}, {"place", line.place}, {"text", line.text}});
    phases.push_back(Value::Object{{"name", to_string(phase.name)}, {"commands", std::move(commands)}});
  }
  for (const PlacedString& name : buildspec.env.exported_variables) exported.emplace_back(name.value);
  for (const BatchEntry& entry : batch.entries) {
    Value::Object variables;
    for (const auto& [name, value] : entry.variables) variables.emplace_back(name, value);
    entries.push_back(Value::Object{{"identifier", entry.identifier},
                                    {"buildspec", entry.buildspec.empty() ? source.name() : entry.buildspec},
                                    {"variables", std::move(variables)},
                                    {"depend_on", strings(entry.depend_on)}});
  }
  return Value::Object{{"buildspec", source.name()},
                       {"phases", std::move(phases)},
                       {"exported_variables", std::move(exported)},
                       {"batch", std::move(entries)},
                       {"batch_total", static_cast<std::uint64_t>(batch.total)}};
}

ExitCode run_list(const Invocation& invocation) {
  Diagnostics found;
  const ReadBuildspec read = decode_operand(invocation, found);
  if (!read.error.empty()) return invocation.fail(ExitCode::invalid, read.error);
  write_diagnostics(invocation, found.all());
  // A file that only describes a batch has no phases, and its builds are what a list of it is about.
  const auto is_in_the_way = [](const Diagnostic& one) {
    return one.severity == Severity::error && one.id != "batch-only";
  };
  const std::vector<Diagnostic>& all = found.all();
  if (read.source == nullptr || std::any_of(all.begin(), all.end(), is_in_the_way)) return ExitCode::invalid;
  const BatchEntries batch = read.buildspec.batch ? expand_batch(*read.buildspec.batch) : BatchEntries();
  const bool json = invocation.arguments.value("--format") == "json";
  return invocation.write_out(json ? to_pretty_json(to_value(*read.source, read.buildspec, batch)) + "\n"
                                   : to_text(*read.source, read.buildspec, batch));
}

constexpr Subcommand kSubcommand = {
    "list",
    "list phases, commands with their places, exported variables and batch entries",
    "[FILE]",
    1,
    "Reads FILE (default: buildspec.yml of the source directory; - is standard input). Each command is shown "
    "with the name\n"
    "by which other commands know it, such as build[3], and its line and column.",
    kOptions,
    run_list,
};

}  // namespace

const Subcommand& list_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
