#include "runner/sys/http_server.h"

#include <utility>

#include "runner/base/text.h"
#include "runner/sys/http_server_module.h"
#include "runner/sys/module.h"

namespace buildspec_run {
namespace {

std::string_view view(const BuildspecRunText& text) { return {text.begin, text.length}; }
BuildspecRunText text_of(std::string_view text) { return {text.data(), text.size()}; }

/// An exchange, and its answer while that is being sent.
struct Held {
  std::unique_ptr<ServerExchange> exchange;
  ServerAnswer answer;
  std::vector<BuildspecRunHeader> headers;
};

void* begin(void* context, const BuildspecRunServerRequest* request) {
  ServerRequest taken;
  taken.method = view(request->method);
  taken.target = view(request->target);
  for (std::size_t i = 0; i < request->header_count; ++i)
    taken.headers[to_lower(view(request->headers[i].name))] = view(request->headers[i].value);
  return new Held{static_cast<ServerHandler*>(context)->begin(taken), {}, {}};
}

int on_body(void* held, const char* bytes, std::size_t length) {
  return static_cast<Held*>(held)->exchange->on_body({bytes, length}) ? 1 : 0;
}

void answer(void* context, BuildspecRunServerAnswer* into) {
  Held& held = *static_cast<Held*>(context);
  held.answer = held.exchange->answer();
  for (const auto& [name, value] : held.answer.headers)
    held.headers.push_back({text_of(name), text_of(value)});
  *into = {held.answer.status,     held.headers.data(),     held.headers.size(),    text_of(held.answer.body),
           held.answer.file.get(), held.answer.file_offset, held.answer.file_length};
}

void end(void* held) { delete static_cast<Held*>(held); }

class ModuleHttpServer : public HttpServer {
 public:
  ModuleHttpServer(const BuildspecRunServer& functions, void* server, std::uint16_t port)
      : functions_(functions), server_(server), port_(port) {}
  ModuleHttpServer(const ModuleHttpServer&) = delete;
  ModuleHttpServer& operator=(const ModuleHttpServer&) = delete;
  ~ModuleHttpServer() override { functions_.stop(server_); }
  [[nodiscard]] std::uint16_t port() const override { return port_; }

 private:
  const BuildspecRunServer& functions_;
  void* const server_;
  const std::uint16_t port_;
};

}  // namespace

std::string_view ServerRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::unique_ptr<HttpServer>> make_http_server(const Path& modules, ServerHandler& handler) {
  Result<void*> symbol = load_module(modules, "http-server", BUILDSPEC_RUN_SERVER_NAME);
  if (!symbol) return std::move(symbol.error());
  const auto& functions = *static_cast<const BuildspecRunServer*>(*symbol);
  const BuildspecRunServerHandler table = {&handler, begin, on_body, answer, end};
  std::uint16_t port = 0;
  char error[256] = "";
  void* const server = functions.start(&table, &port, error, sizeof error);
  if (server == nullptr) return Error{std::string("listen on 127.0.0.1: ") + error};
  return std::unique_ptr<HttpServer>(new ModuleHttpServer(functions, server, port));
}

void preload_http_server(const Path& modules) {
  [[maybe_unused]] const Result<void*> loaded =
      load_module(modules, "http-server", BUILDSPEC_RUN_SERVER_NAME);
}

}  // namespace buildspec_run
