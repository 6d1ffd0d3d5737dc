#include "runner/cli/eval.h"

#include <fmt/format.h>

#include <cmath>

#include "actions/expr/expression.h"
#include "runner/base/json.h"
#include "runner/base/text.h"
#include "runner/cli/input.h"
#include "runner/cli/report.h"
#include "runner/exec/hash_files.h"
#include "runner/sys/files.h"

namespace buildspec_run {
namespace {

constexpr std::uint64_t kLargestContext = std::uint64_t{256} << 20;

constexpr OptionSpec kOptions[] = {
    {"--context", "", OptionSpec::Takes::value, "FILE",
     "a JSON object whose members are the contexts; - is standard input; default: there are none"},
    {"--json", "", OptionSpec::Takes::nothing, "",
     "print the value as JSON on one line; NaN and infinities as bare words"},
    kColorOption,
};

/// Contexts are the members of an object. The status functions answer for a job whose status is `job.status`.
class FileEvaluation : public Evaluation {
 public:
  FileEvaluation(const Invocation& invocation, Datum contexts)
      : invocation_(invocation), contexts_(std::move(contexts)) {}

  Datum context(std::string_view name) override {
    const Datum* found = contexts_.object()->find(name);
    return found == nullptr ? Datum() : *found;
  }

  bool status(std::string_view function) override {
    if (function == "always") return true;
    const Datum job = context("job");
    const Datum* status = job.object() == nullptr ? nullptr : job.object()->find("status");
    const std::string is = status == nullptr ? "success" : status->to_string();
    return equals_ignoring_case(is, function == "cancelled" ? "cancelled" : function);
  }

  Result<std::string> hash_files(std::span<const std::string> patterns) override {
    const Path modules = invocation_.program.parent_path().parent_path() / "libexec" / "buildspec-run";
    Result<std::unique_ptr<Sha256>> sha256 = make_sha256(modules);
    if (!sha256) return std::move(sha256.error());
    HashFilesRequest request;
    request.workspace = invocation_.working_directory;
    request.home = invocation_.variable("HOME");
    request.patterns = patterns;
    return buildspec_run::hash_files(request, **sha256);
  }

 private:
  const Invocation& invocation_;
  Datum contexts_;
};

/// The contexts that --context names. `env` finds its names exactly, as on Unix.
Result<Datum> read_contexts(const Invocation& invocation) {
  const std::optional<std::string> name = invocation.arguments.value("--context");
  if (!name) return Datum(DatumObject());
  const Result<std::string> text =
      *name == "-" ? read_descriptor(invocation.in)
                   : read_named_file(absolute_path(*name, invocation.working_directory), kLargestContext);
  if (!text) return Error(text.error());
  const Result<Value> value = parse_json(*text);
  if (!value) return Error{fmt::format("{}: {}", *name, value.error().message)};
  if (value->object() == nullptr) return Error{fmt::format("{}: an object of contexts is expected", *name)};
  DatumObject contexts;
  for (const auto& [context, member] : *value->object()) {
    if (equals_ignoring_case(context, "env") && member.object() != nullptr) {
      DatumObject variables(true);
      for (const auto& [variable, held] : *member.object()) variables.set(variable, to_datum(held));
      contexts.set(context, std::move(variables));
    } else {
      contexts.set(context, to_datum(member));
    }
  }
  return Datum(std::move(contexts));
}

void append_json(std::string& out, const Datum& datum) {
  if (const DatumArray* array = datum.array()) {
    out += '[';
    for (const Datum& item : array->items) {
      if (&item != &array->items.front()) out += ',';
      append_json(out, item);
    }
    out += ']';
  } else if (const DatumObject* object = datum.object()) {
    out += '{';
    for (const auto& member : object->members()) {
      if (&member != &object->members().front()) out += ',';
      append_json_string(out, member.first);
      out += ':';
      append_json(out, member.second);
    }
    out += '}';
  } else if (const double* number = datum.number(); number != nullptr && !std::isfinite(*number)) {
    out += number_text(*number);
  } else {
    out += to_json(to_value(datum));
  }
}

/// What `${{ }}` would put into a text; arrays and objects as toJSON shows them.
std::string shown(const Datum& datum) {
  return datum.array() != nullptr || datum.object() != nullptr ? to_expression_json(datum)
                                                               : datum.to_string();
}

ExitCode run_eval(const Invocation& invocation) {
  if (invocation.arguments.operands.empty())
    return invocation.fail(ExitCode::invalid,
                           "an expression is expected, as in buildspec-run eval \"1 < 2\"");
  Result<Datum> contexts = read_contexts(invocation);
  if (!contexts) return invocation.fail(ExitCode::invalid, contexts.error().message);
  Allowed allowed{{}, true, true};
  for (const auto& member : contexts->object()->members()) allowed.contexts.push_back(member.first);

  const SourceText source("expression", invocation.arguments.operands.front());
  FileEvaluation evaluation(invocation, *contexts);
  Diagnostics found;
  std::optional<Datum> value;
  const auto refuse = [&](const ExpressionError& error) {
    // The length and the depth are of the whole text, and have no place.
    const bool whole = error.message.starts_with("Exceeded");
    found.error(source, whole ? SourceRange{} : SourceRange{error.offset, error.offset + 1}, "expression",
                error.message);
  };
  const auto take = [&](Result<Datum> result) {
    if (result)
      value = std::move(*result);
    else
      found.error(source, {}, "expression", result.error().message);
  };
  if (source.text().find("${{") != std::string_view::npos) {
    const auto parsed = parse_template(source.text(), allowed);
    if (const auto* error = std::get_if<ExpressionError>(&parsed))
      refuse(*error);
    else
      take(evaluate(std::get<Template>(parsed), evaluation));
  } else {
    const auto parsed = parse_expression(source.text(), allowed);
    if (const auto* error = std::get_if<ExpressionError>(&parsed))
      refuse(*error);
    else
      take(evaluate(std::get<Expression>(parsed), evaluation, kConditionMemoryBytes));
  }
  write_diagnostics(invocation, found.all());
  if (!value) return ExitCode::invalid;
  std::string text;
  if (invocation.arguments.has("--json"))
    append_json(text, *value);
  else
    text = shown(*value);
  return invocation.write_out(text + "\n");
}

constexpr Subcommand kSubcommand = {
    "eval",
    "evaluate an expression of steps",
    "EXPR",
    1,
    "Evaluates EXPR, an expression such as \"steps.test.outcome == 'success'\", with or without ${{ }} "
    "around it; text\n"
    "with several ${{ }} is a string. What begins with - comes behind --: eval -- -1.\n"
    "Prints the value as ${{ }} would put it into a text (null: an empty line), but arrays and objects as "
    "toJSON does.\n"
    "Names are those of the contexts in --context, and nothing else. success(), failure() and cancelled() "
    "answer for\n"
    "a job whose status is job.status (default: success), hashFiles() for the current directory. An "
    "expression that\n"
    "is wrong, or fails, is told on stderr with its place: exit 2.",
    kOptions,
    run_eval,
    true,
};

}  // namespace

const Subcommand& eval_subcommand() { return kSubcommand; }

}  // namespace buildspec_run
