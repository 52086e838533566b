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
holdfast::options quick_options(std::string url) {
  holdfast::options given{.url = std::move(url)};
  given.retry.decide = [](const auto&, const auto&) {
    return holdfast::retry_decision{.retry_in = holdfast::clock::duration::zero(), .rule = "at once"};
  };
  return given;
}

std::string plain_url(std::uint16_t port, const std::string& path) {
  return "ws://127.0.0.1:" + std::to_string(port) + path;
}

// Liveness and state reporting are on, as a program would have them.
class holdfast_client final : public client {
 public:
  explicit holdfast_client(holdfast::options given, bool single = false)
      : connection_(context_, std::move(given)), single_(single) {
    connection_.add_connection_listener("bench",
                                        {.on_state_change = [this](const auto& change) { see(change); }});
    connection_.run(net::detached);
    while (sessions_ == 0) step();
  }

  void echo(std::size_t count, std::size_t in_flight, std::size_t payload_bytes) override {
    const std::string payload(payload_bytes, 'x');
    if (in_flight == 1) {
      return run([&]() -> net::awaitable<void> {
        for (std::size_t i = 0; i < count; ++i) {
          check(co_await connection_.send(payload, binary));
          co_await connection_.receive();
        }
      });
    }
    run([&]() -> net::awaitable<void> {
      for (std::size_t i = 0; i < in_flight; ++i) connection_.send(payload, binary, net::detached);
      for (std::size_t received = 0, sent = in_flight; received < count;) {
        const auto batch = co_await connection_.receive_batch();
        received += batch.size();
        for (std::size_t i = 0; i < batch.size() && sent < count; ++i, ++sent) {
          connection_.send(payload, binary, net::detached);
        }
      }
    });
  }
  void receive(std::size_t count) override {
    run([&]() -> net::awaitable<void> {
      while (left_over_ < count) {
        if (single_) {
          co_await connection_.receive();
          ++left_over_;
        } else {
          left_over_ += (co_await connection_.receive_batch()).size();
        }
      }
      left_over_ -= count;
    });
  }
  // The outbound limit is 1,024 messages or 1 MiB: every so often the flood waits for the last one.
  void send(std::size_t count, std::size_t payload_bytes) override {
    const std::string payload(payload_bytes, 'x');
    const std::size_t window = std::min<std::size_t>(512, (512 << 10) / payload_bytes);
    run([&]() -> net::awaitable<void> {
      for (std::size_t i = 1; i <= count; ++i) {
        if (i % window == 0 || i == count) {
          check(co_await connection_.send(payload, binary));
        } else {
          connection_.send(payload, binary, net::detached);
        }
      }
    });
  }
  void redial(std::size_t count) override {
    const auto wanted = sessions_ + count;
    while (sessions_ < wanted) step();
  }

 private:
  static constexpr holdfast::send_options binary{holdfast::message_kind::binary};

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

  net::io_context context_{1};
  holdfast::connection connection_;
  bool single_;
  std::size_t left_over_ = 0;
  std::size_t sessions_ = 0;
  std::string failure_;
};

}  // namespace

std::unique_ptr<client> make_holdfast_client(std::uint16_t port, const std::string& path) {
  return std::make_unique<holdfast_client>(quick_options(plain_url(port, path)));
}
std::unique_ptr<client> make_holdfast_single_client(std::uint16_t port, const std::string& path) {
  return std::make_unique<holdfast_client>(quick_options(plain_url(port, path)), true);
}
std::unique_ptr<client> make_holdfast_tls_client(const std::string& url, const std::string& authority_pem,
                                                 bool resume_sessions) {
  auto given = quick_options(url);
  given.tls.ca_pem = authority_pem;
  given.tls.resume_sessions = resume_sessions;
  return std::make_unique<holdfast_client>(std::move(given));
}

}  // namespace bench
