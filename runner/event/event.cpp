// Names of events, and the JSON form: one line an event, appended field by field. Lines are versioned by "v";
// a field added later leaves the version as it is, one that is removed or changes its meaning does not.
// schema/event.schema.json describes every line, and a test holds the two together.

#include "runner/event/event.h"

#include <charconv>

#include "runner/base/check.h"
#include "runner/base/json.h"
#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

// Writes the members of one object, in order.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  void close() { out_ += '}'; }

  void text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
  }
  // A word of ours: nothing in it needs an escape.
  void word(std::string_view name, std::string_view value) {
    key(name);
    out_ += '"';
    out_ += value;
    out_ += '"';
  }
  template <class Integer>
  void number(std::string_view name, Integer value) {
    key(name);
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value);
    out_.append(digits, end.ptr);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
  }
  void place(std::string_view name, const Place& value) {
    key(name);
    Members members(out_);
    members.text("file", value.file);
    members.number("line", value.line);
    members.number("column", value.column);
    members.close();
  }
  void place(std::string_view name, const std::optional<Place>& value) {
    if (value) return place(name, *value);
    key(name);
    out_ += "null";
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    key(name);
    out_ += '[';
    for (const std::string& value : values) {
      if (&value != values.data()) out_ += ',';
      append_json_string(out_, value);
    }
    out_ += ']';
  }
  void exit(std::string_view name, const ExitStatus& value) {
    key(name);
    Members members(out_);
    members.number("code", value.code);
    members.number("signal", value.signal);
    members.close();
  }
  /// A list of objects, the members of each written by `append`.
  template <class Item, class Append>
  void objects(std::string_view name, const std::vector<Item>& items, const Append& append) {
    key(name);
    out_ += '[';
    for (const Item& item : items) {
      if (&item != items.data()) out_ += ',';
      Members members(out_);
      append(members, item);
      members.close();
    }
    out_ += ']';
  }

 private:
  void key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }

  std::string& out_;
};

void append_digits(std::string& out, unsigned value, int width) {
  char digits[10];
  for (int i = width; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits, static_cast<std::size_t>(width));
}

// RFC 3339 in UTC with microseconds: 2026-11-24T06:04:44.012345Z.
std::string utc_time(std::chrono::system_clock::time_point wall) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(wall);
  const auto day = std::chrono::floor<std::chrono::days>(micros);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{micros - day};
  std::string text;
  text.reserve(27);
  append_digits(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  text += '-';
  append_digits(text, static_cast<unsigned>(date.month()), 2);
  text += '-';
  append_digits(text, static_cast<unsigned>(date.day()), 2);
  text += 'T';
  append_digits(text, static_cast<unsigned>(time.hours().count()), 2);
  text += ':';
  append_digits(text, static_cast<unsigned>(time.minutes().count()), 2);
  text += ':';
  append_digits(text, static_cast<unsigned>(time.seconds().count()), 2);
  text += '.';
  append_digits(text, static_cast<unsigned>(time.subseconds().count()), 6);
  text += 'Z';
  return text;
}

