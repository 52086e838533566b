// A network of one's own, around another one: it counts the bytes of all connections, for a program on a
// metered link, and has addresses of its own for some names.
#include <atomic>
#include <boost/asio.hpp>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

import holdfast;
import holdfast.testing;

namespace net = boost::asio;
using namespace std::chrono_literals;

// Atomic, because a message can leave from the thread that sends it.
struct traffic {
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> sent{0};
};

class metered_stream final : public holdfast::byte_stream {
 public:
  metered_stream(holdfast::transport below, std::shared_ptr<traffic> count)
      : below_(std::move(below)), count_(std::move(count)) {}

  std::size_t read_some(std::span<char> into, holdfast::error_code& ec) override {
    const auto bytes = below_.read_some(into, ec);
    count_->received += bytes;
    return bytes;
  }
  std::size_t write_some(std::span<const char> from, holdfast::error_code& ec) override {
    const auto bytes = below_.write_some(from, ec);
    count_->sent += bytes;
    return bytes;
  }
  void async_wait(holdfast::readiness kind, ready_handler handler) override {
    below_.async_wait(kind, std::move(handler));
  }
  void close() noexcept override { below_.close(); }

  // What the stream below can do and report, this one can, too.
  [[nodiscard]] bool writes_from_any_thread() const noexcept override {
    return below_.writes_from_any_thread();
  }
  [[nodiscard]] bool unsent() const noexcept override { return below_.unsent(); }
  [[nodiscard]] bool has_heard() const noexcept override { return below_.has_heard(); }
  [[nodiscard]] std::optional<std::size_t> unconfirmed_bytes() const noexcept override {
    return below_.unconfirmed_bytes();
  }
  [[nodiscard]] std::string error_detail() const override { return below_.error_detail(); }
  [[nodiscard]] facts known() const override { return below_.known(); }

 private:
  holdfast::transport below_;
  std::shared_ptr<traffic> count_;  // shared by all streams, and by the program
};

class metered_network final : public holdfast::network {
 public:
  using host_table = std::map<std::string, net::ip::address>;

  metered_network(std::shared_ptr<traffic> count, host_table hosts,
                  std::shared_ptr<holdfast::network> below = holdfast::real_network())
      : count_(std::move(count)), hosts_(std::move(hosts)), below_(std::move(below)) {}

  net::awaitable<holdfast::result<std::vector<holdfast::peer_address>>> resolve(std::string host,
                                                                                std::uint16_t port) override {
    const auto known = hosts_.find(host);
    if (known == hosts_.end()) co_return co_await below_->resolve(std::move(host), port);
    co_return std::vector<holdfast::peer_address>{{known->second, port}};
  }
  net::awaitable<holdfast::result<holdfast::transport>> connect(holdfast::peer_address peer) override {
    auto opened = co_await below_->connect(peer);
    if (opened.has_error()) co_return opened.error();
    co_return holdfast::transport(std::make_unique<metered_stream>(std::move(*opened), count_));
  }

 private:
  const std::shared_ptr<traffic> count_;
  const host_table hosts_;  // does not change, so any connection may read it
  const std::shared_ptr<holdfast::network> below_;
};

int main() {
  holdfast::testing::world world;
  const auto address = net::ip::make_address("10.0.0.1");
  const holdfast::testing::server server(world, {address, 80});  // echoes
  const auto count = std::make_shared<traffic>();
  const metered_network::host_table hosts{{"chat.internal", address}};
  // In production without the last argument: around the real network.
  const auto metered = std::make_shared<metered_network>(count, hosts, world.network());
  holdfast::options given{.url = "ws://chat.internal/", .network = metered};
  given.heartbeat = holdfast::heartbeat_options::off();  // so that the bytes below are those of one message
  holdfast::connection conn(world.executor(), given);
  conn.run(net::detached);
  world.run_for(1s);

  const auto sent_before = count->sent.load();
  const auto received_before = count->received.load();
  conn.send(std::string(1000, 'x'), net::detached);
  world.run_for(1s);
  const auto sent = count->sent - sent_before;
  const auto received = count->received - received_before;
  std::cout << "handshake: " << sent_before << " bytes sent, " << received_before << " received\n"
            << "a message of 1000 bytes: " << sent << " bytes sent, " << received << " received\n";
  return sent == 1008 && received == 1004 ? 0 : 1;  // headers of 8 and 4 bytes: RFC 6455 section 5.2
}
