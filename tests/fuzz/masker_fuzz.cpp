// The laws of masking: a cut changes nothing; what comes out contains no form; and it is what the definition
// says.
//
// Input: a byte with the number of secrets, for each a byte with its length and its bytes, two bytes with the
// length of the chunks that the text is cut into, then the text. In a text, a byte from 0xF0 on stands for a
// whole secret.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/check.h"
#include "runner/event/masker.h"
#include "runner/event/secret_forms.h"
#include "tests/support/plain_masker.h"

namespace {

using namespace buildspec_run;

std::string_view take(std::string_view& from, std::size_t bytes) {
  const std::string_view taken = from.substr(0, bytes);
  from.remove_prefix(taken.size());
  return taken;
}

std::size_t take_number(std::string_view& from) {
  const std::string_view byte = take(from, 1);
  return byte.empty() ? 0 : static_cast<unsigned char>(byte[0]);
}

// Known by its value alone: no lines, and nothing that is trimmed (every blank but " " and \t…\r begins with
// one of these).
bool is_plain(std::string_view secret) {
  return !secret.empty() && secret.find_first_of("\t\n\v\f\r \xC2\xE1\xE2\xE3") == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> secrets(take_number(input) % 6);
  Masker masker;
  bool all_plain = true;
  for (std::string& secret : secrets) {
    secret = take(input, take_number(input) % 64);
    masker.add(secret);
    all_plain = all_plain && (secret.empty() || is_plain(secret));
  }
  const std::size_t chunk = 1 + take_number(input) + 256 * take_number(input);
  std::string text;
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0xF0 && !secrets.empty())
      text += secrets[byte % secrets.size()];
    else
      text += c;
  }

  const std::string masked = masker.mask(text);
  check(masker.contains_secret(text) == (masked != text) || text.find("***") != std::string::npos,
        "a text without secrets stays as it is");

  Masker::Stream stream(masker);
  std::string streamed;
  for (std::size_t at = 0; at < text.size(); at += chunk)
    stream.write(std::string_view(text).substr(at, chunk), streamed);
  stream.finish(streamed);
  check(streamed == masked, "a cut changes nothing");

  if (!all_plain) return 0;
  std::vector<std::string> values;
  for (const std::string& secret : secrets)
    if (!secret.empty()) values.push_back(secret);
  check(masked == plain_mask(values, text), "masked as the definition says");
  for (const std::string& secret : values)
    for (const auto forms : {secret_forms, further_secret_forms})
      for (const std::string& form : forms(secret))
        check(form.find('*') != std::string::npos || masked.find(form) == std::string::npos,
              "no form is left");
  return 0;
}
