#include "runner/event/controller.h"

#include "runner/base/check.h"

namespace buildspec_run {

std::string_view to_string(Answer answer) noexcept {
  switch (answer) {
    case Answer::go_on:
      return "continue";
    case Answer::skip:
      return "skip";
    case Answer::retry:
      return "retry";
    case Answer::shell:
      return "shell";
    case Answer::abort:
      return "abort";
  }
  check_failed("an Answer is one of its values", __FILE__, __LINE__);
}

std::string_view to_string(Stop::At at) noexcept {
  switch (at) {
    case Stop::At::before:
      return "before";
    case Stop::At::inside:
      return "inside";
    case Stop::At::background:
      return "background";
    case Stop::At::after:
      return "after";
  }
  check_failed("a Stop::At is one of its values", __FILE__, __LINE__);
}

}  // namespace buildspec_run
