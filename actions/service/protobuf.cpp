#include "actions/service/protobuf.h"

#include <charconv>
#include <cstdint>
#include <span>

namespace buildspec_run {
namespace {

enum class Kind { text, texts, number, boolean };

struct Field {
  int number;
  std::string_view name;
  Kind kind;
};

struct Method {
  std::string_view name;
  std::span<const Field> request, answer;
};

constexpr Field kCreate[] = {{2, "key", Kind::text}, {3, "version", Kind::text}};
constexpr Field kCreated[] = {
    {1, "ok", Kind::boolean}, {2, "signed_upload_url", Kind::text}, {3, "message", Kind::text}};
constexpr Field kFinalize[] = {
    {2, "key", Kind::text}, {3, "size_bytes", Kind::number}, {4, "version", Kind::text}};
constexpr Field kFinalized[] = {
    {1, "ok", Kind::boolean}, {2, "entry_id", Kind::number}, {3, "message", Kind::text}};
constexpr Field kGet[] = {
    {2, "key", Kind::text}, {3, "restore_keys", Kind::texts}, {4, "version", Kind::text}};
constexpr Field kGot[] = {
    {1, "ok", Kind::boolean}, {2, "signed_download_url", Kind::text}, {3, "matched_key", Kind::text}};
constexpr Method kMethods[] = {{"CreateCacheEntry", kCreate, kCreated},
                               {"FinalizeCacheEntryUpload", kFinalize, kFinalized},
                               {"GetCacheEntryDownloadURL", kGet, kGot}};

const Method* find_method(std::string_view name) {
  for (const Method& method : kMethods)
    if (method.name == name) return &method;
  return nullptr;
}

std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void put_text(std::string& out, int number, std::string_view text) {
  put_varint(out, static_cast<std::uint64_t>(number) << 3 | 2);
  put_varint(out, text.size());
  out += text;
}

void set(Value::Object& object, std::string_view name, Value value) {
  for (auto& [each, held] : object)
    if (each == name) {
      held = std::move(value);
      return;
    }
  object.emplace_back(name, std::move(value));
}

}  // namespace

std::optional<Value> request_from_protobuf(std::string_view method, std::string_view bytes) {
  const Method* known = find_method(method);
  if (known == nullptr) return std::nullopt;
  Value::Object object;
  Value::Array texts;
  while (!bytes.empty()) {
    const std::optional<std::uint64_t> tag = take_varint(bytes);
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1fffffff) return std::nullopt;
    std::uint64_t number = 0;
    std::string_view text;
    const auto wire = static_cast<unsigned>(*tag & 7);
    if (wire == 0 || wire == 2) {
      const std::optional<std::uint64_t> read = take_varint(bytes);
      if (!read) return std::nullopt;
      number = *read;
    } else if (wire == 1 || wire == 5) {
      number = wire == 1 ? 8 : 4;
    } else {
      return std::nullopt;  // groups, which nobody sends any more
    }
    if (wire != 0) {
      if (number > bytes.size()) return std::nullopt;
      text = bytes.substr(0, number);
      bytes.remove_prefix(number);
    }
    for (const Field& field : known->request) {
      if (static_cast<std::uint64_t>(field.number) != *tag >> 3) continue;
      if (wire != (field.kind == Kind::number ? 0U : 2U)) return std::nullopt;
      if (field.kind == Kind::texts)
        texts.emplace_back(text);
      else if (field.kind == Kind::text)
        set(object, field.name, text);
      else if (number >> 63 == 0)
        set(object, field.name, number);
      else
        return std::nullopt;
    }
  }
  if (!texts.empty()) set(object, "restore_keys", std::move(texts));
  return Value(std::move(object));
}

std::string answer_to_protobuf(std::string_view method, const Value& answer) {
  std::string out;
  const Method* known = find_method(method);
  if (known == nullptr) return out;
  for (const Field& field : known->answer) {
    const Value* value = answer.find(field.name);
    if (value == nullptr) continue;
    if (field.kind == Kind::boolean && value->boolean() != nullptr && *value->boolean()) {
      put_varint(out, static_cast<std::uint64_t>(field.number) << 3);
      put_varint(out, 1);
    }
    if (value->string() == nullptr) continue;
    if (field.kind == Kind::text && !value->string()->empty()) put_text(out, field.number, *value->string());
    if (field.kind == Kind::number) {  // in JSON a text
      std::uint64_t number = 0;
      const std::string& text = *value->string();
      std::from_chars(text.data(), text.data() + text.size(), number);
      if (number == 0) continue;
      put_varint(out, static_cast<std::uint64_t>(field.number) << 3);
      put_varint(out, number);
    }
  }
  return out;
}

}  // namespace buildspec_run
