#include "runner/cli/output_tail.h"

#include <algorithm>
#include <cstring>

namespace buildspec_run {

std::uint64_t count_line_ends(std::string_view text) noexcept {
  constexpr std::uint64_t kLow = 0x7F7F7F7F7F7F7F7F;
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kLineEnds = kOnes * '\n';
  std::uint64_t count = 0;
  const char* at = text.data();
  std::size_t left = text.size();
  while (left >= 8) {
    // Each byte of `sum` counts to at most 255, then the bytes are added up.
    const std::size_t words = std::min<std::size_t>(left / 8, 255);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < words; ++i) {
      std::uint64_t word;
      std::memcpy(&word, at + 8 * i, 8);
      word ^= kLineEnds;                                       // a byte that was LF is 0 now
      sum += (~(((word & kLow) + kLow) | word) >> 7) & kOnes;  // … and 1 here, every other one 0
    }
    constexpr std::uint64_t kPairs = 0x00FF00FF00FF00FF;
    const std::uint64_t pairs = (sum & kPairs) + ((sum >> 8) & kPairs);
    count += (pairs * 0x0001000100010001) >> 48;
    at += 8 * words;
    left -= 8 * words;
  }
  return count + static_cast<std::uint64_t>(std::count(at, at + left, '\n'));
}

void OutputTail::clear() noexcept {
  buffer_.clear();
  total_bytes_ = 0;
  ended_lines_ = 0;
}

void OutputTail::append(std::string_view chunk) {
  total_bytes_ += chunk.size();
  ended_lines_ += count_line_ends(chunk);
  if (chunk.size() >= kKeptBytes) {
    buffer_.assign(chunk.substr(chunk.size() - kKeptBytes));
    return;
  }
  if (buffer_.size() + chunk.size() > 2 * kKeptBytes) buffer_.erase(0, buffer_.size() - kKeptBytes);
  buffer_.append(chunk);
}

std::string_view OutputTail::kept() const noexcept {
  const std::string_view all = buffer_;
  return all.size() > kKeptBytes ? all.substr(all.size() - kKeptBytes) : all;
}

std::uint64_t OutputTail::line_count() const noexcept {
  return ended_lines_ + (!buffer_.empty() && buffer_.back() != '\n' ? 1 : 0);
}

OutputTail::Lines OutputTail::last_lines(std::size_t count) const {
  Lines found;
  std::string_view rest = kept();
  const bool cut = total_bytes_ > rest.size();
  if (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  bool more = !kept().empty();
  while (more && found.lines.size() < count) {
    const std::size_t end = rest.rfind('\n');
    if (end == std::string_view::npos) {
      more = false;
      if (cut && !found.lines.empty()) break;  // its beginning is gone, and there are whole ones
      found.first_is_cut = cut;
      found.lines.push_back(rest);
    } else {
      found.lines.push_back(rest.substr(end + 1));
      rest = rest.substr(0, end);
    }
  }
  std::reverse(found.lines.begin(), found.lines.end());
  found.left_out = line_count() - found.lines.size();
  return found;
}

std::string_view OutputTail::last_line() const noexcept {
  constexpr std::size_t kLooked = 4096;
  std::string_view rest = kept();
  if (rest.size() > kLooked) rest.remove_prefix(rest.size() - kLooked);
  const auto is_ink = [](char c) { return static_cast<unsigned char>(c) > ' '; };
  while (!rest.empty() && !is_ink(rest.back())) rest.remove_suffix(1);
  const std::size_t end = rest.rfind('\n');
  return end == std::string_view::npos ? rest : rest.substr(end + 1);
}

}  // namespace buildspec_run
