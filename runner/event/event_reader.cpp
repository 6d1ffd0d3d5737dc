#include "runner/event/event_reader.h"

#include <limits>
#include <utility>

#include "runner/base/json.h"

namespace buildspec_run {

struct EventReader::Texts {
  std::string run, build, task, output;
};

namespace {

// Takes members out of one object. The first that is not what it has to be is remembered; what is read after
// that does not matter.
class Fields {
 public:
  explicit Fields(const Value& object) : object_(object) {}

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  void fail(std::string_view name) {
    if (problem_.empty()) problem_ = "no \"" + std::string(name) + "\" of the right kind";
  }

  void text(std::string_view name, std::string& into) {
    const Value* value = member(name);
    if (value == nullptr) return;
    if (const std::string* text = value->string())
      into = *text;
    else
      fail(name);
  }
  /// A word of ours, which the writer does not escape.
  void word(std::string_view name, std::string& into) {
    text(name, into);
    for (const char c : into)
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-')) return fail(name);
  }
  template <class Integer>
  void number(std::string_view name, Integer& into) {
    const Value* value = member(name);
    if (value == nullptr) return;
    const std::int64_t* number = value->integer();
    if (number == nullptr || !std::in_range<Integer>(*number)) return fail(name);
    into = static_cast<Integer>(*number);
  }
  void flag(std::string_view name, bool& into) {
    const Value* value = member(name);
    if (value == nullptr) return;
    if (const bool* flag = value->boolean())
      into = *flag;
    else
      fail(name);
  }
  void took(std::string_view name, std::chrono::nanoseconds& into) {
    std::int64_t count = 0;
    number(name, count);
    into = std::chrono::nanoseconds(count);
  }
  void status(std::string_view name, Status& into) {
    std::string word;
    text(name, word);
    for (const Status each : {Status::in_progress, Status::succeeded, Status::failed, Status::fault,
                              Status::timed_out, Status::stopped})
      if (to_string(each) == word) return static_cast<void>(into = each);
    fail(name);
  }
  void place(std::string_view name, Place& into) {
    const Value* value = member(name);
    if (value == nullptr) return;
    if (value->object() == nullptr) return fail(name);
    Fields fields(*value);
    fields.text("file", into.file);
    fields.number("line", into.line);
    fields.number("column", into.column);
    if (!fields.problem().empty()) fail(name);
  }
  void place(std::string_view name, std::optional<Place>& into) {
    const Value* value = member(name);
    if (value == nullptr || value->is_null()) return;
    place(name, into.emplace());
  }
  void exit(std::string_view name, ExitStatus& into) {
    const Value* value = member(name);
    if (value == nullptr) return;
    if (value->object() == nullptr) return fail(name);
    Fields fields(*value);
    fields.number("code", into.code);
    fields.number("signal", into.signal);
    if (!fields.problem().empty()) fail(name);
  }
  void texts(std::string_view name, std::vector<std::string>& into) {
    const Value* value = member(name);
    if (value == nullptr) return;
    if (value->array() == nullptr) return fail(name);
    for (const Value& each : *value->array()) {
      if (each.string() == nullptr) return fail(name);
      into.push_back(*each.string());
    }
  }
  /// A list of objects, the members of each read by `read`.
  template <class Item, class Read>
  void objects(std::string_view name, std::vector<Item>& into, const Read& read) {
    const Value* value = member(name);
    if (value == nullptr) return;
    if (value->array() == nullptr) return fail(name);
    for (const Value& each : *value->array()) {
      if (each.object() == nullptr) return fail(name);
      Fields fields(each);
      read(fields, into.emplace_back());
      if (!fields.problem().empty()) return fail(name);
    }
  }
  [[nodiscard]] bool has(std::string_view name) const { return member(name) != nullptr; }

 private:
  [[nodiscard]] const Value* member(std::string_view name) const { return object_.find(name); }

  const Value& object_;
  std::string problem_;
};

// The digits of `text` as a number; -1 for what is none.
int digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "2026-11-24T06:04:44.012345Z", and no other form. Years that the clock can hold.
std::optional<std::chrono::system_clock::time_point> parse_utc_time(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000000Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] != '0' && text[i] != kForm[i]) return std::nullopt;
  const int year_ = digits(text.substr(0, 4)), month_ = digits(text.substr(5, 2)),
            day_ = digits(text.substr(8, 2)), hour_ = digits(text.substr(11, 2)),
            minute_ = digits(text.substr(14, 2)), second_ = digits(text.substr(17, 2)),
            micro_ = digits(text.substr(20, 6));
  if (year_ < 1700 || year_ > 2250 || month_ < 1 || day_ < 1 || hour_ < 0 || hour_ > 23 || minute_ < 0 ||
      minute_ > 59 || second_ < 0 || second_ > 59 || micro_ < 0)
    return std::nullopt;
  const year_month_day date{year(year_), month(static_cast<unsigned>(month_)),
                            day(static_cast<unsigned>(day_))};
  if (!date.ok()) return std::nullopt;
  return time_point_cast<system_clock::duration>(
      time_point<system_clock, microseconds>(sys_days(date).time_since_epoch() + hours(hour_) +
                                             minutes(minute_) + seconds(second_) + microseconds(micro_)));
}

