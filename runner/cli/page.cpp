#include "runner/cli/page.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

#include "runner/base/text.h"
#include "runner/cli/kept_runs.h"
#include "runner/cli/terminal_text.h"
#include "runner/cli/view_summary.h"

namespace buildspec_run {
namespace {

// Of one command's output. What failed is looked at closely.
constexpr std::uint64_t kHeadBytes = 16 << 10, kTailBytes = 48 << 10;
constexpr std::uint64_t kFailedHeadBytes = 64 << 10, kFailedTailBytes = 512 << 10;
constexpr std::uint64_t kPageBytes = 8 << 20;  // of all output together
constexpr std::size_t kMostBars = 2000;        // in the chart; more would be thinner than a hair
constexpr std::size_t kLinesOfFailure = 60;    // that are not folded
constexpr std::size_t kMostRows = 1000;        // of warnings, and of annotations

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--fg:#1c2024;--dim:#5c6670;--bg:#fff;--card:#f5f7f9;--line:#d5dbe1;--ok:#1a7f37;--bad:#c02633;--warn:#8a5a00;
--link:#0b5bd3;--okbar:#9bd5ab;--badbar:#f0a3aa;--otherbar:#c4ccd4;
--c0:#24292f;--c1:#b3202c;--c2:#116329;--c3:#7d5200;--c4:#0550ae;--c5:#7a3fb0;--c6:#0e6c74;--c7:#5c6670}
@media(prefers-color-scheme:dark){:root{--fg:#e4e8ec;--dim:#9aa5b0;--bg:#14181c;--card:#1d2329;--line:#39424b;--ok:#4cc267;--bad:#ff7b80;
--warn:#e0a93c;--link:#6cb0ff;--okbar:#25633a;--badbar:#8c2f37;--otherbar:#46505a;
--c0:#8b949e;--c1:#ff7b72;--c2:#56d364;--c3:#e3b341;--c4:#79c0ff;--c5:#d2a8ff;--c6:#56d4dd;--c7:#e4e8ec}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
h1{font-size:1.4rem;margin:.2rem 0 .6rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:1.6rem 0 .5rem}
a{color:var(--link)}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{margin:.4rem 0;padding:.6rem;overflow-x:auto;background:var(--bg);border:1px solid var(--line);border-radius:6px;tab-size:8}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
.ok{color:var(--ok)}.bad{color:var(--bad)}.warn{color:var(--warn)}.dim{color:var(--dim)}
.box{padding:.6rem .8rem;margin:.8rem 0;background:var(--card);border:1px solid var(--line);border-left:4px solid var(--bad);border-radius:6px}
.chart{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.4rem}
.lane{position:relative;height:1.7rem}
.lane a{position:absolute;top:1px;bottom:1px;min-width:2px;padding:0 .3rem;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;font-size:.8rem;
line-height:1.5rem;color:var(--fg);text-decoration:none;border-radius:3px;background:var(--otherbar)}
.lane a.n{padding:0}.lane a.s{background:var(--okbar)}.lane a.f{background:var(--badbar)}.lane a:hover,.lane a:focus{outline:2px solid var(--link)}
.axis{display:flex;justify-content:space-between;color:var(--dim);font-size:.8rem}
details{margin:.3rem 0;background:var(--card);border:1px solid var(--line);border-radius:6px}
details>div{padding:0 .8rem .6rem}
summary{display:flex;gap:.6rem;align-items:baseline;padding:.5rem .8rem;cursor:pointer}
summary code{flex:1;overflow:hidden;white-space:nowrap;text-overflow:ellipsis}
summary .l{white-space:nowrap}summary .t{color:var(--dim);white-space:nowrap}
summary::before{content:"▸";color:var(--dim)}details[open]>summary::before{content:"▾"}
details:target{outline:2px solid var(--link)}
.log{counter-reset:none}.log a{display:inline-block;min-width:4.5em;padding-right:1em;text-align:right;color:var(--dim);text-decoration:none;
user-select:none}.log a:target{background:var(--warn);color:var(--bg)}
table{border-collapse:collapse;width:100%}td,th{padding:.25rem .6rem .25rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere;
border-bottom:1px solid var(--line)}
td:first-child,th:first-child,.notes td:last-child{white-space:nowrap}td pre{white-space:pre-wrap;overflow-wrap:anywhere}
.b{font-weight:700}.u{text-decoration:underline}.i{font-style:italic}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}.c5{color:var(--c5)}.c6{color:var(--c6)}
.c7{color:var(--c7)}
@media(max-width:40rem){body{padding:.6rem;font-size:15px}summary{flex-wrap:wrap;gap:.1rem .6rem}summary code{flex-basis:100%;order:9}
.log a{min-width:3em;padding-right:.6em}
.notes tbody,.vars,.vars tbody,.vars tr,.vars th,.vars td{display:block}.vars th,.vars td{padding-right:0}.vars th{border:0}.notes,.notes td{display:block;padding-right:0;border:0}
.notes tr{display:grid;grid-template-columns:1fr auto;padding:.3rem 0;border-bottom:1px solid var(--line)}
.notes td{grid-column:1/-1}.notes td:empty{display:none}.notes td:first-child,.notes td:last-child{grid-row:1;grid-column:auto}}
)";

/// `text` where a text or an attribute's value stands.
std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// One line of anything, printable.
std::string shown(std::string_view text) { return escaped(plain_line(text)); }

/// Several lines of anything, printable.
std::string shown_lines(std::string_view text) {
  std::string out;
  for (const std::string& line : command_lines(text)) out += escaped(line) + "\n";
  return out;
}

std::string file_url(const Path& path) {
  std::string out = "file://";
  for (const char c : path.native()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/-._~").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

/// The colours of ECMA-48 that a line may set, as classes of ours. 256 colours and more are shown plain: nobody knows how they
/// look on a light page.
class Rendition {
 public:
  /// Takes the parameters of ESC [ … m.
  void take(std::string_view parameters) {
    while (true) {
      const std::size_t end = std::min(parameters.find(';'), parameters.size());
      int number = 0;
      const auto [stop, failed] = std::from_chars(parameters.data(), parameters.data() + end, number);
      if (end > 0 && (failed != std::errc() || stop != parameters.data() + end))
        number = -1;  // "4:3" and the like
      if (number == 38 || number == 48) {
        if (number == 38) color_ = -1;
        return;
      }
      set(number);
      if (end == parameters.size()) return;
      parameters.remove_prefix(end + 1);
    }
  }
  [[nodiscard]] std::string classes() const {
    std::string out;
    if (color_ >= 0) out += fmt::format("c{} ", color_);
    if (bold_) out += "b ";
    if (dim_) out += "dim ";
    if (italic_) out += "i ";
    if (underlined_) out += "u ";
    if (!out.empty()) out.pop_back();
    return out;
  }

 private:
  void set(int number) {
    if (number == 0) *this = Rendition();
    if (number == 1) bold_ = true;
    if (number == 2) dim_ = true;
    if (number == 3) italic_ = true;
    if (number == 4) underlined_ = true;
    if (number == 22) bold_ = dim_ = false;
    if (number == 23) italic_ = false;
    if (number == 24) underlined_ = false;
    if (number >= 30 && number <= 37) color_ = number - 30;
    if (number >= 90 && number <= 97) color_ = number - 90;
    if (number == 39) color_ = -1;
  }

  int color_ = -1;
  bool bold_ = false, dim_ = false, italic_ = false, underlined_ = false;
};

/// What an OutputPainter made of a line, which is text and ESC [ … m, as HTML.
std::string with_spans(std::string_view painted) {
  std::string out;
  Rendition rendition;
  while (!painted.empty()) {
    const std::size_t escape = std::min(painted.find('\x1b'), painted.size());
    if (escape > 0) {
      const std::string classes = rendition.classes();
      const std::string text = escaped(painted.substr(0, escape));
      out += classes.empty() ? text : fmt::format("<span class=\"{}\">{}</span>", classes, text);
      painted.remove_prefix(escape);
      continue;
    }
    const std::size_t end = std::min(painted.find('m'), painted.size() - 1);
    if (end >= 2) rendition.take(painted.substr(2, end - 2));
    painted.remove_prefix(end + 1);
  }
  return out;
}

std::string_view mark_class(Status status) {
  return status == Status::succeeded ? "ok" : status == Status::in_progress ? "warn" : "bad";
}

class Page {
 public:
  Page(const RunSketch& run, const RunRecord& record, const std::function<void(std::string_view)>& write)
      : run_(run), record_(record), write_(write) {
    if (Result<InputFile> log = InputFile::open(run.directory / "log")) log_ = std::move(*log);
  }

  void write() {
    head();
    failure();
    findings();
    for (const BuildRecord& build : record_.builds) {
      build_ = &build - record_.builds.data();
      this->build(build);
    }
    put("</body>\n</html>\n");
  }

 private:
  void put(std::string_view text) { write_(text); }

  [[nodiscard]] std::string log_link(std::string_view text) const {
    return fmt::format("<a href=\"{}\">{}</a>", escaped(file_url(run_.directory / "log")), text);
  }
  /// The same for a task wherever it is named.
  [[nodiscard]] std::string anchor(const TaskRecord& task) const {
    std::string id = fmt::format("b{}-", build_);
    for (const char c : task.label)
      id += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ? c : '-';
    while (id.ends_with('-')) id.pop_back();
    if (task.time > 0) id += fmt::format("-again{}", task.time);
    return id;
  }

  void head() {
    const std::string buildspec = record_.started ? shown(record_.started->buildspec) : "a run";
    const std::string verdict = shown_verdict(run_);
    const Status status = run_.finished ? run_.finished->status : Status::in_progress;
    put(
        fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                    "'unsafe-inline'\"/>\n"
                    "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
                    "<title>{} · {}</title>\n<style>{}</style>\n</head>\n<body>\n",
                    verdict, buildspec, kStyle));
    put(fmt::format("<h1><span class=\"{}\">{}</span> {}</h1>\n<dl>\n", mark_class(status), verdict,
                    buildspec));
    const auto row = [&](std::string_view name, std::string_view html) {
      put(fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html));
    };
    row("run", run_.id);
    row("began", fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                             fmt::gmtime(std::chrono::system_clock::to_time_t(run_.began))));
    if (run_.finished) row("took", shown_duration(run_.finished->took));
    if (const std::optional<int> exit = exit_code_of(run_)) row("exit code", fmt::format("{}", *exit));
    if (record_.selected && !record_.selected->left_out.empty())
      row("left out", shown(left_out_text(record_.plan, record_.selected->left_out)));
    if (record_.started) {
      row("source", shown(record_.started->source_dir));
      row("shell", shown(record_.started->shell));
    }
    row("log", log_link(shown((run_.directory / "log").native())));
    put("</dl>\n");
  }

