#include "runner/sys/http_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <mutex>
#include <thread>
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

/// Most builds that could be asked never are: what it takes to answer is loaded when the first client is there.
class LazyHttpServer : public HttpServer {
 public:
  LazyHttpServer(Path modules, ServerHandler& handler, Descriptor listening, std::uint16_t port)
      : modules_(std::move(modules)), handler_(handler), listening_(std::move(listening)), port_(port) {}
  LazyHttpServer(const LazyHttpServer&) = delete;
  LazyHttpServer& operator=(const LazyHttpServer&) = delete;

  ~LazyHttpServer() override {
    wake_.second = Descriptor();  // the other end hears that it has gone
    if (waiting_.joinable()) waiting_.join();
    if (server_ != nullptr) functions_->stop(server_);
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }

  [[nodiscard]] std::optional<Error> failure() const override {
    const std::lock_guard guard(mutex_);
    return failure_;
  }

  Result<void> start() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return system_error("make a socket pair", errno);
    wake_ = {Descriptor(ends[0]), Descriptor(ends[1])};
    // Signals are for the program's own threads; those that the module starts inherit this.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    waiting_ = std::thread([this] { wait(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return {};
  }

 private:
  void wait() {
    pollfd ready[] = {{listening_.get(), POLLIN, 0}, {wake_.first.get(), POLLIN, 0}};
    while (::poll(ready, 2, -1) < 0 && errno == EINTR) continue;
    if (ready[1].revents != 0) return;
    if (Result<void> serving = serve(); !serving) {
      {
        const std::lock_guard guard(mutex_);
        failure_ = std::move(serving.error());
      }
      listening_ = Descriptor();  // later: whoever finds the port closed finds the reason
    }
  }

  Result<void> serve() {
    if (Result<void> ready = handler_.prepare(); !ready) return ready;
    Result<void*> symbol = load_module(modules_, "http-server", BUILDSPEC_RUN_SERVER_NAME);
    if (!symbol) return std::move(symbol.error());
    functions_ = static_cast<const BuildspecRunServer*>(*symbol);
    const BuildspecRunServerHandler table = {&handler_, begin, on_body, answer, end};
    char error[256] = "";
    server_ = functions_->start(&table, listening_.release(), error, sizeof error);
    if (server_ == nullptr) return Error{std::string("serve on 127.0.0.1: ") + error, {}};
    return {};
  }

  const Path modules_;
  ServerHandler& handler_;
  Descriptor listening_;  // the thread's
  const std::uint16_t port_;
  std::pair<Descriptor, Descriptor> wake_;
  mutable std::mutex mutex_;  // of failure_
  std::optional<Error> failure_;
  const BuildspecRunServer* functions_ = nullptr;  // the thread's, as the next, until it has ended
  void* server_ = nullptr;
  std::thread waiting_;
};

}  // namespace

std::string_view ServerRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::unique_ptr<HttpServer>> make_http_server(const Path& modules, ServerHandler& handler) {
  Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (!listening.valid() || ::bind(listening.get(), generic, length) != 0 ||
      ::listen(listening.get(), SOMAXCONN) != 0 || ::getsockname(listening.get(), generic, &length) != 0)
    return system_error("listen on 127.0.0.1", errno);
  auto server =
      std::make_unique<LazyHttpServer>(modules, handler, std::move(listening), ntohs(address.sin_port));
  if (Result<void> started = server->start(); !started) return std::move(started.error());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace buildspec_run
