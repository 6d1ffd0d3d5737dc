// HTTP by Boost.Beast. A shared module of its own: a build without actions neither loads it nor pays for its size.
//
// A few threads run one io_context; each connection has a strand of its own. Writing a body to disk blocks one of the threads,
// not all.

#include "runner/sys/http_server_module.h"

#ifdef BUILDSPEC_RUN_THREAD_SANITIZER
// ThreadSanitizer knows no fences; the mutex of the queue orders the same.
#define BOOST_ASIO_DISABLE_FENCED_BLOCK 1
#endif

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr unsigned kThreads = 4;
constexpr int kConnections = 128;  // a process has 1024 descriptors as a rule, and the build needs some
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::uint32_t kHeaderBytes = 32 * 1024;
constexpr std::uint64_t kDroppedBytes = std::uint64_t{64} << 20;
constexpr std::chrono::seconds kFirst{30}, kIdle{300},
    kProgress{60};  // kFirst: until the first request is there

BuildspecRunText text_of(beast::string_view text) { return {text.data(), text.size()}; }

void append(std::string& out, const BuildspecRunText& text) {
  for (const char c : std::string_view(text.begin, text.length))
    if (c != '\r' && c != '\n' && c != '\0') out += c;  // a header is one line
}

std::string http_date() {
  char text[64];
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

/// Owned by the handlers of what it waits for, and gone with the last of them.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const BuildspecRunServerHandler& handler, std::atomic<int>& count)
      : stream_(std::move(socket)), handler_(handler), count_(count), piece_(kPieceBytes) {
    ++count_;
  }
  Connection(const Connection&) = delete;
  ~Connection() {
    end_exchange();
    --count_;
  }

  void start() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read_head(); });
  }

 private:
  void read_head() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytes);
    parser_->body_limit(boost::none);
    wanted_ = true;
    closes_ = false;
    dropped_ = 0;
    stream_.expires_after(std::exchange(is_first_, false) ? kFirst : kIdle);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code failed, std::size_t) { self->on_head(failed); });
  }

  void on_head(error_code failed) {
    if (failed) {
      const bool is_http = failed.category() == error_code(http::error::bad_method).category() &&
                           failed != http::error::end_of_stream && failed != http::error::partial_message;
      if (!is_http) return shut_down();
      closes_ = true;
      head_ =
          std::string(failed == http::error::header_limit ? "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                                          : "HTTP/1.1 400 Bad Request\r\n") +
          "Content-Length: 0\r\nConnection: close\r\n\r\n";
      return write(asio::buffer(head_), [](Connection& self) { self.finish(); });
    }
    const auto& message = parser_->get();
    std::vector<BuildspecRunHeader> headers;
    for (const auto& field : message)
      headers.push_back({text_of(field.name_string()), text_of(field.value())});
    const BuildspecRunServerRequest request = {text_of(message.method_string()), text_of(message.target()),
                                               headers.data(), headers.size()};
    is_head_ = message.method() == http::verb::head;
    exchange_ = handler_.begin(handler_.context, &request);
    if (beast::iequals(message[http::field::expect], "100-continue") && !parser_->is_done()) {
      head_ = "HTTP/1.1 100 Continue\r\n\r\n";
      return write(asio::buffer(head_), [](Connection& self) { self.read_body(); });
    }
    read_body();
  }

  void read_body() {
    if (parser_->is_done() || dropped_ > kDroppedBytes) return answer();
    auto& body = parser_->get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    body.more = true;
    stream_.expires_after(kProgress);
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code failed, std::size_t) {
      if (failed == http::error::need_buffer) failed = {};
      // What came before it broke off is no whole body: nobody is told that it ended.
      if (failed) return self->shut_down();
      const std::size_t taken = self->piece_.size() - self->parser_->get().body().size;
      if (!self->wanted_)
        self->dropped_ += taken;
      else if (taken != 0)
        self->wanted_ = self->handler_.on_body(self->exchange_, self->piece_.data(), taken) != 0;
      self->read_body();
    });
  }

  void answer() {
    answer_ = {};
    answer_.file = -1;
    handler_.answer(exchange_, &answer_);
    closes_ = !parser_->is_done() || !parser_->keep_alive();
    const auto status = static_cast<unsigned>(answer_.status);
    head_ = "HTTP/1.1 " + std::to_string(status) + ' ';
    head_ += std::string_view(http::obsolete_reason(http::int_to_status(status)));
    head_ += "\r\n";
    for (std::size_t i = 0; i < answer_.header_count; ++i) {
      append(head_, answer_.headers[i].name);
      head_ += ": ";
      append(head_, answer_.headers[i].value);
      head_ += "\r\n";
    }
    head_ += "Date: " + http_date() + "\r\n";
    const bool is_file = answer_.file >= 0;
    left_ = is_file ? answer_.file_length : answer_.body.length;
    if (status != 204 && status != 304) head_ += "Content-Length: " + std::to_string(left_) + "\r\n";
    head_ += closes_ ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
    if (is_head_ || status == 204) return write(asio::buffer(head_), [](Connection& self) { self.finish(); });
    if (!is_file) {
      head_.append(answer_.body.begin, answer_.body.length);
      return write(asio::buffer(head_), [](Connection& self) { self.finish(); });
    }
    offset_ = answer_.file_offset;
    write(asio::buffer(head_), [](Connection& self) { self.send_file(); });
  }

  void send_file() {
    if (left_ == 0) return finish();
    const std::size_t most = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece_.size()));
    const ssize_t got = ::pread(answer_.file, piece_.data(), most, static_cast<off_t>(offset_));
    if (got <= 0) return shut_down();  // it has become shorter: the client sees that bytes are missing
    offset_ += static_cast<std::uint64_t>(got);
    left_ -= static_cast<std::uint64_t>(got);
    write(asio::buffer(piece_.data(), static_cast<std::size_t>(got)),
          [](Connection& self) { self.send_file(); });
  }

  template <class Then>
  void write(asio::const_buffer bytes, Then then) {
    stream_.expires_after(kProgress);
    asio::async_write(stream_, bytes, [self = shared_from_this(), then](error_code failed, std::size_t) {
      if (failed) return self->shut_down();
      then(*self);
    });
  }

  void finish() {
    end_exchange();
    if (closes_) return shut_down();
    read_head();
  }

  void end_exchange() {
    if (exchange_ != nullptr) handler_.end(std::exchange(exchange_, nullptr));
  }

  void shut_down() {
    end_exchange();
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  const BuildspecRunServerHandler& handler_;
  std::atomic<int>& count_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::buffer_body>> parser_;
  std::vector<char> piece_;
  void* exchange_ = nullptr;
  BuildspecRunServerAnswer answer_{};
  std::string head_;
  bool wanted_ = true, closes_ = false, is_head_ = false, is_first_ = true;
  std::uint64_t dropped_ = 0, left_ = 0, offset_ = 0;
};

