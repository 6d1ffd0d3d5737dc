#include "runner/cli/output_tail.h"

#include <algorithm>
#include <cstring>

namespace buildspec_run {

std::uint64_t count_line_ends(std::string_view text) noexcept {
  // A vector type of the compilers: at -O2 they would not make one of a plain loop.
  using Bytes [[gnu::vector_size(16)]] = signed char;
  constexpr std::size_t kStride = sizeof(Bytes);
  const Bytes line_end = Bytes{} + '\n';
  std::uint64_t count = 0;
  const char* at = text.data();
  std::size_t left = text.size();
  while (left >= kStride) {
    // Each byte of `found` counts down to at most -128, then they are added up.
    const std::size_t strides = std::min<std::size_t>(left / kStride, 128);
    Bytes found{};
    for (std::size_t i = 0; i < strides; ++i) {
      Bytes piece;
      std::memcpy(&piece, at + kStride * i, kStride);
      found += piece == line_end;  // -1 where it is
    }
    for (std::size_t i = 0; i < kStride; ++i) count += static_cast<std::uint64_t>(-found[i]);
    at += kStride * strides;
    left -= kStride * strides;
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