void append_body(Members& to, const RunStarted& body) {
  to.text("version", body.version);
  to.text("source_dir", body.source_dir);
  to.text("repository_root", body.repository_root);
  to.text("buildspec", body.buildspec);
  to.text("shell", body.shell);
  to.text("log_file", body.log_file);
  to.text("resumed_run", body.resumed_run);
}
void append_body(Members& to, const PlanMade& body) {
  to.objects("phases", body.phases, [](Members& each, const PhaseOutline& phase) {
    each.text("phase", phase.phase);
    each.flag("in_file", phase.in_file);
    each.number("commands", phase.commands);
    each.number("steps", phase.steps);
    each.number("finally", phase.finally);
    each.word("on_failure", phase.on_failure);
  });
  to.text("shell", body.shell);
  to.objects("runtimes", body.runtimes, [](Members& each, const RuntimeOutline& runtime) {
    each.text("name", runtime.name);
    each.text("version", runtime.version);
  });
  to.objects("unknown_keys", body.unknown_keys, [](Members& each, const KeyOutline& key) {
    each.text("section", key.section);
    each.text("key", key.key);
  });
  to.flag("parameter_store", body.parameter_store);
  to.flag("artifacts", body.artifacts);
  to.flag("cache", body.cache);
  to.flag("reports", body.reports);
}
void append_body(Members& to, const TasksSelected& body) {
  to.texts("left_out", body.left_out);
  to.flag("dry_run", body.dry_run);
}
void append_body(Members& to, const BuildStarted& body) {
  to.text("build_id", body.build_id);
  to.number("attempt", body.attempt);
  to.text("source_dir", body.source_dir);
  to.objects("secondary_sources", body.secondary_sources, [](Members& each, const SourceOutline& source) {
    each.text("id", source.id);
    each.text("directory", source.directory);
  });
}
void append_body(Members& to, const Diagnosed& body) {
  to.text("severity", body.severity);
  to.text("id", body.id);
  to.text("message", body.message);
  to.place("place", body.place);
  to.text("text", body.text);
}
void append_body(Members& to, const ActionFetch& body) {
  to.text("action", body.action);
  to.word("state", body.state == ActionFetch::State::running ? "running"
                   : body.state == ActionFetch::State::done  ? "done"
                                                             : "failed");
  to.number("bytes", body.bytes);
}
void append_body(Members& to, const PhaseStarted& body) {
  to.text("phase", body.phase);
  to.flag("in_file", body.in_file);
  to.number("tasks", body.tasks);
  to.number("steps", body.steps);
}
void append_body(Members& to, const TaskStarted& body) {
  to.text("phase", body.phase);
  to.text("label", body.label);
  to.text("text", body.text);
  to.place("place", body.place);
  if (body.step) {
    to.text("step", body.step->name);
    to.word("stage", body.step->stage);
  }
}
void append_body(Members& to, const TaskFinished& body) {
  to.text("phase", body.phase);
  to.text("label", body.label);
  to.text("text", body.text);
  to.place("place", body.place);
  to.word("status", to_string(body.status));
  to.exit("exit", body.exit);
  to.number("took_ns", body.took.count());
  to.text("hint", body.hint);
  if (body.step) {
    to.text("step", body.step->name);
    to.word("stage", body.step->stage);
    to.word("outcome", body.step->outcome);
    to.word("conclusion", body.step->conclusion);
  }
}
void append_body(Members& to, const StepAnnotated& body) {
  to.text("label", body.label);
  to.word("level", body.level);
  to.text("message", body.message);
  to.text("title", body.title);
  to.text("file", body.file);
  to.number("line", body.line);
  to.number("end_line", body.end_line);
  to.number("column", body.column);
  to.number("end_column", body.end_column);
}
void append_body(Members& to, const StepSummarized& body) {
  to.text("label", body.label);
  to.text("step", body.name);
  to.text("text", body.text);
}
void append_body(Members& to, const ShellOpened& body) {
  to.text("label", body.label);
  to.word("at", body.at);
  to.text("program", body.program);
  to.text("directory", body.directory);
}
void append_body(Members& to, const ShellClosed& body) {
  to.text("label", body.label);
  to.word("at", body.at);
  to.flag("resumed", body.resumed);
  to.text("problem", body.problem);
  to.number("took_ns", body.took.count());
}
void append_body(Members& to, const StopAnswered& body) {
  to.text("label", body.label);
  to.word("at", body.at);
  to.word("answer", body.answer);
}
void append_body(Members& to, const PhaseFinished& body) {
  to.text("phase", body.phase);
  to.word("status", to_string(body.status));
  to.text("code", body.code);
  to.text("message", body.message);
  to.number("took_ns", body.took.count());
}
void append_variables(Members& to, std::string_view name, const std::vector<ExportedVariable>& variables) {
  to.objects(name, variables, [](Members& each, const ExportedVariable& variable) {
    each.text("name", variable.name);
    each.text("value", variable.value);
  });
}
void append_body(Members& to, const VariablesExported& body) {
  append_variables(to, "variables", body.variables);
}
void append_body(Members& to, const EnvironmentPlanned& body) {
  append_variables(to, "variables", body.variables);
}
void append_body(Members& to, const TaskPlanned& body) {
  to.text("phase", body.phase);
  to.text("label", body.label);
  to.text("text", body.text);
  to.place("place", body.place);
  to.text("name", body.name);
  to.text("program", body.program);
  to.text("directory", body.directory);
  to.text("user", body.user);
  to.text("condition", body.condition);
  append_variables(to, "variables", body.variables);
  append_variables(to, "inputs", body.inputs);
}
void append_body(Members& to, const BuildFinished& body) {
  to.text("build_id", body.build_id);
  to.word("status", to_string(body.status));
  to.flag("will_retry", body.will_retry);
  to.number("took_ns", body.took.count());
  if (body.artifacts.empty()) return;
  to.objects("artifacts", body.artifacts, [](Members& each, const ArtifactOutline& artifact) {
    each.text("id", artifact.id);
    each.text("base_directory", artifact.base_directory);
    each.objects("directories", artifact.directories, [](Members& of, const ArtifactRoot& directory) {
      of.text("path", directory.path);
      of.texts("missing", directory.missing);
    });
    each.texts("patterns", artifact.patterns);
    each.number("files", artifact.files);
    each.text("problem", artifact.problem);
  });
}
void append_body(Members& to, const RunFinished& body) {
  to.word("status", to_string(body.status));
  to.text("failed_phase", body.failed_phase);
  to.text("failed_label", body.failed_label);
  to.text("failed_text", body.failed_text);
  to.place("failed_place", body.failed_place);
  to.text("message", body.message);
  to.number("took_ns", body.took.count());
  to.number("left_out", body.left_out);
  to.flag("dry_run", body.dry_run);
}

