#include "idle_clients.hpp"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

import holdfast;

namespace bench {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using net::ip::tcp;

// The server answers no ping.
holdfast::options patient_options(const std::string& url) {
  return {.url = url, .heartbeat = {.pong_deadline = std::chrono::minutes(2)}};
}

class holdfast_clients : public idle_clients {
 public:
  explicit holdfast_clients(net::io_context& context) : context_(context) {}

  void start_one() override {
    auto& made = make(connections_);
    made.run(net::detached);
    net::co_spawn(context_, live(made), net::detached);
  }
  [[nodiscard]] std::size_t open_count() const override {
    return static_cast<std::size_t>(std::ranges::count(connections_, holdfast::connection_state::connected,
                                                       &holdfast::connection::status));
  }

 protected:
  using connections = std::deque<holdfast::connection>;
  [[nodiscard]] net::io_context::executor_type executor() const { return context_.get_executor(); }

 private:
  virtual holdfast::connection& make(connections& in) = 0;
  net::awaitable<void> live(holdfast::connection& one) {
    for (std::uint64_t seen = 0; one.status() != holdfast::connection_state::connected;)
      seen = (co_await one.next_state(seen)).sequence;
    ++opened_;
    for (;;) co_await one.receive();
  }

  net::io_context& context_;
  connections connections_;
};

class sharing final : public holdfast_clients {
 public:
  sharing(net::io_context& context, holdfast::options given)
      : holdfast_clients(context), options_(std::make_shared<const holdfast::options>(std::move(given))) {}

 private:
  holdfast::connection& make(connections& in) override { return in.emplace_back(executor(), options_); }

  const std::shared_ptr<const holdfast::options> options_;
};

class separate_options final : public holdfast_clients {
 public:
  separate_options(net::io_context& context, std::string url)
      : holdfast_clients(context), url_(std::move(url)) {}

 private:
  holdfast::connection& make(connections& in) override {
    return in.emplace_back(executor(), patient_options(url_));
  }

  const std::string url_;
};

class beast_clients final : public idle_clients {
 public:
  beast_clients(net::io_context& context, std::uint16_t port, const std::string& authority_pem)
      : context_(context), server_(net::ip::address_v4::loopback(), port), secure_(!authority_pem.empty()) {
    if (!secure_) return;
    tls_.add_certificate_authority(net::buffer(authority_pem));
    tls_.set_verify_mode(net::ssl::verify_peer);
  }

  void start_one() override {
    secure_ ? net::co_spawn(context_, live_over_tls(), net::detached)
            : net::co_spawn(context_, live(), net::detached);
  }
  [[nodiscard]] std::size_t open_count() const override { return open_; }

 private:
  net::awaitable<void> live() {
    beast::websocket::stream<tcp::socket> socket(context_);
    co_await socket.next_layer().async_connect(server_, net::use_awaitable);
    co_await wait(socket);
  }
  net::awaitable<void> live_over_tls() {
    beast::websocket::stream<net::ssl::stream<tcp::socket>> socket(context_, tls_);
    co_await socket.next_layer().next_layer().async_connect(server_, net::use_awaitable);
    co_await socket.next_layer().async_handshake(net::ssl::stream_base::client, net::use_awaitable);
    co_await wait(socket);
  }
  template <class Stream>
  net::awaitable<void> wait(Stream& socket) {
    co_await socket.async_handshake("127.0.0.1", "/", net::use_awaitable);
    ++opened_;
    ++open_;
    beast::flat_buffer buffer;
    for (;;) {
      const auto [ec, bytes] = co_await socket.async_read(buffer, net::as_tuple(net::use_awaitable));
      if (ec) break;
      buffer.clear();
    }
    --open_;
  }

  net::io_context& context_;
  const tcp::endpoint server_;
  const bool secure_;
  net::ssl::context tls_{net::ssl::context::tls_client};
  std::size_t open_ = 0;
};

std::string url_of(bool secure, std::uint16_t port) {
  return (secure ? "wss://127.0.0.1:" : "ws://127.0.0.1:") + std::to_string(port) + "/";
}

}  // namespace

idle_clients_maker idle_holdfast(std::uint16_t port, std::string authority_pem) {
  auto given = patient_options(url_of(!authority_pem.empty(), port));
  given.tls.ca_pem = std::move(authority_pem);
  return [given = std::move(given)](net::io_context& context) {
    return std::make_unique<sharing>(context, given);
  };
}
idle_clients_maker idle_beast(std::uint16_t port, std::string authority_pem) {
  return [port, authority_pem = std::move(authority_pem)](net::io_context& context) {
    return std::make_unique<beast_clients>(context, port, authority_pem);
  };
}
idle_clients_maker idle_holdfast_system_store(std::uint16_t port) {
  return [url = url_of(true, port)](net::io_context& context) {
    return std::make_unique<separate_options>(context, url);
  };
}

}  // namespace bench
