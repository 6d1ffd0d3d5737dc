// Tar archives, entry by entry, also such as no tar would write.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace buildspec_run::test {

/// One ustar entry. `type`: '0' file, '1' hard link, '2' link, '3' device, '5' directory, '6' pipe. A path or target longer
/// than 100 bytes is cut.
inline std::string tar_entry(std::string_view path, char type, std::string_view content = "",
                             std::string_view target = "", int mode = 0644) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, std::string_view text, std::size_t room) {
    header.replace(at, std::min(text.size(), room), text.substr(0, room));
  };
  const auto octal = [](unsigned long number, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*lo", digits, number);
    return std::string(text);
  };
  put(0, path, 100);
  put(100, octal(static_cast<unsigned long>(mode), 7), 8);
  put(108, octal(0, 7), 8);
  put(116, octal(0, 7), 8);
  put(124, octal(content.size(), 11), 12);
  put(136, octal(0, 11), 12);
  put(148, "        ", 8);
  header[156] = type;
  put(157, target, 100);
  put(257, std::string_view("ustar\00000", 8), 8);
  unsigned long sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put(148, octal(sum, 6) + std::string("\0 ", 2), 8);
  std::string entry = header + std::string(content);
  entry.resize((entry.size() + 511) / 512 * 512);
  return entry;
}

inline std::string tar_end() { return std::string(1024, '\0'); }

}  // namespace buildspec_run::test