  void failure() {
    if (!run_.finished || run_.finished->status == Status::succeeded) return;
    const RunFinished& end = *run_.finished;
    put("<div class=\"box\"><b>");
    if (!end.failed_label.empty()) {
      build_ = static_cast<std::ptrdiff_t>(record_.builds.size()) - 1;
      TaskRecord task;
      task.label = end.failed_label;
      put(fmt::format("{} in {}: <a href=\"#{}\">{}</a>", shown_status(end.status), shown(end.failed_phase),
                      anchor(task), shown(end.failed_label)));
    } else {
      put(fmt::format("{}{}", shown_status(end.status),
                      end.failed_phase.empty() ? "" : " in " + shown(end.failed_phase)));
    }
    put("</b>");
    if (end.failed_place)
      put(fmt::format(" <span class=\"dim\">at {}</span>", shown(to_string(*end.failed_place))));
    if (!end.failed_text.empty()) put(fmt::format("<pre>{}</pre>", shown_lines(end.failed_text)));
    if (end.failed_label.empty() && !end.message.empty())
      put(fmt::format("<div>{}</div>", shown(end.message)));
    put("</div>\n");
  }

  void findings() {
    if (record_.diagnosed.empty()) return;
    put(fmt::format("<h2>{}</h2>\n<pre>", counted(record_.diagnosed.size(), "finding")));
    std::size_t count = 0;
    for (const Diagnosed& found : record_.diagnosed) {
      if (++count > kMostRows) break;
      put(fmt::format("<span class=\"{}\">{}</span>",
                      found.severity == "error"     ? "bad"
                      : found.severity == "warning" ? "warn"
                                                    : "dim",
                      shown_lines(found.text)));
    }
    if (count > kMostRows) put("…\n");
    put("</pre>\n");
  }

