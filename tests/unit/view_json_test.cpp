#include "runner/cli/view_json.h"

#include "tests/support/view_fixture.h"

namespace buildspec_run {
namespace {

class JsonViewTest : public test::ViewFixture {};

TEST_F(JsonViewTest, WritesALineForEachEventAtOnce) {
  out_ = std::make_unique<Console>(out_file_.fd());
  err_ = std::make_unique<Console>(err_file_.fd());
  view_ = make_json_view(*out_, *err_);
  Event event;
  event.sequence = 1;
  event.run_id = "r";
  event.body = Diagnosed{"warning", "w", "message", std::nullopt, "buildspec-run: warning: message [w]\n"};
  view_->on(event);
  EXPECT_EQ(out_file_.take(), to_json_line(event) + "\n");
  EXPECT_EQ(err_file_.take(), "buildspec-run: warning: message [w]\n");
  event.sequence = 2;
  event.body = Output{"two\nlines\n", true, false};
  view_->on(event);
  const std::string line = out_file_.take();
  EXPECT_EQ(line, to_json_line(event) + "\n");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(err_file_.take(), "");
}

}  // namespace
}  // namespace buildspec_run
