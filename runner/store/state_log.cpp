#include "runner/store/state_log.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "runner/base/json.h"

namespace buildspec_run {
namespace {

constexpr std::string_view kFile = "states", kNewFile = "states.new";
constexpr std::int64_t kVersion = 1;

/// A record on its way to the file.
class Record {
 public:
  explicit Record(std::string_view kind) { line_.emplace_back("record", kind); }
  void set(std::string_view name, Value value) { line_.emplace_back(name, std::move(value)); }
  void text(std::string_view name, std::string_view text) {
    lengths_.emplace_back(name, static_cast<std::int64_t>(text.size()));
    texts_ += text;
  }
  [[nodiscard]] std::string done() {
    line_.emplace_back("texts", std::move(lengths_));
    std::string out = to_json(Value(std::move(line_)));
    return out.append("\n").append(texts_).append("\n");
  }

 private:
  Value::Object line_, lengths_;
  std::string texts_;
};

/// A record that is read.
struct Found {
  Value line;
  TextParts texts;

  [[nodiscard]] std::string word(std::string_view name) const {
    const Value* value = line.find(name);
    return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
  }
  [[nodiscard]] std::int64_t number(std::string_view name) const {
    const Value* value = line.find(name);
    return value != nullptr && value->integer() != nullptr ? *value->integer() : 0;
  }
  [[nodiscard]] bool flag(std::string_view name) const {
    const Value* value = line.find(name);
    return value != nullptr && value->boolean() != nullptr && *value->boolean();
  }
  void take(std::string_view name, std::string& into) {
    if (const auto found = texts.find(name); found != texts.end()) into = std::move(found->second);
  }
};

/// Takes the first record off `rest`; nullopt: it is not whole, or is none.
std::optional<Found> take_record(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  Result<Value> line = parse_json(rest.substr(0, end));
  if (!line || line->object() == nullptr) return std::nullopt;
  const Value* lengths = line->find("texts");
  if (lengths == nullptr || lengths->object() == nullptr) return std::nullopt;
  Found found;
  std::string_view texts = rest.substr(end + 1);
  for (const auto& [name, length] : *lengths->object()) {
    const std::int64_t* bytes = length.integer();
    if (bytes == nullptr || *bytes < 0 || static_cast<std::uint64_t>(*bytes) > texts.size())
      return std::nullopt;
    found.texts.insert_or_assign(name, std::string(texts.substr(0, static_cast<std::size_t>(*bytes))));
    texts.remove_prefix(static_cast<std::size_t>(*bytes));
  }
  if (!texts.starts_with('\n')) return std::nullopt;
  found.line = std::move(*line);
  rest = texts.substr(1);
  return found;
}

std::optional<Status> status_of(std::string_view word) {
  for (const Status each : {Status::in_progress, Status::succeeded, Status::failed, Status::fault,
                            Status::timed_out, Status::stopped})
    if (to_string(each) == word) return each;
  return std::nullopt;
}

Value to_value(const std::optional<BuildFailure>& failure) {
  if (!failure) return nullptr;
  Value::Object object{{"status", to_string(failure->status)},
                       {"phase", failure->phase},
                       {"label", failure->label},
                       {"text", failure->text},
                       {"code", failure->code},
                       {"message", failure->message}};
  if (failure->place) {
    object.emplace_back("file", failure->place->file);
    object.emplace_back("line", std::uint64_t{failure->place->line});
    object.emplace_back("column", std::uint64_t{failure->place->column});
  }
  return object;
}

std::optional<BuildFailure> failure_of(const Value* value) {
  if (value == nullptr || value->object() == nullptr) return std::nullopt;
  const Found found{*value, {}};
  BuildFailure failure;
  failure.status = status_of(found.word("status")).value_or(Status::failed);
  failure.phase = found.word("phase");
  failure.label = found.word("label");
  failure.text = found.word("text");
  failure.code = found.word("code");
  failure.message = found.word("message");
  if (value->find("file") != nullptr)
    failure.place =
        Place{found.word("file"), static_cast<std::size_t>(std::max<std::int64_t>(found.number("line"), 0)),
              static_cast<std::size_t>(std::max<std::int64_t>(found.number("column"), 0))};
  return failure;
}

void read_request(Found& found, KeptRequest& request) {
  std::string options, operands;
  found.take("options", options);
  found.take("operands", operands);
  const std::vector<std::string> pairs = split_texts(options);
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) request.options[pairs[i]].push_back(pairs[i + 1]);
  request.operands = split_texts(operands);
  found.take("working_directory", request.working_directory);
  found.take("source_dir", request.source_dir);
  found.take("buildspec_name", request.buildspec_name);
  found.take("buildspec", request.buildspec);
  found.take("host", request.host);
  found.take("project", request.project);
  found.take("overrides", request.overrides);
}

KeptBuild read_build(Found& found) {
  KeptBuild build;
  build.uuid = found.word("uuid");
  build.attempt = static_cast<int>(std::clamp<std::int64_t>(found.number("attempt"), 1, 1'000'000));
  constexpr std::int64_t kLatest = std::int64_t{1} << 42;  // in milliseconds: the year 2109
  build.started = std::chrono::system_clock::time_point(
      std::chrono::milliseconds(std::clamp<std::int64_t>(found.number("started_ms"), 0, kLatest)));
  found.take("source_dir", build.source_dir);
  found.take("workspace", build.workspace);
  found.take("script_dir", build.script_dir);
  found.take("shell", build.shell);
  found.take("variables", build.variables);
  return build;
}

KeptState read_state(Found& found, KeptState before) {
  KeptState state = std::move(before);
  state.number = static_cast<std::uint64_t>(std::max<std::int64_t>(found.number("number"), 0));
  state.phase = found.word("phase");
  state.label = found.word("label");
  state.status = status_of(found.word("status")).value_or(Status::succeeded);
  state.build = status_of(found.word("build")).value_or(Status::succeeded);
  state.succeeding = found.flag("succeeding");
  state.withheld = found.flag("withheld");
  state.failure = failure_of(found.line.find("failure"));
  state.phase_failure = failure_of(found.line.find("phase_failure"));
  found.take("directory", state.directory);
  found.take("variables", state.variables);
  found.take("beyond_shells", state.beyond_shells);
  found.take("steps", state.steps);
  return state;
}

}  // namespace

