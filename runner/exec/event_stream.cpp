// Where events are numbered, stamped and masked. Two kinds of strings are in an event: foreign text
// (commands, messages, paths, values), which passes the masker, and words of ours that come from a fixed list
// (a phase, a label, a severity, a code), which do not: a secret "1" must not turn "build[1]" into a label
// that nobody finds again, and no secret can be read from a word that is always the same.
//
// Output is told as it comes: whatever a process has written is visible when `output` returns, a prompt or a
// progress bar without line end, too. Kept back are only what the masker needs, an unfinished UTF-8
// character, and a CR that may belong to a CR LF. Without secrets nothing is copied: events view the chunk.

#include "runner/exec/event_stream.h"

#include "runner/base/check.h"
#include "runner/base/overloaded.h"

namespace buildspec_run {
namespace {

constexpr std::size_t kLargestOutput = 64 * 1024;

// Masks the foreign text of a body. Each body is taken apart whole, so that a field added to one of them does
// not compile before it has found its place here.
struct MaskBody {
  const Masker& masker;

  void operator()(RunStarted& body) const {
    auto& [version, source_dir, repository_root, buildspec, shell, log_file, resumed_run] = body;
    words(version, resumed_run);
    text(source_dir, repository_root, buildspec, shell, log_file);
  }
  void operator()(PlanMade& body) const {
    auto& [phases, shell, runtimes, unknown_keys, parameter_store, artifacts, cache, reports] = body;
    words(phases, parameter_store, artifacts, cache, reports);
    text(shell);
    for (auto& [name, version] : runtimes) text(name, version);
    for (auto& [section, key] : unknown_keys) {
      words(section);
      text(key);
    }
  }
  void operator()(TasksSelected& body) const {
    auto& [left_out, dry_run] = body;
    words(left_out, dry_run);
  }
  void operator()(BuildStarted& body) const {
    auto& [build_id, attempt, source_dir, secondary_sources] = body;
    words(build_id, attempt);
    text(source_dir);
    for (auto& [id, directory] : secondary_sources) text(id, directory);
  }
  void operator()(Diagnosed& body) const {
    auto& [severity, id, message, place, rendered] = body;
    words(severity, id);
    text(message, place, rendered);
  }
  void operator()(ActionFetch& body) const {
    auto& [action, state, bytes] = body;
    words(state, bytes);
    text(action);
  }
  void operator()(PhaseStarted& body) const {
    auto& [phase, in_file, tasks, steps] = body;
    words(phase, in_file, tasks, steps);
  }
  void operator()(TaskStarted& body) const {
    auto& [phase, label, command, place, step] = body;
    words(phase, label);
    text(command, place);
    if (!step) return;
    auto& [name, stage] = *step;
    words(stage);
    text(name);
  }
  void operator()(Output&) const { check(false, "output goes through output(), not tell()"); }
  void operator()(TaskFinished& body) const {
    auto& [phase, label, command, place, status, exit, took, hint, step] = body;
    words(phase, label, status, exit, took);
    text(command, place, hint);
    if (!step) return;
    auto& [name, stage, outcome, conclusion] = *step;
    words(stage, outcome, conclusion);
    text(name);
  }
  void operator()(StepAnnotated& body) const {
    auto& [label, level, message, title, file, line, end_line, column, end_column] = body;
    words(label, level, line, end_line, column, end_column);
    text(message, title, file);
  }
  void operator()(StepSummarized& body) const {
    auto& [label, name, markdown] = body;
    words(label);
    text(name, markdown);
  }
  void operator()(ShellOpened& body) const {
    auto& [label, at, program, directory] = body;
    words(label, at);
    text(program, directory);
  }
  void operator()(ShellClosed& body) const {
    auto& [label, at, resumed, problem, took] = body;
    words(label, at, resumed, took);
    text(problem);
  }
  void operator()(StopAnswered& body) const {
    auto& [label, at, answer] = body;
    words(label, at, answer);
  }
  void operator()(PhaseFinished& body) const {
    auto& [phase, status, code, message, took] = body;
    words(phase, status, code, took);
    text(message);
  }
  void operator()(VariablesExported& body) const {
    auto& [variables] = body;
    for (auto& [name, value] : variables) text(name, value);
  }
  void operator()(EnvironmentPlanned& body) const {
    auto& [variables] = body;
    for (auto& [name, value] : variables) text(name, value);
  }
  void operator()(TaskPlanned& body) const {
    auto& [phase, label, script, place, name, program, directory, user, condition, variables, inputs] = body;
    words(phase, label);
    text(script, place, name, program, directory, user, condition);
    for (auto* list : {&variables, &inputs})
      for (auto& [variable, value] : *list) text(variable, value);
  }
  void operator()(BuildFinished& body) const {
    auto& [build_id, status, will_retry, took, artifacts] = body;
    words(build_id, status, will_retry, took);
    for (auto& [id, base_directory, directories, patterns, files, problem] : artifacts) {
      words(files);
      text(id, base_directory, problem);
      for (std::string& pattern : patterns) text(pattern);
      for (auto& [path, missing] : directories) {
        text(path);
        for (std::string& pattern : missing) text(pattern);
      }
    }
  }
  void operator()(RunFinished& body) const {
    auto& [status, failed_phase, failed_label, failed_text, failed_place, message, took, left_out, dry_run] =
        body;
    words(status, failed_phase, failed_label, took, left_out, dry_run);
    text(failed_text, failed_place, message);
  }