  void build(const BuildRecord& build) {
    if (record_.builds.size() > 1)
      put(fmt::format("<h2>Attempt {} <span class=\"dim\">{}</span></h2>\n", build.attempt,
                      build.finished ? to_string(build.finished->status) : "no end"));
    chart(build);
    annotations(build);
    for (const PhaseRecord& phase : build.phases) this->phase(phase);
    if (!build.exported.empty()) {
      put("<h2>Exported variables</h2>\n<table class=\"vars\">\n");
      for (const ExportedVariable& variable : build.exported)
        put(fmt::format("<tr><th><code>{}</code></th><td><pre>{}</pre></td></tr>\n", shown(variable.name),
                        shown_lines(variable.value)));
      put("</table>\n");
    }
    for (const StepSummarized& summary : build.summaries)
      put(fmt::format("<h2>Summary of {}</h2>\n<pre>{}</pre>\n", shown(summary.name),
                      shown_lines(summary.text)));
  }

  void chart(const BuildRecord& build) {
    std::chrono::nanoseconds end = build.began;
    for (const PhaseRecord& phase : build.phases) {
      end = std::max(end, phase.began + took(phase));
      for (const TaskRecord& task : phase.tasks) end = std::max(end, task.began + task.took);
    }
    const std::chrono::nanoseconds whole = end - build.began;
    if (whole.count() <= 0) return;
    const auto percent = [&](std::chrono::nanoseconds time) {
      return std::clamp(100.0 * static_cast<double>(time.count()) / static_cast<double>(whole.count()), 0.0,
                        100.0);
    };
    const auto bar = [&](std::string_view href, std::string_view name, Status status,
                         std::chrono::nanoseconds began, std::chrono::nanoseconds duration) {
      const double width = percent(duration);
      put(fmt::format(
          "<a href=\"#{}\" class=\"{}{}\" style=\"left:{:.3f}%;width:{:.3f}%\" title=\"{}, {}\">{}</a>\n",
          href,
          status == Status::succeeded     ? "s"
          : status == Status::in_progress ? "o"
                                          : "f",
          width < 3 ? " n" : "", std::min(percent(began - build.began), 99.8), width, name,
          shown_duration(duration), width < 3 ? std::string_view() : name));
    };
    put("<h2>Timeline</h2>\n<div class=\"chart\">\n<div class=\"lane\">\n");
    for (const PhaseRecord& phase : build.phases)
      bar(phase_id(phase), shown(phase.name), status_of(phase), phase.began, took(phase));
    put("</div>\n");
    const bool has_tasks = std::any_of(build.phases.begin(), build.phases.end(),
                                       [](const PhaseRecord& phase) { return !phase.tasks.empty(); });
    if (has_tasks) put("<div class=\"lane\">\n");
    std::size_t bars = 0;
    for (const PhaseRecord& phase : build.phases)
      for (const TaskRecord& task : phase.tasks)
        if (++bars <= kMostBars)
          bar(anchor(task), shown(task.label) + " " + shown(title(task)), status_of(task), task.began,
              task.took);
    put(fmt::format("{}<div class=\"axis\"><span>0</span><span>{}</span><span>{}</span></div>\n</div>\n",
                    has_tasks ? "</div>\n" : "", shown_duration(whole / 2), shown_duration(whole)));
  }