std::string join_texts(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined.append(text.c_str()).append(1, '\0');
  return joined;
}

std::vector<std::string> split_texts(std::string_view joined) {
  std::vector<std::string> texts;
  while (!joined.empty()) {
    const std::size_t end = std::min(joined.find('\0'), joined.size());
    texts.emplace_back(joined.substr(0, end));
    joined.remove_prefix(std::min(end + 1, joined.size()));
  }
  return texts;
}

std::string join_variables(const std::map<std::string, std::string>& variables) {
  std::string joined;
  for (const auto& [name, value] : variables)
    joined.append(name).append("=").append(value.c_str()).append(1, '\0');
  return joined;
}

std::map<std::string, std::string> split_variables(std::string_view joined) {
  std::map<std::string, std::string> variables;
  for (const std::string& entry : split_texts(joined))
    if (const std::size_t equals = entry.find('='); equals != std::string::npos && equals != 0)
      variables.insert_or_assign(entry.substr(0, equals), entry.substr(equals + 1));
  return variables;
}

Result<StateLog> StateLog::make(const Path& directory) {
  Path made = directory / kNewFile;
  Result<AppendFile> file = AppendFile::open(made, 0600);
  if (!file) return std::move(file.error());
  return StateLog(std::move(*file), std::move(made), directory / kFile);
}