std::string json_line(const Event& event, std::optional<std::uint64_t> log_offset) {
  std::string line;
  const Output* output = std::get_if<Output>(&event.body);
  line.reserve(output != nullptr && !log_offset ? 320 + output->text.size() + output->text.size() / 16 : 640);
  Members members(line);
  members.number("v", 1);
  members.number("seq", event.sequence);
  members.text("run", event.run_id);
  members.text("build", event.build_id);
  members.text("task", event.task);
  members.word("time", utc_time(event.wall));
  members.number("elapsed_ns", event.monotonic.count());
  members.word("type", type_of(event.body));
  std::visit(overloaded{[&](const Output& body) {
                          if (log_offset) {
                            members.number("offset", *log_offset);
                            members.number("bytes", body.text.size());
                          } else {
                            members.text("text", body.text);
                            if (find_invalid_utf8(body.text)) members.flag("lossy", true);
                          }
                          members.flag("ends_line", body.ends_line);
                          members.flag("background", body.background);
                        },
                        [&](const auto& body) { append_body(members, body); }},
             event.body);
  members.close();
  return line;
}

}  // namespace

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::in_progress:
      return "IN_PROGRESS";
    case Status::succeeded:
      return "SUCCEEDED";
    case Status::failed:
      return "FAILED";
    case Status::fault:
      return "FAULT";
    case Status::timed_out:
      return "TIMED_OUT";
    case Status::stopped:
      return "STOPPED";
  }
  check_failed("a Status is one of its values", __FILE__, __LINE__);
}

std::string to_string(const Place& place) {
  if (place.line == 0) return place.file;
  return place.file + ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
}

std::string_view type_of(const EventBody& body) noexcept {
  return std::visit(
      overloaded{[](const RunStarted&) { return std::string_view("run-started"); },
                 [](const PlanMade&) { return std::string_view("plan-made"); },
                 [](const TasksSelected&) { return std::string_view("tasks-selected"); },
                 [](const BuildStarted&) { return std::string_view("build-started"); },
                 [](const Diagnosed&) { return std::string_view("diagnosed"); },
                 [](const ActionFetch&) { return std::string_view("action-fetch"); },
                 [](const PhaseStarted&) { return std::string_view("phase-started"); },
                 [](const TaskStarted&) { return std::string_view("task-started"); },
                 [](const Output&) { return std::string_view("output"); },
                 [](const TaskFinished&) { return std::string_view("task-finished"); },
                 [](const StepAnnotated&) { return std::string_view("step-annotated"); },
                 [](const StepSummarized&) { return std::string_view("step-summarized"); },
                 [](const ShellOpened&) { return std::string_view("shell-opened"); },
                 [](const ShellClosed&) { return std::string_view("shell-closed"); },
                 [](const StopAnswered&) { return std::string_view("stop-answered"); },
                 [](const PhaseFinished&) { return std::string_view("phase-finished"); },
                 [](const VariablesExported&) { return std::string_view("variables-exported"); },
                 [](const EnvironmentPlanned&) { return std::string_view("environment-planned"); },
                 [](const TaskPlanned&) { return std::string_view("task-planned"); },
                 [](const BuildFinished&) { return std::string_view("build-finished"); },
                 [](const RunFinished&) { return std::string_view("run-finished"); }},
      body);
}

void Fanout::on(const Event& event) {
  for (EventSink* sink : sinks_) sink->on(event);
}

void Fanout::tick() {
  for (EventSink* sink : sinks_) sink->tick();
}

std::string to_json_line(const Event& event) { return json_line(event, std::nullopt); }

std::string to_json_line(const Event& event, std::uint64_t log_offset) {
  return json_line(event, log_offset);
}

}  // namespace buildspec_run