  void annotations(const BuildRecord& build) {
    if (build.annotations.empty()) return;
    put(fmt::format("<h2>{}</h2>\n<table class=\"notes\">\n",
                    counted(build.annotations.size(), "annotation")));
    std::size_t count = 0;
    for (const StepAnnotated& annotation : build.annotations) {
      if (++count > kMostRows) break;
      std::string place = shown(annotation.file);
      if (!annotation.file.empty() && annotation.line > 0) {
        place += fmt::format(":{}", annotation.line);
        if (annotation.column > 0) place += fmt::format(":{}", annotation.column);
      }
      if (!place.empty()) place = "<code>" + place + "</code>";
      TaskRecord task;
      task.label = annotation.label;
      put(
          fmt::format("<tr><td class=\"{}\">{}</td><td>{}</td><td>{}{}</td><td><a "
                      "href=\"#{}\">{}</a></td></tr>\n",
                      annotation.level == "error"     ? "bad"
                      : annotation.level == "warning" ? "warn"
                                                      : "dim",
                      shown(annotation.level), place,
                      annotation.title.empty() ? "" : "<b>" + shown(annotation.title) + "</b> ",
                      shown(annotation.message), anchor(task), shown(annotation.label)));
    }
    put("</table>\n");
    if (count > kMostRows) put("<p>… the others are in the kept events</p>\n");
  }

