// A quiet connection asks its stream to give memory back.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "secure.hpp"

BOOST_AUTO_TEST_SUITE(quiet_streams)

namespace {

// Passes everything on, and counts how often memory was asked back.
class asked_stream final : public byte_stream {
 public:
  asked_stream(transport below, std::shared_ptr<int> times)
      : below_(std::move(below)), times_(std::move(times)) {}

  std::size_t read_some(std::span<char> into, error_code& ec) override { return below_.read_some(into, ec); }
  std::size_t write_some(std::span<const char> from, error_code& ec) override {
    return below_.write_some(from, ec);
  }
  void async_wait(readiness kind, ready_handler handler) override {
    below_.async_wait(kind, std::move(handler));
  }
  void release_memory() noexcept override { ++*times_; }
  void close() noexcept override { below_.close(); }

 private:
  transport below_;
  std::shared_ptr<int> times_;  // shared with the test
};

class asked_network final : public network {
 public:
  asked_network(std::shared_ptr<network> below, std::shared_ptr<int> times)
      : below_(std::move(below)), times_(std::move(times)) {}

  net::awaitable<result<std::vector<peer_address>>> resolve(std::string host, std::uint16_t port) override {
    return below_->resolve(std::move(host), port);
  }
  net::awaitable<result<transport>> connect(peer_address peer) override {
    auto plain = co_await below_->connect(peer);
    if (plain.has_error()) co_return plain.error();
    co_return transport(std::make_unique<asked_stream>(std::move(*plain), times_));
  }

 private:
  std::shared_ptr<network> below_;
  std::shared_ptr<int> times_;
};

void check_asked_when_quiet(scenario& s) {
  const auto times = std::make_shared<int>(0);
  s.given.network = std::make_shared<asked_network>(s.in.network(), times);
  s.start();
  BOOST_REQUIRE(s.reaches(connection_state::connected));
  BOOST_TEST(echoes(s, std::string(100'000, 'a')));
  BOOST_TEST(*times == 0);
  for (int round = 1; round <= 3; ++round) {
    const auto before = *times;
    s.in.run_for(2 * s.given.heartbeat.ping_interval);
    BOOST_TEST(*times > before);
    BOOST_TEST(echoes(s, std::string(100'000, 'b')));
  }
  BOOST_TEST(s.conn->snapshot().sequence == 2U);
}

}  // namespace

BOOST_AUTO_TEST_CASE(memory_is_asked_back_when_the_connection_is_quiet_and_messages_still_come_through) {
  scenario s;
  check_asked_when_quiet(s);
}

BOOST_AUTO_TEST_CASE(over_tls_what_lies_below_is_asked_as_well) {
  wss_scenario s;
  check_asked_when_quiet(s);
}

BOOST_AUTO_TEST_SUITE_END()