 private:
  template <class... Fields>
  void text(Fields&... fields) const {
    (mask(fields), ...);
  }
  template <class... Fields>
  void words(const Fields&...) const {}

  void mask(std::string& field) const {
    if (!field.empty()) field = masker.mask(field);
  }
  void mask(Place& place) const { mask(place.file); }
  void mask(std::optional<Place>& place) const {
    if (place) mask(*place);
  }
};

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes at the end of `text` that begin a UTF-8 character without ending it.
std::size_t unfinished_character(std::string_view text) {
  std::size_t back = 0;
  while (back < 3 && back < text.size() && continues_character(text[text.size() - 1 - back])) ++back;
  if (back == text.size()) return 0;
  const auto lead = static_cast<unsigned char>(text[text.size() - 1 - back]);
  const std::size_t length = lead >= 0xF0 && lead < 0xF8   ? 4
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                                                           : 1;
  return back + 1 < length ? back + 1 : 0;
}

// Bytes at the end of `text` that are better told together with what follows.
std::size_t unfinished_end(std::string_view text) {
  return text.ends_with('\r') ? 1 : unfinished_character(text);
}

}  // namespace

EventStream::EventStream(EventSink& sink, std::string run_id)
    : sink_(sink), stream_(masker_), run_id_(std::move(run_id)), begun_(std::chrono::steady_clock::now()) {}

void EventStream::tell(EventBody body) {
  flush_output();
  if (masker_.empty())
    check(!std::holds_alternative<Output>(body), "output goes through output(), not tell()");
  else
    std::visit(MaskBody{masker_}, body);
  emit(std::move(body));
}

void EventStream::output(std::string_view chunk, bool background) {
  if (chunk.empty()) return;
  if (background != pending_background_) flush_output();
  pending_background_ = background;
  std::string_view text = chunk;
  const bool joined = !pending_.empty() || !masker_.empty();
  if (masker_.empty()) {
    if (joined) text = pending_.append(chunk);
  } else {
    stream_.write(chunk, pending_);
    text = pending_;
  }
  const std::size_t kept = unfinished_end(text);
  emit_output(text.substr(0, text.size() - kept));
  if (joined)
    pending_.erase(0, pending_.size() - kept);
  else
    pending_.assign(text.substr(text.size() - kept));
}

void EventStream::flush_output() {
  stream_.finish(pending_);
  if (pending_.empty()) return;
  emit_output(pending_);
  pending_.clear();
}

// In pieces of at most 64 KiB: whole lines, else whole characters.
void EventStream::emit_output(std::string_view text) {
  while (!text.empty()) {
    std::string_view piece = text.substr(0, kLargestOutput);
    if (piece.size() < text.size()) {
      if (const std::size_t line_end = piece.rfind('\n'); line_end != std::string_view::npos)
        piece = piece.substr(0, line_end + 1);
      else
        piece.remove_suffix(unfinished_end(piece));
    }
    emit(Output{piece, piece.ends_with('\n'), pending_background_});
    text.remove_prefix(piece.size());
  }
}

void EventStream::emit(EventBody body) {
  Event event;
  event.sequence = ++sequence_;
  event.run_id = run_id_;
  event.build_id = build_id_;
  event.task = task_;
  event.wall = std::chrono::system_clock::now();
  event.monotonic = std::chrono::steady_clock::now() - begun_;
  event.body = std::move(body);
  sink_.on(event);
}

}  // namespace buildspec_run
