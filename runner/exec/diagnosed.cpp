#include "runner/exec/diagnosed.h"

#include "runner/exec/event_stream.h"

namespace buildspec_run {

Place place_of(const SourceText& source, SourceRange where) {
  if (where == SourceRange{}) return {source.name(), 0, 0};
  const LineColumn place = source.place(where.begin);
  return {source.name(), place.line, place.column};
}

Diagnostic finding(Severity severity, const SourceText* source, SourceRange where, std::string_view id,
                   std::string message) {
  return {severity, source, where, std::move(message), id};
}

Diagnosed to_event(const Diagnostic& diagnostic) {
  Diagnosed event;
  event.severity = to_string(diagnostic.severity);
  event.id = diagnostic.id;
  event.message = diagnostic.message;
  if (diagnostic.source != nullptr) event.place = place_of(*diagnostic.source, diagnostic.where);
  event.text = render(diagnostic);
  return event;
}

void tell(EventStream& events, const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) events.tell(to_event(diagnostic));
}

}  // namespace buildspec_run
