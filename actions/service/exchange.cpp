#include "actions/service/exchange.h"

#include <cerrno>
#include <charconv>

#include "runner/base/text.h"

namespace buildspec_run {
namespace {

class Fixed final : public ServerExchange {
 public:
  explicit Fixed(ServerAnswer answer) : answer_(std::move(answer)) {}
  bool on_body(std::string_view) override { return false; }
  ServerAnswer answer() override { return std::move(answer_); }

 private:
  ServerAnswer answer_;
};

class InMemory final : public ServerExchange {
 public:
  InMemory(std::size_t limit_bytes, ServerAnswer too_large, std::function<ServerAnswer(std::string)> then)
      : limit_bytes_(limit_bytes), too_large_(std::move(too_large)), then_(std::move(then)) {}
  bool on_body(std::string_view bytes) override {
    is_too_large_ = is_too_large_ || bytes.size() > limit_bytes_ - body_.size();
    if (!is_too_large_) body_ += bytes;
    return !is_too_large_;
  }
  ServerAnswer answer() override { return is_too_large_ ? std::move(too_large_) : then_(std::move(body_)); }

 private:
  const std::size_t limit_bytes_;
  ServerAnswer too_large_;
  std::function<ServerAnswer(std::string)> then_;
  std::string body_;
  bool is_too_large_ = false;
};

class ToFile final : public ServerExchange {
 public:
  ToFile(PartFile part, std::function<ServerAnswer(PartFile, std::optional<BlobEnd>)> then)
      : part_(std::move(part)), then_(std::move(then)) {}
  bool on_body(std::string_view bytes) override {
    const Result<void> written = part_.write(bytes);
    if (!written) failed_ = written.error().code.value() == EFBIG ? BlobEnd::too_large : BlobEnd::failed;
    return !failed_;
  }
  ServerAnswer answer() override { return then_(std::move(part_), failed_); }

 private:
  PartFile part_;
  std::function<ServerAnswer(PartFile, std::optional<BlobEnd>)> then_;
  std::optional<BlobEnd> failed_;
};

constexpr std::size_t kDeepest = 32;

bool is_deeper(const Value& value, std::size_t levels) {
  if (levels == 0) return value.array() != nullptr || value.object() != nullptr;
  if (value.array() != nullptr)
    for (const Value& each : *value.array())
      if (is_deeper(each, levels - 1)) return true;
  if (value.object() != nullptr)
    for (const auto& [name, each] : *value.object())
      if (is_deeper(each, levels - 1)) return true;
  return false;
}

std::string camel_case(std::string_view name) {
  std::string out;
  bool up = false;
  for (const char c : name) {
    if (c == '_') {
      up = true;
      continue;
    }
    out += up && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    up = false;
  }
  return out;
}

}  // namespace

Exchange answer_with(ServerAnswer answer) { return std::make_unique<Fixed>(std::move(answer)); }

Exchange take_text(std::size_t limit_bytes, ServerAnswer too_large,
                   std::function<ServerAnswer(std::string)> then) {
  return std::make_unique<InMemory>(limit_bytes, std::move(too_large), std::move(then));
}

Exchange take_file(PartFile part, std::function<ServerAnswer(PartFile, std::optional<BlobEnd>)> then) {
  return std::make_unique<ToFile>(std::move(part), std::move(then));
}

ServerAnswer json_answer(int status, const Value& value) {
  ServerAnswer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "application/json"}};
  answer.body = to_json(value);
  return answer;
}

ServerAnswer twirp_error(std::string_view code, std::string_view message) {
  struct Code {
    std::string_view name;
    int status;
  };
  constexpr Code kCodes[] = {{"unauthenticated", 401}, {"permission_denied", 403}, {"not_found", 404},
                             {"bad_route", 404},       {"already_exists", 409},    {"internal", 500},
                             {"unavailable", 503}};
  int status = 400;
  for (const Code& each : kCodes)
    if (each.name == code) status = each.status;
  return json_answer(status, Value::Object{{"code", code}, {"msg", message}});
}

ServerAnswer rest_error(int status, std::string_view message, std::string_view type_key) {
  Value::Object body = {{"message", message}};
  if (!type_key.empty()) body.emplace_back("typeKey", type_key);
  return json_answer(status, std::move(body));
}

const Value* RequestFields::find(std::string_view name) const {
  const Value* found = value_.find(name);
  return found != nullptr ? found : value_.find(camel_case(name));
}

std::string RequestFields::text(std::string_view name) const {
  const Value* found = find(name);
  return found == nullptr || found->string() == nullptr ? std::string() : *found->string();
}

std::optional<std::uint64_t> RequestFields::number(std::string_view name) const {
  const Value* found = find(name);
  if (found == nullptr || found->is_null()) return 0;
  if (const std::int64_t* integer = found->integer())
    return *integer < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(*integer));
  if (const std::string* text = found->string()) {
    std::int64_t number = 0;
    const auto [stop, failed] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (failed == std::errc() && stop == text->data() + text->size() && number >= 0)
      return static_cast<std::uint64_t>(number);
  }
  return std::nullopt;
}

std::vector<std::string> RequestFields::texts(std::string_view name) const {
  std::vector<std::string> all;
  const Value* found = find(name);
  if (found == nullptr || found->array() == nullptr) return all;
  for (const Value& each : *found->array())
    if (each.string() != nullptr) all.push_back(*each.string());
  return all;
}

std::optional<RequestFields> parse_fields(std::string_view json) {
  Result<Value> value = parse_json(json);
  if (!value || value->object() == nullptr || is_deeper(*value, kDeepest)) return std::nullopt;
  return RequestFields(std::move(*value));
}

}  // namespace buildspec_run