void read_body(Fields& from, RunStarted& body) {
  from.text("version", body.version);
  from.text("source_dir", body.source_dir);
  from.text("repository_root", body.repository_root);
  from.text("buildspec", body.buildspec);
  from.text("shell", body.shell);
  from.text("log_file", body.log_file);
  if (from.has("resumed_run")) from.text("resumed_run", body.resumed_run);  // earlier versions do not tell it
}
void read_body(Fields& from, PlanMade& body) {
  from.objects("phases", body.phases, [](Fields& each, PhaseOutline& phase) {
    each.text("phase", phase.phase);
    each.flag("in_file", phase.in_file);
    each.number("commands", phase.commands);
    each.number("steps", phase.steps);
    each.number("finally", phase.finally);
    each.word("on_failure", phase.on_failure);
  });
  from.text("shell", body.shell);
  from.objects("runtimes", body.runtimes, [](Fields& each, RuntimeOutline& runtime) {
    each.text("name", runtime.name);
    each.text("version", runtime.version);
  });
  from.objects("unknown_keys", body.unknown_keys, [](Fields& each, KeyOutline& key) {
    each.text("section", key.section);
    each.text("key", key.key);
  });
  from.flag("parameter_store", body.parameter_store);
  from.flag("artifacts", body.artifacts);
  from.flag("cache", body.cache);
  from.flag("reports", body.reports);
}
void read_body(Fields& from, TasksSelected& body) {
  from.texts("left_out", body.left_out);
  from.flag("dry_run", body.dry_run);
}
void read_body(Fields& from, BuildStarted& body) {
  from.text("build_id", body.build_id);
  from.number("attempt", body.attempt);
  from.text("source_dir", body.source_dir);
  from.objects("secondary_sources", body.secondary_sources, [](Fields& each, SourceOutline& source) {
    each.text("id", source.id);
    each.text("directory", source.directory);
  });
}
void read_body(Fields& from, Diagnosed& body) {
  from.text("severity", body.severity);
  from.text("id", body.id);
  from.text("message", body.message);
  from.place("place", body.place);
  from.text("text", body.text);
}
void read_body(Fields& from, ActionFetch& body) {
  std::string state;
  from.text("action", body.action);
  from.text("state", state);
  from.number("bytes", body.bytes);
  using State = ActionFetch::State;
  if (state == "done")
    body.state = State::done;
  else if (state == "failed")
    body.state = State::failed;
  else if (state != "running")
    from.fail("state");
}
void read_body(Fields& from, PhaseStarted& body) {
  from.text("phase", body.phase);
  from.flag("in_file", body.in_file);
  from.number("tasks", body.tasks);
  from.number("steps", body.steps);
}
void read_body(Fields& from, TaskStarted& body) {
  from.text("phase", body.phase);
  from.text("label", body.label);
  from.text("text", body.text);
  from.place("place", body.place);
  if (!from.has("step")) return;
  StepStage& step = body.step.emplace();
  from.text("step", step.name);
  from.word("stage", step.stage);
}
void read_body(Fields& from, TaskFinished& body) {
  from.text("phase", body.phase);
  from.text("label", body.label);
  from.text("text", body.text);
  from.place("place", body.place);
  from.status("status", body.status);
  from.exit("exit", body.exit);
  from.took("took_ns", body.took);
  from.text("hint", body.hint);
  if (!from.has("step")) return;
  StepResult& step = body.step.emplace();
  from.text("step", step.name);
  from.word("stage", step.stage);
  from.word("outcome", step.outcome);
  from.word("conclusion", step.conclusion);
}
void read_body(Fields& from, StepAnnotated& body) {
  from.text("label", body.label);
  from.word("level", body.level);
  from.text("message", body.message);
  from.text("title", body.title);
  from.text("file", body.file);
  from.number("line", body.line);
  from.number("end_line", body.end_line);
  from.number("column", body.column);
  from.number("end_column", body.end_column);
}
void read_body(Fields& from, StepSummarized& body) {
  from.text("label", body.label);
  from.text("step", body.name);
  from.text("text", body.text);
}
void read_body(Fields& from, ShellOpened& body) {
  from.text("label", body.label);
  from.word("at", body.at);
  from.text("program", body.program);
  from.text("directory", body.directory);
}
void read_body(Fields& from, ShellClosed& body) {
  from.text("label", body.label);
  from.word("at", body.at);
  from.flag("resumed", body.resumed);
  from.text("problem", body.problem);
  from.took("took_ns", body.took);
}
void read_body(Fields& from, StopAnswered& body) {
  from.text("label", body.label);
  from.word("at", body.at);
  from.word("answer", body.answer);
}
void read_body(Fields& from, PhaseFinished& body) {
  from.text("phase", body.phase);
  from.status("status", body.status);
  from.text("code", body.code);
  from.text("message", body.message);
  from.took("took_ns", body.took);
}
void read_variables(Fields& from, std::string_view name, std::vector<ExportedVariable>& variables) {
  from.objects(name, variables, [](Fields& each, ExportedVariable& variable) {
    each.text("name", variable.name);
    each.text("value", variable.value);
  });
}
void read_body(Fields& from, VariablesExported& body) { read_variables(from, "variables", body.variables); }
void read_body(Fields& from, EnvironmentPlanned& body) { read_variables(from, "variables", body.variables); }
void read_body(Fields& from, TaskPlanned& body) {
  from.text("phase", body.phase);
  from.text("label", body.label);
  from.text("text", body.text);
  from.place("place", body.place);
  from.text("name", body.name);
  from.text("program", body.program);
  from.text("directory", body.directory);
  from.text("user", body.user);
  from.text("condition", body.condition);
  read_variables(from, "variables", body.variables);
  read_variables(from, "inputs", body.inputs);
}
void read_body(Fields& from, BuildFinished& body) {
  from.text("build_id", body.build_id);
  from.status("status", body.status);
  from.flag("will_retry", body.will_retry);
  from.took("took_ns", body.took);
  from.objects("artifacts", body.artifacts, [](Fields& each, ArtifactOutline& artifact) {
    each.text("id", artifact.id);
    each.text("base_directory", artifact.base_directory);
    each.objects("directories", artifact.directories, [](Fields& of, ArtifactRoot& directory) {
      of.text("path", directory.path);
      of.texts("missing", directory.missing);
    });
    each.texts("patterns", artifact.patterns);
    each.number("files", artifact.files);
    each.text("problem", artifact.problem);
  });
}
void read_body(Fields& from, RunFinished& body) {
  from.status("status", body.status);
  from.text("failed_phase", body.failed_phase);
  from.text("failed_label", body.failed_label);
  from.text("failed_text", body.failed_text);
  from.place("failed_place", body.failed_place);
  from.text("message", body.message);
  from.took("took_ns", body.took);
  from.number("left_out", body.left_out);
  from.flag("dry_run", body.dry_run);
}
// Its text is the reader's.
void read_body(Fields& from, Output& body) {
  from.flag("ends_line", body.ends_line);
  from.flag("background", body.background);
}

