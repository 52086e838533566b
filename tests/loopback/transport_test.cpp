// What a transport knows of a real TCP connection.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "loopback.hpp"

BOOST_AUTO_TEST_SUITE(transports)

namespace {

// Both ends of a connection; the server's end reads only when it is told to.
struct tcp_pair {
  tcp_pair() {
    net::ip::tcp::acceptor port(io, {net::ip::address_v4::loopback(), 0});
    net::co_spawn(
        io,
        [this, at = port.local_endpoint()]() -> net::awaitable<void> {
          client.emplace(*co_await real_network()->connect({at.address(), at.port()}));
        },
        net::detached);
    io.run_for(patience);
    server.emplace(port.accept());
  }
  std::size_t write_until_it_would_block() {
    const std::string bytes(64 * 1024, 'x');
    std::size_t written = 0;
    for (error_code ec; !ec;) written += client->write_some(bytes, ec);
    return written;
  }
  void read(std::size_t count) {
    std::array<char, 64 * 1024> place{};
    const auto end = std::chrono::steady_clock::now() + patience;
    while (count != 0 && std::chrono::steady_clock::now() < end) {
      error_code ec;
      count -= server->read_some({place.data(), std::min(count, place.size())}, ec);
    }
    BOOST_TEST(count == 0U);
  }

  net::io_context io;
  std::optional<transport> client{}, server{};
};

}  // namespace

#ifdef __linux__

// covers R62
BOOST_AUTO_TEST_CASE(what_the_peers_host_has_not_taken_is_unconfirmed) {
  tcp_pair pair;
  BOOST_REQUIRE((pair.client && pair.server));
  BOOST_TEST((pair.client->unconfirmed_bytes() == 0U));
  const auto written = pair.write_until_it_would_block();
  const auto stuck = pair.client->unconfirmed_bytes();
  BOOST_REQUIRE(stuck.has_value());
  BOOST_TEST(*stuck > 0U);
  BOOST_TEST(*stuck <= written);
  pair.read(written);
  const auto end = std::chrono::steady_clock::now() + patience;  // the last acknowledgement may be under way
  while (pair.client->unconfirmed_bytes() != 0U && std::chrono::steady_clock::now() < end) {
  }
  BOOST_TEST((pair.client->unconfirmed_bytes() == 0U));
  pair.client->close();
  BOOST_TEST(!pair.client->unconfirmed_bytes().has_value());
}

#endif

BOOST_AUTO_TEST_CASE(tcp_has_no_more_to_say_about_an_error_than_its_code) {
  tcp_pair pair;
  BOOST_REQUIRE(pair.client.has_value());
  BOOST_TEST(pair.client->error_detail().empty());
}

BOOST_AUTO_TEST_SUITE_END()
