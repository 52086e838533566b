// One client of channels doing one thing so many times: for a tool that counts instructions. The server is
// another process, bench/channel_server.py.
//
//   channel_cost calls COUNT PORT          so many calls in flight at once, until all are answered
//   channel_cost subscriptions COUNT PORT  so many channels, until the server has confirmed all
//   channel_cost events COUNT PORT         so many events, of 10,000 channels in turn
// Prints how much memory of the heap one of them takes while it waits, in bytes; 0 for events.
#include <malloc.h>

#include <boost/asio.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

import holdfast;
import holdfast.channels;

namespace {

namespace net = boost::asio;
namespace json = boost::json;
namespace channels = holdfast::channels;

constexpr std::size_t many = 10'000;

double heap_bytes() { return static_cast<double>(::mallinfo2().uordblks); }

class program {
 public:
  program(std::string_view what, std::size_t count, const std::string& port)
      : what_(what),
        count_(count),
        client_(io_, options_for(port), dialect(),
                {.subscriptions_per_second = 0, .subscription_deadline = std::chrono::minutes(5)}) {}

  double run() {
    client_.run(net::detached);
    net::co_spawn(io_, connected(), [this](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
      start();
    });
    io_.run();
    return bytes_;
  }

 private:
  static holdfast::options options_for(const std::string& port) {
    holdfast::options out{.url = "ws://127.0.0.1:" + port + '/'};
    out.limits.outbound_messages = 4 * many;
    out.limits.outbound_bytes = 64 << 20;
    return out;
  }
  static channels::dialect_factory dialect() {
    return channels::json_rpc({.channels = channels::json_rpc_channels::by_event});
  }

  net::awaitable<void> connected() { co_await client_.connection().connect(net::use_awaitable); }
  void start() {
    const auto before = heap_bytes();
    if (what_ == "calls") {
      left_ = count_;
      for (std::size_t i = 0; i < count_; ++i) call(i);
    } else {
      const auto wanted = what_ == "events" ? many : count_;
      left_ = wanted;
      for (std::size_t i = 0; i < wanted; ++i) {
        subscribed_.push_back(client_.subscribe("c" + std::to_string(i)));
        next(i);
      }
    }
    bytes_ = what_ == "events" ? 0 : (heap_bytes() - before) / static_cast<double>(count_);
  }
  void call(std::size_t number) {
    client_.call("echo", json::array{number}, {.timeout = std::chrono::minutes(5)},
                 [this](channels::call_result how) {
                   if (!how.ok()) throw std::runtime_error("a call was not answered");
                   if (--left_ == 0) client_.close();
                 });
  }
  void next(std::size_t which) {
    subscribed_[which].receive([this, which](holdfast::error_code ec, const channels::item& what) {
      if (ec || std::holds_alternative<channels::ended>(what)) return;
      if (std::holds_alternative<channels::subscribed>(what)) {
        if (--left_ == 0) confirmed();
      } else if (std::holds_alternative<channels::event>(what) && ++events_ == count_) {
        client_.close();
      }
      next(which);
    });
  }
  void confirmed() {
    if (what_ != "events") return client_.close();
    client_.notify("publish", json::array{count_}, net::detached);
  }

  const std::string what_;
  const std::size_t count_;
  net::io_context io_;
  channels::client client_;
  std::vector<channels::subscription> subscribed_{};
  std::size_t left_ = 0;
  std::size_t events_ = 0;
  double bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 4 ? argv[1] : "";
  std::size_t count = 0;
  const std::string_view digits = argc == 4 ? argv[2] : "";
  const bool read = std::from_chars(digits.data(), digits.data() + digits.size(), count).ec == std::errc();
  if (!read || count == 0 || (what != "calls" && what != "subscriptions" && what != "events")) {
    std::cerr << "usage: channel_cost calls|subscriptions|events COUNT PORT\n";
    return 2;
  }
  try {
    std::cout << program(what, count, argv[3]).run() << '\n';
  } catch (const std::exception& e) {
    std::cerr << "channel_cost: " << e.what() << '\n';
    return 1;
  }
}
