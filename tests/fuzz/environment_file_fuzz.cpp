// The laws of the files that a step writes: what is written by the rules comes back, whatever its encoding; what stands
// before a mistake does not depend on what follows.
//
// Input: a byte that names the file, then its bytes. The second law takes them for values instead, parted by 0xFF.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "actions/dotnet_text.h"
#include "actions/environment_file.h"
#include "actions/expr/characters.h"
#include "runner/base/check.h"
#include "runner/base/text.h"

namespace {

using namespace buildspec_run;

void append_unit(std::string& out, char32_t unit, std::size_t bytes, bool big_endian) {
  for (std::size_t i = 0; i < bytes; ++i)
    out += static_cast<char>(static_cast<unsigned char>(unit >> (8 * (big_endian ? bytes - 1 - i : i))));
}

std::string encode(std::string_view text, std::size_t unit_bytes, bool big_endian) {
  std::string out;
  append_unit(out, 0xFEFF, unit_bytes, big_endian);
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (unit_bytes == 2 && c > 0xFFFF) {
      append_unit(out, 0xD800 + ((c - 0x10000) >> 10), 2, big_endian);
      append_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF), 2, big_endian);
    } else {
      append_unit(out, c, unit_bytes, big_endian);
    }
  }
  return out;
}

bool equal(const NamedValues& a, const NamedValues& b) {
  return a.values == b.values && a.error == b.error && a.log == b.log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const EnvironmentFile file = data[0] % 3 == 0   ? EnvironmentFile::variables
                               : data[0] % 3 == 1 ? EnvironmentFile::outputs
                                                  : EnvironmentFile::state;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const NamedValues read = parse_environment_file(bytes, file, data[0] > 127);
  for (const auto& [name, value] : read.values)
    check(!find_invalid_utf8(name) && !find_invalid_utf8(value), "names and values are valid UTF-8");
  for (const std::string& entry : parse_path_file(bytes))
    check(!entry.empty() && entry.find_first_of("\r\n") == std::string::npos, "an entry of a path is a line");
  const std::string summary = parse_step_summary(bytes);
  check(summary.find('\r') == std::string::npos && (summary.empty() || summary.back() == '\n'),
        "whole lines");
  check(parse_step_summary(summary) == summary || summary.starts_with("\xEF\xBB\xBF"),
        "nothing is left to be done");

  // The encoding makes no difference.
  const std::string text = decode_file(bytes);
  if (!text.starts_with("\xEF\xBB\xBF")) {
    for (const std::size_t unit : {2, 4})
      for (const bool big_endian : {false, true}) {
        // A text that begins with NUL would turn the mark of UTF-16 into that of UTF-32.
        if (unit == 2 && !big_endian && text.starts_with('\0')) continue;
        check(equal(parse_environment_file(encode(text, unit, big_endian), file, data[0] > 127), read),
              "an encoding changes nothing");
      }
    // Nor does what follows a mistake, or a good end.
    if (!read.error.empty() && read.error.starts_with("Invalid format")) {
      check(equal(parse_environment_file(text + "\nA=1\n", file, data[0] > 127), read),
            "nothing behind a mistake counts");
    } else if (read.error.empty()) {
      NamedValues more = read;
      more.values.push_back({"A", "1"});
      NamedValues got = parse_environment_file(text + "\nA=1\n", file);
      check(got.values == more.values && got.error.empty(), "one more line is one more value");
    }
  }

  // What is written with a delimiter that stands in no value comes back as it was.
  std::string written = "FIRST=1\n";
  std::vector<NameValue> want = {{"FIRST", "1"}};
  std::string_view rest = bytes;
  for (int i = 0; i < 20 && !rest.empty(); ++i) {
    const std::size_t end = std::min(rest.find('\xFF'), rest.size());
    const std::string value = decode_utf8(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::string delimiter = "ghadelimiter";
    while (value.find(delimiter) != std::string::npos) delimiter += 'x';
    written += "N" + std::to_string(i) + "<<" + delimiter + "\n" + value + "\n" + delimiter + "\n";
    want.push_back({"N" + std::to_string(i), value});
  }
  const NamedValues back = parse_environment_file(written, file);
  check(back.error.empty() && back.values == want, "what was written is read");
  return 0;
}