  static std::chrono::nanoseconds took(const PhaseRecord& phase) {
    if (phase.finished) return phase.finished->took;
    std::chrono::nanoseconds end = phase.began;
    for (const TaskRecord& task : phase.tasks) end = std::max(end, task.began + task.took);
    return end - phase.began;
  }
  static Status status_of(const PhaseRecord& phase) {
    return phase.finished ? phase.finished->status : Status::in_progress;
  }
  static Status status_of(const TaskRecord& task) {
    return task.finished ? task.finished->status : Status::in_progress;
  }
  static std::string title(const TaskRecord& task) {
    return task.step ? task.step->name : command_title(task.text, true);
  }
  [[nodiscard]] std::string phase_id(const PhaseRecord& phase) const {
    return fmt::format("b{}-phase-{}", build_,
                       &phase - record_.builds[static_cast<std::size_t>(build_)].phases.data());
  }

  void phase(const PhaseRecord& phase) {
    const Status status = status_of(phase);
    const bool is_empty = phase.tasks.empty() && phase.output.empty();
    if (is_empty && status == Status::succeeded) {
      put(fmt::format("<span id=\"{}\"></span>\n", phase_id(phase)));
      return;
    }
    put(fmt::format("<h2 id=\"{}\"><span class=\"{}\">{}</span> {} <span class=\"dim\">{} {}</span></h2>\n",
                    phase_id(phase), mark_class(status), mark_of(status), shown(phase.name),
                    shown_status(status), shown_duration(took(phase))));
    for (const TaskRecord& task : phase.tasks) this->task(task);
    if (!phase.output.empty()) {
      put(
          fmt::format("<details><summary><span class=\"l\">between commands</span><code></code><span "
                      "class=\"t\">{}</span></summary><div>\n",
                      size(bytes_in(phase.output))));
      output(phase.output, phase_id(phase), false);
      put("</div></details>\n");
    }
    if (phase.finished && phase.finished->status != Status::succeeded && !phase.finished->message.empty())
      put(fmt::format("<p class=\"bad\">{}{}</p>\n",
                      phase.finished->code.empty() ? "" : shown(phase.finished->code) + ": ",
                      shown(phase.finished->message)));
  }

  static std::string_view mark_of(Status status) {
    return status == Status::succeeded ? "✓" : status == Status::in_progress ? "…" : "✗";
  }

  static std::string size(std::uint64_t bytes) { return bytes == 0 ? "no output" : shown_bytes(bytes); }

  void task(const TaskRecord& task) {
    const Status status = status_of(task);
    const bool skipped = task.step && task.step->outcome == "skipped";
    const bool failed = status != Status::succeeded || (task.step && task.step->outcome == "failure");
    put(fmt::format(
        "<details id=\"{}\"{}><summary><span class=\"{}\">{}</span><span class=\"l\">{}</span><code>{}</code>"
        "<span class=\"t\">{}, {}</span></summary><div>\n",
        anchor(task), failed ? " open" : "", skipped ? "dim" : mark_class(status),
        skipped ? "–" : mark_of(status), shown(task.label), shown(title(task)),
        skipped ? std::string("skipped") : shown_duration(task.took), size(bytes_in(task.output))));
    put(fmt::format("<pre>{}</pre>\n", shown_lines(task.text)));
    std::string end;
    if (!task.finished)
      end = "it has no end";
    else if (!skipped)
      end = status == Status::succeeded || status == Status::failed ? to_string(task.finished->exit)
                                                                    : std::string(shown_status(status));
    if (task.step && task.step->outcome == "failure" && status == Status::succeeded) end += "; it may fail";
    put(fmt::format("<p><span class=\"{}\">{}</span> <span class=\"dim\">at {}</span></p>\n",
                    failed ? "bad" : "dim", end, shown(to_string(task.place))));
    if (task.finished && !task.finished->hint.empty())
      put(fmt::format("<p>hint: {}</p>\n", shown(task.finished->hint)));
    if (!task.output.empty()) output(task.output, anchor(task), failed);
    put("</div></details>\n");
  }

