#include "runner/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/src.hpp>
#include <cmath>
#include <optional>

#include "runner/base/overloaded.h"
#include "runner/base/text.h"

namespace buildspec_run {
namespace {

Value from_boost(const boost::json::value& from) {
  switch (from.kind()) {
    case boost::json::kind::null:
      return nullptr;
    case boost::json::kind::bool_:
      return from.get_bool();
    case boost::json::kind::int64:
      return std::int64_t{from.get_int64()};
    case boost::json::kind::uint64:
      return static_cast<double>(from.get_uint64());  // past int64: as a number
    case boost::json::kind::double_:
      return from.get_double();
    case boost::json::kind::string:
      return std::string_view(from.get_string().data(), from.get_string().size());
    case boost::json::kind::array: {
      Value::Array array;
      array.reserve(from.get_array().size());
      for (const auto& item : from.get_array()) array.push_back(from_boost(item));
      return array;
    }
    case boost::json::kind::object: {
      Value::Object object;
      object.reserve(from.get_object().size());
      for (const auto& [key, value] : from.get_object())
        object.emplace_back(std::string(key), from_boost(value));
      return object;
    }
  }
  return nullptr;
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number))
    out += "null";
  else
    fmt::format_to(std::back_inserter(out), "{}", number);
}

struct Writer {
  std::string& out;
  bool pretty;

  void line(std::size_t depth) {
    if (!pretty) return;
    out += '\n';
    out.append(2 * depth, ' ');
  }

  void write(const Value& value, std::size_t depth) {
    if (value.is_null()) out += "null";
    if (const bool* held = value.boolean()) out += *held ? "true" : "false";
    if (const std::int64_t* held = value.integer()) fmt::format_to(std::back_inserter(out), "{}", *held);
    if (const double* held = value.number()) append_number(out, *held);
    if (const std::string* held = value.string()) append_json_string(out, *held);
    if (const Value::Array* held = value.array()) {
      out += '[';
      bool first = true;
      for (const Value& item : *held) {
        if (!std::exchange(first, false)) out += ',';
        line(depth + 1);
        write(item, depth + 1);
      }
      if (!held->empty()) line(depth);
      out += ']';
    }
    if (const Value::Object* held = value.object()) {
      out += '{';
      bool first = true;
      for (const auto& [name, member] : *held) {
        if (!std::exchange(first, false)) out += ',';
        line(depth + 1);
        append_json_string(out, name);
        out += pretty ? ": " : ":";
        write(member, depth + 1);
      }
      if (!held->empty()) line(depth);
      out += '}';
    }
  }
};

}  // namespace

const Value* Value::find(std::string_view name) const noexcept {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  for (auto member = members->rbegin(); member != members->rend(); ++member)
    if (member->first == name) return &member->second;
  return nullptr;
}

Result<Value> parse_json(std::string_view text, std::size_t* failed_at) {
  boost::json::parse_options options;
  options.max_depth = 200;
  boost::json::stream_parser parser({}, options);
  boost::system::error_code failed;
  const std::size_t taken = parser.write_some(text.data(), text.size(), failed);
  if (!failed) parser.finish(failed);
  if (failed_at != nullptr) *failed_at = taken;
  if (failed) return Error{fmt::format("JSON: {} at byte {}", failed.message(), taken)};
  const std::size_t rest = text.find_first_not_of(" \t\r\n", taken);
  if (failed_at != nullptr) *failed_at = std::min(rest, text.size());
  if (rest != std::string_view::npos) return Error{fmt::format("JSON: more text at byte {}", rest)};
  return from_boost(parser.release());
}

std::string to_json(const Value& value) {
  std::string out;
  Writer{out, false}.write(value, 0);
  return out;
}

std::string to_pretty_json(const Value& value) {
  std::string out;
  Writer{out, true}.write(value, 0);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  std::string repaired;
  if (find_invalid_utf8(text)) text = repaired = to_valid_utf8(text);
  out += '"';
  constexpr char kHex[] = "0123456789abcdef";
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) continue;
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text.substr(plain));
  out += '"';
}

}  // namespace buildspec_run
