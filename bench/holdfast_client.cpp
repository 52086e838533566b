#include <boost/asio.hpp>
#include <exception>
#include <functional>
#include <stdexcept>
#include <utility>

#include "clients.hpp"

import holdfast;

namespace bench {
namespace {

namespace net = boost::asio;

// Comes back without a wait.
holdfast::options quick_options(std::string url, const std::string& authority_pem) {
  holdfast::options given{.url = std::move(url)};
  given.tls.ca_pem = authority_pem;
  given.retry.decide = [](const auto&, const auto&) {
    return holdfast::retry_decision{.retry_in = holdfast::clock::duration::zero(), .rule = "at once"};
  };
  return given;
}

std::string url_of(const target& to) {
  return (to.authority_pem.empty() ? "ws://127.0.0.1:" : "wss://127.0.0.1:") + std::to_string(to.port) +
         to.path;
}

// Liveness and state reporting are on, as a program would have them.
class holdfast_client final : public client {
 public:
  holdfast_client(holdfast::options given, way by, bool text)
      : compressed_(given.compression.enabled),
        connection_(context_, std::move(given)),
        by_(by),
        how_{text ? holdfast::message_kind::text : holdfast::message_kind::binary} {
    connection_.add_connection_listener("bench",
                                        {.on_state_change = [this](const auto& change) { see(change); }});
    connection_.run(net::detached);
    while (sessions_ == 0) step();
  }

  void echo(std::size_t count, std::size_t in_flight, std::size_t payload_bytes) override {
    const payloads payload(payload_bytes, compressed_);
    run([&] {
      return by_ == way::awaited ? echo_each(count, in_flight, payload) : echo_all(count, in_flight, payload);
    });
  }
  void receive(std::size_t count) override {
    if (by_ == way::handler) return handle(count);
    run([&] { return by_ == way::awaited ? receive_each(count) : receive_all(count); });
  }
  void send(std::size_t count, std::size_t payload_bytes) override {
    const std::string payload(payload_bytes, 'x');
    // The outbound limit is 1,024 messages or 1 MiB: every so often the flood waits for the last one.
    const std::size_t window = std::min<std::size_t>(512, (512 << 10) / payload_bytes);
    run([&] { return send_each(count, by_ == way::awaited ? 1 : window, payload); });
  }
  void redial(std::size_t count) override {
    const auto wanted = sessions_ + count;
    while (sessions_ < wanted) step();
  }

 private:
  net::awaitable<void> echo_each(std::size_t count, std::size_t in_flight, const payloads& payload) {
    for (std::size_t i = 0; i < in_flight; ++i) check(co_await connection_.send(payload[i], how_));
    for (std::size_t received = 0; received < count; ++received) {
      co_await connection_.receive();
      if (received + in_flight < count) check(co_await connection_.send(payload[received + in_flight], how_));
    }
  }
  net::awaitable<void> echo_all(std::size_t count, std::size_t in_flight, const payloads& payload) {
    for (std::size_t i = 0; i < in_flight; ++i) connection_.send(payload[i], how_, net::detached);
    for (std::size_t received = 0, sent = in_flight; received < count;) {
      const auto batch = co_await connection_.receive_batch();
      received += batch.size();
      for (std::size_t i = 0; i < batch.size() && sent < count; ++i, ++sent)
        connection_.send(payload[sent], how_, net::detached);
    }
  }
  net::awaitable<void> receive_each(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) co_await connection_.receive();
  }
  net::awaitable<void> receive_all(std::size_t count) {
    while (left_over_ < count) {
      const auto batch = co_await connection_.receive_batch();
      left_over_ += batch.size();
    }
    left_over_ -= count;
  }
  void handle(std::size_t count) {
    if (!std::exchange(has_handler_, true))
      connection_.set_message_handler([this](const holdfast::message_view&) { ++left_over_; });
    while (left_over_ < count) step();
    left_over_ -= count;
  }
  net::awaitable<void> send_each(std::size_t count, std::size_t window, const std::string& payload) {
    for (std::size_t i = 1; i <= count; ++i) {
      if (i % window == 0 || i == count) {
        check(co_await connection_.send(payload, how_));
      } else {
        connection_.send(payload, how_, net::detached);
      }
    }
  }

  static void check(const holdfast::send_result& result) {
    if (!result.ok()) throw std::runtime_error("not written: " + result.reason.message());
  }
  void run(const std::function<net::awaitable<void>()>& work) {
    bool done = false;
    net::co_spawn(context_, work, [&](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
      done = true;
    });
    while (!done) step();
  }
  void step() {
    context_.run_one();
    if (!failure_.empty()) throw std::runtime_error(failure_);
  }
  // An attempt that fails would be repeated for ever.
  void see(const holdfast::observed_change& change) {
    if (change.to == holdfast::connection_state::connected) ++sessions_;
    if (change.reason.error && change.reason.at != holdfast::stage::session) failure_ = describe(change);
  }

  const bool compressed_;
  net::io_context context_{1};
  holdfast::connection connection_;
  const way by_;
  const holdfast::send_options how_;
  bool has_handler_ = false;
  std::size_t left_over_ = 0;  // messages that came beyond those that were asked for
  std::size_t sessions_ = 0;
  std::string failure_;
};

}  // namespace

std::unique_ptr<client> make_holdfast_client(const target& to, way by) {
  auto given = quick_options(url_of(to), to.authority_pem);
  given.compression.enabled = to.compressed;
  return std::make_unique<holdfast_client>(std::move(given), by, to.text);
}
std::unique_ptr<client> make_holdfast_tls_client(const std::string& url, const std::string& authority_pem,
                                                 bool resume_sessions) {
  auto given = quick_options(url, authority_pem);
  given.tls.resume_sessions = resume_sessions;
  return std::make_unique<holdfast_client>(std::move(given), way::awaited, false);
}

}  // namespace bench