  /// The lines of an output that the page has, and how much it has not.
  void output(const std::vector<LogRange>& ranges, const std::string& id, bool failed) {
    const std::uint64_t bytes = bytes_in(ranges);
    std::uint64_t head = failed ? kFailedHeadBytes : kHeadBytes,
                  tail = failed ? kFailedTailBytes : kTailBytes;
    if (!log_) return put("<p class=\"warn\">the log cannot be read</p>\n");
    const std::uint64_t wanted = std::min(bytes, head + tail);
    // What failed is shown in any case.
    if (!failed && shown_bytes_ + wanted > kPageBytes)
      return put(fmt::format("<p>{} {}, at byte {}</p>\n", size(bytes), log_link("in the log"),
                             ranges.front().offset));
    shown_bytes_ += wanted;
    if (bytes <= head + tail) head = bytes, tail = 0;

    OutputPainter painter(true);
    OutputStream stream(*log_, ranges);
    std::string text(head, '\0');
    const Result<std::size_t> got = stream.read(text);
    text.resize(got ? *got : 0);
    std::string_view begin = text;
    // Whole lines before what is left out.
    if (tail > 0)
      if (const std::size_t end = begin.rfind('\n'); end != std::string_view::npos)
        begin = begin.substr(0, end + 1);
    // What is behind a failure stands at the end, as a rule: it is seen without a click.
    std::uint64_t number = tail > 0 && failed ? fold(begin, id, 1, painter)
                           : failed           ? fold_all_but_the_end(begin, id, 1, painter)
                                              : lines(begin, id, 1, painter);
    if (tail == 0) return;

    // What is not shown is read, too, so that the lines behind it have their numbers.
    std::string piece(256 << 10, '\0');
    std::string_view unseen = std::string_view(text).substr(begin.size());
    std::uint64_t skipped = unseen.size();
    number += static_cast<std::uint64_t>(std::count(unseen.begin(), unseen.end(), '\n'));
    for (std::uint64_t left = bytes - text.size() - tail; left > 0;) {
      const Result<std::size_t> more = stream.read(
          std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()))));
      if (!more || *more == 0) break;
      number += static_cast<std::uint64_t>(
          std::count(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*more), '\n'));
      skipped += *more;
      left -= *more;
    }
    text.resize(tail);
    const Result<std::size_t> rest = stream.read(text);
    text.resize(rest ? *rest : 0);
    std::string_view end = text;
    if (const std::size_t line_end = end.find('\n');
        line_end != std::string_view::npos && line_end + 1 < end.size()) {
      skipped += line_end + 1;
      ++number;
      end.remove_prefix(line_end + 1);
    }
    put(fmt::format("<p>… {} left out, up to line {}: {}</p>\n", size(skipped), number - 1,
                    log_link("the log")));
    if (failed)
      fold_all_but_the_end(end, id, number, painter);
    else
      lines(end, id, number, painter);
  }

  std::uint64_t fold(std::string_view text, const std::string& id, std::uint64_t number,
                     OutputPainter& painter) {
    if (text.empty()) return number;
    const auto count = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    put(fmt::format("<details><summary>lines {} to {}</summary><div>\n", number,
                    number + std::max<std::uint64_t>(count, 1) - 1));
    number = lines(text, id, number, painter);
    put("</div></details>\n");
    return number;
  }

  std::uint64_t fold_all_but_the_end(std::string_view text, const std::string& id, std::uint64_t number,
                                     OutputPainter& painter) {
    std::size_t begin = text.ends_with('\n') ? text.size() - 1 : text.size();
    for (std::size_t i = 0; i < kLinesOfFailure && begin != std::string_view::npos && begin > 0; ++i)
      begin = text.rfind('\n', begin - 1);
    if (begin == std::string_view::npos || begin == 0) return lines(text, id, number, painter);
    number = fold(text.substr(0, begin + 1), id, number, painter);
    return lines(text.substr(begin + 1), id, number, painter);
  }

  /// The number of the line that would follow.
  std::uint64_t lines(std::string_view text, const std::string& id, std::uint64_t number,
                      OutputPainter& painter) {
    std::string out = "<pre class=\"log\">";
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      out += fmt::format("<a id=\"{0}-{1}\" href=\"#{0}-{1}\">{1}</a>", id, number++);
      out += with_spans(painter.paint(text.substr(0, end)));
      out += '\n';
      text.remove_prefix(std::min(end + 1, text.size()));
      if (out.size() > (64 << 10)) put(out), out.clear();
    }
    put(out + "</pre>\n");
    return number;
  }

  const RunSketch& run_;
  const RunRecord& record_;
  const std::function<void(std::string_view)>& write_;
  std::optional<InputFile> log_;
  std::ptrdiff_t build_ = 0;  // index of the build that is written
  std::uint64_t shown_bytes_ = 0;
};

}  // namespace

void write_page(const RunSketch& run, const RunRecord& record,
                const std::function<void(std::string_view)>& write) {
  Page(run, record, write).write();
}

}  // namespace buildspec_run