// The body whose type is called so, with nothing in it; nullopt for no type of ours.
template <std::size_t Index = 0>
std::optional<EventBody> body_of_type(std::string_view type) {
  if constexpr (Index == std::variant_size_v<EventBody>) {
    return std::nullopt;
  } else {
    EventBody body(std::in_place_index<Index>);
    if (type_of(body) == type) return body;
    return body_of_type<Index + 1>(type);
  }
}

}  // namespace

EventReader::EventReader() : texts_(std::make_unique<Texts>()) {}
EventReader::~EventReader() = default;

EventReader::Found EventReader::read(std::string_view line) {
  event_ = Event();
  log_range_.reset();
  problem_.clear();
  const auto damaged = [&](std::string why) {
    event_ = Event();
    problem_ = std::move(why);
    return Found::damaged;
  };
  const Result<Value> value = parse_json(line);
  if (!value) return damaged(value.error().message);
  if (value->object() == nullptr) return damaged("no JSON object");
  const Value* version = value->find("v");
  if (version == nullptr || version->integer() == nullptr) return damaged("no \"v\" of the right kind");
  if (*version->integer() != 1) return Found::other_version;

  Fields fields(*value);
  std::string type, time;
  Texts& texts = *texts_;
  texts = Texts();
  std::int64_t elapsed = 0;
  for (const std::string_view needed : {"seq", "time", "type"})
    if (!fields.has(needed)) fields.fail(needed);
  fields.number("seq", event_.sequence);
  fields.text("run", texts.run);
  fields.text("build", texts.build);
  fields.text("task", texts.task);
  fields.text("time", time);
  fields.number("elapsed_ns", elapsed);
  fields.text("type", type);
  if (event_.sequence == 0) fields.fail("seq");
  if (!fields.problem().empty()) return damaged(fields.problem());
  const auto wall = parse_utc_time(time);
  if (!wall) return damaged("no \"time\" of the right kind");
  event_.wall = *wall;
  event_.monotonic = std::chrono::nanoseconds(elapsed);
  event_.run_id = texts.run;
  event_.build_id = texts.build;
  event_.task = texts.task;

  std::optional<EventBody> body = body_of_type(type);
  if (!body) return Found::unknown_type;
  event_.body = std::move(*body);
  std::visit([&](auto& each) { read_body(fields, each); }, event_.body);
  if (Output* output = std::get_if<Output>(&event_.body)) {
    if (fields.has("text")) {
      fields.text("text", texts.output);
      output->text = texts.output;
    } else {
      for (const std::string_view needed : {"offset", "bytes"})
        if (!fields.has(needed)) fields.fail(needed);
      LogRange& range = log_range_.emplace();
      fields.number("offset", range.offset);
      fields.number("bytes", range.bytes);
      // So that their sum is a number, too.
      if (range.bytes > std::uint64_t{1} << 32 || range.offset > std::uint64_t{1} << 62) fields.fail("bytes");
    }
  }
  if (!fields.problem().empty()) {
    log_range_.reset();
    return damaged(fields.problem());
  }
  return Found::event;
}

}  // namespace buildspec_run