class Server {
 public:
  Server(const BuildspecRunServerHandler& handler, int listening)
      : handler_(handler), acceptor_(context_), pause_(context_) {
    error_code failed;
    acceptor_.assign(tcp::v4(), listening, failed);
    if (!failed) return;
    ::close(listening);
    throw boost::system::system_error(failed);
  }
  Server(const Server&) = delete;
  ~Server() {
    context_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  void start() {
    accept();
    for (unsigned i = 0; i < kThreads; ++i) threads_.emplace_back([this] { context_.run(); });
  }

 private:
  void accept() {
    if (count_ >= kConnections) return wait();
    acceptor_.async_accept(asio::make_strand(context_), [this](error_code failed, tcp::socket socket) {
      if (failed == asio::error::operation_aborted) return;
      if (failed) return wait();  // no descriptors left, for a while
      ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<Connection>(std::move(socket), handler_, count_)->start();
      accept();
    });
  }

  void wait() {
    pause_.expires_after(std::chrono::milliseconds(50));
    pause_.async_wait([this](error_code failed) {
      if (!failed) accept();
    });
  }

  const BuildspecRunServerHandler handler_;
  std::atomic<int> count_{0};
  asio::io_context context_{
      static_cast<int>(kThreads)};  // its handlers hold the connections, which hold exchanges
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::vector<std::thread> threads_;
};

void* start(const BuildspecRunServerHandler* handler, int listening, char* error,
            std::size_t error_size) try {
  auto server = std::make_unique<Server>(*handler, listening);
  server->start();
  return server.release();
} catch (const std::exception& failed) {
  std::snprintf(error, error_size, "%s", failed.what());
  return nullptr;
}

void stop(void* server) { delete static_cast<Server*>(server); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const BuildspecRunServer buildspec_run_http_server_2;
const BuildspecRunServer buildspec_run_http_server_2 = {start, stop};