void StateLog::keep(const KeptRequest& request) {
  Record record("run");
  record.set("version", kVersion);
  std::vector<std::string> options;
  for (const auto& [name, values] : request.options)
    for (const std::string& value : values) options.insert(options.end(), {name, value});
  record.text("options", join_texts(options));
  record.text("operands", join_texts(request.operands));
  record.text("working_directory", request.working_directory);
  record.text("source_dir", request.source_dir);
  record.text("buildspec_name", request.buildspec_name);
  record.text("buildspec", request.buildspec);
  record.text("host", request.host);
  record.text("project", request.project);
  record.text("overrides", request.overrides);
  waiting_ = record.done();
}

void StateLog::keep(const KeptBuild& build) {
  Record record("build");
  record.set("uuid", build.uuid);
  record.set("attempt", build.attempt);
  record.set(
      "started_ms",
      std::int64_t{
          std::chrono::duration_cast<std::chrono::milliseconds>(build.started.time_since_epoch()).count()});
  record.text("source_dir", build.source_dir);
  record.text("workspace", build.workspace);
  record.text("script_dir", build.script_dir);
  record.text("shell", build.shell);
  record.text("variables", build.variables);
  has_last_ = false;
  waiting_ += record.done();
}

void StateLog::keep(std::span<const KeptState> states) {
  if (given_up_ || !problem_.empty()) return;
  for (const KeptState& state : states) {
    Record record("state");
    record.set("number", state.number);
    record.set("phase", state.phase);
    record.set("label", state.label);
    record.set("status", to_string(state.status));
    record.set("succeeding", state.succeeding);
    record.set("build", to_string(state.build));
    if (state.failure) record.set("failure", to_value(state.failure));
    if (state.phase_failure) record.set("phase_failure", to_value(state.phase_failure));
    if (state.withheld) record.set("withheld", true);
    // What has not changed is not written again: of most commands that is all.
    const auto part = [&](std::string_view name, std::string KeptState::*text) {
      if (has_last_ && last_.*text == state.*text) return;
      record.text(name, state.*text);
      last_.*text = state.*text;
    };
    part("directory", &KeptState::directory);
    part("variables", &KeptState::variables);
    part("beyond_shells", &KeptState::beyond_shells);
    part("steps", &KeptState::steps);
    has_last_ = true;
    waiting_ += record.done();
  }
  const std::string_view text = waiting_;
  Result<void> done = file_.write({&text, 1});
  if (!done) static_cast<void>(file_.cut(bytes_));  // else the last record is not whole, which readers know
  if (done && !made_.empty()) {
    std::error_code failed;
    std::filesystem::rename(made_, path_, failed);
    if (failed) done = system_error(fmt::format("make {}", path_.native()), failed.value());
    made_.clear();
  }
  if (!done) problem_ = done.error().message;
  bytes_ += waiting_.size();
  waiting_.clear();
}

void StateLog::give_up() {
  std::error_code failed;
  std::filesystem::remove(made_.empty() ? path_ : made_, failed);
  given_up_ = true;
}

KeptStates read_states_text(std::string_view text) {
  KeptStates states;
  std::optional<KeptBuild> begun;  // a build that has no state yet does not count
  while (!text.empty()) {
    std::optional<Found> found = take_record(text);
    if (!found) {
      states.is_cut = true;
      break;
    }
    const std::string kind = found->word("record");
    if (kind == "run") {
      if (found->number("version") != kVersion) {
        states.is_cut = true;
        break;
      }
      states.request = {};
      read_request(*found, states.request);
    } else if (kind == "build") {
      begun = read_build(*found);
    } else if (kind == "state" && (begun || states.build)) {
      if (begun) {
        states.build = std::exchange(begun, std::nullopt);
        states.states.clear();
      }
      KeptState before;
      if (!states.states.empty()) before = states.states.back();
      states.states.push_back(read_state(*found, std::move(before)));
    }
  }
  return states;
}

Result<KeptStates> read_states(const Path& directory) {
  Result<std::string> text = read_file(directory / kFile);
  if (!text) return std::move(text.error());
  return read_states_text(*text);
}

bool has_states(const Path& directory) {
  std::error_code failed;
  return std::filesystem::file_size(directory / kFile, failed) > 0 && !failed;
}

}  // namespace buildspec_run
