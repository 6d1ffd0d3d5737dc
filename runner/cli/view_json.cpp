#include "runner/cli/view_json.h"

#include <string>

#include "runner/cli/view_summary.h"

namespace buildspec_run {
namespace {

class JsonView : public EventSink {
 public:
  JsonView(Console& out, Console& err) : out_(out), err_(err) {}

  void on(const Event& event) override {
    out_.write(to_json_line(event) + "\n");
    if (const Diagnosed* diagnosed = std::get_if<Diagnosed>(&event.body))
      err_.write_line_start(shown_diagnostic(*diagnosed, err_.color()));
  }

 private:
  Console& out_;
  Console& err_;
};

}  // namespace

std::unique_ptr<EventSink> make_json_view(Console& out, Console& err) {
  return std::make_unique<JsonView>(out, err);
}

}  // namespace buildspec_run
